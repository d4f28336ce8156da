/*
 * schedule.h - the programs: what each role does in a step, and in which order.
 *
 * The order of computing is a rule for each stage: how often it goes forward before it first goes
 * backward, then one forward, one backward (1F1B), or all forwards first (gpipe). A stage's warm-up
 * is the number of hand-overs to other ranks behind it, up to the end of the language model, so
 * encoders on ranks of their own are pipeline stages before the language model's first. The chunks
 * of an interleaved pipeline rank share one such rule (interleave.h).
 *
 * A role with several places, and all communication, is ordered by a simulation: a clock, one task
 * at a time on each rank, a transfer when its data is there, the receiver's next task needs it and
 * both sides are idle. What the simulation does, in the order in which it does it, is written down
 * in the programs of those who take part. All programs are thus parts of one sequence; in that
 * sequence whatever comes first can always complete, so that blocking transfers, and what groups do
 * together on the way, cannot deadlock. (Joining a send and a neighbouring receive of groups within
 * the role into one exchange only relaxes that.) prove.h checks
 * the result without relying on this argument.
 *
 * An encoder that shares its ranks with a pipelined language model, or is itself pipelined there,
 * runs apart: in each round of training->encoder_group micro-steps all its forwards before the
 * language model's and all its backwards behind them.
 */
#ifndef MIMO_COMPILER_PLANNER_SCHEDULE_H
#define MIMO_COMPILER_PLANNER_SCHEDULE_H

#include "compiler/planner/draft.h"

/* Builds section PROG and the roles' part of it, from modules, stages, edges, roles,
 * training->micro_steps and encoder_group; sets the stages' live_max. May be called again after the
 * group has been changed (rounds.h). */
void mimo_schedule_build(struct mimo_draft *draft);

#endif
