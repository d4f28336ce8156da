/*
 * decode.h - continuing the prompts of a forward pass token by token, over all stages of the
 * language model.
 *
 * The last stage has the logits and chooses the tokens; what it chose goes round to the other
 * stages of its replica, and the tokens' rows from stage to stage. Context-parallel ranks share out
 * the prompts alone: each keeps the keys and values of all, and comes to the same tokens.
 */
#ifndef MIMO_RUNTIME_TRAIN_DECODE_H
#define MIMO_RUNTIME_TRAIN_DECODE_H

#include "runtime/model/language_decode.h"
#include "runtime/train/engine.h"

struct mimo_decoder {
    struct mimo_engine *engine;
    struct mimo_language_cache cache;
    struct mimo_tensor_arena arena;
    struct mimo_group *pipeline; /* over host memory; NULL where one rank has all stages */
    struct mimo_group *replicas; /* the same, of all ranks of the stage; NULL without experts */
    bool has_head;               /* this rank has the last stage */
    int64_t capacity;            /* tokens of a sequence */
    void *logits;                /* [micro_batch, vocab_size], on the last stage */
    int32_t *next;               /* [micro_batch]: the tokens that come next */
    int32_t *lengths;            /* [micro_batch]: tokens of each sequence so far */
    int32_t *turn;               /* both, behind whether there is a next step */
};

/* Makes room for keys and values, which forward passes fill from now on. Collective over the world.
 */
enum mimo_status mimo_decoder_open(struct mimo_decoder *decoder, struct mimo_engine *engine,
                                   struct mimo_error *err);
void mimo_decoder_close(struct mimo_decoder *decoder);

/* On ranks of the language model, behind a forward pass: sets the lengths of the prompts, and on
 * the last stage the logits behind them. */
enum mimo_status mimo_decoder_begin(struct mimo_decoder *decoder, struct mimo_error *err);

/* The other stages learn the last one's `next`, `lengths` and *is_running. Replicas that share
 * experts run as long as one of them does: each row needs all of them. */
enum mimo_status mimo_decoder_agree(struct mimo_decoder *decoder, bool *is_running,
                                    struct mimo_error *err);

/* Puts next[b] at position lengths[b] of each sequence b; on the last stage `logits` are those
 * behind it. */
enum mimo_status mimo_decoder_step(struct mimo_decoder *decoder, struct mimo_error *err);

#endif
