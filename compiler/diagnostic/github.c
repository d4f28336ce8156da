/*
 * The GitHub sink: one workflow command for each diagnostic, which becomes an annotation. Notes,
 * help and fix are folded into its message. See "Workflow commands for GitHub Actions" in GitHub's
 * documentation.
 */
#include "compiler/diagnostic/sink.h"
#include "compiler/text/source.h"

#include <inttypes.h>
#include <string.h>

/* A step shows so many annotations of errors, and as many of warnings; the log has all of them. */
enum { ANNOTATIONS_MAX = 10 };

static const char IN_MESSAGE[] = "%\r\n";
static const char IN_PROPERTY[] = "%\r\n:,";

static void print_escaped(FILE *file, const char *text, const char *reserved)
{
    for (; *text != '\0'; text++) {
        if (strchr(reserved, *text) != NULL)
            (void)fprintf(file, "%%%02X", (unsigned)*text);
        else
            (void)fputc(*text, file);
    }
}

static const struct mimo_source *source_of(const struct mimo_diagnostics *diagnostics,
                                           struct mimo_span span)
{
    return mimo_source(diagnostics->sources, span.file);
}

/* Columns count only where begin and end are on one line. */
static void print_place(const struct mimo_diagnostics *diagnostics, struct mimo_span span,
                        FILE *file)
{
    const struct mimo_source *source = source_of(diagnostics, span);
    const struct mimo_place begin = mimo_source_place(source, span.begin);
    const struct mimo_place end = mimo_source_place(source, span.end);

    (void)fputs(" file=", file);
    print_escaped(file, mimo_relative_path(diagnostics->arena, source->name), IN_PROPERTY);
    (void)fprintf(file, ",line=%" PRIu32 ",endLine=%" PRIu32, begin.line, end.line);
    if (begin.line == end.line)
        (void)fprintf(file, ",col=%" PRIu32 ",endColumn=%" PRIu32, begin.column, end.column);
}

static void print_note(const struct mimo_diagnostics *diagnostics, const struct mimo_note *note,
                       FILE *file)
{
    const struct mimo_source *source = source_of(diagnostics, note->span);
    const struct mimo_place place = mimo_source_place(source, note->span.begin);

    (void)fputs("%0A", file);
    print_escaped(file, mimo_relative_path(diagnostics->arena, source->name), IN_MESSAGE);
    (void)fprintf(file, ":%" PRIu32 ":%" PRIu32 ": note: ", place.line, place.column);
    print_escaped(file, note->message, IN_MESSAGE);
}

static void print_advice(const char *word, const char *text, FILE *file)
{
    if (text == NULL)
        return;
    (void)fprintf(file, "%%0A%s: ", word);
    print_escaped(file, text, IN_MESSAGE);
}

static void print_diagnostic(const struct mimo_diagnostics *diagnostics,
                             const struct mimo_diagnostic *item, FILE *file)
{
    (void)fprintf(file, "::%s", mimo_severity_word(item->severity));
    print_place(diagnostics, item->span, file);
    (void)fputs(",title=", file);
    print_escaped(file, mimo_code_name(item->code), IN_PROPERTY);
    (void)fputs("::", file);
    print_escaped(file, item->message, IN_MESSAGE);
    for (size_t i = 0; i < item->note_count; i++)
        print_note(diagnostics, &item->notes[i], file);
    print_advice("help", item->help, file);
    print_advice("fix", item->fix.message, file);
    (void)fputc('\n', file);
}

void mimo_diagnostics_print_github(const struct mimo_diagnostics *diagnostics, FILE *file)
{
    for (size_t i = 0; i < diagnostics->count; i++)
        print_diagnostic(diagnostics, diagnostics->items[i], file);
    if (diagnostics->error_count > ANNOTATIONS_MAX || diagnostics->warning_count > ANNOTATIONS_MAX)
        (void)fprintf(file,
                      "::notice title=mimoc::%zu errors and %zu warnings; GitHub shows the first "
                      "%d of each, the log of this step has all\n",
                      diagnostics->error_count, diagnostics->warning_count, ANNOTATIONS_MAX);
}
