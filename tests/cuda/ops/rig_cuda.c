/* rig_cuda.c - the CUDA backend's variants: its two precisions. */
#include "runtime/backend/cuda/cuda.h"
#include "tests/unit/backend/rig.h"

const struct rig_variant rig_variants[] = {
    {"cuda fp32", MIMO_PRECISION_FP32, NULL},
    {"cuda bf16", MIMO_PRECISION_BF16, NULL},
};
const size_t rig_variant_count = sizeof rig_variants / sizeof *rig_variants;

enum mimo_status rig_variant_open(const struct rig_variant *variant, struct mimo_backend *out_be,
                                  struct mimo_error *err)
{
    return mimo_backend_cuda_open(out_be, variant->precision, 0, err);
}
