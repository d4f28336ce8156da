/*
 * layouts.h - plans of all modes and kinds of parallelism, compiled from small declarations.
 */
#ifndef MIMO_TESTS_UNIT_COMPILER_LAYOUTS_H
#define MIMO_TESTS_UNIT_COMPILER_LAYOUTS_H

#include "plan/plan.h"
#include "tests/unit/compiler/front.h"

/* What the declaration has besides sizes that all share; NULL: nothing. */
struct layout {
    const char *name;
    const char *architecture; /* of the language model; NULL: llama */
    const char *language, *encoder, *projector, *modality;
    const char *deployment, *training, *data;
};

extern const struct layout layouts[];
extern const size_t layout_count;

struct compiled {
    struct front front;
    struct mimo_plan plan;
    size_t size;
};

/* Compiles; where that gives errors, they are printed and *compiled has no modules. */
void compiled_open(struct compiled *compiled, const struct layout *layout);
void compiled_open_text(struct compiled *compiled, const char *text);
void compiled_release(struct compiled *compiled);

/* The layout of that name. */
const struct layout *layout_called(const char *name);

#endif
