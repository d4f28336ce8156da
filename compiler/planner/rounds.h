/*
 * rounds.h - how many micro-steps make a round (training->encoder_group), and with that the
 * programs.
 */
#ifndef MIMO_COMPILER_PLANNER_ROUNDS_H
#define MIMO_COMPILER_PLANNER_ROUNDS_H

#include "compiler/planner/draft.h"

/*
 * Sets draft->training->encoder_group and builds the programs (schedule.h). A step is one round,
 * which wastes no time between rounds, unless an encoder shares the ranks of a pipeline, the
 * cluster's memory is known, and what all micro-steps keep does not fit into it: then a round has
 * the most micro-steps that fit, by plan/memory.h. Where not even one does, it is one round.
 */
void mimo_rounds_build(struct mimo_draft *draft);

#endif
