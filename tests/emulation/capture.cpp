#include "capture.h"

#include "queue.h"

#include <algorithm>
#include <utility>

namespace emulation
{
namespace
{

std::vector<std::shared_ptr<capture>> &active_captures()
{
    static std::vector<std::shared_ptr<capture>> &instance =
        *new std::vector<std::shared_ptr<capture>>;
    return instance;
}

void unite(frontier &into, const frontier &added)
{
    for (size_t node : added)
        if (std::find(into.begin(), into.end(), node) == into.end())
            into.push_back(node);
}

bool concerns_this_thread(const capture &one)
{
    return one.mode == cudaStreamCaptureModeGlobal ||
           (one.mode == cudaStreamCaptureModeThreadLocal &&
            one.host_thread == std::this_thread::get_id());
}

/* Whether every node comes before the frontier. Nodes stand in the order of their dependencies. */
bool is_joined(const recorded_graph &recorded, const frontier &last)
{
    std::vector<bool> is_reached(recorded.nodes.size());
    for (size_t node : last)
        is_reached[node] = true;
    for (size_t i = recorded.nodes.size(); i-- > 0;) {
        if (!is_reached[i])
            return false;
        for (size_t node : recorded.nodes[i].before)
            is_reached[node] = true;
    }
    return true;
}

void enter(CUstream_st &stream, const std::shared_ptr<capture> &entered)
{
    stream.capture = entered;
    stream.captured.clear();
    entered->members.push_back(&stream);
}

void end(const std::shared_ptr<capture> &ended)
{
    std::vector<std::shared_ptr<capture>> &active = active_captures();
    active.erase(std::find(active.begin(), active.end(), ended));
    ended->is_active = false;
    for (CUstream_st *member : ended->members)
        member->capture = nullptr;
}

cudaError_t begin_locked(CUstream_st *stream, cudaStreamCaptureMode mode)
{
    if (stream == nullptr)
        return cudaErrorInvalidResourceHandle;
    if (stream->is_default)
        return cudaErrorStreamCaptureUnsupported;
    if (stream->capture != nullptr)
        return cudaErrorIllegalState;
    const auto begun = std::make_shared<capture>();
    begun->mode = mode;
    begun->host_thread = std::this_thread::get_id();
    begun->origin = stream;
    begun->recorded = std::make_shared<recorded_graph>();
    begun->is_active = true;
    active_captures().push_back(begun);
    enter(*stream, begun);
    return cudaSuccess;
}

cudaError_t check_end(const CUstream_st &stream)
{
    capture &ending = *stream.capture;
    if (ending.mode != cudaStreamCaptureModeRelaxed &&
        ending.host_thread != std::this_thread::get_id())
        return cudaErrorStreamCaptureWrongThread;
    if (ending.origin != &stream)
        return invalidate_locked(ending, cudaErrorStreamCaptureUnmatched);
    return cudaSuccess;
}

cudaError_t end_locked(CUstream_st *stream, std::shared_ptr<recorded_graph> &out_recorded)
{
    if (stream == nullptr)
        return cudaErrorInvalidResourceHandle;
    if (stream->capture == nullptr)
        return cudaErrorIllegalState;
    const cudaError_t status = check_end(*stream);
    if (status != cudaSuccess)
        return status;
    const std::shared_ptr<capture> ending = stream->capture;
    end(ending);
    if (ending->is_invalid)
        return cudaErrorStreamCaptureInvalidated;
    if (!is_joined(*ending->recorded, stream->captured))
        return cudaErrorStreamCaptureUnjoined;
    out_recorded = ending->recorded;
    return cudaSuccess;
}

cudaStreamCaptureStatus status_of(const CUstream_st &stream)
{
    if (stream.capture == nullptr)
        return cudaStreamCaptureStatusNone;
    return stream.capture->is_invalid ? cudaStreamCaptureStatusInvalidated
                                      : cudaStreamCaptureStatusActive;
}

} // namespace

cudaError_t invalidate_locked(capture &spoilt, cudaError_t reason)
{
    spoilt.is_invalid = true;
    return reason;
}

cudaError_t record_locked(CUstream_st &stream, operation what)
{
    if (stream.capture->is_invalid)
        return cudaErrorStreamCaptureInvalidated;
    std::vector<recorded_node> &nodes = stream.capture->recorded->nodes;
    nodes.push_back({std::make_shared<const operation>(std::move(what)), stream.captured});
    stream.captured = {nodes.size() - 1};
    return cudaSuccess;
}

cudaError_t join_locked(CUstream_st &stream, const std::shared_ptr<capture> &joined,
                        const frontier &captured)
{
    if (!joined->is_active)
        return cudaErrorCapturedEvent;
    if (joined->is_invalid)
        return cudaErrorStreamCaptureInvalidated;
    if (stream.is_default)
        return invalidate_locked(*joined, cudaErrorStreamCaptureImplicit);
    if (stream.capture != nullptr && stream.capture != joined) {
        (void)invalidate_locked(*stream.capture, cudaErrorStreamCaptureMerge);
        return invalidate_locked(*joined, cudaErrorStreamCaptureMerge);
    }
    if (stream.capture == nullptr)
        enter(stream, joined);
    unite(stream.captured, captured);
    return cudaSuccess;
}

cudaError_t check_unsafe_locked()
{
    cudaError_t status = cudaSuccess;
    for (const std::shared_ptr<capture> &each : active_captures())
        if (concerns_this_thread(*each))
            status = invalidate_locked(*each, cudaErrorStreamCaptureUnsupported);
    return status;
}

cudaError_t check_device_unsafe_locked(int device)
{
    cudaError_t status = check_unsafe_locked();
    for (const CUstream_st *each : streams_locked(device))
        if (each->capture != nullptr)
            status = invalidate_locked(*each->capture, cudaErrorStreamCaptureUnsupported);
    return status;
}

} // namespace emulation

using namespace emulation;

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode)
{
    const guard lock(runtime_lock());
    return report(begin_locked(find_stream_locked(stream), mode));
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
    const guard lock(runtime_lock());
    std::shared_ptr<recorded_graph> recorded;
    const cudaError_t status = end_locked(find_stream_locked(stream), recorded);
    *graph = status == cudaSuccess ? graph_new(recorded) : nullptr;
    return report(status);
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, enum cudaStreamCaptureStatus *status)
{
    const guard lock(runtime_lock());
    const CUstream_st *found = find_stream_locked(stream);
    if (found == nullptr)
        return report(cudaErrorInvalidResourceHandle);
    *status = status_of(*found);
    return report(cudaSuccess);
}
