#include "runtime/world/nccl/parts.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    YIELD_COUNT = 64,
    SLEEP_NS_MIN = 10000,
    SLEEP_NS_MAX = 200000,
};

/* -- calls that NCCL carries out beside the host ---------------------------------------------- */

static bool is_failure(ncclResult_t result)
{
    return result != ncclSuccess && result != ncclInProgress;
}

static ncclResult_t state_of(ncclComm_t comm)
{
    ncclResult_t state = ncclSuccess;
    const ncclResult_t result = ncclCommGetAsyncError(comm, &state);

    return result != ncclSuccess ? result : state;
}

static ncclResult_t sleep_until_settled(ncclComm_t comm)
{
    struct timespec pause = {.tv_nsec = SLEEP_NS_MIN};
    ncclResult_t state;

    while ((state = state_of(comm)) == ncclInProgress) {
        (void)nanosleep(&pause, NULL);
        if (pause.tv_nsec < SLEEP_NS_MAX)
            pause.tv_nsec += pause.tv_nsec / 4;
    }
    return state;
}

/* There is no time limit here: the watchdog ends a job that hangs. */
ncclResult_t mimo_nccl_settle(struct mimo_transport_nccl *t, ncclComm_t comm, ncclResult_t result,
                              const char *doing)
{
    for (int i = 0; i < YIELD_COUNT && result == ncclInProgress; i++) {
        (void)sched_yield();
        result = state_of(comm);
    }
    if (result != ncclInProgress)
        return result;
    mimo_world_waits(t->base.world, doing, NULL, 0);
    result = sleep_until_settled(comm);
    mimo_world_waits(t->base.world, NULL, NULL, 0);
    return result;
}

/* -- failures --------------------------------------------------------------------------------- */

/* What NCCL knows beyond the kind of error is known best by the communicator that met it. */
enum mimo_status mimo_nccl_fail(struct mimo_transport_nccl *t, ncclComm_t comm, ncclResult_t result,
                                const char *doing, struct mimo_error *err)
{
    const char *detail = ncclGetLastError(comm);
    char note[128];
    enum mimo_status status;

    mimo_world_noted(t->base.world, note, sizeof note);
    status = mimo_error_set(err, result == ncclRemoteError ? MIMO_E_LOST : MIMO_E_FAILED,
                            "rank %u%s%s: %s: NCCL: %s%s%s", mimo_world_place(t->base.world).rank,
                            note[0] != '\0' ? ", " : "", note, doing, ncclGetErrorString(result),
                            detail != NULL && detail[0] != '\0' ? ": " : "",
                            detail != NULL ? detail : "");
    mimo_nccl_abort(t);
    return status;
}

enum mimo_status mimo_nccl_check(struct mimo_transport_nccl *t, struct mimo_nccl_channel *channel,
                                 const char *doing, struct mimo_error *err)
{
    ncclResult_t state;

    if (t->is_aborted)
        return mimo_error_set(err, MIMO_E_FAILED,
                              "%s: NCCL's communicators were aborted after an error", doing);
    if (channel->comm == NULL)
        return MIMO_OK;
    state = state_of(channel->comm);
    return is_failure(state) ? mimo_nccl_fail(t, channel->comm, state, doing, err) : MIMO_OK;
}

/* -- making and freeing ----------------------------------------------------------------------- */

static enum mimo_status share_id(struct mimo_transport_nccl *t, struct mimo_transport *control,
                                 ncclUniqueId *id, struct mimo_error *err)
{
    struct mimo_error local = {.status = MIMO_OK};
    ncclResult_t result = ncclSuccess;
    bool is_speaker;

    if (t->everyone->rank == 0)
        result = ncclGetUniqueId(id);
    if (result != ncclSuccess)
        (void)mimo_nccl_fail(t, NULL, result, "ncclGetUniqueId", &local);
    if (mimo_world_agree(t->base.world, &local, &is_speaker) != MIMO_OK)
        return mimo_error_set(err, local.status, "%s", local.message);
    return control->ops->broadcast(control->everyone, id, sizeof *id, 0, err);
}

enum mimo_status mimo_nccl_connect(struct mimo_transport_nccl *t, struct mimo_transport *control,
                                   struct mimo_error *err)
{
    static const char doing[] = "NCCL's communicator of all ranks";
    struct mimo_nccl_channel *everyone = t->everyone;
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    ncclUniqueId id;
    ncclResult_t result;

    MIMO_TRY(share_id(t, control, &id, err));
    config.blocking = 0;
    result = ncclCommInitRankConfig(&everyone->comm, (int)everyone->size, id, (int)everyone->rank,
                                    &config);
    result = mimo_nccl_settle(t, everyone->comm, result, doing);
    return result == ncclSuccess ? MIMO_OK : mimo_nccl_fail(t, everyone->comm, result, doing, err);
}

/* What came out of the split is not the channel's list where ranks passed lists that contradict
 * each other. */
static enum mimo_status check_members(const struct mimo_nccl_channel *channel, const char *doing,
                                      struct mimo_error *err)
{
    int size = 0, rank = 0;

    (void)ncclCommCount(channel->comm, &size);
    (void)ncclCommUserRank(channel->comm, &rank);
    if ((uint32_t)size == channel->size && (uint32_t)rank == channel->rank)
        return MIMO_OK;
    return mimo_error_set(err, MIMO_E_FAILED, "the ranks hold different lists of the members: %s",
                          doing);
}

/* The child is NCCL's to set until the parent has settled. */
enum mimo_status mimo_nccl_split(struct mimo_transport_nccl *t, struct mimo_nccl_channel *channel,
                                 const char *doing, struct mimo_error *err)
{
    const int color = channel == NULL ? NCCL_SPLIT_NOCOLOR : (int)channel->members[0];
    const int key = channel == NULL ? 0 : (int)channel->rank;
    const ncclComm_t parent = t->everyone->comm;
    ncclComm_t child = NULL;
    ncclResult_t result = ncclCommSplit(parent, color, key, &child, NULL);

    result = mimo_nccl_settle(t, parent, result, doing);
    if (result != ncclSuccess)
        return mimo_nccl_fail(t, parent, result, doing, err);
    if (channel == NULL)
        return MIMO_OK;
    channel->comm = child;
    result = mimo_nccl_settle(t, child, ncclInProgress, doing);
    if (result != ncclSuccess)
        return mimo_nccl_fail(t, child, result, doing, err);
    return check_members(channel, doing, err);
}

/* From the newest to the oldest: one order on all ranks that share some. */
void mimo_nccl_disconnect(struct mimo_transport_nccl *t)
{
    for (struct mimo_nccl_channel *channel = t->channels; channel; channel = channel->next) {
        if (channel->comm == NULL)
            continue;
        (void)mimo_nccl_settle(t, channel->comm, ncclCommFinalize(channel->comm),
                               "the end of NCCL's communicators");
        (void)ncclCommDestroy(channel->comm);
        channel->comm = NULL;
    }
}

void mimo_nccl_abort(struct mimo_transport_nccl *t)
{
    t->is_aborted = true;
    mimo_world_waits(t->base.world, "ncclCommAbort", NULL, 0);
    for (struct mimo_nccl_channel *channel = t->channels; channel; channel = channel->next) {
        if (channel->comm != NULL)
            (void)ncclCommAbort(channel->comm);
        channel->comm = NULL;
    }
    mimo_world_waits(t->base.world, NULL, NULL, 0);
}
