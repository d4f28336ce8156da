/*
 * What ends a program, and what a program with an unusual device sees: each case in a process of
 * its own. This one never touches the device, whose thread a forked process would lack.
 */
#include "emulated_tensor_core.h"
#include "stream.h"
#include "test_device.h"
#include "tests/unit/check.h"

#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ADDRESS_SANITIZER 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define WITH_ADDRESS_SANITIZER 1
#endif

namespace
{

/* ---- processes ---- */

struct outcome {
    int wait_status;
    std::string text; /* what it wrote to its standard error */
};

[[noreturn]] void be_child(int error_end, void (*run)())
{
    const rlimit no_core = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)dup2(error_end, STDERR_FILENO);
    run();
    exit(0);
}

std::string read_all(int file)
{
    std::string text;
    char piece[1024];
    for (ssize_t n; (n = read(file, piece, sizeof piece)) > 0;)
        text.append(piece, static_cast<size_t>(n));
    return text;
}

outcome outcome_of(void (*run)())
{
    int ends[2];
    outcome result{};
    if (pipe(ends) != 0)
        return {-1, "no pipe"};
    (void)fflush(stdout);
    const pid_t child = fork();
    if (child == 0)
        be_child(ends[1], run);
    (void)close(ends[1]);
    result.text = read_all(ends[0]);
    (void)close(ends[0]);
    (void)waitpid(child, &result.wait_status, 0);
    return result;
}

bool is_success(const outcome &result)
{
    return WIFEXITED(result.wait_status) && WEXITSTATUS(result.wait_status) == 0;
}

void check_dies(void (*run)(), const char *kernel, const char *message)
{
    const outcome result = outcome_of(run);
    CHECK(!is_success(result));
    CHECK_CONTAINS(result.text.c_str(), kernel);
    CHECK_CONTAINS(result.text.c_str(), message);
}

void check_survives(void (*run)())
{
    const outcome result = outcome_of(run);
    CHECK(is_success(result));
    CHECK_TEXT(result.text.c_str(), "");
}

/* ---- threads that do not come ---- */

__global__ void leave_before_barrier()
{
    if (threadIdx.x != 5)
        __syncthreads();
}

__global__ void leave_before_shuffle()
{
    if (threadIdx.x < 20)
        (void)__shfl_xor_sync(0xffffffffu, 1, 1);
}

__global__ void mix_barriers()
{
    if (threadIdx.x % 2 == 0)
        __syncthreads();
    else
        (void)__syncthreads_or(1);
}

__global__ void shuffle_as_stranger()
{
    (void)__shfl_sync(0x0000ffffu, 1, 0);
}

__global__ void shuffle_from_stranger()
{
    if (threadIdx.x < 16)
        (void)__shfl_sync(0x0000ffffu, 1, 20);
}

__global__ void multiply_with_half_a_warp()
{
    float d[4] = {0, 0, 0, 0};
    const uint32_t a[4] = {0, 0, 0, 0}, b[2] = {0, 0};
    if (threadIdx.x < 16)
        mma_m16n8k16_bf16(d, a, b, d);
}

void divergence_is_reported()
{
    check_dies([] { (void)launch_and_wait(dim3(1, 1, 1), dim3(8, 2), 0, leave_before_barrier); },
               "leave_before_barrier", "block (0,0,0)");
    check_dies([] { (void)launch_and_wait(1, 8, 0, leave_before_barrier); },
               "thread (0,0,0) and 6 more: in __syncthreads\n", "thread (5,0,0): ended\n");
    check_dies([] { (void)launch_and_wait(1, 32, 0, leave_before_shuffle); },
               "leave_before_shuffle",
               "thread (0,0,0) and 19 more: in __shfl_xor_sync of lanes 0xffffffff");
    check_dies([] { (void)launch_and_wait(1, 40, 0, mix_barriers); }, "mix_barriers",
               "__syncthreads_or");
    check_dies([] { (void)launch_and_wait(1, dim3(17), 0, shuffle_as_stranger); },
               "shuffle_as_stranger", "__shfl_sync of lanes 0x0000ffff");
    check_dies([] { (void)launch_and_wait(1, 32, 0, shuffle_from_stranger); },
               "shuffle_from_stranger", "reads lane 20");
    check_dies([] { (void)launch_and_wait(1, 32, 0, multiply_with_half_a_warp); },
               "multiply_with_half_a_warp", "thread (0,0,0) and 15 more: in mma_m16n8k16_bf16");
}

/* ---- addresses ---- */

__global__ void load_rows_from(const char *rows)
{
    uint32_t r[2];
    ldmatrix_x2(r, rows + threadIdx.x * 16);
}

__global__ void load_unaligned_rows()
{
    uint32_t r[4];
    ldmatrix_x4(r, static_cast<char *>(MIMO_EMULATED_DYNAMIC_SHARED()) + threadIdx.x * 16 + 2);
}

__global__ void copy_to_global(uint4 *to, const uint4 *from)
{
    copy_async_16(to, from, true);
}

void load_from_global_memory()
{
    device_array<char> rows(1024, 0);
    (void)launch_and_wait(1, 32, 0, load_rows_from, rows.data());
}

void copy_within_global_memory()
{
    device_array<uint4> numbers(2, {});
    (void)launch_and_wait(1, 1, 0, copy_to_global, numbers.data(), numbers.data() + 1);
}

void addresses_are_checked()
{
    check_dies(load_from_global_memory, "load_rows_from", "not shared memory");
    check_dies(copy_within_global_memory, "copy_to_global", "not shared memory");
    check_dies([] { (void)launch_and_wait(1, 32, 1024, load_unaligned_rows); },
               "load_unaligned_rows", "not 16-byte aligned");
}

#ifdef WITH_ADDRESS_SANITIZER
__global__ void write_dynamic(unsigned place)
{
    static_cast<char *>(MIMO_EMULATED_DYNAMIC_SHARED())[place] = 1;
}

__global__ void write_static(int place)
{
    __shared__ int numbers[4];
    atomicAdd(&numbers[place], 1);
}

__global__ void write_global(char *memory, int place)
{
    memory[place] = 1;
}

void write_beyond_device_memory()
{
    device_array<char> memory(100, 0);
    (void)launch_and_wait(1, 1, 0, write_global, memory.data(), 100);
}

void overflows_are_noticed()
{
    CHECK(is_success(outcome_of([] { (void)launch_and_wait(2, 1, 100, write_dynamic, 99u); })));
    check_dies([] { (void)launch_and_wait(2, 1, 100, write_dynamic, 100u); }, "write_dynamic",
               "AddressSanitizer: heap-buffer-overflow");
    check_dies([] { (void)launch_and_wait(1, 1, 0, write_static, 4); }, "", "");
    check_dies(write_beyond_device_memory, "write_global",
               "AddressSanitizer: heap-buffer-overflow");
}
#endif

/* ---- a device that is lost, one that is small, none ---- */

void expect(bool is_true, const char *what)
{
    if (!is_true) {
        (void)fprintf(stderr, "not so: %s\n", what);
        exit(1);
    }
}

void lose_the_device()
{
    int *memory = nullptr;
    (void)emulation::enqueue(nullptr,
                             {"fails", nullptr, [] { return emulation::progress::failed; }});
    expect(cudaDeviceSynchronize() == cudaErrorLaunchFailure, "the wait tells");
    expect(cudaMalloc(&memory, 4) == cudaErrorLaunchFailure, "later calls tell");
    expect(cudaGetLastError() == cudaErrorLaunchFailure, "the last error tells");
    expect(cudaGetLastError() == cudaErrorLaunchFailure, "the error stays");
}

void have_no_device()
{
    int count = -1;
    void *memory = nullptr;
    (void)setenv("MIMO_EMULATED_DEVICES", "0", 1);
    expect(cudaGetDeviceCount(&count) == cudaErrorNoDevice && count == 0, "none is counted");
    expect(cudaSetDevice(0) == cudaErrorInvalidDevice, "none is chosen");
    expect(cudaMalloc(&memory, 16) == cudaErrorNoDevice, "none has memory");
    expect(cudaDeviceSynchronize() == cudaErrorNoDevice, "none is waited for");
}

void have_a_small_device()
{
    void *memory = nullptr;
    (void)setenv("MIMO_EMULATED_DEVICE_MEMORY", "1000", 1);
    expect(cudaMalloc(&memory, 600) == cudaSuccess, "600 bytes fit");
    expect(cudaMalloc(&memory, 600) == cudaErrorMemoryAllocation, "1200 do not");
}

void unusual_devices_are_reported()
{
    check_survives(lose_the_device);
    check_survives(have_no_device);
    check_survives(have_a_small_device);
}

void fail_after_use()
{
    (void)setenv("MIMO_EMULATION_SEED", "77", 1);
    (void)launch_and_wait(1, 32, 1024, load_unaligned_rows);
}

__global__ void do_nothing()
{
}

void exit_with_failure()
{
    (void)setenv("MIMO_EMULATION_SEED", "78", 1);
    (void)launch_and_wait(1, 32, 0, do_nothing);
    exit(1);
}

void failures_tell_the_seed()
{
    check_dies(fail_after_use, "MIMO_EMULATION_SEED=77", "load_unaligned_rows");
    check_dies(exit_with_failure, "MIMO_EMULATION_SEED=78", "");
}

const mimo_test tests[] = {
    {"threads that do not come end the program", divergence_is_reported},
    {"wrong addresses end the program", addresses_are_checked},
#ifdef WITH_ADDRESS_SANITIZER
    {"overflows end the program", overflows_are_noticed},
#endif
    {"a lost, a small and no device", unusual_devices_are_reported},
    {"failures tell the seed", failures_tell_the_seed},
};

} // namespace

MIMO_TEST_MAIN("emulated faults", tests)
