/*
 * interleave.h - the order in which a pipeline rank with several chunks of layers takes the
 * micro-steps of a round: interleaved 1F1B (Narayanan et al. 2021, "Efficient Large-Scale Language
 * Model Training on GPU Clusters Using Megatron-LM", section 2.2).
 *
 * The micro-steps are cut into groups of at least as many as there are pipeline ranks. A group goes
 * through chunk 0, then through chunk 1, and so on; then comes the next group. Backwards take the
 * chunks the other way. A group that is shorter than the pipeline would come to the next chunk
 * before its first micro-step has gone round; where a round has fewer micro-steps than that, it is
 * one group. Groups differ by at most one, longer ones first: a backward then never overtakes its
 * forward. Pure arithmetic.
 */
#ifndef MIMO_COMPILER_PLANNER_INTERLEAVE_H
#define MIMO_COMPILER_PLANNER_INTERLEAVE_H

#include <stdint.h>

struct mimo_interleave {
    uint32_t ranks, chunks, micro_steps; /* of the pipeline; of a rank; of the round; all >= 1 */
};

/* The chunk of the index-th of all forwards of a rank, index < chunks * micro_steps. Backwards go
 * through the chunks in descending order: chunks - 1 - this. */
uint32_t mimo_interleave_chunk(const struct mimo_interleave *interleave, uint32_t index);

/* The index among a rank's forwards of that of `micro_step` in `chunk`. */
uint32_t mimo_interleave_index(const struct mimo_interleave *interleave, uint32_t chunk,
                               uint32_t micro_step);

/* The forwards of pipeline rank `rank` before its first backward, where the end of the pipeline
 * goes backward with a micro-step only after forward with the `ahead` next ones: on the last rank
 * as many as these take, and two more on each rank before it, the way there and back. At most all
 * of them.
 */
uint32_t mimo_interleave_warm_up(const struct mimo_interleave *interleave, uint32_t rank,
                                 uint32_t ahead);

/* The most micro-steps of chunk 0 that are alive at once after `warm_up` forwards and then a
 * forward and a backward in turn. */
uint32_t mimo_interleave_live(const struct mimo_interleave *interleave, uint32_t warm_up);

#endif
