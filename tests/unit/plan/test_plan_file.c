#include "plan/bridge.h"
#include "plan/grid.h"
#include "tests/unit/check.h"
#include "tests/unit/plan/small_plan.h"

#include <stdbool.h>
#include <stdlib.h>

/* Where the section table ends, and the first section begins. */
#define COUNT_SECTION(id, type, member, exact) +1
enum {
    SECTION_COUNT = MIMO_PLAN_SECTIONS(COUNT_SECTION),
    TABLE_END = sizeof(struct mimo_plan_header) + SECTION_COUNT * sizeof(struct mimo_plan_section),
    FIRST_SECTION =
        (TABLE_END + MIMO_PLAN_ALIGNMENT - 1) / MIMO_PLAN_ALIGNMENT * MIMO_PLAN_ALIGNMENT
};

static enum mimo_status verify(const void *bytes, size_t size, struct mimo_error *err)
{
    struct mimo_plan plan;

    *err = (struct mimo_error){0};
    return mimo_plan_verify(bytes, size, &plan, err);
}

static void test_reads_back(void)
{
    struct mimo_arena arena = {0};
    struct mimo_error err = {0};
    const unsigned char *bytes;
    struct mimo_plan plan;
    size_t size;

    small_plan_write(&arena, &bytes, &size);
    CHECK_INT((uintptr_t)bytes % MIMO_PLAN_ALIGNMENT, 0);
    CHECK_INT(mimo_plan_verify(bytes, size, &plan, &err), MIMO_OK);
    CHECK_TEXT(err.message, "");
    CHECK_TEXT(mimo_plan_text(&plan, plan.meta->model), "captioner");
    CHECK_TEXT(mimo_plan_text(&plan, plan.meta->model_weights), "");
    CHECK_TEXT(mimo_plan_text(&plan, plan.modules[1].name), "llm");
    CHECK_TEXT(mimo_plan_text(&plan, plan.modalities[0].marker), "<image>");
    CHECK_INT(plan.module_count, 2);
    CHECK_INT(plan.parameters[plan.modules[1].parameter_first].shape[0], 21);
    CHECK_NEAR(plan.training->lr, 1e-3, 0.0);
    CHECK_INT(plan.instructions[0].opcode, MIMO_OPCODE_LOAD);
    CHECK_INT(plan.header->file_size, size);
    mimo_arena_release(&arena);
}

static void test_roles(void)
{
    static const uint32_t roles[SMALL_WORLD] = {0, 0, 1, 1, 2, 2, 3};
    struct mimo_arena arena = {0};
    const unsigned char *bytes;
    struct mimo_plan plan;
    size_t size;

    small_plan_write(&arena, &bytes, &size);
    CHECK_INT(mimo_plan_verify(bytes, size, &plan, NULL), MIMO_OK);
    for (uint32_t rank = 0; rank < SMALL_WORLD; rank++)
        CHECK_INT(mimo_plan_role_of(&plan, rank) - plan.roles, roles[rank]);
    mimo_arena_release(&arena);
}

static void test_words(void)
{
    CHECK_TEXT(mimo_mode_word(MIMO_MODE_HYBRID), "hybrid");
    CHECK_TEXT(mimo_precision_word(MIMO_PRECISION_BF16), "bf16");
    CHECK_TEXT(mimo_architecture_word(MIMO_ARCHITECTURE_CLIP_VIT), "clip_vit");
    CHECK_TEXT(mimo_activation_word(MIMO_ACTIVATION_QUICK_GELU), "quick_gelu");
    CHECK_TEXT(mimo_module_kind_word(MIMO_MODULE_KIND_ENCODER), "encoder");
    CHECK_TEXT(mimo_group_kind_word(MIMO_GROUP_KIND_ETP_EP_PP), "etp_ep_pp");
    CHECK_TEXT(mimo_opcode_word(MIMO_OPCODE_STEP), "step");
}

static void test_same_records_same_bytes(void)
{
    struct mimo_arena first = {0}, second = {0};
    const unsigned char *a, *b;
    size_t a_size, b_size;

    small_plan_write(&first, &a, &a_size);
    (void)mimo_arena_alloc(&second, 12345, 1);
    small_plan_write(&second, &b, &b_size);
    CHECK_INT(a_size, b_size);
    CHECK(memcmp(a, b, a_size) == 0);
    mimo_arena_release(&first);
    mimo_arena_release(&second);
}

static void test_strings_are_shared(void)
{
    struct mimo_arena arena = {0};
    struct mimo_plan_writer writer;
    struct mimo_plan_string first[500];

    mimo_plan_writer_init(&writer, &arena);
    CHECK_INT(mimo_plan_writer_string(&writer, NULL).offset, 0);
    CHECK_INT(mimo_plan_writer_string(&writer, "").length, 0);
    for (int i = 0; i < 500; i++)
        first[i] = mimo_plan_writer_string(&writer, mimo_arena_printf(&arena, "layer.%d", i));
    for (int i = 0; i < 500; i++) {
        char text[32];
        struct mimo_plan_string again;

        (void)snprintf(text, sizeof text, "layer.%d", i);
        again = mimo_plan_writer_string(&writer, text);
        CHECK_INT(again.offset, first[i].offset);
        CHECK_INT(again.length, strlen(text));
        CHECK_TEXT(writer.strings + again.offset, text);
    }
    mimo_arena_release(&arena);
}

/* Copies of exactly the size, so that a sanitizer sees any read behind the end. */
static void test_every_truncation(void)
{
    struct mimo_arena arena = {0};
    const unsigned char *bytes;
    struct mimo_error err;
    size_t size;

    small_plan_write(&arena, &bytes, &size);
    for (size_t cut = 0; cut < size; cut++) {
        unsigned char *copy = malloc(cut == 0 ? 1 : cut);

        memcpy(copy, bytes, cut);
        CHECK_INT(verify(copy, cut, &err), MIMO_E_PLAN);
        CHECK_CONTAINS(err.message, cut == 0 ? "not a plan" : "truncated");
        free(copy);
    }
    mimo_arena_release(&arena);
}

static void test_every_flipped_bit(void)
{
    struct mimo_arena arena = {0};
    const unsigned char *bytes;
    unsigned char *copy;
    struct mimo_error err;
    size_t size;

    small_plan_write(&arena, &bytes, &size);
    copy = malloc(size);
    memcpy(copy, bytes, size);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        copy[bit / 8] ^= (unsigned char)(1U << bit % 8);
        if (verify(copy, size, &err) != MIMO_E_PLAN)
            (void)printf("\n  bit %zu of byte %zu\n", bit % 8, bit / 8);
        CHECK_INT(err.status, MIMO_E_PLAN);
        copy[bit / 8] ^= (unsigned char)(1U << bit % 8);
    }
    CHECK_INT(verify(copy, size, &err), MIMO_OK);
    free(copy);
    mimo_arena_release(&arena);
}

/* Each row damages a fresh copy of `size` bytes; `reseals` where the checksums shall match again.
 */
struct damage {
    const char *message;
    size_t offset;
    size_t length;
    const char *bytes;
    bool reseals;
};

static void test_container_messages(void)
{
    static const struct damage rows[] = {
        {"not a plan", 0, 4, "GGUF", false},
        {"line ends were converted", 0, 8, "\x93MIMO\n\x1a", false},
        {"line ends were converted", 0, 8, "\x93MIMO\r\r\n", false},
        {"high bits were cleared", 0, 1, "\x13", false},
        {"converted to UTF-8", 0, 8, "\xc2\x93MIMO\r\n", false},
        {"header does not match its checksum", 8, 1, "\2", false},
        {"of format version 2; this program reads version 1", 8, 1, "\2", true},
        {"of a later format", 32, 1, "\1", true},
        {"the header's size", 12, 1, "\1", true},
        {"truncated: ", 16, 4, "\xff\xff\xff\x7f", true},
        {"bytes follow the plan's end", 16, 2, "\1\1", true},
        {"section table ends behind", 24, 4, "\xff\xff\xff\xff", true},
        {"section ?TRS: this program does not know it", 64, 1, "\1", true},
        {"section META: it occurs twice", 64 + 2 * 40, 4, "META", true},
        {"section STRS: it has unknown flags", 64 + 4, 1, "\3", true},
        {"section STRS: it does not begin where", 64 + 8, 1, "\1", true},
        {"section META: its size is not that", 64 + 40 + 16, 1, "\1", true},
        {"section META: its records are of another size", 64 + 40 + 16, 12,
         "\x40\0\0\0\0\0\0\0\x40\0\0\0", true},
        {"section META: it ends behind the end", 64 + 40 + 16, 16,
         "\0\0\0\x30\0\0\0\0\x30\0\0\0\0\0\0\1", true},
        {"section STRS: the bytes before it are not zero", TABLE_END, 1, "\1", true},
        {"section STRS: it does not begin with a NUL", FIRST_SECTION, 1, "x", true},
    };
    struct mimo_arena arena = {0};
    const unsigned char *bytes;
    unsigned char *copy;
    struct mimo_error err;
    size_t size;

    small_plan_write(&arena, &bytes, &size);
    copy = malloc(size);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        memcpy(copy, bytes, size);
        memcpy(copy + rows[i].offset, rows[i].bytes, rows[i].length);
        if (rows[i].reseals)
            small_plan_reseal(copy, size);
        CHECK_INT(verify(copy, size, &err), MIMO_E_PLAN);
        CHECK_CONTAINS(err.message, rows[i].message);
    }
    free(copy);
    mimo_arena_release(&arena);
}

static void test_section_checksums(void)
{
    struct mimo_arena arena = {0};
    const unsigned char *bytes;
    unsigned char *copy;
    struct mimo_error err;
    size_t size;

    small_plan_write(&arena, &bytes, &size);
    copy = malloc(size);
    memcpy(copy, bytes, size);
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        struct mimo_plan_section section;
        char message[64];

        memcpy(&section, bytes + sizeof(struct mimo_plan_header) + i * sizeof section,
               sizeof section);
        if (section.size == 0)
            continue;
        (void)snprintf(message, sizeof message,
                       "altered: section %.4s: its checksum does not match",
                       (const char *)section.id);
        copy[section.offset + section.size - 1] ^= 0x40;
        CHECK_INT(verify(copy, size, &err), MIMO_E_PLAN);
        CHECK_TEXT(err.message, message);
        copy[section.offset + section.size - 1] ^= 0x40;
    }
    free(copy);
    mimo_arena_release(&arena);
}

static void test_trailing_bytes(void)
{
    struct mimo_arena arena = {0};
    const unsigned char *bytes;
    unsigned char *copy;
    struct mimo_error err;
    size_t size;

    small_plan_write(&arena, &bytes, &size);
    copy = calloc(1, size + 8);
    memcpy(copy, bytes, size);
    CHECK_INT(verify(copy, size + 8, &err), MIMO_E_PLAN);
    CHECK_CONTAINS(err.message, "8 bytes follow");
    free(copy);
    mimo_arena_release(&arena);
}

/* A section that a later minor version adds is skipped where it says that it may be. */
static void test_unknown_section(void)
{
    const size_t entry = sizeof(struct mimo_plan_section);
    const size_t table = sizeof(struct mimo_plan_header);
    const size_t shift = FIRST_SECTION - TABLE_END < (int)entry ? MIMO_PLAN_ALIGNMENT : 0;
    struct mimo_arena arena = {0};
    const unsigned char *bytes;
    unsigned char *copy;
    struct mimo_plan_header header;
    struct mimo_plan_section section = {.id = {'N', 'E', 'W', 'S'}, .element_size = 1};
    struct mimo_error err;
    size_t size;

    /* Where the gap behind the table does not hold one more entry, that moves all sections. */
    small_plan_write(&arena, &bytes, &size);
    memcpy(&header, bytes, sizeof header);
    copy = calloc(1, size + 128);
    memcpy(copy + table, bytes + table, header.section_count * entry);
    memcpy(copy + FIRST_SECTION + shift, bytes + FIRST_SECTION, size - FIRST_SECTION);
    for (uint32_t i = 0; i < header.section_count; i++) {
        struct mimo_plan_section moved;

        memcpy(&moved, copy + table + i * entry, sizeof moved);
        moved.offset += shift;
        memcpy(copy + table + i * entry, &moved, sizeof moved);
    }
    header.file_size = (size + shift + 63) / 64 * 64;
    section.offset = header.file_size;
    memcpy(copy + table + header.section_count * entry, &section, sizeof section);
    header.section_count++;
    memcpy(copy, &header, sizeof header);
    small_plan_reseal(copy, header.file_size);
    CHECK_INT(verify(copy, header.file_size, &err), MIMO_OK);
    CHECK_TEXT(err.message, "");
    section.flags = 1;
    memcpy(copy + table + (header.section_count - 1) * entry, &section, sizeof section);
    small_plan_reseal(copy, header.file_size);
    CHECK_INT(verify(copy, header.file_size, &err), MIMO_E_PLAN);
    CHECK_CONTAINS(err.message, "section NEWS: this program does not know it");
    free(copy);
    mimo_arena_release(&arena);
}

static uint64_t walk_groups(const struct mimo_plan *plan)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < plan->groups_count; i++) {
        const struct mimo_plan_groups *groups = &plan->groups[i];
        uint32_t group, member;

        for (uint32_t g = 0; g < groups->group_count; g++)
            for (uint32_t m = 0; m < groups->size; m++)
                sum += mimo_groups_member(groups, g, m);
        for (uint32_t rank = 0; rank < plan->meta->world_size; rank++)
            sum += mimo_groups_find(groups, rank, &group, &member);
    }
    return sum;
}

static uint64_t walk_parameters(const struct mimo_plan *plan)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < plan->parameter_count; i++) {
        const struct mimo_plan_parameter *parameter = &plan->parameters[i];
        const struct mimo_plan_module *module = &plan->modules[parameter->module];

        sum += strlen(mimo_plan_text(plan, parameter->name));
        for (uint32_t r = 0; r < module->tp; r++)
            sum += mimo_shard_elements(parameter, r, module->tp) +
                   mimo_shard_is_owned(parameter, r, module->tp);
    }
    return sum;
}

static uint64_t walk_programs(const struct mimo_plan *plan)
{
    uint64_t sum = 0;

    for (uint32_t rank = 0; rank < plan->meta->world_size; rank++) {
        const struct mimo_plan_role *role = mimo_plan_role_of(plan, rank);

        for (uint32_t i = 0; i < role->place_count; i++)
            sum += plan->places[role->place_first + i].module;
        for (uint32_t i = 0; i < role->instruction_count; i++)
            sum += strlen(mimo_opcode_word(plan->instructions[role->instruction_first + i].opcode));
    }
    for (uint32_t edge = 0; edge < plan->edge_count; edge++) {
        struct mimo_transfers cursor;
        struct mimo_transfer transfer;

        mimo_transfers_init(&cursor, plan, edge, MIMO_NONE, MIMO_NONE);
        while (mimo_transfers_next(&cursor, &transfer))
            sum += transfer.source + transfer.destination;
    }
    return sum;
}

/* Uses what the accessors give; the sanitizers watch. */
static uint64_t walk(const struct mimo_plan *plan)
{
    uint64_t sum = strlen(mimo_mode_word(plan->meta->mode)) +
                   strlen(mimo_precision_word(plan->training->precision));

    for (uint32_t i = 0; i < plan->module_count; i++)
        sum += strlen(mimo_plan_text(plan, plan->modules[i].name)) +
               strlen(mimo_architecture_word(plan->modules[i].architecture));
    return sum + walk_groups(plan) + walk_parameters(plan) + walk_programs(plan);
}

/* With checksums that match, the records are all that is left to notice: each change is rejected or
 * harmless. Returns whether it was rejected. */
static bool try_resealed(unsigned char *copy, size_t size)
{
    struct mimo_error err = {0};
    struct mimo_plan plan;
    enum mimo_status status;

    small_plan_reseal(copy, size);
    status = mimo_plan_verify(copy, size, &plan, &err);
    if (status == MIMO_OK)
        return walk(&plan) == 0;
    CHECK_INT(status, MIMO_E_PLAN);
    CHECK(err.message[0] != '\0');
    return true;
}

static void test_resealed_bits(void)
{
    struct mimo_arena arena = {0};
    const unsigned char *bytes;
    unsigned char *copy;
    size_t size, rejected = 0;

    small_plan_write(&arena, &bytes, &size);
    copy = malloc(size);
    for (size_t bit = 8 * sizeof(struct mimo_plan_header); bit < 8 * size; bit++) {
        memcpy(copy, bytes, size);
        copy[bit / 8] ^= (unsigned char)(1U << bit % 8);
        rejected += try_resealed(copy, size);
    }
    CHECK(rejected > 4 * size); /* most bits are not names, weights' paths or tuning values */
    free(copy);
    mimo_arena_release(&arena);
}

static void test_resealed_words(void)
{
    static const uint32_t values[] = {0, 1, 2, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
    struct mimo_arena arena = {0};
    const unsigned char *bytes;
    unsigned char *copy;
    size_t size, rejected = 0;

    small_plan_write(&arena, &bytes, &size);
    copy = malloc(size);
    for (size_t at = sizeof(struct mimo_plan_header); at + 4 <= size; at += 4) {
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
            memcpy(copy, bytes, size);
            memcpy(copy + at, &values[i], 4);
            rejected += try_resealed(copy, size);
        }
    }
    CHECK(rejected > size / 2);
    free(copy);
    mimo_arena_release(&arena);
}

static const struct mimo_test tests[] = {
    {"a plan reads back", test_reads_back},
    {"the role of each rank", test_roles},
    {"words of the closed sets", test_words},
    {"the same records give the same bytes", test_same_records_same_bytes},
    {"equal strings share their bytes", test_strings_are_shared},
    {"every truncation is rejected", test_every_truncation},
    {"every flipped bit is rejected", test_every_flipped_bit},
    {"messages about the container", test_container_messages},
    {"each section has its checksum", test_section_checksums},
    {"trailing bytes", test_trailing_bytes},
    {"sections of later versions", test_unknown_section},
    {"flipped bits under new checksums", test_resealed_bits},
    {"hostile words under new checksums", test_resealed_words},
};

MIMO_TEST_MAIN("plan/file format", tests)
