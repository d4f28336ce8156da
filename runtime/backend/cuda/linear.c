/*
 * linear.c - linear layers by cuBLASLt.
 *
 * cuBLASLt's matrices lie in columns: a row-major tensor [r, c] is its matrix of c rows and r
 * columns. So the products are, in its terms, D [m, n] = op(A) [m, k] · op(B) [k, n]:
 *
 *     operation         A (stored)      B (stored)       D             m    n     k
 *     y  = x wᵀ + bias  w [in, out] ᵀ   x [in, rows]     y [out, rows] out  rows  in
 *     dx = dy w         w [in, out]     dy [out, rows]   dx [in, rows] in   rows  out
 *     dw = dyᵀ x        x [in, rows]    dy [out, rows] ᵀ dw [in, out]  in   out   rows
 *
 * Float32 is computed as float32, never as TF32; bf16 is accumulated in float32, also where the
 * library cuts k into parts. An algorithm is chosen once for each shape, and kept: by the library's
 * own rules, which depend on the shape, the alignments and the device alone.
 */
#include "runtime/backend/cuda/parts.h"

#include <stdlib.h>
#include <string.h>

/* Vector loads and the tensor memory accelerator want 16 bytes; no more is asked of addresses. */
enum { SETS = 128, WAYS = 8, ALIGNMENT_MAX = 16 };

/* What an algorithm is chosen for. */
struct shape {
    int64_t m, n, k;
    uint32_t is_a_transposed, is_b_transposed;
    uint32_t is_d_wide; /* float32 whatever the element type */
    uint32_t epilogue;
    uint32_t alignments[2]; /* of A, B, D and of bias, auxiliary matrix: a byte for each */
};
_Static_assert(sizeof(struct shape) == 48, "shapes are compared as bytes");

struct product {
    struct shape shape;
    uint64_t last_use;     /* 0: none */
    cublasStatus_t status; /* CUBLAS_STATUS_SUCCESS: there is an algorithm */
    cublasLtMatmulDescOpaque_t description;
    cublasLtMatrixLayoutOpaque_t a, b, d;
    cublasLtMatmulAlgo_t algorithm;
};

struct mimo_cuda_linear {
    cublasLtHandle_t handle;
    cudaDataType_t type; /* of elements */
    uint64_t uses;
    struct product products[SETS][WAYS];
};

/* One product: D = op(A) op(B) + beta D, and its epilogue's vectors. */
struct call {
    const char *operation;
    struct shape shape;
    const void *a, *b;
    void *d;
    const void *bias; /* [m] */
    const void *aux;  /* of D's shape; what it is written or read for, the epilogue says */
    float beta;
};

/* -- description ------------------------------------------------------------------------------ */

static cublasStatus_t describe(struct product *product, cublasLtMatmulDescAttributes_t attribute,
                               const void *value, size_t bytes)
{
    return cublasLtMatmulDescSetAttribute(&product->description, attribute, value, bytes);
}

static cublasStatus_t describe_operands(struct product *product)
{
    const struct shape *const shape = &product->shape;
    const int32_t op_a = shape->is_a_transposed != 0 ? CUBLAS_OP_T : CUBLAS_OP_N;
    const int32_t op_b = shape->is_b_transposed != 0 ? CUBLAS_OP_T : CUBLAS_OP_N;
    cublasStatus_t status =
        cublasLtMatmulDescInit(&product->description, CUBLAS_COMPUTE_32F, CUDA_R_32F);

    if (status == CUBLAS_STATUS_SUCCESS)
        status = describe(product, CUBLASLT_MATMUL_DESC_TRANSA, &op_a, sizeof op_a);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = describe(product, CUBLASLT_MATMUL_DESC_TRANSB, &op_b, sizeof op_b);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = describe(product, CUBLASLT_MATMUL_DESC_EPILOGUE, &shape->epilogue,
                          sizeof shape->epilogue);
    return status;
}

/* The vectors of a call; also the heuristic looks at their alignment. */
static cublasStatus_t describe_vectors(struct product *product, const struct call *call)
{
    cublasStatus_t status = CUBLAS_STATUS_SUCCESS;

    if (call->bias != NULL)
        status =
            describe(product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &call->bias, sizeof call->bias);
    if (status == CUBLAS_STATUS_SUCCESS && call->aux != NULL)
        status = describe(product, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, &call->aux,
                          sizeof call->aux);
    if (status == CUBLAS_STATUS_SUCCESS && call->aux != NULL)
        status = describe(product, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, &product->shape.m,
                          sizeof product->shape.m);
    return status;
}

static cublasStatus_t lay_out(cublasLtMatrixLayoutOpaque_t *layout, cudaDataType_t type,
                              int64_t rows, int64_t columns)
{
    return cublasLtMatrixLayoutInit(layout, type, (uint64_t)rows, (uint64_t)columns, rows);
}

static cublasStatus_t lay_out_matrices(struct product *product, cudaDataType_t type)
{
    const struct shape *const s = &product->shape;
    const cudaDataType_t d_type = s->is_d_wide != 0 ? CUDA_R_32F : type;
    cublasStatus_t status = s->is_a_transposed != 0 ? lay_out(&product->a, type, s->k, s->m)
                                                    : lay_out(&product->a, type, s->m, s->k);

    if (status == CUBLAS_STATUS_SUCCESS)
        status = s->is_b_transposed != 0 ? lay_out(&product->b, type, s->n, s->k)
                                         : lay_out(&product->b, type, s->k, s->n);
    return status == CUBLAS_STATUS_SUCCESS ? lay_out(&product->d, d_type, s->m, s->n) : status;
}

/* -- the choice of an algorithm --------------------------------------------------------------- */

static uint32_t alignment_of(const void *address)
{
    const uintptr_t bits = (uintptr_t)address | ALIGNMENT_MAX;

    return (uint32_t)(bits & -bits);
}

static cublasStatus_t prefer(cublasLtMatmulPreferenceOpaque_t *preference,
                             cublasLtMatmulPreferenceAttributes_t attribute, const void *value,
                             size_t bytes)
{
    return cublasLtMatmulPreferenceSetAttribute(preference, attribute, value, bytes);
}

/* Parts of k may be added up in float32 alone. */
static cublasStatus_t prefer_limits(cublasLtMatmulPreferenceOpaque_t *preference,
                                    uint64_t workspace_bytes)
{
    const uint32_t reductions =
        CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    cublasStatus_t status = cublasLtMatmulPreferenceInit(preference);

    if (status == CUBLAS_STATUS_SUCCESS)
        status = prefer(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace_bytes,
                        sizeof workspace_bytes);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = prefer(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &reductions,
                        sizeof reductions);
    return status;
}

static cublasStatus_t prefer_alignments(cublasLtMatmulPreferenceOpaque_t *preference,
                                        const struct call *call)
{
    const struct {
        cublasLtMatmulPreferenceAttributes_t attribute;
        const void *address;
    } matrices[] = {
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, call->a},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, call->b},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, call->d},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, call->d},
    };
    cublasStatus_t status = CUBLAS_STATUS_SUCCESS;

    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++) {
        const uint32_t bytes = alignment_of(matrices[i].address);
        if (status == CUBLAS_STATUS_SUCCESS)
            status = prefer(preference, matrices[i].attribute, &bytes, sizeof bytes);
    }
    return status;
}

static cublasStatus_t choose(struct mimo_cuda *cuda, struct product *product,
                             const struct call *call)
{
    cublasLtMatmulPreferenceOpaque_t preference;
    cublasLtMatmulHeuristicResult_t result = {0};
    cublasStatus_t status = prefer_limits(&preference, cuda->workspace_bytes);
    int count = 0;

    if (status == CUBLAS_STATUS_SUCCESS)
        status = prefer_alignments(&preference, call);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = cublasLtMatmulAlgoGetHeuristic(cuda->linear->handle, &product->description,
                                                &product->a, &product->b, &product->d, &product->d,
                                                &preference, 1, &result, &count);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = count > 0 ? result.state : CUBLAS_STATUS_NOT_SUPPORTED;
    product->algorithm = result.algo;
    return status;
}

static cublasStatus_t prepare(struct mimo_cuda *cuda, struct product *product,
                              const struct call *call)
{
    cublasStatus_t status;

    product->shape = call->shape;
    status = describe_operands(product);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = describe_vectors(product, call);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = lay_out_matrices(product, cuda->linear->type);
    return status == CUBLAS_STATUS_SUCCESS ? choose(cuda, product, call) : status;
}

/* -- the table of products -------------------------------------------------------------------- */

/* FNV-1a, over words. */
static size_t set_of(const struct shape *shape)
{
    uint64_t words[sizeof *shape / sizeof(uint64_t)], hash = 0xcbf29ce484222325;

    memcpy(words, shape, sizeof words);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        hash = (hash ^ words[i]) * 0x100000001b3;
    return (size_t)(hash >> 32) % SETS;
}

/* The product of this shape, else the place of the one in its set that was used least recently. */
static struct product *place_of(struct mimo_cuda_linear *linear, const struct shape *shape)
{
    struct product *const set = linear->products[set_of(shape)];
    struct product *least = set;

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].last_use > 0 && memcmp(&set[i].shape, shape, sizeof *shape) == 0)
            return &set[i];
        if (set[i].last_use < least->last_use)
            least = &set[i];
    }
    least->last_use = 0;
    return least;
}

static struct product *find(struct mimo_cuda *cuda, struct call *call)
{
    struct mimo_cuda_linear *const linear = cuda->linear;
    struct product *product;

    call->shape.alignments[0] =
        alignment_of(call->a) | alignment_of(call->b) << 8 | alignment_of(call->d) << 16;
    call->shape.alignments[1] = alignment_of(call->bias) | alignment_of(call->aux) << 8;
    product = place_of(linear, &call->shape);
    if (product->last_use == 0)
        product->status = prepare(cuda, product, call);
    product->last_use = ++linear->uses;
    return product;
}

/* -- products --------------------------------------------------------------------------------- */

static bool keep_status(struct mimo_cuda *cuda, cublasStatus_t status, const struct call *call)
{
    if (status == CUBLAS_STATUS_SUCCESS)
        return true;
    (void)mimo_error_set(&cuda->error, MIMO_E_FAILED,
                         "%s failed on CUDA device %d, a product of %lld x %lld x %lld: %s",
                         call->operation, cuda->device, (long long)call->shape.m,
                         (long long)call->shape.n, (long long)call->shape.k,
                         cublasLtGetStatusString(status));
    return false;
}

static void issue(struct mimo_cuda *cuda, struct product *product, const struct call *call)
{
    const float one = 1;

    if (keep_status(cuda, describe_vectors(product, call), call))
        (void)keep_status(cuda,
                          cublasLtMatmul(cuda->linear->handle, &product->description, &one, call->a,
                                         &product->a, call->b, &product->b, &call->beta, call->d,
                                         &product->d, call->d, &product->d, &product->algorithm,
                                         cuda->workspace, cuda->workspace_bytes, cuda->compute),
                          call);
}

/* False, with nothing done, where the library has no algorithm with this epilogue. */
static bool multiply_with_epilogue(struct mimo_cuda *cuda, struct call *call, uint32_t epilogue)
{
    struct product *product;

    call->shape.epilogue = epilogue;
    product = find(cuda, call);
    if (product->status != CUBLAS_STATUS_SUCCESS)
        return false;
    issue(cuda, product, call);
    return true;
}

static void multiply(struct mimo_cuda *cuda, struct call *call)
{
    call->bias = call->aux = NULL;
    if (!multiply_with_epilogue(cuda, call, CUBLASLT_EPILOGUE_DEFAULT))
        (void)keep_status(cuda, find(cuda, call)->status, call);
}

/* -- forward ---------------------------------------------------------------------------------- */

static struct call forward_call(void *y, const void *x, const void *w, const void *bias,
                                int64_t rows, int64_t in, int64_t out)
{
    return (struct call){
        .operation = "linear_forward",
        .shape = {.m = out, .n = rows, .k = in, .is_a_transposed = 1},
        .a = w,
        .b = x,
        .d = y,
        .bias = bias,
    };
}

/* The bias alone, in each row of y: a product over no columns. */
static void repeat_bias(struct mimo_backend *be, void *y, const void *bias, int64_t rows,
                        int64_t out)
{
    if (bias != NULL)
        be->ops->copy(be, y, out, bias, 0, rows, out);
    else
        be->ops->zero(be, y, (size_t)(rows * out) * be->element_size);
}

static void linear_forward(struct mimo_backend *be, void *y, const void *x, const void *w,
                           const void *bias, int64_t rows, int64_t in, int64_t out)
{
    struct mimo_cuda *const cuda = mimo_cuda_of(be);
    struct call call = forward_call(y, x, w, bias, rows, in, out);

    if (rows == 0 || out == 0)
        return;
    if (in == 0) {
        repeat_bias(be, y, bias, rows, out);
        return;
    }
    if (bias != NULL && multiply_with_epilogue(cuda, &call, CUBLASLT_EPILOGUE_BIAS))
        return;
    multiply(cuda, &call);
    if (bias != NULL)
        be->ops->add(be, y, out, bias, 0, rows, out);
}

/* The library knows the tanh form of gelu, and takes the fast tanh of the device for it, which is
 * right to 11 bits: enough for bf16, too coarse for float32. */
static bool fuses(const struct mimo_backend *be, enum mimo_activation kind)
{
    return kind == MIMO_ACTIVATION_GELU_TANH && be->precision == MIMO_PRECISION_BF16;
}

static void linear_activation_forward(struct mimo_backend *be, enum mimo_activation kind, void *y,
                                      void *z, const void *x, const void *w, const void *bias,
                                      int64_t rows, int64_t in, int64_t out)
{
    struct call call = forward_call(y, x, w, bias, rows, in, out);
    const bool is_empty = rows == 0 || in == 0 || out == 0;

    call.aux = z;
    if (!is_empty && fuses(be, kind) &&
        multiply_with_epilogue(mimo_cuda_of(be), &call,
                               bias != NULL ? CUBLASLT_EPILOGUE_GELU_AUX_BIAS
                                            : CUBLASLT_EPILOGUE_GELU_AUX))
        return;
    linear_forward(be, z, x, w, bias, rows, in, out);
    be->ops->activation_forward(be, kind, y, z, rows * out);
}

/* -- backward --------------------------------------------------------------------------------- */

static struct call backward_call(void *dx, const void *dy, const void *w, int64_t rows, int64_t in,
                                 int64_t out)
{
    return (struct call){
        .operation = "linear_backward_input",
        .shape = {.m = in, .n = rows, .k = out},
        .a = w,
        .b = dy,
        .d = dx,
    };
}

static void linear_backward_input(struct mimo_backend *be, void *dx, const void *dy, const void *w,
                                  int64_t rows, int64_t in, int64_t out, bool accumulates)
{
    struct call call = backward_call(dx, dy, w, rows, in, out);

    if (rows == 0 || in == 0)
        return;
    call.beta = accumulates ? 1 : 0;
    if (out > 0)
        multiply(mimo_cuda_of(be), &call);
    else if (!accumulates)
        be->ops->zero(be, dx, (size_t)(rows * in) * be->element_size);
}

static void linear_activation_backward(struct mimo_backend *be, enum mimo_activation kind, void *dz,
                                       const void *dy, const void *w, const void *z, int64_t rows,
                                       int64_t in, int64_t out)
{
    struct call call = backward_call(dz, dy, w, rows, in, out);
    const bool is_empty = rows == 0 || in == 0 || out == 0;

    call.aux = z;
    if (!is_empty && fuses(be, kind) &&
        multiply_with_epilogue(mimo_cuda_of(be), &call, CUBLASLT_EPILOGUE_DGELU))
        return;
    linear_backward_input(be, dz, dy, w, rows, in, out, false);
    be->ops->activation_backward(be, kind, dz, dz, z, rows * in);
}

static void linear_backward_weight(struct mimo_backend *be, void *dw, void *dbias, const void *dy,
                                   const void *x, int64_t rows, int64_t in, int64_t out)
{
    struct call call = {
        .operation = "linear_backward_weight",
        .shape = {.m = in, .n = out, .k = rows, .is_b_transposed = 1, .is_d_wide = 1},
        .a = x,
        .b = dy,
        .d = dw,
        .beta = 1,
    };

    if (dw != NULL && rows > 0 && in > 0 && out > 0)
        multiply(mimo_cuda_of(be), &call);
    if (dbias != NULL)
        mimo_cuda_column_sums(be, dbias, dy, rows, out);
}

void mimo_cuda_linear_ops(struct mimo_backend_ops *ops)
{
    ops->linear_forward = linear_forward;
    ops->linear_activation_forward = linear_activation_forward;
    ops->linear_backward_input = linear_backward_input;
    ops->linear_activation_backward = linear_activation_backward;
    ops->linear_backward_weight = linear_backward_weight;
}

/* -- opening ---------------------------------------------------------------------------------- */

bool mimo_cuda_linear_open(struct mimo_cuda *cuda, bool is_bf16)
{
    cublasStatus_t status;

    cuda->linear = calloc(1, sizeof *cuda->linear);
    if (cuda->linear == NULL) {
        (void)mimo_error_set(&cuda->error, MIMO_E_FAILED, "out of memory");
        return false;
    }
    cuda->linear->type = is_bf16 ? CUDA_R_16BF : CUDA_R_32F;
    status = cublasLtCreate(&cuda->linear->handle);
    if (status != CUBLAS_STATUS_SUCCESS)
        (void)mimo_error_set(&cuda->error, MIMO_E_FAILED, "cuBLASLt does not start: %s",
                             cublasLtGetStatusString(status));
    return status == CUBLAS_STATUS_SUCCESS;
}

void mimo_cuda_linear_close(struct mimo_cuda *cuda)
{
    if (cuda->linear == NULL)
        return;
    if (cuda->linear->handle != NULL)
        (void)cublasLtDestroy(cuda->linear->handle);
    free(cuda->linear);
    cuda->linear = NULL;
}
