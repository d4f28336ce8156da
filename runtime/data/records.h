/*
 * records.h - a file of conversation records: a JSON array of them, or one a line.
 *
 * The records are kept in a compact form, about as large as the file, and are not read again, so a
 * file that changes during a run cannot make two ranks disagree.
 */
#ifndef MIMO_RUNTIME_DATA_RECORDS_H
#define MIMO_RUNTIME_DATA_RECORDS_H

#include "plan/arena.h"
#include "plan/plan.h"
#include "runtime/data/record.h"

struct mimo_records {
    const struct mimo_plan *plan;
    struct mimo_arena arena; /* what the records point to */
    const char *name;        /* of the file, for messages; in the arena */
    struct mimo_record *items;
    size_t count;
    size_t capacity;
};

/* An empty list; `name` is copied. The plan must outlive it. */
void mimo_records_init(struct mimo_records *records, const struct mimo_plan *plan,
                       const char *name);
void mimo_records_release(struct mimo_records *records);

/* Appends the records of `path`. An array begins with "[", anything else is read line by line.
 * Fails with MIMO_E_DATA naming file and line where the file cannot be read, is no JSON, or holds
 * something else than objects; the list is to be released then. */
enum mimo_status mimo_records_read(struct mimo_records *records, const char *path, bool is_prompt,
                                   struct mimo_error *err);

/* Appends a record, whose memory is in `records->arena`. */
void mimo_records_append(struct mimo_records *records, struct mimo_record record);

/* Fills `err` with MIMO_E_DATA, the place of the record, and what is wrong with it. */
enum mimo_status mimo_records_error(const struct mimo_records *records, uint64_t record,
                                    const char *what, struct mimo_error *err);

#endif
