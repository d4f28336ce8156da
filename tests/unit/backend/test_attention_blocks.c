/*
 * test_attention_blocks.c - attention over parts of the sequences, put together.
 *
 * Every block has a part of the queries and a part of the keys of each sequence, in place in the
 * tensors of the whole: pitches are longer than the parts. Blocks merged one after the other give
 * the attention of the whole, and the gradients of blocks, each from the final output and lse, add
 * up to those of the whole, which come from the CPU backend in fp64.
 */
#include "tests/unit/backend/rig.h"

#include <stdlib.h>

enum { SIZE = 32000, INPUTS = 3 };

struct part {
    int64_t query, queries, key, keys; /* the first of them, and how many */
    bool is_causal;
};

struct problem {
    struct mimo_attention whole;
    const struct part *parts;
    size_t count;
};

/* Results in double precision; INPUTS are q, k and v. */
struct results {
    double out[SIZE], lse[SIZE], gradients[INPUTS][SIZE];
};

static double input[INPUTS][SIZE], slope[SIZE];

static int64_t query_elements(const struct mimo_attention *s)
{
    return s->batch * s->query_pitch * s->q_stride;
}

static int64_t key_elements(const struct mimo_attention *s)
{
    return s->batch * s->key_pitch * s->k_stride;
}

static int64_t logs(const struct mimo_attention *s)
{
    return s->batch * s->heads * s->query_pitch;
}

static int64_t elements(const struct mimo_attention *s, int part)
{
    return part == 0 ? query_elements(s) : key_elements(s);
}

/* Backend memory of one problem. */
struct tensors {
    void *in[INPUTS], *out, *lse, *dout, *workspace;
};

static struct tensors put_tensors(struct rig *rig, const struct mimo_attention *s)
{
    struct tensors t = {.out = rig_new(rig, query_elements(s)), .workspace = rig_workspace(rig, s)};
    double *nothing = malloc((size_t)logs(s) * sizeof *nothing);
    if (nothing == NULL)
        abort();
    for (int64_t i = 0; i < logs(s); i++)
        nothing[i] = -INFINITY;
    for (int p = 0; p < INPUTS; p++)
        t.in[p] = rig_put(rig, input[p], elements(s, p));
    t.dout = rig_put(rig, slope, query_elements(s));
    t.lse = rig_put_wide(rig, nothing, logs(s));
    free(nothing);
    return t;
}

/* Row `row` of the first sequence, from where a call goes on by its pitch. */
static void *at(const struct rig *rig, const void *tensor, int64_t row, int64_t stride)
{
    return (char *)(uintptr_t)tensor + (size_t)(row * stride) * rig->be.element_size;
}

static void *log_at(const struct rig *rig, const void *lse, int64_t row)
{
    return (char *)(uintptr_t)lse + (size_t)row * rig->be.wide_size;
}

static struct mimo_attention shape_of(const struct problem *p, const struct part *part)
{
    struct mimo_attention s = p->whole;
    s.queries = part->queries;
    s.keys = part->keys;
    s.is_causal = part->is_causal;
    return s;
}

/* -- forward ----------------------------------------------------------------------------------- */

static void merge_part(struct rig *rig, const struct problem *p, const struct part *part,
                       const struct tensors *t)
{
    const struct mimo_attention s = shape_of(p, part);
    void *out = rig_new(rig, query_elements(&s)), *lse = rig_new_wide(rig, logs(&s));
    rig->be.ops->attention_forward(
        &rig->be, &s, at(rig, out, part->query, s.out_stride), log_at(rig, lse, part->query),
        at(rig, t->in[0], part->query, s.q_stride), at(rig, t->in[1], part->key, s.k_stride),
        at(rig, t->in[2], part->key, s.v_stride), t->workspace);
    rig->be.ops->attention_merge(
        &rig->be, &s, at(rig, t->out, part->query, s.out_stride), log_at(rig, t->lse, part->query),
        at(rig, out, part->query, s.out_stride), log_at(rig, lse, part->query));
}

/* -- backward ---------------------------------------------------------------------------------- */

static const double UNTOUCHED = 77;

/* Whether element i of the gradient of q (0), k (1) or v (2) belongs to the part. */
static bool is_of_part(const struct mimo_attention *s, int which, const struct part *part,
                       int64_t i)
{
    const bool is_query = which == 0;
    const int64_t stride = is_query ? s->q_stride : s->k_stride;
    const int64_t row = i / stride % (is_query ? s->query_pitch : s->key_pitch);
    const int64_t first = is_query ? part->query : part->key;
    return i % stride < (is_query ? s->heads : s->groups) * s->head_dim && row >= first &&
           row < first + (is_query ? part->queries : part->keys);
}

/* Adds what belongs to the part; nothing else has been written. */
static void take_gradients(struct rig *rig, const struct mimo_attention *s, const struct part *part,
                           void *const *gradients, struct results *out)
{
    static double found[SIZE];
    int64_t written = 0;
    for (int p = 0; p < INPUTS; p++) {
        rig_get(rig, gradients[p], found, elements(s, p));
        for (int64_t i = 0; i < elements(s, p); i++)
            if (is_of_part(s, p, part, i))
                out->gradients[p][i] += found[i];
            else
                written += found[i] != UNTOUCHED;
    }
    CHECK_INT(written, 0);
}

static void backward_part(struct rig *rig, const struct problem *p, const struct part *part,
                          const struct tensors *t, struct results *out)
{
    static double start[SIZE];
    const struct mimo_attention s = shape_of(p, part);
    const int64_t query = part->query, key = part->key;
    void *gradients[INPUTS];
    for (int64_t i = 0; i < SIZE; i++)
        start[i] = UNTOUCHED;
    for (int i = 0; i < INPUTS; i++)
        gradients[i] = rig_put(rig, start, elements(&s, i));
    rig->be.ops->attention_backward(
        &rig->be, &s, at(rig, gradients[0], query, s.q_stride),
        at(rig, gradients[1], key, s.k_stride), at(rig, gradients[2], key, s.v_stride),
        at(rig, t->dout, query, s.out_stride), at(rig, t->out, query, s.out_stride),
        log_at(rig, t->lse, query), at(rig, t->in[0], query, s.q_stride),
        at(rig, t->in[1], key, s.k_stride), at(rig, t->in[2], key, s.v_stride), t->workspace);
    take_gradients(rig, &s, part, gradients, out);
}

/* -- both -------------------------------------------------------------------------------------- */

static void compute(struct rig *rig, const struct problem *p, struct results *out)
{
    const struct tensors t = put_tensors(rig, &p->whole);
    memset(out->gradients, 0, sizeof out->gradients);
    for (size_t i = 0; i < p->count; i++)
        merge_part(rig, p, &p->parts[i], &t);
    for (size_t i = 0; i < p->count; i++)
        backward_part(rig, p, &p->parts[i], &t, out);
    rig_get(rig, t.out, out->out, query_elements(&p->whole));
    rig_get_wide(rig, t.lse, out->lse, logs(&p->whole));
}

static void compute_whole(const struct mimo_attention *whole, struct results *out)
{
    const struct part part = {0, whole->queries, 0, whole->keys, whole->is_causal};
    struct rig rig;
    rig_open_reference(&rig);
    compute(&rig, &(struct problem){*whole, &part, 1}, out);
    rig_close(&rig);
}

static double norm(const double *values, int64_t count)
{
    double square = 0;
    for (int64_t i = 0; i < count; i++)
        square += values[i] * values[i];
    return sqrt(square);
}

/* Outputs one by one; gradients, sums of many roundings, by the norm of the error. */
static void check_problem(struct rig *rig, const struct problem *p)
{
    static const char *const names[INPUTS] = {"dq", "dk", "dv"};
    static struct results found, expected;
    for (int i = 0; i < INPUTS; i++)
        rig_fill(rig, input[i], elements(&p->whole, i), (uint32_t)i + 1);
    rig_fill(rig, slope, query_elements(&p->whole), 4);
    compute_whole(&p->whole, &expected);
    compute(rig, p, &found);
    rig_check(rig, "out", found.out, expected.out, query_elements(&p->whole), rig->bound);
    rig_check(rig, "lse", found.lse, expected.lse, logs(&p->whole), rig->wide_bound);
    for (int i = 0; i < INPUTS; i++) {
        const int64_t count = elements(&p->whole, i);
        const double size = norm(expected.gradients[i], count);
        for (int64_t j = 0; j < count; j++)
            found.gradients[i][j] -= expected.gradients[i][j];
        if (!(norm(found.gradients[i], count) <= rig->bound * size))
            (void)printf("\n  %s (%s): the error's norm is %g of %g\n", names[i], rig->name,
                         norm(found.gradients[i], count), size);
        CHECK(norm(found.gradients[i], count) <= rig->bound * size);
    }
    rig_release(rig);
}

static struct mimo_attention attention_of(int64_t length, int64_t heads, int64_t groups,
                                          int64_t dim, int64_t gap, bool is_causal)
{
    return (struct mimo_attention){
        .batch = 2,
        .queries = length,
        .keys = length,
        .query_pitch = length,
        .key_pitch = length,
        .heads = heads,
        .groups = groups,
        .head_dim = dim,
        .q_stride = heads * dim + gap,
        .k_stride = groups * dim + gap,
        .v_stride = groups * dim + gap,
        .out_stride = heads * dim + gap,
        .is_causal = is_causal,
        .scale = 0.9,
    };
}

/* Three pieces of 140, of which each sees itself causally and those before it whole; one block has
 * fewer queries than keys and is causal, others are empty. */
static void causal(struct rig *rig)
{
    static const struct part parts[] = {
        {70, 5, 0, 70, false},   {0, 70, 0, 70, true},    {70, 5, 70, 5, true},
        {75, 65, 0, 20, false},  {75, 65, 20, 120, true}, {75, 0, 0, 140, true},
        {75, 65, 140, 0, false},
    };
    const size_t count = sizeof parts / sizeof *parts;
    check_problem(rig, &(struct problem){attention_of(140, 4, 2, 8, 0, true), parts, count});
    check_problem(rig, &(struct problem){attention_of(140, 3, 3, 5, 3, true), parts, count});
}

/* Pieces of different sizes, all of which see all. */
static void everything(struct rig *rig)
{
    static const struct part parts[] = {
        {0, 33, 0, 33, false},
        {0, 33, 33, 32, false},
        {0, 33, 65, 0, false},
        {33, 32, 0, 65, false},
    };
    const size_t count = sizeof parts / sizeof *parts;
    check_problem(rig, &(struct problem){attention_of(65, 2, 1, 32, 0, false), parts, count});
    check_problem(rig, &(struct problem){attention_of(65, 2, 2, 7, 1, false), parts, count});
}

/* Merging with nothing changes nothing, and of two nothings comes nothing. */
static void nothing(struct rig *rig)
{
    const struct mimo_attention s = {.batch = 1,
                                     .queries = 2,
                                     .query_pitch = 2,
                                     .heads = 1,
                                     .groups = 1,
                                     .head_dim = 2,
                                     .out_stride = 2};
    const double start[4] = {1, -3, 0, 0}, zeros[4] = {0}, logs_of_one[2] = {0.5, -INFINITY};
    const double no_logs[2] = {-INFINITY, -INFINITY};
    void *out = rig_put(rig, start, 4), *lse = rig_put_wide(rig, logs_of_one, 2);
    double got[4];
    rig->be.ops->attention_merge(&rig->be, &s, out, lse, rig_put(rig, zeros, 4),
                                 rig_put_wide(rig, no_logs, 2));
    rig_get(rig, out, got, 4);
    rig_check(rig, "out and nothing", got, start, 4, 0);
    rig_get_wide(rig, lse, got, 2);
    rig_check(rig, "lse and nothing", got, logs_of_one, 2, 0);
}

#define EACH(name)                                                                                 \
    static void test_##name(void)                                                                  \
    {                                                                                              \
        rig_for_each(name);                                                                        \
    }
EACH(causal)
EACH(everything)
EACH(nothing)

static const struct mimo_test tests[] = {
    {"causal, in three pieces", test_causal},
    {"everything seen, in pieces of different sizes", test_everything},
    {"merging with nothing", test_nothing},
};

MIMO_TEST_MAIN("backend: attention in parts", tests)
