/* Stream capture and graphs: what is recorded, replayed and refused. */
#include "stream.h"
#include "test_device.h"
#include "test_streams.h"
#include "tests/unit/check.h"

#include <algorithm>
#include <memory>
#include <thread>

namespace
{

constexpr auto thread_local_mode = cudaStreamCaptureModeThreadLocal;

/* A graph that can be launched; what was captured is destroyed at once, as one may. */
class executable
{
  public:
    explicit executable(cudaStream_t captured)
    {
        cudaGraph_t graph = nullptr;
        CHECK_INT(cudaStreamEndCapture(captured, &graph), cudaSuccess);
        CHECK_INT(cudaGraphInstantiate(&exec, graph, 0), cudaSuccess);
        CHECK_INT(cudaGraphDestroy(graph), cudaSuccess);
    }
    ~executable()
    {
        CHECK_INT(cudaGraphExecDestroy(exec), cudaSuccess);
    }
    executable(const executable &) = delete;
    executable &operator=(const executable &) = delete;
    cudaGraphExec_t exec = nullptr;
};

/* ---- replay ---- */

void captured_work_runs_at_launches_only()
{
    const stream_holder one;
    device_array<long long> number(1, 1);
    CHECK_INT(cudaStreamBeginCapture(one.stream, thread_local_mode), cudaSuccess);
    launch_on(one.stream, number.data(), 1, 4);
    launch_on(one.stream, number.data(), 2, 0);
    const executable graph(one.stream);
    CHECK_INT(cudaStreamSynchronize(one.stream), cudaSuccess);
    CHECK_INT(number.values()[0], 1);
    for (int i = 0; i < 3; i++)
        CHECK_INT(cudaGraphLaunch(graph.exec, one.stream), cudaSuccess);
    launch_on(one.stream, number.data(), 10, 1);
    CHECK_INT(cudaStreamSynchronize(one.stream), cudaSuccess);
    CHECK_INT(number.values()[0], (((1 + 4) * 2 + 4) * 2 + 4) * 2 * 10 + 1);
}

/* A second stream is forked off and joined again: ((1 + 5) * 7 + 9). */
long long run_forked(bool has_fork_event)
{
    const stream_holder main, side;
    const event_holder forked, added, joined;
    device_array<long long> number(1, 1);
    CHECK_INT(cudaStreamBeginCapture(main.stream, thread_local_mode), cudaSuccess);
    CHECK_INT(cudaEventRecord(forked.event, main.stream), cudaSuccess);
    CHECK_INT(cudaStreamWaitEvent(side.stream, forked.event, 0), cudaSuccess);
    launch_on(main.stream, number.data(), 1, 5);
    CHECK_INT(cudaEventRecord(added.event, main.stream), cudaSuccess);
    if (has_fork_event)
        CHECK_INT(cudaStreamWaitEvent(side.stream, added.event, 0), cudaSuccess);
    launch_on(side.stream, number.data(), 7, 0);
    CHECK_INT(cudaEventRecord(joined.event, side.stream), cudaSuccess);
    CHECK_INT(cudaStreamWaitEvent(main.stream, joined.event, 0), cudaSuccess);
    launch_on(main.stream, number.data(), 1, 9);
    const executable graph(main.stream);
    CHECK_INT(cudaGraphLaunch(graph.exec, main.stream), cudaSuccess);
    CHECK_INT(cudaStreamSynchronize(main.stream), cudaSuccess);
    return number.values()[0];
}

void dependencies_are_kept()
{
    CHECK_INT(count_differing([] { return run_forked(true); }, 51), 0);
}

void missing_dependency_shows()
{
    CHECK(count_differing([] { return run_forked(false); }, 51) > 0);
}

void operations_start_anew_in_each_launch()
{
    const stream_holder one;
    const auto polls = std::make_shared<int>(0), starts = std::make_shared<int>(0);
    const auto start = [=] {
        *polls = 0;
        ++*starts;
    };
    const auto poll = [=] {
        return ++*polls < 4 ? emulation::progress::pending : emulation::progress::done;
    };
    CHECK_INT(cudaStreamBeginCapture(one.stream, thread_local_mode), cudaSuccess);
    CHECK_INT(emulation::enqueue(one.stream, {"counted", start, poll}), cudaSuccess);
    const executable graph(one.stream);
    CHECK_INT(cudaGraphLaunch(graph.exec, one.stream), cudaSuccess);
    CHECK_INT(cudaGraphLaunch(graph.exec, one.stream), cudaSuccess);
    CHECK_INT(cudaStreamSynchronize(one.stream), cudaSuccess);
    CHECK_INT(*starts, 2);
    CHECK_INT(*polls, 4);
}

/* Two launches of one graph follow each other, whatever their streams. */
void launches_of_a_graph_do_not_overlap()
{
    const stream_holder one, other;
    const auto running = std::make_shared<int>(0), most = std::make_shared<int>(0);
    const auto enter = [=] { *most = std::max(*most, ++*running); };
    const auto leave = [=] { --*running; };
    CHECK_INT(cudaStreamBeginCapture(one.stream, thread_local_mode), cudaSuccess);
    CHECK_INT(emulation::enqueue_call(one.stream, "enter", enter), cudaSuccess);
    CHECK_INT(emulation::enqueue_call(one.stream, "leave", leave), cudaSuccess);
    const executable graph(one.stream);
    for (int i = 0; i < 20; i++)
        CHECK_INT(cudaGraphLaunch(graph.exec, i % 2 == 0 ? one.stream : other.stream), cudaSuccess);
    CHECK_INT(cudaDeviceSynchronize(), cudaSuccess);
    CHECK_INT(*most, 1);
}

void pinned_memory_is_read_at_each_launch()
{
    const stream_holder one;
    device_array<int> number(1, 0);
    int *pinned = nullptr;
    CHECK_INT(cudaMallocHost(&pinned, sizeof *pinned), cudaSuccess);
    CHECK_INT(cudaStreamBeginCapture(one.stream, thread_local_mode), cudaSuccess);
    CHECK_INT(
        cudaMemcpyAsync(number.data(), pinned, sizeof *pinned, cudaMemcpyHostToDevice, one.stream),
        cudaSuccess);
    const executable graph(one.stream);
    for (int i = 1; i < 4; i++) {
        *pinned = i;
        CHECK_INT(cudaGraphLaunch(graph.exec, one.stream), cudaSuccess);
        CHECK_INT(cudaStreamSynchronize(one.stream), cudaSuccess);
        CHECK_INT(number.values()[0], i);
    }
    CHECK_INT(cudaFreeHost(pinned), cudaSuccess);
}

void an_empty_capture_is_an_empty_graph()
{
    const stream_holder one;
    CHECK_INT(cudaStreamBeginCapture(one.stream, thread_local_mode), cudaSuccess);
    const executable graph(one.stream);
    CHECK_INT(cudaGraphLaunch(graph.exec, one.stream), cudaSuccess);
    CHECK_INT(cudaStreamSynchronize(one.stream), cudaSuccess);
}

/* ---- what a capture refuses ---- */

cudaStreamCaptureStatus capture_status(cudaStream_t stream)
{
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    CHECK_INT(cudaStreamIsCapturing(stream, &status), cudaSuccess);
    return status;
}

/* Begins a capture, makes a call that must fail so, and checks that it spoilt the capture. */
template <typename Call> void check_spoils(cudaError_t expected, Call call)
{
    const stream_holder one;
    cudaGraph_t graph = nullptr;
    CHECK_INT(cudaStreamBeginCapture(one.stream, thread_local_mode), cudaSuccess);
    CHECK_INT(capture_status(one.stream), cudaStreamCaptureStatusActive);
    CHECK_INT(call(one.stream), expected);
    CHECK_INT(capture_status(one.stream), cudaStreamCaptureStatusInvalidated);
    CHECK_INT(emulation::enqueue_call(one.stream, "nothing", [] {}),
              cudaErrorStreamCaptureInvalidated);
    CHECK_INT(cudaStreamEndCapture(one.stream, &graph), cudaErrorStreamCaptureInvalidated);
    CHECK(graph == nullptr);
    CHECK_INT(capture_status(one.stream), cudaStreamCaptureStatusNone);
    (void)cudaGetLastError();
}

void what_cannot_be_captured_spoils()
{
    static void *memory;
    const auto unsupported = cudaErrorStreamCaptureUnsupported;
    check_spoils(unsupported, [](cudaStream_t stream) { return cudaStreamSynchronize(stream); });
    check_spoils(unsupported, [](cudaStream_t stream) { return cudaStreamQuery(stream); });
    check_spoils(unsupported, [](cudaStream_t) { return cudaDeviceSynchronize(); });
    check_spoils(unsupported, [](cudaStream_t) { return cudaMalloc(&memory, 16); });
    check_spoils(unsupported, [](cudaStream_t) { return cudaMallocHost(&memory, 16); });
    check_spoils(unsupported, [](cudaStream_t) {
        int one = 1, other = 2;
        return cudaMemcpy(&one, &other, sizeof one, cudaMemcpyHostToHost);
    });
}

void events_of_a_capture_are_not_for_the_host()
{
    const event_holder event;
    check_spoils(cudaErrorCapturedEvent, [&](cudaStream_t stream) {
        CHECK_INT(cudaEventRecord(event.event, stream), cudaSuccess);
        return cudaEventSynchronize(event.event);
    });
    const stream_holder late;
    CHECK_INT(cudaStreamWaitEvent(late.stream, event.event, 0), cudaErrorCapturedEvent);
    (void)cudaGetLastError();
}

void work_from_outside_is_isolated()
{
    const stream_holder outside;
    const event_holder event;
    CHECK_INT(cudaEventRecord(event.event, outside.stream), cudaSuccess);
    check_spoils(cudaErrorStreamCaptureIsolation,
                 [&](cudaStream_t stream) { return cudaStreamWaitEvent(stream, event.event, 0); });
}

void captures_do_not_merge()
{
    const stream_holder other;
    const event_holder event;
    cudaGraph_t graph = nullptr;
    CHECK_INT(cudaStreamBeginCapture(other.stream, thread_local_mode), cudaSuccess);
    CHECK_INT(cudaEventRecord(event.event, other.stream), cudaSuccess);
    check_spoils(cudaErrorStreamCaptureMerge,
                 [&](cudaStream_t stream) { return cudaStreamWaitEvent(stream, event.event, 0); });
    CHECK_INT(cudaStreamEndCapture(other.stream, &graph), cudaErrorStreamCaptureInvalidated);
}

void side_streams_must_be_joined()
{
    const stream_holder main, side;
    const event_holder forked;
    device_array<long long> number(1, 1);
    cudaGraph_t graph = nullptr;
    CHECK_INT(cudaStreamBeginCapture(main.stream, thread_local_mode), cudaSuccess);
    CHECK_INT(cudaEventRecord(forked.event, main.stream), cudaSuccess);
    CHECK_INT(cudaStreamWaitEvent(side.stream, forked.event, 0), cudaSuccess);
    launch_on(side.stream, number.data(), 1, 1);
    CHECK_INT(cudaStreamEndCapture(main.stream, &graph), cudaErrorStreamCaptureUnjoined);
    CHECK(graph == nullptr);
    CHECK_INT(capture_status(side.stream), cudaStreamCaptureStatusNone);
    (void)cudaGetLastError();
}

void captures_end_where_they_began()
{
    const stream_holder main, side;
    const event_holder forked;
    cudaGraph_t graph = nullptr;
    CHECK_INT(cudaStreamEndCapture(main.stream, &graph), cudaErrorIllegalState);
    CHECK_INT(cudaStreamBeginCapture(nullptr, thread_local_mode),
              cudaErrorStreamCaptureUnsupported);
    CHECK_INT(cudaStreamBeginCapture(main.stream, thread_local_mode), cudaSuccess);
    CHECK_INT(cudaStreamBeginCapture(main.stream, thread_local_mode), cudaErrorIllegalState);
    CHECK_INT(cudaEventRecord(forked.event, main.stream), cudaSuccess);
    CHECK_INT(cudaStreamWaitEvent(side.stream, forked.event, 0), cudaSuccess);
    CHECK_INT(cudaStreamEndCapture(side.stream, &graph), cudaErrorStreamCaptureUnmatched);
    CHECK_INT(cudaStreamEndCapture(main.stream, &graph), cudaErrorStreamCaptureInvalidated);
    (void)cudaGetLastError();
}

void the_legacy_stream_stays_out()
{
    const stream_holder blocking(cudaStreamDefault);
    device_array<int> number(1, 0);
    cudaGraph_t graph = nullptr;
    CHECK_INT(cudaStreamBeginCapture(blocking.stream, cudaStreamCaptureModeRelaxed), cudaSuccess);
    CHECK_INT(cudaMemsetAsync(number.data(), 0, sizeof(int), nullptr),
              cudaErrorStreamCaptureImplicit);
    CHECK_INT(cudaStreamEndCapture(blocking.stream, &graph), cudaErrorStreamCaptureInvalidated);
    (void)cudaGetLastError();
}

/* Another thread may do anything beside a thread-local capture, and little beside a global one. */
cudaError_t allocate_in_other_thread()
{
    cudaError_t status = cudaSuccess;
    std::thread([&status] {
        void *memory = nullptr;
        status = cudaMalloc(&memory, 16);
        (void)cudaFree(memory);
    }).join();
    return status;
}

void modes_differ_for_other_threads()
{
    const stream_holder one;
    cudaGraph_t graph = nullptr;
    CHECK_INT(cudaStreamBeginCapture(one.stream, thread_local_mode), cudaSuccess);
    CHECK_INT(allocate_in_other_thread(), cudaSuccess);
    CHECK_INT(cudaStreamEndCapture(one.stream, &graph), cudaSuccess);
    CHECK_INT(cudaGraphDestroy(graph), cudaSuccess);
    CHECK_INT(cudaStreamBeginCapture(one.stream, cudaStreamCaptureModeGlobal), cudaSuccess);
    CHECK_INT(allocate_in_other_thread(), cudaErrorStreamCaptureUnsupported);
    CHECK_INT(cudaStreamEndCapture(one.stream, &graph), cudaErrorStreamCaptureInvalidated);
    (void)cudaGetLastError();
}

const mimo_test tests[] = {
    {"captured work runs at launches only", captured_work_runs_at_launches_only},
    {"dependencies of forked streams are kept", dependencies_are_kept},
    {"a missing dependency shows as a wrong result", missing_dependency_shows},
    {"operations start anew in each launch", operations_start_anew_in_each_launch},
    {"launches of a graph do not overlap", launches_of_a_graph_do_not_overlap},
    {"pinned memory is read at each launch", pinned_memory_is_read_at_each_launch},
    {"an empty capture is an empty graph", an_empty_capture_is_an_empty_graph},
    {"what cannot be captured spoils the capture", what_cannot_be_captured_spoils},
    {"events of a capture are not for the host", events_of_a_capture_are_not_for_the_host},
    {"a capture does not wait for work outside", work_from_outside_is_isolated},
    {"captures do not merge", captures_do_not_merge},
    {"side streams must be joined", side_streams_must_be_joined},
    {"captures end where they began", captures_end_where_they_began},
    {"the legacy stream stays out", the_legacy_stream_stays_out},
    {"modes differ for other threads", modes_differ_for_other_threads},
};

} // namespace

MIMO_TEST_MAIN("emulated graphs", tests)
