/*
 * synthetic.h - samples out of the seed alone.
 *
 * Everything about record r is a function of (seed, r): how many images it has, how long its text
 * is, where the images stand in it, every token and every sample of every pixel. Images and text
 * fit into sequence_length; all text is target; no text token is a special token.
 */
#ifndef MIMO_RUNTIME_DATA_SYNTHETIC_H
#define MIMO_RUNTIME_DATA_SYNTHETIC_H

#include "plan/arena.h"
#include "plan/plan.h"
#include "runtime/data/dataset.h"
#include "runtime/data/sequence.h"

struct mimo_synthetic {
    const struct mimo_plan *plan;
    struct mimo_arena arena;
    struct mimo_image_ref *images; /* of the record with the most: modalities take turns */
    uint32_t *special_tokens;      /* those below vocab_size, ascending, each once */
    uint32_t special_count;
    uint32_t text_tokens; /* tokens of the vocabulary that are not special */
};

/* Fails with MIMO_E_DATA where the most images a sample may have leave no room for text, where
 * images are asked for that the model has no modality for, or where all tokens are special; nothing
 * is to be released then. */
enum mimo_status mimo_synthetic_init(struct mimo_synthetic *synthetic, const struct mimo_plan *plan,
                                     struct mimo_error *err);
void mimo_synthetic_release(struct mimo_synthetic *synthetic);

/* How many of `synthetic->images` a record has. */
uint32_t mimo_synthetic_images(const struct mimo_synthetic *synthetic, uint64_t record);

void mimo_synthetic_tokens(const struct mimo_synthetic *synthetic, uint64_t record,
                           struct mimo_sequence *sequence);

/* Fills `pixels` with `size` random bytes. */
void mimo_synthetic_pixels(const struct mimo_synthetic *synthetic, uint64_t record, uint32_t image,
                           uint8_t *pixels, size_t size);

#endif
