/*
 * language_decode.h - continuing sequences token by token, with keys and values kept.
 *
 * A forward pass over the prompts (language.h) fills the cache; from then on each step takes one
 * token of every sequence through the stages. Sequences have lengths of their own.
 */
#ifndef MIMO_RUNTIME_MODEL_LANGUAGE_DECODE_H
#define MIMO_RUNTIME_MODEL_LANGUAGE_DECODE_H

#include "runtime/model/language.h"

/* What a language model's stages on a rank have for it. */
struct mimo_language_cache {
    struct mimo_language *language;
    struct mimo_keys keys;
    struct mimo_saved_layer step[2]; /* of one row a sequence: layers use them in turn */
    struct mimo_saved_layer *layers; /* [layers of the longest stage here] */
    struct mimo_layer_pass pass;     /* of the present step */
    void *x_out;                     /* [batch, H]: the stream behind a stage */
    int32_t *ids, *positions;
    /* where the last stage is */
    void *statistics, *normed;
    void *shards;      /* all ranks' logits, shard behind shard */
    void *host_shards; /* the same in host memory */
};

/* Takes the cache's memory, for the sequences of a micro-batch and mimo_positions_max() tokens of
 * each: mimo_memory_of_generation() bytes. From now on forward passes fill the cache. */
void mimo_language_cache_open(struct mimo_language_cache *cache, struct mimo_language *language,
                              const struct mimo_language_stage *const *stages, uint32_t stage_count,
                              struct mimo_arena *table, struct mimo_tensor_arena *arena);

/* Begins a step in which token ids[b] is put at position lengths[b] (< capacity) of sequence b, for
 * b < batch. Both live until its end; the caller raises lengths[b] afterwards. */
void mimo_language_step_begin(struct mimo_language_cache *cache, const int32_t *ids,
                              const int32_t *lengths, int64_t batch);

/* The rows [batch, H] of the step where they enter `stage`: the first one embeds the tokens. */
enum mimo_status mimo_language_step_embed(struct mimo_language_cache *cache,
                                          const struct mimo_language_stage *stage,
                                          struct mimo_error *err);
void *mimo_language_step_input(struct mimo_language_cache *cache,
                               const struct mimo_language_stage *stage);

/* Takes them through the stage, to cache->x_out; on the last one also to cache->normed. */
enum mimo_status mimo_language_step_forward(struct mimo_language_cache *cache,
                                            const struct mimo_language_stage *stage,
                                            struct mimo_error *err);

/* Logits of hidden[rows, H] (normed rows, rows at most a micro-batch), on the last stage.
 * out_logits is [rows, vocab_size] in host memory, equal bits on all tensor ranks. */
enum mimo_status mimo_language_logits(struct mimo_language_cache *cache, const void *hidden,
                                      int64_t rows, void *out_logits, struct mimo_error *err);

#endif
