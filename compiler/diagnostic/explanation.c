#include "compiler/diagnostic/explanation.h"

#include "plan/error.h"

#include <stdlib.h>
#include <string.h>

static const char HEADING[] = "## ";
static const char FENCE[] = "```";

static bool starts_with(const char *line, const char *start)
{
    return strncmp(line, start, strlen(start)) == 0;
}

/* Prints [TEXT](PAGE) as TEXT. Lists such as [1, 2] stay. */
static void print_without_links(const char *line, FILE *file)
{
    while (*line != '\0') {
        const char *open = strchr(line, '[');
        const char *middle = open != NULL ? strstr(open, "](") : NULL;
        const char *end = middle != NULL ? strchr(middle, ')') : NULL;
        if (end == NULL || memchr(open + 1, '[', (size_t)(middle - open - 1)) != NULL) {
            (void)fputs(line, file);
            return;
        }
        (void)fprintf(file, "%.*s%.*s", (int)(open - line), line, (int)(middle - open - 1),
                      open + 1);
        line = end + 1;
    }
}

/* What stands behind ``` of an example: nothing, or the name of its file. */
static void print_file_name(const char *fence, FILE *file)
{
    const char *name = strchr(fence, ' ');

    if (name != NULL)
        (void)fprintf(file, "    # %s\n", name + 1);
}

static void print_line(const char *line, bool is_example, FILE *file, bool has_color)
{
    if (is_example)
        (void)fprintf(file, "%s%s", *line != '\0' ? "    " : "", line);
    else if (starts_with(line, HEADING))
        (void)fprintf(file, "%s%s%s", has_color ? "\033[1m" : "", line + strlen(HEADING),
                      has_color ? "\033[0m" : "");
    else
        print_without_links(line, file);
    (void)fputc('\n', file);
}

void mimo_explanation_print(enum mimo_code code, FILE *file, bool has_color)
{
    bool is_example = false;

    (void)fprintf(file, "%s%s: %s%s\n", has_color ? "\033[1m" : "", mimo_code_name(code),
                  mimo_code_summary(code), has_color ? "\033[0m" : "");
    (void)fprintf(file, "severity: %s\n\n", mimo_severity_word(mimo_code_severity(code)));
    for (const char *const *line = mimo_explanation_lines(code); *line != NULL; line++) {
        if (starts_with(*line, FENCE)) {
            is_example = !is_example;
            print_file_name(*line, file);
        } else {
            print_line(*line, is_example, file, has_color);
        }
    }
}

/* ---- as a text ---- */

struct text {
    char *bytes;
    size_t size;
    FILE *file;
};

static void open_text(struct text *text)
{
    text->file = open_memstream(&text->bytes, &text->size);
    MIMO_ASSERT(text->file != NULL);
}

static const char *close_text(struct text *text, struct mimo_arena *arena)
{
    const char *copy;

    (void)fclose(text->file);
    copy = mimo_arena_copy(arena, text->bytes, text->size);
    free(text->bytes);
    return copy;
}

const char *mimo_explanation_plain(struct mimo_arena *arena, enum mimo_code code)
{
    struct text text;

    open_text(&text);
    mimo_explanation_print(code, text.file, false);
    return close_text(&text, arena);
}

const char *mimo_explanation_markdown(struct mimo_arena *arena, enum mimo_code code)
{
    struct text text;

    open_text(&text);
    for (const char *const *line = mimo_explanation_lines(code); *line != NULL; line++) {
        print_without_links(*line, text.file);
        (void)fputc('\n', text.file);
    }
    return close_text(&text, arena);
}

const char *mimo_explanation_why(struct mimo_arena *arena, enum mimo_code code)
{
    const char *const *line = mimo_explanation_lines(code);
    const char *separator = "";
    struct text text;

    if (*line == NULL)
        return mimo_code_summary(code);
    open_text(&text);
    while (*++line != NULL && !starts_with(*line, HEADING)) {
        if (**line == '\0')
            continue;
        (void)fputs(separator, text.file);
        print_without_links(*line, text.file);
        separator = " ";
    }
    return close_text(&text, arena);
}
