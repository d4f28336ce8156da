#include "plan/verify.h"

#define XXH_INLINE_ALL
#include <string.h>
#include <xxhash.h>

/* The bytes under proof and the known sections' entries, once the table has been read. */
struct container {
    const unsigned char *bytes;
    size_t size;
    struct mimo_error *err;
    const struct mimo_plan_header *header;
    const struct mimo_plan_section *table;
    const struct mimo_plan_section *known[MIMO_SECTION_COUNT];
};

static enum mimo_status fail(const struct container *container, const char *message)
{
    return mimo_error_set(container->err, MIMO_E_PLAN, "%s", message);
}

/* The first bytes are chosen so that a copy in text mode cannot leave them alone. */
static enum mimo_status verify_magic(const struct container *container)
{
    const unsigned char *bytes = container->bytes;

    if (container->size == 0)
        return fail(container, "not a plan: the file is empty");
    if (container->size >= 8 && memcmp(bytes, MIMO_PLAN_MAGIC, 8) == 0)
        return MIMO_OK;
    if (container->size < 8 && memcmp(bytes, MIMO_PLAN_MAGIC, container->size) == 0)
        return fail(container, "truncated: the plan ends within its first 8 bytes");
    if (container->size >= 8 && memcmp(bytes, "\x93MIMO", 5) == 0)
        return fail(container, "altered: line ends were converted; copy the plan in binary mode");
    if (container->size >= 8 && memcmp(bytes, "\x13MIMO", 5) == 0)
        return fail(container, "altered: high bits were cleared; copy the plan in binary mode");
    if (container->size >= 8 &&
        (memcmp(bytes, "\xc2\x93MIMO", 6) == 0 || memcmp(bytes, "\xef\xbf\xbdMIMO", 7) == 0))
        return fail(container, "altered: converted to UTF-8; copy the plan in binary mode");
    return fail(container, "not a plan: it does not begin as mimoc's plans do");
}

/* The checksum comes before the version: the header's place and checksum are the same in all
 * versions, and a flipped bit must not read as "of format version 3". */
static enum mimo_status verify_header(const struct container *container)
{
    const struct mimo_plan_header *header = container->header;

    if (container->size < sizeof *header)
        return fail(container, "truncated: the plan ends within its header");
    if (XXH3_64bits(header, offsetof(struct mimo_plan_header, checksum)) != header->checksum)
        return fail(container, "altered: the header does not match its checksum");
    if (header->version_major != MIMO_PLAN_VERSION_MAJOR)
        return mimo_error_set(container->err, MIMO_E_PLAN,
                              "of format version %u; this program reads version %u",
                              header->version_major, MIMO_PLAN_VERSION_MAJOR);
    if (header->incompatible != 0)
        return mimo_error_set(container->err, MIMO_E_PLAN,
                              "of a later format: it has features (0x%x) that this program does "
                              "not know",
                              header->incompatible);
    if (header->header_size != sizeof *header)
        return fail(container, "altered: the header's size is not 64");
    if (container->size < header->file_size)
        return mimo_error_set(container->err, MIMO_E_PLAN, "truncated: %zu bytes of %llu",
                              container->size, (unsigned long long)header->file_size);
    if (container->size > header->file_size)
        return mimo_error_set(container->err, MIMO_E_PLAN,
                              "altered: %zu bytes follow the plan's end",
                              (size_t)(container->size - header->file_size));
    return MIMO_OK;
}

/* The index of a section that this version knows, or MIMO_SECTION_COUNT. */
static enum mimo_section find_rule(const struct mimo_plan_section *section)
{
    enum mimo_section i = 0;

    while (i < MIMO_SECTION_COUNT &&
           memcmp(section->id, mimo_section_rules[i].id, sizeof section->id) != 0)
        i++;
    return i;
}

/* Identifiers come from the file: unprintable bytes are shown as '?'. */
static enum mimo_status fail_section(const struct container *container,
                                     const struct mimo_plan_section *section, const char *what)
{
    char id[5] = {0};

    for (int i = 0; i < 4; i++)
        id[i] = (char)(section->id[i] >= 0x20 && section->id[i] < 0x7f ? section->id[i] : '?');
    return mimo_error_set(container->err, MIMO_E_PLAN, "altered: section %s: %s", id, what);
}

static bool is_zero(const unsigned char *bytes, uint64_t begin, uint64_t end)
{
    for (uint64_t i = begin; i < end; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

/* Place, padding before it and checksum; `end` is where the one before ends. */
static enum mimo_status verify_extent(const struct container *container,
                                      const struct mimo_plan_section *section, uint64_t end)
{
    uint64_t size;

    if (section->offset != mimo_section_align(end))
        return fail_section(container, section, "it does not begin where the one before ends");
    if (__builtin_mul_overflow((uint64_t)section->element_size, (uint64_t)section->count, &size) ||
        size != section->size)
        return fail_section(container, section, "its size is not that of its records");
    if (section->offset > container->size || section->size > container->size - section->offset)
        return fail_section(container, section, "it ends behind the end of the file");
    if (!is_zero(container->bytes, end, section->offset))
        return fail_section(container, section, "the bytes before it are not zero");
    if (XXH3_64bits(container->bytes + section->offset, section->size) != section->checksum)
        return fail_section(container, section, "its checksum does not match");
    return MIMO_OK;
}

static enum mimo_status verify_known(struct container *container,
                                     const struct mimo_plan_section *section)
{
    const enum mimo_section index = find_rule(section);

    if ((section->flags & ~(uint32_t)MIMO_SECTION_FLAGS) != 0)
        return fail_section(container, section, "it has unknown flags");
    if (index == MIMO_SECTION_COUNT) {
        if ((section->flags & MIMO_SECTION_REQUIRED) != 0)
            return fail_section(container, section, "this program does not know it");
        return MIMO_OK;
    }
    if (container->known[index] != NULL)
        return fail_section(container, section, "it occurs twice");
    if (section->element_size != mimo_section_rules[index].element_size)
        return fail_section(container, section, "its records are of another size");
    if (mimo_section_rules[index].count != 0 && section->count != mimo_section_rules[index].count)
        return fail_section(container, section, "it does not hold exactly one record");
    container->known[index] = section;
    return MIMO_OK;
}

static enum mimo_status verify_sections(struct container *container)
{
    const uint32_t count = container->header->section_count;
    uint64_t end = sizeof *container->header + (uint64_t)count * sizeof *container->table;

    if (end > container->size)
        return fail(container, "altered: the section table ends behind the end of the file");
    for (uint32_t i = 0; i < count; i++) {
        MIMO_TRY(verify_extent(container, &container->table[i], end));
        MIMO_TRY(verify_known(container, &container->table[i]));
        end = container->table[i].offset + container->table[i].size;
    }
    if (end != container->size)
        return fail(container, "altered: the last section does not end with the file");
    for (int i = 0; i < MIMO_SECTION_COUNT; i++) {
        if (container->known[i] == NULL)
            return mimo_error_set(container->err, MIMO_E_PLAN, "altered: section %s is missing",
                                  mimo_section_rules[i].id);
    }
    return MIMO_OK;
}

static enum mimo_status verify_digest(const struct container *container)
{
    const size_t skipped = sizeof *container->header;
    XXH128_canonical_t digest;

    XXH128_canonicalFromHash(&digest,
                             XXH3_128bits(container->bytes + skipped, container->size - skipped));
    if (memcmp(digest.digest, container->header->digest, sizeof digest.digest) != 0)
        return fail(container, "altered: the contents do not match the digest");
    return MIMO_OK;
}

/* {0, 0} is the empty string in every plan. */
static enum mimo_status verify_strings(const struct container *container)
{
    const struct mimo_plan_section *section = container->known[MIMO_SECTION_STRS];

    if (section->count == 0 || container->bytes[section->offset] != 0)
        return fail_section(container, section, "it does not begin with a NUL");
    return MIMO_OK;
}

static void connect(const struct container *container, struct mimo_plan *plan)
{
#define CONNECT_RECORDS(section, type, member, exact)                                              \
    plan->member =                                                                                 \
        (const void *)(container->bytes + container->known[MIMO_SECTION_##section]->offset);
#define CONNECT_COUNT(section, member)                                                             \
    plan->member = container->known[MIMO_SECTION_##section]->count;
    *plan = (struct mimo_plan){.header = container->header};
    MIMO_PLAN_SECTIONS(CONNECT_RECORDS)
    MIMO_PLAN_COUNTS(CONNECT_COUNT)
}

enum mimo_status mimo_plan_verify(const void *bytes, size_t size, struct mimo_plan *out_plan,
                                  struct mimo_error *err)
{
    struct container container = {
        .bytes = bytes,
        .size = size,
        .err = err,
        .header = bytes,
    };
    struct mimo_plan plan;

    MIMO_ASSERT((uintptr_t)bytes % sizeof(uint64_t) == 0);
    MIMO_TRY(verify_magic(&container));
    MIMO_TRY(verify_header(&container));
    container.table = (const void *)(container.bytes + sizeof *container.header);
    MIMO_TRY(verify_sections(&container));
    MIMO_TRY(verify_digest(&container));
    MIMO_TRY(verify_strings(&container));
    connect(&container, &plan);
    MIMO_TRY(mimo_verify_settings(&plan, err));
    MIMO_TRY(mimo_verify_model(&plan, err));
    MIMO_TRY(mimo_verify_parameters(&plan, err));
    MIMO_TRY(mimo_verify_programs(&plan, err));
    MIMO_TRY(mimo_verify_communication(&plan, err));
    MIMO_TRY(mimo_verify_memory(&plan, err));
    *out_plan = plan;
    return MIMO_OK;
}
