/* The text sink. */
#include "compiler/text/text.h"
#include "compiler/diagnostic/sink.h"
#include "compiler/text/source.h"

#include <inttypes.h>
#include <string.h>

enum {
    TAB_COLUMNS = 8,
    LINE_COLUMNS_MAX = 120, /* a longer source line is clipped ... */
    LEAD_COLUMNS = 30,      /* ... to a window that begins so far before the span */
};

static const char ELLIPSIS[] = "...";
static const char REPLACEMENT[] = "\xEF\xBF\xBD"; /* U+FFFD */

struct printer {
    const struct mimo_sources *sources;
    FILE *file;
    bool has_color;
};

/* Columns of a source line on the terminal, the end exclusive. */
struct window {
    unsigned begin, end;
};

static const char *color(const struct printer *printer, const char *code)
{
    return printer->has_color ? code : "";
}

/* Prints text in which control characters and ill-formed bytes are replaced. */
static void print_text(FILE *file, const char *text, size_t size)
{
    size_t length;

    for (size_t i = 0; i < size; i += length) {
        const uint32_t character = mimo_utf8_decode(text + i, size - i, &length);
        if (character == MIMO_INVALID_CHARACTER || character < 0x20 || character == 0x7F)
            (void)fputs(REPLACEMENT, file);
        else
            (void)fwrite(text + i, 1, length, file);
    }
}

static void print_repeated(FILE *file, char character, unsigned count)
{
    while (count-- > 0)
        (void)fputc(character, file);
}

/* Columns of a character that begins at `column`: a tab reaches to the next tab stop. */
static unsigned width_at(uint32_t character, unsigned column)
{
    if (character == '\t')
        return TAB_COLUMNS - column % TAB_COLUMNS;
    return character == MIMO_INVALID_CHARACTER ? 1 : mimo_character_width(character);
}

static unsigned display_width(const char *text, size_t size)
{
    unsigned column = 0;
    size_t length;

    for (size_t i = 0; i < size; i += length)
        column += width_at(mimo_utf8_decode(text + i, size - i, &length), column);
    return column;
}

/* Columns of begin ... end - 1 that are within the window. */
static unsigned overlap(unsigned begin, unsigned end, struct window window)
{
    const unsigned from = begin > window.begin ? begin : window.begin;
    const unsigned to = end < window.end ? end : window.end;

    return to > from ? to - from : 0;
}

/* What the window cuts off of a wide character is blank. */
static void print_clipped(FILE *file, const char *text, size_t size, struct window window)
{
    unsigned column = 0;
    size_t length;

    for (size_t i = 0; i < size && column < window.end; i += length) {
        const uint32_t character = mimo_utf8_decode(text + i, size - i, &length);
        const unsigned width = width_at(character, column);
        if (character != '\t' && column >= window.begin && column + width <= window.end)
            print_text(file, text + i, length);
        else
            print_repeated(file, ' ', overlap(column, column + width, window));
        column += width;
    }
}

static struct window choose_window(unsigned line_width, unsigned span_begin)
{
    struct window window = {.end = line_width};

    if (line_width <= LINE_COLUMNS_MAX)
        return window;
    window.begin = span_begin > LEAD_COLUMNS ? span_begin - LEAD_COLUMNS : 0;
    if (line_width - window.begin > LINE_COLUMNS_MAX)
        window.end = window.begin + LINE_COLUMNS_MAX;
    return window;
}

/* The source line and the carets under the part of the span that stands on it. */
static void print_source(const struct printer *printer, struct mimo_span span, uint32_t line)
{
    const struct mimo_source *source = mimo_source(printer->sources, span.file);
    FILE *file = printer->file;
    uint32_t begin, end, from, to;
    unsigned first, last, caret_count;
    struct window window;

    mimo_source_line(source, line, &begin, &end);
    from = span.begin < begin ? begin : span.begin > end ? end : span.begin;
    to = span.end > end ? end : span.end < from ? from : span.end;
    first = display_width(source->text + begin, from - begin);
    last = display_width(source->text + begin, to - begin);
    window = choose_window(display_width(source->text + begin, end - begin), first);
    if (last > window.end)
        last = window.end;
    caret_count = last > first ? last - first : 1;

    (void)fprintf(file, "%5" PRIu32 " | %s", line, window.begin > 0 ? ELLIPSIS : "");
    print_clipped(file, source->text + begin, end - begin, window);
    if (window.end < display_width(source->text + begin, end - begin))
        (void)fputs(ELLIPSIS, file);
    (void)fputs("\n      | ", file);
    print_repeated(file, ' ', first - window.begin + (window.begin > 0 ? 3 : 0));
    (void)fprintf(file, "%s^", color(printer, "\033[1;32m"));
    print_repeated(file, '~', caret_count - 1);
    (void)fprintf(file, "%s\n", color(printer, "\033[0m"));
}

/* "file:line:column: " */
static struct mimo_place print_place(const struct printer *printer, struct mimo_span span)
{
    const struct mimo_source *source = mimo_source(printer->sources, span.file);
    const struct mimo_place place = mimo_source_place(source, span.begin);

    (void)fputs(color(printer, "\033[1m"), printer->file);
    print_text(printer->file, source->name, strlen(source->name));
    (void)fprintf(printer->file, ":%" PRIu32 ":%" PRIu32 ": ", place.line, place.column);
    return place;
}

/* "help: TEXT"; nothing for NULL. */
static void print_advice(const struct printer *printer, const char *word, const char *text,
                         const char *remark)
{
    if (text == NULL)
        return;
    (void)fprintf(printer->file, "%s%s:%s ", color(printer, "\033[1;32m"), word,
                  color(printer, "\033[0m"));
    print_text(printer->file, text, strlen(text));
    (void)fprintf(printer->file, "%s\n", remark);
}

static void print_diagnostic(const struct printer *printer, const struct mimo_diagnostic *item)
{
    const char *red_or_magenta =
        item->severity == MIMO_SEVERITY_ERROR ? "\033[1;31m" : "\033[1;35m";
    FILE *file = printer->file;
    const struct mimo_place place = print_place(printer, item->span);

    (void)fprintf(file, "%s%s:%s ", color(printer, red_or_magenta),
                  mimo_severity_word(item->severity), color(printer, "\033[0m"));
    print_text(file, item->message, strlen(item->message));
    (void)fprintf(file, " [%s]\n", mimo_code_name(item->code));
    print_source(printer, item->span, place.line);
    for (size_t i = 0; i < item->note_count; i++) {
        (void)print_place(printer, item->notes[i].span);
        (void)fprintf(file, "%snote:%s ", color(printer, "\033[1;36m"), color(printer, "\033[0m"));
        print_text(file, item->notes[i].message, strlen(item->notes[i].message));
        (void)fputc('\n', file);
    }
    print_advice(printer, "help", item->help, "");
    print_advice(printer, "fix", item->fix.message, " (mimoc lint --fix)");
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

/* The last line. */
static void print_counts(const struct mimo_diagnostics *diagnostics, FILE *file)
{
    const size_t errors = diagnostics->error_count, warnings = diagnostics->warning_count;
    const size_t fatal = mimo_diagnostics_fatal_count(diagnostics);

    if (errors + warnings == 0)
        return;
    if (errors > 0)
        (void)fprintf(file, "%zu error%s", errors, plural(errors));
    if (warnings > 0)
        (void)fprintf(file, "%s%zu warning%s", errors > 0 ? " and " : "", warnings,
                      plural(warnings));
    if (fatal > 0)
        (void)fprintf(file, " (%zu fatal by -Werror)", fatal);
    (void)fputc('\n', file);
}

void mimo_diagnostics_print_text(const struct mimo_diagnostics *diagnostics, FILE *file,
                                 bool has_color)
{
    const struct printer printer = {diagnostics->sources, file, has_color};

    for (size_t i = 0; i < diagnostics->count; i++)
        print_diagnostic(&printer, diagnostics->items[i]);
    if (diagnostics->dropped > 0)
        (void)fprintf(file, "too many diagnostics: %zu more are not shown\n", diagnostics->dropped);
    print_counts(diagnostics, file);
}
