/* The JSON sink: one object, LANGUAGE.md "JSON of mimoc lint". */
#include "compiler/source.h"
#include "compiler/text.h"

#include <inttypes.h>
#include <string.h>

static void print_character(FILE *file, const char *text, size_t length, uint32_t character)
{
    if (character == MIMO_INVALID_CHARACTER)
        (void)fputs("\\ufffd", file);
    else if (character == '"' || character == '\\')
        (void)fprintf(file, "\\%c", (int)character);
    else if (character < 0x20 || character == 0x7F)
        (void)fprintf(file, "\\u%04" PRIx32, character);
    else
        (void)fwrite(text, 1, length, file);
}

static void print_string(FILE *file, const char *text)
{
    const size_t size = strlen(text);
    size_t length;

    (void)fputc('"', file);
    for (size_t i = 0; i < size; i += length) {
        const uint32_t character = mimo_utf8_decode(text + i, size - i, &length);
        print_character(file, text + i, length, character);
    }
    (void)fputc('"', file);
}

static void print_member(FILE *file, const char *name, const char *text)
{
    (void)fprintf(file, ", \"%s\": ", name);
    print_string(file, text);
}

/* Members file, line and column of a span's begin. */
static void print_begin(FILE *file, const struct mimo_source *source, struct mimo_span span)
{
    const struct mimo_place place = mimo_source_place(source, span.begin);

    print_member(file, "file", source->name);
    (void)fprintf(file, ", \"line\": %" PRIu32 ", \"column\": %" PRIu32, place.line, place.column);
}

static void print_notes(const struct mimo_diagnostics *diagnostics,
                        const struct mimo_diagnostic *item, FILE *file)
{
    (void)fputs(", \"notes\": [", file);
    for (size_t i = 0; i < item->note_count; i++) {
        const struct mimo_note *note = &item->notes[i];
        (void)fputs(i == 0 ? " { \"message\": " : ", { \"message\": ", file);
        print_string(file, note->message);
        print_begin(file, mimo_source(diagnostics->sources, note->span.file), note->span);
        (void)fputs(" }", file);
    }
    (void)fputs(item->note_count > 0 ? " ]" : "]", file);
}

static void print_diagnostic(const struct mimo_diagnostics *diagnostics,
                             const struct mimo_diagnostic *item, FILE *file)
{
    const struct mimo_source *source = mimo_source(diagnostics->sources, item->span.file);
    const struct mimo_place end = mimo_source_place(source, item->span.end);

    (void)fprintf(file, "\n  { \"code\": \"%s\"", mimo_code_name(item->code));
    print_member(file, "severity", item->severity == MIMO_SEVERITY_ERROR ? "error" : "warning");
    print_member(file, "message", item->message);
    print_begin(file, source, item->span);
    (void)fprintf(file, ", \"end_line\": %" PRIu32 ", \"end_column\": %" PRIu32, end.line,
                  end.column);
    print_notes(diagnostics, item, file);
    if (item->help != NULL)
        print_member(file, "help", item->help);
    (void)fputs(" }", file);
}

void mimo_diagnostics_print_json(const struct mimo_diagnostics *diagnostics, FILE *file)
{
    (void)fprintf(file, "{ \"format\": 1, \"errors\": %zu, \"warnings\": %zu, \"diagnostics\": [",
                  diagnostics->error_count, diagnostics->warning_count);
    for (size_t i = 0; i < diagnostics->count; i++) {
        if (i > 0)
            (void)fputc(',', file);
        print_diagnostic(diagnostics, diagnostics->items[i], file);
    }
    (void)fputs(diagnostics->count > 0 ? " ] }\n" : "] }\n", file);
}
