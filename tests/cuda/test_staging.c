/* test_staging.c - uploads and downloads through the ring of pinned memory. */
#include "tests/cuda/parts_fixture.h"
#include "tests/unit/check.h"

#include <stdlib.h>

enum { RING = 4096, PIECE = RING / 4, LARGEST = 5 * RING + 3 };

static unsigned char pattern(size_t i, unsigned seed)
{
    return (unsigned char)(i * 31 + i / 251 + seed * 7);
}

static void fill(unsigned char *bytes, size_t count, unsigned seed)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = pattern(i, seed);
}

static size_t wrong_bytes(const unsigned char *bytes, size_t count, unsigned seed)
{
    size_t wrong = 0;

    for (size_t i = 0; i < count; i++)
        wrong += bytes[i] != pattern(i, seed);
    return wrong;
}

static void check_there_and_back(struct parts *parts, unsigned char *memory, size_t count)
{
    unsigned char *const host = malloc(count + 1);
    struct mimo_backend *be = &parts->be;

    host[count] = 99;
    fill(host, count, 5);
    be->ops->upload(be, memory, host, count);
    memset(host, 0, count);
    be->ops->download(be, host, memory, count);
    CHECK_INT(wrong_bytes(host, count, 5), 0);
    CHECK_INT(host[count], 99);
    free(host);
}

static void test_sizes(void)
{
    const size_t sizes[] = {0,         1,    63,       64,      1000, PIECE,
                            PIECE + 1, RING, RING + 1, LARGEST, 7,    2 * PIECE};
    struct parts parts;
    unsigned char *memory;

    parts_open(&parts, RING);
    memory = parts.be.ops->alloc(&parts.be, LARGEST);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        check_there_and_back(&parts, memory, sizes[i]);
    CHECK_INT(parts.be.ops->check(&parts.be, NULL), MIMO_OK);
    parts.be.ops->free(&parts.be, memory);
    parts_close(&parts);
}

/* Many uploads, each from the same memory, which the next one overwrites at once: far more than
 * the ring holds, and more than it counts pieces. */
static void test_wrap(void)
{
    enum { UPLOADS = 300, STRIDE = 700 };
    struct parts parts;
    unsigned char host[STRIDE], *memory;
    size_t wrong = 0;

    parts_open(&parts, RING);
    memory = parts.be.ops->alloc(&parts.be, UPLOADS * STRIDE);
    for (unsigned i = 0; i < UPLOADS; i++) {
        fill(host, 1 + i * 37 % STRIDE, i);
        parts.be.ops->upload(&parts.be, memory + i * STRIDE, host, 1 + i * 37 % STRIDE);
    }
    for (unsigned i = 0; i < UPLOADS; i++) {
        parts.be.ops->download(&parts.be, host, memory + i * STRIDE, 1 + i * 37 % STRIDE);
        wrong += wrong_bytes(host, 1 + i * 37 % STRIDE, i);
    }
    CHECK_INT(wrong, 0);
    parts.be.ops->free(&parts.be, memory);
    parts_close(&parts);
}

/* -- what waits, and what does not --------------------------------------------------------------
 */

/* While the device stands still, `count` uploads of `bytes` go through without waiting, and one
 * more has to wait. */
static void check_room(size_t ring, unsigned count, size_t bytes)
{
    struct parts parts;
    struct gate gate;
    unsigned char host[PIECE], *memory;

    parts_open(&parts, ring);
    memory = parts.be.ops->alloc(&parts.be, (count + 1) * bytes);
    parts.be.ops->synchronize(&parts.be);
    gate_close(&gate, &parts.cuda);
    for (unsigned i = 0; i <= count; i++) {
        CHECK_INT(gate.waits, 0);
        fill(host, bytes, i);
        parts.be.ops->upload(&parts.be, memory + i * bytes, host, bytes);
    }
    CHECK_INT(gate.waits, 1);
    for (unsigned i = 0; i <= count; i++) {
        parts.be.ops->download(&parts.be, host, memory + i * bytes, bytes);
        CHECK_INT(wrong_bytes(host, bytes, i), 0);
    }
    parts.be.ops->free(&parts.be, memory);
    parts_close(&parts);
}

static void test_room(void)
{
    check_room(RING, 4, PIECE);         /* by bytes */
    check_room(1 << 20, 64, 4);         /* by pieces */
    check_room(RING, 4, PIECE / 5 * 4); /* by what is left at the end */
}

/* A download comes behind what was issued before it. */
static void test_order(void)
{
    struct parts parts;
    int value = 1, *memory;

    parts_open(&parts, RING);
    memory = parts.be.ops->alloc(&parts.be, 2 * sizeof *memory);
    parts.be.ops->upload(&parts.be, memory, &value, sizeof value);
    CHECK_INT(cudaMemcpyAsync(memory + 1, memory, sizeof value, cudaMemcpyDeviceToDevice,
                              parts.cuda.compute),
              cudaSuccess);
    value = 2;
    parts.be.ops->upload(&parts.be, memory, &value, sizeof value);
    parts.be.ops->download(&parts.be, &value, memory + 1, sizeof value);
    CHECK_INT(value, 1);
    parts.be.ops->free(&parts.be, memory);
    parts_close(&parts);
}

static const struct mimo_test tests[] = {
    {"all sizes, there and back", test_sizes},
    {"the ring goes round", test_wrap},
    {"what fits does not wait", test_room},
    {"transfers keep their place among the operations", test_order},
};

MIMO_TEST_MAIN("staging", tests)
