#include "runtime/backend/cpu/gemm.h"

#include "plan/error.h"

#include <cblas.h>
#include <limits.h>
#include <oneapi/dnnl/dnnl.h>
#include <string.h>

/* libgomp's, on which oneDNN is built. The header belongs to a compiler, the symbol to the library.
 */
extern void omp_set_num_threads(int threads);

/* True where there is nothing to multiply; c is then defined. */
static bool is_degenerate(int64_t m, int64_t n, int64_t k, void *c, size_t element_size,
                          bool accumulates)
{
    if (m == 0 || n == 0)
        return true;
    if (k == 0 && !accumulates)
        memset(c, 0, (size_t)m * (size_t)n * element_size);
    return k == 0;
}

void mimo_cpu_gemm_float(bool transposes_a, bool transposes_b, int64_t m, int64_t n, int64_t k,
                         const float *a, const float *b, float *c, bool accumulates)
{
    dnnl_status_t status;
    if (is_degenerate(m, n, k, c, sizeof *c, accumulates))
        return;
    omp_set_num_threads(1); /* holds for the calling thread alone, hence at each call */
    status =
        dnnl_sgemm(transposes_a ? 'T' : 'N', transposes_b ? 'T' : 'N', m, n, k, 1.0F, a,
                   transposes_a ? m : k, b, transposes_b ? k : n, accumulates ? 1.0F : 0.0F, c, n);
    MIMO_ASSERT(status == dnnl_success);
}

void mimo_cpu_gemm_double(bool transposes_a, bool transposes_b, int64_t m, int64_t n, int64_t k,
                          const double *a, const double *b, double *c, bool accumulates)
{
    if (is_degenerate(m, n, k, c, sizeof *c, accumulates))
        return;
    MIMO_ASSERT(m <= INT_MAX && n <= INT_MAX && k <= INT_MAX);
    cblas_dgemm(CblasRowMajor, transposes_a ? CblasTrans : CblasNoTrans,
                transposes_b ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k, 1.0, a,
                (int)(transposes_a ? m : k), b, (int)(transposes_b ? k : n),
                accumulates ? 1.0 : 0.0, c, (int)n);
}

void mimo_cpu_gemm_init(const char *tier)
{
    openblas_set_num_threads(1); /* whichever flavour the loader finds */
    if (strcmp(tier, "baseline") == 0)
        (void)dnnl_set_max_cpu_isa(dnnl_cpu_isa_sse41);
    else if (strcmp(tier, "avx2") == 0)
        (void)dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2);
    else if (strcmp(tier, "avx512") == 0)
        (void)dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx512_core_bf16);
}
