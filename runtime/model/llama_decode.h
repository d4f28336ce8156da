/*
 * llama_decode.h - continuing sequences token by token, with keys and values kept.
 *
 * A forward pass over the prompts (llama.h) fills the cache; from then on each step feeds one token
 * of every sequence. Sequences have lengths of their own.
 */
#ifndef MIMO_RUNTIME_MODEL_LLAMA_DECODE_H
#define MIMO_RUNTIME_MODEL_LLAMA_DECODE_H

#include "runtime/model/llama.h"

struct mimo_llama_cache {
    int64_t batch_max, capacity; /* sequences; tokens of each */
    void **layers; /* [batch_max, capacity, 2 * groups * head_dim] each: keys, then values */
    struct mimo_llama_saved_layer step[2]; /* of one row a sequence, used in turn */
    void *x_out, *rstd_out, *normed;
    int32_t *ids, *positions;
    void *shards;      /* all ranks' logits, shard behind shard */
    void *host_shards; /* the same in host memory */
};

/* Takes the cache's memory, for the sequences of a micro-batch and mimo_positions_max() tokens of
 * each: mimo_memory_of_generation() bytes. */
void mimo_llama_cache_open(const struct mimo_llama *llama, struct mimo_llama_cache *cache,
                           struct mimo_arena *table, struct mimo_tensor_arena *arena);

/* From now on forward passes of `llama` fill the cache. */
void mimo_llama_cache_attach(struct mimo_llama *llama, struct mimo_llama_cache *cache);

/*
 * One step: token ids[b] is put at position lengths[b] (< capacity) of sequence b, for b < batch.
 * The caller raises lengths[b] afterwards. out_logits is [batch, vocab_size] in host memory, equal
 * bits on all tensor ranks.
 */
enum mimo_status mimo_llama_decode(struct mimo_llama *llama, const int32_t *ids,
                                   const int32_t *lengths, int64_t batch, void *out_logits,
                                   struct mimo_error *err);

/* Logits of hidden[rows, H] (normed rows, rows <= batch_max) as mimo_llama_decode gives them. */
enum mimo_status mimo_llama_logits(struct mimo_llama *llama, const void *hidden, int64_t rows,
                                   void *out_logits, struct mimo_error *err);

#endif
