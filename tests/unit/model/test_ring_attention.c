/* Attention over a context-parallel group against the same over whole sequences on one rank,
 * forward and backward, in every precision and instruction set. */
#include "plan/grid.h"
#include "runtime/model/attention.h"
#include "runtime/model/dtype.h"
#include "tests/unit/backend/rig.h"
#include "tests/unit/world/mpi_suite.h"

enum { WINDOW_BYTES = 65536, MEMBERS_MAX = 8 };

struct problem {
    int64_t batch, sequence;
    struct mimo_heads heads;
};

static const struct problem *problem;
static struct mimo_transport *transport;
static struct mimo_group *everyone;

static int64_t q_width(void)
{
    return problem->heads.heads * problem->heads.head_dim;
}

static double *doubles(int64_t count)
{
    double *values = calloc((size_t)count + 1, sizeof *values);

    CU_ASSERT_FATAL(values != NULL);
    return values;
}

/* ---- this rank's rows ---- */

static int64_t own_length(void)
{
    const struct mimo_world_place place = suite_place();

    if (problem->heads.is_causal)
        return problem->sequence / place.size;
    return (int64_t)(mimo_piece_begin((uint64_t)problem->sequence, place.rank + 1, place.size) -
                     mimo_piece_begin((uint64_t)problem->sequence, place.rank, place.size));
}

static int64_t position_of(int64_t row)
{
    const struct mimo_world_place place = suite_place();
    const uint64_t sequence = (uint64_t)problem->sequence;

    if (problem->heads.is_causal)
        return (int64_t)mimo_context_position(sequence, place.rank, place.size, (uint64_t)row);
    return (int64_t)mimo_piece_begin(sequence, place.rank, place.size) + row;
}

/* Of whole[parts, sequence, width]: [parts, own length, width]. */
static double *own_part(const double *whole, int64_t parts, int64_t width)
{
    const int64_t length = own_length();
    double *own = doubles(parts * length * width);

    for (int64_t i = 0; i < parts * length; i++)
        memcpy(own + i * width,
               whole + (i / length * problem->sequence + position_of(i % length)) * width,
               (size_t)width * sizeof *own);
    return own;
}

/* ---- attention ---- */

/* What attention is made of, and what it gives. */
struct values {
    double *qkv, *d_out;       /* [batch, length, width], [batch, length, q width] */
    double *out, *lse, *d_qkv; /* [batch, heads, length] */
};

static void release(struct values *values)
{
    free(values->qkv);
    free(values->d_out);
    free(values->out);
    free(values->lse);
    free(values->d_qkv);
}

/* Memory in which every value is not a number. */
static void *poison(struct rig *rig, int64_t count, size_t element_size)
{
    const size_t bytes = (size_t)count * element_size;
    void *host = malloc(bytes + 1), *memory;

    CU_ASSERT_FATAL(host != NULL);
    memset(host, 0xff, bytes);
    memory = rig_put_bytes(rig, host, bytes);
    free(host);
    return memory;
}

static struct mimo_attention_scratch scratch_of(struct rig *rig, int64_t rows)
{
    const int64_t width = mimo_heads_width(&problem->heads);
    const int64_t kv_width = mimo_heads_kv_width(&problem->heads);
    const size_t element = rig->be.element_size, wide = rig->be.wide_size;
    const struct mimo_attention shape = {
        .batch = problem->batch,
        .queries = problem->sequence,
        .keys = problem->sequence,
        .heads = problem->heads.heads,
        .groups = problem->heads.groups,
        .head_dim = problem->heads.head_dim,
    };

    return (struct mimo_attention_scratch){
        .workspace = rig_workspace(rig, &shape),
        .keys_a = poison(rig, rows * kv_width, element),
        .keys_b = poison(rig, rows * kv_width, element),
        .d_keys_a = poison(rig, rows * kv_width, wide),
        .d_keys_b = poison(rig, rows * kv_width, wide),
        .part = poison(rig, rows * width, element),
        .part_lse = poison(rig, rows * problem->heads.heads, wide),
        .d_block = poison(rig, rows * kv_width, element),
    };
}

static struct mimo_compute compute_of(struct rig *rig, bool is_cut)
{
    const struct mimo_world_place place = suite_place();

    return (struct mimo_compute){
        .be = &rig->be,
        .transport = transport,
        .cp = is_cut ? everyone : NULL,
        .tp_size = 1,
        .cp_rank = is_cut ? place.rank : 0,
        .cp_size = is_cut ? place.size : 1,
        .dtype = mimo_element_dtype(&rig->be),
    };
}

/* Any rank may have the longest block. */
static void attend(struct rig *rig, bool is_cut, int64_t length, struct values *values)
{
    const struct mimo_heads *heads = &problem->heads;
    const int64_t batch = problem->batch, rows = batch * length, width = mimo_heads_width(heads);
    const struct mimo_compute compute = compute_of(rig, is_cut);
    const struct mimo_attention_scratch scratch = scratch_of(rig, batch * problem->sequence);
    const struct mimo_layer_pass pass = {
        .batch = batch, .length = length, .sequence = problem->sequence};
    struct mimo_saved_layer saved = {
        .qkv = rig_put(rig, values->qkv, rows * width),
        .attention = poison(rig, rows * q_width(), rig->be.element_size),
        .lse = poison(rig, rows * heads->heads, rig->be.wide_size),
    };
    void *const d_qkv = poison(rig, rows * width, rig->be.element_size);
    struct mimo_error err = {.status = MIMO_OK};

    CHECK_INT(mimo_attend(&compute, heads, &pass, 0, &saved, &scratch, &err), MIMO_OK);
    CHECK_INT(mimo_attend_backward(&compute, heads, &pass, &saved, d_qkv,
                                   rig_put(rig, values->d_out, rows * q_width()), &scratch, &err),
              MIMO_OK);
    CHECK_TEXT(err.message, "");
    values->out = doubles(rows * q_width());
    values->lse = doubles(rows * heads->heads);
    values->d_qkv = doubles(rows * width);
    rig_get(rig, saved.attention, values->out, rows * q_width());
    rig_get_wide(rig, saved.lse, values->lse, rows * heads->heads);
    rig_get(rig, d_qkv, values->d_qkv, rows * width);
}

static void compare(struct rig *rig, const char *what, const double *actual, const double *whole,
                    int64_t parts, int64_t width, double bound)
{
    double *expected = own_part(whole, parts, width);

    rig_check(rig, what, actual, expected, parts * own_length() * width, bound);
    free(expected);
}

static void check_problem(struct rig *rig)
{
    const int64_t width = mimo_heads_width(&problem->heads), batch = problem->batch;
    const int64_t rows = batch * problem->sequence;
    struct values whole = {.qkv = doubles(rows * width), .d_out = doubles(rows * q_width())};
    struct values own;

    rig_fill(rig, whole.qkv, rows * width, 1);
    rig_fill(rig, whole.d_out, rows * q_width(), 2);
    own = (struct values){.qkv = own_part(whole.qkv, batch, width),
                          .d_out = own_part(whole.d_out, batch, q_width())};
    attend(rig, false, problem->sequence, &whole);
    attend(rig, true, own_length(), &own);
    compare(rig, "attention", own.out, whole.out, batch, q_width(), rig->bound);
    compare(rig, "lse", own.lse, whole.lse, batch * problem->heads.heads, 1, rig->wide_bound);
    compare(rig, "d_qkv", own.d_qkv, whole.d_qkv, batch, width, 4 * rig->bound);
    release(&whole);
    release(&own);
    rig_release(rig);
}

/* ---- the tests ---- */

static void check_all(const struct problem *problems, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        problem = &problems[i];
        rig_for_each(check_problem);
    }
}

static void test_causal(void)
{
    const int64_t pieces = 2 * (int64_t)suite_place().size;
    const struct problem problems[] = {
        {2, pieces, {2, 2, 8, true}},
        {3, 3 * pieces, {4, 2, 6, true}},
        {1, 40 * pieces, {3, 1, 16, true}},
        {0, pieces, {2, 1, 8, true}},
    };

    check_all(problems, sizeof problems / sizeof *problems);
}

/* Pieces of different lengths, some of them empty. */
static void test_uneven(void)
{
    static const struct problem problems[] = {
        {2, 1, {2, 2, 8, false}},  {3, 5, {4, 2, 6, false}}, {1, 17, {2, 1, 8, false}},
        {2, 90, {3, 3, 8, false}}, {0, 5, {2, 2, 8, false}},
    };

    check_all(problems, sizeof problems / sizeof *problems);
}

static void open_transport(void)
{
    const struct mimo_world_place place = suite_place();
    uint32_t ranks[MEMBERS_MAX];
    struct mimo_error err = {.status = MIMO_OK};

    for (uint32_t r = 0; r < place.size; r++)
        ranks[r] = r;
    CU_ASSERT_FATAL(mimo_transport_mpi_open(&transport, suite_world, WINDOW_BYTES, &err) ==
                    MIMO_OK);
    CU_ASSERT_FATAL(transport->ops->group_make(transport, ranks, place.size, "everyone", &everyone,
                                               &err) == MIMO_OK);
}

static void close_transport(void)
{
    transport->ops->close(transport);
}

static const struct mimo_test tests[] = {
    {"a transport", open_transport},
    {"causal sequences", test_causal},
    {"uneven pieces", test_uneven},
    {"the transport, closed", close_transport},
};

MIMO_MPI_TEST_MAIN("model: ring attention", tests)
