/*
 * batch.h - the samples of one step on one rank: text for the language model, pixels for encoders,
 * and how many images each position has, which both ends of a bridge must know.
 *
 * A step's positions 0 ... global_batch - 1 are those of LANGUAGE.md section 4: micro-step m holds
 * positions m * S ... (m + 1) * S - 1, S = samples of one micro-step over all replicas. A rank
 * loads the intervals of the replicas that it belongs to, nothing else.
 */
#ifndef MIMO_RUNTIME_TRAIN_BATCH_H
#define MIMO_RUNTIME_TRAIN_BATCH_H

#include "plan/arena.h"
#include "plan/plan.h"
#include "runtime/data/dataset.h"
#include "runtime/model/language.h"
#include "runtime/world/transport.h"

#define MIMO_NO_RECORD UINT64_MAX /* a position without a sample: no text, no image */

/* Rows of the language model's input that image rows of one bridge go to, in the order of the rows;
 * -1 for those of other context-parallel ranks, the others ascend. */
struct mimo_image_rows {
    int32_t *positions; /* [micro_batch * sequence_length] */
    uint32_t count;
};

/* A replica of a module on this rank: which positions of each micro-step are its own. */
struct mimo_interval {
    uint32_t module;
    uint32_t begin, end;
};

struct mimo_encoder_batch {
    struct mimo_interval interval;
    uint8_t *pixels; /* [micro_steps * images_max, size, size, channels]; NULL where this rank has
                        not the encoder's first stage */
    size_t image_bytes;
    uint32_t *images;    /* [micro_steps]: images of each micro-step */
    uint32_t images_max; /* of one micro-step */
};

struct mimo_batch {
    const struct mimo_plan *plan;
    struct mimo_dataset *dataset;
    struct mimo_world *world;
    const struct mimo_transport *control; /* over host memory */
    uint32_t micro_steps;
    uint32_t samples;  /* S */
    uint64_t *records; /* [micro_steps * S], filled by the caller before mimo_batch_load */
    uint8_t *is_bad;   /* [micro_steps * S]: taken as empty */
    uint32_t *
        *images; /* [modalities][micro_steps * S], of the positions of this rank's intervals */

    bool has_language;
    bool counts_targets; /* one rank of each language replica counts for it, */
    bool counts_losses;  /* and one for each context-parallel share of its targets */
    bool counts_balance; /* one rank of each of its pipeline stages does */
    bool is_prompt;      /* texts are prompts: their last rows are the targets */
    struct mimo_interval language;
    uint32_t cp_rank, cp_size;                     /* which rows of its sequences are here */
    struct mimo_text *texts;                       /* [micro_steps] */
    int32_t **ids, **target_rows, **target_labels; /* their storage */
    uint32_t **lengths;                  /* [micro_steps][micro_batch]: tokens, wherever they are */
    struct mimo_image_rows **image_rows; /* [modules][micro_steps], for encoder modules */
    struct mimo_tokens *tokens;          /* [micro_batch], while loading */
    uint32_t *special_seen;              /* [modalities]: special tokens of the sample so far */

    struct mimo_encoder_batch *encoders; /* of the encoders on this rank */
    uint32_t encoder_count;

    int64_t *totals; /* while adding up */
    /* of the whole step, on every rank */
    uint64_t targets, token_count, image_count, skipped, sample_count;
};

/* Makes room for `micro_steps` micro-steps on `rank`. Everything lives in `arena`. */
void mimo_batch_open(struct mimo_batch *batch, const struct mimo_plan *plan, uint32_t rank,
                     uint32_t micro_steps, struct mimo_world *world,
                     const struct mimo_transport *control, struct mimo_arena *arena);

/*
 * Loads batch->records and agrees with all ranks on targets, token_count and bad samples: with
 * on_bad_sample = stop the first of these is the error, on all ranks; with skip they become empty
 * positions. Collective over the world.
 */
enum mimo_status mimo_batch_load(struct mimo_batch *batch, struct mimo_error *err);

/* The row of a micro-step's text where prompt b ends, or -1 where it is on another context-parallel
 * rank. */
int32_t mimo_batch_prompt_end(const struct mimo_batch *batch, uint32_t micro_step, uint32_t b);

/* Rows of `module`'s images at positions begin ... end - 1 of a micro-step, all within one of this
 * rank's intervals. */
uint64_t mimo_batch_rows(const struct mimo_batch *batch, uint32_t module, uint32_t micro_step,
                         uint32_t begin, uint32_t end);

#endif
