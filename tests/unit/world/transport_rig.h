/*
 * transport_rig.h - what the tests of transport.h run on: MPI and memory of the host (rig_mpi.c),
 * or NCCL and memory of emulated GPUs (rig_nccl.c). A program links one of them.
 */
#ifndef MIMO_TESTS_UNIT_WORLD_TRANSPORT_RIG_H
#define MIMO_TESTS_UNIT_WORLD_TRANSPORT_RIG_H

#include "runtime/world/transport.h"

/* The ways in which the transport can be opened; NULL is behind the last. */
extern const char *const rig_ways[];

/* Whether a sum of bf16 is rounded after each member, or once. */
extern const bool rig_rounds_each_sum;

/* NULL, with the reason printed, where it fails. One is open at a time. */
struct mimo_transport *rig_open(struct mimo_world *world, const char *way);
void rig_close(struct mimo_transport *transport);

/* Memory for the transport that is open. Reading waits for the operations on it. */
void *rig_alloc(size_t bytes);
void rig_free(void *memory);
void rig_write(void *memory, const void *bytes, size_t size);
void rig_read(void *bytes, const void *memory, size_t size);

#endif
