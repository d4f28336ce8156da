/*
 * writer.h - laying out the bytes of a plan.
 *
 * The caller fills the records in memory of its own, strings through mimo_plan_writer_string(); the
 * writer copies them into one buffer, with table, checksums and digest, and proves the result with
 * mimo_plan_verify() before it hands it out. The same records give the same bytes.
 */
#ifndef MIMO_PLAN_WRITER_H
#define MIMO_PLAN_WRITER_H

#include "plan/arena.h"
#include "plan/plan.h"

struct mimo_plan_writer {
    struct mimo_arena *arena; /* holds the strings and the result */
    char *strings;            /* the section STRS as it grows; it begins with the empty string */
    size_t string_bytes;
    size_t string_capacity;
    struct mimo_plan_string *slots; /* the texts by hash; length 0: a free slot */
    size_t slot_count;              /* a power of two */
    size_t slots_used;
};

void mimo_plan_writer_init(struct mimo_plan_writer *writer, struct mimo_arena *arena);

/* Adds `text` (equal texts share their bytes) and returns its place. NULL is the empty string. */
struct mimo_plan_string mimo_plan_writer_string(struct mimo_plan_writer *writer, const char *text);

/*
 * Writes all sections of `plan` (header, strings and memories are the writer's own and need not be
 * set).
 * The bytes belong to the writer's arena and are 64-byte aligned. Asserts that they verify.
 */
void mimo_plan_writer_finish(struct mimo_plan_writer *writer, const struct mimo_plan *plan,
                             const unsigned char **out_bytes, size_t *out_size);

#endif
