#include "runtime/world/mpi_wait.h"
#include "runtime/world/own_messages.h"
#include "runtime/world/transport_mpi.h"
#include "runtime/world/world_internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* MPI counts with int; longer messages go as several of one tag, which MPI keeps in order. */
static const size_t transfer_bytes_max = (size_t)1 << 30;

static uint32_t own_rank(const struct mimo_transport_mpi *t)
{
    return mimo_world_place(t->base.world).rank;
}

/* -- messages to this rank itself ------------------------------------------------------------- */

static enum mimo_status copy_own(uint32_t own, const struct mimo_message *sends, size_t send_count,
                                 const struct mimo_message *receives, size_t receive_count,
                                 struct mimo_error *err)
{
    for (size_t i = 0; i < send_count; i++) {
        const struct mimo_message *to;
        if (sends[i].peer != own)
            continue;
        MIMO_TRY(mimo_own_receive(own, sends, i, receives, receive_count, &to, err));
        if (to->bytes != 0)
            memcpy(to->data, sends[i].data, to->bytes);
    }
    return MIMO_OK;
}

/* -- messages to others ----------------------------------------------------------------------- */

static size_t count_transfers(const struct mimo_message *messages, size_t count, uint32_t own)
{
    size_t transfers = 0;

    for (size_t i = 0; i < count; i++)
        if (messages[i].peer != own)
            transfers += messages[i].bytes / transfer_bytes_max +
                         (messages[i].bytes % transfer_bytes_max != 0);
    return transfers;
}

void mimo_mpi_exchange_release(struct mimo_transport_mpi *t)
{
    free(t->transfers);
    free(t->peers);
    free(t->requests);
    free(t->statuses);
}

static enum mimo_status make_room(struct mimo_transport_mpi *t, size_t count,
                                  struct mimo_error *err)
{
    if (count <= t->transfer_capacity)
        return MIMO_OK;
    mimo_mpi_exchange_release(t);
    t->transfer_capacity = 0;
    t->transfers = calloc(count, sizeof *t->transfers);
    t->peers = calloc(count, sizeof *t->peers);
    t->requests = calloc(count, sizeof(MPI_Request));
    t->statuses = calloc(count, sizeof *t->statuses);
    if (count > INT_MAX || t->transfers == NULL || t->peers == NULL || t->requests == NULL ||
        t->statuses == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "no memory for %zu transfers at once", count);
    t->transfer_capacity = count;
    return MIMO_OK;
}

static int post_one(struct mimo_transport_mpi *t, const struct mimo_message *message,
                    struct mimo_transfer transfer, size_t at, size_t offset)
{
    char *data = (char *)message->data + offset;

    t->transfers[at] = transfer;
    t->peers[at] = transfer.peer;
    return transfer.is_receive ? MPI_Irecv(data, (int)transfer.bytes, MPI_BYTE, (int)transfer.peer,
                                           (int)transfer.tag, t->comm, &t->requests[at])
                               : MPI_Isend(data, (int)transfer.bytes, MPI_BYTE, (int)transfer.peer,
                                           (int)transfer.tag, t->comm, &t->requests[at]);
}

/* Posts what of `messages` goes to or comes from others, from request *at on. */
static enum mimo_status post(struct mimo_transport_mpi *t, const struct mimo_message *messages,
                             size_t count, bool is_receive, size_t *at, struct mimo_error *err)
{
    const uint32_t own = own_rank(t);

    for (size_t i = 0; i < count; i++) {
        const struct mimo_message *message = &messages[i];
        if (message->peer == own)
            continue;
        for (size_t done = 0; done < message->bytes; done += t->transfers[(*at)++].bytes) {
            const size_t left = message->bytes - done;
            const struct mimo_transfer transfer = {
                .bytes = left < transfer_bytes_max ? left : transfer_bytes_max,
                .peer = message->peer,
                .tag = message->tag,
                .is_receive = is_receive,
            };
            MIMO_TRY(mimo_mpi_check(t->base.world, post_one(t, message, transfer, *at, done),
                                    is_receive ? "a receive" : "a send", err));
        }
    }
    return MIMO_OK;
}

static enum mimo_status name_failed(struct mimo_transport_mpi *t, size_t count,
                                    struct mimo_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct mimo_transfer *transfer = &t->transfers[i];
        const int code = t->statuses[i].MPI_ERROR;
        char what[128];
        if (code == MPI_SUCCESS || code == MPI_ERR_PENDING)
            continue;
        (void)snprintf(what, sizeof what, "rank %u, message of tag %u %s rank %u, %zu bytes",
                       own_rank(t), transfer->tag, transfer->is_receive ? "from" : "to",
                       transfer->peer, transfer->bytes);
        return mimo_mpi_check(t->base.world, code, what, err);
    }
    return mimo_error_set(err, MIMO_E_FAILED, "rank %u: a transfer failed", own_rank(t));
}

static enum mimo_status check_sizes(const struct mimo_transport_mpi *t, size_t count,
                                    struct mimo_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct mimo_transfer *transfer = &t->transfers[i];
        int bytes = 0;
        if (!transfer->is_receive)
            continue;
        (void)MPI_Get_count(&t->statuses[i], MPI_BYTE, &bytes);
        if ((size_t)bytes != transfer->bytes)
            return mimo_error_set(
                err, MIMO_E_FAILED,
                "rank %u, message of tag %u from rank %u: %d bytes came, %zu were "
                "expected",
                own_rank(t), transfer->tag, transfer->peer, bytes, transfer->bytes);
    }
    return MIMO_OK;
}

static enum mimo_status wait_for(struct mimo_transport_mpi *t, size_t count, struct mimo_error *err)
{
    const struct mimo_mpi_wait wait = {.world = t->base.world,
                                       .operation = "exchange",
                                       .requests = t->requests,
                                       .statuses = t->statuses,
                                       .peers = t->peers,
                                       .count = (int)count};
    struct mimo_error trouble = {.status = MIMO_OK};
    const enum mimo_status status = mimo_mpi_wait(&wait, &trouble);

    if (status == MIMO_OK)
        return check_sizes(t, count, err);
    if (trouble.status != MIMO_OK)
        return mimo_error_set(err, status, "%s", trouble.message);
    return name_failed(t, count, err);
}

enum mimo_status mimo_mpi_exchange(struct mimo_transport *transport,
                                   const struct mimo_message *sends, size_t send_count,
                                   const struct mimo_message *receives, size_t receive_count,
                                   struct mimo_error *err)
{
    struct mimo_transport_mpi *t = (struct mimo_transport_mpi *)transport;
    const uint32_t own = own_rank(t);
    const size_t count =
        count_transfers(sends, send_count, own) + count_transfers(receives, receive_count, own);
    size_t posted = 0;

    MIMO_TRY(make_room(t, count, err));
    MIMO_TRY(post(t, receives, receive_count, true, &posted, err));
    MIMO_TRY(post(t, sends, send_count, false, &posted, err));
    MIMO_TRY(copy_own(own, sends, send_count, receives, receive_count, err));
    MIMO_TRY(wait_for(t, posted, err));
    mimo_board_progress(&t->base.world->board);
    return MIMO_OK;
}
