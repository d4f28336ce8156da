/*
 * compile.h - from a resolved declaration to a plan.
 */
#ifndef MIMO_COMPILER_PLANNER_COMPILE_H
#define MIMO_COMPILER_PLANNER_COMPILE_H

#include "compiler/declaration/declaration.h"

/*
 * Checks the model, the layouts, the deployment and the training of `declaration` (rules E04 to E07
 * and their warnings) and records every independent mistake. With `out_bytes`, and if neither these
 * rules nor an earlier pass recorded an error, also builds the plan (plan/format.h), proves its
 * programs, and returns its bytes, which live in `arena`; otherwise *out_bytes is NULL.
 */
void mimo_compile(const struct mimo_declaration *declaration, struct mimo_arena *arena,
                  struct mimo_diagnostics *diagnostics, const unsigned char **out_bytes,
                  size_t *out_size);

#endif
