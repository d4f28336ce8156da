#include "stream.h"

#include "queue.h"

#include <algorithm>
#include <utility>

namespace emulation
{
namespace
{

/* ---- the streams that there are ---- */

std::vector<CUstream_st *> &created_streams()
{
    static std::vector<CUstream_st *> &instance = *new std::vector<CUstream_st *>;
    return instance;
}

CUstream_st *stream_new(int device, bool is_default, bool is_blocking)
{
    CUstream_st *made = new CUstream_st{device, is_default, is_blocking, nullptr, nullptr, {}};
    created_streams().push_back(made);
    return made;
}

CUstream_st *default_stream(int device)
{
    for (CUstream_st *each : created_streams())
        if (each->is_default && each->device == device)
            return each;
    return stream_new(device, true, true);
}

void stream_free(CUstream_st *stream)
{
    std::vector<CUstream_st *> &all = created_streams();
    all.erase(std::find(all.begin(), all.end(), stream));
    delete stream;
}

/* ---- calls ---- */

cudaError_t create_locked(cudaStream_t *stream, unsigned flags)
{
    if (stream == nullptr || (flags & ~static_cast<unsigned>(cudaStreamNonBlocking)) != 0)
        return cudaErrorInvalidValue;
    if (device_count() == 0)
        return cudaErrorNoDevice;
    *stream = stream_new(current_device(), false, flags != cudaStreamNonBlocking);
    return cudaSuccess;
}

/* Work that is under way goes on: it does not refer to the stream. */
cudaError_t destroy_locked(CUstream_st *stream)
{
    if (stream == nullptr || stream->is_default)
        return cudaErrorInvalidResourceHandle;
    if (stream->capture != nullptr)
        return invalidate_locked(*stream->capture, cudaErrorStreamCaptureUnsupported);
    stream_free(stream);
    return cudaSuccess;
}

/* Whether the host may ask how far a stream has come. */
cudaError_t check_question(const CUstream_st *stream)
{
    if (stream == nullptr)
        return cudaErrorInvalidResourceHandle;
    if (stream->capture != nullptr)
        return invalidate_locked(*stream->capture, cudaErrorStreamCaptureUnsupported);
    return check_unsafe_locked();
}

} // namespace

CUstream_st *find_stream_locked(cudaStream_t handle)
{
    const std::vector<CUstream_st *> &all = created_streams();
    if (handle == nullptr)
        return device_count() > 0 ? default_stream(current_device()) : nullptr;
    return std::find(all.begin(), all.end(), handle) != all.end() ? handle : nullptr;
}

std::vector<CUstream_st *> streams_locked(int device)
{
    std::vector<CUstream_st *> found = {default_stream(device)};
    for (CUstream_st *each : created_streams())
        if (each->device == device && !each->is_default)
            found.push_back(each);
    return found;
}

/* The legacy stream waits for all blocking ones, and they for it. */
cudaError_t predecessors_locked(CUstream_st &stream, std::vector<work_reference> &out_before)
{
    out_before = {stream.tail};
    for (CUstream_st *other : streams_locked(stream.device)) {
        if (!stream.is_blocking || !other->is_blocking || stream.is_default == other->is_default)
            continue;
        if (other->capture != nullptr)
            return invalidate_locked(*other->capture, cudaErrorStreamCaptureImplicit);
        out_before.push_back(other->tail);
    }
    return cudaSuccess;
}

cudaError_t enqueue_locked(CUstream_st &stream, operation what)
{
    std::vector<work_reference> before;
    if (stream.capture != nullptr)
        return record_locked(stream, std::move(what));
    const cudaError_t status = predecessors_locked(stream, before);
    if (status == cudaSuccess)
        stream.tail = submit_locked(std::make_shared<const operation>(std::move(what)),
                                    stream.device, before);
    return status;
}

cudaError_t enqueue(cudaStream_t stream, operation what)
{
    const guard lock(runtime_lock());
    CUstream_st *found = find_stream_locked(stream);
    if (found == nullptr)
        return report(cudaErrorInvalidResourceHandle);
    return report(enqueue_locked(*found, std::move(what)));
}

cudaError_t enqueue_call(cudaStream_t stream, std::string name, std::function<void()> function)
{
    return enqueue(stream, {std::move(name), std::move(function), nullptr});
}

int stream_device(cudaStream_t stream)
{
    const guard lock(runtime_lock());
    const CUstream_st *found = find_stream_locked(stream);
    return found != nullptr ? found->device : -1;
}

} // namespace emulation

using namespace emulation;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags)
{
    const guard lock(runtime_lock());
    return report(create_locked(stream, flags));
}

/* Any order is right that dependencies allow, so priorities mean nothing. */
cudaError_t cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned flags, int)
{
    const guard lock(runtime_lock());
    return report(create_locked(stream, flags));
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    const guard lock(runtime_lock());
    return report(destroy_locked(find_stream_locked(stream)));
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    guard lock(runtime_lock());
    CUstream_st *found = find_stream_locked(stream);
    const cudaError_t status = check_question(found);
    if (status == cudaSuccess)
        wait_locked(lock, work_reference(found->tail));
    return report(status);
}

cudaError_t cudaStreamQuery(cudaStream_t stream)
{
    const guard lock(runtime_lock());
    CUstream_st *found = find_stream_locked(stream);
    const cudaError_t status = check_question(found);
    if (status != cudaSuccess)
        return report(status);
    return report(is_done_locked(found->tail) ? cudaSuccess : cudaErrorNotReady);
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void *user_data)
{
    return enqueue_call(stream, "host function", [function, user_data] { function(user_data); });
}

cudaError_t cudaDeviceSynchronize(void)
{
    guard lock(runtime_lock());
    if (device_count() == 0)
        return report(cudaErrorNoDevice);
    const cudaError_t status = check_device_unsafe_locked(current_device());
    if (status == cudaSuccess)
        wait_for_device_locked(lock, current_device());
    return report(status);
}
