/*
 * json.h - writing JSON: a thin layer over a stream that places commas, escapes text and breaks
 * lines. Lists and objects of the outer levels (two, unless said otherwise) have an entry a line,
 * inner ones stand on one. Ill-formed UTF-8 becomes U+FFFD.
 */
#ifndef MIMO_COMPILER_OUTPUT_JSON_H
#define MIMO_COMPILER_OUTPUT_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { MIMO_JSON_DEPTH_MAX = 16 };

struct mimo_json {
    FILE *file;
    unsigned depth, broken_depth;
    char closers[MIMO_JSON_DEPTH_MAX];
    bool has_entries; /* at the present depth */
};

void mimo_json_init(struct mimo_json *json, FILE *file);

/* The same, with `depth` outer levels. */
void mimo_json_init_depth(struct mimo_json *json, FILE *file, unsigned depth);

/* `key` is NULL within a list and at the outermost level. */
void mimo_json_open_object(struct mimo_json *json, const char *key);
void mimo_json_open_list(struct mimo_json *json, const char *key);
void mimo_json_close(struct mimo_json *json); /* the last one also ends the line */

void mimo_json_text(struct mimo_json *json, const char *key, const char *text); /* NULL: null */
void mimo_json_integer(struct mimo_json *json, const char *key, uint64_t value);
void mimo_json_real(struct mimo_json *json, const char *key, double value);
void mimo_json_boolean(struct mimo_json *json, const char *key, bool value);

#endif
