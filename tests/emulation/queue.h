/*
 * queue.h - streams and events as the runtime sees them; they are what the public handles point to.
 */
#ifndef MIMO_EMULATION_QUEUE_H
#define MIMO_EMULATION_QUEUE_H

#include "capture.h"
#include "scheduler.h"

struct CUstream_st {
    int device;
    bool is_default;  /* the device's legacy stream */
    bool is_blocking; /* waits for the legacy stream and is waited for; the legacy stream is too */
    emulation::work_reference tail;
    std::shared_ptr<emulation::capture> capture; /* null unless it is capturing */
    emulation::frontier captured;                /* its last nodes there */
};

struct CUevent_st {
    int device;
    bool has_timing;
    emulation::work_reference record; /* null before the first record */
    std::shared_ptr<emulation::capture>
        capture; /* of the last record; null unless that was captured */
    emulation::frontier captured;
};

namespace emulation
{

/* The stream of a handle; null for one that does not exist. */
CUstream_st *find_stream_locked(cudaStream_t handle);

/* The streams of a device, the legacy one first, in the order of their creation. */
std::vector<CUstream_st *> streams_locked(int device);

/* Appends, or records where the stream is capturing. */
cudaError_t enqueue_locked(CUstream_st &stream, operation what);

/*
 * What a new piece of work at the end of the stream comes after, legacy stream included; fails
 * where that would tie it to a capture.
 */
cudaError_t predecessors_locked(CUstream_st &stream, std::vector<work_reference> &out_before);

} // namespace emulation

#endif
