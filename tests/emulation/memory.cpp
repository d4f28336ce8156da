#include "memory.h"

#include "queue.h"

#include <map>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utility>

namespace emulation
{
namespace
{

/* ---- what has been allocated ---- */

constexpr int on_host = -1;

struct allocation {
    size_t size;
    int device; /* or on_host: pinned */
};

std::map<uintptr_t, allocation> &allocations()
{
    static std::map<uintptr_t, allocation> &instance = *new std::map<uintptr_t, allocation>;
    return instance;
}

size_t allocated_on(int device)
{
    size_t sum = 0;
    for (const auto &[address, each] : allocations())
        sum += each.device == device ? each.size : 0;
    return sum;
}

cudaError_t allocate_locked(void **memory, size_t size, int device)
{
    const cudaError_t status = check_unsafe_locked();
    if (status != cudaSuccess)
        return status;
    if (device_count() == 0)
        return cudaErrorNoDevice;
    *memory = nullptr;
    if (size == 0)
        return cudaSuccess;
    if (device != on_host && size > device_memory_size() - allocated_on(device))
        return cudaErrorMemoryAllocation;
    if (posix_memalign(memory, 256, size) != 0)
        return cudaErrorMemoryAllocation;
    memset(*memory, 0xff, size);
    allocations()[reinterpret_cast<uintptr_t>(*memory)] = {size, device};
    return cudaSuccess;
}

/* As the real ones, waits for all that the devices do: something may still use the memory. */
cudaError_t free_locked(guard &lock, void *memory, bool is_host)
{
    const auto found = allocations().find(reinterpret_cast<uintptr_t>(memory));
    const cudaError_t status = check_unsafe_locked();
    if (status != cudaSuccess || memory == nullptr)
        return status;
    if (found == allocations().end() || (found->second.device == on_host) != is_host)
        return cudaErrorInvalidValue;
    wait_for_device_locked(lock, is_host ? current_device() : found->second.device);
    allocations().erase(reinterpret_cast<uintptr_t>(memory));
    free(memory);
    return cudaSuccess;
}

/* ---- where memory is ---- */

enum class place { device, pinned, pageable, torn };

/* The place of a span; torn where it runs over the end of an allocation. */
place place_of(const void *memory, size_t size)
{
    const uintptr_t address = reinterpret_cast<uintptr_t>(memory);
    auto next = allocations().upper_bound(address);
    if (next == allocations().begin())
        return place::pageable;
    const auto &[start, found] = *--next;
    if (address - start >= found.size)
        return place::pageable;
    if (size > found.size - (address - start))
        return place::torn;
    return found.device == on_host ? place::pinned : place::device;
}

/* ---- copies ---- */

/* `height` rows of `width` bytes. */
struct rectangle {
    char *dst;
    size_t dst_pitch;
    const char *src;
    size_t src_pitch;
    size_t width, height;
};

size_t span(const rectangle &area, size_t pitch)
{
    return (area.height - 1) * pitch + area.width;
}

void copy_rows(const rectangle &area)
{
    for (size_t row = 0; row < area.height; row++)
        memcpy(area.dst + row * area.dst_pitch, area.src + row * area.src_pitch, area.width);
}

bool allows(cudaMemcpyKind kind, bool from_device, bool to_device)
{
    switch (kind) {
    case cudaMemcpyHostToHost:
        return !from_device && !to_device;
    case cudaMemcpyHostToDevice:
        return !from_device && to_device;
    case cudaMemcpyDeviceToHost:
        return from_device && !to_device;
    case cudaMemcpyDeviceToDevice:
        return from_device && to_device;
    case cudaMemcpyDefault:
        return true;
    }
    return false;
}

/* A copy of the rows, closely packed, of which the operation is the owner. */
operation staged_copy(const rectangle &area)
{
    const auto bytes = std::make_shared<std::vector<char>>(area.width * area.height);
    copy_rows({bytes->data(), area.width, area.src, area.src_pitch, area.width, area.height});
    const rectangle rest = {area.dst,   area.dst_pitch, bytes->data(),
                            area.width, area.width,     area.height};
    return {"copy of pageable memory", [bytes, rest] { copy_rows(rest); }, nullptr};
}

/* How a copy behaves towards the host: the API reference's chapter on synchronisation. */
enum class copy_manner { asynchronous, staged, synchronous };

copy_manner manner_of(place from, place to, bool is_capturing)
{
    if (is_capturing)
        return copy_manner::asynchronous;
    if (from == place::pageable && to == place::device)
        return copy_manner::staged;
    if (to == place::device || (from == place::device && to == place::pinned))
        return copy_manner::asynchronous;
    return copy_manner::synchronous;
}

cudaError_t check_rectangle(const rectangle &area, cudaMemcpyKind kind)
{
    const place from = place_of(area.src, span(area, area.src_pitch));
    const place to = place_of(area.dst, span(area, area.dst_pitch));
    if (area.width > area.src_pitch || area.width > area.dst_pitch)
        return cudaErrorInvalidValue;
    if (from == place::torn || to == place::torn || area.src == nullptr || area.dst == nullptr)
        return cudaErrorInvalidValue;
    return allows(kind, from == place::device, to == place::device)
               ? cudaSuccess
               : cudaErrorInvalidMemcpyDirection;
}

cudaError_t copy_locked(guard &lock, const rectangle &area, cudaMemcpyKind kind,
                        CUstream_st *stream)
{
    if (stream == nullptr)
        return cudaErrorInvalidResourceHandle;
    if (area.width == 0 || area.height == 0)
        return cudaSuccess;
    cudaError_t status = check_rectangle(area, kind);
    if (status != cudaSuccess)
        return status;
    const copy_manner manner =
        manner_of(place_of(area.src, 1), place_of(area.dst, 1), stream->capture != nullptr);
    status = enqueue_locked(*stream, manner == copy_manner::staged
                                         ? staged_copy(area)
                                         : operation{"copy", [area] { copy_rows(area); }, nullptr});
    if (status == cudaSuccess && manner == copy_manner::synchronous)
        wait_locked(lock, work_reference(stream->tail));
    return status;
}

rectangle one_row(void *dst, const void *src, size_t count)
{
    return {static_cast<char *>(dst), count, static_cast<const char *>(src), count, count, 1};
}

/* Between devices and on one the host does not wait; else the copy has happened when this returns.
 */
cudaError_t copy_and_wait_locked(guard &lock, const rectangle &area, cudaMemcpyKind kind)
{
    CUstream_st *stream = find_stream_locked(nullptr);
    cudaError_t status = check_unsafe_locked();
    if (status == cudaSuccess)
        status = copy_locked(lock, area, kind, stream);
    const bool is_within_devices =
        place_of(area.src, 1) == place::device && place_of(area.dst, 1) == place::device;
    if (status == cudaSuccess && !is_within_devices)
        wait_locked(lock, work_reference(stream->tail));
    return status;
}

cudaError_t set_locked(void *memory, int value, size_t count, CUstream_st *stream)
{
    const place where = place_of(memory, count);
    if (stream == nullptr)
        return cudaErrorInvalidResourceHandle;
    if (count == 0)
        return cudaSuccess;
    if (where != place::device && where != place::pinned)
        return cudaErrorInvalidValue;
    return enqueue_locked(
        *stream, {"memset", [memory, value, count] { memset(memory, value, count); }, nullptr});
}

} // namespace

bool memory_is_global(const void *address)
{
    const guard lock(runtime_lock());
    const place where = place_of(address, 1);
    return where == place::device || where == place::pinned;
}

} // namespace emulation

using namespace emulation;

/* ---- allocation ---- */

cudaError_t cudaMalloc(void **memory, size_t size)
{
    const guard lock(runtime_lock());
    return report(allocate_locked(memory, size, current_device()));
}

cudaError_t cudaFree(void *memory)
{
    guard lock(runtime_lock());
    return report(free_locked(lock, memory, false));
}

cudaError_t cudaMemGetInfo(size_t *free, size_t *total)
{
    const guard lock(runtime_lock());
    *total = device_memory_size();
    *free = *total - allocated_on(current_device());
    return report(cudaSuccess);
}

cudaError_t cudaMallocHost(void **memory, size_t size)
{
    return cudaHostAlloc(memory, size, cudaHostAllocDefault);
}

cudaError_t cudaHostAlloc(void **memory, size_t size, unsigned flags)
{
    const guard lock(runtime_lock());
    if ((flags & ~static_cast<unsigned>(cudaHostAllocPortable)) != 0)
        return report(cudaErrorInvalidValue);
    return report(allocate_locked(memory, size, on_host));
}

cudaError_t cudaFreeHost(void *memory)
{
    guard lock(runtime_lock());
    return report(free_locked(lock, memory, true));
}

/* ---- copies ---- */

cudaError_t cudaMemcpy(void *dst, const void *src, size_t count, enum cudaMemcpyKind kind)
{
    guard lock(runtime_lock());
    return report(copy_and_wait_locked(lock, one_row(dst, src, count), kind));
}

cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t count, enum cudaMemcpyKind kind,
                            cudaStream_t stream)
{
    guard lock(runtime_lock());
    return report(copy_locked(lock, one_row(dst, src, count), kind, find_stream_locked(stream)));
}

cudaError_t cudaMemcpy2DAsync(void *dst, size_t dst_pitch, const void *src, size_t src_pitch,
                              size_t width, size_t height, enum cudaMemcpyKind kind,
                              cudaStream_t stream)
{
    guard lock(runtime_lock());
    const rectangle area = {static_cast<char *>(dst),
                            dst_pitch,
                            static_cast<const char *>(src),
                            src_pitch,
                            width,
                            height};
    return report(copy_locked(lock, area, kind, find_stream_locked(stream)));
}

cudaError_t cudaMemset(void *memory, int value, size_t count)
{
    const guard lock(runtime_lock());
    const cudaError_t status = check_unsafe_locked();
    if (status != cudaSuccess)
        return report(status);
    return report(set_locked(memory, value, count, find_stream_locked(nullptr)));
}

cudaError_t cudaMemsetAsync(void *memory, int value, size_t count, cudaStream_t stream)
{
    const guard lock(runtime_lock());
    return report(set_locked(memory, value, count, find_stream_locked(stream)));
}
