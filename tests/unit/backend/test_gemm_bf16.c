/* test_gemm_bf16.c - products of bf16 beyond one block, in all forms, by oneDNN and by float32. */
#include "runtime/backend/backend.h"
#include "runtime/backend/cpu/gemm.h"
#include "runtime/bf16.h"
#include "tests/unit/check.h"

#include <dirent.h>
#include <stdlib.h>

/* Small whole numbers: their products and sums are exact in float32, in any order. */
static int number_at(int64_t row, int64_t col)
{
    return (int)((row * 31 + col * 17 + row * col) % 7) - 3;
}

/* [rows, cols], with two numbers behind each row that belong to nothing. */
static uint16_t *matrix_new(int64_t rows, int64_t cols)
{
    uint16_t *matrix = calloc((size_t)(rows * (cols + 2)) + 1, sizeof *matrix);

    MIMO_ASSERT(matrix != NULL);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < cols + 2; c++)
            matrix[r * (cols + 2) + c] =
                c < cols ? mimo_bf16_round((float)number_at(r, c)) : (uint16_t)0x7FC0;
    return matrix;
}

static int factor_at(bool is_transposed, int64_t row, int64_t col)
{
    return is_transposed ? number_at(col, row) : number_at(row, col);
}

/* Elements of c that differ from `before` plus the product. */
static uint64_t differences(const struct mimo_cpu_bf16_product *p, float before)
{
    uint64_t wrong = 0;

    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {
            float sum = p->accumulates ? before : 0.0F;
            for (int64_t l = 0; l < p->k; l++)
                sum += (float)(factor_at(p->transposes_a, i, l) * factor_at(p->transposes_b, l, j));
            wrong += p->c[i * p->n + j] != sum;
        }
    return wrong;
}

static void check_form(struct mimo_cpu_bf16 *bf16, const int64_t size[3], int form)
{
    const int64_t m = size[0], n = size[1], k = size[2];
    const bool transposes_a = (form & 1) != 0, transposes_b = (form & 2) != 0;
    uint16_t *const a = transposes_a ? matrix_new(k, m) : matrix_new(m, k);
    uint16_t *const b = transposes_b ? matrix_new(n, k) : matrix_new(k, n);
    float *const c = calloc((size_t)(m * n) + 1, sizeof *c);
    const struct mimo_cpu_bf16_product product = {
        .m = m,
        .n = n,
        .k = k,
        .a = a,
        .b = b,
        .c = c,
        .a_stride = (transposes_a ? m : k) + 2,
        .b_stride = (transposes_b ? k : n) + 2,
        .transposes_a = transposes_a,
        .transposes_b = transposes_b,
        .accumulates = (form & 4) != 0,
    };

    MIMO_ASSERT(c != NULL);
    for (int64_t i = 0; i <= m * n; i++)
        c[i] = 5.0F;
    mimo_cpu_gemm_bf16(bf16, &product);
    CHECK_INT(differences(&product, 5.0F), 0);
    CHECK_NEAR(c[m * n], 5.0, 0.0);
    free(a);
    free(b);
    free(c);
}

static void check_tier(const char *tier)
{
    static const int64_t sizes[][3] = {{1, 1, 1},    {3, 5, 0},     {0, 2, 3},
                                       {1, 300, 40}, {257, 3, 513}, {260, 258, 270}};
    struct mimo_cpu_bf16 *bf16;

    mimo_cpu_gemm_init(tier);
    bf16 = mimo_cpu_bf16_new(tier);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int form = 0; form < 8; form++)
            check_form(bf16, sizes[i], form);
    mimo_cpu_bf16_free(bf16);
}

static void by_the_best(void)
{
    check_tier("amx");
}

static void by_float32(void)
{
    check_tier("baseline");
}

/* A layer whose output is more than a room in both directions. */
static void layers_beyond_a_room(void)
{
    enum {
        ROWS = MIMO_CPU_BF16_ROOM / MIMO_CPU_BF16_COLS + 3,
        IN = 5,
        OUT = MIMO_CPU_BF16_COLS + 9
    };
    uint16_t *const x = calloc((size_t)ROWS * IN, sizeof *x);
    uint16_t *const w = calloc((size_t)OUT * IN, sizeof *w);
    uint16_t *const bias = calloc(OUT, sizeof *bias);
    uint16_t *const y = calloc((size_t)ROWS * OUT, sizeof *y);
    struct mimo_backend be;
    uint64_t wrong = 0;

    for (int64_t i = 0; i < ROWS * IN; i++)
        x[i] = mimo_bf16_round((float)number_at(i / IN, i % IN));
    for (int64_t i = 0; i < OUT * IN; i++)
        w[i] = mimo_bf16_round((float)number_at(i / IN, i % IN));
    for (int64_t o = 0; o < OUT; o++)
        bias[o] = mimo_bf16_round((float)(o % 50));
    CHECK_INT(mimo_backend_cpu_open(&be, MIMO_PRECISION_BF16, NULL), MIMO_OK);
    be.ops->linear_forward(&be, y, x, w, bias, ROWS, IN, OUT);
    for (int64_t r = 0; r < ROWS; r++)
        for (int64_t o = 0; o < OUT; o++) {
            int sum = (int)(o % 50);
            for (int64_t i = 0; i < IN; i++)
                sum += number_at(r, i) * number_at(o, i);
            wrong += y[r * OUT + o] != mimo_bf16_round((float)sum);
        }
    CHECK_INT(wrong, 0);
    mimo_backend_close(&be);
    free(x);
    free(w);
    free(bias);
    free(y);
}

/* Last: whatever a library started would still be there. */
static void no_thread_was_started(void)
{
    DIR *const tasks = opendir("/proc/self/task");
    int count = 0;

    if (tasks == NULL)
        return; /* another kind of system */
    for (const struct dirent *task = readdir(tasks); task != NULL; task = readdir(tasks))
        count += task->d_name[0] != '.';
    (void)closedir(tasks);
    CHECK_INT(count, 1);
}

static const struct mimo_test tests[] = {
    {"by the best", by_the_best},
    {"by float32", by_float32},
    {"layers beyond a room", layers_beyond_a_room},
    {"no thread was started", no_thread_was_started},
};

MIMO_TEST_MAIN("backend: products of bf16", tests)
