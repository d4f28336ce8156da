/* docs/plan-format.md states the format's numbers again, for readers in other languages: they
 * agree. */
#include "plan/file.h"
#include "tests/unit/check.h"
#include "tests/unit/plan/small_plan.h"

#include <stdbool.h>
#include <stdlib.h>

static char *document;

static void read_document(void)
{
    struct mimo_error err = {0};
    size_t size;

    CHECK_INT(mimo_file_read(MIMO_DOCUMENT, 1 << 20, &document, &size, &err), MIMO_OK);
    if (err.status != MIMO_OK)
        CU_FAIL_FATAL("no document");
}

#define SECTION_ROW(id, type, member, exact) {#id, sizeof(type), (exact)},
static const struct section_row {
    const char *id;
    size_t size;
    uint32_t exact;
} section_rows[] = {MIMO_PLAN_SECTIONS(SECTION_ROW)};
enum { SECTION_COUNT = sizeof section_rows / sizeof *section_rows };

static void test_sections(void)
{
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        char row[64];

        (void)snprintf(row, sizeof row, "\n| %s | %zu | %s |", section_rows[i].id,
                       section_rows[i].size, section_rows[i].exact == 1 ? "1" : "any number");
        CHECK_CONTAINS(document, row);
    }
}

/* Bytes of the type that `type` begins with, as the document writes it: u32, f64[4], string. */
static size_t size_of_type(const char *type)
{
    const char *end = type + strcspn(type, " [");
    const size_t count = *end == '[' ? strtoul(end + 1, NULL, 10) : 1;

    if (strncmp(type, "string", 6) == 0)
        return sizeof(struct mimo_plan_string);
    return strtoul(type + 1, NULL, 10) / 8 * count;
}

/* The rows that follow a heading's table head; the document's end where there is none. */
static const char *find_fields(const char *heading)
{
    const char *at = strstr(document, heading);

    at = at == NULL ? NULL : strstr(at, "| offset | type |");
    CHECK(at != NULL);
    for (int line = 0; at != NULL && line < 2; line++)
        at = strchr(at, '\n') + 1;
    return at == NULL ? "" : at;
}

/* The fields lie one behind another: rows "| 8 | u32 | `name` | ...". Returns where the last ends.
 */
static size_t end_of_fields(const char *heading)
{
    size_t end = 0;

    for (const char *at = find_fields(heading); *at == '|'; at = strchr(at, '\n') + 1) {
        char *type;

        CHECK_INT(strtoul(at + 1, &type, 10), end);
        end += size_of_type(type + strspn(type, " |"));
    }
    return end;
}

static void test_fields(void)
{
    CHECK_INT(end_of_fields("### Header\n"), sizeof(struct mimo_plan_header));
    CHECK_INT(end_of_fields("### Section table\n"), sizeof(struct mimo_plan_section));
    for (size_t i = 1; i < SECTION_COUNT; i++) {
        char heading[16];

        (void)snprintf(heading, sizeof heading, "### %s\n", section_rows[i].id);
        CHECK_INT(end_of_fields(heading), section_rows[i].size);
    }
}

static void check_set(const char *const *words, size_t count)
{
    char row[1024];
    size_t length = 0;

    for (size_t i = 0; i < count; i++)
        length += (size_t)snprintf(row + length, sizeof row - length, "%s%zu %s",
                                   i == 0 ? "| " : ", ", i, words[i]);
    (void)snprintf(row + length, sizeof row - length, " |\n");
    CHECK_CONTAINS(document, row);
}

#define WORD(name, word) word,
#define CHECK_SET(SET)                                                                             \
    do {                                                                                           \
        static const char *const words_[] = {SET(WORD)};                                           \
        check_set(words_, sizeof words_ / sizeof *words_);                                         \
    } while (0)

static void test_closed_sets(void)
{
    CHECK_SET(MIMO_MODES);
    CHECK_SET(MIMO_PRECISIONS);
    CHECK_SET(MIMO_ARCHITECTURES);
    CHECK_SET(MIMO_ACTIVATIONS);
    CHECK_SET(MIMO_PADDINGS);
    CHECK_SET(MIMO_RECOMPUTES);
    CHECK_SET(MIMO_PIPELINE_SCHEDULES);
    CHECK_SET(MIMO_LR_SCHEDULES);
    CHECK_SET(MIMO_DATA_FORMATS);
    CHECK_SET(MIMO_TEMPLATES);
    CHECK_SET(MIMO_BAD_SAMPLES);
    CHECK_SET(MIMO_MODULE_KINDS);
    CHECK_SET(MIMO_GROUP_KINDS);
    CHECK_SET(MIMO_INITS);
    CHECK_SET(MIMO_CUTS);
    CHECK_SET(MIMO_LOOPS);
    CHECK_SET(MIMO_ELEMENTS);
    CHECK_SET(MIMO_CONTENTS);
    CHECK_SET(MIMO_MEMORY_KINDS);
}

static void test_opcodes(void)
{
    for (uint32_t i = 0; i < MIMO_OPCODE_COUNT; i++) {
        char row[64];

        (void)snprintf(row, sizeof row, "\n| %u | %s |", i, mimo_opcode_word(i));
        CHECK_CONTAINS(document, row);
    }
}

/* Sets that the document lists with a meaning each. */
static void test_explained_sets(void)
{
    char row[64];

    for (uint32_t i = 0; i < MIMO_OPERATION_COUNT; i++) {
        (void)snprintf(row, sizeof row, "\n| %u | %s |", i, mimo_operation_word(i));
        CHECK_CONTAINS(document, row);
    }
    for (uint32_t i = 0; i < MIMO_ROW_UNIT_COUNT; i++) {
        (void)snprintf(row, sizeof row, "\n| %u | %s |", i, mimo_row_unit_word(i));
        CHECK_CONTAINS(document, row);
    }
}

static void test_last_slot(void)
{
    char row[64];

    (void)snprintf(row, sizeof row, "\n| %d | projector bias |", MIMO_SLOT_COUNT - 1);
    CHECK_CONTAINS(document, row);
    (void)snprintf(row, sizeof row, "\n| %d | pre norm bias |", MIMO_SLOT_PRE_NORM_BIAS);
    CHECK_CONTAINS(document, row);
}

/* A line of 16 bytes as the document dumps them. */
static void format_line(char line[80], const unsigned char *bytes, size_t offset)
{
    int length = snprintf(line, 80, "%08zx ", offset);

    for (size_t i = 0; i < 16; i++)
        length += snprintf(line + length, 80 - (size_t)length, " %02x", bytes[offset + i]);
}

static void test_dump(void)
{
    struct mimo_arena arena = {0};
    const unsigned char *bytes;
    const char *at = document;
    size_t size, offset, lines = 0;

    small_plan_write(&arena, &bytes, &size);
    while ((at = strstr(at, "\n0000")) != NULL) {
        char expected[80], actual[80];

        offset = strtoul(++at, NULL, 16);
        (void)snprintf(actual, sizeof actual, "%.*s", (int)strcspn(at, "\n"), at);
        format_line(expected, bytes, offset);
        CHECK_TEXT(actual, expected);
        lines++;
    }
    CHECK_INT(lines, 10);
    mimo_arena_release(&arena);
}

static void free_document(void)
{
    free(document);
}

static const struct mimo_test tests[] = {
    {"the document is read", read_document},
    {"sections", test_sections},
    {"fields", test_fields},
    {"closed sets", test_closed_sets},
    {"opcodes", test_opcodes},
    {"operations and row units", test_explained_sets},
    {"slots", test_last_slot},
    {"the dump of the small plan", test_dump},
    {"the document is released", free_document},
};

MIMO_TEST_MAIN("plan/document", tests)
