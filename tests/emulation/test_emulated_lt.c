/* The emulated cuBLASLt against plain loops in float64, and what it refuses. */
#include "tests/unit/check.h"

#include <cublasLt.h>
#include <stdbool.h>
#include <stdlib.h>

enum { WORKSPACE_BYTES = 1 << 20 };

static cublasLtHandle_t lt;
static cudaStream_t stream;
static void *workspace;

static void open_device(void)
{
    if (lt != NULL)
        return;
    CHECK_INT(cublasLtCreate(&lt), CUBLAS_STATUS_SUCCESS);
    CHECK_INT(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
    CHECK_INT(cudaMalloc(&workspace, WORKSPACE_BYTES), cudaSuccess);
}

/* ---- matrices: in float64 on the host, in float32 or bfloat16 on the device ---- */

struct matrix {
    cudaDataType type;
    size_t rows, columns, leading;
    double *values; /* without gaps; exact in the device's type */
    void *device;
};

static size_t type_bytes(cudaDataType type)
{
    return type == CUDA_R_32F ? 4 : 2;
}

static double rounded(double value, cudaDataType type)
{
    const float narrow = (float)value;
    const double step = ldexp(1, ilogb(narrow == 0 ? 1.0 : (double)narrow) - 7);

    return type == CUDA_R_32F ? (double)narrow : nearbyint((double)narrow / step) * step;
}

static double random_value(void)
{
    static uint64_t state = 88172645463325252;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (double)(state >> 11) / (double)(UINT64_C(1) << 52) - 1;
}

static void store(void *to, cudaDataType type, size_t i, double value)
{
    const float narrow = (float)value;
    uint32_t bits;

    memcpy(&bits, &narrow, sizeof bits);
    if (type == CUDA_R_32F)
        ((float *)to)[i] = narrow;
    else
        ((uint16_t *)to)[i] = (uint16_t)(bits >> 16);
}

static double load(const void *from, cudaDataType type, size_t i)
{
    const uint32_t bits = type == CUDA_R_32F ? 0 : (uint32_t)((const uint16_t *)from)[i] << 16;
    float value;

    memcpy(&value, &bits, sizeof value);
    return type == CUDA_R_32F ? (double)((const float *)from)[i] : (double)value;
}

static size_t device_bytes(const struct matrix *m)
{
    return ((m->columns - 1) * m->leading + m->rows) * type_bytes(m->type);
}

/* Gaps between columns hold NaN, which spoils what reads them. */
static void upload(const struct matrix *m)
{
    char *staged = malloc(device_bytes(m));

    CU_ASSERT_FATAL(staged != NULL);
    memset(staged, 0xff, device_bytes(m));
    for (size_t j = 0; j < m->columns; j++)
        for (size_t i = 0; i < m->rows; i++)
            store(staged, m->type, j * m->leading + i, m->values[j * m->rows + i]);
    CHECK_INT(cudaMemcpyAsync(m->device, staged, device_bytes(m), cudaMemcpyHostToDevice, stream),
              cudaSuccess);
    free(staged);
}

static struct matrix new_matrix(cudaDataType type, size_t rows, size_t columns, size_t leading)
{
    struct matrix m = {type, rows, columns, leading, malloc(rows * columns * sizeof(double)), NULL};

    CU_ASSERT_FATAL(m.values != NULL);
    for (size_t i = 0; i < rows * columns; i++)
        m.values[i] = rounded(random_value(), type);
    CHECK_INT(cudaMalloc(&m.device, device_bytes(&m)), cudaSuccess);
    upload(&m);
    return m;
}

static void free_matrix(struct matrix *m)
{
    CHECK_INT(cudaFree(m->device), cudaSuccess);
    free(m->values);
}

static bool is_wrong(double actual, double wanted, double bound)
{
    return isnan(wanted) ? !isnan(actual)
                         : !(fabs(actual - wanted) <= bound * fmax(1, fabs(wanted)));
}

/* How often the device differs from the values by more than `bound`, or wrote between columns. */
static size_t count_wrong(const struct matrix *m, double bound)
{
    const size_t bytes = device_bytes(m);
    char *staged = malloc(bytes);
    size_t wrong = 0;

    CU_ASSERT_FATAL(staged != NULL);
    CHECK_INT(cudaMemcpyAsync(staged, m->device, bytes, cudaMemcpyDeviceToHost, stream),
              cudaSuccess);
    CHECK_INT(cudaStreamSynchronize(stream), cudaSuccess);
    for (size_t at = 0; at < bytes / type_bytes(m->type); at++) {
        const size_t i = at % m->leading, j = at / m->leading;
        const double wanted = i < m->rows ? m->values[j * m->rows + i] : (double)NAN;
        wrong += is_wrong(load(staged, m->type, at), wanted, bound);
    }
    free(staged);
    return wrong;
}

/* ---- one product: what it is, what it must give, what it gives ---- */

struct product {
    size_t m, n, k;
    cublasOperation_t op_a, op_b;
    cudaDataType in, out;
    cublasLtEpilogue_t epilogue;
    float alpha, beta;
    bool is_in_place;
};

struct operands {
    struct matrix a, b, c, d, aux, bias;
};

static double element(const struct matrix *m, cublasOperation_t op, size_t i, size_t j)
{
    return op == CUBLAS_OP_N ? m->values[j * m->rows + i] : m->values[i * m->rows + j];
}

static bool adds_bias(cublasLtEpilogue_t e)
{
    return e == CUBLASLT_EPILOGUE_BIAS || e == CUBLASLT_EPILOGUE_GELU_BIAS ||
           e == CUBLASLT_EPILOGUE_GELU_AUX_BIAS;
}

static bool is_gelu(cublasLtEpilogue_t e)
{
    return e == CUBLASLT_EPILOGUE_GELU || e == CUBLASLT_EPILOGUE_GELU_BIAS ||
           e == CUBLASLT_EPILOGUE_GELU_AUX || e == CUBLASLT_EPILOGUE_GELU_AUX_BIAS;
}

static bool is_gelu_slope(cublasLtEpilogue_t e)
{
    return e == CUBLASLT_EPILOGUE_DGELU || e == CUBLASLT_EPILOGUE_DGELU_BGRAD;
}

static double gelu(double x)
{
    return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

/* By central differences, so that it shares no formula with what is tested. */
static double gelu_slope(double x)
{
    const double h = 1e-5;

    return (gelu(x + h) - gelu(x - h)) / (2 * h);
}

static double expected_element(const struct product *p, const struct operands *o, size_t i,
                               size_t j)
{
    double x = 0;

    for (size_t k = 0; k < p->k; k++)
        x += element(&o->a, p->op_a, i, k) * element(&o->b, p->op_b, k, j);
    x = (double)p->alpha * x;
    if (p->beta != 0)
        x += (double)p->beta * o->c.values[j * p->m + i];
    return adds_bias(p->epilogue) ? x + o->bias.values[i] : x;
}

/* Turns the host's values of all that the product writes into what the device must then hold. */
static void calculate(const struct product *p, struct operands *o)
{
    double *const d = malloc(p->m * p->n * sizeof *d);

    CU_ASSERT_FATAL(d != NULL);
    for (size_t j = 0; j < p->n; j++)
        for (size_t i = 0; i < p->m; i++) {
            const size_t at = j * p->m + i;
            const double x = expected_element(p, o, i, j);
            d[at] = is_gelu(p->epilogue)         ? gelu(x)
                    : is_gelu_slope(p->epilogue) ? x * gelu_slope(o->aux.values[at])
                                                 : x;
            if (is_gelu(p->epilogue))
                o->aux.values[at] = x;
        }
    memcpy(o->d.values, d, p->m * p->n * sizeof *d);
    free(d);
}

static void calculate_bias_gradient(const struct product *p, struct operands *o)
{
    const bool of_b = p->epilogue == CUBLASLT_EPILOGUE_BGRADB;
    const bool of_d = p->epilogue == CUBLASLT_EPILOGUE_DGELU_BGRAD;

    for (size_t i = 0; i < o->bias.rows; i++) {
        double sum = 0;
        for (size_t k = 0; k < (of_d ? p->n : p->k); k++)
            sum += of_d   ? o->d.values[k * p->m + i]
                   : of_b ? element(&o->b, p->op_b, k, i)
                          : element(&o->a, p->op_a, i, k);
        o->bias.values[i] = sum;
    }
}

static bool writes_bias(cublasLtEpilogue_t e)
{
    return e == CUBLASLT_EPILOGUE_DGELU_BGRAD || e == CUBLASLT_EPILOGUE_BGRADA ||
           e == CUBLASLT_EPILOGUE_BGRADB;
}

static bool uses_aux(cublasLtEpilogue_t e)
{
    return is_gelu_slope(e) || e == CUBLASLT_EPILOGUE_GELU_AUX ||
           e == CUBLASLT_EPILOGUE_GELU_AUX_BIAS;
}

/* ---- descriptors ---- */

struct descriptors {
    cublasLtMatmulDesc_t operation;
    cublasLtMatrixLayout_t a, b, c, d;
    cublasLtMatmulPreference_t preference;
};

static cublasStatus_t set(cublasLtMatmulDesc_t operation, cublasLtMatmulDescAttributes_t attribute,
                          const void *value, size_t bytes)
{
    return cublasLtMatmulDescSetAttribute(operation, attribute, value, bytes);
}

static cublasLtMatrixLayout_t layout_of(const struct matrix *m)
{
    cublasLtMatrixLayout_t layout = NULL;

    CHECK_INT(
        cublasLtMatrixLayoutCreate(&layout, m->type, m->rows, m->columns, (int64_t)m->leading),
        CUBLAS_STATUS_SUCCESS);
    return layout;
}

static void describe_epilogue(cublasLtMatmulDesc_t operation, const struct product *p,
                              const struct operands *o)
{
    const uint32_t epilogue = p->epilogue;
    const int64_t leading = (int64_t)o->aux.leading;
    const int32_t type = (int32_t)p->out;

    CHECK_INT(set(operation, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue), 0);
    CHECK_INT(set(operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &o->bias.device, sizeof(void *)),
              0);
    CHECK_INT(set(operation, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &type, sizeof type), 0);
    CHECK_INT(
        set(operation, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, &o->aux.device, sizeof(void *)),
        0);
    CHECK_INT(set(operation, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, &leading, sizeof leading), 0);
}

static struct descriptors describe(const struct product *p, const struct operands *o)
{
    struct descriptors made = {
        .a = layout_of(&o->a), .b = layout_of(&o->b), .c = layout_of(&o->c), .d = layout_of(&o->d)};
    const int32_t op_a = (int32_t)p->op_a, op_b = (int32_t)p->op_b;
    const uint64_t workspace_max = WORKSPACE_BYTES;

    CHECK_INT(cublasLtMatmulDescCreate(&made.operation, CUBLAS_COMPUTE_32F, CUDA_R_32F), 0);
    CHECK_INT(set(made.operation, CUBLASLT_MATMUL_DESC_TRANSA, &op_a, sizeof op_a), 0);
    CHECK_INT(set(made.operation, CUBLASLT_MATMUL_DESC_TRANSB, &op_b, sizeof op_b), 0);
    describe_epilogue(made.operation, p, o);
    CHECK_INT(cublasLtMatmulPreferenceCreate(&made.preference), 0);
    CHECK_INT(cublasLtMatmulPreferenceSetAttribute(made.preference,
                                                   CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                                   &workspace_max, sizeof workspace_max),
              0);
    return made;
}

static void free_descriptors(struct descriptors *made)
{
    CHECK_INT(cublasLtMatmulPreferenceDestroy(made->preference), 0);
    CHECK_INT(cublasLtMatmulDescDestroy(made->operation), 0);
    CHECK_INT(cublasLtMatrixLayoutDestroy(made->a), 0);
    CHECK_INT(cublasLtMatrixLayoutDestroy(made->b), 0);
    CHECK_INT(cublasLtMatrixLayoutDestroy(made->c), 0);
    CHECK_INT(cublasLtMatrixLayoutDestroy(made->d), 0);
}

static cublasStatus_t choose(const struct descriptors *made,
                             cublasLtMatmulHeuristicResult_t *chosen)
{
    int count = 0;
    const cublasStatus_t status =
        cublasLtMatmulAlgoGetHeuristic(lt, made->operation, made->a, made->b, made->c, made->d,
                                       made->preference, 1, chosen, &count);

    CHECK_INT(count, status == CUBLAS_STATUS_SUCCESS);
    return status;
}

static cublasStatus_t multiply(const struct product *p, const struct operands *o,
                               const struct descriptors *made,
                               const cublasLtMatmulHeuristicResult_t *chosen)
{
    return cublasLtMatmul(lt, made->operation, &p->alpha, o->a.device, made->a, o->b.device,
                          made->b, &p->beta, o->c.device, made->c, o->d.device, made->d,
                          &chosen->algo, workspace, chosen->workspaceSize, stream);
}

/* ---- products ---- */

static struct operands new_operands(const struct product *p)
{
    const size_t a_rows = p->op_a == CUBLAS_OP_N ? p->m : p->k, a_columns = p->m + p->k - a_rows;
    const size_t b_rows = p->op_b == CUBLAS_OP_N ? p->k : p->n, b_columns = p->k + p->n - b_rows;
    const size_t aux_leading = (p->m + 15) / 8 * 8;
    const size_t bias_rows = p->epilogue == CUBLASLT_EPILOGUE_BGRADB ? p->n : p->m;
    struct operands o = {.a = new_matrix(p->in, a_rows, a_columns, a_rows + 3),
                         .b = new_matrix(p->in, b_rows, b_columns, b_rows),
                         .d = new_matrix(p->out, p->m, p->n, p->m + 1),
                         .aux = new_matrix(p->out, p->m, p->n, aux_leading),
                         .bias = new_matrix(p->out, bias_rows, 1, bias_rows)};

    o.c = p->is_in_place ? o.d : new_matrix(p->out, p->m, p->n, p->m + 5);
    return o;
}

static void free_operands(const struct product *p, struct operands *o)
{
    free_matrix(&o->a);
    free_matrix(&o->b);
    if (!p->is_in_place)
        free_matrix(&o->c);
    free_matrix(&o->d);
    free_matrix(&o->aux);
    free_matrix(&o->bias);
}

/* Of sums of k terms in float32, at the end rounded to the output's type. */
static double bound_of(const struct product *p)
{
    return p->out == CUDA_R_32F ? 2e-6 * sqrt((double)p->k) + 1e-6 : 0x1p-8 + 1e-4;
}

static void check_results(const struct product *p, struct operands *o)
{
    size_t wrong = count_wrong(&o->d, bound_of(p));

    if (uses_aux(p->epilogue))
        wrong += count_wrong(&o->aux, bound_of(p));
    if (writes_bias(p->epilogue))
        wrong += count_wrong(&o->bias, p->out == CUDA_R_32F ? 1e-5 : 0x1p-8 + 1e-4);
    if (wrong > 0)
        (void)printf(
            "\n  %zux%zux%zu ops %d %d types %d %d epilogue %d alpha %g beta %g: %zu wrong\n", p->m,
            p->n, p->k, (int)p->op_a, (int)p->op_b, (int)p->in, (int)p->out, (int)p->epilogue,
            (double)p->alpha, (double)p->beta, wrong);
    CHECK_INT(wrong, 0);
}

static void check_product(const struct product *p)
{
    struct operands o = new_operands(p);
    struct descriptors made = describe(p, &o);
    cublasLtMatmulHeuristicResult_t chosen;

    CHECK_INT(choose(&made, &chosen), CUBLAS_STATUS_SUCCESS);
    CHECK_INT(multiply(p, &o, &made, &chosen), CUBLAS_STATUS_SUCCESS);
    calculate(p, &o);
    if (writes_bias(p->epilogue))
        calculate_bias_gradient(p, &o);
    check_results(p, &o);
    free_descriptors(&made);
    free_operands(p, &o);
}

static const struct {
    cudaDataType in, out;
} types[] = {{CUDA_R_32F, CUDA_R_32F}, {CUDA_R_16BF, CUDA_R_16BF}, {CUDA_R_16BF, CUDA_R_32F}};

enum { TYPE_COUNT = sizeof types / sizeof *types };

static void test_transposes_and_sizes(void)
{
    static const size_t sizes[][3] = {
        {1, 1, 1}, {5, 3, 7}, {8, 4, 256}, {33, 17, 300}, {64, 96, 513}};

    open_device();
    for (size_t t = 0; t < TYPE_COUNT; t++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (int ops = 0; ops < 4; ops++)
                check_product(&(struct product){.m = sizes[s][0],
                                                .n = sizes[s][1],
                                                .k = sizes[s][2],
                                                .op_a = ops & 1 ? CUBLAS_OP_T : CUBLAS_OP_N,
                                                .op_b = ops & 2 ? CUBLAS_OP_C : CUBLAS_OP_N,
                                                .in = types[t].in,
                                                .out = types[t].out,
                                                .epilogue = CUBLASLT_EPILOGUE_DEFAULT,
                                                .alpha = 1});
}

static const cublasLtEpilogue_t epilogues[] = {
    CUBLASLT_EPILOGUE_DEFAULT,   CUBLASLT_EPILOGUE_BIAS,        CUBLASLT_EPILOGUE_GELU,
    CUBLASLT_EPILOGUE_GELU_BIAS, CUBLASLT_EPILOGUE_GELU_AUX,    CUBLASLT_EPILOGUE_GELU_AUX_BIAS,
    CUBLASLT_EPILOGUE_DGELU,     CUBLASLT_EPILOGUE_DGELU_BGRAD, CUBLASLT_EPILOGUE_BGRADA,
    CUBLASLT_EPILOGUE_BGRADB,
};

static void test_epilogues(void)
{
    open_device();
    for (size_t t = 0; t < TYPE_COUNT; t++)
        for (size_t e = 0; e < sizeof epilogues / sizeof *epilogues; e++)
            for (int ops = 0; ops < 4; ops++)
                check_product(&(struct product){.m = 19,
                                                .n = 6,
                                                .k = 11,
                                                .op_a = ops & 1 ? CUBLAS_OP_T : CUBLAS_OP_N,
                                                .op_b = ops & 2 ? CUBLAS_OP_T : CUBLAS_OP_N,
                                                .in = types[t].in,
                                                .out = types[t].out,
                                                .epilogue = epilogues[e],
                                                .alpha = 0.75F});
}

static void test_scales(void)
{
    static const float scales[][2] = {{1, 1}, {-0.5F, 0}, {0, 2}, {0.25F, -3}};

    open_device();
    for (size_t t = 0; t < TYPE_COUNT; t++)
        for (size_t s = 0; s < sizeof scales / sizeof *scales; s++)
            for (int is_in_place = 0; is_in_place < 2; is_in_place++)
                check_product(&(struct product){.m = 9,
                                                .n = 13,
                                                .k = 21,
                                                .in = types[t].in,
                                                .out = types[t].out,
                                                .epilogue = CUBLASLT_EPILOGUE_BIAS,
                                                .alpha = scales[s][0],
                                                .beta = scales[s][1],
                                                .is_in_place = is_in_place});
}

/* ---- what a product reads, and when ---- */

static const struct product plain = {.m = 8,
                                     .n = 4,
                                     .k = 16,
                                     .in = CUDA_R_32F,
                                     .out = CUDA_R_32F,
                                     .epilogue = CUBLASLT_EPILOGUE_DEFAULT,
                                     .alpha = 1};

static void test_c_is_not_read_without_beta(void)
{
    struct product p = plain;
    struct operands o;
    struct descriptors made;
    cublasLtMatmulHeuristicResult_t chosen;

    open_device();
    o = new_operands(&p);
    made = describe(&p, &o);
    CHECK_INT(cudaMemsetAsync(o.c.device, 0xff, device_bytes(&o.c), stream), cudaSuccess);
    CHECK_INT(choose(&made, &chosen), CUBLAS_STATUS_SUCCESS);
    CHECK_INT(multiply(&p, &o, &made, &chosen), CUBLAS_STATUS_SUCCESS);
    calculate(&p, &o);
    check_results(&p, &o);
    CHECK_INT(cublasLtMatmul(lt, made.operation, &p.alpha, o.a.device, made.a, o.b.device, made.b,
                             &p.beta, NULL, made.c, o.d.device, made.d, NULL, NULL, 0, stream),
              CUBLAS_STATUS_SUCCESS);
    check_results(&p, &o);
    free_descriptors(&made);
    free_operands(&p, &o);
}

/* Host scalars and descriptors are read at the call; matrices when the stream gets there. */
static void test_arguments_are_copied(void)
{
    struct product p = plain;
    struct operands o;
    struct descriptors made;
    cublasLtMatmulHeuristicResult_t chosen;

    open_device();
    o = new_operands(&p);
    made = describe(&p, &o);
    CHECK_INT(choose(&made, &chosen), CUBLAS_STATUS_SUCCESS);
    o.a.values[3] = 5;
    upload(&o.a);
    CHECK_INT(multiply(&p, &o, &made, &chosen), CUBLAS_STATUS_SUCCESS);
    p.alpha = 100;
    free_descriptors(&made);
    memset(&chosen, 0xff, sizeof chosen);
    calculate(&plain, &o);
    check_results(&plain, &o);
    free_operands(&p, &o);
}

static void test_capture(void)
{
    struct product p = plain;
    struct operands o;
    struct descriptors made;
    cublasLtMatmulHeuristicResult_t chosen;
    cudaGraph_t graph;
    cudaGraphExec_t exec;

    open_device();
    p.beta = 1;
    p.is_in_place = true;
    o = new_operands(&p);
    made = describe(&p, &o);
    CHECK_INT(choose(&made, &chosen), CUBLAS_STATUS_SUCCESS);
    CHECK_INT(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
    CHECK_INT(multiply(&p, &o, &made, &chosen), CUBLAS_STATUS_SUCCESS);
    CHECK_INT(cudaStreamEndCapture(stream, &graph), cudaSuccess);
    check_results(&p, &o); /* D still holds what it held */
    CHECK_INT(cudaGraphInstantiate(&exec, graph, 0), cudaSuccess);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(cudaGraphLaunch(exec, stream), cudaSuccess);
        calculate(&p, &o);
    }
    check_results(&p, &o);
    CHECK_INT(cudaGraphExecDestroy(exec), cudaSuccess);
    CHECK_INT(cudaGraphDestroy(graph), cudaSuccess);
    free_descriptors(&made);
    free_operands(&p, &o);
}

/* D in the memory of B: nothing that can be relied on, and here NaN. */
static void check_overlap(bool is_in_place)
{
    struct product p = plain;
    struct operands o;
    struct descriptors made;
    cublasLtMatmulHeuristicResult_t chosen;
    float first;

    p.k = p.m;
    p.is_in_place = is_in_place;
    o = new_operands(&p);
    made = describe(&p, &o);
    CHECK_INT(choose(&made, &chosen), CUBLAS_STATUS_SUCCESS);
    CHECK_INT(cublasLtMatmul(lt, made.operation, &p.alpha, o.a.device, made.a, o.d.device, made.b,
                             &p.beta, o.c.device, made.c, o.d.device, made.d, &chosen.algo,
                             workspace, chosen.workspaceSize, stream),
              CUBLAS_STATUS_SUCCESS);
    CHECK_INT(cudaStreamSynchronize(stream), cudaSuccess);
    CHECK_INT(cudaMemcpy(&first, o.d.device, sizeof first, cudaMemcpyDeviceToHost), cudaSuccess);
    CHECK(isnan(first));
    free_descriptors(&made);
    free_operands(&p, &o);
}

static void test_overlap_shows(void)
{
    open_device();
    check_overlap(false);
    check_overlap(true);
}

/* ---- what is refused ---- */

static void change_layout(cublasLtMatrixLayout_t *layout, cudaDataType type, uint64_t rows,
                          uint64_t columns, int64_t leading)
{
    CHECK_INT(cublasLtMatrixLayoutDestroy(*layout), 0);
    CHECK_INT(cublasLtMatrixLayoutCreate(layout, type, rows, columns, leading), 0);
}

static void check_refused(const struct descriptors *made, cublasStatus_t expected)
{
    cublasLtMatmulHeuristicResult_t chosen;

    CHECK_INT(choose(made, &chosen), expected);
}

static void test_types_refused(void)
{
    static const struct {
        cudaDataType a, b, c, d;
    } rows[] = {
        {CUDA_R_32F, CUDA_R_32F, CUDA_R_16BF, CUDA_R_16BF},  /* narrower than its operands */
        {CUDA_R_32F, CUDA_R_16BF, CUDA_R_32F, CUDA_R_32F},   /* two types of operands */
        {CUDA_R_16BF, CUDA_R_16BF, CUDA_R_32F, CUDA_R_16BF}, /* C is not of D's type */
        {CUDA_R_16F, CUDA_R_16F, CUDA_R_16F, CUDA_R_16F},
        {CUDA_R_64F, CUDA_R_64F, CUDA_R_64F, CUDA_R_64F},
    };
    struct operands o;
    struct descriptors made;
    const int32_t compute = CUBLAS_COMPUTE_16F;

    open_device();
    o = new_operands(&plain);
    made = describe(&plain, &o);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        change_layout(&made.a, rows[i].a, 8, 16, 11);
        change_layout(&made.b, rows[i].b, 16, 4, 16);
        change_layout(&made.c, rows[i].c, 8, 4, 13);
        change_layout(&made.d, rows[i].d, 8, 4, 9);
        check_refused(&made, CUBLAS_STATUS_NOT_SUPPORTED);
    }
    free_descriptors(&made);
    made = describe(&plain, &o);
    CHECK_INT(set(made.operation, CUBLASLT_MATMUL_DESC_COMPUTE_TYPE, &compute, sizeof compute), 0);
    check_refused(&made, CUBLAS_STATUS_NOT_SUPPORTED);
    free_descriptors(&made);
    free_operands(&plain, &o);
}

static void test_sizes_refused(void)
{
    static const struct {
        uint64_t rows, columns;
        int64_t leading;
    } wrong[] = {{8, 15, 11}, {9, 16, 11}, {8, 16, 7}, {8, 16, -1}, {0, 16, 11}, {16, 8, 16}};
    struct operands o;
    struct descriptors made;

    open_device();
    o = new_operands(&plain);
    made = describe(&plain, &o);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        change_layout(&made.a, CUDA_R_32F, wrong[i].rows, wrong[i].columns, wrong[i].leading);
        check_refused(&made, CUBLAS_STATUS_INVALID_VALUE);
    }
    change_layout(&made.a, CUDA_R_32F, 8, 16, 8);
    check_refused(&made, CUBLAS_STATUS_SUCCESS);
    change_layout(&made.c, CUDA_R_32F, 8, 5, 8);
    check_refused(&made, CUBLAS_STATUS_INVALID_VALUE);
    free_descriptors(&made);
    free_operands(&plain, &o);
}

/* Sets one attribute of the epilogue to what the library does not take. */
static void check_attribute_refused(cublasLtEpilogue_t epilogue,
                                    cublasLtMatmulDescAttributes_t attribute, const void *value,
                                    size_t bytes)
{
    struct product p = plain;
    struct operands o;
    struct descriptors made;

    p.epilogue = epilogue;
    o = new_operands(&p);
    made = describe(&p, &o);
    check_refused(&made, CUBLAS_STATUS_SUCCESS);
    CHECK_INT(set(made.operation, attribute, value, bytes), CUBLAS_STATUS_SUCCESS);
    check_refused(&made, CUBLAS_STATUS_NOT_SUPPORTED);
    free_descriptors(&made);
    free_operands(&p, &o);
}

static void test_epilogues_refused(void)
{
    static const int64_t odd = 12, small = 0;
    static const int32_t narrow = CUDA_R_16BF;
    static const uint32_t relu = CUBLASLT_EPILOGUE_RELU, none = 0;
    char *const unaligned = (char *)(uintptr_t)4096 + 8;

    open_device();
    check_attribute_refused(CUBLASLT_EPILOGUE_GELU_AUX, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, &odd,
                            8);
    check_attribute_refused(CUBLASLT_EPILOGUE_DGELU, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, &small,
                            8);
    check_attribute_refused(CUBLASLT_EPILOGUE_DGELU_BGRAD,
                            CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, &unaligned,
                            sizeof unaligned);
    check_attribute_refused(CUBLASLT_EPILOGUE_GELU_AUX_BIAS,
                            CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE, &narrow, sizeof narrow);
    check_attribute_refused(CUBLASLT_EPILOGUE_BIAS, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &unaligned,
                            sizeof unaligned);
    check_attribute_refused(CUBLASLT_EPILOGUE_BGRADB, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &narrow,
                            sizeof narrow);
    check_attribute_refused(CUBLASLT_EPILOGUE_BIAS, CUBLASLT_MATMUL_DESC_EPILOGUE, &relu,
                            sizeof relu);
    check_attribute_refused(CUBLASLT_EPILOGUE_BIAS, CUBLASLT_MATMUL_DESC_EPILOGUE, &none,
                            sizeof none);
}

static void test_attributes_refused(void)
{
    cublasLtMatmulDescOpaque_t operation;
    const int64_t wide = 0;

    open_device();
    CHECK_INT(cublasLtMatmulDescInit(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F), 0);
    CHECK_INT(set(&operation, CUBLASLT_MATMUL_DESC_TRANSA, &wide, sizeof wide),
              CUBLAS_STATUS_INVALID_VALUE);
    CHECK_INT(set(&operation, CUBLASLT_MATMUL_DESC_TRANSA, NULL, 4), CUBLAS_STATUS_INVALID_VALUE);
    CHECK_INT(set(&operation, (cublasLtMatmulDescAttributes_t)31, &wide, 8),
              CUBLAS_STATUS_INVALID_VALUE);
    CHECK_INT(set(NULL, CUBLASLT_MATMUL_DESC_TRANSA, &wide, 4), CUBLAS_STATUS_INVALID_VALUE);
    CHECK_INT(cublasLtCreate(NULL), CUBLAS_STATUS_INVALID_VALUE);
    CHECK(strlen(cublasLtGetStatusString(CUBLAS_STATUS_NOT_SUPPORTED)) > 0);
}

/* Calls of products that the heuristic found good. */
static void test_calls_refused(void)
{
    struct operands o, other;
    struct descriptors made, made_other;
    cublasLtMatmulHeuristicResult_t chosen;
    struct product p = plain, larger = plain;
    void *c;

    open_device();
    larger.m = 9;
    o = new_operands(&p);
    other = new_operands(&larger);
    made = describe(&p, &o);
    made_other = describe(&larger, &other);
    CHECK_INT(choose(&made, &chosen), CUBLAS_STATUS_SUCCESS);
    CHECK(chosen.workspaceSize > 0 && chosen.workspaceSize <= WORKSPACE_BYTES);
    CHECK_INT(multiply(&larger, &other, &made_other, &chosen), CUBLAS_STATUS_INVALID_VALUE);
    chosen.workspaceSize--;
    CHECK_INT(multiply(&p, &o, &made, &chosen), CUBLAS_STATUS_INVALID_VALUE);
    chosen.workspaceSize++;
    o.a.device = (char *)o.a.device + 4;
    CHECK_INT(multiply(&p, &o, &made, &chosen), CUBLAS_STATUS_INVALID_VALUE);
    o.a.device = (char *)o.a.device - 4;
    p.beta = 1;
    c = o.c.device;
    o.c.device = o.d.device; /* in place, with another leading dimension */
    CHECK_INT(multiply(&p, &o, &made, &chosen), CUBLAS_STATUS_INVALID_VALUE);
    o.c.device = c;
    CHECK_INT(multiply(&p, &o, &made, &chosen), CUBLAS_STATUS_SUCCESS);
    free_descriptors(&made_other);
    free_descriptors(&made);
    free_operands(&larger, &other);
    free_operands(&p, &o);
}

static void test_devices(void)
{
    struct operands o;
    struct descriptors made;
    cublasLtMatmulHeuristicResult_t chosen;
    cublasLtHandle_t first = lt, second = NULL;

    open_device();
    first = lt;
    o = new_operands(&plain);
    made = describe(&plain, &o);
    CHECK_INT(cudaSetDevice(1), cudaSuccess);
    CHECK_INT(cublasLtCreate(&second), CUBLAS_STATUS_SUCCESS);
    CHECK_INT(cudaSetDevice(0), cudaSuccess);
    CHECK_INT(choose(&made, &chosen), CUBLAS_STATUS_SUCCESS);
    lt = second;
    CHECK_INT(multiply(&plain, &o, &made, &chosen), CUBLAS_STATUS_INVALID_VALUE);
    lt = first;
    CHECK_INT(cublasLtDestroy(second), CUBLAS_STATUS_SUCCESS);
    free_descriptors(&made);
    free_operands(&plain, &o);
}

static void close_device(void)
{
    CHECK_INT(cudaFree(workspace), cudaSuccess);
    CHECK_INT(cudaStreamDestroy(stream), cudaSuccess);
    CHECK_INT(cublasLtDestroy(lt), CUBLAS_STATUS_SUCCESS);
    lt = NULL;
}

static const struct mimo_test tests[] = {
    {"transposes and sizes", test_transposes_and_sizes},
    {"epilogues", test_epilogues},
    {"scales, in place and not", test_scales},
    {"C is not read without beta", test_c_is_not_read_without_beta},
    {"arguments are copied", test_arguments_are_copied},
    {"capture", test_capture},
    {"overlap shows", test_overlap_shows},
    {"types refused", test_types_refused},
    {"sizes refused", test_sizes_refused},
    {"epilogues refused", test_epilogues_refused},
    {"attributes refused", test_attributes_refused},
    {"calls refused", test_calls_refused},
    {"devices", test_devices},
    {"the end", close_device},
};

MIMO_TEST_MAIN("emulated cuBLASLt", tests)
