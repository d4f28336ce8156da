/*
 * sequence.h - a sample's ids and labels, built token by token.
 *
 * Of the tokens f[0] ... f[L-1], position i of the sample reads f[i] and predicts f[i+1] where that
 * is a target. A last token that is a target is therefore only ever a label. What lies beyond the
 * limit is counted and left out.
 */
#ifndef MIMO_RUNTIME_DATA_SEQUENCE_H
#define MIMO_RUNTIME_DATA_SEQUENCE_H

#include "runtime/data/dataset.h"

#include <stdbool.h>

struct mimo_sequence {
    struct mimo_tokens *tokens; /* with room for `limit` ids and labels */
    uint32_t limit;
    uint64_t length;    /* tokens so far, those beyond the limit included */
    uint64_t image_end; /* the place behind the last image */
    bool ends_in_target;
};

void mimo_sequence_begin(struct mimo_sequence *sequence, struct mimo_tokens *tokens,
                         uint32_t limit);

/* Appends one token, or an image of `count` special tokens. */
void mimo_sequence_put(struct mimo_sequence *sequence, int32_t token, bool is_target);
void mimo_sequence_put_image(struct mimo_sequence *sequence, uint32_t special_token,
                             uint32_t count);

/* How many tokens may still be put and be seen, as input or as the last label. */
uint32_t mimo_sequence_room(const struct mimo_sequence *sequence);

/* Sets the length and the number of targets of the tokens. */
void mimo_sequence_end(struct mimo_sequence *sequence);

#endif
