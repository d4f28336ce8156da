/*
 * mimo-diagnostic-pages: the pages of docs/diagnostics, one a code.
 *
 *   mimo-diagnostic-pages embed FOLDER FILE.c     writes what explanation.h declares to FILE.c
 *   mimo-diagnostic-pages refresh FOLDER OTHER    writes the pages to OTHER as they should be
 *
 * A page begins with what grammar/diagnostics.def says of its code, made anew by `refresh`; the
 * rest, from its first section on, is written by hand. The table of README.md is made anew too.
 */
#include "plan/file.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGE_BYTES_MAX = 1 << 20, PATH_BYTES_MAX = 4096 };

static const struct row {
    const char *code, *severity, *summary;
} ROWS[] = {
#define MIMO_DIAGNOSTIC(code, severity, summary) {#code, #severity, summary},
#include "grammar/diagnostics.def"
#undef MIMO_DIAGNOSTIC
};

enum { ROW_COUNT = sizeof ROWS / sizeof *ROWS };

static bool complain(const char *what, const char *name)
{
    (void)fprintf(stderr, "mimo-diagnostic-pages: %s%s\n", what, name);
    return false;
}

static const char *page_path(const char *folder, const char *name)
{
    static char path[PATH_BYTES_MAX];

    (void)snprintf(path, sizeof path, "%s/%s.md", folder, name);
    return path;
}

/* FOLDER/NAME.md; its bytes are the caller's to free. */
static bool read_page(const char *folder, const char *name, char **out_text)
{
    const char *path = page_path(folder, name);
    struct mimo_error err = {0};
    size_t size;

    if (mimo_file_read(path, PAGE_BYTES_MAX, out_text, &size, &err) != MIMO_OK)
        return complain("", err.message);
    return true;
}

/* From the first section on. */
static const char *find_body(const char *text)
{
    const char *heading = strstr(text, "\n## ");

    return heading != NULL ? heading + 1 : NULL;
}

/* ---- embed ---- */

static void print_literal(FILE *file, const char *line, size_t length)
{
    (void)fputs("    \"", file);
    for (size_t i = 0; i < length; i++) {
        if (line[i] == '"' || line[i] == '\\')
            (void)fputc('\\', file);
        (void)fputc(line[i], file);
    }
    (void)fputs("\",\n", file);
}

/* A new code works before its page is written; `refresh`, and with it the tests, insist on it. */
static bool embed_page(const char *folder, const struct row *row, FILE *file)
{
    const char *line;
    char *text;

    if (access(page_path(folder, row->code), F_OK) != 0) {
        (void)fprintf(file, "static const char *const PAGE_%s[] = {NULL};\n\n", row->code);
        return true;
    }
    if (!read_page(folder, row->code, &text))
        return false;
    line = find_body(text);
    if (line == NULL) {
        free(text);
        return complain("there is no section in the page of ", row->code);
    }
    (void)fprintf(file, "static const char *const PAGE_%s[] = {\n", row->code);
    while (*line != '\0') {
        const size_t length = strcspn(line, "\n");
        print_literal(file, line, length);
        line += length + (line[length] == '\n');
    }
    (void)fputs("    NULL};\n\n", file);
    free(text);
    return true;
}

static bool embed(const char *folder, FILE *file)
{
    (void)fputs("#include \"compiler/diagnostic/explanation.h\"\n\n", file);
    for (int i = 0; i < ROW_COUNT; i++) {
        if (!embed_page(folder, &ROWS[i], file))
            return false;
    }
    (void)fputs("static const char *const *const PAGES[] = {\n", file);
    for (int i = 0; i < ROW_COUNT; i++)
        (void)fprintf(file, "    PAGE_%s,\n", ROWS[i].code);
    (void)fputs("};\n\nconst char *const *mimo_explanation_lines(enum mimo_code code)\n{\n"
                "    return PAGES[code];\n}\n",
                file);
    return true;
}

/* ---- refresh ---- */

static const char *severity_word(const struct row *row)
{
    return strcmp(row->severity, "ERROR") == 0 ? "error" : "warning";
}

static void print_page(const struct row *row, const char *body, FILE *file)
{
    (void)fprintf(file, "# %s: %s\n\nSeverity: %s. [All diagnostics](README.md)\n\n%s", row->code,
                  row->summary, severity_word(row), body);
}

static void print_index(const char *text, FILE *file)
{
    const char *table = strstr(text, "\n|");

    (void)fwrite(text, 1, table != NULL ? (size_t)(table - text) + 1 : strlen(text), file);
    (void)fputs("| code | severity | summary |\n|---|---|---|\n", file);
    for (int i = 0; i < ROW_COUNT; i++)
        (void)fprintf(file, "| [%s](%s.md) | %s | %s |\n", ROWS[i].code, ROWS[i].code,
                      severity_word(&ROWS[i]), ROWS[i].summary);
}

/* `row` is NULL for README.md. */
static bool refresh_page(const char *folder, const char *other, const struct row *row)
{
    const char *name = row != NULL ? row->code : "README", *path;
    char *text;
    FILE *file;

    if (!read_page(folder, name, &text))
        return false;
    path = page_path(other, name);
    file = fopen(path, "w");
    if (file == NULL) {
        free(text);
        return complain("cannot write ", path);
    }
    if (row == NULL)
        print_index(text, file);
    else
        print_page(row, find_body(text) != NULL ? find_body(text) : "", file);
    free(text);
    return fclose(file) == 0 || complain("cannot write ", path);
}

static bool refresh(const char *folder, const char *other)
{
    bool is_good = refresh_page(folder, other, NULL);

    for (int i = 0; i < ROW_COUNT; i++)
        is_good = refresh_page(folder, other, &ROWS[i]) && is_good;
    return is_good;
}

static bool embed_to(const char *folder, const char *path)
{
    FILE *file = fopen(path, "w");
    bool is_good;

    if (file == NULL)
        return complain("cannot write ", path);
    is_good = embed(folder, file);
    if (fclose(file) != 0)
        is_good = complain("cannot write ", path);
    if (!is_good)
        (void)remove(path);
    return is_good;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "embed") == 0)
        return embed_to(argv[2], argv[3]) ? 0 : 1;
    if (argc == 4 && strcmp(argv[1], "refresh") == 0)
        return refresh(argv[2], argv[3]) ? 0 : 1;
    (void)fputs("usage: mimo-diagnostic-pages embed FOLDER FILE.c\n"
                "       mimo-diagnostic-pages refresh FOLDER OTHER\n",
                stderr);
    return 2;
}
