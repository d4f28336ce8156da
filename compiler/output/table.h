/*
 * table.h - rows of text in aligned columns.
 */
#ifndef MIMO_COMPILER_OUTPUT_TABLE_H
#define MIMO_COMPILER_OUTPUT_TABLE_H

#include "plan/arena.h"

#include <stdio.h>

struct mimo_table {
    struct mimo_arena *arena;
    char **rows;
    size_t count, capacity;
};

/* `header` is the first row: titles separated by tabs; ">" before a title sets its column to the
 * right. */
void mimo_table_init(struct mimo_table *table, struct mimo_arena *arena, const char *header);

/* A row of cells separated by tabs. */
void mimo_table_add(struct mimo_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints all rows, indented by two spaces. */
void mimo_table_print(const struct mimo_table *table, FILE *file);

#endif
