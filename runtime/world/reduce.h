/*
 * reduce.h - sums and maxima over the members of a group, in one fixed order.
 */
#ifndef MIMO_RUNTIME_WORLD_REDUCE_H
#define MIMO_RUNTIME_WORLD_REDUCE_H

#include "runtime/world/transport.h"

size_t mimo_dtype_bytes(enum mimo_dtype dtype);

/*
 * out[i] = ((parts[0][i] + parts[1][i]) + parts[2][i]) + ... for `count` elements, or the maximum,
 * of which NaN is the largest. Integer sums wrap; bf16 is added in float32 and rounded once. `out`
 * overlaps none of the parts, which are `part_count` > 0 arrays aligned for `dtype`.
 */
void mimo_reduce(void *out, const void *const *parts, uint32_t part_count, size_t count,
                 enum mimo_dtype dtype, enum mimo_reduction reduction);

#endif
