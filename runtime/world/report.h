/*
 * report.h - the text that a run prints when its watchdog ends it.
 */
#ifndef MIMO_RUNTIME_WORLD_REPORT_H
#define MIMO_RUNTIME_WORLD_REPORT_H

#include "runtime/world/board.h"

/* Bytes that a report on `ranks` ranks takes at most. */
size_t mimo_report_bytes(uint32_t ranks);

/*
 * Writes into `text`: `headline`, a table of what each rank of the board does and waits for, and
 * one line for each rank that holds up the others. No final newline; cut, and NUL-terminated, at
 * `capacity`. Allocates nothing: the process it runs in hangs.
 */
void mimo_report_write(const struct mimo_board *board, const char *headline, char *text,
                       size_t capacity);

#endif
