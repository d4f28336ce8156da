/* Issuing operations: their place between the two streams, and the trail of those that the host may
 * have to wait for. */
#include "runtime/world/nccl/parts.h"

static enum mimo_status kept_error(const struct mimo_cuda *cuda, struct mimo_error *err)
{
    return mimo_error_set(err, cuda->error.status, "%s", cuda->error.message);
}

/* -- the order of the streams ----------------------------------------------------------------- */

static bool record(struct mimo_cuda *cuda, cudaEvent_t event, cudaStream_t stream)
{
    return mimo_cuda_check(cuda, cudaEventRecord(event, stream), "cudaEventRecord");
}

static bool hold_back(struct mimo_cuda *cuda, cudaStream_t stream, cudaEvent_t event)
{
    return mimo_cuda_check(cuda, cudaStreamWaitEvent(stream, event, 0), "cudaStreamWaitEvent");
}

static bool is_capturing(struct mimo_cuda *cuda)
{
    enum cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;

    (void)mimo_cuda_check(cuda, cudaStreamIsCapturing(cuda->compute, &status),
                          "cudaStreamIsCapturing");
    return status != cudaStreamCaptureStatusNone;
}

/* -- the trail -------------------------------------------------------------------------------- */

/* Enters the operation; the event of its end. */
static cudaEvent_t enter(struct mimo_nccl_trail *trail, const struct mimo_nccl_label *label)
{
    const uint64_t at = trail->end++ % MIMO_NCCL_ISSUED_MAX;

    if (trail->end - trail->first > MIMO_NCCL_ISSUED_MAX)
        trail->first++;
    trail->labels[at] = *label;
    return trail->done[at];
}

static bool is_done(const struct mimo_nccl_trail *trail, uint64_t number)
{
    const cudaError_t result = cudaEventQuery(trail->done[number % MIMO_NCCL_ISSUED_MAX]);

    if (result == cudaErrorNotReady)
        (void)cudaGetLastError(); /* it is none */
    return result != cudaErrorNotReady;
}

static void declare_none(struct mimo_transport_nccl *t)
{
    if (t->trail.is_declared)
        mimo_world_waits(t->base.world, NULL, NULL, 0);
    t->trail.is_declared = false;
}

/* Tells the board which operation is the first that is not done. Where all are, the device itself
 * is at work, and this rank waits for no other. */
static void declare(struct mimo_transport_nccl *t)
{
    struct mimo_nccl_trail *trail = &t->trail;
    const struct mimo_nccl_label *label;

    for (; trail->first < trail->end && is_done(trail, trail->first); trail->first++)
        declare_none(t);
    if (trail->first == trail->end || trail->is_declared)
        return;
    label = &trail->labels[trail->first % MIMO_NCCL_ISSUED_MAX];
    mimo_world_waits(t->base.world, label->doing, label->peers, label->peer_count);
    trail->is_declared = true;
}

/* -- the host's waits ------------------------------------------------------------------------- */

static const char *oldest(const struct mimo_nccl_trail *trail)
{
    return trail->first < trail->end ? trail->labels[trail->first % MIMO_NCCL_ISSUED_MAX].doing
                                     : "a wait for the device";
}

static bool look(void *owner, struct mimo_error *err)
{
    struct mimo_transport_nccl *t = owner;

    declare(t);
    for (struct mimo_nccl_channel *channel = t->channels; channel; channel = channel->next)
        if (mimo_nccl_check(t, channel, oldest(&t->trail), err) != MIMO_OK)
            return false;
    return true;
}

static void done(void *owner)
{
    declare_none(owner);
}

static bool make_event(struct mimo_cuda *cuda, cudaEvent_t *event)
{
    return mimo_cuda_check(cuda, cudaEventCreateWithFlags(event, cudaEventDisableTiming),
                           "cudaEventCreate");
}

enum mimo_status mimo_nccl_watch(struct mimo_transport_nccl *t, struct mimo_error *err)
{
    bool is_made = make_event(t->cuda, &t->hopped);

    for (int i = 0; i < MIMO_NCCL_ISSUED_MAX; i++)
        is_made = is_made && make_event(t->cuda, &t->trail.done[i]);
    if (!is_made)
        return kept_error(t->cuda, err);
    t->cuda->watch = (struct mimo_cuda_watch){.owner = t, .look = look, .done = done};
    return MIMO_OK;
}

void mimo_nccl_unwatch(struct mimo_transport_nccl *t)
{
    t->cuda->watch = (struct mimo_cuda_watch){0};
    if (t->hopped != NULL)
        (void)cudaEventDestroy(t->hopped);
    for (int i = 0; i < MIMO_NCCL_ISSUED_MAX; i++)
        if (t->trail.done[i] != NULL)
            (void)cudaEventDestroy(t->trail.done[i]);
}

/* -- operations ------------------------------------------------------------------------------- */

struct mimo_nccl_issue mimo_nccl_issue_of(struct mimo_group *group, enum mimo_collective collective)
{
    return (struct mimo_nccl_issue){
        .transport = (struct mimo_transport_nccl *)group->transport,
        .channel = ((const struct mimo_nccl_group *)group)->channel,
        .label = {.doing = group->doing[collective]},
        .is_awaited = !group->is_detached,
    };
}

enum mimo_status mimo_nccl_begin(struct mimo_nccl_issue *issue, struct mimo_error *err)
{
    struct mimo_cuda *cuda = issue->transport->cuda;

    MIMO_TRY(mimo_nccl_check(issue->transport, issue->channel, issue->label.doing, err));
    if (!record(cuda, cuda->computed, cuda->compute) ||
        !hold_back(cuda, cuda->communication, cuda->computed))
        return kept_error(cuda, err);
    issue->result = ncclGroupStart();
    return MIMO_OK;
}

void mimo_nccl_take(struct mimo_nccl_issue *issue, ncclResult_t result)
{
    if (issue->result == ncclSuccess || issue->result == ncclInProgress)
        issue->result = result;
}

/* A captured operation has no event that the host could ask later. */
static enum mimo_status close_behind(const struct mimo_nccl_issue *issue, struct mimo_error *err)
{
    struct mimo_transport_nccl *t = issue->transport;
    struct mimo_cuda *cuda = t->cuda;
    const bool captures = is_capturing(cuda);
    const cudaEvent_t end = captures ? cuda->communicated : enter(&t->trail, &issue->label);

    cuda->has_captured |= captures;
    if (!record(cuda, end, cuda->communication) ||
        (issue->is_awaited && !hold_back(cuda, cuda->compute, end)))
        return kept_error(cuda, err);
    return MIMO_OK;
}

enum mimo_status mimo_nccl_end(struct mimo_nccl_issue *issue, struct mimo_error *err)
{
    struct mimo_transport_nccl *t = issue->transport;
    const ncclComm_t comm = issue->channel->comm;
    const char *doing = issue->label.doing;

    mimo_nccl_take(issue, ncclGroupEnd());
    issue->result = mimo_nccl_settle(t, comm, issue->result, doing);
    if (issue->result != ncclSuccess)
        return mimo_nccl_fail(t, comm, issue->result, doing, err);
    return close_behind(issue, err);
}

enum mimo_status mimo_nccl_mark_hop(struct mimo_transport_nccl *t, struct mimo_error *err)
{
    return record(t->cuda, t->hopped, t->cuda->communication) ? MIMO_OK : kept_error(t->cuda, err);
}

enum mimo_status mimo_nccl_await_hop(struct mimo_transport_nccl *t, struct mimo_error *err)
{
    return hold_back(t->cuda, t->cuda->compute, t->hopped) ? MIMO_OK : kept_error(t->cuda, err);
}

enum mimo_status mimo_nccl_join(struct mimo_transport *transport, struct mimo_error *err)
{
    struct mimo_cuda *cuda = ((struct mimo_transport_nccl *)transport)->cuda;

    if (!record(cuda, cuda->communicated, cuda->communication) ||
        !hold_back(cuda, cuda->compute, cuda->communicated))
        return kept_error(cuda, err);
    return MIMO_OK;
}
