/*
 * Collectives among the ranks of one machine, through their shared window (window.h): each member
 * puts what others need into its own buffer, and after a barrier takes what it needs from theirs.
 */
#include "runtime/world/channel.h"
#include "runtime/world/pieces.h"
#include "runtime/world/reduce.h"

#include <string.h>

enum {
    HEADER_BYTES = 64,         /* at the front of a buffer; the data begins on the next line */
    SMALL_BYTES_MAX = 4096,    /* up to here every member adds everything itself */
    CHUNK_BYTES_MAX = 1 << 20, /* what a member puts stays in the caches until it is taken */
};

/* What a member is about to do, in the first buffer of a call: others check that they do the same.
 */
struct header {
    uint64_t size; /* elements or bytes, of all members together */
    uint16_t collective, dtype, reduction;
    uint16_t root;
};

/* A call on its way. */
struct passage {
    const struct mimo_call *call;
    struct mimo_window *window;
    uint32_t size, rank;
    size_t element; /* bytes */
    size_t chunk;   /* elements of one member's part in a piece */
    size_t pieces;
    size_t ticket; /* of piece 0 */
};

static size_t total(const struct mimo_call *call)
{
    return call->begins != NULL ? call->begins[call->channel->size] : call->count;
}

static struct header header_of(const struct mimo_call *call)
{
    return (struct header){.size = total(call),
                           .collective = (uint16_t)call->collective,
                           .dtype = (uint16_t)call->dtype,
                           .reduction = (uint16_t)call->reduction,
                           .root = (uint16_t)call->root};
}

static char *buffer(const struct passage *p, uint32_t member, size_t piece)
{
    return (char *)mimo_window_buffer(p->window, member, p->ticket + piece) + HEADER_BYTES;
}

static struct mimo_span span(const struct passage *p, uint32_t member, size_t piece)
{
    return mimo_piece_span(p->call->begins, p->chunk, member, piece);
}

static size_t room(const struct mimo_window *window)
{
    return mimo_window_buffer_bytes(window) - HEADER_BYTES;
}

/* `slots`: parts that a buffer holds side by side. */
static struct passage begin(const struct mimo_call *call, uint32_t slots)
{
    struct passage p = {.call = call,
                        .window = call->channel->window,
                        .size = call->channel->size,
                        .rank = call->channel->rank,
                        .element = mimo_dtype_bytes(call->dtype)};
    size_t bytes = room(p.window) / slots;

    if (bytes > CHUNK_BYTES_MAX)
        bytes = CHUNK_BYTES_MAX;
    p.chunk = bytes / HEADER_BYTES * HEADER_BYTES / p.element;
    return p;
}

/* Takes the tickets and puts the header into the first. */
static void take(struct passage *p, size_t pieces)
{
    const struct header header = header_of(p->call);

    p->pieces = pieces;
    p->ticket = mimo_window_take(p->window, pieces);
    memcpy(mimo_window_buffer(p->window, p->rank, p->ticket), &header, sizeof header);
}

static enum mimo_status check_headers(const struct passage *p, struct mimo_error *err)
{
    const struct header own = header_of(p->call);

    for (uint32_t i = 0; i < p->size; i++) {
        struct header other;
        memcpy(&other, mimo_window_buffer(p->window, i, p->ticket), sizeof other);
        if (memcmp(&other, &own, sizeof own) != 0)
            return mimo_error_set(err, MIMO_E_FAILED,
                                  "ranks %u and %u disagree in %s: operation, sizes %zu and %zu, "
                                  "or types differ",
                                  p->call->channel->members[p->rank], p->call->channel->members[i],
                                  p->call->doing, (size_t)own.size, (size_t)other.size);
    }
    return MIMO_OK;
}

/* The barrier after piece `step` was put; the first also checks that all do the same. */
static enum mimo_status meet(const struct passage *p, size_t step, struct mimo_error *err)
{
    mimo_window_barrier(p->window, p->call->doing);
    return step == 0 ? check_headers(p, err) : MIMO_OK;
}

/* -- all-reduce ------------------------------------------------------------------------------- */

static enum mimo_status all_reduce_small(const struct mimo_call *call, struct mimo_error *err)
{
    struct passage p = begin(call, 1);
    const size_t bytes = call->count * p.element;

    take(&p, 1);
    memcpy(buffer(&p, p.rank, 0), call->data, bytes);
    MIMO_TRY(meet(&p, 0, err));
    for (uint32_t i = 0; i < p.size; i++)
        call->channel->parts[i] = buffer(&p, i, 0);
    mimo_reduce(call->data, call->channel->parts, p.size, call->count, call->dtype,
                call->reduction);
    return MIMO_OK;
}

/* For every other member, its chunk of our data. */
static void put_chunks(const struct passage *p, size_t piece)
{
    char *to = buffer(p, p->rank, piece);

    for (uint32_t i = 0; i < p->size; i++) {
        const struct mimo_span s = span(p, i, piece);
        if (i != p->rank)
            memcpy(to + i * p->chunk * p->element, p->call->data + s.first * p->element,
                   s.count * p->element);
    }
}

/* Reduces our chunk over all members into `out`, our own contribution coming from our data. */
static void reduce_chunk(const struct passage *p, size_t piece, char *out)
{
    const struct mimo_span s = span(p, p->rank, piece);
    const size_t at = p->rank * p->chunk * p->element;
    const void **parts = p->call->channel->parts;

    for (uint32_t i = 0; i < p->size; i++)
        parts[i] = buffer(p, i, piece) + at;
    parts[p->rank] = p->call->data + s.first * p->element;
    mimo_reduce(out, parts, p->size, s.count, p->call->dtype, p->call->reduction);
}

/* The sum goes to the place in our buffer that no other member reads as input, and to our data. */
static void reduce_in_window(const struct passage *p, size_t piece)
{
    const struct mimo_span s = span(p, p->rank, piece);
    char *sum = buffer(p, p->rank, piece) + p->rank * p->chunk * p->element;

    reduce_chunk(p, piece, sum);
    memcpy(p->call->data + s.first * p->element, sum, s.count * p->element);
}

static void get_sums(const struct passage *p, size_t piece)
{
    for (uint32_t i = 0; i < p->size; i++) {
        const struct mimo_span s = span(p, i, piece);
        if (i != p->rank)
            memcpy(p->call->data + s.first * p->element,
                   buffer(p, i, piece) + i * p->chunk * p->element, s.count * p->element);
    }
}

/* Three pieces are under way at a time, so that one barrier serves a piece: while one is put, the
 * one before is reduced, and the one before that is taken. */
static enum mimo_status all_reduce(const struct mimo_call *call, struct mimo_error *err)
{
    struct passage p = begin(call, call->channel->size);

    if (call->count * p.element <= SMALL_BYTES_MAX)
        return all_reduce_small(call, err);
    take(&p, mimo_piece_count(call->begins, p.size, p.chunk));
    for (size_t step = 0; step < p.pieces + 2; step++) {
        if (step < p.pieces)
            put_chunks(&p, step);
        if (step >= 1 && step - 1 < p.pieces)
            reduce_in_window(&p, step - 1);
        if (step >= 2)
            get_sums(&p, step - 2);
        if (step < p.pieces + 1)
            MIMO_TRY(meet(&p, step, err));
    }
    return MIMO_OK;
}

/* -- the others ------------------------------------------------------------------------------- */

static enum mimo_status reduce_scatter(const struct mimo_call *call, struct mimo_error *err)
{
    struct passage p = begin(call, call->channel->size);

    take(&p, mimo_piece_count(call->begins, p.size, p.chunk));
    for (size_t piece = 0; piece < p.pieces; piece++) {
        const struct mimo_span s = span(&p, p.rank, piece);
        char *sum = buffer(&p, p.rank, piece) + p.rank * p.chunk * p.element;
        put_chunks(&p, piece);
        MIMO_TRY(meet(&p, piece, err));
        reduce_chunk(&p, piece, sum);
        memcpy(call->data + s.first * p.element, sum, s.count * p.element);
    }
    return MIMO_OK;
}

static enum mimo_status all_gather(const struct mimo_call *call, struct mimo_error *err)
{
    struct passage p = begin(call, 1);

    take(&p, mimo_piece_count(call->begins, p.size, p.chunk));
    for (size_t piece = 0; piece < p.pieces; piece++) {
        const struct mimo_span own = span(&p, p.rank, piece);
        memcpy(buffer(&p, p.rank, piece), call->data + own.first * p.element,
               own.count * p.element);
        MIMO_TRY(meet(&p, piece, err));
        for (uint32_t i = 0; i < p.size; i++) {
            const struct mimo_span s = span(&p, i, piece);
            if (i != p.rank)
                memcpy(call->data + s.first * p.element, buffer(&p, i, piece), s.count * p.element);
        }
    }
    return MIMO_OK;
}

static enum mimo_status broadcast(const struct mimo_call *call, struct mimo_error *err)
{
    struct passage p = begin(call, 1);

    take(&p, call->count / p.chunk + (call->count % p.chunk != 0));
    for (size_t piece = 0; piece < p.pieces; piece++) {
        char *data = call->data + piece * p.chunk;
        const size_t left = call->count - piece * p.chunk;
        const size_t bytes = left < p.chunk ? left : p.chunk;
        if (p.rank == call->root)
            memcpy(buffer(&p, p.rank, piece), data, bytes);
        MIMO_TRY(meet(&p, piece, err));
        if (p.rank != call->root)
            memcpy(data, buffer(&p, call->root, piece), bytes);
    }
    return MIMO_OK;
}

enum mimo_status mimo_shared_run(const struct mimo_call *call, struct mimo_error *err)
{
    static enum mimo_status (*const runs[])(const struct mimo_call *, struct mimo_error *) = {
        [MIMO_ALL_REDUCE] = all_reduce,
        [MIMO_ALL_GATHER] = all_gather,
        [MIMO_REDUCE_SCATTER] = reduce_scatter,
        [MIMO_BROADCAST] = broadcast,
    };

    return runs[call->collective](call, err);
}
