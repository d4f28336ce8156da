/*
 * nccl.h - stand-in for NCCL's header: what mimo uses of the library, by its documentation.
 *
 * It works over MPI, which each process must have started with MPI_THREAD_MULTIPLE; a rank of a
 * communicator is a process. A collective or a transfer takes part in the order of its stream, and
 * holds up that stream until all its partners have come. What is documented as an error is noticed
 * where that is possible: a contradiction between ranks becomes the communicator's asynchronous
 * error, and as on a device the operation does not end until ncclCommAbort.
 *
 * A call with an argument that cannot be gives ncclInvalidArgument, one at a wrong time
 * ncclInvalidUsage; ncclGetLastError says more.
 */
#ifndef MIMO_EMULATED_NCCL_H
#define MIMO_EMULATED_NCCL_H

#include "cuda_runtime_api.h"

#include <limits.h>
#include <stddef.h>

#define NCCL_MAJOR  2
#define NCCL_MINOR  28
#define NCCL_PATCH  9
#define NCCL_SUFFIX ""

#define NCCL_VERSION(major, minor, patch)                                                          \
    ((major) <= 2 && (minor) <= 8 ? (major)*1000 + (minor)*100 + (patch)                           \
                                  : (major)*10000 + (minor)*100 + (patch))
#define NCCL_VERSION_CODE     NCCL_VERSION(NCCL_MAJOR, NCCL_MINOR, NCCL_PATCH)

#define NCCL_COMM_NULL        NULL
#define NCCL_UNIQUE_ID_BYTES  128
#define NCCL_CONFIG_UNDEF_INT INT_MIN
#define NCCL_CONFIG_UNDEF_PTR NULL
#define NCCL_SPLIT_NOCOLOR    (-1)

#ifdef __cplusplus
extern "C" {
#endif

/* ---- results ---- */

typedef enum {
    ncclSuccess = 0,
    ncclUnhandledCudaError = 1,
    ncclSystemError = 2,
    ncclInternalError = 3,
    ncclInvalidArgument = 4,
    ncclInvalidUsage = 5,
    ncclRemoteError = 6,
    ncclInProgress = 7,
    ncclNumResults = 8,
} ncclResult_t;

typedef struct ncclComm *ncclComm_t;

/* The result in words; a static string. */
const char *ncclGetErrorString(ncclResult_t result);

/* What the last error of the process was about; valid until the next. comm is not used. */
const char *ncclGetLastError(ncclComm_t comm);

/* NCCL_VERSION_CODE */
ncclResult_t ncclGetVersion(int *version);

/* ---- communicators ---- */

/* A name for a communicator to be; to be handed to all its ranks. */
typedef struct {
    char internal[NCCL_UNIQUE_ID_BYTES];
} ncclUniqueId;

/* The process that makes it serves its ranks, and need not be one of them. */
ncclResult_t ncclGetUniqueId(ncclUniqueId *id);

typedef struct ncclConfig {
    size_t size; /* the first three are set by NCCL_CONFIG_INITIALIZER alone */
    unsigned magic;
    unsigned version;
    int blocking; /* 1, the default, or 0: calls return ncclInProgress, see ncclCommGetAsyncError */
    int cgaClusterSize; /* this and the following have no effect here */
    int minCTAs;
    int maxCTAs;
    const char *netName;
    int splitShare;
    int trafficClass;
    const char *commName;
} ncclConfig_t;

#define NCCL_CONFIG_INITIALIZER                                                                    \
    {                                                                                              \
        sizeof(ncclConfig_t), 0xcafebeef, NCCL_VERSION_CODE, NCCL_CONFIG_UNDEF_INT,                \
            NCCL_CONFIG_UNDEF_INT, NCCL_CONFIG_UNDEF_INT, NCCL_CONFIG_UNDEF_INT,                   \
            NCCL_CONFIG_UNDEF_PTR, NCCL_CONFIG_UNDEF_INT, NCCL_CONFIG_UNDEF_INT,                   \
            NCCL_CONFIG_UNDEF_PTR                                                                  \
    }

/*
 * The communicator of `count` ranks that is named `id`, on the current device; every rank must
 * call. A NULL config is the default. ncclInvalidUsage: ranks disagree about the count, two have
 * the same rank, or two the same device of their machine (unless NCCL_MULTI_RANK_GPU_ENABLE is 1).
 */
ncclResult_t ncclCommInitRankConfig(ncclComm_t *comm, int count, ncclUniqueId id, int rank,
                                    ncclConfig_t *config);

/*
 * New communicators, one for each color, ranks in the order of (key, rank); every rank of `comm`
 * must call. With NCCL_SPLIT_NOCOLOR the rank gets none, NULL. A NULL config is that of `comm`.
 * ncclInvalidUsage: operations of `comm` are outstanding.
 */
ncclResult_t ncclCommSplit(ncclComm_t comm, int color, int key, ncclComm_t *split,
                           ncclConfig_t *config);

ncclResult_t ncclCommCount(const ncclComm_t comm, int *count);
ncclResult_t ncclCommUserRank(const ncclComm_t comm, int *rank);

/*
 * ncclInProgress: a call on the communicator that does not block is still being carried out; until
 * it is, only this and ncclCommAbort may be called. Any error: the communicator is of no use any
 * more, and only ncclCommAbort ends its operations.
 */
ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t *async_error);

/* Waits for the communicator's operations; afterwards none may be enqueued. */
ncclResult_t ncclCommFinalize(ncclComm_t comm);

/*
 * Waits for the communicator's operations and frees it. ncclInvalidUsage, and nothing is freed: a
 * graph holds operations of it (NCCL waits for the graph's end, for ever in a program of one
 * thread).
 */
ncclResult_t ncclCommDestroy(ncclComm_t comm);

/* Ends the communicator's operations, begun or not, and frees it. */
ncclResult_t ncclCommAbort(ncclComm_t comm);

/* ---- collectives ---- */

typedef enum {
    ncclSum = 0,
    ncclProd = 1, /* this, Min and Avg: the library's; refused here */
    ncclMax = 2,
    ncclMin = 3,
    ncclAvg = 4,
    ncclNumOps = 5,
} ncclRedOp_t;

typedef enum {
    ncclInt8 = 0,
    ncclChar = 0,
    ncclUint8 = 1,
    ncclInt32 = 2,
    ncclInt = 2,
    ncclUint32 = 3, /* this and Float16: the library's; refused here */
    ncclInt64 = 4,
    ncclUint64 = 5,
    ncclFloat16 = 6,
    ncclHalf = 6,
    ncclFloat32 = 7,
    ncclFloat = 7,
    ncclFloat64 = 8,
    ncclDouble = 8,
    ncclBfloat16 = 9,
} ncclDataType_t;

/*
 * Counts are elements. Parts are combined in the order of ranks, bfloat16 rounded after each step.
 * In place is allowed: receive == send, or the rank's own part of the larger buffer; any other
 * overlap is not.
 */

ncclResult_t ncclAllReduce(const void *send, void *receive, size_t count, ncclDataType_t type,
                           ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream);

/* Only the root's `receive` is written. */
ncclResult_t ncclReduce(const void *send, void *receive, size_t count, ncclDataType_t type,
                        ncclRedOp_t op, int root, ncclComm_t comm, cudaStream_t stream);

/* Only the root's `send` is read. */
ncclResult_t ncclBroadcast(const void *send, void *receive, size_t count, ncclDataType_t type,
                           int root, ncclComm_t comm, cudaStream_t stream);

/* `receive` takes `count` elements from each rank, in their order. */
ncclResult_t ncclAllGather(const void *send, void *receive, size_t count, ncclDataType_t type,
                           ncclComm_t comm, cudaStream_t stream);

/* `send` holds `count` elements for each rank, in their order. */
ncclResult_t ncclReduceScatter(const void *send, void *receive, size_t count, ncclDataType_t type,
                               ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream);

/* ---- transfers and groups ---- */

/* The n-th send of a rank to another meets the other's n-th receive from it. */
ncclResult_t ncclSend(const void *send, size_t count, ncclDataType_t type, int peer,
                      ncclComm_t comm, cudaStream_t stream);
ncclResult_t ncclRecv(void *receive, size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream);

/*
 * What one thread calls between start and end becomes one operation for each communicator, enqueued
 * at the outermost end in the order of their first calls; within an operation all goes on at once.
 * An error of a call in between is the end's too, and nothing is enqueued then. Communicators may
 * also be made in a group of their own, which ends when they are complete.
 */
ncclResult_t ncclGroupStart(void);
ncclResult_t ncclGroupEnd(void);

#ifdef __cplusplus
}
#endif

#endif
