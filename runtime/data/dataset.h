/*
 * dataset.h - samples for training, evaluation and generation, from LLaVA records or from the seed.
 *
 * A data set is opened by every rank and answers any question about any record by itself, so that
 * two ranks that ask about the same record agree without talking. Which record stands at which
 * position of which step is a pure function of the seed: nothing but the step number is needed to
 * resume.
 */
#ifndef MIMO_RUNTIME_DATA_DATASET_H
#define MIMO_RUNTIME_DATA_DATASET_H

#include "plan/plan.h"

#include <stdbool.h>
#include <stddef.h>

struct mimo_dataset; /* opaque */

/* A sample as tokens. Markers are expanded: each image contributes its modality's image_tokens
 * times the special token. labels[i] is the token to predict at position i (the next token), or -1
 * where no loss is taken. */
struct mimo_tokens {
    int32_t *ids;
    int32_t *labels;
    uint32_t length;  /* at most sequence_length */
    uint32_t targets; /* labels that are not -1 */
};

/* An image of a record: which modality it belongs to, where its file is. */
struct mimo_image_ref {
    uint32_t modality;
    const char *path; /* as the record writes it; NULL for synthetic images */
};

/*
 * Opens the data that the plan names: `path` overrides data->train (for --eval FILE; NULL: the
 * training data). Paths resolve against `root`. Reads and checks the whole JSON (an array of
 * records, or JSON lines; told apart by the first byte), keeping an index, and makes the tokenizer
 * ("words" reads the training file's answers and questions even when `path` is another file). Fails
 * with MIMO_E_DATA naming file, line or record; with MIMO_E_WORLD for a tokenizer or template that
 * this version does not carry out; with MIMO_E_DATA where the tokenizer has more entries than the
 * language model's vocab_size (naming both numbers).
 */
enum mimo_status mimo_dataset_open(struct mimo_dataset **out_dataset, const struct mimo_plan *plan,
                                   const char *root, const char *path, struct mimo_error *err);
void mimo_dataset_close(struct mimo_dataset *dataset);

/* Number of records; UINT64_MAX for synthetic data, which is endless. */
uint64_t mimo_dataset_count(const struct mimo_dataset *dataset);

/* The record at position `position` (0 ... global_batch - 1) of step `step` (from 0). Files are
 * walked epoch by epoch, shuffled by (seed, epoch) where the plan says so; synthetic data has a
 * record of its own for each (step, position). */
uint64_t mimo_dataset_at(const struct mimo_dataset *dataset, uint64_t step, uint32_t position);

/* Images of a record, without decoding them; `*out_refs` belongs to the data set and stays as it is
 * until the data set is closed. A record that
 * cannot be used (images without markers or the reverse, more images than max_images_per_sample,
 * no conversation, no target within sequence_length, ...) is a bad sample: MIMO_E_DATA, message
 * naming the record. */
enum mimo_status mimo_dataset_images(struct mimo_dataset *dataset, uint64_t record,
                                     const struct mimo_image_ref **out_refs, uint32_t *out_count,
                                     struct mimo_error *err);

/* Tokens of a record by the plan's template. `tokens->ids` and `->labels` have room for
 * sequence_length entries each. Text beyond sequence_length is cut off; an image never is (bad
 * sample). Same failures as mimo_dataset_images, which fails exactly when this does. */
enum mimo_status mimo_dataset_tokens(struct mimo_dataset *dataset, uint64_t record,
                                     struct mimo_tokens *tokens, struct mimo_error *err);

/* The same for a prompt to be continued: everything up to where the assistant's first answer (after
 * the last human turn) begins; labels are all -1. */
enum mimo_status mimo_dataset_prompt(struct mimo_dataset *dataset, uint64_t record,
                                     struct mimo_tokens *tokens, struct mimo_error *err);

/*
 * Decodes image `image` of a record for an encoder: `pixels` is [image_size, image_size, channels]
 * uint8. PNG and JPEG, told apart by content; shorter side resized to image_size (bicubic), centre
 * cropped, as CLIP's processor does; alpha is composed over white; grey and colour converted to
 * `channels` (1 or 3). Fails with MIMO_E_DATA naming record and file.
 */
enum mimo_status mimo_dataset_pixels(struct mimo_dataset *dataset, uint64_t record, uint32_t image,
                                     uint32_t image_size, uint32_t channels, uint8_t *pixels,
                                     struct mimo_error *err);

/* The record's "id" as text ("" where it has none). */
const char *mimo_dataset_id(struct mimo_dataset *dataset, uint64_t record);

/* -- prompts given on the command line -------------------------------------------------------- */

/* Adds a record: `text` (markers for images that it does not mention are put first) and its image
 * files, each looked for as given, then under `root`, then under data.media. The new record's
 * number is returned in *out_record. Fails, and adds nothing, where mimo_dataset_prompt() would. */
enum mimo_status mimo_dataset_add_prompt(struct mimo_dataset *dataset, const char *text,
                                         const char *const *images, uint32_t image_count,
                                         uint64_t *out_record, struct mimo_error *err);

/* Opens a JSON lines (or JSON) file of prompts: records in LLaVA's form, or {"id", "prompt",
 * "image": "FILE" or [files]}. They need no answers. With `path` NULL there is no file and no
 * record until one is added. */
enum mimo_status mimo_dataset_open_prompts(struct mimo_dataset **out_dataset,
                                           const struct mimo_plan *plan, const char *root,
                                           const char *path, struct mimo_error *err);

/* -- tokens and text -------------------------------------------------------------------------- */

/* The token that ends an answer; -1 for synthetic data, which has no tokenizer. */
int32_t mimo_dataset_end_token(const struct mimo_dataset *dataset);

/* The text of `count` tokens, NUL-terminated valid UTF-8 (bytes that are none become U+FFFD), in
 * memory that the caller frees; NULL where that is short. Special tokens (begin, end, padding,
 * images) give nothing, and no token of synthetic data gives any. */
char *mimo_dataset_text(const struct mimo_dataset *dataset, const int32_t *ids, size_t count);

#endif
