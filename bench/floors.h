/*
 * floors.h - what this machine can do at most, measured: the floors that bench-ops compares with.
 */
#ifndef MIMO_BENCH_FLOORS_H
#define MIMO_BENCH_FLOORS_H

#include <stddef.h>

/* Seconds of a clock that only runs forward. */
double mimo_bench_now(void);

/* Multiply-add rate of one core on independent float registers, in FLOP/s, with the widest vectors
 * that the machine has. */
double mimo_bench_peak_flops(void);

/* Bytes read plus bytes written per second by memcpy over arrays of `bytes` bytes each. */
double mimo_bench_copy_rate(size_t bytes);

#endif
