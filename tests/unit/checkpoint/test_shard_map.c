/* Where parts of tensors lie in a file, and that a part which differs on disk is noticed. */
#include "fixture.h"
#include "runtime/bf16.h"
#include "runtime/checkpoint/shard.h"
#include "tests/unit/check.h"

#include <stdlib.h>

#define PATH "test_shard_map.tmp"

static const uint64_t shape[] = {3, 4, 5};

static struct mimo_shard_map map_of(uint32_t cut, uint64_t begin, uint64_t end)
{
    const struct mimo_tensor_shard shard = {.cut_dimension = cut, .begin = begin, .end = end};

    return mimo_shard_map(100, shape, 3, 2, &shard);
}

static void check_map(struct mimo_shard_map map, uint64_t begin, uint64_t run, uint64_t stride,
                      uint64_t bytes)
{
    CHECK_INT(map.begin, begin);
    CHECK_INT(map.run_bytes, run);
    CHECK_INT(map.stride_bytes, stride);
    CHECK_INT(map.bytes, bytes);
}

static void test_maps(void)
{
    check_map(map_of(0, 0, 3), 100, 120, 120, 120);
    check_map(map_of(0, 1, 3), 140, 80, 120, 80);
    check_map(map_of(1, 1, 2), 110, 10, 40, 30);
    check_map(map_of(1, 0, 4), 100, 120, 120, 120);
    check_map(map_of(2, 2, 5), 104, 6, 10, 72);
    CHECK_INT(map_of(2, 2, 2).bytes, 0);
}

/* A file of 220 bytes 0, 1, 2, ..., open for writing. */
static struct mimo_disk_file open_file(void)
{
    struct mimo_disk_file file = {.descriptor = -1};
    unsigned char bytes[220];

    for (int i = 0; i < 220; i++)
        bytes[i] = (unsigned char)i;
    fixture_write(PATH, bytes, sizeof bytes);
    CHECK_INT(mimo_disk_open(&file, PATH, true, MIMO_E_CHECKPOINT, NULL), MIMO_OK);
    return file;
}

/* Of the three runs of 10 bytes the first 8 bytes and the last 12 are others': what is left goes
 * from within the first to within the second. */
static void test_pieces(void)
{
    const struct mimo_tensor_shard shard = {
        .cut_dimension = 1, .begin = 1, .end = 2, .skip_front = 4, .skip_back = 6};
    const struct mimo_tensor_shard none = {
        .cut_dimension = 1, .begin = 1, .end = 2, .skip_front = 7, .skip_back = 8};
    const struct mimo_shard_map map = mimo_shard_map(100, shape, 3, 2, &shard);
    struct mimo_disk_file file = open_file();
    unsigned char bytes[10] = {0};

    CHECK_INT(map.bytes, 10);
    CHECK_INT(mimo_shard_read(&file, &map, 0, bytes, 10, NULL), MIMO_OK);
    CHECK_INT(bytes[0], 118);
    CHECK_INT(bytes[1], 119);
    CHECK_INT(bytes[2], 150);
    CHECK_INT(bytes[9], 157);
    CHECK_INT(mimo_shard_read(&file, &map, 3, bytes, 2, NULL), MIMO_OK);
    CHECK_INT(bytes[0], 151);
    CHECK_INT(mimo_shard_map(100, shape, 3, 2, &none).bytes, 0);
    mimo_disk_close(&file);
}

static void test_reads_and_writes_across_runs(void)
{
    const struct mimo_shard_map map = map_of(1, 1, 2);
    struct mimo_disk_file file = open_file();
    unsigned char bytes[30] = {0};

    /* From the 8th byte of the first run to the 2nd of the third. */
    CHECK_INT(mimo_shard_read(&file, &map, 8, bytes, 14, NULL), MIMO_OK);
    CHECK_INT(bytes[0], 118);
    CHECK_INT(bytes[1], 119);
    CHECK_INT(bytes[2], 150);
    CHECK_INT(bytes[11], 159);
    CHECK_INT(bytes[12], 190);
    CHECK_INT(bytes[13], 191);
    memset(bytes, 255, sizeof bytes);
    CHECK_INT(mimo_shard_write(&file, &map, 9, bytes, 2, NULL), MIMO_OK);
    CHECK_INT(mimo_disk_read(&file, 118, bytes, 3, NULL), MIMO_OK);
    CHECK(bytes[0] == 118 && bytes[1] == 255 && bytes[2] == 120);
    CHECK_INT(mimo_disk_read(&file, 149, bytes, 3, NULL), MIMO_OK);
    CHECK(bytes[0] == 149 && bytes[1] == 255 && bytes[2] == 151);
    mimo_disk_close(&file);
}

static void test_compares_with_memory(void)
{
    struct mimo_backend backend = fixture_backend(MIMO_PRECISION_FP32);
    const struct mimo_shard_map map = map_of(1, 1, 2);
    struct mimo_disk_file file = open_file();
    struct mimo_error err = {0};
    struct mimo_staging staging;
    unsigned char memory[30];

    mimo_staging_init(&staging, &backend);
    CHECK_INT(mimo_shard_fetch(&staging, &file, &map, memory, &err), MIMO_OK);
    CHECK_INT(mimo_shard_compare(&staging, &file, &map, memory, &err), MIMO_OK);
    fixture_alter(PATH, 149, 1); /* between the runs */
    CHECK_INT(mimo_shard_compare(&staging, &file, &map, memory, &err), MIMO_OK);
    fixture_alter(PATH, 199, 1); /* the last byte of the last run */
    CHECK_INT(mimo_shard_compare(&staging, &file, &map, memory, &err), MIMO_E_CHECKPOINT);
    CHECK_CONTAINS(err.message, PATH " differs");
    CHECK_INT(mimo_shard_store(&staging, &file, &map, memory, &err), MIMO_OK);
    CHECK_INT(mimo_shard_compare(&staging, &file, &map, memory, &err), MIMO_OK);
    mimo_staging_release(&staging);
    mimo_disk_close(&file);
}

static void test_checksums_notice_every_byte(void)
{
    struct mimo_backend backend = fixture_backend(MIMO_PRECISION_FP32);
    struct mimo_disk_file file = open_file();
    uint64_t before = 0, after = 0;
    struct mimo_staging staging;

    mimo_staging_init(&staging, &backend);
    CHECK_INT(mimo_shard_checksum(&staging, &file, 100, 120, &before, NULL), MIMO_OK);
    for (long at = 99; at < 220; at++) {
        fixture_alter(PATH, at, 128);
        CHECK_INT(mimo_shard_checksum(&staging, &file, 100, 120, &after, NULL), MIMO_OK);
        CHECK((after == before) == (at == 99));
        fixture_alter(PATH, at, 128);
    }
    mimo_staging_release(&staging);
    mimo_disk_close(&file);
}

static void test_names_a_short_file(void)
{
    const struct mimo_shard_map map = map_of(1, 1, 2);
    struct mimo_disk_file file = open_file();
    struct mimo_error err = {0};
    unsigned char bytes[30];

    fixture_truncate(PATH, 195);
    CHECK_INT(mimo_shard_read(&file, &map, 0, bytes, 30, &err), MIMO_E_CHECKPOINT);
    CHECK_CONTAINS(err.message, PATH " ends at byte 195");
    mimo_disk_close(&file);
}

/* Float32 in the file, bfloat16 in memory: stored exactly, fetched rounded. */
static void test_narrower_in_memory(void)
{
    enum { COUNT = 3000001 }; /* more than the staging buffers hold */
    static const uint64_t length[] = {COUNT};
    const struct mimo_tensor_shard shard = {.end = COUNT, .is_bf16 = true};
    const struct mimo_shard_map map = mimo_shard_map(0, length, 1, 4, &shard);
    struct mimo_backend backend = fixture_backend(MIMO_PRECISION_BF16);
    struct mimo_disk_file file = {.descriptor = -1};
    uint16_t *memory = calloc(2 * (size_t)COUNT, sizeof *memory), *again = memory + COUNT;
    const float above = mimo_bf16_widen(0x4000) + 0x1p-7F; /* half way from 2 to its neighbour */
    struct mimo_staging staging;
    float first[2];

    for (size_t i = 0; i < COUNT; i++)
        memory[i] = (uint16_t)(0x4000 + i % 1000);
    fixture_invert(memory, COUNT * sizeof *memory);
    mimo_staging_init(&staging, &backend);
    fixture_write(PATH, memory, 0);
    CHECK_INT(mimo_disk_open(&file, PATH, true, MIMO_E_CHECKPOINT, NULL), MIMO_OK);
    CHECK_INT(mimo_shard_store(&staging, &file, &map, memory, NULL), MIMO_OK);
    CHECK_INT(mimo_shard_compare(&staging, &file, &map, memory, NULL), MIMO_OK);
    CHECK_INT(mimo_disk_read(&file, 0, first, sizeof first, NULL), MIMO_OK);
    CHECK(first[0] == 2.0F && first[1] == 2.015625F);
    CHECK_INT(mimo_shard_fetch(&staging, &file, &map, again, NULL), MIMO_OK);
    CHECK(memcmp(memory, again, COUNT * sizeof *memory) == 0);
    CHECK_INT(mimo_disk_write(&file, 0, &above, sizeof above, NULL), MIMO_OK);
    CHECK_INT(mimo_shard_compare(&staging, &file, &map, memory, NULL), MIMO_E_CHECKPOINT);
    CHECK_INT(mimo_shard_fetch(&staging, &file, &map, again, NULL), MIMO_OK);
    CHECK(memcmp(memory, again, COUNT * sizeof *memory) == 0); /* rounded to even */
    mimo_disk_close(&file);
    mimo_staging_release(&staging);
    free(memory);
}

static const struct mimo_test tests[] = {
    {"maps", test_maps},
    {"pieces of parts", test_pieces},
    {"reads and writes across runs", test_reads_and_writes_across_runs},
    {"compares with memory", test_compares_with_memory},
    {"checksums notice every byte", test_checksums_notice_every_byte},
    {"names a short file", test_names_a_short_file},
    {"narrower in memory", test_narrower_in_memory},
};

MIMO_TEST_MAIN("shard map", tests)
