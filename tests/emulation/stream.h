/*
 * stream.h - how a part of the emulation (the runtime, cuBLASLt, NCCL) puts work on a CUDA stream.
 *
 * Work is an operation: a name and two functions, both called by the device thread alone
 * (scheduler.h), one call at a time for the whole process, without a lock. What they refer to must
 * live until the operation is done: capture it by value or in a std::shared_ptr. They are destroyed
 * under the runtime's lock, at any time after: their destructors call nothing of the runtime.
 */
#ifndef MIMO_EMULATION_STREAM_H
#define MIMO_EMULATION_STREAM_H

#include "cuda_runtime_api.h"

#include <functional>
#include <string>

namespace emulation
{

enum class progress {
    done,
    pending, /* call again: the device thread does other work meanwhile, and naps where there is
                none */
    failed /* the device is lost: every later call gives cudaErrorLaunchFailure, the sticky error */
};

/*
 * `start` is called once when all that precedes the operation is done, then `poll` until it no
 * longer says pending. An operation recorded into a graph runs so at every launch of the graph:
 * `start` sets all state anew. Runs of one operation never overlap. An empty `start` is left out;
 * what is done at once needs a `poll` alone.
 */
struct operation {
    std::string name; /* for messages: "ncclAllReduce" */
    std::function<void()> start;
    std::function<progress()> poll;
};

/*
 * Puts the operation at the end of the stream, or records it where the stream is capturing. Errors
 * as of any enqueuing call of the runtime: cudaErrorInvalidResourceHandle,
 * cudaErrorStreamCapture..., the sticky error. Sets the thread's last error.
 */
cudaError_t enqueue(cudaStream_t stream, operation what);

/* An operation that is one call of a function. */
cudaError_t enqueue_call(cudaStream_t stream, std::string name, std::function<void()> function);

/* The device that the stream belongs to; -1 for an invalid handle. */
int stream_device(cudaStream_t stream);

} // namespace emulation

#endif
