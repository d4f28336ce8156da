/*
 * rig_cpu.c - the CPU backend's variants: every tier that MIMO_CPU knows, the best first (oneDNN
 * keeps the cap of the first), in every precision. A tier that the machine lacks gives the best
 * below it.
 */
#include "tests/unit/backend/rig.h"

#include <stdlib.h>

#define TIER(name)                                                                                 \
    {name " fp32", MIMO_PRECISION_FP32, name}, {name " fp64", MIMO_PRECISION_FP64, name},          \
    {                                                                                              \
        name " bf16", MIMO_PRECISION_BF16, name                                                    \
    }
const struct rig_variant rig_variants[] = {TIER("amx"), TIER("avx512"), TIER("avx2"),
                                           TIER("baseline")};
const size_t rig_variant_count = sizeof rig_variants / sizeof *rig_variants;

enum mimo_status rig_variant_open(const struct rig_variant *variant, struct mimo_backend *out_be,
                                  struct mimo_error *err)
{
    (void)setenv("MIMO_CPU", variant->setting, 1);
    return mimo_backend_cpu_open(out_be, variant->precision, err);
}
