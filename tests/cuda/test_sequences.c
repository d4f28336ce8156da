/* test_sequences.c - sequences of operations: issued, captured, replayed, forgotten. */
#include "tests/cuda/parts_fixture.h"
#include "tests/unit/check.h"

/* Operations here are host functions on a stream: number = number * factor + term, which notices
 * every change of order. */
struct step {
    int64_t *number;
    int64_t factor, term;
};

static void carry_out(void *step)
{
    const struct step *const s = step;

    *s->number = *s->number * s->factor + s->term;
}

static void issue(cudaStream_t stream, struct step *step)
{
    CHECK_INT(cudaLaunchHostFunc(stream, carry_out, step), cudaSuccess);
}

static bool is_capturing(const struct mimo_cuda *cuda)
{
    enum cudaStreamCaptureStatus status;

    CHECK_INT(cudaStreamIsCapturing(cuda->compute, &status), cudaSuccess);
    return status == cudaStreamCaptureStatusActive;
}

enum how { ISSUED, CAPTURED, REPLAYED };

/* A sequence of `count` steps on the compute stream. */
static enum how run(struct parts *parts, int64_t key, struct step *steps, size_t count)
{
    struct mimo_backend *be = &parts->be;
    enum how how;

    if (be->ops->sequence_begin(be, &key, sizeof key))
        return REPLAYED;
    how = is_capturing(&parts->cuda) ? CAPTURED : ISSUED;
    for (size_t i = 0; i < count; i++)
        issue(parts->cuda.compute, &steps[i]);
    be->ops->sequence_end(be);
    return how;
}

static void test_replay(void)
{
    struct parts parts;
    int64_t number = 1, expected = 1;
    struct step steps[] = {{&number, 3, 1}, {&number, 1, 5}, {&number, 2, -4}};

    parts_open(&parts, 4096);
    for (int i = 0; i < 6; i++) {
        CHECK_INT(run(&parts, 17, steps, 3), i == 0 ? ISSUED : i == 1 ? CAPTURED : REPLAYED);
        expected = ((expected * 3 + 1) + 5) * 2 - 4;
    }
    parts.be.ops->synchronize(&parts.be);
    CHECK_INT(number, expected);
    CHECK_INT(parts.be.ops->check(&parts.be, NULL), MIMO_OK);
    parts_close(&parts);
}

/* What is issued between sequences keeps its place. */
static void test_between(void)
{
    struct parts parts;
    int64_t number = 1, expected = 1;
    struct step inside = {&number, 3, 1}, outside = {&number, 1, 7};

    parts_open(&parts, 4096);
    for (int i = 0; i < 8; i++) {
        (void)run(&parts, 1, &inside, 1);
        issue(parts.cuda.compute, &outside);
        expected = expected * 3 + 1 + 7;
    }
    parts.be.ops->synchronize(&parts.be);
    CHECK_INT(number, expected);
    parts_close(&parts);
}

static void test_no_operations(void)
{
    struct parts parts;

    parts_open(&parts, 4096);
    for (int i = 0; i < 4; i++)
        (void)run(&parts, 1, NULL, 0);
    CHECK_INT(parts.be.ops->check(&parts.be, NULL), MIMO_OK);
    parts_close(&parts);
}

static void test_keys(void)
{
    const char same_begin[2][12] = {"abcdefgh", "abcdefgh123"};
    struct parts parts;
    struct mimo_backend *be = &parts.be;

    parts_open(&parts, 4096);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(be->ops->sequence_begin(be, same_begin[0], 8), i == 2);
        if (i < 2)
            be->ops->sequence_end(be);
    }
    CHECK(!be->ops->sequence_begin(be, same_begin[1], 11));
    be->ops->sequence_end(be);
    parts_close(&parts);
}

/* The sequences that were used last are kept. */
static void test_eviction(void)
{
    struct parts parts;
    int64_t number = 0;
    struct step step = {&number, 1, 1};

    parts_open(&parts, 4096);
    CHECK_INT(run(&parts, -1, &step, 1), ISSUED);
    CHECK_INT(run(&parts, -1, &step, 1), CAPTURED);
    CHECK_INT(run(&parts, -2, &step, 1), ISSUED);
    CHECK_INT(run(&parts, -2, &step, 1), CAPTURED);
    for (int64_t key = 0; key < 2 * MIMO_CUDA_SEQUENCES_MAX; key++) {
        CHECK_INT(run(&parts, key, &step, 1), ISSUED);
        CHECK_INT(run(&parts, -2, &step, 1), REPLAYED);
    }
    CHECK_INT(run(&parts, -1, &step, 1), ISSUED);
    CHECK_INT(run(&parts, -1, &step, 1), CAPTURED);
    CHECK_INT(run(&parts, 0, &step, 1), ISSUED);
    parts.be.ops->synchronize(&parts.be);
    CHECK_INT(number, 7 + 4 * MIMO_CUDA_SEQUENCES_MAX);
    parts_close(&parts);
}

/* Freed memory may come back as another tensor: sequences that know it are gone. */
static void test_free_forgets(void)
{
    struct parts parts;
    int64_t number = 0;
    struct step step = {&number, 1, 1};
    void *memory;

    parts_open(&parts, 4096);
    memory = parts.be.ops->alloc(&parts.be, 64);
    CHECK_INT(run(&parts, 1, &step, 1), ISSUED);
    CHECK_INT(run(&parts, 1, &step, 1), CAPTURED);
    parts.be.ops->free(&parts.be, memory);
    CHECK_INT(run(&parts, 1, &step, 1), ISSUED);
    parts_close(&parts);
    CHECK_INT(number, 3);
}

/* -- with communication ----------------------------------------------------------------------- */

static void order(cudaStream_t later, cudaStream_t earlier, cudaEvent_t event)
{
    CHECK_INT(cudaEventRecord(event, earlier), cudaSuccess);
    CHECK_INT(cudaStreamWaitEvent(later, event, cudaEventWaitDefault), cudaSuccess);
}

/* As the transport does it; a detached operation is one that `compute` does not wait for. */
static void communicate(struct mimo_cuda *cuda, struct step *step, bool is_detached)
{
    order(cuda->communication, cuda->compute, cuda->computed);
    issue(cuda->communication, step);
    cuda->has_captured |= is_capturing(cuda);
    if (!is_detached)
        order(cuda->compute, cuda->communication, cuda->communicated);
}

/* Two numbers: one that computation and communication change in turn, one that detached
 * communication changes, inside of sequences and outside. */
struct exchange {
    int64_t shared, detached;
    struct step compute, communicate, detached_inside, detached_outside;
};

static enum how run_exchange(struct parts *parts, struct exchange *e)
{
    struct mimo_backend *be = &parts->be;
    const int64_t key = 5;
    enum how how;

    if (be->ops->sequence_begin(be, &key, sizeof key))
        return REPLAYED;
    how = is_capturing(&parts->cuda) ? CAPTURED : ISSUED;
    issue(parts->cuda.compute, &e->compute);
    communicate(&parts->cuda, &e->communicate, false);
    issue(parts->cuda.compute, &e->compute);
    communicate(&parts->cuda, &e->detached_inside, true);
    issue(parts->cuda.compute, &e->compute);
    be->ops->sequence_end(be);
    return how;
}

static void test_communication(void)
{
    struct parts parts;
    struct exchange e = {.shared = 1, .detached = 1};
    int64_t shared = 1, detached = 1;

    e.compute = (struct step){&e.shared, 3, 1};
    e.communicate = (struct step){&e.shared, 1, 4};
    e.detached_inside = (struct step){&e.detached, 3, 1};
    e.detached_outside = (struct step){&e.detached, 1, 11};
    parts_open(&parts, 4096);
    for (int i = 0; i < 9; i++) {
        communicate(&parts.cuda, &e.detached_outside, true);
        CHECK_INT(run_exchange(&parts, &e), i == 0 ? ISSUED : i == 1 ? CAPTURED : REPLAYED);
        shared = (((shared * 3 + 1) + 4) * 3 + 1) * 3 + 1;
        detached = (detached + 11) * 3 + 1;
    }
    order(parts.cuda.compute, parts.cuda.communication, parts.cuda.communicated);
    parts.be.ops->synchronize(&parts.be);
    CHECK_INT(e.shared, shared);
    CHECK_INT(e.detached, detached);
    CHECK_INT(parts.be.ops->check(&parts.be, NULL), MIMO_OK);
    parts_close(&parts);
}

/* Who waits for the communication stream waits for what a graph holds of it. */
static void test_wait_for_communication(void)
{
    struct parts parts;
    struct gate gate;
    struct exchange e = {.shared = 1, .detached = 1};

    e.compute = e.communicate = (struct step){&e.shared, 1, 1};
    e.detached_inside = (struct step){&e.detached, 1, 1};
    parts_open(&parts, 4096);
    (void)run_exchange(&parts, &e);
    CHECK_INT(run_exchange(&parts, &e), CAPTURED);
    gate_close(&gate, &parts.cuda);
    CHECK_INT(run_exchange(&parts, &e), REPLAYED);
    CHECK(mimo_cuda_await(&parts.cuda, parts.cuda.communication, "communication"));
    CHECK_INT(gate.waits, 1);
    CHECK_INT(e.detached, 4);
    parts_close(&parts);
}

/* -- failures --------------------------------------------------------------------------------- */

/* What must not be captured makes the sequence fail for good: its operations never ran. */
static void test_spoilt_capture(void)
{
    const int64_t key = 1;
    struct parts parts;
    struct mimo_backend *be = &parts.be;
    struct mimo_error err = {0};

    parts_open(&parts, 4096);
    for (int i = 0; i < 2; i++) {
        CHECK(!be->ops->sequence_begin(be, &key, sizeof key));
        (void)cudaStreamSynchronize(parts.cuda.compute);
        be->ops->sequence_end(be);
        CHECK_INT(be->ops->check(be, &err), i == 0 ? MIMO_OK : MIMO_E_FAILED);
    }
    CHECK_CONTAINS(err.message, "capturing a sequence");
    parts_close(&parts);
}

static const struct mimo_test tests[] = {
    {"a sequence is issued, captured, replayed", test_replay},
    {"operations between sequences", test_between},
    {"a sequence of nothing", test_no_operations},
    {"keys differ by bytes and size", test_keys},
    {"the least recently used is forgotten", test_eviction},
    {"freed memory ends all sequences", test_free_forgets},
    {"communication inside, detached or not", test_communication},
    {"a wait for communication", test_wait_for_communication},
    {"a spoilt capture is an error", test_spoilt_capture},
};

MIMO_TEST_MAIN("sequences", tests)
