/*
 * sequence.h - a pass through layers of a module as a sequence that the backend may replay.
 *
 * Between its begin and its end stand nothing but operations and collectives on tensors of the
 * module and of one saved set, and what they do depends on the key alone (backend.h): no upload, no
 * download, no count of targets.
 */
#ifndef MIMO_RUNTIME_MODEL_SEQUENCE_H
#define MIMO_RUNTIME_MODEL_SEQUENCE_H

#include <stdint.h>

enum mimo_pass { MIMO_PASS_FORWARD, MIMO_PASS_BACKWARD };

/* Has no padding: keys are compared as bytes. */
struct mimo_sequence_key {
    const void *module; /* its weights and scratch */
    const void *saved;  /* its activations */
    int64_t pass;       /* enum mimo_pass */
    int64_t first, end; /* the layers that it goes through */
    int64_t batch, length;
};

#endif
