/*
 * trial.h - the parts of mimo-exec --preflight: known patterns through each group and edge of a
 * plan.
 *
 * Every operation has a pattern of its own, float32 whole numbers below 256 that depend on the rank
 * that they come from and on the place, so that their sums are exact for 65,536 ranks. All ranks
 * know what each of them has to receive.
 *
 * The first element that came out wrong is kept as the trial's fault, and the trial goes on, since
 * other ranks wait for this one; an operation that fails ends it.
 */
#ifndef MIMO_RUNTIME_TRAIN_TRIAL_H
#define MIMO_RUNTIME_TRAIN_TRIAL_H

#include "runtime/train/engine.h"

enum { MIMO_TRIAL_LARGE_BYTES = 8 << 20 }; /* of the all-reduce that is timed */

struct mimo_trial {
    const struct mimo_machine *machine;
    uint32_t round; /* the same on all ranks, another for each kind of group and each edge */
    struct mimo_error fault;  /* MIMO_OK: nothing wrong so far */
    float *expected, *actual; /* in memory of the host */
    float *data, *received;   /* in the backend's */
};

/* Makes room for every group, and for this rank's transfers over every edge. Release it also where
 * it fails. */
enum mimo_status mimo_trial_open(struct mimo_trial *trial, const struct mimo_machine *machine,
                                 const struct mimo_plan *plan, struct mimo_error *err);
void mimo_trial_close(struct mimo_trial *trial);

/* Tries every operation on the group, with even and with uneven pieces. *out_seconds is the
 * shortest that this rank took for the large all-reduce. Collective over the group. */
enum mimo_status mimo_trial_group(struct mimo_trial *trial, struct mimo_group *group,
                                  double *out_seconds, struct mimo_error *err);
/* What it tries: "all-reduce of sums, ...". */
extern const char mimo_trial_operations[];

/* Sends a message along each transfer of the edge in one direction, all at once. `name` is what a
 * fault calls the edge. Collective over the world. */
enum mimo_status mimo_trial_edge(struct mimo_trial *trial, const struct mimo_plan *plan,
                                 uint32_t edge, uint32_t direction, const char *name,
                                 struct mimo_error *err);
/* The most elements that this rank sends or receives in that. */
size_t mimo_trial_edge_elements(const struct mimo_machine *machine, const struct mimo_plan *plan,
                                uint32_t edge);

/* -- shared by them --------------------------------------------------------------------------- */

/* Element i of the pattern that `salt` stands for. */
static inline float mimo_trial_pattern(uint32_t salt, size_t i)
{
    const uint32_t mixed = (salt ^ (uint32_t)i) * UINT32_C(2654435761);

    return (float)(mixed >> 24);
}

/* A salt of its own for each sequence of values: begin with 0, add one value after the other. */
static inline uint32_t mimo_trial_salt(uint32_t salt, uint32_t value)
{
    const uint32_t mixed = (salt ^ value) * UINT32_C(0x85ebca6b);

    return (mixed ^ mixed >> 13) + UINT32_C(0x9e3779b9);
}

/* actual[0] ... actual[count - 1] go to `memory`. */
void mimo_trial_put(struct mimo_trial *trial, float *memory, size_t count);

/* Waits for what came to memory[first] ... memory[first + count - 1], and compares it with what is
 * expected there. `what` names the operation in a fault. */
enum mimo_status mimo_trial_check(struct mimo_trial *trial, const float *memory, size_t first,
                                  size_t count, const char *what, struct mimo_error *err);

#endif
