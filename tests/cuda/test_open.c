/* test_open.c - opening and closing the CUDA backend, its memory, its waiting and its errors. */
#include "runtime/backend/cuda/cuda.h"
#include "tests/unit/check.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void open_backend(struct mimo_backend *be, enum mimo_precision precision)
{
    struct mimo_error err = {0};

    if (mimo_backend_cuda_open(be, precision, 0, &err) != MIMO_OK) {
        (void)printf("\n  opening the backend: %s\n", err.message);
        abort();
    }
}

/* -- opening ---------------------------------------------------------------------------------- */

/* The devices are counted once for each process: another one has none. */
static int open_without_devices(void)
{
    struct mimo_backend be = {0};
    struct mimo_error err = {0};

    (void)setenv("MIMO_EMULATED_DEVICES", "0", 1);
    return mimo_backend_cuda_open(&be, MIMO_PRECISION_FP32, 0, &err) == MIMO_E_WORLD &&
                   strstr(err.message, "no CUDA device can be used") != NULL && be.ops == NULL
               ? 0
               : 1;
}

static void test_no_device(void)
{
    int status = -1;
    const pid_t child = fork();

    if (child == 0)
        _exit(open_without_devices());
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK_INT(status, 0);
}

static void test_refusals(void)
{
    struct mimo_backend be = {0};
    struct mimo_error fp64 = {0}, far = {0};

    CHECK_INT(mimo_backend_cuda_open(&be, MIMO_PRECISION_FP64, 0, &fp64), MIMO_E_WORLD);
    CHECK_CONTAINS(fp64.message, "fp64 is computed on the CPU only");
    CHECK_INT(mimo_backend_cuda_open(&be, MIMO_PRECISION_FP32, 99, &far), MIMO_E_WORLD);
    CHECK_CONTAINS(far.message, "there is no CUDA device 99");
    CHECK_INT(mimo_backend_cuda_open(&be, MIMO_PRECISION_FP32, -1, NULL), MIMO_E_WORLD);
    CHECK(be.ops == NULL && be.state == NULL);
}

static void test_both_precisions(void)
{
    struct mimo_backend be;

    open_backend(&be, MIMO_PRECISION_FP32);
    CHECK_TEXT(be.ops->name, "cuda");
    CHECK_INT(be.element_size, 4);
    CHECK_INT(be.wide_size, 4);
    be.ops->close(&be);
    open_backend(&be, MIMO_PRECISION_BF16);
    CHECK_INT(be.precision, MIMO_PRECISION_BF16);
    CHECK_INT(be.element_size, 2);
    CHECK_INT(be.wide_size, 4);
    be.ops->close(&be);
}

/* A table with a hole would be found by a crash, in training. */
static void test_table(void)
{
    struct mimo_backend be;
    void *entries[sizeof(struct mimo_backend_ops) / sizeof(void *)];
    size_t holes = 0;

    open_backend(&be, MIMO_PRECISION_FP32);
    memcpy(entries, be.ops, sizeof entries);
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        holes += entries[i] == NULL;
    CHECK_INT(holes, 0);
    be.ops->close(&be);
}

/* -- memory ----------------------------------------------------------------------------------- */

static void test_memory(void)
{
    const size_t sizes[] = {0, 1, 63, 64, 100000};
    struct mimo_backend be;
    uint64_t sum = 0;

    open_backend(&be, MIMO_PRECISION_FP32);
    CHECK_INT(be.allocated, 0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *const host = malloc(sizes[i] + 1);
        void *const memory = be.ops->alloc(&be, sizes[i]);
        size_t nonzero = 0;
        CHECK(memory != NULL && (uintptr_t)memory % 64 == 0);
        be.ops->download(&be, host, memory, sizes[i]);
        for (size_t b = 0; b < sizes[i]; b++)
            nonzero += host[b] != 0;
        CHECK_INT(nonzero, 0);
        sum += sizes[i];
        CHECK_INT(be.allocated, sum);
        be.ops->free(&be, memory);
        free(host);
    }
    be.ops->close(&be);
}

static void test_out_of_memory(void)
{
    struct mimo_backend be;
    struct mimo_error err = {0};

    open_backend(&be, MIMO_PRECISION_BF16);
    CHECK(be.ops->alloc(&be, (size_t)1 << 45) == NULL);
    CHECK_INT(be.allocated, 0);
    CHECK_INT(be.ops->check(&be, &err), MIMO_E_FAILED);
    CHECK_CONTAINS(err.message, "CUDA device 0 has ");
    CHECK_CONTAINS(err.message, "35184372088832 were asked for");
    be.ops->close(&be);
}

/* -- failures --------------------------------------------------------------------------------- */

static void test_first_error_stays(void)
{
    struct mimo_backend be;
    struct mimo_error first = {0}, second = {0};

    open_backend(&be, MIMO_PRECISION_FP32);
    CHECK_INT(be.ops->check(&be, &first), MIMO_OK);
    CHECK(mimo_cuda_check(mimo_cuda_of(&be), cudaSuccess, "success"));
    CHECK(!mimo_cuda_check(mimo_cuda_of(&be), cudaErrorInvalidValue, "rotary"));
    CHECK(!mimo_cuda_check(mimo_cuda_of(&be), cudaErrorNotSupported, "adamw"));
    CHECK_INT(be.ops->check(&be, &first), MIMO_E_FAILED);
    CHECK_CONTAINS(first.message, "rotary");
    CHECK_CONTAINS(first.message, cudaGetErrorString(cudaErrorInvalidValue));
    CHECK_INT(be.ops->check(&be, &second), MIMO_E_FAILED);
    CHECK_TEXT(second.message, first.message);
    be.ops->close(&be);
}

/* What a watch that loses hope after some looks has seen. */
struct witness {
    int looks, looks_max, ends;
};

static bool look(void *owner, struct mimo_error *err)
{
    struct witness *const witness = owner;

    if (++witness->looks < witness->looks_max)
        return true;
    (void)mimo_error_set(err, MIMO_E_LOST, "a rank was lost");
    return false;
}

static void count_end(void *owner)
{
    ((struct witness *)owner)->ends++;
}

static void hold(void *is_free)
{
    while (__atomic_load_n((int *)is_free, __ATOMIC_ACQUIRE) == 0)
        (void)usleep(100);
}

static void let_go(int *is_free)
{
    __atomic_store_n(is_free, 1, __ATOMIC_RELEASE);
}

/* The device stands still for ever, as it does where a rank has died; download comes back. */
static void test_watch_ends_wait(void)
{
    struct witness witness = {.looks_max = 300};
    struct mimo_backend be;
    struct mimo_error err = {0};
    int is_free = 0, host, *memory;

    open_backend(&be, MIMO_PRECISION_FP32);
    memory = be.ops->alloc(&be, sizeof host);
    CHECK_INT(cudaLaunchHostFunc(mimo_cuda_of(&be)->compute, hold, &is_free), cudaSuccess);
    mimo_cuda_of(&be)->watch = (struct mimo_cuda_watch){&witness, look, count_end};
    be.ops->download(&be, &host, memory, sizeof host);
    CHECK_INT(witness.looks, 300);
    CHECK_INT(witness.ends, 1);
    CHECK_INT(be.ops->check(&be, &err), MIMO_E_LOST);
    CHECK_TEXT(err.message, "a rank was lost");
    let_go(&is_free);
    mimo_cuda_of(&be)->watch = (struct mimo_cuda_watch){0};
    be.ops->free(&be, memory);
    be.ops->close(&be);
}

static const struct mimo_test tests[] = {
    {"a machine without devices", test_no_device}, /* first: before this process has any */
    {"what is refused", test_refusals},
    {"float32 and bf16", test_both_precisions},
    {"every operation is there", test_table},
    {"memory is zero, aligned and counted", test_memory},
    {"out of memory", test_out_of_memory},
    {"the first error stays", test_first_error_stays},
    {"the watch ends a wait", test_watch_ends_wait},
};

MIMO_TEST_MAIN("cuda open", tests)
