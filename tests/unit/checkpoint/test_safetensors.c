/* The safetensors reader against honest and hostile files, the writer, and the conversions. */
#include "fixture.h"
#include "runtime/checkpoint/convert.h"
#include "runtime/checkpoint/safetensors.h"
#include "tests/unit/check.h"

#include <stdlib.h>

#define PATH "test_safetensors.tmp"

/* Two tensors of 8 and 4 bytes, with metadata and an empty tensor between them. */
#define GOOD                                                                                       \
    "{\"__metadata__\":{\"format\":\"pt\"},"                                                       \
    "\"b\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},"                            \
    "\"none\":{\"dtype\":\"F64\",\"shape\":[0,3],\"data_offsets\":[8,8]},"                         \
    "\"a\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[8,12]}}"

static const char zeros[64];

static enum mimo_status open_file(struct mimo_safetensors *safetensors, struct mimo_error *err)
{
    return mimo_safetensors_open(safetensors, PATH, MIMO_E_DATA, err);
}

static void test_reads_good_file(void)
{
    struct mimo_safetensors file;
    struct mimo_error err = {0};
    const struct mimo_safetensors_tensor *tensor;

    fixture_write_safetensors(PATH, GOOD, zeros, 12);
    CHECK_INT(open_file(&file, &err), MIMO_OK);
    CHECK_INT(file.count, 3);
    tensor = mimo_safetensors_find(&file, "a");
    MIMO_ASSERT(tensor != NULL);
    CHECK_INT(tensor->type, MIMO_SAFETENSORS_BF16);
    CHECK_INT(tensor->dimensions, 1);
    CHECK_INT(tensor->shape[0], 2);
    CHECK_INT(tensor->bytes, 4);
    CHECK_INT(tensor->begin, 8 + strlen(GOOD) + 8);
    CHECK_INT(mimo_safetensors_find(&file, "none")->bytes, 0);
    CHECK(mimo_safetensors_find(&file, "c") == NULL);
    CHECK(mimo_safetensors_find(&file, "__metadata__") == NULL);
    mimo_safetensors_close(&file);
}

#define ONE(dtype, shape, offsets)                                                                 \
    "{\"t\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

/* A header, the bytes of data behind it, and a part of the message. */
static const struct {
    const char *header;
    size_t data_bytes;
    const char *message;
} hostile[] = {
    {"", 0, "no JSON object"},
    {"[]", 0, "no JSON object"},
    {"7", 0, "no JSON object"},
    {"{", 0, "no JSON object"},
    {"{} x", 0, "no JSON object"},
    {"{\"a\\u0000b\":{}}", 0, "no JSON object"},
    {"{\"\xff\":{}}", 0, "no JSON object"},
    {"{\"t\":3}", 0, "no dtype"},
    {"{\"t\":{}}", 0, "no dtype"},
    {"{\"t\":[[[[[[]]]]]]}", 0, "no dtype"},
    {"{\"t\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 0, "duplicate"},
    {ONE("\"F31\"", "[1]", "[0,4]"), 4, "unknown dtype"},
    {ONE("4", "[1]", "[0,4]"), 4, "no dtype"},
    {ONE("\"F32\"", "1", "[0,4]"), 4, "no shape"},
    {ONE("\"F32\"", "[-1]", "[0,4]"), 4, "list of sizes"},
    {ONE("\"F32\"", "[1.0]", "[0,4]"), 4, "list of sizes"},
    {ONE("\"F32\"", "[\"1\"]", "[0,4]"), 4, "list of sizes"},
    {ONE("\"F32\"", "[18446744073709551616]", "[0,4]"), 4, "no JSON object"},
    {ONE("\"F32\"", "[4611686018427387905]", "[0,4]"), 4, "too large"},
    {ONE("\"F32\"", "[4294967296,4294967296]", "[0,0]"), 0, "too large"},
    {ONE("\"U8\"", "[1,1,1,1,1,1,1,1,1]", "[0,1]"), 1, "8 dimensions"},
    {ONE("\"F32\"", "[1]", "4"), 4, "not two numbers"},
    {ONE("\"F32\"", "[1]", "[4]"), 4, "not two numbers"},
    {ONE("\"F32\"", "[1]", "[0,4,8]"), 4, "not two numbers"},
    {ONE("\"F32\"", "[1]", "[-4,0]"), 4, "not two numbers"},
    {ONE("\"F32\"", "[1]", "[0,4.0]"), 4, "not two numbers"},
    {ONE("\"F32\"", "[1]", "[4,0]"), 4, "outside"},
    {ONE("\"F32\"", "[1]", "[0,4]"), 3, "outside"},
    {ONE("\"F32\"", "[1]", "[9223372036854775803,9223372036854775807]"), 4, "outside"},
    {ONE("\"F32\"", "[2]", "[0,4]"), 4, "do not match"},
    {ONE("\"F32\"", "[]", "[0,8]"), 8, "do not match"},
    {ONE("\"F32\"", "[1]", "[4,8]"), 8, "gap"},
    {ONE("\"F32\"", "[1]", "[0,4]"), 5, "end at byte"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}",
     6, "overlaps"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
     8, "duplicate"},
};

static void test_refuses_hostile_headers(void)
{
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        struct mimo_safetensors file;
        struct mimo_error err = {0};

        fixture_write_safetensors(PATH, hostile[i].header, zeros, hostile[i].data_bytes);
        CHECK_INT(open_file(&file, &err), MIMO_E_DATA);
        CHECK_CONTAINS(err.message, PATH);
        CHECK_CONTAINS(err.message, hostile[i].message);
    }
}

static void test_refuses_hostile_lengths(void)
{
    static const uint64_t lengths[] = {100000001,  1,          1ULL << 32,
                                       1ULL << 63, UINT64_MAX, UINT64_MAX - 7};

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct mimo_safetensors file;
        struct mimo_error err = {0};

        fixture_write(PATH, &lengths[i], sizeof lengths[i]);
        CHECK_INT(open_file(&file, &err), MIMO_E_DATA);
        CHECK_CONTAINS(err.message, "not a safetensors file");
    }
}

/* Fills `header` with a header of one tensor whose name has `name_bytes` bytes. */
static void write_name(char *header, size_t size, int name_bytes)
{
    (void)snprintf(header, size,
                   "{\"%0*d\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}", name_bytes,
                   0);
    fixture_write_safetensors(PATH, header, zeros, 1);
}

static void test_limits_names(void)
{
    char header[1024];
    struct mimo_safetensors file;
    struct mimo_error err = {0};

    write_name(header, sizeof header, MIMO_SAFETENSORS_NAME_BYTES_MAX);
    CHECK_INT(open_file(&file, &err), MIMO_OK);
    CHECK_INT(file.tensors[0].dimensions, 0);
    mimo_safetensors_close(&file);
    write_name(header, sizeof header, MIMO_SAFETENSORS_NAME_BYTES_MAX + 1);
    CHECK_INT(open_file(&file, &err), MIMO_E_DATA);
    CHECK_CONTAINS(err.message, "longer than 512");
}

static void test_refuses_deep_nesting(void)
{
    enum { DEPTH = 100000 };
    char *header = malloc(DEPTH + 8);
    struct mimo_safetensors file;
    struct mimo_error err = {0};

    MIMO_ASSERT(header != NULL);
    (void)snprintf(header, 6, "{\"t\":");
    memset(header + 5, '[', DEPTH);
    header[DEPTH + 5] = '\0';
    fixture_write_safetensors(PATH, header, NULL, 0);
    CHECK_INT(open_file(&file, &err), MIMO_E_DATA);
    free(header);
}

static void test_refuses_what_is_no_file(void)
{
    struct mimo_safetensors file;
    struct mimo_error err = {0};

    fixture_folder(PATH ".folder");
    CHECK_INT(mimo_safetensors_open(&file, PATH ".folder", MIMO_E_DATA, &err), MIMO_E_DATA);
    CHECK_CONTAINS(err.message, "not a regular file");
    fixture_remove(PATH ".folder");
    err = (struct mimo_error){0};
    CHECK_INT(mimo_safetensors_open(&file, PATH ".none", MIMO_E_CHECKPOINT, &err),
              MIMO_E_CHECKPOINT);
    CHECK_CONTAINS(err.message, "No such file");
}

/* The bytes of the good file. */
static size_t good_bytes(char *bytes)
{
    const uint64_t length = strlen(GOOD);

    memcpy(bytes, &length, sizeof length);
    (void)snprintf(bytes + sizeof length, sizeof GOOD, "%s", GOOD);
    memset(bytes + sizeof length + length, 0, 12);
    return sizeof length + length + 12;
}

static void test_refuses_every_truncation(void)
{
    char bytes[sizeof GOOD + 32];
    const size_t size = good_bytes(bytes);

    for (size_t i = 0; i < size; i++) {
        struct mimo_safetensors file;
        struct mimo_error err = {0};

        fixture_write(PATH, bytes, i);
        CHECK_INT(open_file(&file, &err), MIMO_E_DATA);
        CHECK_CONTAINS(err.message, PATH);
    }
}

/* With any bit inverted the file is refused, or what it says keeps within the file. */
static void test_survives_every_bit_flip(void)
{
    char bytes[sizeof GOOD + 32];
    const size_t size = good_bytes(bytes), head = size - 12;
    size_t opened = 0;

    for (size_t bit = 0; bit < head * 8; bit++) {
        struct mimo_safetensors file;
        struct mimo_error err = {0};

        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << bit % 8));
        fixture_write(PATH, bytes, size);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << bit % 8));
        if (open_file(&file, &err) != MIMO_OK) {
            CHECK_INT(err.status, MIMO_E_DATA);
            continue;
        }
        opened++;
        for (uint32_t i = 0; i < file.count; i++)
            CHECK(file.tensors[i].begin >= head &&
                  file.tensors[i].begin + file.tensors[i].bytes <= size);
        mimo_safetensors_close(&file);
    }
    CHECK(opened > 0 && opened < head * 2); /* flips within names pass */
}

/* -- writing ---------------------------------------------------------------------------------- */

static void test_layout_reads_back(void)
{
    static const struct mimo_tensor_info tensors[] = {
        {"z \"quoted\" \xc3\xa9", 2, false, {3, 5}},
        {"empty", 1, false, {0}},
        {"a", 4, true, {2, 1, 3, 2}},
    };
    struct mimo_safetensors_layout layout;
    const struct mimo_safetensors_tensor *tensor;
    struct mimo_safetensors file;
    struct mimo_error err = {0};
    struct mimo_arena arena;
    char *bytes;

    mimo_arena_init(&arena);
    CHECK_INT(mimo_safetensors_lay_out(&arena, tensors, 3, &layout, &err), MIMO_OK);
    CHECK_INT(layout.head_bytes % 64, 0);
    CHECK_INT(layout.bytes, layout.head_bytes + 60 + 96);
    bytes = mimo_arena_alloc(&arena, layout.bytes, 1);
    memcpy(bytes, layout.head, layout.head_bytes);
    fixture_write(PATH, bytes, layout.bytes);
    CHECK_INT(open_file(&file, &err), MIMO_OK);
    CHECK_TEXT(err.message, "");
    for (uint32_t i = 0; i < 3; i++) {
        tensor = mimo_safetensors_find(&file, tensors[i].name);
        MIMO_ASSERT(tensor != NULL);
        CHECK_INT(tensor->begin, layout.begins[i]);
        CHECK_INT(tensor->dimensions, tensors[i].dimensions);
        CHECK(memcmp(tensor->shape, tensors[i].shape, sizeof tensors[i].shape) == 0);
        CHECK_TEXT(mimo_safetensors_word(tensor->type), tensors[i].is_f64 ? "F64" : "F32");
    }
    mimo_safetensors_close(&file);
    mimo_arena_release(&arena);
}

static void test_layout_refuses_names(void)
{
    static const struct mimo_tensor_info twice[] = {{"a", 1, false, {1}}, {"a", 1, false, {1}}};
    static const struct mimo_tensor_info reserved[] = {{"__metadata__", 1, false, {1}}};
    static const struct mimo_tensor_info latin[] = {{"\xe9", 1, false, {1}}};
    struct mimo_safetensors_layout layout;
    struct mimo_error err = {0};
    struct mimo_arena arena;

    mimo_arena_init(&arena);
    CHECK_INT(mimo_safetensors_lay_out(&arena, twice, 2, &layout, &err), MIMO_E_CHECKPOINT);
    CHECK_CONTAINS(err.message, "used twice");
    CHECK_INT(mimo_safetensors_lay_out(&arena, reserved, 1, &layout, NULL), MIMO_E_CHECKPOINT);
    CHECK_INT(mimo_safetensors_lay_out(&arena, latin, 1, &layout, NULL), MIMO_E_CHECKPOINT);
    mimo_arena_release(&arena);
}

/* -- conversions ------------------------------------------------------------------------------ */

static void test_converts_f16(void)
{
    static const struct {
        uint16_t bits;
        double value;
    } cases[] = {
        {0x0000, 0.0},
        {0x3c00, 1.0},
        {0xc000, -2.0},
        {0x7bff, 65504.0},
        {0x3555, 0x1.554p-2},
        {0x0400, 0x1p-14},
        {0x0001, 0x1p-24},
        {0x8001, -0x1p-24},
        {0x03ff, 0x1.ff8p-15},
        {0x83ff, -0x1.ff8p-15},
        {0x7c00, (double)INFINITY},
        {0xfc00, -(double)INFINITY},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK((double)mimo_convert_f16(cases[i].bits) == cases[i].value);
    CHECK(signbit(mimo_convert_f16(0x8000)) != 0 && mimo_convert_f16(0x8000) == 0.0F);
    CHECK(isnan(mimo_convert_f16(0x7e01)));
    /* Every finite value is its sign, exponent and fraction. */
    for (uint32_t bits = 0; bits < 0x7c00; bits++) {
        const int exponent = (int)(bits >> 10);
        const double fraction = (double)(bits & 1023);
        const double value =
            exponent == 0 ? ldexp(fraction, -24) : ldexp(1024.0 + fraction, exponent - 25);

        if ((double)mimo_convert_f16((uint16_t)bits) != value ||
            (double)mimo_convert_f16((uint16_t)(bits | 0x8000)) != -value)
            CHECK_INT(bits, -1);
    }
}

static void test_converts_bf16(void)
{
    CHECK(mimo_convert_bf16(0x3f80) == 1.0F);
    CHECK(mimo_convert_bf16(0xc040) == -3.0F);
    CHECK(mimo_convert_bf16(0x0001) == 0x1p-133F); /* subnormal */
    CHECK(mimo_convert_bf16(0x7f80) == INFINITY);
    CHECK(isnan(mimo_convert_bf16(0xffc1)));
    CHECK(signbit(mimo_convert_bf16(0x8000)) != 0);
}

static void test_converts_elements(void)
{
    static const double f64[] = {1.0, 1.0 + 0x1p-40, -0x1p-140, 1e300};
    static const float f32[] = {0.1F, -3.5F};
    static const uint16_t halves[] = {0x3c00, 0xc000, 0x0001};
    char unaligned[1 + sizeof halves];
    double wide[4];
    float narrow[4];
    uint16_t back[2];

    mimo_convert_elements(wide, MIMO_SAFETENSORS_F64, f64, MIMO_SAFETENSORS_F64, 4);
    for (int i = 0; i < 4; i++)
        CHECK(wide[i] == f64[i]);
    mimo_convert_elements(narrow, MIMO_SAFETENSORS_F32, f64, MIMO_SAFETENSORS_F64, 4);
    CHECK(narrow[0] == 1.0F && narrow[1] == 1.0F && narrow[2] == -0x1p-140F &&
          narrow[3] == INFINITY);
    mimo_convert_elements(narrow, MIMO_SAFETENSORS_F32, f32, MIMO_SAFETENSORS_F32, 2);
    CHECK(narrow[0] == f32[0] && narrow[1] == f32[1]);
    mimo_convert_elements(wide, MIMO_SAFETENSORS_F64, f32, MIMO_SAFETENSORS_F32, 2);
    CHECK(wide[0] == (double)0.1F && wide[1] == -3.5);
    memcpy(unaligned + 1, halves, sizeof halves);
    mimo_convert_elements(narrow, MIMO_SAFETENSORS_F32, unaligned + 1, MIMO_SAFETENSORS_F16, 3);
    CHECK(narrow[0] == 1.0F && narrow[1] == -2.0F && narrow[2] == 0x1p-24F);
    mimo_convert_elements(wide, MIMO_SAFETENSORS_F64, unaligned + 1, MIMO_SAFETENSORS_BF16, 3);
    CHECK(wide[0] == 0.0078125 && wide[1] == -2.0 && wide[2] == 0x1p-133);
    mimo_convert_elements(unaligned + 1, MIMO_SAFETENSORS_BF16, f32, MIMO_SAFETENSORS_F32, 2);
    memcpy(back, unaligned + 1, sizeof back);
    CHECK(back[0] == 0x3dcd && back[1] == 0xc060); /* 0.1 is rounded up */
    CHECK(!mimo_convert_reads(MIMO_SAFETENSORS_I64));
}

static const struct mimo_test tests[] = {
    {"reads a good file", test_reads_good_file},
    {"refuses hostile headers", test_refuses_hostile_headers},
    {"refuses hostile lengths", test_refuses_hostile_lengths},
    {"limits names", test_limits_names},
    {"refuses deep nesting", test_refuses_deep_nesting},
    {"refuses what is no file", test_refuses_what_is_no_file},
    {"refuses every truncation", test_refuses_every_truncation},
    {"survives every bit flip", test_survives_every_bit_flip},
    {"layout reads back", test_layout_reads_back},
    {"layout refuses names", test_layout_refuses_names},
    {"converts F16", test_converts_f16},
    {"converts BF16", test_converts_bf16},
    {"converts elements", test_converts_elements},
};

MIMO_TEST_MAIN("safetensors", tests)
