/* Streams, events and copies: what must be in order is, what need not be sometimes is not. */
#include "stream.h"
#include "test_device.h"
#include "test_streams.h"
#include "tests/unit/check.h"

#include <memory>
#include <vector>

namespace
{

/* ---- order ---- */

void a_stream_is_a_queue()
{
    const stream_holder one;
    device_array<long long> number(1, 1);
    long long expected = 1;
    for (int i = 0; i < 30; i++) {
        launch_on(one.stream, number.data(), i % 2 == 0 ? 3 : 1, i);
        expected = expected * (i % 2 == 0 ? 3 : 1) + i;
    }
    CHECK_INT(cudaStreamSynchronize(one.stream), cudaSuccess);
    CHECK_INT(cudaStreamQuery(one.stream), cudaSuccess);
    CHECK_INT(number.values()[0], expected);
}

/* (1 + 5) * 7 where the second stream waits for the first. */
long long run_on_two_streams(bool has_event)
{
    const stream_holder first, second;
    const event_holder added;
    device_array<long long> number(1, 1);
    launch_on(first.stream, number.data(), 1, 5);
    CHECK_INT(cudaEventRecord(added.event, first.stream), cudaSuccess);
    if (has_event)
        CHECK_INT(cudaStreamWaitEvent(second.stream, added.event, 0), cudaSuccess);
    launch_on(second.stream, number.data(), 7, 0);
    CHECK_INT(cudaDeviceSynchronize(), cudaSuccess);
    return number.values()[0];
}

void events_order_streams()
{
    CHECK_INT(count_differing([] { return run_on_two_streams(true); }, 42), 0);
}

void missing_event_shows()
{
    CHECK(count_differing([] { return run_on_two_streams(false); }, 42) > 0);
}

/* An event stands for its latest record at the time of the wait. */
void a_wait_takes_the_record_before_it()
{
    const stream_holder first, second;
    const event_holder event;
    device_array<long long> number(1, 1);
    CHECK_INT(cudaStreamWaitEvent(second.stream, event.event, 0), cudaSuccess);
    launch_on(first.stream, number.data(), 2, 0);
    CHECK_INT(cudaEventRecord(event.event, first.stream), cudaSuccess);
    launch_on(first.stream, number.data(), 1, 3);
    CHECK_INT(cudaEventRecord(event.event, first.stream), cudaSuccess);
    CHECK_INT(cudaStreamWaitEvent(second.stream, event.event, 0), cudaSuccess);
    launch_on(second.stream, number.data(), 10, 0);
    CHECK_INT(cudaStreamSynchronize(second.stream), cudaSuccess);
    CHECK_INT(number.values()[0], 50);
}

long long run_beside_legacy_stream(unsigned flags)
{
    const stream_holder other(flags);
    device_array<long long> number(1, 1);
    launch_on(other.stream, number.data(), 1, 5);
    launch_on(nullptr, number.data(), 7, 0);
    launch_on(other.stream, number.data(), 1, 8);
    CHECK_INT(cudaDeviceSynchronize(), cudaSuccess);
    return number.values()[0];
}

void legacy_stream_waits_for_blocking_ones_only()
{
    CHECK_INT(count_differing([] { return run_beside_legacy_stream(cudaStreamDefault); }, 50), 0);
    CHECK(count_differing([] { return run_beside_legacy_stream(cudaStreamNonBlocking); }, 50) > 0);
}

/* ---- operations that take their time ---- */

struct gate {
    bool is_open = false;
    int polls = 0;
};

void wait_for_polls(const stream_holder &holder, const std::shared_ptr<gate> &shared)
{
    const auto poll = [shared] {
        shared->polls++;
        return shared->polls < 5 ? emulation::progress::pending : emulation::progress::done;
    };
    CHECK_INT(emulation::enqueue(holder.stream, {"gate", [shared] { shared->polls = 0; }, poll}),
              cudaSuccess);
}

void other_streams_go_on_while_one_is_pending()
{
    const stream_holder stuck, free;
    const auto opened = std::make_shared<gate>();
    device_array<long long> number(1, 1);
    CHECK_INT(emulation::enqueue(stuck.stream, {"gate", nullptr,
                                                [opened] {
                                                    return opened->is_open
                                                               ? emulation::progress::done
                                                               : emulation::progress::pending;
                                                }}),
              cudaSuccess);
    launch_on(stuck.stream, number.data(), 1, 1);
    CHECK_INT(cudaStreamQuery(stuck.stream), cudaErrorNotReady);
    CHECK_INT(cudaGetLastError(), cudaErrorNotReady);
    CHECK_INT(emulation::enqueue_call(free.stream, "open", [opened] { opened->is_open = true; }),
              cudaSuccess);
    CHECK_INT(cudaStreamSynchronize(stuck.stream), cudaSuccess);
    CHECK_INT(number.values()[0], 2);
}

void operations_are_polled_until_done()
{
    const stream_holder one;
    const auto shared = std::make_shared<gate>();
    wait_for_polls(one, shared);
    wait_for_polls(one, shared);
    CHECK_INT(cudaStreamSynchronize(one.stream), cudaSuccess);
    CHECK_INT(shared->polls, 5);
}

void host_functions_run_in_order()
{
    const stream_holder one;
    int number = 0;
    const auto set_to_7 = [](void *data) { *static_cast<int *>(data) = 7; };
    CHECK_INT(cudaLaunchHostFunc(one.stream, set_to_7, &number), cudaSuccess);
    CHECK_INT(cudaStreamSynchronize(one.stream), cudaSuccess);
    CHECK_INT(number, 7);
}

/* ---- copies ---- */

/* What arrives on the device when the host overwrites the source right after the call. */
long long copy_then_overwrite(long long *host)
{
    const stream_holder one;
    device_array<long long> number(1, 0);
    *host = 1;
    CHECK_INT(
        cudaMemcpyAsync(number.data(), host, sizeof *host, cudaMemcpyHostToDevice, one.stream),
        cudaSuccess);
    *host = 2;
    CHECK_INT(cudaStreamSynchronize(one.stream), cudaSuccess);
    return number.values()[0];
}

void pageable_memory_is_read_at_the_call()
{
    long long pageable = 0;
    CHECK_INT(count_differing([&] { return copy_then_overwrite(&pageable); }, 1), 0);
}

void pinned_memory_is_read_later()
{
    long long *pinned = nullptr;
    CHECK_INT(cudaMallocHost(&pinned, sizeof *pinned), cudaSuccess);
    CHECK(count_differing([&] { return copy_then_overwrite(pinned); }, 1) > 0);
    CHECK_INT(cudaFreeHost(pinned), cudaSuccess);
}

/* What the host sees right after the call that copies a 3 to it. */
long long copy_then_look(long long *host)
{
    const stream_holder one;
    device_array<long long> number(1, 3);
    *host = 0;
    CHECK_INT(
        cudaMemcpyAsync(host, number.data(), sizeof *host, cudaMemcpyDeviceToHost, one.stream),
        cudaSuccess);
    const long long seen = *const_cast<volatile long long *>(host);
    CHECK_INT(cudaStreamSynchronize(one.stream), cudaSuccess);
    CHECK_INT(*host, 3);
    return seen;
}

void copies_to_the_host_land()
{
    long long pageable = 0, *pinned = nullptr;
    CHECK_INT(cudaMallocHost(&pinned, sizeof *pinned), cudaSuccess);
    CHECK_INT(count_differing([&] { return copy_then_look(&pageable); }, 3), 0);
    CHECK(count_differing([&] { return copy_then_look(pinned); }, 3) > 0);
    CHECK_INT(cudaFreeHost(pinned), cudaSuccess);
}

void rows_are_copied_with_pitches()
{
    const stream_holder one;
    device_array<int> numbers(4 * 5, 0);
    const int rows[3][4] = {{1, 2, 3, 4}, {5, 6, 7, 8}, {9, 10, 11, 12}};
    CHECK_INT(cudaMemcpy2DAsync(numbers.data() + 1, 5 * sizeof(int), rows, 4 * sizeof(int),
                                3 * sizeof(int), 3, cudaMemcpyHostToDevice, one.stream),
              cudaSuccess);
    CHECK_INT(cudaStreamSynchronize(one.stream), cudaSuccess);
    const std::vector<int> result = numbers.values();
    for (size_t i = 0; i < result.size(); i++)
        CHECK_INT(result[i], i / 5 < 3 && i % 5 >= 1 && i % 5 < 4 ? rows[i / 5][i % 5 - 1] : 0);
}

void wrong_copies_are_refused()
{
    device_array<int> numbers(4, 0);
    int host[8] = {0};
    CHECK_INT(cudaMemcpy(numbers.data(), host, 5 * sizeof(int), cudaMemcpyHostToDevice),
              cudaErrorInvalidValue);
    CHECK_INT(cudaMemcpy(host, host + 4, sizeof(int), cudaMemcpyHostToDevice),
              cudaErrorInvalidMemcpyDirection);
    CHECK_INT(cudaMemset(host, 0, sizeof host), cudaErrorInvalidValue);
    CHECK_INT(cudaMemcpy2DAsync(numbers.data(), 4, host, 4, 8, 1, cudaMemcpyHostToDevice, nullptr),
              cudaErrorInvalidValue);
    (void)cudaGetLastError();
}

/* ---- memory ---- */

void fresh_memory_is_nan()
{
    float *memory = nullptr, host[4];
    CHECK_INT(cudaMalloc(&memory, sizeof host), cudaSuccess);
    CHECK_INT(cudaMemcpy(host, memory, sizeof host, cudaMemcpyDeviceToHost), cudaSuccess);
    for (float each : host)
        CHECK(isnan(each));
    CHECK_INT(cudaMemset(memory, 0, sizeof host), cudaSuccess);
    CHECK_INT(cudaMemcpy(host, memory, sizeof host, cudaMemcpyDefault), cudaSuccess);
    for (float each : host)
        CHECK_NEAR(each, 0, 0);
    CHECK_INT(cudaFree(memory), cudaSuccess);
    CHECK_INT(cudaFree(nullptr), cudaSuccess);
}

void memory_is_counted_by_device()
{
    size_t free_before = 0, free_after = 0, total = 0;
    void *memory = nullptr;
    CHECK_INT(cudaMemGetInfo(&free_before, &total), cudaSuccess);
    CHECK_INT(cudaMalloc(&memory, 1000), cudaSuccess);
    CHECK_INT(cudaMemGetInfo(&free_after, &total), cudaSuccess);
    CHECK_INT(free_before - free_after, 1000);
    CHECK_INT(cudaSetDevice(1), cudaSuccess);
    CHECK_INT(cudaMemGetInfo(&free_after, &total), cudaSuccess);
    CHECK_INT(free_after, total);
    CHECK_INT(cudaSetDevice(0), cudaSuccess);
    CHECK_INT(cudaFree(memory), cudaSuccess);
    CHECK_INT(cudaMalloc(&memory, total + 1), cudaErrorMemoryAllocation);
    CHECK_INT(cudaFree(&total), cudaErrorInvalidValue);
    (void)cudaGetLastError();
}

/* ---- devices, events, errors ---- */

void devices_are_described()
{
    int count = 0, processors = 0, device = -1;
    cudaDeviceProp properties;
    CHECK_INT(cudaGetDeviceCount(&count), cudaSuccess);
    CHECK_INT(count, 8);
    CHECK_INT(cudaGetDevice(&device), cudaSuccess);
    CHECK_INT(device, 0);
    CHECK_INT(cudaSetDevice(count), cudaErrorInvalidDevice);
    CHECK_INT(cudaGetDeviceProperties(&properties, 3), cudaSuccess);
    CHECK_INT(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, 3), cudaSuccess);
    CHECK_INT(processors, properties.multiProcessorCount);
    CHECK_INT(properties.sharedMemPerBlockOptin, 227 * 1024);
    CHECK_TEXT(cudaGetErrorName(cudaErrorInvalidDevice), "cudaErrorInvalidDevice");
    CHECK_TEXT(cudaGetErrorString(cudaErrorInvalidDevice), "invalid device ordinal");
    CHECK_INT(cudaPeekAtLastError(), cudaErrorInvalidDevice);
    CHECK_INT(cudaGetLastError(), cudaErrorInvalidDevice);
    CHECK_INT(cudaGetLastError(), cudaSuccess);
}

void events_measure_time()
{
    const stream_holder one;
    const event_holder start(cudaEventDefault), end(cudaEventDefault), without_timing;
    float milliseconds = -1;
    CHECK_INT(cudaEventElapsedTime(&milliseconds, start.event, end.event),
              cudaErrorInvalidResourceHandle);
    CHECK_INT(cudaEventRecord(start.event, one.stream), cudaSuccess);
    CHECK_INT(cudaEventRecord(without_timing.event, one.stream), cudaSuccess);
    CHECK_INT(cudaEventRecord(end.event, one.stream), cudaSuccess);
    CHECK_INT(cudaEventSynchronize(end.event), cudaSuccess);
    CHECK_INT(cudaEventQuery(start.event), cudaSuccess);
    CHECK_INT(cudaEventElapsedTime(&milliseconds, start.event, end.event), cudaSuccess);
    CHECK(milliseconds >= 0);
    CHECK_INT(cudaEventElapsedTime(&milliseconds, start.event, without_timing.event),
              cudaErrorInvalidResourceHandle);
    (void)cudaGetLastError();
}

void handles_are_checked()
{
    cudaStream_t stream = nullptr;
    cudaEvent_t event = nullptr;
    CHECK_INT(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, -1), cudaSuccess);
    CHECK_INT(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), cudaSuccess);
    CHECK_INT(cudaSetDevice(1), cudaSuccess);
    const cudaLaunchConfig_t config = configuration(1, 1, 0, stream);
    CHECK_INT(cudaLaunchKernelEx(&config, multiply_add, nullptr, 1, 1),
              cudaErrorInvalidResourceHandle);
    CHECK_INT(cudaEventRecord(event, nullptr), cudaErrorInvalidResourceHandle);
    CHECK_INT(cudaSetDevice(0), cudaSuccess);
    CHECK_INT(cudaStreamDestroy(stream), cudaSuccess);
    CHECK_INT(cudaStreamSynchronize(stream), cudaErrorInvalidResourceHandle);
    CHECK_INT(cudaEventDestroy(event), cudaSuccess);
    CHECK_INT(cudaEventQuery(event), cudaErrorInvalidResourceHandle);
    (void)cudaGetLastError();
}

const mimo_test tests[] = {
    {"a stream is a queue", a_stream_is_a_queue},
    {"an event orders two streams", events_order_streams},
    {"a missing event shows as a wrong result", missing_event_shows},
    {"a wait takes the record before it", a_wait_takes_the_record_before_it},
    {"the legacy stream waits for blocking ones only", legacy_stream_waits_for_blocking_ones_only},
    {"other streams go on while one is pending", other_streams_go_on_while_one_is_pending},
    {"operations are started anew and polled until done", operations_are_polled_until_done},
    {"host functions", host_functions_run_in_order},
    {"pageable memory is read at the call", pageable_memory_is_read_at_the_call},
    {"pinned memory is read later", pinned_memory_is_read_later},
    {"copies to the host land", copies_to_the_host_land},
    {"copies of rows with pitches", rows_are_copied_with_pitches},
    {"wrong copies are refused", wrong_copies_are_refused},
    {"fresh memory is NaN", fresh_memory_is_nan},
    {"memory is counted by device", memory_is_counted_by_device},
    {"devices and errors have descriptions", devices_are_described},
    {"events measure time", events_measure_time},
    {"handles are checked", handles_are_checked},
};

} // namespace

MIMO_TEST_MAIN("emulated streams", tests)
