#include "tests/unit/backend/rig.h"

#include <stdlib.h>

const char *const rig_tiers[3] = {"avx512", "avx2", "baseline"};

void rig_open(struct rig *rig, enum mimo_precision precision, const char *tier)
{
    struct mimo_error err = {0};
    *rig = (struct rig){.tier = tier, .bound = precision == MIMO_PRECISION_FP64 ? 1e-13 : 1e-5};
    (void)setenv("MIMO_CPU", tier, 1);
    if (mimo_backend_cpu_open(&rig->be, precision, &err) != MIMO_OK) {
        (void)printf("\n  opening the backend: %s\n", err.message);
        abort();
    }
}

void rig_close(struct rig *rig)
{
    for (size_t i = 0; i < rig->memory_count; i++)
        rig->be.ops->free(&rig->be, rig->memory[i]);
    mimo_backend_close(&rig->be);
}

void rig_for_each(void (*test)(struct rig *rig))
{
    const enum mimo_precision precisions[] = {MIMO_PRECISION_FP32, MIMO_PRECISION_FP64};
    for (size_t t = 0; t < 3; t++)
        for (size_t p = 0; p < 2; p++) {
            struct rig rig;
            rig_open(&rig, precisions[p], rig_tiers[t]);
            test(&rig);
            rig_close(&rig);
        }
}

static void *remember(struct rig *rig, size_t bytes)
{
    void *memory = rig->be.ops->alloc(&rig->be, bytes);
    if (memory == NULL || rig->memory_count == RIG_MEMORY_MAX)
        abort();
    rig->memory[rig->memory_count++] = memory;
    return memory;
}

void *rig_new(struct rig *rig, int64_t count)
{
    return remember(rig, (size_t)count * rig->be.element_size);
}

void *rig_put(struct rig *rig, const double *values, int64_t count)
{
    void *memory = rig_new(rig, count);
    for (int64_t i = 0; i < count; i++) {
        const float single = (float)values[i];
        const size_t size = rig->be.element_size;
        rig->be.ops->upload(&rig->be, (char *)memory + (size_t)i * size,
                            size == sizeof single ? (const void *)&single : &values[i], size);
    }
    return memory;
}

void *rig_put_ids(struct rig *rig, const int32_t *ids, int64_t count)
{
    void *memory = remember(rig, (size_t)count * sizeof *ids);
    rig->be.ops->upload(&rig->be, memory, ids, (size_t)count * sizeof *ids);
    return memory;
}

void rig_get(struct rig *rig, const void *memory, double *out_values, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const size_t size = rig->be.element_size;
        float single;
        rig->be.ops->download(&rig->be, size == sizeof single ? (void *)&single : &out_values[i],
                              (const char *)memory + (size_t)i * size, size);
        if (size == sizeof single)
            out_values[i] = (double)single;
    }
}

double rig_sum(struct rig *rig,
               void (*sum)(struct mimo_backend *be, double *sum, const void *x, int64_t count),
               double before, const void *x, int64_t count)
{
    double *const held = remember(rig, sizeof *held);
    double after;
    rig->be.ops->upload(&rig->be, held, &before, sizeof before);
    sum(&rig->be, held, x, count);
    rig->be.ops->download(&rig->be, &after, held, sizeof after);
    return after;
}

void rig_fill(double *out_values, int64_t count, uint32_t seed)
{
    uint32_t state = seed * 2654435761U + 1;
    for (int64_t i = 0; i < count; i++) {
        state = state * 1664525U + 1013904223U;
        out_values[i] = (double)(state >> 12) / 524288.0 - 1.0;
    }
}

void rig_check(struct rig *rig, const char *what, const double *actual, const double *expected,
               int64_t count, double bound)
{
    for (int64_t i = 0; i < count; i++) {
        const bool is_near = actual[i] == expected[i] ||
                             fabs(actual[i] - expected[i]) <= bound * fmax(1, fabs(expected[i]));
        if (!is_near)
            (void)printf("\n  %s (%s, %zu bytes): element %" PRId64 " is %.17g, expected %.17g\n",
                         what, rig->tier, rig->be.element_size, i, actual[i], expected[i]);
        CHECK(is_near);
        if (!is_near)
            return;
    }
}

void rig_expect(struct rig *rig, const char *what, const void *memory, const double *expected,
                int64_t count)
{
    double *actual = calloc((size_t)count + 1, sizeof *actual);
    if (actual == NULL)
        abort();
    rig_get(rig, memory, actual, count);
    rig_check(rig, what, actual, expected, count, rig->bound);
    free(actual);
}
