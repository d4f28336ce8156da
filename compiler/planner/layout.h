/*
 * layout.h - from the layouts of modules to stages, groups, edges, roles and ranges.
 */
#ifndef MIMO_COMPILER_PLANNER_LAYOUT_H
#define MIMO_COMPILER_PLANNER_LAYOUT_H

#include "compiler/planner/draft.h"

/*
 * Builds the sections STAG, GRPS, EDGE, ROLE, PLAC and RANG from the module records, whose shapes
 * and layouts are set and obey the rules (check.h); sets their stage_first and stage_count. World
 * size and language module come from plan.meta. Roles get their instructions from schedule.h.
 */
void mimo_layout_build(struct mimo_draft *draft);

#endif
