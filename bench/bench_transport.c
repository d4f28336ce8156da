/*
 * bench_transport.c - all_reduce and exchange (each rank to the next) of this transport beside
 * MPI_Allreduce and MPI_Sendrecv, on the ranks it is started with. Rank 0 prints a table of median
 * times for each.
 *
 *   mpiexec -n 4 bench-transport [WINDOW_BYTES]
 */
#include "runtime/world/transport.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS_MAX = 2000, BYTES_MAX = 1 << 24 };

struct subject {
    struct mimo_transport *transport;
    struct mimo_world *world;
    float *data, *received;
    size_t count;
};

struct contest {
    const char *name;
    enum mimo_status (*ours)(const struct subject *s);
    enum mimo_status (*mpi)(const struct subject *s);
};

static int compare_times(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static enum mimo_status reduce_ours(const struct subject *s)
{
    return s->transport->ops->all_reduce(s->transport->everyone, s->data, s->count, MIMO_DTYPE_F32,
                                         MIMO_REDUCE_SUM, NULL);
}

static enum mimo_status reduce_mpi(const struct subject *s)
{
    const int result =
        MPI_Allreduce(MPI_IN_PLACE, s->data, (int)s->count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);

    return result == MPI_SUCCESS ? MIMO_OK : MIMO_E_FAILED;
}

static enum mimo_status exchange_ours(const struct subject *s)
{
    const struct mimo_world_place place = mimo_world_place(s->world);
    const size_t bytes = s->count * sizeof *s->data;
    const struct mimo_message send = {(place.rank + 1) % place.size, 1, s->data, bytes};
    const struct mimo_message receive = {(place.rank + place.size - 1) % place.size, 1, s->received,
                                         bytes};

    MIMO_TRY(s->transport->ops->exchange(s->transport, &send, 1, &receive, 1, NULL));
    return s->transport->ops->join(s->transport, NULL);
}

static enum mimo_status exchange_mpi(const struct subject *s)
{
    const struct mimo_world_place place = mimo_world_place(s->world);
    const int next = (int)((place.rank + 1) % place.size);
    const int last = (int)((place.rank + place.size - 1) % place.size);
    const int result =
        MPI_Sendrecv(s->data, (int)s->count, MPI_FLOAT, next, 1, s->received, (int)s->count,
                     MPI_FLOAT, last, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);

    return result == MPI_SUCCESS ? MIMO_OK : MIMO_E_FAILED;
}

/* Median of the rounds' times, in microseconds; the first tenth warms up. */
static double measure(const struct subject *s, enum mimo_status (*call)(const struct subject *))
{
    static double times[ROUNDS_MAX];
    const size_t bytes = s->count * sizeof *s->data;
    const size_t rounds = bytes < 100000 ? ROUNDS_MAX : 100000000 / bytes + 20;

    (void)MPI_Barrier(MPI_COMM_WORLD);
    for (size_t i = 0; i < rounds; i++) {
        const double start = MPI_Wtime();
        if (call(s) != MIMO_OK)
            mimo_world_abort(s->world, MIMO_E_FAILED, "a call failed");
        times[i] = (MPI_Wtime() - start) * 1e6;
    }
    qsort(times + rounds / 10, rounds - rounds / 10, sizeof *times, compare_times);
    return times[rounds / 10 + (rounds - rounds / 10) / 2];
}

static void run(struct subject *s, const struct contest *contest)
{
    static const size_t sizes[] = {4, 1024, 4096, 16384, 65536, 917504, 1048576, BYTES_MAX};
    const struct mimo_world_place place = mimo_world_place(s->world);

    if (place.rank == 0)
        (void)printf("%s, %u ranks\n%10s  %12s  %12s  %6s\n", contest->name, place.size, "bytes",
                     "mimo us", "MPI us", "ratio");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        double ours, mpi;
        s->count = sizes[i] / sizeof *s->data;
        memset(s->data, 0, sizes[i]);
        ours = measure(s, contest->ours);
        mpi = measure(s, contest->mpi);
        if (place.rank == 0)
            (void)printf("%10zu  %12.2f  %12.2f  %6.2f\n", sizes[i], ours, mpi, mpi / ours);
    }
}

int main(int argc, char **argv)
{
    static const struct contest contests[] = {{"all_reduce", reduce_ours, reduce_mpi},
                                              {"exchange", exchange_ours, exchange_mpi}};
    struct mimo_error err = {.status = MIMO_OK};
    static float data[BYTES_MAX / sizeof(float)], received[BYTES_MAX / sizeof(float)];
    struct subject s = {.data = data, .received = received};
    const size_t window_bytes = argc > 1 ? strtoull(argv[1], NULL, 10) : 4u << 20;

    if (mimo_world_open(&s.world, &argc, &argv, &err) != MIMO_OK ||
        mimo_transport_mpi_open(&s.transport, s.world, window_bytes, &err) != MIMO_OK) {
        (void)fprintf(stderr, "bench-transport: %s\n", err.message);
        return 1;
    }
    for (size_t i = 0; i < sizeof contests / sizeof *contests; i++)
        run(&s, &contests[i]);
    s.transport->ops->close(s.transport);
    mimo_world_close(s.world);
    return 0;
}
