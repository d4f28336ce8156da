/*
 * mimo-generate PROGRAM TEMPLATE: prints TEMPLATE with its parts `@name@` filled in from the tables
 * of the language and of PROGRAM's command line (mimoc or mimo-exec).
 *
 * A part that has a line to itself stands for whole lines, a part within a line for a text.
 */
#include "generate/parts.h"
#include "plan/file.h"

#include <stdlib.h>
#include <string.h>

enum { TEMPLATE_BYTES_MAX = 1 << 20 };

/* ---- parts that every template may use ---- */

static void print_program(const struct mimo_program *program, struct mimo_arena *arena)
{
    (void)arena;
    (void)fputs(program->name, stdout);
}

/* The program's name as a shell's identifier. */
static void print_identifier(const struct mimo_program *program, struct mimo_arena *arena)
{
    (void)arena;
    for (const char *next = program->name; *next != '\0'; next++)
        (void)putchar(*next == '-' ? '_' : *next);
}

static void print_version(const struct mimo_program *program, struct mimo_arena *arena)
{
    (void)program;
    (void)arena;
    (void)fputs(MIMO_VERSION, stdout);
}

static const struct mimo_part GENERAL_PARTS[] = {
    {"program", print_program},
    {"identifier", print_identifier},
    {"version", print_version},
    {NULL, NULL},
};

static const struct mimo_part *const TABLES[] = {
    GENERAL_PARTS,   mimo_bash_parts,   mimo_zsh_parts,
    mimo_fish_parts, mimo_manual_parts, mimo_word_parts,
};

static const struct mimo_part *find_part(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof TABLES / sizeof *TABLES; i++) {
        for (const struct mimo_part *part = TABLES[i]; part->name != NULL; part++) {
            if (strlen(part->name) == length && memcmp(part->name, name, length) == 0)
                return part;
        }
    }
    return NULL;
}

/* ---- templates ---- */

/* The length of the name in `@name@`, or 0 where `text` does not begin with that. */
static size_t name_length(const char *text)
{
    const size_t length = strspn(text + 1, "abcdefghijklmnopqrstuvwxyz-");

    return text[0] == '@' && text[1 + length] == '@' ? length : 0;
}

/* Prints the text up to the next part; returns where that begins, or the end of the text. */
static const char *print_until_part(const char *text)
{
    const char *next = strchr(text, '@');

    while (next != NULL && name_length(next) == 0)
        next = strchr(next + 1, '@');
    if (next == NULL)
        next = text + strlen(text);
    (void)fwrite(text, 1, (size_t)(next - text), stdout);
    return next;
}

static bool print_template(const struct mimo_program *program, const char *text,
                           struct mimo_arena *arena)
{
    const char *const begin = text;

    while (*(text = print_until_part(text)) != '\0') {
        const size_t length = name_length(text);
        const struct mimo_part *part = find_part(text + 1, length);
        const bool has_line = (text == begin || text[-1] == '\n') && text[length + 2] == '\n';
        if (part == NULL) {
            (void)fprintf(stderr, "mimo-generate: there is no part '%.*s'\n", (int)length,
                          text + 1);
            return false;
        }
        part->print(program, arena);
        text += length + 2 + (has_line ? 1 : 0);
    }
    return true;
}

int main(int argc, char **argv)
{
    const struct mimo_program *program = argc == 3 ? mimo_program_find(argv[1]) : NULL;
    struct mimo_arena arena = {0};
    struct mimo_error err = {0};
    bool is_good = false;
    char *text;
    size_t size;

    if (program == NULL) {
        (void)fputs("usage: mimo-generate mimoc|mimo-exec TEMPLATE\n", stderr);
        return 2;
    }
    if (mimo_file_read(argv[2], TEMPLATE_BYTES_MAX, &text, &size, &err) != MIMO_OK) {
        (void)fprintf(stderr, "mimo-generate: %s\n", err.message);
        return 2;
    }
    is_good = print_template(program, text, &arena);
    free(text);
    mimo_arena_release(&arena);
    return is_good && fflush(stdout) == 0 ? 0 : 1;
}
