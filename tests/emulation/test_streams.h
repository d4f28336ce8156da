/*
 * test_streams.h - streams, events and a kernel whose order shows in its result, for tests.
 */
#ifndef MIMO_EMULATION_TEST_STREAMS_H
#define MIMO_EMULATION_TEST_STREAMS_H

#include "random.h"
#include "test_device.h"
#include "tests/unit/check.h"

class stream_holder
{
  public:
    explicit stream_holder(unsigned flags = cudaStreamNonBlocking)
    {
        CHECK_INT(cudaStreamCreateWithFlags(&stream, flags), cudaSuccess);
    }
    ~stream_holder()
    {
        CHECK_INT(cudaStreamDestroy(stream), cudaSuccess);
    }
    stream_holder(const stream_holder &) = delete;
    stream_holder &operator=(const stream_holder &) = delete;
    cudaStream_t stream = nullptr;
};

class event_holder
{
  public:
    explicit event_holder(unsigned flags = cudaEventDisableTiming)
    {
        CHECK_INT(cudaEventCreateWithFlags(&event, flags), cudaSuccess);
    }
    ~event_holder()
    {
        CHECK_INT(cudaEventDestroy(event), cudaSuccess);
    }
    event_holder(const event_holder &) = delete;
    event_holder &operator=(const event_holder &) = delete;
    cudaEvent_t event = nullptr;
};

/* Sums and products do not commute: the number tells in which order they were carried out. */
__global__ inline void multiply_add(long long *number, long long factor, long long addend)
{
    *number = *number * factor + addend;
}

inline void launch_on(cudaStream_t stream, long long *number, long long factor, long long addend)
{
    const cudaLaunchConfig_t config = configuration(1, 1, 0, stream);
    CHECK_INT(cudaLaunchKernelEx(&config, multiply_add, number, factor, addend), cudaSuccess);
}

/* How many of 40 seeds give a result other than the expected one. */
template <typename Run> int count_differing(Run run, long long expected)
{
    int differing = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        emulation::random_reseed(seed);
        differing += run() != expected;
    }
    return differing;
}

#endif
