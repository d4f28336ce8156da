/*
 * mimo-reference-manual FILE: prints FILE with its generated parts made anew from the schema table
 * and the list of diagnostics.
 *
 * A generated part stands between the lines `<!-- generated: WHAT -->` and `<!-- end -->`; the
 * table PARTS says what WHAT may be. A manual that leaves a block of the language out is refused.
 */
#include "compiler/diagnostic/diagnostic.h"
#include "compiler/schema/schema.h"
#include "plan/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANUAL_BYTES_MAX = 16 << 20 };

static const char OPENING[] = "<!-- generated: ";
static const char CLOSING[] = "<!-- end -->";

/* ---- words of the tables ---- */

/* "`a` or `b`" of a space-separated list. */
static void print_list(const char *list, const char *separator)
{
    const char *item;
    size_t length;

    for (size_t i = 0; (item = mimo_word_list_item(list, i, &length)) != NULL; i++)
        (void)printf("%s`%.*s`", i > 0 ? separator : "", (int)length, item);
}

static const char *without_article(const char *noun)
{
    static const char *const articles[] = {"a ", "an ", "the "};

    for (size_t i = 0; i < sizeof articles / sizeof *articles; i++) {
        if (strncmp(noun, articles[i], strlen(articles[i])) == 0)
            return noun + strlen(articles[i]);
    }
    return noun;
}

/* The words of an enumeration, or what a message calls such a value. */
static void print_type(const struct mimo_type *type)
{
    if (type->forms != 0) {
        (void)printf("%s%s", without_article(type->noun),
                     (type->forms & MIMO_FORM_NONE) != 0 ? " or none" : "");
        return;
    }
    for (size_t i = 0; i < type->word_count; i++)
        (void)printf("%s`%s`", i > 0 ? ", " : "", type->words[i]);
}

/* A bound that only the width of the plan's fields sets is left out. */
static void print_range(const struct mimo_range *range)
{
    const bool has_low = range->low > -2147483647.0;
    const bool has_high = range->high < 2147483647.0;

    if (has_low)
        (void)fputs(range->below, stdout);
    if (has_high)
        (void)printf("%s%s", has_low ? ", " : "", range->above);
}

/* ---- attributes of one block ---- */

static void print_attribute(const struct mimo_schema_attribute *row)
{
    const bool is_special =
        row->bases[0] != '\0' && strcmp(row->bases, mimo_schema_block(row->block)->bases) != 0;

    (void)printf("| `%s`", mimo_attribute_word(row->attribute));
    if (is_special) {
        (void)fputs(" (", stdout);
        print_list(row->bases, ", ");
        (void)fputs(")", stdout);
    }
    (void)fputs(" | ", stdout);
    print_type(row->type);
    if (row->default_text != NULL)
        (void)printf(" | `%s` | ", row->default_text);
    else
        (void)fputs(" | **required** | ", stdout);
    print_range(row->range);
    (void)printf(" | %s |\n", row->doc);
}

static void print_attributes(enum mimo_block_kind kind)
{
    size_t count;
    const struct mimo_schema_attribute *rows = mimo_schema_attributes(kind, &count);

    (void)fputs("| attribute | value | default | range | meaning |\n|---|---|---|---|---|\n",
                stdout);
    for (size_t i = 0; i < count; i++)
        print_attribute(&rows[i]);
}

/* ---- blocks ---- */

static void print_head(enum mimo_block_kind kind)
{
    const struct mimo_schema_block *block = mimo_schema_block(kind);

    (void)printf("| [`%s`](#%s) | `%s", block->word, block->word, block->word);
    if (block->naming == MIMO_NAMING_NAMED)
        (void)fputs(" NAME", stdout);
    if (block->naming == MIMO_NAMING_OPTIONAL)
        (void)fputs(" [NAME]", stdout);
    if (block->naming == MIMO_NAMING_VARIANT)
        (void)fputs(" KIND", stdout);
    if (mimo_schema_derives(kind))
        (void)fputs(" [: BASE]", stdout);
    else if (block->bases[0] != '\0' && block->naming != MIMO_NAMING_VARIANT)
        (void)fputs(" : ARCHITECTURE", stdout);
    (void)fputs("` | ", stdout);
    print_list(block->bases, ", ");
}

static const char *presence_text(enum mimo_presence presence)
{
    switch (presence) {
    case MIMO_PRESENCE_ANY:
        return "";
    case MIMO_PRESENCE_ONE:
        return "at most one";
    case MIMO_PRESENCE_REQUIRED:
        return "exactly one";
    }
    return "";
}

static void print_blocks(void)
{
    (void)fputs("| block | head | architectures, kinds | stands in | limit | what it is |\n"
                "|---|---|---|---|---|---|\n",
                stdout);
    for (int i = 0; i < MIMO_BLOCK_KIND_COUNT; i++) {
        const struct mimo_schema_block *block = mimo_schema_block((enum mimo_block_kind)i);
        print_head((enum mimo_block_kind)i);
        (void)fputs(" | ", stdout);
        if (block->parents[0] == '\0')
            (void)fputs("the file", stdout);
        print_list(block->parents, ", ");
        (void)printf(" | %s | %s |\n", presence_text(block->presence), block->doc);
    }
}

/* ---- the index ---- */

static bool has_attribute(enum mimo_block_kind kind, enum mimo_attribute attribute)
{
    size_t count;
    const struct mimo_schema_attribute *rows = mimo_schema_attributes(kind, &count);

    for (size_t i = 0; i < count; i++) {
        if (rows[i].attribute == attribute)
            return true;
    }
    return false;
}

static int compare_attributes(const void *a, const void *b)
{
    const enum mimo_attribute *left = a, *right = b;

    return strcmp(mimo_attribute_word(*left), mimo_attribute_word(*right));
}

static void print_index_row(enum mimo_attribute attribute)
{
    const char *separator = "";

    (void)printf("| `%s` | ", mimo_attribute_word(attribute));
    for (int i = 0; i < MIMO_BLOCK_KIND_COUNT; i++) {
        const enum mimo_block_kind kind = (enum mimo_block_kind)i;
        const char *word = mimo_schema_block(kind)->word;
        if (!has_attribute(kind, attribute))
            continue;
        (void)printf("%s[%s](#%s)", separator, word, word);
        separator = ", ";
    }
    (void)fputs(" |\n", stdout);
}

static void print_index(void)
{
    enum mimo_attribute attributes[MIMO_ATTRIBUTE_COUNT];

    for (int i = 0; i < MIMO_ATTRIBUTE_COUNT; i++)
        attributes[i] = (enum mimo_attribute)i;
    qsort(attributes, MIMO_ATTRIBUTE_COUNT, sizeof *attributes, compare_attributes);
    (void)fputs("| attribute | in |\n|---|---|\n", stdout);
    for (int i = 0; i < MIMO_ATTRIBUTE_COUNT; i++)
        print_index_row(attributes[i]);
}

/* ---- diagnostics ---- */

static void print_diagnostics(void)
{
    (void)fputs("| code | severity | summary |\n|---|---|---|\n", stdout);
    for (int i = 0; i < MIMO_CODE_COUNT; i++) {
        const enum mimo_code code = (enum mimo_code)i;
        (void)printf("| [%s](diagnostics/%s.md) | %s | %s |\n", mimo_code_name(code),
                     mimo_code_name(code), mimo_severity_word(mimo_code_severity(code)),
                     mimo_code_summary(code));
    }
}

/* ---- the manual ---- */

static const struct part {
    const char *name;
    void (*print)(void);
} PARTS[] = {
    {"blocks", print_blocks},
    {"index", print_index},
    {"diagnostics", print_diagnostics},
};

struct manual {
    const char *path;
    const char *next; /* the line to be read */
    unsigned line;
    bool has_block[MIMO_BLOCK_KIND_COUNT];
};

/* The next line, with its line break and not terminated; false at the end. */
static bool read_line(struct manual *manual, const char **out_line, size_t *out_length)
{
    const char *end = strchr(manual->next, '\n');

    if (*manual->next == '\0')
        return false;
    *out_line = manual->next;
    *out_length = end != NULL ? (size_t)(end - manual->next) + 1 : strlen(manual->next);
    manual->next += *out_length;
    manual->line++;
    return true;
}

static bool starts_with(const char *line, size_t length, const char *start)
{
    return length >= strlen(start) && memcmp(line, start, strlen(start)) == 0;
}

static bool complain(const struct manual *manual, const char *what)
{
    (void)fprintf(stderr, "mimo-reference-manual: %s:%u: %s\n", manual->path, manual->line, what);
    return false;
}

/* Prints the part `name`: one of PARTS, or `attributes BLOCK`. */
static bool print_part(struct manual *manual, const char *name)
{
    static const char attributes[] = "attributes ";
    enum mimo_block_kind kind;

    for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS; i++) {
        if (strcmp(PARTS[i].name, name) == 0) {
            PARTS[i].print();
            return true;
        }
    }
    if (strncmp(name, attributes, strlen(attributes)) != 0 ||
        !mimo_schema_find_block(name + strlen(attributes), &kind))
        return complain(manual, "there is no such generated part");
    print_attributes(kind);
    manual->has_block[kind] = true;
    return true;
}

/* Passes over what the part held before. */
static bool skip_part(struct manual *manual)
{
    const char *line;
    size_t length;

    while (read_line(manual, &line, &length)) {
        if (starts_with(line, length, OPENING))
            return complain(manual, "the generated part before this one has no end");
        if (starts_with(line, length, CLOSING)) {
            (void)putchar('\n');
            (void)fwrite(line, 1, length, stdout);
            return true;
        }
    }
    return complain(manual, "the last generated part has no end");
}

static bool print_line(struct manual *manual, const char *line, size_t length)
{
    char name[64];
    const char *begin = line + strlen(OPENING), *end;

    (void)fwrite(line, 1, length, stdout);
    if (!starts_with(line, length, OPENING))
        return true;
    (void)putchar('\n');
    end = strstr(begin, " -->");
    if (end == NULL || end >= line + length || (size_t)(end - begin) >= sizeof name)
        return complain(manual, "this marker does not end with ' -->'");
    memcpy(name, begin, (size_t)(end - begin));
    name[end - begin] = '\0';
    return print_part(manual, name) && skip_part(manual);
}

static bool has_all_blocks(const struct manual *manual)
{
    bool has_all = true;

    for (int i = 0; i < MIMO_BLOCK_KIND_COUNT; i++) {
        if (manual->has_block[i])
            continue;
        (void)fprintf(stderr, "mimo-reference-manual: %s: the attributes of '%s' are missing\n",
                      manual->path, mimo_schema_block((enum mimo_block_kind)i)->word);
        has_all = false;
    }
    return has_all;
}

static bool print_manual(struct manual *manual)
{
    const char *line;
    size_t length;

    while (read_line(manual, &line, &length)) {
        if (!print_line(manual, line, length))
            return false;
    }
    return has_all_blocks(manual);
}

int main(int argc, char **argv)
{
    struct manual manual = {0};
    struct mimo_error err = {0};
    bool is_good;
    char *text;
    size_t size;

    if (argc != 2) {
        (void)fputs("usage: mimo-reference-manual FILE\n", stderr);
        return 2;
    }
    if (mimo_file_read(argv[1], MANUAL_BYTES_MAX, &text, &size, &err) != MIMO_OK) {
        (void)fprintf(stderr, "mimo-reference-manual: %s\n", err.message);
        return 2;
    }
    manual.path = argv[1];
    manual.next = text;
    is_good = print_manual(&manual);
    free(text);
    return is_good && fflush(stdout) == 0 ? 0 : 1;
}
