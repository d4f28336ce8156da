/*
 * unicode_names.h - which emoji there are and what they are called: emoji-test.txt of Unicode.
 *
 * A line of that file reads
 *
 *     263A FE0F ; fully-qualified # (the emoji) E0.6 smiling face
 *
 * Format: Unicode Technical Standard #51, https://www.unicode.org/reports/tr51/#emoji_data
 */
#ifndef MIMO_EXAMPLES_EMOJI_UNICODE_NAMES_H
#define MIMO_EXAMPLES_EMOJI_UNICODE_NAMES_H

#include "plan/arena.h"
#include "plan/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Version 15.0 has at most 10 code points in a sequence (a kiss with two skin tones). */
#define MIMO_EMOJI_CODES_MAX 16

struct mimo_emoji {
    uint32_t codes[MIMO_EMOJI_CODES_MAX]; /* as listed, variation selectors included */
    unsigned code_count;
    const char *name; /* the caption: ASCII letters lower case, all else as in the file */
    const char *id;   /* code points in lower-case hexadecimal without U+FE0F: "1f468-200d-1f33e" */
};

struct mimo_emoji_list {
    struct mimo_emoji *items;
    size_t count, capacity;
};

/*
 * Reads the fully-qualified emoji of `text`, in the file's order, without those that differ from
 * another only by a skin tone. Without `with_sequences` only those of one code point (a variation
 * selector does not count) are kept. `origin` names the text in messages. The list lives in
 * `arena`. A line that does not parse is MIMO_E_DATA.
 */
enum mimo_status mimo_emoji_list_parse(struct mimo_arena *arena, const char *origin,
                                       const char *text, size_t size, bool with_sequences,
                                       struct mimo_emoji_list *out_list, struct mimo_error *err);

#endif
