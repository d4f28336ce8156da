#include "compiler/output/table.h"

#include "plan/error.h"

#include <stdbool.h>
#include <string.h>

enum { COLUMNS_MAX = 16 };

struct columns {
    size_t widths[COLUMNS_MAX];
    bool is_right[COLUMNS_MAX];
};

void mimo_table_init(struct mimo_table *table, struct mimo_arena *arena, const char *header)
{
    *table = (struct mimo_table){.arena = arena};
    mimo_table_add(table, "%s", header);
}

void mimo_table_add(struct mimo_table *table, const char *format, ...)
{
    va_list arguments;
    char *row;

    va_start(arguments, format);
    row = mimo_arena_vprintf(table->arena, format, arguments);
    va_end(arguments);
    MIMO_APPEND(table->arena, table->rows, table->count, table->capacity, row);
}

/* The cell at *cursor and its length; *cursor goes on to the next cell, or to NULL. */
static const char *next_cell(const char **cursor, bool is_header, size_t *out_length)
{
    const char *cell = *cursor;
    const char *end = strchr(cell, '\t');

    *cursor = end == NULL ? NULL : end + 1;
    if (is_header && *cell == '>')
        cell++;
    *out_length = end == NULL ? strlen(cell) : (size_t)(end - cell);
    return cell;
}

static void measure(const struct mimo_table *table, struct columns *columns)
{
    *columns = (struct columns){0};
    for (size_t row = 0; row < table->count; row++) {
        const char *cursor = table->rows[row];

        for (size_t column = 0; cursor != NULL; column++) {
            const bool is_right = row == 0 && *cursor == '>';
            size_t length;

            MIMO_ASSERT(column < COLUMNS_MAX);
            (void)next_cell(&cursor, row == 0, &length);
            if (length > columns->widths[column])
                columns->widths[column] = length;
            columns->is_right[column] |= is_right;
        }
    }
}

static void print_row(const char *row, bool is_header, const struct columns *columns, FILE *file)
{
    const char *cursor = row;

    (void)fputs("  ", file);
    for (size_t column = 0; cursor != NULL; column++) {
        size_t length;
        const char *cell = next_cell(&cursor, is_header, &length);
        const int width = (int)columns->widths[column];

        if (columns->is_right[column])
            (void)fprintf(file, "%*.*s", width, (int)length, cell);
        else if (cursor != NULL)
            (void)fprintf(file, "%-*.*s", width, (int)length, cell);
        else
            (void)fprintf(file, "%.*s", (int)length, cell);
        if (cursor != NULL)
            (void)fputs("  ", file);
    }
    (void)fputc('\n', file);
}

void mimo_table_print(const struct mimo_table *table, FILE *file)
{
    struct columns columns;

    measure(table, &columns);
    for (size_t row = 0; row < table->count; row++)
        print_row(table->rows[row], row == 0, &columns, file);
}
