/*
 * nccl_world.h - what the emulated NCCL's parts share: a lock, MPI's world, numbers, tags.
 *
 * All of the emulated NCCL, its calls of MPI included, happens under one lock, which no thread
 * holds while it enqueues or waits. Messages go over MPI_COMM_WORLD with tags from 2^30 on, apart
 * from everybody else's.
 */
#ifndef MIMO_EMULATION_NCCL_WORLD_H
#define MIMO_EMULATION_NCCL_WORLD_H

#include "nccl.h"

#include <mutex>

namespace emulation
{

using nccl_guard = std::unique_lock<std::mutex>;

/* Takes the lock; it is released with the guard. */
nccl_guard nccl_enter();

/* Lets the lock go until another thread calls nccl_changed(). */
void nccl_wait(nccl_guard &guard);
void nccl_changed();

/* Under the lock. ncclSystemError: MPI cannot serve, or not any more; the text says why. */
ncclResult_t nccl_world_open();

/* False after MPI_Finalize has begun: no call of MPI may follow. */
bool nccl_world_is_open();

/* This process's rank in the world, which must be open. */
int nccl_world_rank();

/* A number for a communicator, which no other in the world ever has; -1: there are no more. */
int nccl_number_new();

/* What a communicator's number is used for, each with messages of its own. */
enum class nccl_channel { enrolment, answer, collective, transfer };
int nccl_tag(int number, nccl_channel channel);

} // namespace emulation

#endif
