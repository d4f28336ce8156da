/*
 * weights.h - reading a Hugging Face folder of safetensors: model.safetensors, or the shards that
 * model.safetensors.index.json names.
 */
#ifndef MIMO_RUNTIME_CHECKPOINT_WEIGHTS_H
#define MIMO_RUNTIME_CHECKPOINT_WEIGHTS_H

#include "runtime/checkpoint/checkpoint.h"

struct mimo_weights; /* opaque: the open folder */

/* Opens a folder: reads and checks all headers. MIMO_E_DATA names the file and what is wrong. */
enum mimo_status mimo_weights_open(struct mimo_weights **out_weights, const char *folder,
                                   struct mimo_error *err);
void mimo_weights_close(struct mimo_weights *weights);

/* True where the folder holds a tensor of that name. */
bool mimo_weights_has(const struct mimo_weights *weights, const char *name);

/*
 * Reads the part `shard` of tensor `name`, whose whole shape must be info's (F32, F64, F16 and BF16
 * are converted to info's type, or to the shard's bfloat16). Dimension 0 of the stored tensor may
 * be smaller than info's where `rows_may_lack` (a vocabulary that was extended): the rest of the
 * shard keeps its contents. MIMO_E_DATA names the folder, the tensor and both shapes otherwise.
 */
enum mimo_status mimo_weights_read(struct mimo_weights *weights, struct mimo_backend *backend,
                                   const char *name, const struct mimo_tensor_info *info,
                                   const struct mimo_tensor_shard *shard, bool rows_may_lack,
                                   struct mimo_error *err);

/*
 * The same for a tensor that folders of GPT-2 hold as columns `first` ... of a wider one, [input,
 * `width`] where a matrix is [output, input], or elements `first` ... of a bias [`width`]: the
 * shard is transposed on the way.
 */
enum mimo_status mimo_weights_read_columns(struct mimo_weights *weights,
                                           struct mimo_backend *backend, const char *name,
                                           const struct mimo_tensor_info *info,
                                           const struct mimo_tensor_shard *shard, uint64_t first,
                                           uint64_t width, struct mimo_error *err);

#endif
