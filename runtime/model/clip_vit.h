/*
 * clip_vit.h - CLIP's vision transformer on one rank (Radford et al. 2021): patches, class token,
 * learned positions, layers (pre_norm_layer.h), and the projector behind it; tensor-parallel, and
 * context-parallel: each rank has a piece of every image's tokens.
 *
 * Its stages on a rank share its weights and scratch and take turns. The first one embeds patches,
 * the last one has the projector; between them goes the residual stream.
 *
 * Shapes: I images, of each of which this rank holds T tokens (class token included), P patches and
 * F features: the tokens that go on, without the class token unless it is kept. rows = I * T; H
 * hidden size. The output has `image_tokens` rows an image of the language model's width, those of
 * all context-parallel ranks.
 */
#ifndef MIMO_RUNTIME_MODEL_CLIP_VIT_H
#define MIMO_RUNTIME_MODEL_CLIP_VIT_H

#include "runtime/model/pre_norm_layer.h"
#include "runtime/model/projector.h"

struct mimo_clip_vit {
    const struct mimo_plan_module *plan;
    struct mimo_compute compute;
    struct mimo_sizes sizes; /* the shapes of all tensors below (plan/tensors.h) */
    struct mimo_pre_norm layers;
    struct mimo_image_share share; /* T, P, F and which they are */
    int64_t hidden, patch_width;   /* H, channels * patch² */
    int64_t output_width;
    /* of the stages that are here */
    struct mimo_weight class_embedding, patch_embedding, positions, pre_norm, pre_norm_bias;
    struct mimo_projector projector;
    bool has_projector, trains;
    int64_t images_max;
    /* scratch, good within one call */
    uint8_t *pixels;   /* [I, size, size, channels] */
    void *dx, *rows_a; /* [rows, H] */
    void *d_qkv, *d_attention, *d_up;
    void *features_gradient; /* [I * F, H] */
    void *own_output; /* [I * F, output_width]: what this rank has of the output, or its gradient;
                         NULL where it has all */
    struct mimo_attention_scratch attention;
    struct mimo_saved_layer recomputed; /* a layer while it is computed again */
};

struct mimo_clip_stage {
    struct mimo_clip_vit *vit;
    struct mimo_layers layers;
    bool is_first, is_last;
};

/* What a stage keeps of a micro-step. */
struct mimo_clip_saved {
    struct mimo_saved_layer *layers;
    void *x_out;          /* [rows, H]: the stream behind the last layer, */
    const void *residual; /* still to be added */
    struct mimo_layer_pass pass;
    /* the first stage */
    void *patches;                  /* [I * P, patch_width] */
    void *embedded, *mean0, *rstd0; /* in front of the pre-norm */
    /* the last stage */
    void *features; /* [I * F, H]: the projector's input */
    struct mimo_projector_saved projector;
};

/* What of an encoder a rank holds. */
struct mimo_clip_parts {
    uint32_t module;
    bool has_output; /* its last stage */
    bool recomputes; /* layers are computed again in backward */
};

/* As for mimo_language_open, mimo_language_stage_open and mimo_language_saved_open. */
void mimo_clip_vit_open(struct mimo_clip_vit *vit, const struct mimo_plan *plan,
                        const struct mimo_clip_parts *parts,
                        const struct mimo_parameters *parameters,
                        const struct mimo_compute *compute, struct mimo_arena *table,
                        struct mimo_tensor_arena *scratch);
void mimo_clip_stage_open(struct mimo_clip_stage *stage, struct mimo_clip_vit *vit,
                          const struct mimo_plan *plan, const struct mimo_plan_place *place,
                          enum mimo_keeping keeping, const struct mimo_parameters *parameters,
                          struct mimo_arena *table);
void mimo_clip_saved_open(const struct mimo_clip_stage *stage, struct mimo_clip_saved *saved,
                          struct mimo_arena *table, struct mimo_tensor_arena *arena);

/* The first stage takes pixels [images, size, size, channels] in host memory as `in`, later ones
 * the stream [rows, H]; images may be 0. From all but the last one the stream leaves, [rows,
 * columns] into `out`. */
enum mimo_status mimo_clip_vit_forward(struct mimo_clip_stage *stage, struct mimo_clip_saved *saved,
                                       const void *in, int64_t images, struct mimo_error *err);
void mimo_clip_vit_leave(const struct mimo_clip_vit *vit, const struct mimo_clip_saved *saved,
                         const struct mimo_columns *columns, void *out);

/* What follows on the last stage: out[images * image_tokens, output width]. Where the ranks of the
 * module's group tp_cp have pieces of the images, each fills in some rows and zeros for the others:
 * their sum over the group is the output. */
enum mimo_status mimo_clip_vit_features(struct mimo_clip_vit *vit, struct mimo_clip_saved *saved,
                                        void *out, struct mimo_error *err);

/* A part of the way from the gradient of what the stage gave (on the last one: of the whole output)
 * back as far as anything learns. Behind the last part the gradient of the stream in front of it
 * leaves for the stage before as the stream does. */
enum mimo_status mimo_clip_vit_backward(struct mimo_clip_stage *stage,
                                        struct mimo_clip_saved *saved, const void *d_out,
                                        const struct mimo_backward_part *part,
                                        struct mimo_error *err);
void mimo_clip_vit_leave_backward(const struct mimo_clip_vit *vit,
                                  const struct mimo_clip_saved *saved,
                                  const struct mimo_columns *columns, void *d_in);

#endif
