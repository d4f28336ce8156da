#include "runtime/world/nccl/parts.h"
#include "runtime/world/reduce.h"

static ncclDataType_t type_of(enum mimo_dtype dtype)
{
    static const ncclDataType_t types[] = {
        [MIMO_DTYPE_F32] = ncclFloat32, [MIMO_DTYPE_BF16] = ncclBfloat16,
        [MIMO_DTYPE_F64] = ncclFloat64, [MIMO_DTYPE_I64] = ncclInt64,
        [MIMO_DTYPE_U8] = ncclUint8,
    };

    return types[dtype];
}

enum mimo_status mimo_nccl_all_reduce(struct mimo_group *group, void *data, size_t count,
                                      enum mimo_dtype dtype, enum mimo_reduction reduction,
                                      struct mimo_error *err)
{
    struct mimo_nccl_issue issue = mimo_nccl_issue_of(group, MIMO_ALL_REDUCE);

    if (group->size == 1 || count == 0)
        return MIMO_OK;
    MIMO_TRY(mimo_nccl_begin(&issue, err));
    mimo_nccl_take(&issue,
                   ncclAllReduce(data, data, count, type_of(dtype),
                                 reduction == MIMO_REDUCE_MAX ? ncclMax : ncclSum,
                                 issue.channel->comm, issue.transport->cuda->communication));
    return mimo_nccl_end(&issue, err);
}

enum mimo_status mimo_nccl_broadcast(struct mimo_group *group, void *data, size_t bytes,
                                     uint32_t root, struct mimo_error *err)
{
    struct mimo_nccl_issue issue = mimo_nccl_issue_of(group, MIMO_BROADCAST);

    MIMO_ASSERT(root < group->size);
    if (group->size == 1 || bytes == 0)
        return MIMO_OK;
    MIMO_TRY(mimo_nccl_begin(&issue, err));
    mimo_nccl_take(&issue,
                   ncclBroadcast(data, data, bytes, ncclUint8, (int)root, issue.channel->comm,
                                 issue.transport->cuda->communication));
    return mimo_nccl_end(&issue, err);
}

/* -- pieces ----------------------------------------------------------------------------------- */

/* A piece of data for each member. */
struct pieces {
    char *data;
    const size_t *begins; /* [size + 1] */
    uint32_t size;
    size_t element; /* bytes */
    ncclDataType_t type;
};

static struct pieces pieces_of(const struct mimo_group *group, void *data, const size_t *begins,
                               enum mimo_dtype dtype)
{
    return (struct pieces){
        .data = data,
        .begins = begins,
        .size = group->size,
        .element = mimo_dtype_bytes(dtype),
        .type = type_of(dtype),
    };
}

static size_t count_of(const struct pieces *pieces, uint32_t member)
{
    return pieces->begins[member + 1] - pieces->begins[member];
}

static char *piece_at(const struct pieces *pieces, uint32_t member)
{
    return pieces->data + pieces->begins[member] * pieces->element;
}

static bool are_even(const struct pieces *pieces)
{
    for (uint32_t i = 1; i < pieces->size; i++)
        if (count_of(pieces, i) != count_of(pieces, 0))
            return false;
    return true;
}

static bool are_empty(const struct pieces *pieces)
{
    return pieces->begins[pieces->size] == pieces->begins[0];
}

/* NCCL's collective wants even pieces; with others each member hands out its own. */
static void gather(struct mimo_nccl_issue *issue, const struct pieces *pieces)
{
    const cudaStream_t stream = issue->transport->cuda->communication;
    const ncclComm_t comm = issue->channel->comm;

    if (are_even(pieces)) {
        mimo_nccl_take(issue,
                       ncclAllGather(piece_at(pieces, issue->channel->rank), piece_at(pieces, 0),
                                     count_of(pieces, 0), pieces->type, comm, stream));
        return;
    }
    for (uint32_t i = 0; i < pieces->size; i++)
        if (count_of(pieces, i) > 0)
            mimo_nccl_take(issue,
                           ncclBroadcast(piece_at(pieces, i), piece_at(pieces, i),
                                         count_of(pieces, i), pieces->type, (int)i, comm, stream));
}

/* The same the other way round. */
static void scatter_sums(struct mimo_nccl_issue *issue, const struct pieces *pieces)
{
    const cudaStream_t stream = issue->transport->cuda->communication;
    const ncclComm_t comm = issue->channel->comm;

    if (are_even(pieces)) {
        mimo_nccl_take(
            issue, ncclReduceScatter(piece_at(pieces, 0), piece_at(pieces, issue->channel->rank),
                                     count_of(pieces, 0), pieces->type, ncclSum, comm, stream));
        return;
    }
    for (uint32_t i = 0; i < pieces->size; i++)
        if (count_of(pieces, i) > 0)
            mimo_nccl_take(issue,
                           ncclReduce(piece_at(pieces, i), piece_at(pieces, i), count_of(pieces, i),
                                      pieces->type, ncclSum, (int)i, comm, stream));
}

enum mimo_status mimo_nccl_all_gather(struct mimo_group *group, void *data, const size_t *begins,
                                      enum mimo_dtype dtype, struct mimo_error *err)
{
    const struct pieces pieces = pieces_of(group, data, begins, dtype);
    struct mimo_nccl_issue issue = mimo_nccl_issue_of(group, MIMO_ALL_GATHER);

    if (group->size == 1 || are_empty(&pieces))
        return MIMO_OK;
    MIMO_TRY(mimo_nccl_begin(&issue, err));
    gather(&issue, &pieces);
    return mimo_nccl_end(&issue, err);
}

enum mimo_status mimo_nccl_reduce_scatter(struct mimo_group *group, void *data,
                                          const size_t *begins, enum mimo_dtype dtype,
                                          struct mimo_error *err)
{
    const struct pieces pieces = pieces_of(group, data, begins, dtype);
    struct mimo_nccl_issue issue = mimo_nccl_issue_of(group, MIMO_REDUCE_SCATTER);

    if (group->size == 1 || are_empty(&pieces))
        return MIMO_OK;
    MIMO_TRY(mimo_nccl_begin(&issue, err));
    scatter_sums(&issue, &pieces);
    return mimo_nccl_end(&issue, err);
}
