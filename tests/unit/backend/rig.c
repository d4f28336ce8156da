#include "tests/unit/backend/rig.h"

#include "runtime/bf16.h"

#include <stdlib.h>

/* -- opening ---------------------------------------------------------------------------------- */

static void start(struct rig *rig, const char *name, enum mimo_status status,
                  const struct mimo_error *err)
{
    const bool is_double = rig->be.wide_size == sizeof(double);
    if (status != MIMO_OK) {
        (void)printf("\n  opening the backend, %s: %s\n", name, err->message);
        abort();
    }
    rig->name = name;
    rig->wide_bound = is_double ? 1e-13 : 1e-5;
    rig->bound = rig->be.element_size == sizeof(uint16_t) ? 1e-2 : rig->wide_bound;
}

void rig_open(struct rig *rig, const struct rig_variant *variant)
{
    struct mimo_error err = {0};
    *rig = (struct rig){0};
    start(rig, variant->name, rig_variant_open(variant, &rig->be, &err), &err);
}

void rig_open_reference(struct rig *rig)
{
    struct mimo_error err = {0};
    *rig = (struct rig){0};
    start(rig, "reference", mimo_backend_cpu_open(&rig->be, MIMO_PRECISION_FP64, &err), &err);
}

void rig_release(struct rig *rig)
{
    for (size_t i = 0; i < rig->memory_count; i++)
        rig->be.ops->free(&rig->be, rig->memory[i]);
    rig->memory_count = 0;
}

void rig_close(struct rig *rig)
{
    struct mimo_error err = {0};
    const bool is_sound = rig->be.ops->check(&rig->be, &err) == MIMO_OK;
    if (!is_sound)
        (void)printf("\n  %s: %s\n", rig->name, err.message);
    CHECK(is_sound);
    rig_release(rig);
    mimo_backend_close(&rig->be);
}

void rig_for_each(void (*test)(struct rig *rig))
{
    for (size_t i = 0; i < rig_variant_count; i++) {
        struct rig rig;
        rig_open(&rig, &rig_variants[i]);
        test(&rig);
        rig_close(&rig);
    }
}

/* -- numbers ---------------------------------------------------------------------------------- */

static void encode(void *number, double value, size_t size)
{
    const float single = (float)value;
    const uint16_t half = mimo_bf16_round(single);
    const void *const from = size == sizeof half     ? (const void *)&half
                             : size == sizeof single ? (const void *)&single
                                                     : &value;
    memcpy(number, from, size);
}

static double decode(const void *number, size_t size)
{
    uint16_t half;
    float single;
    double value;
    if (size == sizeof half) {
        memcpy(&half, number, size);
        return (double)mimo_bf16_widen(half);
    }
    if (size == sizeof single) {
        memcpy(&single, number, size);
        return (double)single;
    }
    memcpy(&value, number, size);
    return value;
}

void rig_round(const struct rig *rig, double *values, int64_t count)
{
    double number;
    for (int64_t i = 0; i < count; i++) {
        encode(&number, values[i], rig->be.element_size);
        values[i] = decode(&number, rig->be.element_size);
    }
}

void rig_fill(const struct rig *rig, double *out_values, int64_t count, uint32_t seed)
{
    uint32_t state = seed * 2654435761U + 1;
    for (int64_t i = 0; i < count; i++) {
        state = state * 1664525U + 1013904223U;
        out_values[i] = (double)(state >> 12) / 524288.0 - 1.0;
    }
    if (rig->be.element_size < sizeof(float))
        rig_round(rig, out_values, count);
}

/* -- memory ----------------------------------------------------------------------------------- */

static void *remember(struct rig *rig, size_t bytes)
{
    void *memory = rig->be.ops->alloc(&rig->be, bytes);
    if (memory == NULL || rig->memory_count == RIG_MEMORY_MAX)
        abort();
    rig->memory[rig->memory_count++] = memory;
    return memory;
}

static char *host_memory(size_t bytes)
{
    char *memory = malloc(bytes + 1);
    if (memory == NULL)
        abort();
    return memory;
}

static void *put(struct rig *rig, const double *values, int64_t count, size_t size)
{
    char *host = host_memory((size_t)count * size);
    void *memory;
    for (int64_t i = 0; i < count; i++)
        encode(host + (size_t)i * size, values[i], size);
    memory = rig_put_bytes(rig, host, (size_t)count * size);
    free(host);
    return memory;
}

static void get(struct rig *rig, const void *memory, double *out_values, int64_t count, size_t size)
{
    char *host = host_memory((size_t)count * size);
    rig->be.ops->download(&rig->be, host, memory, (size_t)count * size);
    for (int64_t i = 0; i < count; i++)
        out_values[i] = decode(host + (size_t)i * size, size);
    free(host);
}

void *rig_new(struct rig *rig, int64_t count)
{
    return remember(rig, (size_t)count * rig->be.element_size);
}

void *rig_new_wide(struct rig *rig, int64_t count)
{
    return remember(rig, (size_t)count * rig->be.wide_size);
}

void *rig_put(struct rig *rig, const double *values, int64_t count)
{
    return put(rig, values, count, rig->be.element_size);
}

void *rig_put_wide(struct rig *rig, const double *values, int64_t count)
{
    return put(rig, values, count, rig->be.wide_size);
}

void *rig_put_bytes(struct rig *rig, const void *host, size_t bytes)
{
    void *memory = remember(rig, bytes);
    rig->be.ops->upload(&rig->be, memory, host, bytes);
    return memory;
}

int32_t *rig_put_ids(struct rig *rig, const int32_t *ids, int64_t count)
{
    return rig_put_bytes(rig, ids, (size_t)count * sizeof *ids);
}

void *rig_workspace(struct rig *rig, const struct mimo_attention *shape)
{
    return remember(rig, rig->be.ops->attention_workspace(&rig->be, shape));
}

void rig_get(struct rig *rig, const void *memory, double *out_values, int64_t count)
{
    get(rig, memory, out_values, count, rig->be.element_size);
}

void rig_get_wide(struct rig *rig, const void *memory, double *out_values, int64_t count)
{
    get(rig, memory, out_values, count, rig->be.wide_size);
}

double rig_sum(struct rig *rig,
               void (*sum)(struct mimo_backend *be, double *sum, const void *x, int64_t count),
               double before, const void *x, int64_t count)
{
    double *const held = rig_put_bytes(rig, &before, sizeof before);
    double after;
    sum(&rig->be, held, x, count);
    rig->be.ops->download(&rig->be, &after, held, sizeof after);
    return after;
}

/* -- comparing -------------------------------------------------------------------------------- */

void rig_check(struct rig *rig, const char *what, const double *actual, const double *expected,
               int64_t count, double bound)
{
    for (int64_t i = 0; i < count; i++) {
        const bool is_near = actual[i] == expected[i] ||
                             fabs(actual[i] - expected[i]) <= bound * fmax(1, fabs(expected[i]));
        if (!is_near)
            (void)printf("\n  %s (%s): element %" PRId64 " is %.17g, expected %.17g\n", what,
                         rig->name, i, actual[i], expected[i]);
        CHECK(is_near);
        if (!is_near)
            return;
    }
}

static void check_norm(struct rig *rig, const char *what, const double *actual,
                       const double *expected, int64_t count, double bound)
{
    double square = 0, error = 0;
    for (int64_t i = 0; i < count; i++)
        if (isfinite(expected[i])) {
            square += expected[i] * expected[i];
            error += (actual[i] - expected[i]) * (actual[i] - expected[i]);
        }
    if (!(sqrt(error) <= bound * sqrt(square)))
        (void)printf("\n  %s (%s): the error's norm is %g of %g\n", what, rig->name, sqrt(error),
                     sqrt(square));
    CHECK(sqrt(error) <= bound * sqrt(square));
}

static void expect(struct rig *rig, const char *what, const double *actual, const double *expected,
                   int64_t count, double bound)
{
    rig_check(rig, what, actual, expected, count, bound);
    if (rig->be.element_size < sizeof(float))
        check_norm(rig, what, actual, expected, count, bound);
}

void rig_expect(struct rig *rig, const char *what, const void *memory, const double *expected,
                int64_t count)
{
    double *actual = (double *)(void *)host_memory((size_t)count * sizeof *actual);
    rig_get(rig, memory, actual, count);
    expect(rig, what, actual, expected, count, rig->bound);
    free(actual);
}

void rig_expect_wide(struct rig *rig, const char *what, const void *memory, const double *expected,
                     int64_t count)
{
    double *actual = (double *)(void *)host_memory((size_t)count * sizeof *actual);
    rig_get_wide(rig, memory, actual, count);
    expect(rig, what, actual, expected, count, rig->wide_bound);
    free(actual);
}
