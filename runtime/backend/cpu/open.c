/* open.c - the CPU backend's opening: which kernels run here, and the memory they work on. */
#include "runtime/backend/cpu/cpu.h"
#include "runtime/backend/cpu/gemm.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

/* The kernels of the build. */
#define DECLARE(kernels)                                                                           \
    void mimo_cpu_float_##kernels##_ops(struct mimo_backend_ops *ops);                             \
    void mimo_cpu_double_##kernels##_ops(struct mimo_backend_ops *ops);                            \
    void mimo_cpu_bf16_##kernels##_ops(struct mimo_backend_ops *ops);
DECLARE(baseline)
#if defined(__x86_64__)
DECLARE(avx2)
DECLARE(avx512)
#endif

/* X(tier, its kernels), the best one last. What AMX adds is the matrix products' alone. */
#if defined(__x86_64__)
#define TIERS(X) X(baseline, baseline) X(avx2, avx2) X(avx512, avx512) X(amx, avx512)
#else
#define TIERS(X) X(baseline, baseline)
#endif

enum { CACHE_LINE = 64, HUGE_PAGE = 2 << 20 };

struct tier {
    const char *name;
    bool (*is_supported)(void);
    void (*enter[MIMO_PRECISION_COUNT])(struct mimo_backend_ops *ops);
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

/* oneDNN asks the kernel for the tiles' registers, and does without where it does not get them. */
static bool supports_amx(void)
{
    enum { LEAF = 7, BF16 = 1 << 22, TILE = 1 << 24 };
    unsigned a, b, c, d;
    return supports_avx512() && __get_cpuid_count(LEAF, 0, &a, &b, &c, &d) != 0 &&
           (d & BF16) != 0 && (d & TILE) != 0;
}
#endif

#define ROW(tier, kernels)                                                                         \
    {#tier,                                                                                        \
     supports_##tier,                                                                              \
     {[MIMO_PRECISION_FP32] = mimo_cpu_float_##kernels##_ops,                                      \
      [MIMO_PRECISION_BF16] = mimo_cpu_bf16_##kernels##_ops,                                       \
      [MIMO_PRECISION_FP64] = mimo_cpu_double_##kernels##_ops}},
static const struct tier tiers[] = {TIERS(ROW)};
enum { TIER_COUNT = sizeof tiers / sizeof *tiers };

/* The best tier that MIMO_CPU, if set, and the machine allow; NULL for an unknown name. On machines
 * other than x86-64 the names of its tiers are known and cap nothing. */
static const struct tier *choose_tier(const char *cap)
{
    const struct tier *best = NULL;
    bool is_known = cap == NULL || strcmp(cap, "avx2") == 0 || strcmp(cap, "avx512") == 0 ||
                    strcmp(cap, "amx") == 0;
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
    struct mimo_cpu *cpu = mimo_cpu_of(be);
    mimo_cpu_bf16_free(cpu->bf16);
    free(cpu);
}

static void enter_memory(struct mimo_backend_ops *ops)
{
    ops->name = "cpu";
    ops->alloc = memory_alloc;
    ops->free = memory_free;
    ops->synchronize = synchronize;
    ops->check = check;
    ops->sequence_begin = sequence_begin;
    ops->sequence_end = sequence_end;
    ops->close = close_cpu;
}

enum mimo_status mimo_backend_cpu_open(struct mimo_backend *out_backend,
                                       enum mimo_precision precision, struct mimo_error *err)
{
    static const size_t element_sizes[MIMO_PRECISION_COUNT] = {
        [MIMO_PRECISION_FP32] = sizeof(float),
        [MIMO_PRECISION_BF16] = sizeof(uint16_t),
        [MIMO_PRECISION_FP64] = sizeof(double),
    };
    const char *cap = getenv("MIMO_CPU");
    const struct tier *tier = choose_tier(cap);
    struct mimo_cpu *cpu;
    if (tier == NULL)
        return mimo_error_set(err, MIMO_E_USAGE,
                              "MIMO_CPU is '%s', but it can be baseline, avx2, avx512 or amx", cap);
    mimo_cpu_gemm_init(tier->name);
    cpu = calloc(1, sizeof *cpu);
    if (cpu != NULL && precision == MIMO_PRECISION_BF16)
        cpu->bf16 = mimo_cpu_bf16_new(tier->name);
    if (cpu == NULL || (precision == MIMO_PRECISION_BF16 && cpu->bf16 == NULL)) {
        free(cpu);
        return mimo_error_set(err, MIMO_E_FAILED, "out of memory");
    }
    tier->enter[precision](&cpu->ops);
    enter_memory(&cpu->ops);
    *out_backend = (struct mimo_backend){
        .ops = &cpu->ops,
        .precision = precision,
        .element_size = element_sizes[precision],
        .wide_size = precision == MIMO_PRECISION_FP64 ? sizeof(double) : sizeof(float),
        .state = cpu,
    };
    return MIMO_OK;
}

void mimo_backend_close(struct mimo_backend *backend)
{
    if (backend->ops != NULL)
        backend->ops->close(backend);
    *backend = (struct mimo_backend){0};
}
