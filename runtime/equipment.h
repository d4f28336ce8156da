/*
 * equipment.h - what a run computes and communicates with, as --backend says.
 */
#ifndef MIMO_RUNTIME_EQUIPMENT_H
#define MIMO_RUNTIME_EQUIPMENT_H

#include "runtime/backend/module.h"
#include "runtime/world/transport.h"

enum mimo_backend_choice {
    MIMO_BACKEND_AUTO, /* GPUs where the ranks have some and the precision is not fp64 */
    MIMO_BACKEND_CPU,
    MIMO_BACKEND_CUDA,
};

struct mimo_equipment {
    struct mimo_loaded_module module; /* of the backend, but for the CPU's */
    struct mimo_backend backend;
    struct mimo_transport *control; /* of host memory */
    struct mimo_transport
        *transport; /* of the backend's memory; `control` where that is the host's */
};

/*
 * Opens the backend, the same on all ranks. The GPU of a rank is the one of its number on its
 * machine, among those that are visible. MIMO_E_WORLD where GPUs are asked for and there are none
 * (the message says what was looked for), where only some ranks have some, or where a machine has
 * fewer than ranks: save with NCCL_MULTI_RANK_GPU_ENABLE=1, where ranks share them in turn. Errors
 * may be this rank's alone. Collective.
 */
enum mimo_status mimo_equipment_open_backend(struct mimo_equipment *equipment,
                                             struct mimo_world *world,
                                             enum mimo_backend_choice choice,
                                             enum mimo_precision precision, struct mimo_error *err);

/* Then the transports. Collective. */
enum mimo_status mimo_equipment_open_transports(struct mimo_equipment *equipment,
                                                struct mimo_world *world, struct mimo_error *err);

/* Closes what was opened. Collective. */
void mimo_equipment_close(struct mimo_equipment *equipment);

#endif
