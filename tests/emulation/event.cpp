#include "queue.h"

#include <algorithm>

namespace emulation
{
namespace
{

std::vector<CUevent_st *> &created_events()
{
    static std::vector<CUevent_st *> &instance = *new std::vector<CUevent_st *>;
    return instance;
}

bool exists(cudaEvent_t event)
{
    const std::vector<CUevent_st *> &all = created_events();
    return std::find(all.begin(), all.end(), event) != all.end();
}

cudaError_t create_locked(cudaEvent_t *event, unsigned flags)
{
    if (event == nullptr || (flags & ~3u) != 0)
        return cudaErrorInvalidValue;
    if (device_count() == 0)
        return cudaErrorNoDevice;
    *event = new CUevent_st{
        current_device(), (flags & cudaEventDisableTiming) == 0, nullptr, nullptr, {}};
    created_events().push_back(*event);
    return cudaSuccess;
}

cudaError_t record_event_locked(cudaEvent_t event, CUstream_st *stream)
{
    if (!exists(event) || stream == nullptr || stream->device != event->device)
        return cudaErrorInvalidResourceHandle;
    if (stream->capture != nullptr && stream->capture->is_invalid)
        return cudaErrorStreamCaptureInvalidated;
    event->capture = stream->capture;
    event->captured = stream->captured;
    if (stream->capture != nullptr)
        return cudaSuccess;
    const cudaError_t status = enqueue_locked(*stream, {"event record", nullptr, nullptr});
    if (status == cudaSuccess)
        event->record = stream->tail;
    return status;
}

/* A piece of work that does nothing but come after the record too. */
cudaError_t wait_for_record_locked(CUstream_st &stream, const work_reference &record)
{
    static const auto &what =
        *new std::shared_ptr<const operation>(new operation{"event wait", nullptr, nullptr});
    std::vector<work_reference> before;
    const cudaError_t status = predecessors_locked(stream, before);
    if (status != cudaSuccess)
        return status;
    before.push_back(record);
    stream.tail = submit_locked(what, stream.device, before);
    return cudaSuccess;
}

cudaError_t wait_event_locked(CUstream_st *stream, cudaEvent_t event)
{
    if (!exists(event) || stream == nullptr)
        return cudaErrorInvalidResourceHandle;
    if (event->capture != nullptr)
        return join_locked(*stream, event->capture, event->captured);
    if (event->record == nullptr)
        return cudaSuccess;
    if (stream->capture != nullptr)
        return invalidate_locked(*stream->capture, cudaErrorStreamCaptureIsolation);
    return wait_for_record_locked(*stream, event->record);
}

/* Whether the host may ask whether an event has happened. */
cudaError_t check_question(cudaEvent_t event)
{
    if (!exists(event))
        return cudaErrorInvalidResourceHandle;
    if (event->capture != nullptr)
        return invalidate_locked(*event->capture, cudaErrorCapturedEvent);
    return check_unsafe_locked();
}

cudaError_t elapsed_locked(cudaEvent_t start, cudaEvent_t end, float *milliseconds)
{
    if (!exists(start) || !exists(end) || !start->has_timing || !end->has_timing ||
        start->record == nullptr || end->record == nullptr)
        return cudaErrorInvalidResourceHandle;
    if (!is_done_locked(start->record) || !is_done_locked(end->record))
        return cudaErrorNotReady;
    const std::chrono::duration<float, std::milli> elapsed =
        end->record->done_at - start->record->done_at;
    *milliseconds = elapsed.count();
    return cudaSuccess;
}

cudaError_t destroy_locked(cudaEvent_t event)
{
    std::vector<CUevent_st *> &all = created_events();
    if (!exists(event))
        return cudaErrorInvalidResourceHandle;
    all.erase(std::find(all.begin(), all.end(), event));
    delete event;
    return cudaSuccess;
}

} // namespace
} // namespace emulation

using namespace emulation;

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags)
{
    const guard lock(runtime_lock());
    return report(create_locked(event, flags));
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    const guard lock(runtime_lock());
    return report(record_event_locked(event, find_stream_locked(stream)));
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags)
{
    const guard lock(runtime_lock());
    if (flags != cudaEventWaitDefault)
        return report(cudaErrorInvalidValue);
    return report(wait_event_locked(find_stream_locked(stream), event));
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    guard lock(runtime_lock());
    const cudaError_t status = check_question(event);
    if (status == cudaSuccess)
        wait_locked(lock, work_reference(event->record));
    return report(status);
}

cudaError_t cudaEventQuery(cudaEvent_t event)
{
    const guard lock(runtime_lock());
    const cudaError_t status = check_question(event);
    if (status != cudaSuccess)
        return report(status);
    return report(is_done_locked(event->record) ? cudaSuccess : cudaErrorNotReady);
}

cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t start, cudaEvent_t end)
{
    const guard lock(runtime_lock());
    return report(elapsed_locked(start, end, milliseconds));
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    const guard lock(runtime_lock());
    return report(destroy_locked(event));
}
