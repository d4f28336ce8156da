/*
 * fuzz_plan.c - the reader of plans, against plans whose checksums are right and whose records are
 * not: what it accepts can be shown, what it refuses it refuses with a message.
 *
 * An input that begins as a plan does is read as it is. Any other is a script: the first byte
 * chooses a declaration of plans/, whose plan is edited by the ten-byte edits that follow, then
 * laid out anew and sealed, with the memory of its roles as it follows from the edits, which the
 * reader recomputes. So inputs stay small and outlive changes of the format.
 */
#define XXH_INLINE_ALL
#include "plan/file.h"
#include "plan/memory.h"
#include "plan/sections.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
    DECLARATION_BYTES_MAX = 1 << 16,
    SECTION_BYTES_MAX = 1 << 20, /* what edits may make of a section */
    TABLE = MIMO_SECTION_COUNT,  /* edits of the section table, and of the header */
    HEADER,
    EDIT_TARGETS,
};

enum operation {
    OPERATION_SET,
    OPERATION_ADD,
    OPERATION_COPY,   /* another word of the section */
    OPERATION_DOUBLE, /* a strange floating-point number */
    OPERATION_REMOVE, /* the record */
    OPERATION_REPEAT, /* the record */
    OPERATION_SWAP,   /* the record and the one after it */
    OPERATION_COUNT,
};

struct edit {
    uint8_t target, operation;
    uint16_t record, word;
    uint32_t value;
};

struct section {
    struct mimo_arena *arena; /* holds the bytes */
    unsigned char *bytes;
    size_t size, element_size;
};

/* ---- the plans that are edited ---- */

static const char *const names[] = {"colocated", "dense", "experts", "heterogeneous",
                                    "hybrid",    "idle",  "text",    "two_modalities"};
enum { PLAN_COUNT = sizeof names / sizeof *names };

/* The plan of a declaration, compiled once. */
static const unsigned char *base_plan(unsigned index, size_t *out_size)
{
    static struct fuzz_compilation compilations[PLAN_COUNT];
    struct fuzz_compilation *compilation = &compilations[index];
    struct mimo_error err = {0};
    char *text, path[512];
    size_t size;

    if (compilation->plan == NULL) {
        (void)snprintf(path, sizeof path, "%s/%s.mimo", MIMO_FUZZ_PLANS, names[index]);
        MIMO_ASSERT(mimo_file_read(path, DECLARATION_BYTES_MAX, &text, &size, &err) == MIMO_OK);
        fuzz_compile(compilation, text, size);
        MIMO_ASSERT(compilation->plan != NULL);
        free(text);
    }
    *out_size = compilation->plan_size;
    return compilation->plan;
}

static void *allocate(size_t size)
{
    void *bytes = aligned_alloc(MIMO_PLAN_ALIGNMENT, mimo_section_align(size > 0 ? size : 1));

    MIMO_ASSERT(bytes != NULL);
    return bytes;
}

static void take_apart(const unsigned char *plan, struct mimo_arena *arena,
                       struct section sections[MIMO_SECTION_COUNT])
{
    const struct mimo_plan_section *table = (const void *)(plan + sizeof(struct mimo_plan_header));

    for (int i = 0; i < MIMO_SECTION_COUNT; i++) {
        sections[i] = (struct section){arena, mimo_arena_alloc(arena, table[i].size + 1, 1),
                                       table[i].size, mimo_section_rules[i].element_size};
        memcpy(sections[i].bytes, plan + table[i].offset, table[i].size);
    }
}

/* ---- edits ---- */

static double strange_number(uint32_t choice)
{
    const double numbers[] = {0.0,    -0.0,   -1.0,     1e308,     5e-324, 0x1p63,
                              0x1p32, 1e-300, HUGE_VAL, -HUGE_VAL, NAN,    0.5};

    return numbers[choice % (sizeof numbers / sizeof *numbers)];
}

/* Changes the word at `at` of `size` bytes. */
static void edit_word(unsigned char *bytes, size_t size, size_t at, const struct edit *edit)
{
    uint32_t word;
    double number;

    memcpy(&word, bytes + at, sizeof word);
    if (edit->operation == OPERATION_SET)
        word = edit->value;
    else if (edit->operation == OPERATION_ADD)
        word += edit->value;
    else if (edit->operation == OPERATION_COPY)
        memcpy(&word, bytes + edit->value % (size / sizeof word) * sizeof word, sizeof word);
    memcpy(bytes + at, &word, sizeof word);
    at &= ~(size_t)7;
    if (edit->operation == OPERATION_DOUBLE && at + sizeof number <= size) {
        number = strange_number(edit->value);
        memcpy(bytes + at, &number, sizeof number);
    }
}

static void repeat_record(struct section *section, size_t at)
{
    const size_t size = section->size + section->element_size;
    unsigned char *bytes;

    if (size > SECTION_BYTES_MAX)
        return;
    bytes = mimo_arena_alloc(section->arena, size, 1);
    memcpy(bytes, section->bytes, at + section->element_size);
    memcpy(bytes + at + section->element_size, section->bytes + at, section->size - at);
    section->bytes = bytes;
    section->size = size;
}

static void remove_record(struct section *section, size_t at)
{
    memmove(section->bytes + at, section->bytes + at + section->element_size,
            section->size - at - section->element_size);
    section->size -= section->element_size;
}

static void swap_records(struct section *section, size_t at)
{
    if (at + 2 * section->element_size > section->size)
        return;
    for (size_t i = at; i < at + section->element_size; i++) {
        const unsigned char byte = section->bytes[i];

        section->bytes[i] = section->bytes[i + section->element_size];
        section->bytes[i + section->element_size] = byte;
    }
}

static void edit_section(struct section *section, const struct edit *edit)
{
    const size_t words = section->element_size / sizeof(uint32_t);
    size_t at;

    if (section->size < sizeof(uint32_t))
        return;
    at = edit->record % (section->size / section->element_size) * section->element_size;
    if (edit->operation == OPERATION_REMOVE)
        remove_record(section, at);
    else if (edit->operation == OPERATION_REPEAT)
        repeat_record(section, at);
    else if (edit->operation == OPERATION_SWAP)
        swap_records(section, at);
    else if (words > 0)
        edit_word(section->bytes, section->size, at + edit->word % words * sizeof(uint32_t), edit);
    else /* strings */
        section->bytes[at] = (unsigned char)edit->value;
}

static struct edit read_edit(const uint8_t bytes[10])
{
    struct edit edit = {.target = bytes[0] % EDIT_TARGETS, .operation = bytes[1] % OPERATION_COUNT};

    memcpy(&edit.record, bytes + 2, sizeof edit.record);
    memcpy(&edit.word, bytes + 4, sizeof edit.word);
    memcpy(&edit.value, bytes + 6, sizeof edit.value);
    return edit;
}

/* ---- putting together ---- */

static size_t lay_out(const struct section sections[MIMO_SECTION_COUNT],
                      struct mimo_plan_section table[MIMO_SECTION_COUNT])
{
    size_t end = sizeof(struct mimo_plan_header) + MIMO_SECTION_COUNT * sizeof *table;

    for (int i = 0; i < MIMO_SECTION_COUNT; i++) {
        table[i].offset = mimo_section_align(end);
        table[i].size = sections[i].size;
        table[i].count = (uint32_t)(sections[i].size / sections[i].element_size);
        end = table[i].offset + table[i].size;
    }
    return end;
}

/* All checksums, as far as the table points into the file. */
static void seal(unsigned char *bytes, size_t size)
{
    struct mimo_plan_header *header = (void *)bytes;
    struct mimo_plan_section *table = (void *)(bytes + sizeof *header);
    XXH128_canonical_t digest;

    for (int i = 0; i < MIMO_SECTION_COUNT; i++) {
        if (table[i].offset <= size && table[i].size <= size - table[i].offset)
            table[i].checksum = XXH3_64bits(bytes + table[i].offset, table[i].size);
    }
    XXH128_canonicalFromHash(&digest, XXH3_128bits(bytes + sizeof *header, size - sizeof *header));
    memcpy(header->digest, digest.digest, sizeof digest.digest);
    header->checksum = XXH3_64bits(header, offsetof(struct mimo_plan_header, checksum));
}

/* The plan of the base's header and table, and of the sections; its bytes are the caller's. */
static unsigned char *put_together(const unsigned char *base, const struct section *sections,
                                   size_t *out_size)
{
    struct mimo_plan_section table[MIMO_SECTION_COUNT];
    struct mimo_plan_header header;
    unsigned char *bytes;
    size_t size;

    memcpy(&header, base, sizeof header);
    memcpy(table, base + sizeof header, sizeof table);
    size = lay_out(sections, table);
    header.file_size = size;
    bytes = allocate(size);
    memset(bytes, 0, mimo_section_align(size));
    memcpy(bytes, &header, sizeof header);
    memcpy(bytes + sizeof header, table, sizeof table);
    for (int i = 0; i < MIMO_SECTION_COUNT; i++)
        memcpy(bytes + table[i].offset, sections[i].bytes, sections[i].size);
    *out_size = size;
    return bytes;
}

static struct mimo_plan connect(const unsigned char *bytes)
{
    const struct mimo_plan_section *table = (const void *)(bytes + sizeof(struct mimo_plan_header));
    struct mimo_plan plan = {.header = (const void *)bytes};

#define CONNECT_RECORDS(section, type, member, exact)                                              \
    plan.member = (const void *)(bytes + table[MIMO_SECTION_##section].offset);
#define CONNECT_COUNT(section, member) plan.member = table[MIMO_SECTION_##section].count;
    MIMO_PLAN_SECTIONS(CONNECT_RECORDS)
    MIMO_PLAN_COUNTS(CONNECT_COUNT)
    return plan;
}

/* Whether the reader finds fault with MEMO alone: with all else the memories can be computed. */
static bool lacks_memories(const unsigned char *bytes, size_t size, const struct mimo_plan *plan)
{
    struct mimo_error err = {0};
    struct mimo_plan verified;

    if (mimo_plan_verify(bytes, size, &verified, &err) == MIMO_OK ||
        strstr(err.message, "MEMO") == NULL || plan->memory_count != plan->role_count)
        return false;
    for (uint32_t i = 0; i < plan->role_count; i++) {
        if (plan->roles[i].instruction_count < plan->training->micro_steps)
            return false;
    }
    return true;
}

/* Section MEMO of a sealed plan, recomputed. */
static void state_memories(unsigned char *bytes, size_t size)
{
    const struct mimo_plan_section *table = (const void *)(bytes + sizeof(struct mimo_plan_header));
    const struct mimo_plan plan = connect(bytes);

    if (!lacks_memories(bytes, size, &plan))
        return;
    for (uint32_t i = 0; i < plan.role_count; i++) {
        const struct mimo_plan_memory memory = mimo_memory_of_role(&plan, i);

        memcpy(bytes + table[MIMO_SECTION_MEMO].offset + i * sizeof memory, &memory, sizeof memory);
    }
}

static void edit_container(unsigned char *bytes, const struct edit *edit)
{
    const size_t header_size = sizeof(struct mimo_plan_header);
    const size_t table_size = MIMO_SECTION_COUNT * sizeof(struct mimo_plan_section);

    if (edit->target == HEADER)
        edit_word(bytes, header_size, edit->word % (header_size / 4) * 4, edit);
    else if (edit->target == TABLE)
        edit_word(bytes + header_size, table_size, edit->word % (table_size / 4) * 4, edit);
}

static unsigned char *run_script(const uint8_t *script, size_t size, size_t *out_size)
{
    struct section sections[MIMO_SECTION_COUNT];
    const unsigned char *base = base_plan(script[0] % PLAN_COUNT, out_size);
    struct mimo_arena arena = {0};
    unsigned char *bytes;

    take_apart(base, &arena, sections);
    for (size_t i = 1; i + 10 <= size; i += 10) {
        const struct edit edit = read_edit(script + i);

        if (edit.target < MIMO_SECTION_COUNT)
            edit_section(&sections[edit.target], &edit);
    }
    bytes = put_together(base, sections, out_size);
    seal(bytes, *out_size);
    state_memories(bytes, *out_size);
    for (size_t i = 1; i + 10 <= size; i += 10) {
        const struct edit edit = read_edit(script + i);

        edit_container(bytes, &edit);
    }
    seal(bytes, *out_size);
    mimo_arena_release(&arena);
    return bytes;
}

static unsigned char *copy(const uint8_t *input, size_t size)
{
    unsigned char *bytes = allocate(size);

    memcpy(bytes, input, size);
    return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    const bool is_plan = size == 0 || input[0] == (uint8_t)MIMO_PLAN_MAGIC[0];
    size_t plan_size = size;
    unsigned char *bytes = is_plan ? copy(input, size) : run_script(input, size, &plan_size);
    struct mimo_error err = {0};
    struct mimo_plan plan;

    if (mimo_plan_verify(bytes, plan_size, &plan, &err) == MIMO_OK)
        fuzz_show(&plan);
    else
        MIMO_ASSERT(err.message[0] != '\0');
    free(bytes);
    return 0;
}
