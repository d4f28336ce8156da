#include "queue.h"

#include <utility>

struct CUgraph_st {
    std::shared_ptr<emulation::recorded_graph> recorded;
};

struct CUgraphExec_st {
    std::shared_ptr<emulation::recorded_graph> recorded;
};

namespace emulation
{
namespace
{

const std::shared_ptr<const operation> &end_of_graph()
{
    static const auto &instance =
        *new std::shared_ptr<const operation>(new operation{"end of graph", nullptr, nullptr});
    return instance;
}

/* Submits every node after those it depends on, and after `before`; returns what ends after them
 * all. */
work_reference submit_nodes(const recorded_graph &launched, int device,
                            const std::vector<work_reference> &before)
{
    std::vector<work_reference> all = before;
    for (const recorded_node &node : launched.nodes) {
        std::vector<work_reference> predecessors = before;
        for (size_t i : node.before)
            predecessors.push_back(all[before.size() + i]);
        all.push_back(submit_locked(node.what, device, predecessors));
    }
    return submit_locked(end_of_graph(), device, all);
}

cudaError_t launch_locked(recorded_graph &launched, CUstream_st *stream)
{
    std::vector<work_reference> before;
    if (stream == nullptr)
        return cudaErrorInvalidResourceHandle;
    if (stream->capture != nullptr)
        return invalidate_locked(*stream->capture, cudaErrorStreamCaptureUnsupported);
    const cudaError_t status = predecessors_locked(*stream, before);
    if (status != cudaSuccess)
        return status;
    before.push_back(launched.last_launch);
    stream->tail = submit_nodes(launched, stream->device, before);
    launched.last_launch = stream->tail;
    return cudaSuccess;
}

} // namespace

cudaGraph_t graph_new(std::shared_ptr<recorded_graph> recorded)
{
    return new CUgraph_st{std::move(recorded)};
}

} // namespace emulation

using namespace emulation;

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long flags)
{
    const guard lock(runtime_lock());
    if (exec == nullptr || graph == nullptr || flags != 0)
        return report(cudaErrorInvalidValue);
    *exec = new CUgraphExec_st{graph->recorded};
    return report(cudaSuccess);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
    const guard lock(runtime_lock());
    if (exec == nullptr)
        return report(cudaErrorInvalidValue);
    return report(launch_locked(*exec->recorded, find_stream_locked(stream)));
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    const guard lock(runtime_lock());
    delete exec;
    return report(exec != nullptr ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    const guard lock(runtime_lock());
    delete graph;
    return report(graph != nullptr ? cudaSuccess : cudaErrorInvalidValue);
}
