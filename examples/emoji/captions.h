/*
 * captions.h - what the test's pictures show beside what the model said.
 */
#ifndef MIMO_EXAMPLES_EMOJI_CAPTIONS_H
#define MIMO_EXAMPLES_EMOJI_CAPTIONS_H

#include "plan/arena.h"
#include "plan/error.h"

#include <stdbool.h>
#include <stddef.h>

struct mimo_caption {
    const char *id;
    const char *image;  /* relative to the folder of the images */
    const char *truth;  /* without surrounding white space */
    const char *answer; /* likewise; NULL: none was given */
    bool is_right;      /* the answer is the truth, byte for byte */
};

struct mimo_caption_list {
    struct mimo_caption *items; /* in the test's order */
    size_t count, capacity;
    size_t right_count;
};

/*
 * Reads the truth, a JSON array of LLaVA records, and the answers, JSON lines with an "answer" and
 * the "id" or else the number ("record", from 0) of the record that it answers. An answer to no
 * record, a second answer to one, and anything that is not of this form is MIMO_E_DATA. All texts
 * live in `arena`.
 */
enum mimo_status mimo_caption_list_read(struct mimo_arena *arena, const char *truth_path,
                                        const char *answers_path,
                                        struct mimo_caption_list *out_list, struct mimo_error *err);

#endif
