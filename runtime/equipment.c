#include "runtime/equipment.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW_BYTES = 1024 * 1024 }; /* of each member of a group of one machine */

/* -- the backend ------------------------------------------------------------------------------ */

/* GPUs that this rank can use; where there are none, `reason` says why and nothing stays loaded. */
static uint32_t find_devices(struct mimo_equipment *equipment, struct mimo_error *reason)
{
    uint32_t count;

    if (mimo_module_load(&equipment->module, "cuda", reason) != MIMO_OK)
        return 0;
    count = equipment->module.module->count_devices(reason);
    if (count == 0)
        mimo_module_unload(&equipment->module);
    return count;
}

static bool may_share_devices(void)
{
    const char *value = getenv("NCCL_MULTI_RANK_GPU_ENABLE");

    return value != NULL && strcmp(value, "0") != 0;
}

static enum mimo_status open_gpu(struct mimo_equipment *equipment, struct mimo_world *world,
                                 uint32_t devices, enum mimo_precision precision,
                                 struct mimo_error *err)
{
    const struct mimo_world_place place = mimo_world_place(world);

    if (devices < place.node_size && !may_share_devices())
        return mimo_error_set(err, MIMO_E_WORLD,
                              "%" PRIu32 " ranks on one machine, but %" PRIu32
                              " GPU%s visible there; --backend cpu needs none",
                              place.node_size, devices, devices == 1 ? " is" : "s are");
    return equipment->module.module->open_backend(&equipment->backend, precision,
                                                  place.node_rank % devices, err);
}

/* Ranks with and without GPUs would not compute the same. */
static enum mimo_status refuse(const struct mimo_world_place *place, uint64_t equipped,
                               const struct mimo_error *reason, struct mimo_error *err)
{
    if (equipped == 0)
        return mimo_error_set(err, MIMO_E_WORLD, "%s", reason->message);
    return mimo_error_set(err, MIMO_E_WORLD,
                          "%" PRIu64 " of %" PRIu32 " ranks have GPUs, but rank %" PRIu32
                          " has none (--backend cpu needs none): %s",
                          equipped, place->size, place->rank, reason->message);
}

enum mimo_status mimo_equipment_open_backend(struct mimo_equipment *equipment,
                                             struct mimo_world *world,
                                             enum mimo_backend_choice choice,
                                             enum mimo_precision precision, struct mimo_error *err)
{
    const struct mimo_world_place place = mimo_world_place(world);
    const bool looks = choice == MIMO_BACKEND_CUDA ||
                       (choice == MIMO_BACKEND_AUTO && precision != MIMO_PRECISION_FP64);
    struct mimo_error reason = {.status = MIMO_OK};
    const uint32_t devices = looks ? find_devices(equipment, &reason) : 0;
    uint64_t equipped = devices > 0;

    MIMO_TRY(mimo_world_sum_u64(world, &equipped, 1, err));
    if (equipped == 0 && choice != MIMO_BACKEND_CUDA)
        return mimo_backend_cpu_open(&equipment->backend, precision, err);
    if (devices == 0)
        return refuse(&place, equipped, &reason, err);
    return open_gpu(equipment, world, devices, precision, err);
}

/* -- the transports --------------------------------------------------------------------------- */

enum mimo_status mimo_equipment_open_transports(struct mimo_equipment *equipment,
                                                struct mimo_world *world, struct mimo_error *err)
{
    const struct mimo_module *module = equipment->module.module;

    MIMO_TRY(mimo_transport_mpi_open(&equipment->control, world, WINDOW_BYTES, err));
    if (module != NULL)
        return module->open_transport(&equipment->transport, equipment->control,
                                      &equipment->backend, err);
    equipment->transport = equipment->control;
    return MIMO_OK;
}

/* A module that was used stays: libraries behind it may have threads. */
void mimo_equipment_close(struct mimo_equipment *equipment)
{
    struct mimo_transport *transport = equipment->transport, *control = equipment->control;

    if (transport != NULL && transport != control)
        transport->ops->close(transport);
    mimo_backend_close(&equipment->backend);
    if (control != NULL)
        control->ops->close(control);
}
