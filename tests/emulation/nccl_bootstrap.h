/*
 * nccl_bootstrap.h - how ranks become a communicator of the emulated NCCL.
 *
 * Every rank enrols with one that serves: for a new communicator the process that made the unique
 * id, for a split rank 0 of the parent. It answers with the ranks of the communicator that each
 * belongs to. A thread of each process sees to this, whatever the process itself waits for
 * meanwhile.
 */
#ifndef MIMO_EMULATION_NCCL_BOOTSTRAP_H
#define MIMO_EMULATION_NCCL_BOOTSTRAP_H

#include "nccl_communicator.h"

#include <stdint.h>

namespace emulation
{

/* What a rank tells the one that serves. */
struct nccl_enrolment {
    uint64_t machine; /* a digest of its name */
    int32_t source;   /* rank in the world; set where the enrolment arrives */
    int32_t count;
    int32_t rank; /* of the new communicator, or of the parent */
    int32_t device;
    int32_t color, key;
};

/* All under the lock. */

/* Serves the communicator `number` of as many ranks as these say. */
void nccl_serve_new(int number);

/* Serves one split of the communicator `number`. */
void nccl_serve_split(int number, int count);

/*
 * Enrols with `server`, a rank of the world, under `number`. The answer completes `comm`, which is
 * empty for a rank without color, and ends the splitting of `parent`, which is empty for a new
 * communicator.
 */
void nccl_enrol(int server, int number, const nccl_enrolment &enrolment, nccl_communicator comm,
                nccl_communicator parent);

} // namespace emulation

#endif
