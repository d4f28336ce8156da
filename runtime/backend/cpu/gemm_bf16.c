/*
 * gemm_bf16.c - products of bf16 with sums in float32.
 *
 * oneDNN's matmul primitives take their sizes at run time: rows of a micro-step differ from one to
 * the next, and a primitive for one shape takes as long to make as several products of a small
 * layer.
 */
#include "runtime/backend/cpu/gemm.h"

#include "plan/error.h"
#include "runtime/bf16.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256 };

/* libgomp's: see gemm.c. Holds for the calling thread alone, hence at each call; a primitive keeps
 * the number that it was made under. */
extern void omp_set_num_threads(int threads);

struct mimo_cpu_bf16 {
    dnnl_engine_t engine; /* NULL: without oneDNN */
    dnnl_stream_t stream;
    dnnl_primitive_t primitives[2][2][2]; /* by transposes_a, transposes_b, accumulates */
    float room[MIMO_CPU_BF16_ROOM];
    float a[BLOCK * BLOCK], b[BLOCK * BLOCK]; /* widened */
};

float *mimo_cpu_bf16_room(struct mimo_cpu_bf16 *bf16)
{
    return bf16->room;
}

static void require(dnnl_status_t status)
{
    MIMO_ASSERT(status == dnnl_success);
}

/* -- through oneDNN --------------------------------------------------------------------------- */

/* `rows` by `cols` after a transposition, whose stored rows are `stride` elements apart. */
static dnnl_memory_desc_t matrix(dnnl_data_type_t type, int64_t rows, int64_t cols, int64_t stride,
                                 bool is_transposed)
{
    const dnnl_dims_t sizes = {rows, cols};
    const dnnl_dims_t strides = {is_transposed ? 1 : stride, is_transposed ? stride : 1};
    dnnl_memory_desc_t matrix;

    require(dnnl_memory_desc_init_by_strides(&matrix, 2, sizes, type, strides));
    return matrix;
}

static dnnl_memory_desc_t any_matrix(dnnl_data_type_t type, bool is_transposed)
{
    return matrix(type, DNNL_RUNTIME_DIM_VAL, DNNL_RUNTIME_DIM_VAL, DNNL_RUNTIME_DIM_VAL,
                  is_transposed);
}

/* False where oneDNN has no such product here. */
static bool make_primitive(struct mimo_cpu_bf16 *bf16, bool transposes_a, bool transposes_b,
                           bool accumulates)
{
    const dnnl_memory_desc_t a = any_matrix(dnnl_bf16, transposes_a);
    const dnnl_memory_desc_t b = any_matrix(dnnl_bf16, transposes_b);
    const dnnl_memory_desc_t c = any_matrix(dnnl_f32, false);
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_attr_t attributes;
    dnnl_post_ops_t operations;
    dnnl_matmul_desc_t product;
    dnnl_status_t status;

    require(dnnl_matmul_desc_init(&product, &a, &b, NULL, &c));
    require(dnnl_post_ops_create(&operations));
    if (accumulates)
        require(dnnl_post_ops_append_sum(operations, 1.0F));
    require(dnnl_primitive_attr_create(&attributes));
    require(dnnl_primitive_attr_set_post_ops(attributes, operations));
    status = dnnl_primitive_desc_create(&description, &product, attributes, bf16->engine, NULL);
    if (status == dnnl_success)
        status = dnnl_primitive_create(&bf16->primitives[transposes_a][transposes_b][accumulates],
                                       description);
    (void)dnnl_primitive_desc_destroy(description);
    (void)dnnl_primitive_attr_destroy(attributes);
    (void)dnnl_post_ops_destroy(operations);
    return status == dnnl_success;
}

static void release(struct mimo_cpu_bf16 *bf16)
{
    for (int i = 0; i < 8; i++)
        (void)dnnl_primitive_destroy(bf16->primitives[i >> 2][i >> 1 & 1][i & 1]);
    (void)dnnl_stream_destroy(bf16->stream);
    (void)dnnl_engine_destroy(bf16->engine);
    bf16->engine = NULL;
}

static bool make_primitives(struct mimo_cpu_bf16 *bf16)
{
    omp_set_num_threads(1);
    if (dnnl_engine_create(&bf16->engine, dnnl_cpu, 0) != dnnl_success ||
        dnnl_stream_create(&bf16->stream, bf16->engine, dnnl_stream_default_flags) != dnnl_success)
        return false;
    for (int i = 0; i < 8; i++)
        if (!make_primitive(bf16, i >> 2 != 0, (i >> 1 & 1) != 0, (i & 1) != 0))
            return false;
    return true;
}

static dnnl_memory_t wrap(const struct mimo_cpu_bf16 *bf16, const dnnl_memory_desc_t *matrix,
                          const void *data)
{
    dnnl_memory_t memory;

    require(dnnl_memory_create(&memory, matrix, bf16->engine, (void *)(uintptr_t)data));
    return memory;
}

static void multiply(struct mimo_cpu_bf16 *bf16, const struct mimo_cpu_bf16_product *p)
{
    const dnnl_memory_desc_t a = matrix(dnnl_bf16, p->m, p->k, p->a_stride, p->transposes_a);
    const dnnl_memory_desc_t b = matrix(dnnl_bf16, p->k, p->n, p->b_stride, p->transposes_b);
    const dnnl_memory_desc_t c = matrix(dnnl_f32, p->m, p->n, p->n, false);
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC, wrap(bf16, &a, p->a)},
        {DNNL_ARG_WEIGHTS, wrap(bf16, &b, p->b)},
        {DNNL_ARG_DST, wrap(bf16, &c, p->c)},
    };

    omp_set_num_threads(1);
    require(
        dnnl_primitive_execute(bf16->primitives[p->transposes_a][p->transposes_b][p->accumulates],
                               bf16->stream, 3, arguments));
    for (int i = 0; i < 3; i++)
        (void)dnnl_memory_destroy(arguments[i].memory);
}

/* -- through float32 -------------------------------------------------------------------------- */

/* A block of a matrix as floats, [rows, cols] as it is stored. */
static void widen(float *out, const uint16_t *from, int64_t stride, int64_t rows, int64_t cols)
{
    for (int64_t r = 0; r < rows; r++, out += cols, from += stride)
        for (int64_t j = 0; j < cols; j++)
            out[j] = mimo_bf16_widen(from[j]);
}

/* Where a block begins, and how much of it there is. */
struct span {
    int64_t begin, count;
};

static struct span span_at(int64_t begin, int64_t end)
{
    return (struct span){begin, end - begin < BLOCK ? end - begin : BLOCK};
}

/* The block of a stored matrix whose rows are `rows` and whose columns are `cols`, or the reverse
 * where it is transposed. Returns the distance of its rows. */
static int64_t take_block(float *out, const uint16_t *matrix, int64_t stride, bool is_transposed,
                          struct span rows, struct span cols)
{
    const struct span outer = is_transposed ? cols : rows, inner = is_transposed ? rows : cols;

    widen(out, matrix + outer.begin * stride + inner.begin, stride, outer.count, inner.count);
    return inner.count;
}

static void add_block(struct mimo_cpu_bf16 *bf16, const struct mimo_cpu_bf16_product *p,
                      struct span m, struct span n, struct span k, int64_t a_stride)
{
    const int64_t b_stride = take_block(bf16->b, p->b, p->b_stride, p->transposes_b, k, n);
    const float beta = p->accumulates || k.begin > 0 ? 1.0F : 0.0F;

    require(dnnl_sgemm(p->transposes_a ? 'T' : 'N', p->transposes_b ? 'T' : 'N', m.count, n.count,
                       k.count, 1.0F, bf16->a, a_stride, bf16->b, b_stride, beta,
                       p->c + m.begin * p->n + n.begin, p->n));
}

static void multiply_widened(struct mimo_cpu_bf16 *bf16, const struct mimo_cpu_bf16_product *p)
{
    omp_set_num_threads(1);
    for (int64_t i = 0; i < p->m; i += BLOCK)
        for (int64_t l = 0; l < p->k; l += BLOCK) {
            const struct span m = span_at(i, p->m), k = span_at(l, p->k);
            const int64_t a_stride = take_block(bf16->a, p->a, p->a_stride, p->transposes_a, m, k);
            for (int64_t j = 0; j < p->n; j += BLOCK)
                add_block(bf16, p, m, span_at(j, p->n), k, a_stride);
        }
}

/* -- both ------------------------------------------------------------------------------------- */

/* The bits of an instruction set include those of the ones below it. */
static bool has_instructions(const char *tier)
{
    const unsigned isa = (unsigned)dnnl_get_effective_cpu_isa();
    const unsigned wanted = (unsigned)dnnl_cpu_isa_avx512_core_bf16;

    return (strcmp(tier, "avx512") == 0 || strcmp(tier, "amx") == 0) && (isa & wanted) == wanted;
}

struct mimo_cpu_bf16 *mimo_cpu_bf16_new(const char *tier)
{
    struct mimo_cpu_bf16 *bf16 = calloc(1, sizeof *bf16);

    if (bf16 != NULL && has_instructions(tier) && !make_primitives(bf16))
        release(bf16);
    return bf16;
}

void mimo_cpu_bf16_free(struct mimo_cpu_bf16 *bf16)
{
    if (bf16 != NULL && bf16->engine != NULL)
        release(bf16);
    free(bf16);
}

void mimo_cpu_gemm_bf16(struct mimo_cpu_bf16 *bf16, const struct mimo_cpu_bf16_product *product)
{
    const struct mimo_cpu_bf16_product *p = product;

    if (p->m == 0 || p->n == 0)
        return;
    if (p->k == 0 && !p->accumulates)
        memset(p->c, 0, (size_t)(p->m * p->n) * sizeof *p->c);
    if (p->k == 0)
        return;
    if (bf16->engine != NULL)
        multiply(bf16, p);
    else
        multiply_widened(bf16, p);
}
