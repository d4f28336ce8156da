#include "runtime/train/trial.h"

#include "runtime/world/group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    ELEMENTS = 4096, /* of all pieces together; there are more in groups of more members */
    PERIOD =
        4093, /* of the pattern in a large sum: prime, so that no chunk can stand for another */
    TIMES = 2,
    TEXT_BYTES = 256,
};
static const size_t large_elements = MIMO_TRIAL_LARGE_BYTES / sizeof(float);

const char mimo_trial_operations[] =
    "all-reduce of sums and of maxima, all-gather, reduce-scatter, all-to-all, ring, broadcast";

/* -- memory ----------------------------------------------------------------------------------- */

enum mimo_status mimo_trial_open(struct mimo_trial *trial, const struct mimo_machine *machine,
                                 const struct mimo_plan *plan, struct mimo_error *err)
{
    const struct mimo_backend_ops *ops = machine->be->ops;
    const size_t pieces = ELEMENTS + 3 * (size_t)plan->meta->world_size;
    size_t bytes = pieces > large_elements ? pieces : large_elements;

    for (uint32_t edge = 0; edge < plan->edge_count; edge++) {
        const size_t elements = mimo_trial_edge_elements(machine, plan, edge);
        bytes = elements > bytes ? elements : bytes;
    }
    bytes *= sizeof(float);
    *trial = (struct mimo_trial){
        .machine = machine,
        .expected = malloc(bytes),
        .actual = malloc(bytes),
        .data = ops->alloc(machine->be, bytes),
        .received = ops->alloc(machine->be, bytes),
    };
    if (trial->expected == NULL || trial->actual == NULL || trial->data == NULL ||
        trial->received == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "no memory for patterns of %zu bytes", bytes);
    return MIMO_OK;
}

void mimo_trial_close(struct mimo_trial *trial)
{
    const struct mimo_backend_ops *ops = trial->machine->be->ops;

    ops->free(trial->machine->be, trial->data);
    ops->free(trial->machine->be, trial->received);
    free(trial->expected);
    free(trial->actual);
}

/* -- comparing -------------------------------------------------------------------------------- */

void mimo_trial_put(struct mimo_trial *trial, float *memory, size_t count)
{
    struct mimo_backend *be = trial->machine->be;

    be->ops->upload(be, memory, trial->actual, count * sizeof *memory);
}

static bool is_equal(const struct mimo_trial *trial, size_t first, size_t count)
{
    return memcmp(&trial->actual[first], &trial->expected[first], count * sizeof *trial->actual) ==
           0;
}

enum mimo_status mimo_trial_check(struct mimo_trial *trial, const float *memory, size_t first,
                                  size_t count, const char *what, struct mimo_error *err)
{
    struct mimo_backend *be = trial->machine->be;
    size_t i = first;

    be->ops->download(be, &trial->actual[first], &memory[first], count * sizeof *memory);
    MIMO_TRY(be->ops->check(be, err));
    if (is_equal(trial, first, count) || trial->fault.status != MIMO_OK)
        return MIMO_OK;
    while (is_equal(trial, i, 1))
        i++;
    (void)mimo_error_set(&trial->fault, MIMO_E_FAILED,
                         "rank %u, %s: element %zu of %zu is %g, expected %g",
                         mimo_world_place(trial->machine->world).rank, what, i - first, count,
                         (double)trial->actual[i], (double)trial->expected[i]);
    return MIMO_OK;
}

/* -- patterns on a group ---------------------------------------------------------------------- */

/* An operation on a group. */
struct attempt {
    struct mimo_trial *trial;
    const struct mimo_transport_ops *ops;
    struct mimo_group *group;
    uint32_t size, rank;
    uint32_t number;          /* of the operation */
    bool is_uneven;           /* pieces differ in size */
    size_t *sends, *receives; /* [size + 1]: where pieces begin */
};

/* Elements that one member has for another; also those of a member's piece, `to` being 0. */
static size_t piece(const struct attempt *a, uint32_t from, uint32_t to)
{
    const size_t even = a->size < ELEMENTS ? ELEMENTS / a->size : 1;

    return even + (a->is_uneven ? (from + 2 * to) % 3 : 0);
}

static size_t divide(const struct attempt *a, size_t *begins)
{
    begins[0] = 0;
    for (uint32_t i = 0; i < a->size; i++)
        begins[i + 1] = begins[i] + piece(a, i, 0);
    return begins[a->size];
}

/* What member `from` has for all, or for member `to`. */
static uint32_t salt(const struct attempt *a, uint32_t from, uint32_t to)
{
    const uint32_t round = mimo_trial_salt(0, a->trial->round);
    const uint32_t operation = mimo_trial_salt(round, a->number);
    const uint32_t source = mimo_trial_salt(operation, mimo_group_member(a->group, from));

    return mimo_trial_salt(source, to);
}

static void fill(float *elements, uint32_t salt, size_t count)
{
    for (size_t i = 0; i < count; i++)
        elements[i] = mimo_trial_pattern(salt, i);
}

static void repeat(float *elements, size_t count)
{
    for (size_t i = PERIOD; i < count; i++)
        elements[i] = elements[i - PERIOD];
}

static size_t period(size_t count)
{
    return count < PERIOD ? count : PERIOD;
}

/* This member's contribution to a reduction goes to `data`. */
static void contribute(const struct attempt *a, size_t count)
{
    fill(a->trial->actual, salt(a, a->rank, 0), period(count));
    repeat(a->trial->actual, count);
    mimo_trial_put(a->trial, a->trial->data, count);
}

static void expect_reduced(const struct attempt *a, size_t count, enum mimo_reduction reduction)
{
    float *expected = a->trial->expected;

    fill(expected, salt(a, 0, 0), period(count));
    for (uint32_t member = 1; member < a->size; member++) {
        const uint32_t theirs = salt(a, member, 0);
        for (size_t i = 0; i < period(count); i++) {
            const float value = mimo_trial_pattern(theirs, i);
            if (reduction == MIMO_REDUCE_SUM)
                expected[i] += value;
            else if (value > expected[i])
                expected[i] = value;
        }
    }
    repeat(expected, count);
}

static enum mimo_status check(const struct attempt *a, const float *memory, size_t first,
                              size_t count, enum mimo_collective collective, const char *detail,
                              struct mimo_error *err)
{
    char what[TEXT_BYTES];

    (void)snprintf(what, sizeof what, "%s (%s%s)", a->group->doing[collective], detail,
                   a->is_uneven ? "uneven" : "even");
    return mimo_trial_check(a->trial, memory, first, count, what, err);
}

/* -- operations ------------------------------------------------------------------------------- */

static enum mimo_status all_reduce(const struct attempt *a, size_t count,
                                   enum mimo_reduction reduction, struct mimo_error *err)
{
    contribute(a, count);
    expect_reduced(a, count, reduction);
    MIMO_TRY(a->ops->all_reduce(a->group, a->trial->data, count, MIMO_DTYPE_F32, reduction, err));
    return check(a, a->trial->data, 0, count, MIMO_ALL_REDUCE,
                 reduction == MIMO_REDUCE_SUM ? "sums, " : "maxima, ", err);
}

static enum mimo_status try_sums(const struct attempt *a, struct mimo_error *err)
{
    return all_reduce(a, divide(a, a->sends), MIMO_REDUCE_SUM, err);
}

static enum mimo_status try_maxima(const struct attempt *a, struct mimo_error *err)
{
    return all_reduce(a, divide(a, a->sends), MIMO_REDUCE_MAX, err);
}

static enum mimo_status try_all_gather(const struct attempt *a, struct mimo_error *err)
{
    struct mimo_trial *trial = a->trial;
    const size_t *begins = a->sends, count = divide(a, a->sends);

    for (uint32_t i = 0; i < a->size; i++)
        fill(&trial->expected[begins[i]], salt(a, i, 0), piece(a, i, 0));
    fill(&trial->actual[begins[a->rank]], salt(a, a->rank, 0), piece(a, a->rank, 0));
    mimo_trial_put(trial, trial->data, count);
    MIMO_TRY(a->ops->all_gather(a->group, trial->data, begins, MIMO_DTYPE_F32, err));
    return check(a, trial->data, 0, count, MIMO_ALL_GATHER, "", err);
}

static enum mimo_status try_reduce_scatter(const struct attempt *a, struct mimo_error *err)
{
    const size_t count = divide(a, a->sends);

    contribute(a, count);
    expect_reduced(a, count, MIMO_REDUCE_SUM);
    MIMO_TRY(a->ops->reduce_scatter(a->group, a->trial->data, a->sends, MIMO_DTYPE_F32, err));
    return check(a, a->trial->data, a->sends[a->rank], piece(a, a->rank, 0), MIMO_REDUCE_SCATTER,
                 "", err);
}

/* `actual` becomes what this rank sends to each, `expected` what comes from each. */
static void fill_all_to_all(const struct attempt *a)
{
    struct mimo_trial *trial = a->trial;

    a->sends[0] = a->receives[0] = 0;
    for (uint32_t i = 0; i < a->size; i++) {
        const size_t sent = piece(a, a->rank, i), received = piece(a, i, a->rank);
        a->sends[i + 1] = a->sends[i] + sent;
        a->receives[i + 1] = a->receives[i] + received;
        fill(&trial->actual[a->sends[i]], salt(a, a->rank, i), sent);
        fill(&trial->expected[a->receives[i]], salt(a, i, a->rank), received);
    }
}

static enum mimo_status try_all_to_all(const struct attempt *a, struct mimo_error *err)
{
    struct mimo_trial *trial = a->trial;

    fill_all_to_all(a);
    mimo_trial_put(trial, trial->data, a->sends[a->size]);
    MIMO_TRY(a->ops->all_to_all(a->group, trial->data, a->sends, trial->received, a->receives,
                                MIMO_DTYPE_F32, err));
    return check(a, trial->received, 0, a->receives[a->size], MIMO_ALL_TO_ALL, "", err);
}

static enum mimo_status try_ring(const struct attempt *a, struct mimo_error *err)
{
    struct mimo_trial *trial = a->trial;
    const uint32_t before = (a->rank + a->size - 1) % a->size;
    const size_t sent = piece(a, a->rank, 0), received = piece(a, before, 0);

    fill(trial->expected, salt(a, before, 0), received);
    fill(trial->actual, salt(a, a->rank, 0), sent);
    mimo_trial_put(trial, trial->data, sent);
    MIMO_TRY(a->ops->ring_begin(a->group, trial->data, sent, trial->received, received,
                                MIMO_DTYPE_F32, err));
    MIMO_TRY(a->ops->ring_end(a->group, err));
    return check(a, trial->received, 0, received, MIMO_RING, "", err);
}

/* From the first member, or from the last. */
static enum mimo_status try_broadcast(const struct attempt *a, struct mimo_error *err)
{
    struct mimo_trial *trial = a->trial;
    const size_t count = piece(a, 0, 0);
    const uint32_t root = a->is_uneven ? a->size - 1 : 0;

    fill(trial->expected, salt(a, root, 0), count);
    if (a->rank == root) {
        fill(trial->actual, salt(a, root, 0), count);
        mimo_trial_put(trial, trial->data, count);
    }
    MIMO_TRY(a->ops->broadcast(a->group, trial->data, count * sizeof *trial->data, root, err));
    return check(a, trial->data, 0, count, MIMO_BROADCAST, "", err);
}

/* -- all of them ------------------------------------------------------------------------------ */

static enum mimo_status try_operations(struct attempt *a, struct mimo_error *err)
{
    static enum mimo_status (*const attempts[])(const struct attempt *, struct mimo_error *) = {
        try_sums,       try_maxima, try_all_gather, try_reduce_scatter,
        try_all_to_all, try_ring,   try_broadcast,
    };

    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
        a->number++;
        MIMO_TRY(attempts[i](a, err));
    }
    return MIMO_OK;
}

static double seconds_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static enum mimo_status time_all_reduce(struct attempt *a, double *out_seconds,
                                        struct mimo_error *err)
{
    struct mimo_backend *be = a->trial->machine->be;

    a->number++;
    MIMO_TRY(all_reduce(a, large_elements, MIMO_REDUCE_SUM, err));
    for (int i = 0; i < TIMES; i++) {
        const double begin = seconds_now();
        double seconds;
        MIMO_TRY(a->ops->all_reduce(a->group, a->trial->data, large_elements, MIMO_DTYPE_F32,
                                    MIMO_REDUCE_SUM, err));
        be->ops->synchronize(be);
        MIMO_TRY(be->ops->check(be, err));
        seconds = seconds_now() - begin;
        if (i == 0 || seconds < *out_seconds)
            *out_seconds = seconds;
    }
    return MIMO_OK;
}

enum mimo_status mimo_trial_group(struct mimo_trial *trial, struct mimo_group *group,
                                  double *out_seconds, struct mimo_error *err)
{
    struct mimo_arena arena = {0};
    const uint32_t size = mimo_group_size(group);
    struct attempt a = {
        .trial = trial,
        .ops = trial->machine->transport->ops,
        .group = group,
        .size = size,
        .rank = mimo_group_rank(group),
        .sends = MIMO_NEW_ARRAY(&arena, size_t, (size_t)size + 1),
        .receives = MIMO_NEW_ARRAY(&arena, size_t, (size_t)size + 1),
    };
    enum mimo_status status;

    MIMO_ASSERT(size > 1);
    status = try_operations(&a, err);
    a.is_uneven = true;
    if (status == MIMO_OK)
        status = try_operations(&a, err);
    a.is_uneven = false;
    if (status == MIMO_OK)
        status = time_all_reduce(&a, out_seconds, err);
    mimo_arena_release(&arena);
    return status;
}
