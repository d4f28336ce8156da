/*
 * ranks.h - the proof that what instructions communicate adds up, over the real ranks.
 */
#ifndef MIMO_COMPILER_PROOF_RANKS_H
#define MIMO_COMPILER_PROOF_RANKS_H

#include "plan/arena.h"
#include "plan/plan.h"

#include <stdbool.h>

/*
 * prove.h runs the programs of roles; this proves what they communicate inside, and that the ranks
 * of a role may be taken for one. It derives what is needed from the parameter table and from what
 * layers compute, and shares nothing with the generator (communication.h). It shows that
 *   - the members of every group, listed one by one, are those that differ in the digits which the
 *     kind names, and each rank is in one group of a kind (proof/groups.c);
 *   - every rank of a stage has a role that holds it, and two roles that meet in some group come to
 *     what they do together in the same order (proof/ranks.c);
 *   - on every edge, what the senders list from their coordinates is what the receivers list from
 *     the plan: the same samples and columns, in the same order between two ranks; every
 *     destination gets each sample's columns once. Rows are counted by samples on both ends, so
 *     this holds for every number of images, none included (proof/transfers.c);
 *   - within a stage every product finds its rows complete, and every sum that tensor, context or
 *     expert ranks have parts of is completed once, in forward and backward; what leaves a stage is
 *     complete, and rows that are cut by position become columns before a bridge (proof/stages.c);
 *   - the gradient of every parameter is summed once over all ranks that saw other rows or other
 *     uses of it, with factor 1, for the loss is divided by the number of targets of the global
 *     batch (proof/gradients.c);
 *   - no record of section COMM is left over.
 *
 * Else *out_reason, in `arena`, says what is missing. Sections before COMM may not have been
 * verified but for GRPS and EDGE, which are looked at here.
 */
bool mimo_prove_ranks(const struct mimo_plan *plan, struct mimo_arena *arena,
                      const char **out_reason);

#endif
