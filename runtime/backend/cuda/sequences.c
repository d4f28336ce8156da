/*
 * sequences.c - sequences of operations as CUDA graphs.
 *
 * The first time that a key is seen, its operations are issued like any others: a shape that comes
 * once costs nothing, and the libraries have made what they make on a first call. The second time
 * they are captured into a graph, which is launched then and ever after. Captured is what goes to
 * the compute stream, and the collectives on the communication stream between it, which the
 * transport's events tie to it (cuda.h, has_captured).
 */
#include "runtime/backend/cuda/parts.h"

#include <stdlib.h>
#include <string.h>

struct sequence {
    unsigned char key[MIMO_CUDA_KEY_MAX];
    size_t size;
    uint64_t hash, last_use;
    cudaGraphExec_t graph; /* NULL: seen once */
    bool communicates;     /* holds operations of the transport */
};

struct mimo_cuda_graphs {
    struct sequence sequences[MIMO_CUDA_SEQUENCES_MAX];
    uint64_t uses;
    bool is_open;              /* between begin and end */
    struct sequence *captured; /* the one that is being captured */
};

/* -- the table -------------------------------------------------------------------------------- */

/* FNV-1a. */
static uint64_t hash_of(const unsigned char *key, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ key[i]) * 0x100000001b3;
    return hash;
}

static struct sequence *find(struct mimo_cuda_graphs *graphs, const void *key, size_t size)
{
    const uint64_t hash = hash_of(key, size);

    for (size_t i = 0; i < MIMO_CUDA_SEQUENCES_MAX; i++) {
        struct sequence *sequence = &graphs->sequences[i];
        if (sequence->last_use > 0 && sequence->hash == hash && sequence->size == size &&
            memcmp(sequence->key, key, size) == 0)
            return sequence;
    }
    return NULL;
}

static struct sequence *least_recently_used(struct mimo_cuda_graphs *graphs)
{
    struct sequence *least = graphs->sequences;

    for (size_t i = 1; i < MIMO_CUDA_SEQUENCES_MAX; i++)
        if (graphs->sequences[i].last_use < least->last_use)
            least = &graphs->sequences[i];
    return least;
}

static void forget(struct sequence *sequence)
{
    if (sequence->graph != NULL)
        (void)cudaGraphExecDestroy(sequence->graph);
    *sequence = (struct sequence){0};
}

static void remember(struct mimo_cuda_graphs *graphs, const void *key, size_t size)
{
    struct sequence *const sequence = least_recently_used(graphs);

    forget(sequence);
    memcpy(sequence->key, key, size);
    sequence->size = size;
    sequence->hash = hash_of(key, size);
    sequence->last_use = graphs->uses;
}

/* -- replay ----------------------------------------------------------------------------------- */

/* What is issued on `later` from now on comes behind what was issued on `earlier`. */
static bool put_behind(struct mimo_cuda *cuda, cudaStream_t later, cudaStream_t earlier,
                       cudaEvent_t event)
{
    const char *const operation = "ordering the streams of a sequence";

    return mimo_cuda_check(cuda, cudaEventRecord(event, earlier), operation) &&
           mimo_cuda_check(cuda, cudaStreamWaitEvent(later, event, cudaEventWaitDefault),
                           operation);
}

/* The transport's operations in the graph belong to no stream; here they take the place among the
 * others that they had when they were captured. */
static void replay(struct mimo_cuda *cuda, const struct sequence *sequence)
{
    if (sequence->communicates &&
        !put_behind(cuda, cuda->compute, cuda->communication, cuda->communicated))
        return;
    if (!mimo_cuda_check(cuda, cudaGraphLaunch(sequence->graph, cuda->compute),
                         "launching a graph"))
        return;
    if (sequence->communicates)
        (void)put_behind(cuda, cuda->communication, cuda->compute, cuda->computed);
}

/* -- capture ---------------------------------------------------------------------------------- */

/* Where a capture cannot begin, operations are issued as ever. */
static struct sequence *begin_capture(struct mimo_cuda *cuda, struct sequence *sequence)
{
    cuda->has_captured = false;
    return cudaStreamBeginCapture(cuda->compute, cudaStreamCaptureModeThreadLocal) == cudaSuccess
               ? sequence
               : NULL;
}

/* Operations that were captured have not run: from here on, what fails is lost. */
static bool end_capture(struct mimo_cuda *cuda, struct sequence *sequence)
{
    cudaGraph_t graph = NULL;
    bool is_made;

    sequence->communicates = cuda->has_captured;
    if (sequence->communicates)
        (void)put_behind(cuda, cuda->compute, cuda->communication, cuda->communicated);
    if (!mimo_cuda_check(cuda, cudaStreamEndCapture(cuda->compute, &graph), "capturing a sequence"))
        return false;
    is_made = mimo_cuda_check(cuda, cudaGraphInstantiate(&sequence->graph, graph, 0),
                              "instantiating a graph");
    (void)cudaGraphDestroy(graph);
    return is_made;
}

/* -- operations ------------------------------------------------------------------------------- */

static bool sequence_begin(struct mimo_backend *be, const void *key, size_t size)
{
    struct mimo_cuda *const cuda = mimo_cuda_of(be);
    struct mimo_cuda_graphs *const graphs = cuda->graphs;
    struct sequence *sequence;

    MIMO_ASSERT(!graphs->is_open && size <= MIMO_CUDA_KEY_MAX);
    sequence = find(graphs, key, size);
    graphs->uses++;
    if (sequence != NULL)
        sequence->last_use = graphs->uses;
    if (sequence != NULL && sequence->graph != NULL) {
        replay(cuda, sequence);
        return true;
    }
    graphs->is_open = true;
    if (sequence == NULL)
        remember(graphs, key, size);
    else
        graphs->captured = begin_capture(cuda, sequence);
    return false;
}

static void sequence_end(struct mimo_backend *be)
{
    struct mimo_cuda *const cuda = mimo_cuda_of(be);
    struct sequence *const sequence = cuda->graphs->captured;

    MIMO_ASSERT(cuda->graphs->is_open);
    cuda->graphs->is_open = false;
    cuda->graphs->captured = NULL;
    if (sequence != NULL && end_capture(cuda, sequence))
        replay(cuda, sequence);
}

bool mimo_cuda_in_sequence(const struct mimo_cuda *cuda)
{
    return cuda->graphs->is_open;
}

void mimo_cuda_graphs_ops(struct mimo_backend_ops *ops)
{
    ops->sequence_begin = sequence_begin;
    ops->sequence_end = sequence_end;
}

/* -- opening ---------------------------------------------------------------------------------- */

bool mimo_cuda_graphs_open(struct mimo_cuda *cuda)
{
    cuda->graphs = calloc(1, sizeof *cuda->graphs);
    if (cuda->graphs == NULL)
        (void)mimo_error_set(&cuda->error, MIMO_E_FAILED, "out of memory");
    return cuda->graphs != NULL;
}

void mimo_cuda_forget_sequences(struct mimo_cuda *cuda)
{
    for (size_t i = 0; i < MIMO_CUDA_SEQUENCES_MAX; i++)
        forget(&cuda->graphs->sequences[i]);
}

void mimo_cuda_graphs_close(struct mimo_cuda *cuda)
{
    if (cuda->graphs == NULL)
        return;
    mimo_cuda_forget_sequences(cuda);
    free(cuda->graphs);
    cuda->graphs = NULL;
}
