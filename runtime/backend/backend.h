/*
 * backend.h - the seam of tensor operations: one table of functions for each backend and precision.
 *
 * Model code is written once over this table. Every tensor is a dense row-major array in the
 * backend's memory (`alloc`); model code never dereferences it. Weights and activations have the
 * backend's element type. Gradients of weights, statistics of rows (mean, rstd, lse, maximum, sums,
 * losses), rotary tables, moments and master weights have its wide type: float32 under bf16, else
 * the element type itself. What is accumulated is accumulated in the wide type. Matrices of weights
 * are [output, input], as in Hugging Face checkpoints.
 *
 * Operations are issued in order and may complete later; `download` and `synchronize` wait. No
 * operation allocates memory. Counts may be 0: then nothing is read or written, except that outputs
 * which the description calls complete are still defined.
 *
 * "accumulates" means that the result is added to what the output holds.
 */
#ifndef MIMO_RUNTIME_BACKEND_BACKEND_H
#define MIMO_RUNTIME_BACKEND_BACKEND_H

#include "plan/error.h"
#include "plan/format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mimo_backend;

/* One attention call over `batch` sequences. Query row i of sequence b is row b * query_pitch + i
 * of q and out, 0 <= i < queries; key row j is row b * key_pitch + j of k and v: a call may see a
 * part of each sequence. Heads lie side by side in a row; a stride is the distance of rows in
 * elements. Query head h reads key head h / (heads / groups). With `is_causal`, query i sees keys
 * 0 ... keys - queries + i. */
struct mimo_attention {
    int64_t batch, queries, keys;
    int64_t query_pitch, key_pitch; /* rows from one sequence to the next */
    int64_t heads, groups, head_dim;
    int64_t q_stride, k_stride, v_stride, out_stride;
    bool is_causal;
    double scale; /* of the scores: 1 / sqrt(head_dim) */
};

struct mimo_adamw {
    double lr, beta1, beta2, epsilon, weight_decay;
    double correction1, correction2; /* 1 - beta^t */
    double gradient_scale;           /* multiplies the gradient first: clipping */
};

/* The operations. `be` is the backend that the call runs on. */
struct mimo_backend_ops {
    const char *name; /* "cpu", "cuda" */

    /* Waits for all operations. */
    void (*synchronize)(struct mimo_backend *be);
    /* MIMO_OK unless an operation has failed, as far as that is known without waiting. Afterwards
     * results are undefined. */
    enum mimo_status (*check)(struct mimo_backend *be, struct mimo_error *err);
    /*
     * A sequence of operations that comes again and again: equal keys (of `size` bytes) mean equal
     * operations with equal arguments, the contents of memory apart, with the same collectives of
     * the backend's transport between them and neither upload nor download. Where
     * sequence_begin returns true the whole has been issued already, replayed from before, and the
     * caller issues nothing; otherwise the caller issues it and says sequence_end.
     */
    bool (*sequence_begin)(struct mimo_backend *be, const void *key, size_t size);
    void (*sequence_end)(struct mimo_backend *be);

    /* -- memory -----------------------------------------------------------------------------------
     */

    /* `bytes` zeroed bytes, 64-byte aligned, or NULL. */
    void *(*alloc)(struct mimo_backend *be, size_t bytes);
    void (*free)(struct mimo_backend *be, void *memory);
    /* The caller may use `host` again at once. */
    void (*upload)(struct mimo_backend *be, void *dst, const void *host, size_t bytes);
    /* Waits for the bytes, and so for all operations before. */
    void (*download)(struct mimo_backend *be, void *host, const void *src, size_t bytes);
    void (*zero)(struct mimo_backend *be, void *dst, size_t bytes);
    void (*copy_bytes)(struct mimo_backend *be, void *dst, const void *src, size_t bytes);
    /* dst[r, 0 ... cols) = src[r, 0 ... cols) for `rows` rows; strides in elements. */
    void (*copy)(struct mimo_backend *be, void *dst, int64_t dst_stride, const void *src,
                 int64_t src_stride, int64_t rows, int64_t cols);
    /* The same, accumulating. */
    void (*add)(struct mimo_backend *be, void *dst, int64_t dst_stride, const void *src,
                int64_t src_stride, int64_t rows, int64_t cols);
    /* Between the two types: dst, of the wide type, accumulates src; dst is src, of the wide type,
     * rounded. */
    void (*add_to_wide)(struct mimo_backend *be, void *dst, int64_t dst_stride, const void *src,
                        int64_t src_stride, int64_t rows, int64_t cols);
    void (*copy_from_wide)(struct mimo_backend *be, void *dst, int64_t dst_stride, const void *src,
                           int64_t src_stride, int64_t rows, int64_t cols);
    /* dst[index[i], :] = src[i, :] for i < rows (indices distinct), and its reverse
     * dst[i, :] = src[index[i], :]. `index` is int32 in the backend's memory. */
    void (*scatter_rows)(struct mimo_backend *be, void *dst, const void *src, const int32_t *index,
                         int64_t rows, int64_t cols);
    void (*gather_rows)(struct mimo_backend *be, void *dst, const void *src, const int32_t *index,
                        int64_t rows, int64_t cols);

    /* -- linear layers ----------------------------------------------------------------------------
     */

    /* y[rows, out] = x[rows, in] · wᵀ + bias; bias may be NULL. */
    void (*linear_forward)(struct mimo_backend *be, void *y, const void *x, const void *w,
                           const void *bias, int64_t rows, int64_t in, int64_t out);
    /* dx[rows, in] = dy[rows, out] · w; with `accumulates` it is added. */
    void (*linear_backward_input)(struct mimo_backend *be, void *dx, const void *dy, const void *w,
                                  int64_t rows, int64_t in, int64_t out, bool accumulates);
    /* A linear layer and the activation behind it: z = x · wᵀ + bias is kept, y = f(z). */
    void (*linear_activation_forward)(struct mimo_backend *be, enum mimo_activation kind, void *y,
                                      void *z, const void *x, const void *w, const void *bias,
                                      int64_t rows, int64_t in, int64_t out);
    /* Back through a linear layer and the activation in front of it: dz = (dy · w) * f'(z). */
    void (*linear_activation_backward)(struct mimo_backend *be, enum mimo_activation kind, void *dz,
                                       const void *dy, const void *w, const void *z, int64_t rows,
                                       int64_t in, int64_t out);
    /* dw[out, in] and dbias[out] accumulate dyᵀ · x and the column sums of dy; each may be NULL. */
    void (*linear_backward_weight)(struct mimo_backend *be, void *dw, void *dbias, const void *dy,
                                   const void *x, int64_t rows, int64_t in, int64_t out);

    /* -- normalisation, over the last dimension ---------------------------------------------------
     */

    /* With a residual: x += residual first (x is updated). y = (x - mean) * rstd * gamma + beta.
     * mean and rstd [rows] are kept for backward. */
    void (*layer_norm_forward)(struct mimo_backend *be, void *y, void *mean, void *rstd, void *x,
                               const void *residual, const void *gamma, const void *beta,
                               int64_t rows, int64_t cols, double epsilon);
    /* dx accumulates; dgamma and dbeta accumulate and may be NULL (frozen). */
    void (*layer_norm_backward)(struct mimo_backend *be, void *dx, void *dgamma, void *dbeta,
                                const void *dy, const void *x, const void *gamma, const void *mean,
                                const void *rstd, int64_t rows, int64_t cols);
    /* The same for y = x * rstd * gamma, rstd = 1 / sqrt(mean(x²) + epsilon) (RMSNorm). */
    void (*rms_norm_forward)(struct mimo_backend *be, void *y, void *rstd, void *x,
                             const void *residual, const void *gamma, int64_t rows, int64_t cols,
                             double epsilon);
    void (*rms_norm_backward)(struct mimo_backend *be, void *dx, void *dgamma, const void *dy,
                              const void *x, const void *gamma, const void *rstd, int64_t rows,
                              int64_t cols);

    /* -- element by element -----------------------------------------------------------------------
     */

    /* y = f(x), f named by enum mimo_activation (gelu with erf; quick_gelu x·σ(1.702x)). */
    void (*activation_forward)(struct mimo_backend *be, enum mimo_activation kind, void *y,
                               const void *x, int64_t count);
    /* dx = dy * f'(x); dx may be dy. */
    void (*activation_backward)(struct mimo_backend *be, enum mimo_activation kind, void *dx,
                                const void *dy, const void *x, int64_t count);
    /* y[rows, cols] = silu(x[:, 0 ... cols)) * x[:, cols ... 2 cols). */
    void (*swiglu_forward)(struct mimo_backend *be, void *y, const void *x, int64_t rows,
                           int64_t cols);
    /* dx[rows, 2 cols], complete; dx may be x. */
    void (*swiglu_backward)(struct mimo_backend *be, void *dx, const void *dy, const void *x,
                            int64_t rows, int64_t cols);

    /* -- attention --------------------------------------------------------------------------------
     */

    /* Rotates `heads` heads of each row in place by the angles of its position: elements i and
     * i + head_dim/2 form a pair (the "rotate half" form of Hugging Face's Llama). `table` is
     * [positions, head_dim]: cos of the head_dim/2 angles, then sin. `inverse` rotates back, which
     * is the backward pass. `positions` is int32. */
    void (*rotary)(struct mimo_backend *be, void *x, int64_t stride, const int32_t *positions,
                   const void *table, int64_t rows, int64_t heads, int64_t head_dim, bool inverse);
    /* out = softmax(scale · q kᵀ) v. `lse` [batch, heads, query_pitch] keeps log Σ exp(score).
     * Never holds more than one block of scores; `workspace` has attention_workspace() bytes. */
    void (*attention_forward)(struct mimo_backend *be, const struct mimo_attention *shape,
                              void *out, void *lse, const void *q, const void *k, const void *v,
                              void *workspace);
    /* dq, dk, dv have the strides of q, k, v and are complete (written, not added to). */
    void (*attention_backward)(struct mimo_backend *be, const struct mimo_attention *shape,
                               void *dq, void *dk, void *dv, const void *dout, const void *out,
                               const void *lse, const void *q, const void *k, const void *v,
                               void *workspace);
    size_t (*attention_workspace)(struct mimo_backend *be, const struct mimo_attention *shape);
    /* `out` and `lse`, attention over some keys, become attention over these and those that `part`
     * and `part_lse` are of: the running softmax of Liu et al., "Ring Attention with Blockwise
     * Transformers" (2023). All four are laid out as `shape` says of attention_forward's. */
    void (*attention_merge)(struct mimo_backend *be, const struct mimo_attention *shape, void *out,
                            void *lse, const void *part, const void *part_lse);

    /* -- tokens and the loss ----------------------------------------------------------------------
     */

    /* y[i, :] = table[ids[i] - first, :] where first <= ids[i] < first + count, else zeros. */
    void (*embedding_forward)(struct mimo_backend *be, void *y, const void *table,
                              const int32_t *ids, int64_t rows, int64_t cols, int64_t first,
                              int64_t count);
    /* dtable[ids[i] - first, :] accumulates dy[i, :], in ascending i. */
    void (*embedding_backward)(struct mimo_backend *be, void *dtable, const void *dy,
                               const int32_t *ids, int64_t rows, int64_t cols, int64_t first,
                               int64_t count);
    /* Cross entropy over a vocabulary cut into shards; this one holds entries first ... first +
     * count - 1 of each row of logits[rows, count]. First maximum[i] over the shard (-inf where it
     * is empty; the caller then takes the maximum over the shards). */
    void (*cross_entropy_max)(struct mimo_backend *be, void *maximum, const void *logits,
                              int64_t rows, int64_t count);
    /* Then sums[i, 0] = Σ exp(logit - maximum[i]) and sums[i, 1] = the label's logit - maximum[i]
     * where the shard holds it, else 0 (the caller sums over the shards). Labels are int32. */
    void (*cross_entropy_sum)(struct mimo_backend *be, void *sums, const void *logits,
                              const void *maximum, const int32_t *labels, int64_t rows,
                              int64_t count, int64_t first);
    /* losses[i] = log(sums[i, 0]) - sums[i, 1]. */
    void (*cross_entropy_loss)(struct mimo_backend *be, void *losses, const void *sums,
                               int64_t rows);
    /* logits become their gradient: (softmax - onehot) * scale. */
    void (*cross_entropy_backward)(struct mimo_backend *be, void *logits, const void *maximum,
                                   const void *sums, const int32_t *labels, int64_t rows,
                                   int64_t count, int64_t first, double scale);

    /* -- experts ----------------------------------------------------------------------------------
     */

    /* Chooses the experts of each row. probabilities[rows, experts] (of the wide type) is the
     * softmax of logits, choices[rows, top_k] the experts of the largest ones in descending order
     * (of equal ones the first comes first), weights[rows, top_k] (wide) their probabilities
     * divided by their sum (Shazeer et al., "Outrageously Large Neural Networks", 2017). */
    void (*route_forward)(struct mimo_backend *be, void *probabilities, int32_t *choices,
                          void *weights, const void *logits, int64_t rows, int64_t experts,
                          int64_t top_k);
    /* dlogits, complete, from dweights[rows, top_k] (wide) and from the gradient that the
     * probabilities of row i have besides: balance[samples[i], experts] (wide), none where
     * samples[i] is negative. */
    void (*route_backward)(struct mimo_backend *be, void *dlogits, const void *dweights,
                           const void *probabilities, const int32_t *choices, const void *weights,
                           const void *balance, const int32_t *samples, int64_t rows,
                           int64_t experts, int64_t top_k);
    /* sums[samples[i], 0, e] (wide) accumulates how often row i chose e, sums[samples[i], 1, e] its
     * probability of e, in ascending i; rows whose sample is negative are left out. */
    void (*route_sums)(struct mimo_backend *be, void *sums, const void *probabilities,
                       const int32_t *choices, const int32_t *samples, int64_t rows,
                       int64_t experts, int64_t top_k);
    /* y[i, :] accumulates Σ weights[i, k] · x[index[i, k], :] over ascending k. weights[rows,
     * top_k] is of the wide type, NULL: all 1. What has a negative index is left out. */
    void (*combine_rows)(struct mimo_backend *be, void *y, const void *x, const int32_t *index,
                         const void *weights, int64_t rows, int64_t top_k, int64_t cols);
    /* Back through combine_rows: dx[index[i, k], :] = weights[i, k] · dy[i, :], and
     * dweights[i, k] = dy[i, :] · x[index[i, k], :], 0 where the index is negative. The indices
     * that are not negative are distinct; dx may be x. */
    void (*combine_rows_backward)(struct mimo_backend *be, void *dx, void *dweights, const void *dy,
                                  const void *x, const int32_t *index, const void *weights,
                                  int64_t rows, int64_t top_k, int64_t cols);

    /* -- images -----------------------------------------------------------------------------------
     */

    /* Patches first ... first + count - 1 of each image's (size/patch)², line by line:
     * patches[images * count, channels * patch * patch] from pixels[images, size, size, channels]
     * (uint8), (value/255 - mean[c]) / std[c], channel by channel as a convolution's weight lies.
     */
    void (*image_patches)(struct mimo_backend *be, void *patches, const uint8_t *pixels,
                          int64_t images, int64_t channels, int64_t size, int64_t patch,
                          int64_t first, int64_t count, const double *mean, const double *std);
    /* Tokens first ... first + tokens - 1 of each image: token 0 is the class token, token t patch
     * t - 1. x[i, t - first, :] = position[t] + cls where t = 0, else + the image's next row of
     * `patches`, which holds those of these tokens alone. `position` is that of all tokens. */
    void (*vit_embed_forward)(struct mimo_backend *be, void *x, const void *patches,
                              const void *cls, const void *position, int64_t images, int64_t first,
                              int64_t tokens, int64_t cols);
    /* dcls and dposition accumulate; dpatches is complete; each may be NULL. */
    void (*vit_embed_backward)(struct mimo_backend *be, void *dpatches, void *dcls, void *dposition,
                               const void *dx, int64_t images, int64_t first, int64_t tokens,
                               int64_t cols);

    /* -- optimizer --------------------------------------------------------------------------------
     */

    /* *sum, a double in the backend's memory, accumulates Σ x² (x of the wide type) in double
     * precision, in an order that depends on `count` alone. */
    void (*sum_squares)(struct mimo_backend *be, double *sum, const void *x, int64_t count);
    /* Σ x in the same manner. */
    void (*sum)(struct mimo_backend *be, double *sum, const void *x, int64_t count);
    /*
     * AdamW (Loshchilov and Hutter 2019): decoupled weight decay, bias-corrected moments. The
     * update is made on `master`, of the wide type, and `weight` gets what it comes to; where the
     * two types are one, master is NULL and the weight itself is updated.
     */
    void (*adamw)(struct mimo_backend *be, void *weight, void *master, const void *gradient,
                  void *moment1, void *moment2, int64_t count, const struct mimo_adamw *settings);
    void (*close)(struct mimo_backend *be);
};

struct mimo_backend {
    const struct mimo_backend_ops *ops;
    enum mimo_precision precision;
    size_t element_size, wide_size; /* bytes of the two types */
    uint64_t allocated;             /* bytes that alloc has given out since opening */
    void *state;
};

/*
 * The CPU backend. Kernels exist for several instruction sets and the best that the machine's CPUID
 * feature bits allow is chosen; the environment variable MIMO_CPU ("baseline", "avx2", "avx512",
 * "amx") caps the choice. Fails with MIMO_E_USAGE for an unknown MIMO_CPU.
 */
enum mimo_status mimo_backend_cpu_open(struct mimo_backend *out_backend,
                                       enum mimo_precision precision, struct mimo_error *err);

/* Frees what opening took; `backend` may be one that never was opened (all zero). */
void mimo_backend_close(struct mimo_backend *backend);

#ifdef __cplusplus
}
#endif

#endif
