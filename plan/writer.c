#include "plan/writer.h"

#include "plan/memory.h"
#include "plan/sections.h"

#define XXH_INLINE_ALL
#include <stdbool.h>
#include <string.h>
#include <xxhash.h>

enum { SLOTS_FIRST = 64, STRING_BYTES_FIRST = 1024 };

void mimo_plan_writer_init(struct mimo_plan_writer *writer, struct mimo_arena *arena)
{
    *writer = (struct mimo_plan_writer){
        .arena = arena,
        .strings = mimo_arena_alloc(arena, STRING_BYTES_FIRST, 1),
        .string_bytes = 1,
        .string_capacity = STRING_BYTES_FIRST,
        .slots = MIMO_NEW_ARRAY(arena, struct mimo_plan_string, SLOTS_FIRST),
        .slot_count = SLOTS_FIRST,
    };
}

/* The slot of the text, or the free one where it belongs. */
static struct mimo_plan_string *find_slot(const struct mimo_plan_writer *writer, const char *text,
                                          size_t length)
{
    const size_t mask = writer->slot_count - 1;
    size_t at = (size_t)XXH3_64bits(text, length) & mask;

    while (writer->slots[at].length != 0 &&
           (writer->slots[at].length != length ||
            memcmp(writer->strings + writer->slots[at].offset, text, length) != 0))
        at = (at + 1) & mask;
    return &writer->slots[at];
}

static void double_slots(struct mimo_plan_writer *writer)
{
    const struct mimo_plan_string *old = writer->slots;
    const size_t old_count = writer->slot_count;

    writer->slot_count = 2 * old_count;
    writer->slots = MIMO_NEW_ARRAY(writer->arena, struct mimo_plan_string, writer->slot_count);
    for (size_t i = 0; i < old_count; i++) {
        if (old[i].length != 0)
            *find_slot(writer, writer->strings + old[i].offset, old[i].length) = old[i];
    }
}

static struct mimo_plan_string append_text(struct mimo_plan_writer *writer, const char *text,
                                           size_t length)
{
    const struct mimo_plan_string string = {(uint32_t)writer->string_bytes, (uint32_t)length};

    MIMO_ASSERT(length < UINT32_MAX - writer->string_bytes);
    while (writer->string_capacity - writer->string_bytes < length + 1)
        writer->strings =
            mimo_arena_grow(writer->arena, writer->strings, 1, &writer->string_capacity);
    memcpy(writer->strings + writer->string_bytes, text, length + 1);
    writer->string_bytes += length + 1;
    return string;
}

struct mimo_plan_string mimo_plan_writer_string(struct mimo_plan_writer *writer, const char *text)
{
    const size_t length = text == NULL ? 0 : strlen(text);
    struct mimo_plan_string *slot;

    if (length == 0)
        return (struct mimo_plan_string){0, 0};
    if (2 * writer->slots_used >= writer->slot_count)
        double_slots(writer);
    slot = find_slot(writer, text, length);
    if (slot->length == 0) {
        *slot = append_text(writer, text, length);
        writer->slots_used++;
    }
    return *slot;
}

/* Fills the table: the sections lie in its order, each at the next aligned offset. Returns the size
 * of the file. */
static uint64_t lay_out(struct mimo_plan_section table[MIMO_SECTION_COUNT],
                        const uint32_t counts[MIMO_SECTION_COUNT])
{
    uint64_t end =
        sizeof(struct mimo_plan_header) + MIMO_SECTION_COUNT * sizeof(struct mimo_plan_section);

    for (int i = 0; i < MIMO_SECTION_COUNT; i++) {
        const struct mimo_section_rule *rule = &mimo_section_rules[i];

        table[i] = (struct mimo_plan_section){
            .flags = MIMO_SECTION_REQUIRED,
            .offset = mimo_section_align(end),
            .size = (uint64_t)rule->element_size * counts[i],
            .element_size = rule->element_size,
            .count = counts[i],
        };
        memcpy(table[i].id, rule->id, sizeof table[i].id);
        end = table[i].offset + table[i].size;
    }
    return end;
}

static void fill_header(struct mimo_plan_header *header, uint64_t file_size, uint32_t world_size,
                        const unsigned char *behind)
{
    XXH128_canonical_t digest;

    *header = (struct mimo_plan_header){
        .version_major = MIMO_PLAN_VERSION_MAJOR,
        .version_minor = MIMO_PLAN_VERSION_MINOR,
        .header_size = sizeof *header,
        .file_size = file_size,
        .section_count = MIMO_SECTION_COUNT,
        .world_size = world_size,
    };
    memcpy(header->magic, MIMO_PLAN_MAGIC, sizeof header->magic);
    XXH128_canonicalFromHash(&digest, XXH3_128bits(behind, file_size - sizeof *header));
    memcpy(header->digest, digest.digest, sizeof header->digest);
    header->checksum = XXH3_64bits(header, offsetof(struct mimo_plan_header, checksum));
}

/* Zeroed and aligned to MIMO_PLAN_ALIGNMENT. */
static unsigned char *alloc_aligned(struct mimo_arena *arena, size_t size)
{
    unsigned char *bytes = mimo_arena_alloc(arena, size + MIMO_PLAN_ALIGNMENT, 1);
    const size_t over = (uintptr_t)bytes % MIMO_PLAN_ALIGNMENT;

    return over == 0 ? bytes : bytes + (MIMO_PLAN_ALIGNMENT - over);
}

static void assert_verifies(const void *bytes, size_t size)
{
    struct mimo_plan plan;
    struct mimo_error err = {0};

    if (mimo_plan_verify(bytes, size, &plan, &err) != MIMO_OK)
        mimo_assert_failed(err.message, __FILE__, __LINE__);
}

/* The arenas of each role, which follow from all else. */
static struct mimo_plan with_memories(const struct mimo_plan_writer *writer,
                                      const struct mimo_plan *plan)
{
    struct mimo_plan_memory *memories =
        MIMO_NEW_ARRAY(writer->arena, struct mimo_plan_memory, plan->role_count);
    struct mimo_plan whole = *plan;

    for (uint32_t i = 0; i < plan->role_count; i++)
        memories[i] = mimo_memory_of_role(plan, i);
    whole.memories = memories;
    whole.memory_count = plan->role_count;
    return whole;
}

/* Where the sections' records are, by the X-macro that names their members. */
static void collect(const struct mimo_plan_writer *writer, const struct mimo_plan *plan,
                    const void *records[MIMO_SECTION_COUNT], uint32_t counts[MIMO_SECTION_COUNT])
{
#define COLLECT_RECORDS(id, type, member, exact)                                                   \
    records[MIMO_SECTION_##id] = plan->member;                                                     \
    counts[MIMO_SECTION_##id] = (exact);
#define COLLECT_COUNT(id, member) counts[MIMO_SECTION_##id] = plan->member;
    MIMO_PLAN_SECTIONS(COLLECT_RECORDS)
    MIMO_PLAN_COUNTS(COLLECT_COUNT)
    records[MIMO_SECTION_STRS] = writer->strings;
    counts[MIMO_SECTION_STRS] = (uint32_t)writer->string_bytes;
}

void mimo_plan_writer_finish(struct mimo_plan_writer *writer, const struct mimo_plan *plan,
                             const unsigned char **out_bytes, size_t *out_size)
{
    const struct mimo_plan whole = with_memories(writer, plan);
    struct mimo_plan_section table[MIMO_SECTION_COUNT];
    const void *records[MIMO_SECTION_COUNT];
    uint32_t counts[MIMO_SECTION_COUNT];
    struct mimo_plan_header header;
    unsigned char *bytes;
    uint64_t size;

    collect(writer, &whole, records, counts);
    size = lay_out(table, counts);
    bytes = alloc_aligned(writer->arena, size);
    for (int i = 0; i < MIMO_SECTION_COUNT; i++) {
        if (table[i].size > 0)
            memcpy(bytes + table[i].offset, records[i], table[i].size);
        table[i].checksum = XXH3_64bits(bytes + table[i].offset, table[i].size);
    }
    memcpy(bytes + sizeof header, table, sizeof table);
    fill_header(&header, size, plan->meta->world_size, bytes + sizeof header);
    memcpy(bytes, &header, sizeof header);
    assert_verifies(bytes, size);
    *out_bytes = bytes;
    *out_size = size;
}
