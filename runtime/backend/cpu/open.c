/* open.c - the CPU backend's opening: which kernels run here, and the memory they work on. */
#include "runtime/backend/backend.h"
#include "runtime/backend/cpu/gemm.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Every tier of the build, the best one last. */
#define DECLARE(tier)                                                                              \
    void mimo_cpu_float_##tier##_ops(struct mimo_backend_ops *ops);                                \
    void mimo_cpu_double_##tier##_ops(struct mimo_backend_ops *ops);
#if defined(__x86_64__)
#define TIERS(X) X(baseline) X(avx2) X(avx512)
#else
#define TIERS(X) X(baseline)
#endif
TIERS(DECLARE)

enum { CACHE_LINE = 64, HUGE_PAGE = 2 << 20 };

struct tier {
    const char *name;
    bool (*is_supported)(void);
    void (*float_ops)(struct mimo_backend_ops *ops);
    void (*double_ops)(struct mimo_backend_ops *ops);
};

static bool supports_baseline(void)
{
    return true;
}

#if defined(__x86_64__)
/* The feature bits decide, and whether the kernel saves the registers; never the model's number. */
static bool supports_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool supports_avx512(void)
{
    return supports_avx2() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq");
}
#endif

#define ROW(tier)                                                                                  \
    {#tier, supports_##tier, mimo_cpu_float_##tier##_ops, mimo_cpu_double_##tier##_ops},
static const struct tier tiers[] = {TIERS(ROW)};
enum { TIER_COUNT = sizeof tiers / sizeof *tiers };

/* The best tier that MIMO_CPU, if set, and the machine allow; NULL for an unknown name. On machines
 * other than x86-64 the names of its tiers are known and cap nothing. */
static const struct tier *choose_tier(const char *cap)
{
    const struct tier *best = NULL;
    bool is_known = cap == NULL || strcmp(cap, "avx2") == 0 || strcmp(cap, "avx512") == 0;
    for (size_t i = 0; i < TIER_COUNT; i++) {
        if (tiers[i].is_supported())
            best = &tiers[i];
        if (cap != NULL && strcmp(cap, tiers[i].name) == 0) {
            is_known = true;
            break;
        }
    }
    return is_known ? best : NULL;
}

/* Large tensors lie on huge pages where the system grants them. */
static void *memory_alloc(struct mimo_backend *be, size_t bytes)
{
    const size_t alignment = bytes >= HUGE_PAGE ? HUGE_PAGE : CACHE_LINE;
    void *memory;
    if (posix_memalign(&memory, alignment, bytes > 0 ? bytes : 1) != 0)
        return NULL;
    if (alignment == HUGE_PAGE)
        (void)madvise(memory, bytes, MADV_HUGEPAGE);
    memset(memory, 0, bytes);
    be->allocated += bytes;
    return memory;
}

static void memory_free(struct mimo_backend *be, void *memory)
{
    (void)be;
    free(memory);
}

/* Every operation has completed when it returns, and none can fail. */
static void synchronize(struct mimo_backend *be)
{
    (void)be;
}

static enum mimo_status check(struct mimo_backend *be, struct mimo_error *err)
{
    (void)be;
    (void)err;
    return MIMO_OK;
}

/* Issuing costs no more than replaying would. */
static bool sequence_begin(struct mimo_backend *be, const void *key, size_t size)
{
    (void)be;
    (void)key;
    (void)size;
    return false;
}

static void sequence_end(struct mimo_backend *be)
{
    (void)be;
}

static void close_cpu(struct mimo_backend *be)
{
    free(be->state);
}

enum mimo_status mimo_backend_cpu_open(struct mimo_backend *out_backend,
                                       enum mimo_precision precision, struct mimo_error *err)
{
    const char *cap = getenv("MIMO_CPU");
    const struct tier *tier = choose_tier(cap);
    const bool is_double = precision == MIMO_PRECISION_FP64;
    struct mimo_backend_ops *ops;
    if (tier == NULL)
        return mimo_error_set(err, MIMO_E_USAGE,
                              "MIMO_CPU is '%s', but it can be baseline, avx2 or avx512", cap);
    if (!is_double && precision != MIMO_PRECISION_FP32)
        return mimo_error_set(err, MIMO_E_WORLD, "the CPU backend computes in fp32 and fp64 only");
    ops = calloc(1, sizeof *ops);
    if (ops == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "out of memory");
    (is_double ? tier->double_ops : tier->float_ops)(ops);
    ops->name = "cpu";
    ops->alloc = memory_alloc;
    ops->free = memory_free;
    ops->synchronize = synchronize;
    ops->check = check;
    ops->sequence_begin = sequence_begin;
    ops->sequence_end = sequence_end;
    ops->close = close_cpu;
    mimo_cpu_gemm_init(tier->name);
    *out_backend = (struct mimo_backend){.ops = ops,
                                         .precision = precision,
                                         .element_size = is_double ? sizeof(double) : sizeof(float),
                                         .wide_size = is_double ? sizeof(double) : sizeof(float),
                                         .state = ops};
    return MIMO_OK;
}

void mimo_backend_close(struct mimo_backend *backend)
{
    if (backend->ops != NULL)
        backend->ops->close(backend);
    *backend = (struct mimo_backend){0};
}
