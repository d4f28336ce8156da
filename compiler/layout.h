/*
 * layout.h - from the layouts of modules to stages, groups, edges, roles and ranges.
 */
#ifndef MIMO_COMPILER_LAYOUT_H
#define MIMO_COMPILER_LAYOUT_H

#include "compiler/draft.h"

#include <stdbool.h>

/*
 * Builds the sections STAG, GRPS, EDGE, ROLE, PLAC and RANG from the module records, whose shapes
 * and layouts are set and obey the rules (check.h); sets their stage_first and stage_count. World
 * size and language module come from plan.meta. Roles get their instructions from schedule.h.
 */
void mimo_layout_build(struct mimo_draft *draft);

/* True where stage `stage` of the module runs backward: something at it or before it is trained. */
bool mimo_layout_has_backward(const struct mimo_plan *plan, uint32_t module, uint32_t stage);

/* True where the module or its projector is trained. */
bool mimo_layout_is_trained(const struct mimo_plan *plan, uint32_t module);

#endif
