/* Reading Hugging Face folders: one file or an index, types, shards, rows that lack, bad folders.
 */
#include "fixture.h"
#include "runtime/checkpoint/weights.h"
#include "tests/unit/check.h"

#include <stdlib.h>

#define FOLDER "test_weights.tmp"
#define SINGLE FOLDER "/model.safetensors"
#define INDEX  FOLDER "/model.safetensors.index.json"

/* m[3, 2] in F32: 0 ... 5; h[2] in F16: 1, 2^-24; b[2] in BF16: -3, 1; i[1] in I64. */
#define HEADER                                                                                     \
    "{\"m\":{\"dtype\":\"F32\",\"shape\":[3,2],\"data_offsets\":[0,24]},"                          \
    "\"h\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[24,28]},"                            \
    "\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[28,32]},"                           \
    "\"i\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[32,40]}}"

static void write_single(void)
{
    static const float m[6] = {0, 1, 2, 3, 4, 5};
    static const uint16_t halves[4] = {0x3c00, 0x0001, 0xc040, 0x3f80};
    char data[40] = {0};

    memcpy(data, m, sizeof m);
    memcpy(data + sizeof m, halves, sizeof halves);
    fixture_folder(FOLDER);
    fixture_write_safetensors(SINGLE, HEADER, data, sizeof data);
}

static const struct mimo_tensor_info matrix = {"module.m", 2, true, {3, 2}};

/* Reads a shard of tensor "m" of the open folder as float64; returns the status. */
static enum mimo_status read_matrix(struct mimo_weights *weights,
                                    const struct mimo_tensor_info *info, uint32_t cut,
                                    uint64_t begin, uint64_t end, bool rows_may_lack,
                                    double *values, size_t count, struct mimo_error *err)
{
    struct mimo_backend backend = fixture_backend(MIMO_PRECISION_FP64);
    const struct mimo_tensor_shard shard = {
        .cut_dimension = cut, .begin = begin, .end = end, .data = values};
    enum mimo_status status;

    for (size_t i = 0; i < count; i++)
        values[i] = -1.0;
    fixture_invert(values, count * sizeof *values);
    status = mimo_weights_read(weights, &backend, "m", info, &shard, rows_may_lack, err);
    fixture_invert(values, count * sizeof *values);
    return status;
}

static void test_reads_shards(void)
{
    struct mimo_weights *weights = NULL;
    struct mimo_error err = {0};
    double values[6];

    write_single();
    CHECK_INT(mimo_weights_open(&weights, FOLDER, &err), MIMO_OK);
    CHECK(mimo_weights_has(weights, "m") && !mimo_weights_has(weights, "x"));
    CHECK_INT(read_matrix(weights, &matrix, 0, 0, 3, false, values, 6, &err), MIMO_OK);
    for (int i = 0; i < 6; i++)
        CHECK_NEAR(values[i], i, 0);
    CHECK_INT(read_matrix(weights, &matrix, 0, 1, 2, false, values, 6, &err), MIMO_OK);
    CHECK(values[0] == 2.0 && values[1] == 3.0 && values[2] == -1.0);
    CHECK_INT(read_matrix(weights, &matrix, 1, 1, 2, false, values, 6, &err), MIMO_OK);
    CHECK(values[0] == 1.0 && values[1] == 3.0 && values[2] == 5.0 && values[3] == -1.0);
    CHECK_INT(read_matrix(weights, &matrix, 1, 1, 1, false, values, 6, &err), MIMO_OK);
    CHECK(values[0] == -1.0);
    mimo_weights_close(weights);
}

/* Reads columns of tensor `name` of the open folder as float64; returns the status. */
static enum mimo_status read_columns(struct mimo_weights *weights, const char *name,
                                     const struct mimo_tensor_info *info,
                                     const struct mimo_tensor_shard *shard, uint64_t first,
                                     uint64_t width, double values[6], struct mimo_error *err)
{
    struct mimo_backend backend = fixture_backend(MIMO_PRECISION_FP64);
    struct mimo_tensor_shard part = *shard;
    enum mimo_status status;

    for (int i = 0; i < 6; i++)
        values[i] = -1.0;
    fixture_invert(values, 6 * sizeof *values);
    part.data = values;
    status = mimo_weights_read_columns(weights, &backend, name, info, &part, first, width, err);
    fixture_invert(values, 6 * sizeof *values);
    return status;
}

static void test_reads_columns(void)
{
    static const struct mimo_tensor_info whole = {"w", 2, true, {2, 3}};
    static const struct mimo_tensor_info second = {"v", 2, true, {1, 3}};
    static const struct mimo_tensor_info bias = {"b", 1, true, {1}};
    static const struct {
        const char *name;
        const struct mimo_tensor_info *info;
        struct mimo_tensor_shard shard;
        uint64_t first;
        double expected[6];
    } cases[] = {
        {"m", &whole, {.end = 2}, 0, {0, 2, 4, 1, 3, 5}},
        {"m", &whole, {.begin = 1, .end = 2}, 0, {1, 3, 5, -1, -1, -1}},
        {"m", &whole, {.cut_dimension = 1, .begin = 1, .end = 3}, 0, {2, 4, 3, 5, -1, -1}},
        {"m", &whole, {.begin = 1, .end = 1}, 0, {-1, -1, -1, -1, -1, -1}},
        {"m", &whole, {.end = 2, .skip_front = 2, .skip_back = 1}, 0, {4, 1, 3, -1, -1, -1}},
        {"m", &second, {.end = 1}, 1, {1, 3, 5, -1, -1, -1}},
        {"h", &bias, {.end = 1}, 1, {0x1p-24, -1, -1, -1, -1, -1}},
    };
    struct mimo_weights *weights = NULL;
    struct mimo_error err = {0};
    double values[6];

    write_single();
    CHECK_INT(mimo_weights_open(&weights, FOLDER, &err), MIMO_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_INT(read_columns(weights, cases[i].name, cases[i].info, &cases[i].shard,
                               cases[i].first, 2, values, &err),
                  MIMO_OK);
        for (int j = 0; j < 6; j++)
            CHECK_NEAR(values[j], cases[i].expected[j], 0);
    }
    CHECK_INT(read_columns(weights, "m", &second, &cases[5].shard, 1, 3, values, &err),
              MIMO_E_DATA);
    CHECK_CONTAINS(err.message, "tensor m has shape [3, 2]; the model has [3, 3]");
    CHECK(values[0] == -1.0);
    mimo_weights_close(weights);
}

static void read_halves(struct mimo_weights *weights, const char *name, float *values)
{
    static const struct mimo_tensor_info info = {"v", 1, false, {2}};
    struct mimo_backend backend = fixture_backend(MIMO_PRECISION_FP32);
    const struct mimo_tensor_shard shard = {.end = 2, .data = values};
    struct mimo_error err = {0};

    CHECK_INT(mimo_weights_read(weights, &backend, name, &info, &shard, false, &err), MIMO_OK);
    fixture_invert(values, 2 * sizeof *values);
}

static void test_converts(void)
{
    struct mimo_weights *weights = NULL;
    float values[2];

    write_single();
    CHECK_INT(mimo_weights_open(&weights, FOLDER, NULL), MIMO_OK);
    read_halves(weights, "h", values);
    CHECK(values[0] == 1.0F && values[1] == 0x1p-24F);
    read_halves(weights, "b", values);
    CHECK(values[0] == -3.0F && values[1] == 1.0F);
    mimo_weights_close(weights);
}

/* Elements skip_front ... of rows 1 and 2 of a matrix of five rows, of which three are stored. */
static void check_piece(struct mimo_weights *weights, uint64_t skip_front, uint64_t skip_back,
                        const float *expected)
{
    static const struct mimo_tensor_info extended = {"module.m", 2, false, {5, 2}};
    struct mimo_backend backend = fixture_backend(MIMO_PRECISION_FP32);
    float values[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
    const struct mimo_tensor_shard shard = {
        .begin = 1, .end = 5, .skip_front = skip_front, .skip_back = skip_back, .data = values};

    fixture_invert(values, sizeof values);
    CHECK_INT(mimo_weights_read(weights, &backend, "m", &extended, &shard, true, NULL), MIMO_OK);
    fixture_invert(values, sizeof values);
    for (int i = 0; i < 8; i++)
        CHECK_NEAR(values[i], expected[i], 0);
}

static void test_reads_pieces(void)
{
    struct mimo_weights *weights = NULL;

    write_single();
    CHECK_INT(mimo_weights_open(&weights, FOLDER, NULL), MIMO_OK);
    check_piece(weights, 0, 6, (const float[]){2, 3, -1, -1, -1, -1, -1, -1});
    check_piece(weights, 1, 2, (const float[]){3, 4, 5, -1, -1, -1, -1, -1});
    check_piece(weights, 4, 0, (const float[]){-1, -1, -1, -1, -1, -1, -1, -1});
    check_piece(weights, 5, 1, (const float[]){-1, -1, -1, -1, -1, -1, -1, -1});
    mimo_weights_close(weights);
}

/* Into bfloat16, from its own kind and others. */
static void test_rounds(void)
{
    static const struct mimo_tensor_info info = {"v", 1, false, {2}};
    struct mimo_backend backend = fixture_backend(MIMO_PRECISION_BF16);
    struct mimo_weights *weights = NULL;
    uint16_t values[2];
    const struct mimo_tensor_shard shard = {.end = 2, .data = values, .is_bf16 = true};

    write_single();
    CHECK_INT(mimo_weights_open(&weights, FOLDER, NULL), MIMO_OK);
    CHECK_INT(mimo_weights_read(weights, &backend, "b", &info, &shard, false, NULL), MIMO_OK);
    fixture_invert(values, sizeof values);
    CHECK(values[0] == 0xc040 && values[1] == 0x3f80);
    CHECK_INT(mimo_weights_read(weights, &backend, "h", &info, &shard, false, NULL), MIMO_OK);
    fixture_invert(values, sizeof values);
    CHECK(values[0] == 0x3f80 && values[1] == 0x3380);
    mimo_weights_close(weights);
}

static void test_leaves_lacking_rows(void)
{
    static const struct mimo_tensor_info extended = {"module.m", 2, true, {5, 2}};
    struct mimo_weights *weights = NULL;
    struct mimo_error err = {0};
    double values[10];

    write_single();
    CHECK_INT(mimo_weights_open(&weights, FOLDER, &err), MIMO_OK);
    CHECK_INT(read_matrix(weights, &extended, 0, 2, 5, true, values, 10, &err), MIMO_OK);
    CHECK(values[0] == 4.0 && values[1] == 5.0 && values[2] == -1.0);
    CHECK_INT(read_matrix(weights, &extended, 0, 3, 5, true, values, 10, &err), MIMO_OK);
    CHECK(values[0] == -1.0);
    CHECK_INT(read_matrix(weights, &extended, 1, 1, 2, true, values, 10, &err), MIMO_OK);
    CHECK(values[0] == 1.0 && values[1] == 3.0 && values[2] == 5.0 && values[3] == -1.0);
    CHECK_INT(read_matrix(weights, &extended, 0, 0, 5, false, values, 10, &err), MIMO_E_DATA);
    CHECK_CONTAINS(err.message, FOLDER);
    CHECK_CONTAINS(err.message, "[3, 2]");
    CHECK_CONTAINS(err.message, "[5, 2]");
    mimo_weights_close(weights);
}

static void test_refuses_other_shapes(void)
{
    static const struct mimo_tensor_info others[] = {{"m", 2, true, {2, 2}},
                                                     {"m", 2, true, {3, 3}},
                                                     {"m", 1, true, {6}},
                                                     {"m", 3, true, {3, 2, 1}}};
    struct mimo_weights *weights = NULL;
    double values[9];

    write_single();
    CHECK_INT(mimo_weights_open(&weights, FOLDER, NULL), MIMO_OK);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct mimo_error err = {0};

        CHECK_INT(read_matrix(weights, &others[i], 0, 0, 1, true, values, 9, &err), MIMO_E_DATA);
        CHECK_CONTAINS(err.message, "tensor m has shape [3, 2]");
        CHECK(values[0] == -1.0);
    }
    mimo_weights_close(weights);
}

static void test_refuses_other_types_and_names(void)
{
    static const struct mimo_tensor_info info = {"i", 1, true, {1}};
    struct mimo_backend backend = fixture_backend(MIMO_PRECISION_FP64);
    double value = 0;
    const struct mimo_tensor_shard shard = {.end = 1, .data = &value};
    struct mimo_weights *weights = NULL;
    struct mimo_error err = {0};

    write_single();
    CHECK_INT(mimo_weights_open(&weights, FOLDER, NULL), MIMO_OK);
    CHECK_INT(mimo_weights_read(weights, &backend, "i", &info, &shard, false, &err), MIMO_E_DATA);
    CHECK_CONTAINS(err.message, "I64");
    err = (struct mimo_error){0};
    CHECK_INT(mimo_weights_read(weights, &backend, "x", &info, &shard, false, &err), MIMO_E_DATA);
    CHECK_CONTAINS(err.message, "has no tensor x");
    mimo_weights_close(weights);
}

/* A tensor larger than the staging buffers, cut in columns. */
static void test_reads_large_tensors(void)
{
    enum { ROWS = 1000, COLS = 3001, BEGIN = 7, END = 2500, WIDTH = END - BEGIN };
    static const char header[] =
        "{\"m\":{\"dtype\":\"F32\",\"shape\":[1000,3001],\"data_offsets\":[0,12004000]}}";
    static const struct mimo_tensor_info info = {"m", 2, true, {ROWS, COLS}};
    float *data = malloc(sizeof *data * ROWS * COLS);
    double *values = malloc(sizeof *values * ROWS * WIDTH);
    struct mimo_weights *weights = NULL;
    size_t wrong = 0;

    MIMO_ASSERT(data != NULL && values != NULL);
    for (int i = 0; i < ROWS * COLS; i++)
        data[i] = (float)i;
    fixture_folder(FOLDER);
    fixture_write_safetensors(SINGLE, header, data, sizeof *data * ROWS * COLS);
    CHECK_INT(mimo_weights_open(&weights, FOLDER, NULL), MIMO_OK);
    CHECK_INT(read_matrix(weights, &info, 1, BEGIN, END, false, values, (size_t)ROWS * WIDTH, NULL),
              MIMO_OK);
    for (int i = 0; i < ROWS * WIDTH; i++)
        wrong += values[i] != (double)data[i / WIDTH * COLS + BEGIN + i % WIDTH];
    CHECK_INT(wrong, 0);
    mimo_weights_close(weights);
    free(data);
    free(values);
}

/* -- indexed folders -------------------------------------------------------------------------- */

/* Two files that hold one tensor each, "m" and "n", and an index. */
static void write_indexed(const char *index)
{
    static const float m[6] = {0, 1, 2, 3, 4, 5};

    fixture_folder(FOLDER);
    fixture_write_safetensors(FOLDER "/model-1.safetensors",
                              "{\"m\":{\"dtype\":\"F32\",\"shape\":[3,2],\"data_offsets\":[0,24]}}",
                              m, 24);
    fixture_write_safetensors(FOLDER "/model-2.safetensors",
                              "{\"n\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", m,
                              8);
    fixture_write(INDEX, index, strlen(index));
}

static void test_reads_indexed_folder(void)
{
    struct mimo_weights *weights = NULL;
    struct mimo_error err = {0};
    double values[6];

    write_indexed("{\"metadata\":{\"total_size\":32},\"weight_map\":"
                  "{\"n\":\"model-2.safetensors\",\"m\":\"model-1.safetensors\"}}");
    CHECK_INT(mimo_weights_open(&weights, FOLDER, &err), MIMO_OK);
    CHECK(mimo_weights_has(weights, "m") && mimo_weights_has(weights, "n"));
    CHECK_INT(read_matrix(weights, &matrix, 0, 1, 3, false, values, 6, &err), MIMO_OK);
    CHECK(values[0] == 2.0 && values[3] == 5.0 && values[4] == -1.0);
    mimo_weights_close(weights);
}

static void test_refuses_bad_indexes(void)
{
    static const struct {
        const char *index;
        const char *message;
    } cases[] = {
        {"", "line 1"},
        {"[]", "no weight_map"},
        {"{\"weight_map\":[]}", "no weight_map"},
        {"{\"weight_map\":{\"m\":1}}", "tensor m has no file in that folder"},
        {"{\"weight_map\":{\"m\":\"../x\"}}", "tensor m has no file in that folder"},
        {"{\"weight_map\":{\"m\":\"..\"}}", "tensor m has no file in that folder"},
        {"{\"weight_map\":{\"m\":\"\"}}", "tensor m has no file in that folder"},
        {"{\"weight_map\":{\"m\":\"/etc/passwd\"}}", "tensor m has no file in that folder"},
        {"{\"weight_map\":{\"m\":\"model-3.safetensors\"}}", "No such file"},
        {"{\"weight_map\":{\"m\":\"model-2.safetensors\"}}", "no tensor m, which"},
        {"{\"weight_map\":{\"m\":\"model-1.safetensors\",\"m\":\"model-1.safetensors\"}}",
         "duplicate"},
        {"{\"weight_map\":{\"m\":\"model.safetensors.index.json\"}}", "not a safetensors file"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mimo_weights *weights = NULL;
        struct mimo_error err = {0};

        write_indexed(cases[i].index);
        CHECK_INT(mimo_weights_open(&weights, FOLDER, &err), MIMO_E_DATA);
        CHECK_CONTAINS(err.message, FOLDER);
        CHECK_CONTAINS(err.message, cases[i].message);
    }
}

static void test_refuses_empty_folders(void)
{
    struct mimo_weights *weights = NULL;
    struct mimo_error err = {0};

    fixture_folder(FOLDER);
    CHECK_INT(mimo_weights_open(&weights, FOLDER, &err), MIMO_E_DATA);
    CHECK_CONTAINS(err.message, FOLDER " has neither");
    fixture_remove(FOLDER);
    err = (struct mimo_error){0};
    CHECK_INT(mimo_weights_open(&weights, FOLDER, &err), MIMO_E_DATA);
    CHECK_CONTAINS(err.message, FOLDER " has neither");
}

static const struct mimo_test tests[] = {
    {"reads shards", test_reads_shards},
    {"reads columns", test_reads_columns},
    {"converts", test_converts},
    {"reads pieces", test_reads_pieces},
    {"rounds", test_rounds},
    {"leaves lacking rows", test_leaves_lacking_rows},
    {"refuses other shapes", test_refuses_other_shapes},
    {"refuses other types and names", test_refuses_other_types_and_names},
    {"reads large tensors", test_reads_large_tensors},
    {"reads an indexed folder", test_reads_indexed_folder},
    {"refuses bad indexes", test_refuses_bad_indexes},
    {"refuses empty folders", test_refuses_empty_folders},
};

MIMO_TEST_MAIN("weights", tests)
