#include "runtime/world/reduce.h"

#include "runtime/bf16.h"

#include <string.h>

enum { BLOCK_BYTES = 8192 }; /* `out` stays in the first-level cache from one part to the next */

/* One row for each dtype that is added as it is: its name, the type that holds it, the type that
 * adds it. */
#define DTYPES(ROW)                                                                                \
    ROW(F32, float, float)                                                                         \
    ROW(F64, double, double)                                                                       \
    ROW(I64, int64_t, uint64_t)                                                                    \
    ROW(U8, uint8_t, uint8_t)

#define FUNCTIONS(name, type, sum_type)                                                            \
    static void sum_##name(void *restrict out, const void *restrict more, size_t count)            \
    {                                                                                              \
        type *restrict a = out;                                                                    \
        const type *restrict b = more;                                                             \
        for (size_t i = 0; i < count; i++)                                                         \
            a[i] = (type)((sum_type)a[i] + (sum_type)b[i]);                                        \
    }                                                                                              \
    static void max_##name(void *restrict out, const void *restrict more, size_t count)            \
    {                                                                                              \
        type *restrict a = out;                                                                    \
        const type *restrict b = more;                                                             \
        for (size_t i = 0; i < count; i++)                                                         \
            a[i] = a[i] >= b[i] || a[i] != a[i] ? a[i] : b[i];                                     \
    }
DTYPES(FUNCTIONS)

struct arithmetic {
    size_t bytes;
    void (*combine[2])(void *restrict out, const void *restrict more, size_t count);
};

#define ARITHMETIC(name, type, sum_type)                                                           \
    [MIMO_DTYPE_##                                                                                 \
        name] = {sizeof(type), {[MIMO_REDUCE_SUM] = sum_##name, [MIMO_REDUCE_MAX] = max_##name}},
static const struct arithmetic arithmetics[] = {[MIMO_DTYPE_BF16] = {.bytes = sizeof(uint16_t)},
                                                DTYPES(ARITHMETIC)};

size_t mimo_dtype_bytes(enum mimo_dtype dtype)
{
    return arithmetics[dtype].bytes;
}

static void widen(float *out, const uint16_t *part, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = mimo_bf16_widen(part[i]);
}

/* In float32, and rounded once. */
static void reduce_bf16(uint16_t *out, const void *const *parts, uint32_t part_count, size_t count,
                        enum mimo_reduction reduction)
{
    enum { BLOCK = BLOCK_BYTES / sizeof(float) };
    float sum[BLOCK], more[BLOCK];

    for (size_t done = 0; done < count; done += BLOCK) {
        const size_t length = count - done < BLOCK ? count - done : BLOCK;
        widen(sum, (const uint16_t *)parts[0] + done, length);
        for (uint32_t i = 1; i < part_count; i++) {
            widen(more, (const uint16_t *)parts[i] + done, length);
            arithmetics[MIMO_DTYPE_F32].combine[reduction](sum, more, length);
        }
        for (size_t i = 0; i < length; i++)
            out[done + i] = mimo_bf16_round(sum[i]);
    }
}

void mimo_reduce(void *out, const void *const *parts, uint32_t part_count, size_t count,
                 enum mimo_dtype dtype, enum mimo_reduction reduction)
{
    const struct arithmetic *arithmetic = &arithmetics[dtype];
    const size_t block = BLOCK_BYTES / arithmetic->bytes;

    if (dtype == MIMO_DTYPE_BF16) {
        reduce_bf16(out, parts, part_count, count, reduction);
        return;
    }
    for (size_t done = 0; done < count; done += block) {
        const size_t length = count - done < block ? count - done : block;
        const size_t at = done * arithmetic->bytes;
        memcpy((char *)out + at, (const char *)parts[0] + at, length * arithmetic->bytes);
        for (uint32_t i = 1; i < part_count; i++)
            arithmetic->combine[reduction]((char *)out + at, (const char *)parts[i] + at, length);
    }
}
