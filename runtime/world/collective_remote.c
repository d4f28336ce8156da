/*
 * Collectives among ranks of several machines, by MPI's own. MPI may add in any order, so it only
 * carries the data here (all-to-all, all-gather) and each member adds its part in the order of
 * members. Pieces are as large as the scratch memory allows: its first half is sent from, its
 * second half received into, and sizes fit MPI's int whatever the data's size.
 */
#include "runtime/world/channel.h"
#include "runtime/world/mpi_wait.h"
#include "runtime/world/pieces.h"
#include "runtime/world/reduce.h"

#include <string.h>

enum { ALIGNMENT = 64 };

struct passage {
    const struct mimo_call *call;
    uint32_t size, rank;
    size_t element; /* bytes */
    size_t chunk;   /* elements of one member's part in a piece */
    size_t step;    /* bytes from one member's chunk to the next, in both halves */
    char *sent, *received;
    int *send_counts, *receive_counts, *places; /* bytes */
};

static struct passage begin(const struct mimo_call *call)
{
    struct mimo_channel *channel = call->channel;
    const size_t half = channel->scratch_bytes / 2;
    struct passage p = {.call = call,
                        .size = channel->size,
                        .rank = channel->rank,
                        .element = mimo_dtype_bytes(call->dtype),
                        .sent = channel->scratch,
                        .received = channel->scratch + half,
                        .send_counts = channel->counts,
                        .receive_counts = channel->counts + channel->size,
                        .places = channel->counts + 2 * (size_t)channel->size};

    p.step = half / channel->size / ALIGNMENT * ALIGNMENT;
    p.chunk = p.step / p.element;
    for (uint32_t i = 0; i < p.size; i++)
        p.places[i] = (int)(i * p.step);
    return p;
}

static struct mimo_span span(const struct passage *p, uint32_t member, size_t piece)
{
    return mimo_piece_span(p->call->begins, p->chunk, member, piece);
}

/* Gives every member its chunk of our data, and reduces our own chunk over all into our data. */
static enum mimo_status reduce_piece(const struct passage *p, size_t piece, struct mimo_error *err)
{
    const struct mimo_call *call = p->call;
    const struct mimo_span own = span(p, p->rank, piece);
    MPI_Request request = MPI_REQUEST_NULL;
    int result;

    for (uint32_t i = 0; i < p->size; i++) {
        const struct mimo_span s = span(p, i, piece);
        memcpy(p->sent + i * p->step, call->data + s.first * p->element, s.count * p->element);
        p->send_counts[i] = (int)(s.count * p->element);
        p->receive_counts[i] = (int)(own.count * p->element);
        call->channel->parts[i] = p->received + i * p->step;
    }
    result = MPI_Ialltoallv(p->sent, p->send_counts, p->places, MPI_BYTE, p->received,
                            p->receive_counts, p->places, MPI_BYTE, call->channel->comm, &request);
    MIMO_TRY(mimo_mpi_wait_one(call->world, result, &request, call->doing, err));
    mimo_reduce(call->data + own.first * p->element, call->channel->parts, p->size, own.count,
                call->dtype, call->reduction);
    return MIMO_OK;
}

/* Gives our chunk of our part to all, and takes theirs. */
static enum mimo_status gather_piece(const struct passage *p, size_t piece, struct mimo_error *err)
{
    const struct mimo_call *call = p->call;
    const struct mimo_span own = span(p, p->rank, piece);
    MPI_Request request = MPI_REQUEST_NULL;
    int result;

    for (uint32_t i = 0; i < p->size; i++)
        p->receive_counts[i] = (int)(span(p, i, piece).count * p->element);
    result = MPI_Iallgatherv(call->data + own.first * p->element, (int)(own.count * p->element),
                             MPI_BYTE, p->received, p->receive_counts, p->places, MPI_BYTE,
                             call->channel->comm, &request);
    MIMO_TRY(mimo_mpi_wait_one(call->world, result, &request, call->doing, err));
    for (uint32_t i = 0; i < p->size; i++) {
        const struct mimo_span s = span(p, i, piece);
        if (i != p->rank)
            memcpy(call->data + s.first * p->element, p->received + i * p->step,
                   s.count * p->element);
    }
    return MIMO_OK;
}

static enum mimo_status run_pieces(const struct mimo_call *call, struct mimo_error *err)
{
    const struct passage p = begin(call);
    const size_t pieces = mimo_piece_count(call->begins, p.size, p.chunk);

    for (size_t piece = 0; piece < pieces; piece++) {
        if (call->collective != MIMO_ALL_GATHER)
            MIMO_TRY(reduce_piece(&p, piece, err));
        if (call->collective != MIMO_REDUCE_SCATTER)
            MIMO_TRY(gather_piece(&p, piece, err));
    }
    return MIMO_OK;
}

static enum mimo_status broadcast(const struct mimo_call *call, struct mimo_error *err)
{
    const size_t piece_bytes = call->channel->scratch_bytes;

    for (size_t done = 0; done < call->count;) {
        const size_t left = call->count - done;
        const size_t bytes = left < piece_bytes ? left : piece_bytes;
        MPI_Request request = MPI_REQUEST_NULL;
        const int result = MPI_Ibcast(call->data + done, (int)bytes, MPI_BYTE, (int)call->root,
                                      call->channel->comm, &request);
        MIMO_TRY(mimo_mpi_wait_one(call->world, result, &request, call->doing, err));
        done += bytes;
    }
    return MIMO_OK;
}

enum mimo_status mimo_remote_run(const struct mimo_call *call, struct mimo_error *err)
{
    return call->collective == MIMO_BROADCAST ? broadcast(call, err) : run_pieces(call, err);
}
