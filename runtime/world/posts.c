#include "runtime/world/posts.h"

#include "runtime/world/mpi_wait.h"
#include "runtime/world/world_internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* MPI counts with int; longer messages go as several of one tag, which MPI keeps in order. */
static const size_t post_bytes_max = (size_t)1 << 30;

void mimo_posts_init(struct mimo_posts *posts, struct mimo_world *world, MPI_Comm comm,
                     const uint32_t *members)
{
    *posts = (struct mimo_posts){.world = world, .comm = comm, .members = members};
}

void mimo_posts_release(struct mimo_posts *posts)
{
    free(posts->posts);
    free(posts->peers);
    free(posts->requests);
    free(posts->statuses);
}

/* -- posting ---------------------------------------------------------------------------------- */

/* `array` is the address of the pointer to the array. */
static bool grow(void *array, size_t capacity, size_t element)
{
    void *old, *larger;

    memcpy(&old, array, sizeof old);
    larger = realloc(old, capacity * element);
    if (larger != NULL)
        memcpy(array, &larger, sizeof larger);
    return larger != NULL;
}

static enum mimo_status make_room(struct mimo_posts *posts, size_t more, struct mimo_error *err)
{
    const size_t needed = posts->count + more;
    const size_t capacity = needed > 2 * posts->capacity ? needed : 2 * posts->capacity;

    if (needed <= posts->capacity)
        return MIMO_OK;
    if (capacity > INT_MAX || !grow(&posts->posts, capacity, sizeof *posts->posts) ||
        !grow(&posts->peers, capacity, sizeof *posts->peers) ||
        !grow(&posts->requests, capacity, sizeof(MPI_Request)) ||
        !grow(&posts->statuses, capacity, sizeof *posts->statuses))
        return mimo_error_set(err, MIMO_E_FAILED, "no memory for %zu messages at once", needed);
    posts->capacity = capacity;
    return MIMO_OK;
}

/* Enters the part of a message that begins at byte `offset`; the request that it will have. */
static MPI_Request *enter(struct mimo_posts *posts, struct mimo_post message, uint32_t peer,
                          size_t offset)
{
    const size_t at = posts->count++, left = message.bytes - offset;

    posts->posts[at] = message;
    posts->posts[at].bytes = left < post_bytes_max ? left : post_bytes_max;
    posts->peers[at] = posts->members[peer];
    return &posts->requests[at];
}

static int latest_bytes(const struct mimo_posts *posts)
{
    return (int)posts->posts[posts->count - 1].bytes;
}

enum mimo_status mimo_posts_receive(struct mimo_posts *posts, uint32_t peer, uint32_t tag,
                                    void *data, size_t bytes, struct mimo_error *err)
{
    const struct mimo_post message = {.bytes = bytes, .tag = tag, .is_receive = true};

    MIMO_TRY(make_room(posts, bytes / post_bytes_max + 1, err));
    for (size_t offset = 0; offset < bytes; offset += post_bytes_max) {
        MPI_Request *request = enter(posts, message, peer, offset);
        const int result = MPI_Irecv((char *)data + offset, latest_bytes(posts), MPI_BYTE,
                                     (int)peer, (int)tag, posts->comm, request);
        MIMO_TRY(mimo_mpi_check(posts->world, result, "a receive", err));
    }
    return MIMO_OK;
}

enum mimo_status mimo_posts_send(struct mimo_posts *posts, uint32_t peer, uint32_t tag,
                                 const void *data, size_t bytes, struct mimo_error *err)
{
    const struct mimo_post message = {.bytes = bytes, .tag = tag, .is_receive = false};

    MIMO_TRY(make_room(posts, bytes / post_bytes_max + 1, err));
    for (size_t offset = 0; offset < bytes; offset += post_bytes_max) {
        MPI_Request *request = enter(posts, message, peer, offset);
        const int result = MPI_Isend((const char *)data + offset, latest_bytes(posts), MPI_BYTE,
                                     (int)peer, (int)tag, posts->comm, request);
        MIMO_TRY(mimo_mpi_check(posts->world, result, "a send", err));
    }
    return MIMO_OK;
}

/* -- waiting ---------------------------------------------------------------------------------- */

static uint32_t own_rank(const struct mimo_posts *posts)
{
    return mimo_world_place(posts->world).rank;
}

static enum mimo_status name_failed(const struct mimo_posts *posts, const char *operation,
                                    struct mimo_error *err)
{
    for (size_t i = 0; i < posts->count; i++) {
        const struct mimo_post *failed = &posts->posts[i];
        const int code = posts->statuses[i].MPI_ERROR;
        char what[256];
        if (code == MPI_SUCCESS || code == MPI_ERR_PENDING)
            continue;
        (void)snprintf(what, sizeof what, "%s: rank %u, message of tag %u %s rank %u, %zu bytes",
                       operation, own_rank(posts), failed->tag, failed->is_receive ? "from" : "to",
                       posts->peers[i], failed->bytes);
        return mimo_mpi_check(posts->world, code, what, err);
    }
    return mimo_error_set(err, MIMO_E_FAILED, "%s: rank %u: a message failed", operation,
                          own_rank(posts));
}

static enum mimo_status check_sizes(const struct mimo_posts *posts, const char *operation,
                                    struct mimo_error *err)
{
    for (size_t i = 0; i < posts->count; i++) {
        const struct mimo_post *expected = &posts->posts[i];
        int bytes = 0;
        if (!expected->is_receive)
            continue;
        (void)MPI_Get_count(&posts->statuses[i], MPI_BYTE, &bytes);
        if ((size_t)bytes != expected->bytes)
            return mimo_error_set(err, MIMO_E_FAILED,
                                  "%s: rank %u, message of tag %u from rank %u: %d bytes came, %zu "
                                  "were expected",
                                  operation, own_rank(posts), expected->tag, posts->peers[i], bytes,
                                  expected->bytes);
    }
    return MIMO_OK;
}

static enum mimo_status await(const struct mimo_posts *posts, const char *operation,
                              struct mimo_error *err)
{
    const struct mimo_mpi_wait wait = {.world = posts->world,
                                       .operation = operation,
                                       .requests = posts->requests,
                                       .statuses = posts->statuses,
                                       .peers = posts->peers,
                                       .count = (int)posts->count};
    struct mimo_error trouble = {.status = MIMO_OK};
    const enum mimo_status status = mimo_mpi_wait(&wait, &trouble);

    if (status == MIMO_OK)
        return check_sizes(posts, operation, err);
    if (trouble.status != MIMO_OK)
        return mimo_error_set(err, status, "%s", trouble.message);
    return name_failed(posts, operation, err);
}

enum mimo_status mimo_posts_wait(struct mimo_posts *posts, const char *operation,
                                 struct mimo_error *err)
{
    enum mimo_status status;

    if (posts->count == 0)
        return MIMO_OK;
    status = await(posts, operation, err);
    posts->count = 0;
    if (status == MIMO_OK)
        mimo_board_progress(&posts->world->board);
    return status;
}
