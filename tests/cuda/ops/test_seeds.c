/*
 * test_seeds.c - the same bits in whatever order the device takes threads, blocks and streams.
 *
 * The emulated device draws that order from MIMO_EMULATION_SEED, which a process reads once: each
 * seed has a process of its own, that sends its results through a pipe.
 */
#include "tests/unit/backend/bits.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static double first[BITS_MAX], other[BITS_MAX];

static void send_bits(int pipe_end, size_t variant, int64_t cols)
{
    struct rig rig;
    int64_t count;
    rig_open(&rig, &rig_variants[variant]);
    count = bits_of(&rig, cols, 0, other);
    rig_close(&rig);
    for (size_t sent = 0; sent < (size_t)count * sizeof *other;) {
        const ssize_t bytes =
            write(pipe_end, (const char *)other + sent, (size_t)count * sizeof *other - sent);
        if (bytes <= 0)
            _exit(1);
        sent += (size_t)bytes;
    }
    _exit(0);
}

static size_t receive_bits(int pipe_end, double *out)
{
    size_t got = 0;
    ssize_t bytes;
    while ((bytes = read(pipe_end, (char *)out + got, BITS_MAX * sizeof *out - got)) > 0)
        got += (size_t)bytes;
    return got;
}

/* The bytes of all results. */
static size_t bits_for_seed(const char *seed, size_t variant, int64_t cols, double *out)
{
    int ends[2], status = 1;
    size_t bytes;
    pid_t child;
    (void)fflush(stdout);
    if (pipe(ends) != 0 || (child = fork()) < 0)
        abort();
    if (child == 0) {
        (void)close(ends[0]);
        (void)setenv("MIMO_EMULATION_SEED", seed, 1);
        send_bits(ends[1], variant, cols);
    }
    (void)close(ends[1]);
    bytes = receive_bits(ends[0], out);
    (void)close(ends[0]);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    return bytes;
}

static void check_seeds(int64_t cols)
{
    static const char *const seeds[] = {"2", "3", "20261122"};
    for (size_t v = 0; v < rig_variant_count; v++) {
        const size_t bytes = bits_for_seed("1", v, cols, first);
        CHECK(bytes > 0);
        for (size_t s = 0; s < sizeof seeds / sizeof *seeds; s++) {
            CHECK_INT(bits_for_seed(seeds[s], v, cols, other), bytes);
            CHECK(memcmp(first, other, bytes) == 0);
        }
    }
}

static void rows_of_elements(void)
{
    check_seeds(75);
}

static void rows_of_vectors(void)
{
    check_seeds(72);
}

static const struct mimo_test tests[] = {
    {"rows gone over by elements", rows_of_elements},
    {"rows gone over by vectors", rows_of_vectors},
};

MIMO_TEST_MAIN("cuda: the same bits for every seed", tests)
