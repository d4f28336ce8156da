/*
 * tokenizer.h - text to tokens and back.
 *
 * Ids 0 to 255 are bytes in every tokenizer of this version, then come begin, end and padding.
 *
 *   bytes   nothing else: 259 entries
 *   words   the words of the training file (vocabulary.h) from 259 on; ids that stand for images
 * are passed over. What is no known word is bytes, so that text survives, up to ASCII case
 */
#ifndef MIMO_RUNTIME_DATA_TOKENIZER_H
#define MIMO_RUNTIME_DATA_TOKENIZER_H

#include "plan/plan.h"
#include "runtime/data/records.h"
#include "runtime/data/vocabulary.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MIMO_TOKEN_BEGIN = 256, MIMO_TOKEN_END = 257, MIMO_TOKEN_PAD = 258, MIMO_TOKEN_FIRST_WORD };

struct mimo_tokenizer_kind;

struct mimo_tokenizer {
    const struct mimo_tokenizer_kind *kind; /* a row of the table */
    struct mimo_vocabulary vocabulary;      /* empty where the kind has no words */
    uint32_t entries;                       /* all ids are below */
};

/* Finds the tokenizer that the plan names. Fails with MIMO_E_WORLD where this version has none of
 * that name. The tokenizer has no words yet. */
enum mimo_status mimo_tokenizer_init(struct mimo_tokenizer *tokenizer, const struct mimo_plan *plan,
                                     struct mimo_error *err);
void mimo_tokenizer_release(struct mimo_tokenizer *tokenizer);

/* Whether mimo_tokenizer_train() looks at the records of the training file. */
bool mimo_tokenizer_needs_training(const struct mimo_tokenizer *tokenizer);

/* Completes the tokenizer; `training` may be NULL where it is not needed. Fails with MIMO_E_DATA
 * where it does not fit the language model's vocabulary or an image's special token is text. */
enum mimo_status mimo_tokenizer_train(struct mimo_tokenizer *tokenizer,
                                      const struct mimo_plan *plan,
                                      const struct mimo_records *training, struct mimo_error *err);

/* Writes the tokens of a text to `ids`, at most `capacity` of them, and returns how many it wrote.
 */
size_t mimo_tokenizer_encode(const struct mimo_tokenizer *tokenizer, const char *text,
                             size_t length, int32_t *ids, size_t capacity);

/* The text of `count` tokens, NUL-terminated, in memory that the caller frees; NULL where there is
 * none left. Ids that are no text, and the byte 0, give nothing. */
char *mimo_tokenizer_decode(const struct mimo_tokenizer *tokenizer, const int32_t *ids,
                            size_t count);

#endif
