/* The emulated NCCL on the ranks of an MPI job: results, order, errors. */
#include "tests/unit/world/mpi_suite.h"

#include <mpi.h>
#include <nccl.h>
#include <sched.h>
#include <stdbool.h>

enum { RANKS_MAX = 8, ELEMENT_BYTES_MAX = 8 };

/* ---- ranks, communicators, memory ---- */

static int own_rank(void)
{
    return (int)suite_place().rank;
}

static int rank_count(void)
{
    return (int)suite_place().size;
}

static void meet(void)
{
    CHECK_INT(MPI_Barrier(MPI_COMM_WORLD), MPI_SUCCESS);
}

static ncclUniqueId shared_id(int maker)
{
    ncclUniqueId id = {{0}};

    if (own_rank() == maker)
        CHECK_INT(ncclGetUniqueId(&id), ncclSuccess);
    CHECK_INT(MPI_Bcast(&id, sizeof id, MPI_BYTE, maker, MPI_COMM_WORLD), MPI_SUCCESS);
    return id;
}

/* Of all ranks, each on a device of its own. */
static ncclComm_t new_comm(void)
{
    ncclComm_t comm = NULL;

    CHECK_INT(cudaSetDevice(own_rank()), cudaSuccess);
    CHECK_INT(ncclCommInitRankConfig(&comm, rank_count(), shared_id(0), own_rank(), NULL),
              ncclSuccess);
    CU_ASSERT_FATAL(comm != NULL);
    return comm;
}

static cudaStream_t new_stream(void)
{
    cudaStream_t stream = NULL;

    CHECK_INT(cudaSetDevice(own_rank()), cudaSuccess);
    CHECK_INT(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
    return stream;
}

static void *new_memory(size_t bytes)
{
    void *memory = NULL;

    CHECK_INT(cudaMalloc(&memory, bytes), cudaSuccess);
    CU_ASSERT_FATAL(memory != NULL);
    return memory;
}

static void finish(cudaStream_t stream)
{
    CHECK_INT(cudaStreamSynchronize(stream), cudaSuccess);
    CHECK_INT(cudaStreamDestroy(stream), cudaSuccess);
}

static ncclResult_t async_error(ncclComm_t comm)
{
    ncclResult_t error = ncclInternalError;

    CHECK_INT(ncclCommGetAsyncError(comm, &error), ncclSuccess);
    return error;
}

/* Until the communicator's state is another. */
static ncclResult_t await_change(ncclComm_t comm, ncclResult_t from)
{
    ncclResult_t state = async_error(comm);

    while (state == from) {
        (void)sched_yield();
        state = async_error(comm);
    }
    return state;
}

/* ---- elements ---- */

static const struct {
    ncclDataType_t type;
    size_t bytes;
} types[] = {
    {ncclInt8, 1},   {ncclUint8, 1},   {ncclInt32, 4},   {ncclInt64, 8},
    {ncclUint64, 8}, {ncclFloat32, 4}, {ncclFloat64, 8}, {ncclBfloat16, 2},
};

enum { TYPE_COUNT = sizeof types / sizeof *types };

/* Small integers are exact in every type. */
static void store(void *to, ncclDataType_t type, size_t i, int value)
{
    const float narrow = (float)value;
    uint32_t bits;

    memcpy(&bits, &narrow, sizeof bits);
    switch ((int)type) {
    case ncclInt8:
    case ncclUint8:
        ((uint8_t *)to)[i] = (uint8_t)value;
        break;
    case ncclInt32:
        ((int32_t *)to)[i] = value;
        break;
    case ncclInt64:
    case ncclUint64:
        ((int64_t *)to)[i] = value;
        break;
    case ncclFloat32:
        ((float *)to)[i] = narrow;
        break;
    case ncclFloat64:
        ((double *)to)[i] = value;
        break;
    default:
        ((uint16_t *)to)[i] = (uint16_t)(bits >> 16);
    }
}

static int value_of(int rank, size_t i)
{
    return (rank * 7 + (int)(i % 1009) * 5) % 13;
}

static int combined(ncclRedOp_t op, size_t i)
{
    int result = value_of(0, i);

    for (int rank = 1; rank < rank_count(); rank++) {
        const int value = value_of(rank, i);
        result = op == ncclSum ? result + value : value > result ? value : result;
    }
    return result;
}

static void upload(void *to, const void *from, size_t bytes, cudaStream_t stream)
{
    CHECK_INT(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream), cudaSuccess);
}

static void download(void *to, const void *from, size_t bytes, cudaStream_t stream)
{
    CHECK_INT(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream), cudaSuccess);
    CHECK_INT(cudaStreamSynchronize(stream), cudaSuccess);
}

/* ---- collectives ---- */

enum function { ALL_REDUCE, REDUCE, BROADCAST, ALL_GATHER, REDUCE_SCATTER, FUNCTION_COUNT };

struct collective {
    enum function function;
    size_t type; /* row of types */
    ncclRedOp_t op;
    size_t count;
    int root;
    bool is_in_place;
};

static ncclResult_t call(const struct collective *c, const void *send, void *receive,
                         ncclComm_t comm, cudaStream_t stream)
{
    const ncclDataType_t type = types[c->type].type;

    switch (c->function) {
    case ALL_REDUCE:
        return ncclAllReduce(send, receive, c->count, type, c->op, comm, stream);
    case REDUCE:
        return ncclReduce(send, receive, c->count, type, c->op, c->root, comm, stream);
    case BROADCAST:
        return ncclBroadcast(send, receive, c->count, type, c->root, comm, stream);
    case ALL_GATHER:
        return ncclAllGather(send, receive, c->count, type, comm, stream);
    case REDUCE_SCATTER:
        return ncclReduceScatter(send, receive, c->count, type, c->op, comm, stream);
    case FUNCTION_COUNT:
        break;
    }
    return ncclInternalError;
}

/* Elements of the buffers, in multiples of the count. */
static size_t sent_parts(const struct collective *c)
{
    return c->function == REDUCE_SCATTER ? (size_t)rank_count() : 1;
}

static size_t received_parts(const struct collective *c)
{
    return c->function == ALL_GATHER ? (size_t)rank_count() : 1;
}

/* Where the smaller of the two buffers lies in the larger one. */
static size_t own_offset(const struct collective *c)
{
    const bool has_parts = c->function == ALL_GATHER || c->function == REDUCE_SCATTER;

    return has_parts ? (size_t)own_rank() * c->count * types[c->type].bytes : 0;
}

/* Element i of what this rank must have received; false: it receives nothing. */
static bool expected(const struct collective *c, size_t i, int *value)
{
    switch (c->function) {
    case ALL_REDUCE:
        *value = combined(c->op, i);
        return true;
    case REDUCE:
        *value = combined(c->op, i);
        return own_rank() == c->root;
    case BROADCAST:
        *value = value_of(c->root, i);
        return true;
    case ALL_GATHER:
        *value = value_of((int)(i / c->count), i % c->count);
        return true;
    case REDUCE_SCATTER:
        *value = combined(c->op, (size_t)own_rank() * c->count + i);
        return true;
    case FUNCTION_COUNT:
        break;
    }
    return false;
}

static size_t count_wrong(const struct collective *c, const char *received)
{
    const size_t bytes = types[c->type].bytes;
    size_t wrong = 0;

    for (size_t i = 0; i < received_parts(c) * c->count; i++) {
        char wanted[ELEMENT_BYTES_MAX];
        int value = 0;
        if (!expected(c, i, &value))
            continue;
        store(wanted, types[c->type].type, 0, value);
        wrong += memcmp(wanted, received + i * bytes, bytes) != 0;
    }
    return wrong;
}

struct buffers {
    size_t bytes; /* of the larger of the two */
    char *host, *memory;
    char *send, *receive; /* on the device */
};

static struct buffers new_buffers(const struct collective *c)
{
    const size_t parts = sent_parts(c) > received_parts(c) ? sent_parts(c) : received_parts(c);
    struct buffers b = {.bytes = parts * c->count * types[c->type].bytes};

    b.host = malloc(b.bytes);
    b.memory = new_memory(2 * b.bytes);
    CU_ASSERT_FATAL(b.host != NULL);
    b.send = b.memory;
    b.receive = b.memory + b.bytes;
    if (c->is_in_place && c->function == ALL_GATHER)
        b.send = b.receive + own_offset(c);
    else if (c->is_in_place)
        b.receive = b.send + own_offset(c);
    return b;
}

static void check_collective(const struct collective *c, ncclComm_t comm, cudaStream_t stream)
{
    const size_t bytes = types[c->type].bytes;
    struct buffers b = new_buffers(c);
    size_t wrong;

    for (size_t i = 0; i < sent_parts(c) * c->count; i++)
        store(b.host, types[c->type].type, i, value_of(own_rank(), i));
    upload(b.send, b.host, sent_parts(c) * c->count * bytes, stream);
    CHECK_INT(call(c, b.send, b.receive, comm, stream), ncclSuccess);
    download(b.host, b.receive, received_parts(c) * c->count * bytes, stream);
    wrong = count_wrong(c, b.host);
    if (wrong > 0)
        (void)printf("\n  rank %d: function %d type %d op %d count %zu in place %d\n", own_rank(),
                     (int)c->function, (int)types[c->type].type, (int)c->op, c->count,
                     (int)c->is_in_place);
    CHECK_INT(wrong, 0);
    CHECK_INT(cudaFree(b.memory), cudaSuccess);
    free(b.host);
}

static void check_type(size_t type, ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream)
{
    static const size_t counts[] = {1, 5, 1000};

    for (int function = 0; function < FUNCTION_COUNT; function++)
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
            for (int is_in_place = 0; is_in_place < 2; is_in_place++)
                check_collective(&(struct collective){(enum function)function, type, op, counts[i],
                                                      rank_count() - 1, is_in_place},
                                 comm, stream);
}

static void test_collectives(void)
{
    ncclComm_t comm = new_comm();
    cudaStream_t stream = new_stream();

    for (size_t type = 0; type < TYPE_COUNT; type++) {
        check_type(type, ncclSum, comm, stream);
        check_type(type, ncclMax, comm, stream);
    }
    CHECK_INT(async_error(comm), ncclSuccess);
    CHECK_INT(ncclCommDestroy(comm), ncclSuccess);
    finish(stream);
}

/* (2^30 - 2^30) + 1 is 1, 2^30 + (1 - 2^30) is 0; 256 + 1 is 256 in bfloat16, at every step. */
static void test_order_of_sums(void)
{
    static const float parts[RANKS_MAX] = {0x1p30F, -0x1p30F, 1};
    const uint16_t narrow_part = own_rank() == 0 ? 0x4380 : 0x3f80;
    ncclComm_t comm = new_comm();
    cudaStream_t stream = new_stream();
    float *memory = new_memory(sizeof *memory), sum;
    uint16_t *narrow = new_memory(sizeof *narrow), narrow_sum;

    upload(memory, &parts[own_rank()], sizeof *memory, stream);
    upload(narrow, &narrow_part, sizeof *narrow, stream);
    CHECK_INT(ncclAllReduce(memory, memory, 1, ncclFloat32, ncclSum, comm, stream), ncclSuccess);
    CHECK_INT(ncclAllReduce(narrow, narrow, 1, ncclBfloat16, ncclSum, comm, stream), ncclSuccess);
    download(&sum, memory, sizeof sum, stream);
    download(&narrow_sum, narrow, sizeof narrow_sum, stream);
    CHECK_INT(sum, rank_count() == 1 ? 0x1p30F : rank_count() == 2 ? 0 : 1);
    CHECK_INT(narrow_sum, 0x4380);
    CHECK_INT(ncclCommDestroy(comm), ncclSuccess);
    CHECK_INT(cudaFree(memory), cudaSuccess);
    CHECK_INT(cudaFree(narrow), cudaSuccess);
    finish(stream);
}

static void test_nothing_to_do(void)
{
    ncclComm_t comm = new_comm();
    cudaStream_t stream = new_stream();

    CHECK_INT(ncclAllReduce(NULL, NULL, 0, ncclFloat32, ncclSum, comm, stream), ncclSuccess);
    CHECK_INT(ncclGroupStart(), ncclSuccess);
    CHECK_INT(ncclGroupEnd(), ncclSuccess);
    CHECK_INT(ncclCommDestroy(comm), ncclSuccess);
    CHECK_INT(ncclCommDestroy(NULL), ncclSuccess);
    finish(stream);
}

/* ---- transfers and groups ---- */

static int next_rank(void)
{
    return (own_rank() + 1) % rank_count();
}

static int previous_rank(void)
{
    return (own_rank() + rank_count() - 1) % rank_count();
}

/* Three messages around the ring: each rank sends before it receives, and all at once. */
static void test_ring(void)
{
    ncclComm_t comm = new_comm();
    cudaStream_t stream = new_stream();
    int32_t host[6] = {own_rank() * 10, own_rank() * 10 + 1, own_rank() * 10 + 2};
    int32_t *memory = new_memory(sizeof host);

    upload(memory, host, sizeof host, stream);
    CHECK_INT(ncclGroupStart(), ncclSuccess);
    for (int i = 0; i < 3; i++)
        CHECK_INT(ncclSend(memory + i, 1, ncclInt32, next_rank(), comm, stream), ncclSuccess);
    for (int i = 0; i < 3; i++)
        CHECK_INT(ncclRecv(memory + 3 + i, 1, ncclInt32, previous_rank(), comm, stream),
                  ncclSuccess);
    CHECK_INT(ncclGroupEnd(), ncclSuccess);
    download(host, memory, sizeof host, stream);
    for (int i = 0; i < 3; i++)
        CHECK_INT(host[3 + i], previous_rank() * 10 + i);
    CHECK_INT(ncclCommDestroy(comm), ncclSuccess);
    CHECK_INT(cudaFree(memory), cudaSuccess);
    finish(stream);
}

static void check_all_to_all(ncclComm_t comm, cudaStream_t stream, size_t count)
{
    const size_t ranks = (size_t)rank_count();
    uint8_t *host = malloc(2 * ranks * count + 1), *memory = new_memory(2 * ranks * count + 1);
    uint8_t *const received = memory + ranks * count;
    size_t wrong = 0;

    CU_ASSERT_FATAL(host != NULL);
    for (size_t i = 0; i < ranks * count; i++)
        host[i] = (uint8_t)((size_t)own_rank() * 31 + i % 251);
    upload(memory, host, ranks * count, stream);
    CHECK_INT(ncclGroupStart(), ncclSuccess);
    for (size_t peer = 0; peer < ranks; peer++) {
        CHECK_INT(ncclSend(memory + peer * count, count, ncclUint8, (int)peer, comm, stream), 0);
        CHECK_INT(ncclRecv(received + peer * count, count, ncclUint8, (int)peer, comm, stream), 0);
    }
    CHECK_INT(ncclGroupEnd(), ncclSuccess);
    download(host, received, ranks * count, stream);
    for (size_t i = 0; i < ranks * count; i++)
        wrong +=
            host[i] != (uint8_t)(i / count * 31 + ((size_t)own_rank() * count + i % count) % 251);
    CHECK_INT(wrong, 0);
    CHECK_INT(cudaFree(memory), cudaSuccess);
    free(host);
}

static void test_all_to_all(void)
{
    ncclComm_t comm = new_comm();
    cudaStream_t stream = new_stream();

    check_all_to_all(comm, stream, 0);
    check_all_to_all(comm, stream, 1);
    check_all_to_all(comm, stream, 1000);
    check_all_to_all(comm, stream, 300000);
    CHECK_INT(ncclCommDestroy(comm), ncclSuccess);
    finish(stream);
}

/* From rank to rank without groups: a chain does not wait in a circle. */
static void test_chain(void)
{
    ncclComm_t comm = new_comm();
    cudaStream_t stream = new_stream();
    int64_t *memory = new_memory(sizeof *memory), value = 7;

    upload(memory, &value, sizeof value, stream);
    if (own_rank() > 0)
        CHECK_INT(ncclRecv(memory, 1, ncclInt64, own_rank() - 1, comm, stream), ncclSuccess);
    if (own_rank() == 0)
        upload(memory, &(int64_t){42}, sizeof value, stream);
    if (own_rank() + 1 < rank_count())
        CHECK_INT(ncclSend(memory, 1, ncclInt64, own_rank() + 1, comm, stream), ncclSuccess);
    download(&value, memory, sizeof value, stream);
    CHECK_INT(value, 42);
    CHECK_INT(ncclCommDestroy(comm), ncclSuccess);
    CHECK_INT(cudaFree(memory), cudaSuccess);
    finish(stream);
}

/* Collectives and transfers together, in groups within groups. */
static void test_mixed_group(void)
{
    ncclComm_t comm = new_comm();
    cudaStream_t stream = new_stream();
    int32_t host[4] = {1, own_rank(), own_rank(), -1};
    int32_t *memory = new_memory(sizeof host);

    upload(memory, host, sizeof host, stream);
    CHECK_INT(ncclGroupStart(), ncclSuccess);
    CHECK_INT(ncclAllReduce(memory, memory, 1, ncclInt32, ncclSum, comm, stream), ncclSuccess);
    CHECK_INT(ncclGroupStart(), ncclSuccess);
    CHECK_INT(ncclSend(memory + 2, 1, ncclInt32, next_rank(), comm, stream), ncclSuccess);
    CHECK_INT(ncclAllReduce(memory + 1, memory + 1, 1, ncclInt32, ncclMax, comm, stream), 0);
    CHECK_INT(ncclGroupEnd(), ncclSuccess);
    CHECK_INT(ncclRecv(memory + 3, 1, ncclInt32, previous_rank(), comm, stream), ncclSuccess);
    CHECK_INT(ncclGroupEnd(), ncclSuccess);
    download(host, memory, sizeof host, stream);
    CHECK_INT(host[0], rank_count());
    CHECK_INT(host[1], rank_count() - 1);
    CHECK_INT(host[3], previous_rank());
    CHECK_INT(ncclCommDestroy(comm), ncclSuccess);
    CHECK_INT(cudaFree(memory), cudaSuccess);
    finish(stream);
}

/* ---- several communicators ---- */

/* Ranks of one parity in reverse order; rank 0 of the world in none. */
static void test_split(void)
{
    ncclComm_t comm = new_comm(), part = comm;
    cudaStream_t stream = new_stream();
    const int color = own_rank() == 0 ? NCCL_SPLIT_NOCOLOR : own_rank() % 2;
    int count = 0, rank = -1, expected_count = 0, larger = 0;
    int32_t *memory = new_memory(sizeof *memory), sum = own_rank(), expected_sum = 0;

    for (int r = 1; r < rank_count(); r++)
        if (r % 2 == own_rank() % 2) {
            expected_count++;
            expected_sum += r;
            larger += r > own_rank();
        }
    CHECK_INT(ncclCommSplit(comm, color, -own_rank(), &part, NULL), ncclSuccess);
    CHECK((part == NULL) == (own_rank() == 0));
    if (part != NULL) {
        CHECK_INT(ncclCommCount(part, &count), ncclSuccess);
        CHECK_INT(ncclCommUserRank(part, &rank), ncclSuccess);
        CHECK_INT(count, expected_count);
        CHECK_INT(rank, larger);
        upload(memory, &sum, sizeof sum, stream);
        CHECK_INT(ncclAllReduce(memory, memory, 1, ncclInt32, ncclSum, part, stream), ncclSuccess);
        download(&sum, memory, sizeof sum, stream);
        CHECK_INT(sum, expected_sum);
        CHECK_INT(ncclCommDestroy(part), ncclSuccess);
    }
    CHECK_INT(ncclCommDestroy(comm), ncclSuccess);
    CHECK_INT(cudaFree(memory), cudaSuccess);
    finish(stream);
}

/* Even ranks call for the one first, odd ranks for the other: each has a stream of its own. */
static void test_two_orders(void)
{
    ncclComm_t comms[2] = {new_comm(), NULL};
    cudaStream_t streams[2] = {new_stream(), new_stream()};
    int32_t *memory = new_memory(2 * sizeof *memory), host[2] = {1, 1};

    CHECK_INT(ncclCommSplit(comms[0], 0, own_rank(), &comms[1], NULL), ncclSuccess);
    for (int i = 0; i < 2; i++)
        upload(memory + i, host + i, sizeof *host, streams[i]);
    for (int round = 0; round < 5; round++)
        for (int turn = 0; turn < 2; turn++) {
            const int i = (own_rank() + turn) % 2;
            CHECK_INT(
                ncclAllReduce(memory + i, memory + i, 1, ncclInt32, ncclSum, comms[i], streams[i]),
                ncclSuccess);
        }
    for (int i = 0; i < 2; i++)
        download(host + i, memory + i, sizeof *host, streams[i]);
    CHECK_INT(host[0], pow(rank_count(), 5));
    CHECK_INT(host[1], pow(rank_count(), 5));
    for (int i = 0; i < 2; i++) {
        CHECK_INT(ncclCommDestroy(comms[i]), ncclSuccess);
        finish(streams[i]);
    }
    CHECK_INT(cudaFree(memory), cudaSuccess);
}

/* Calls on one communicator are carried out in their order, on two streams without events too. */
static void test_one_order_on_two_streams(void)
{
    ncclComm_t comm = new_comm();
    cudaStream_t streams[2] = {new_stream(), new_stream()};
    int32_t host[2] = {1, 10}, *memory = new_memory(sizeof host);

    upload(memory, host, sizeof host, streams[0]);
    CHECK_INT(cudaStreamSynchronize(streams[0]), cudaSuccess);
    for (int round = 0; round < 8; round++)
        for (int i = 0; i < 2; i++)
            CHECK_INT(
                ncclAllReduce(memory + i, memory + i, 1, ncclInt32, ncclSum, comm, streams[i]), 0);
    for (int i = 0; i < 2; i++)
        download(host + i, memory + i, sizeof *host, streams[i]);
    CHECK_INT(host[0], pow(rank_count(), 8));
    CHECK_INT(host[1], 10 * pow(rank_count(), 8));
    CHECK_INT(ncclCommDestroy(comm), ncclSuccess);
    CHECK_INT(cudaFree(memory), cudaSuccess);
    finish(streams[0]);
    finish(streams[1]);
}

/* The last rank makes the id for the others and does not take part. */
static void test_maker_outside(void)
{
    const int last = rank_count() - 1;
    const ncclUniqueId id = shared_id(last);
    ncclComm_t comm = NULL;
    int count = 0;

    CHECK_INT(cudaSetDevice(own_rank()), cudaSuccess);
    if (own_rank() < last) {
        CHECK_INT(ncclCommInitRankConfig(&comm, last, id, last - 1 - own_rank(), NULL),
                  ncclSuccess);
        CHECK_INT(ncclCommCount(comm, &count), ncclSuccess);
        CHECK_INT(count, last);
        CHECK_INT(ncclCommDestroy(comm), ncclSuccess);
    }
    meet();
}

/* Two communicators of all ranks made in one group, in opposite orders. */
static void test_made_in_a_group(void)
{
    const ncclUniqueId ids[2] = {shared_id(0), shared_id(rank_count() - 1)};
    ncclComm_t comms[2] = {NULL, NULL};
    int rank = -1;

    CHECK_INT(cudaSetDevice(own_rank()), cudaSuccess);
    CHECK_INT(ncclGroupStart(), ncclSuccess);
    for (int turn = 0; turn < 2; turn++) {
        const int i = (own_rank() + turn) % 2;
        CHECK_INT(ncclCommInitRankConfig(&comms[i], rank_count(), ids[i], own_rank(), NULL), 0);
    }
    CHECK_INT(ncclGroupEnd(), ncclSuccess);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(ncclCommUserRank(comms[i], &rank), ncclSuccess);
        CHECK_INT(rank, own_rank());
        CHECK_INT(ncclCommDestroy(comms[i]), ncclSuccess);
    }
}

/* ---- calls that do not block ---- */

static ncclComm_t new_comm_without_blocking(void)
{
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    ncclComm_t comm = NULL;

    config.blocking = 0;
    CHECK_INT(cudaSetDevice(own_rank()), cudaSuccess);
    CHECK_INT(ncclCommInitRankConfig(&comm, rank_count(), shared_id(0), own_rank(), &config),
              ncclInProgress);
    CHECK_INT(await_change(comm, ncclInProgress), ncclSuccess);
    return comm;
}

static void test_without_blocking(void)
{
    ncclComm_t comm = new_comm_without_blocking(), part = NULL;
    cudaStream_t stream = new_stream();
    int32_t *memory = new_memory(sizeof *memory), sum = 1;

    upload(memory, &sum, sizeof sum, stream);
    CHECK_INT(ncclAllReduce(memory, memory, 1, ncclInt32, ncclSum, comm, stream), ncclInProgress);
    CHECK_INT(ncclAllReduce(memory, memory, 1, ncclInt32, ncclSum, comm, stream),
              ncclInvalidArgument);
    CHECK_INT(await_change(comm, ncclInProgress), ncclSuccess);
    download(&sum, memory, sizeof sum, stream);
    CHECK_INT(sum, rank_count());
    CHECK_INT(ncclCommSplit(comm, 0, own_rank(), &part, NULL), ncclInProgress);
    CHECK_INT(await_change(comm, ncclInProgress), ncclSuccess);
    CHECK_INT(await_change(part, ncclInProgress), ncclSuccess);
    CHECK_INT(ncclCommFinalize(part), ncclInProgress);
    CHECK_INT(await_change(part, ncclInProgress), ncclSuccess);
    CHECK_INT(ncclAllReduce(memory, memory, 1, ncclInt32, ncclSum, part, stream),
              ncclInvalidArgument);
    CHECK_INT(ncclCommDestroy(part), ncclSuccess);
    CHECK_INT(ncclCommDestroy(comm), ncclSuccess);
    CHECK_INT(cudaFree(memory), cudaSuccess);
    finish(stream);
}

/* A communicator that some never join can be given up. */
static void test_abort_in_the_making(void)
{
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    const ncclUniqueId id = shared_id(0);
    ncclComm_t comm = NULL;

    config.blocking = 0;
    CHECK_INT(ncclCommInitRankConfig(&comm, rank_count() + 1, id, own_rank(), &config),
              ncclInProgress);
    CHECK_INT(async_error(comm), ncclInProgress);
    CHECK_INT(ncclCommAbort(comm), ncclSuccess);
    meet();
}

/* ---- errors between ranks ---- */

/* A collective of this rank contradicts the others': all notice, nothing ends but by abort. */
static void check_contradiction(const struct collective *c)
{
    ncclComm_t comm = new_comm();
    cudaStream_t stream = new_stream();
    char *memory = new_memory((size_t)RANKS_MAX * c->count * ELEMENT_BYTES_MAX * 2);
    char *const received = memory + (size_t)RANKS_MAX * c->count * ELEMENT_BYTES_MAX;

    CHECK_INT(call(c, memory, received, comm, stream), ncclSuccess);
    CHECK_INT(await_change(comm, ncclSuccess), ncclInvalidUsage);
    CHECK_CONTAINS(ncclGetLastError(comm), "meets nccl");
    CHECK_INT(cudaStreamQuery(stream), cudaErrorNotReady);
    CHECK_INT(ncclAllReduce(memory, memory, 1, ncclInt8, ncclSum, comm, stream), ncclInvalidUsage);
    CHECK_INT(ncclCommDestroy(comm), ncclInvalidUsage);
    meet();
    CHECK_INT(ncclCommAbort(comm), ncclSuccess);
    finish(stream);
    CHECK_INT(cudaFree(memory), cudaSuccess);
}

static void test_contradictions(void)
{
    const int is_odd_one = own_rank() == rank_count() - 1;
    struct collective c = {ALL_REDUCE, 5, ncclSum, 10, 0, false};

    if (rank_count() == 1)
        return;
    c.count = is_odd_one ? 11 : 10;
    check_contradiction(&c);
    c.count = 10;
    c.type = is_odd_one ? 2 : 5;
    check_contradiction(&c);
    c.type = 5;
    c.op = is_odd_one ? ncclMax : ncclSum;
    check_contradiction(&c);
    c.op = ncclSum;
    c.function = is_odd_one ? ALL_GATHER : ALL_REDUCE;
    check_contradiction(&c);
    c.function = BROADCAST;
    c.root = is_odd_one;
    check_contradiction(&c);
}

/* Rank 0 sends more than rank 1 expects. */
static void test_transfer_contradiction(void)
{
    ncclComm_t comm = new_comm();
    cudaStream_t stream = new_stream();
    void *memory = new_memory(64);

    if (own_rank() == 0 && rank_count() > 1)
        CHECK_INT(ncclSend(memory, 5, ncclInt32, 1, comm, stream), ncclSuccess);
    if (own_rank() == 1) {
        CHECK_INT(ncclRecv(memory, 4, ncclInt32, 0, comm, stream), ncclSuccess);
        CHECK_INT(await_change(comm, ncclSuccess), ncclInvalidUsage);
        CHECK_CONTAINS(ncclGetLastError(NULL), "ncclRecv of 4 elements");
    }
    meet();
    CHECK_INT(ncclCommAbort(comm), ncclSuccess);
    finish(stream);
    CHECK_INT(cudaFree(memory), cudaSuccess);
}

/* All send before they receive, and not in a group: none gets on, until abort. */
static void test_deadlock_and_abort(void)
{
    ncclComm_t comm = new_comm(), other = NULL;
    cudaStream_t stream = new_stream(), other_stream = new_stream();
    int32_t *memory = new_memory(3 * sizeof *memory), received[3] = {-1, -1, 1};

    CHECK_INT(ncclCommSplit(comm, 0, own_rank(), &other, NULL), ncclSuccess);
    upload(memory, received, sizeof received, other_stream);
    CHECK_INT(cudaStreamSynchronize(other_stream), cudaSuccess);
    if (rank_count() > 1) {
        CHECK_INT(ncclSend(memory, 1, ncclInt32, next_rank(), comm, stream), ncclSuccess);
        CHECK_INT(ncclRecv(memory + 1, 1, ncclInt32, previous_rank(), comm, stream), ncclSuccess);
    }
    for (int i = 0; i < 20; i++)
        CHECK_INT(ncclAllReduce(memory + 2, memory + 2, 1, ncclInt32, ncclMax, other, other_stream),
                  ncclSuccess);
    CHECK_INT(cudaStreamSynchronize(other_stream), cudaSuccess);
    CHECK_INT(cudaStreamQuery(stream), rank_count() > 1 ? cudaErrorNotReady : cudaSuccess);
    meet();
    CHECK_INT(ncclCommAbort(comm), ncclSuccess);
    CHECK_INT(cudaStreamSynchronize(stream), cudaSuccess);
    download(received, memory, sizeof received, stream);
    CHECK_INT(received[1], -1);
    CHECK_INT(ncclCommDestroy(other), ncclSuccess);
    CHECK_INT(cudaFree(memory), cudaSuccess);
    finish(stream);
    finish(other_stream);
}

/* Ranks that cannot form a communicator are all told so. */
static void check_impossible(int count, int rank, int device, const char *text)
{
    const ncclUniqueId id = shared_id(0);
    ncclComm_t comm = NULL;

    CHECK_INT(cudaSetDevice(device), cudaSuccess);
    CHECK_INT(ncclCommInitRankConfig(&comm, count, id, rank, NULL), ncclInvalidUsage);
    CHECK(comm == NULL);
    CHECK_CONTAINS(ncclGetLastError(NULL), text);
    meet();
}

static void test_impossible_communicators(void)
{
    if (rank_count() == 1)
        return;
    check_impossible(rank_count() + (own_rank() == 0), own_rank(), own_rank(), "their number");
    check_impossible(rank_count(), own_rank() / 2 * 2, own_rank(), "the same rank");
    check_impossible(rank_count(), own_rank(), own_rank() / 2, "the same device");
}

/* ---- wrong calls ---- */

static void test_wrong_arguments(void)
{
    ncclComm_t comm = new_comm();
    cudaStream_t stream = new_stream(), foreign;
    float *memory = new_memory(64);
    int version = 0;

    CHECK_INT(ncclGetVersion(&version), ncclSuccess);
    CHECK_INT(version, NCCL_VERSION_CODE);
    CHECK_INT(ncclAllReduce(memory, memory, 1, ncclFloat32, ncclSum, NULL, stream),
              ncclInvalidArgument);
    CHECK_INT(ncclAllReduce(NULL, memory, 1, ncclFloat32, ncclSum, comm, stream),
              ncclInvalidArgument);
    CHECK_INT(ncclAllReduce(memory, memory, 1, ncclFloat16, ncclSum, comm, stream),
              ncclInvalidArgument);
    CHECK_INT(ncclAllReduce(memory, memory, 1, ncclFloat32, ncclAvg, comm, stream),
              ncclInvalidArgument);
    CHECK_INT(ncclBroadcast(memory, memory, 1, ncclFloat32, rank_count(), comm, stream),
              ncclInvalidArgument);
    CHECK_INT(ncclSend(memory, 1, ncclFloat32, -1, comm, stream), ncclInvalidArgument);
    CHECK_INT(ncclSend(memory, 1, ncclFloat32, own_rank(), comm, stream), ncclInvalidUsage);
    CHECK_INT(ncclGroupEnd(), ncclInvalidUsage);
    CHECK_INT(cudaSetDevice(own_rank() + 1), cudaSuccess);
    CHECK_INT(cudaStreamCreateWithFlags(&foreign, cudaStreamNonBlocking), cudaSuccess);
    CHECK_INT(ncclAllReduce(memory, memory, 1, ncclFloat32, ncclSum, comm, foreign),
              ncclUnhandledCudaError);
    CHECK_INT(ncclCommDestroy(comm), ncclSuccess);
    CHECK_INT(cudaFree(memory), cudaSuccess);
    finish(foreign);
    finish(stream);
}

/* One bad call spoils its group: nothing of it is enqueued, on any rank. */
static void test_bad_call_in_a_group(void)
{
    ncclComm_t comm = new_comm();
    cudaStream_t stream = new_stream();
    int32_t *memory = new_memory(sizeof *memory), value = 3;

    upload(memory, &value, sizeof value, stream);
    CHECK_INT(ncclGroupStart(), ncclSuccess);
    CHECK_INT(ncclAllReduce(memory, memory, 1, ncclInt32, ncclSum, comm, stream), ncclSuccess);
    CHECK_INT(ncclSend(memory, 1, ncclInt32, rank_count(), comm, stream), ncclInvalidArgument);
    CHECK_INT(ncclGroupEnd(), ncclInvalidArgument);
    download(&value, memory, sizeof value, stream);
    CHECK_INT(value, 3);
    CHECK_INT(ncclAllReduce(memory, memory, 1, ncclInt32, ncclSum, comm, stream), ncclSuccess);
    download(&value, memory, sizeof value, stream);
    CHECK_INT(value, 3 * rank_count());
    CHECK_INT(ncclCommDestroy(comm), ncclSuccess);
    CHECK_INT(cudaFree(memory), cudaSuccess);
    finish(stream);
}

static void test_wrong_configurations(void)
{
    const ncclUniqueId id = shared_id(0), garbage = {{1}};
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    ncclComm_t comm = NULL;

    CHECK_INT(ncclCommInitRankConfig(&comm, 1, garbage, 0, &config), ncclInvalidArgument);
    CHECK_INT(ncclCommInitRankConfig(&comm, 1, id, 1, &config), ncclInvalidArgument);
    config.magic = 0;
    CHECK_INT(ncclCommInitRankConfig(&comm, 1, id, 0, &config), ncclInvalidArgument);
    CHECK_INT(ncclCommInitRankConfig(NULL, 1, id, 0, NULL), ncclInvalidArgument);
}

/* ---- capture ---- */

static cudaGraphExec_t record_sum(int32_t *memory, ncclComm_t comm, cudaStream_t stream)
{
    cudaGraph_t graph = NULL;
    cudaGraphExec_t exec = NULL;

    CHECK_INT(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
    CHECK_INT(ncclGroupStart(), ncclSuccess);
    CHECK_INT(ncclAllReduce(memory, memory, 1, ncclInt32, ncclSum, comm, stream), ncclSuccess);
    CHECK_INT(ncclSend(memory + 1, 1, ncclInt32, next_rank(), comm, stream), ncclSuccess);
    CHECK_INT(ncclRecv(memory + 2, 1, ncclInt32, previous_rank(), comm, stream), ncclSuccess);
    CHECK_INT(ncclGroupEnd(), ncclSuccess);
    CHECK_INT(cudaMemcpyAsync(memory + 1, memory + 2, 4, cudaMemcpyDeviceToDevice, stream), 0);
    CHECK_INT(cudaStreamEndCapture(stream, &graph), cudaSuccess);
    CHECK_INT(cudaGraphInstantiate(&exec, graph, 0), cudaSuccess);
    CHECK_INT(cudaGraphDestroy(graph), cudaSuccess);
    return exec;
}

/* Each launch multiplies the sum by the number of ranks and passes a value on along the ring. */
static void test_capture(void)
{
    ncclComm_t comm = new_comm();
    cudaStream_t stream = new_stream();
    int32_t host[3] = {1, own_rank(), -1}, *memory = new_memory(sizeof host);
    cudaGraphExec_t exec;

    upload(memory, host, sizeof host, stream);
    exec = record_sum(memory, comm, stream);
    download(host, memory, sizeof host, stream);
    CHECK_INT(host[0], 1);
    for (int i = 0; i < 4; i++)
        CHECK_INT(cudaGraphLaunch(exec, stream), cudaSuccess);
    download(host, memory, sizeof host, stream);
    CHECK_INT(host[0], pow(rank_count(), 4));
    CHECK_INT(host[2], (own_rank() + 4 * (rank_count() - 1)) % rank_count());
    CHECK_INT(ncclCommDestroy(comm), ncclInvalidUsage);
    CHECK_INT(cudaGraphExecDestroy(exec), cudaSuccess);
    CHECK_INT(ncclCommDestroy(comm), ncclSuccess);
    CHECK_INT(cudaFree(memory), cudaSuccess);
    finish(stream);
}

/* A call whose stream waits for a graph is carried out after the graph's. */
static void test_call_after_a_graph(void)
{
    ncclComm_t comm = new_comm();
    cudaStream_t stream = new_stream(), later = new_stream();
    int32_t host[3] = {1, 0, 0}, *memory = new_memory(sizeof host);
    cudaGraphExec_t exec = record_sum(memory, comm, stream);
    cudaEvent_t launched;

    CHECK_INT(cudaEventCreateWithFlags(&launched, cudaEventDisableTiming), cudaSuccess);
    upload(memory, host, sizeof host, stream);
    CHECK_INT(cudaGraphLaunch(exec, stream), cudaSuccess);
    CHECK_INT(cudaEventRecord(launched, stream), cudaSuccess);
    CHECK_INT(cudaStreamWaitEvent(later, launched, 0), cudaSuccess);
    CHECK_INT(ncclAllReduce(memory, memory, 1, ncclInt32, ncclSum, comm, later), ncclSuccess);
    download(host, memory, sizeof host, later);
    CHECK_INT(host[0], rank_count() * rank_count());
    CHECK_INT(cudaEventDestroy(launched), cudaSuccess);
    CHECK_INT(cudaGraphExecDestroy(exec), cudaSuccess);
    CHECK_INT(ncclCommDestroy(comm), ncclSuccess);
    CHECK_INT(cudaFree(memory), cudaSuccess);
    finish(stream);
    finish(later);
}

static const struct mimo_test tests[] = {
    {"collectives", test_collectives},
    {"order of sums", test_order_of_sums},
    {"nothing to do", test_nothing_to_do},
    {"ring", test_ring},
    {"all to all", test_all_to_all},
    {"chain", test_chain},
    {"mixed group", test_mixed_group},
    {"split", test_split},
    {"two orders", test_two_orders},
    {"one order on two streams", test_one_order_on_two_streams},
    {"maker outside", test_maker_outside},
    {"made in a group", test_made_in_a_group},
    {"without blocking", test_without_blocking},
    {"abort in the making", test_abort_in_the_making},
    {"contradictions", test_contradictions},
    {"transfer that contradicts itself", test_transfer_contradiction},
    {"deadlock and abort", test_deadlock_and_abort},
    {"impossible communicators", test_impossible_communicators},
    {"wrong arguments", test_wrong_arguments},
    {"bad call in a group", test_bad_call_in_a_group},
    {"wrong configurations", test_wrong_configurations},
    {"capture", test_capture},
    {"call after a graph", test_call_after_a_graph},
};

MIMO_MPI_TEST_MAIN("emulated NCCL", tests)
