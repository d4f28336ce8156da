/*
 * run.h - a small training state for the suites: tensors whose values are a function of the global
 * element and a version, cut over the ranks in several ways.
 */
#ifndef MIMO_TESTS_UNIT_CHECKPOINT_RUN_H
#define MIMO_TESTS_UNIT_CHECKPOINT_RUN_H

#include "plan/arena.h"
#include "runtime/checkpoint/checkpoint.h"

enum { RUN_FILES = 2, RUN_TENSORS = 5, RUN_SHARDS = 2 * RUN_TENSORS };

enum run_layout {
    RUN_ROWS,       /* cut over dimension 0, unevenly */
    RUN_COLUMNS,    /* cut over the last dimension */
    RUN_REPLICATED, /* every rank holds everything, tensor t is rank t's (modulo size) to write */
    RUN_LAST,       /* the last rank holds everything, the others nothing */
    RUN_PIECES, /* the left and the right columns, and of each every rank its piece of elements */
    RUN_LAYOUTS,
};

/* One rank's state. Memory is the fixture backend's. */
struct run {
    struct mimo_arena arena;
    struct mimo_backend backend;
    struct mimo_tensor_file files[RUN_FILES];
    struct mimo_checkpoint_state state;
};

/* A state without values. */
void run_init(struct run *run, struct mimo_world *world, enum run_layout layout, bool is_f64);
void run_release(struct run *run);

/* Fills the shards, and the state, with what `version` has; counts elements that differ from it. */
void run_fill(struct run *run, uint64_t version);
uint64_t run_differences(const struct run *run, uint64_t version);

#endif
