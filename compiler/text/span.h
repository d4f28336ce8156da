/*
 * span.h - a place in a file of a compilation.
 */
#ifndef MIMO_COMPILER_TEXT_SPAN_H
#define MIMO_COMPILER_TEXT_SPAN_H

#include <stdint.h>

/* Bytes begin ... end - 1 of file `file` of the compilation. */
struct mimo_span {
    uint32_t file;
    uint32_t begin;
    uint32_t end;
};

#endif
