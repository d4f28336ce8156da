/*
 * fuzz.h - what the harnesses share. A harness is one file with fuzz_one(); libFuzzer drives it, or
 * replay.c does where the compiler has no libFuzzer.
 *
 * A harness ends the program (an assertion, a sanitizer's report) where mimo misbehaves, and
 * returns otherwise. What it prints goes to fuzz_sink().
 */
#ifndef MIMO_TESTS_FUZZ_FUZZ_H
#define MIMO_TESTS_FUZZ_FUZZ_H

#include "compiler/declaration/compilation.h"
#include "plan/plan.h"

#include <stdio.h>

/* The entry point that libFuzzer calls with each input; returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* A stream that forgets what is written to it. */
FILE *fuzz_sink(void);

/* A text brought through the compiler, with all that it was made of. Release it afterwards. */
struct fuzz_compilation {
    struct mimo_arena arena;
    struct mimo_sources sources;
    struct mimo_diagnostics diagnostics;
    struct mimo_request request;
    const unsigned char *plan; /* NULL where there are mistakes, or where the plan would be large */
    size_t plan_size;
};

/* Checks every combination of blocks as `mimoc lint` does, then compiles the first one, unless its
 * plan would be too large for thousands of runs a second. */
void fuzz_compile(struct fuzz_compilation *compilation, const char *text, size_t size);

/* Checks alone. */
void fuzz_check(struct fuzz_compilation *compilation, const char *text, size_t size);
void fuzz_compilation_release(struct fuzz_compilation *compilation);

/* Prints a verified plan in every form, and asks its accessors about every rank. Parts that have a
 * line for each rank are left out of plans for many. */
void fuzz_show(const struct mimo_plan *plan);

#endif
