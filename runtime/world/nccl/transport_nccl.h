/*
 * transport_nccl.h - the transport over NCCL, for buffers in the memory of GPUs.
 *
 * Every operation goes to the device's communication stream, behind what the compute stream was
 * asked to do before; the compute stream then waits for its end, save on groups that were detached.
 * One stream for all communicators: operations of two of them are never under way at once on a
 * rank, so that the order in which the plan was proved is the order in which they run.
 *
 * All communicators are split off one of the world. They do not block the host: each call is
 * followed until NCCL has taken it up, and the status board says what is waited for, so that the
 * watchdog ends a job that hangs. Errors that NCCL finds later are looked for before each operation
 * and whenever the host waits for the device; then all communicators are aborted, and what failed
 * is reported with this rank, its instruction, and the group.
 *
 * The order in which NCCL adds depends on sizes and on the machines alone.
 */
#ifndef MIMO_RUNTIME_WORLD_NCCL_TRANSPORT_NCCL_H
#define MIMO_RUNTIME_WORLD_NCCL_TRANSPORT_NCCL_H

#include "runtime/backend/cuda/cuda.h"
#include "runtime/world/transport.h"

/*
 * Opens the transport of the device's memory. `control` carries NCCL's address to the other ranks;
 * it and `cuda` must outlive the transport, which becomes the watch of `cuda`. Collective.
 */
enum mimo_status mimo_transport_nccl_open(struct mimo_transport **out_transport,
                                          struct mimo_transport *control, struct mimo_cuda *cuda,
                                          struct mimo_error *err);

#endif
