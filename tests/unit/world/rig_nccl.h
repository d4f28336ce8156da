/*
 * rig_nccl.h - more of the rig of NCCL than transport_rig.h has, for tests of that transport alone.
 */
#ifndef MIMO_TESTS_UNIT_WORLD_RIG_NCCL_H
#define MIMO_TESTS_UNIT_WORLD_RIG_NCCL_H

#include "runtime/backend/cuda/cuda.h"
#include "tests/unit/world/transport_rig.h"

/* The device of the transport that is open. */
struct mimo_backend *rig_backend(void);

#endif
