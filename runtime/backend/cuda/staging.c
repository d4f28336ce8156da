/* staging.c - uploads and downloads, through a ring of pinned host memory. */
#include "runtime/backend/cuda/parts.h"

#include <stdlib.h>
#include <string.h>

/* Transfers larger than a quarter of the ring go in pieces, so that one is filled while others are
 * on their way. */
enum { PIECES_MAX = 64, PARTS = 4, ALIGNMENT = 64 };

/* Bytes begin ... end of the ring are read by the device until the event. */
struct piece {
    size_t begin, end;
    cudaEvent_t read;
};

struct mimo_cuda_staging {
    char *ring;
    size_t bytes;
    size_t head;                     /* where the next piece begins, room permitting */
    struct piece pieces[PIECES_MAX]; /* those under way, from `oldest`; itself a ring */
    size_t oldest, count;
};

/* -- the ring --------------------------------------------------------------------------------- */

static struct piece *piece_at(struct mimo_cuda_staging *staging, size_t i)
{
    return &staging->pieces[(staging->oldest + i) % PIECES_MAX];
}

static bool is_free(struct mimo_cuda_staging *staging, size_t begin, size_t end)
{
    for (size_t i = 0; i < staging->count; i++) {
        const struct piece *piece = piece_at(staging, i);
        if (piece->begin < end && begin < piece->end)
            return false;
    }
    return true;
}

static bool await_oldest(struct mimo_cuda *cuda, const char *operation)
{
    struct mimo_cuda_staging *const staging = cuda->staging;

    if (!mimo_cuda_await_event(cuda, piece_at(staging, 0)->read, operation))
        return false;
    staging->oldest = (staging->oldest + 1) % PIECES_MAX;
    staging->count--;
    return true;
}

/* Waits for the pieces in the way of the next one; NULL where that fails. */
static char *take(struct mimo_cuda *cuda, size_t bytes, const char *operation)
{
    struct mimo_cuda_staging *const staging = cuda->staging;

    if (staging->head + bytes > staging->bytes)
        staging->head = 0;
    while (staging->count == PIECES_MAX || !is_free(staging, staging->head, staging->head + bytes))
        if (!await_oldest(cuda, operation))
            return NULL;
    return staging->ring + staging->head;
}

/* The piece of `bytes` at the head is the device's until all that was issued so far is done. */
static bool give(struct mimo_cuda *cuda, size_t bytes, const char *operation)
{
    struct mimo_cuda_staging *const staging = cuda->staging;
    struct piece *piece = piece_at(staging, staging->count);

    piece->begin = staging->head;
    piece->end = staging->head + bytes;
    staging->count++;
    staging->head = (piece->end + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return mimo_cuda_check(cuda, cudaEventRecord(piece->read, cuda->compute), operation);
}

/* -- transfers -------------------------------------------------------------------------------- */

static bool upload_piece(struct mimo_cuda *cuda, char *dst, const char *host, size_t bytes)
{
    char *const staged = take(cuda, bytes, "upload");

    if (staged == NULL)
        return false;
    memcpy(staged, host, bytes);
    return mimo_cuda_check(
               cuda, cudaMemcpyAsync(dst, staged, bytes, cudaMemcpyHostToDevice, cuda->compute),
               "upload") &&
           give(cuda, bytes, "upload");
}

static bool download_piece(struct mimo_cuda *cuda, char *host, const char *src, size_t bytes)
{
    char *const staged = take(cuda, bytes, "download");

    if (staged == NULL ||
        !mimo_cuda_check(cuda,
                         cudaMemcpyAsync(staged, src, bytes, cudaMemcpyDeviceToHost, cuda->compute),
                         "download") ||
        !mimo_cuda_await(cuda, cuda->compute, "download"))
        return false;
    memcpy(host, staged, bytes);
    return true;
}

static size_t piece_bytes(const struct mimo_cuda *cuda, size_t rest)
{
    const size_t most = cuda->staging->bytes / PARTS;

    return rest < most ? rest : most;
}

/* A graph would repeat a transfer with the bytes of the first time: none belongs into a sequence.
 */
static void upload(struct mimo_backend *be, void *dst, const void *host, size_t bytes)
{
    struct mimo_cuda *const cuda = mimo_cuda_of(be);
    size_t count;

    MIMO_ASSERT(!mimo_cuda_in_sequence(cuda));
    for (size_t done = 0; done < bytes; done += count) {
        count = piece_bytes(cuda, bytes - done);
        if (!upload_piece(cuda, (char *)dst + done, (const char *)host + done, count))
            return;
    }
}

static void download(struct mimo_backend *be, void *host, const void *src, size_t bytes)
{
    struct mimo_cuda *const cuda = mimo_cuda_of(be);
    size_t count;

    MIMO_ASSERT(!mimo_cuda_in_sequence(cuda));
    for (size_t done = 0; done < bytes; done += count) {
        count = piece_bytes(cuda, bytes - done);
        if (!download_piece(cuda, (char *)host + done, (const char *)src + done, count))
            return;
    }
}

void mimo_cuda_staging_ops(struct mimo_backend_ops *ops)
{
    ops->upload = upload;
    ops->download = download;
}

/* -- opening ---------------------------------------------------------------------------------- */

static bool make_events(struct mimo_cuda *cuda)
{
    for (size_t i = 0; i < PIECES_MAX; i++)
        if (!mimo_cuda_check(
                cuda,
                cudaEventCreateWithFlags(&cuda->staging->pieces[i].read, cudaEventDisableTiming),
                "cudaEventCreate"))
            return false;
    return true;
}

bool mimo_cuda_staging_open(struct mimo_cuda *cuda, size_t bytes)
{
    void *ring = NULL;

    cuda->staging = calloc(1, sizeof *cuda->staging);
    if (cuda->staging == NULL) {
        (void)mimo_error_set(&cuda->error, MIMO_E_FAILED, "out of memory");
        return false;
    }
    if (!mimo_cuda_check(cuda, cudaMallocHost(&ring, bytes), "cudaMallocHost"))
        return false;
    cuda->staging->ring = ring;
    cuda->staging->bytes = bytes;
    return make_events(cuda);
}

void mimo_cuda_staging_close(struct mimo_cuda *cuda)
{
    if (cuda->staging == NULL)
        return;
    for (size_t i = 0; i < PIECES_MAX; i++)
        if (cuda->staging->pieces[i].read != NULL)
            (void)cudaEventDestroy(cuda->staging->pieces[i].read);
    (void)cudaFreeHost(cuda->staging->ring);
    free(cuda->staging);
    cuda->staging = NULL;
}
