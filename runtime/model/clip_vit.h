/*
 * clip_vit.h - CLIP's vision transformer on one rank (Radford et al. 2021): patches, class token,
 * learned positions, pre-LayerNorm layers, and the projector behind it; tensor-parallel.
 *
 * Shapes: I images of T tokens (class token included), rows = I * T; H hidden size; P patches an
 * image. The output has `image_tokens` rows an image (T, or P without the class token) of the
 * language model's width.
 */
#ifndef MIMO_RUNTIME_MODEL_CLIP_VIT_H
#define MIMO_RUNTIME_MODEL_CLIP_VIT_H

#include "plan/sizes.h"
#include "runtime/model/projector.h"

struct mimo_clip_layer {
    struct mimo_weight norm1, norm1_bias, qkv, qkv_bias, o, o_bias;
    struct mimo_weight norm2, norm2_bias, up, up_bias, down, down_bias;
};

struct mimo_clip_vit {
    const struct mimo_plan_module *plan;
    struct mimo_compute compute;
    struct mimo_sizes sizes;              /* the shapes of all tensors below (plan/tensors.h) */
    int64_t hidden, heads, head_dim, ffn; /* of this rank, hidden apart */
    int64_t patches, tokens, patch_width; /* P, T, channels * patch² */
    int64_t output_width;                 /* the projector's, or H */
    uint32_t layer_count;
    struct mimo_clip_layer *layers;
    struct mimo_weight class_embedding, patch_embedding, positions, pre_norm, pre_norm_bias;
    struct mimo_projector projector;
    bool has_projector, trains, keeps_activations;
    int64_t images_max;
    /* scratch, good within one call */
    uint8_t *pixels;   /* [I, size, size, channels] */
    void *dx, *rows_a; /* [rows, H] */
    void *d_qkv, *d_attention, *d_up;
    void *features_gradient; /* [I * image_tokens, H] */
    void *workspace;
};

struct mimo_clip_saved_layer {
    void *x, *mean1, *rstd1, *n1; /* [rows, H], [rows], [rows], [rows, H] */
    void *qkv, *attention, *lse;
    void *x_middle, *mean2, *rstd2, *n2;
    void *up, *act; /* [rows, ffn] */
};

struct mimo_clip_saved {
    struct mimo_clip_saved_layer *layers;
    void *patches;                  /* [I * P, patch_width] */
    void *embedded, *mean0, *rstd0; /* in front of the pre-norm */
    void *x_out;                    /* [rows, H] */
    void *features;                 /* [I * image_tokens, H]: the projector's input */
    struct mimo_projector_saved projector;
    int64_t images;
};

/* As for mimo_llama_open. With `keeps_activations` backward will go through
 * the layers. */
void mimo_clip_vit_open(struct mimo_clip_vit *vit, const struct mimo_plan *plan, uint32_t module,
                        const struct mimo_parameters *parameters,
                        const struct mimo_compute *compute, bool keeps_activations,
                        struct mimo_arena *table, struct mimo_tensor_arena *scratch);
void mimo_clip_vit_saved_open(const struct mimo_clip_vit *vit, struct mimo_clip_saved *saved,
                              struct mimo_arena *table, struct mimo_tensor_arena *arena);

/* out[images * image_tokens, output_width] from `pixels` [images, size, size, channels] in host
 * memory; images may be 0. */
enum mimo_status mimo_clip_vit_forward(struct mimo_clip_vit *vit, struct mimo_clip_saved *saved,
                                       void *out, const uint8_t *pixels, int64_t images,
                                       struct mimo_error *err);

/* From dout (of the shape of out) back to the patches, or as far as anything learns. */
enum mimo_status mimo_clip_vit_backward(struct mimo_clip_vit *vit, struct mimo_clip_saved *saved,
                                        const void *dout, struct mimo_error *err);

#endif
