/*
 * capture.h - work that is recorded into a graph in place of being run.
 */
#ifndef MIMO_EMULATION_CAPTURE_H
#define MIMO_EMULATION_CAPTURE_H

#include "scheduler.h"

#include <thread>

namespace emulation
{

/* The nodes of a graph on which the next one will depend, by number, without duplicates. */
using frontier = std::vector<size_t>;

struct recorded_node {
    std::shared_ptr<const operation> what;
    frontier before;
};

/* Shared by a graph and what is made of it; its launches run one after another. */
struct recorded_graph {
    std::vector<recorded_node> nodes; /* each after those it depends on */
    work_reference last_launch;
};

struct capture {
    cudaStreamCaptureMode mode;
    std::thread::id host_thread;
    CUstream_st *origin;
    std::vector<CUstream_st *> members; /* the origin and those that joined through events */
    std::shared_ptr<recorded_graph> recorded;
    bool is_active, is_invalid;
};

/* The handle of a graph, to be destroyed by cudaGraphDestroy. */
cudaGraph_t graph_new(std::shared_ptr<recorded_graph> recorded);

/* Adds a node after the stream's last ones; the stream is capturing. */
cudaError_t record_locked(CUstream_st &stream, operation what);

/* Makes the stream, which may join by this, continue after the nodes of a captured event. */
cudaError_t join_locked(CUstream_st &stream, const std::shared_ptr<capture> &joined,
                        const frontier &captured);

/* Spoils the capture: it goes on recording nothing, and its end says so. */
cudaError_t invalidate_locked(capture &spoilt, cudaError_t reason);

/* The error that a call gets which no capture of this thread, or global one of any, may see. */
cudaError_t check_unsafe_locked();

/* As well, for what concerns all streams of a device, whatever the mode of capture. */
cudaError_t check_device_unsafe_locked(int device);

} // namespace emulation

#endif
