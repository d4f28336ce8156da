/*
 * compare.h - what is different between two descriptions (describe.h), for review.
 */
#ifndef MIMO_COMPILER_SHOW_COMPARE_H
#define MIMO_COMPILER_SHOW_COMPARE_H

#include "compiler/show/describe.h"

#include <stdio.h>

/* A fact that only one side has, or that says something else on the other. */
struct mimo_change {
    const struct mimo_fact *old_fact, *new_fact; /* at least one is not NULL */
    bool is_subject; /* a whole subject is new or gone: stands for all its facts */
};

/* In the order of the topics, and of the old description within one; what is only in the new one
 * comes last. */
struct mimo_changes {
    struct mimo_arena *arena;
    struct mimo_change *items;
    size_t count, capacity;
};

void mimo_compare(const struct mimo_description *old_side, const struct mimo_description *new_side,
                  struct mimo_arena *arena, struct mimo_changes *out_changes);

/* A heading for each topic, a line for each change: "  llm.tensor_parallel: 4 → 8", "+ dino
 * (architecture: clip_vit)". Of topics with many subjects, one line for all that change alike. */
void mimo_changes_print_text(const struct mimo_changes *changes, FILE *file);

/* Into the open object: "changes", a list of { topic, subject, field, old, new }. */
struct mimo_json;
void mimo_changes_print_json(const struct mimo_changes *changes, struct mimo_json *json);

#endif
