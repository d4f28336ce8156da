/* Valid declarations are made, not found: each number is drawn among those that its rules allow. */
#include "tests/random/draw.h"

#include <string.h>

int draw_gcd(int a, int b)
{
    return b == 0 ? a : draw_gcd(b, a % b);
}

int draw_lcm(int a, int b)
{
    return a / draw_gcd(a, b) * b;
}

int draw_divisor(struct dice *dice, int number, int most)
{
    int divisors[64], count = 0;

    for (int i = 1; i <= number && i <= most && count < 64; i++) {
        if (number % i == 0)
            divisors[count++] = i;
    }
    return divisors[dice_below(dice, count)];
}

/* ---- attributes that any number or word suits ---- */

/* Sets an attribute in some of the cases; the default does as well. */
static void maybe_word(struct drawing *drawing, int block, const char *name, const char *a,
                       const char *b)
{
    if (dice_chance(drawing->dice, 20))
        sketch_set_word(drawing->sketch, block, name, dice_chance(drawing->dice, 50) ? a : b);
}

static void maybe_real(struct drawing *drawing, int block, const char *name, double unit)
{
    if (dice_chance(drawing->dice, 20))
        (void)sketch_add(drawing->sketch, block, name,
                         sketch_real(unit * dice_between(drawing->dice, 1, 9)));
}

static void maybe_integer(struct drawing *drawing, int block, const char *name, int first, int last)
{
    if (dice_chance(drawing->dice, 20))
        sketch_set_integer(drawing->sketch, block, name, dice_between(drawing->dice, first, last));
}

static void draw_weights(struct drawing *drawing, int block)
{
    if (!drawing->is_runnable && dice_chance(drawing->dice, 10))
        (void)sketch_add(drawing->sketch, block, "weights",
                         sketch_text(SKETCH_STRING, "weights/\xC3\xA9t\xC3\xA9"));
    maybe_word(drawing, block, "freeze", "true", "false");
    maybe_real(drawing, block, "lr_scale", 0.5);
}

static const char *draw_activation(struct dice *dice)
{
    static const char *const words[] = {"gelu", "gelu_tanh", "quick_gelu", "relu", "silu"};

    return words[dice_below(dice, 5)];
}

/* ---- the language model ---- */

static void draw_experts(struct drawing *drawing, int language)
{
    struct sketch *sketch = drawing->sketch;
    const int experts = DICE_CHOOSE(drawing->dice, 2, 3, 4, 6, 8);
    const int moe = sketch_add_block(sketch, language, "moe", "", "");

    drawing->modules[0].experts = experts;
    sketch_set_integer(sketch, moe, "num_experts", experts);
    if (dice_chance(drawing->dice, 40))
        sketch_set_integer(sketch, moe, "top_k", dice_between(drawing->dice, 1, experts));
    maybe_integer(drawing, moe, "ffn_hidden_size", 1, 40);
    maybe_integer(drawing, moe, "every", 1, 3);
    maybe_real(drawing, moe, "aux_loss_coefficient", 0.01);
}

static void draw_positions(struct drawing *drawing, int language, bool is_llama)
{
    maybe_real(drawing, language, "norm_epsilon", 1e-6);
    maybe_word(drawing, language, "tie_embeddings", "true", "false");
    if (is_llama) {
        maybe_real(drawing, language, "rotary_base", 5000);
        maybe_word(drawing, language, "qkv_bias", "true", "false");
    } else {
        maybe_word(drawing, language, "activation", draw_activation(drawing->dice), "gelu");
    }
}

/* The width is heads * head_dim, or any where head_dim is given. */
static int draw_width(struct drawing *drawing, int block, int heads, bool is_llama)
{
    const int head_dim = (is_llama ? 2 : 1) * dice_between(drawing->dice, 1, 6);
    int width = heads * head_dim;

    if (dice_chance(drawing->dice, 25)) {
        sketch_set_integer(drawing->sketch, block, "head_dim", head_dim);
        if (dice_chance(drawing->dice, 60))
            width = dice_between(drawing->dice, 4, 50);
    }
    sketch_set_integer(drawing->sketch, block, "hidden_size", width);
    return width;
}

static int draw_language(struct drawing *drawing, int model)
{
    static const char *const names[] = {"llm", "lm", "decoder"};
    struct dice *dice = drawing->dice;
    struct drawn_module *module = &drawing->modules[drawing->module_count++];
    const bool is_llama = dice_chance(dice, 65);
    const int block = sketch_add_block(drawing->sketch, model, "language",
                                       names[dice_below(dice, 3)], is_llama ? "llama" : "gpt");
    int width;

    *module = (struct drawn_module){.is_language = true, .twin = SKETCH_NONE};
    sketch_copy_word(module->name, drawing->sketch->blocks[block].name);
    module->heads = module->groups = DICE_CHOOSE(dice, 1, 2, 3, 4, 6, 8, 12);
    module->layers = dice_between(dice, 1, drawing->is_runnable ? 4 : 12);
    sketch_set_integer(drawing->sketch, block, "num_layers", module->layers);
    sketch_set_integer(drawing->sketch, block, "num_attention_heads", module->heads);
    width = draw_width(drawing, block, module->heads, is_llama);
    sketch_set_integer(drawing->sketch, block, "vocab_size", dice_between(dice, 40, 120));
    if (dice_chance(dice, 40)) {
        module->groups = draw_divisor(dice, module->heads, module->heads);
        sketch_set_integer(drawing->sketch, block, "num_query_groups", module->groups);
    }
    maybe_integer(drawing, block, "ffn_hidden_size", 4, 60);
    draw_positions(drawing, block, is_llama);
    draw_weights(drawing, block);
    if (is_llama && dice_chance(dice, 45))
        draw_experts(drawing, block);
    return width;
}

/* ---- modalities ---- */

static void draw_colours(struct drawing *drawing, int block)
{
    const int channels = DICE_CHOOSE(drawing->dice, 3, 3, 3, 1, 2, 4);
    struct sketch_value list = sketch_text(SKETCH_LIST, "");

    if (channels == 3 && dice_chance(drawing->dice, 80))
        return;
    sketch_set_integer(drawing->sketch, block, "channels", channels);
    list.is_real_list = true;
    list.item_count = channels;
    for (int i = 0; i < channels; i++)
        list.items[i] = 0.25 * (i + 1);
    (void)sketch_add(drawing->sketch, block, "image_mean", list);
    (void)sketch_add(drawing->sketch, block, "image_std", list);
}

/* Returns the tokens of an image. */
static int draw_image(struct drawing *drawing, int block)
{
    const int patch = dice_between(drawing->dice, 1, 4), side = dice_between(drawing->dice, 1, 3);
    const bool keeps_class = dice_chance(drawing->dice, 20);

    sketch_set_integer(drawing->sketch, block, "patch_size", patch);
    sketch_set_integer(drawing->sketch, block, "image_size", (int64_t)patch * side);
    if (keeps_class || dice_chance(drawing->dice, 20))
        sketch_set_word(drawing->sketch, block, "class_token", keeps_class ? "keep" : "drop");
    draw_colours(drawing, block);
    return side * side + keeps_class;
}

static void draw_depth(struct drawing *drawing, int block, struct drawn_module *module)
{
    const int layers = dice_between(drawing->dice, 1, drawing->is_runnable ? 4 : 10);
    int feature_layer = -2;

    if (dice_chance(drawing->dice, 40)) {
        feature_layer = dice_between(drawing->dice, -layers - 1, layers);
        sketch_set_integer(drawing->sketch, block, "feature_layer", feature_layer);
    }
    sketch_set_integer(drawing->sketch, block, "num_layers", layers);
    module->layers = feature_layer < 0 ? layers + 1 + feature_layer : feature_layer;
}

/* `width` is the width that it must have, or 0. Returns its block. */
static int draw_encoder(struct drawing *drawing, int modality, int width, int *tokens)
{
    static const char *const names[] = {"", "clip", "vit", "dino"};
    struct drawn_module *module = &drawing->modules[drawing->module_count];
    const int block = sketch_add_block(drawing->sketch, modality, "encoder",
                                       names[drawing->module_count], "clip_vit");

    *module = (struct drawn_module){.twin = SKETCH_NONE};
    sketch_copy_word(module->name, names[drawing->module_count++]);
    module->heads = width > 0 ? draw_divisor(drawing->dice, width, 8)
                              : DICE_CHOOSE(drawing->dice, 1, 2, 3, 4, 6);
    module->groups = module->heads;
    sketch_set_integer(drawing->sketch, block, "num_attention_heads", module->heads);
    if (width == 0)
        width = module->heads * dice_between(drawing->dice, 1, 6);
    sketch_set_integer(drawing->sketch, block, "hidden_size", width);
    draw_depth(drawing, block, module);
    *tokens += draw_image(drawing, block);
    maybe_integer(drawing, block, "ffn_hidden_size", 4, 40);
    maybe_word(drawing, block, "activation", draw_activation(drawing->dice), "relu");
    maybe_real(drawing, block, "norm_epsilon", 1e-6);
    draw_weights(drawing, block);
    return block;
}

/* `encoder` is the name of the one that it follows, or NULL for all that are left. */
static void draw_projector(struct drawing *drawing, int modality, const char *encoder)
{
    static const char *const names[] = {"mm_projector", "bridge_mlp", "third", "fourth"};
    const bool is_mlp = dice_chance(drawing->dice, 70);
    int count = 0, block;

    for (int i = 0; i < drawing->sketch->block_count; i++)
        count += strcmp(drawing->sketch->blocks[i].kind, "projector") == 0;
    block = sketch_add_block(drawing->sketch, modality, "projector", names[count],
                             is_mlp ? "mlp" : "linear");
    if (encoder != NULL)
        sketch_set_word(drawing->sketch, block, "encoder", encoder);
    if (is_mlp) {
        maybe_integer(drawing, block, "num_layers", 1, 3);
        maybe_integer(drawing, block, "hidden_size", 2, 30);
        maybe_word(drawing, block, "activation", draw_activation(drawing->dice), "gelu");
    }
    maybe_word(drawing, block, "bias", "true", "false");
    draw_weights(drawing, block);
}

static int width_of(struct drawing *drawing, int encoder)
{
    return (int)sketch_find(drawing->sketch, encoder, "hidden_size")->value.integer;
}

static void draw_one_encoder(struct drawing *drawing, int modality, int width, int *tokens)
{
    const bool is_bare = dice_chance(drawing->dice, 15);
    const int encoder = draw_encoder(drawing, modality, is_bare ? width : 0, tokens);

    if (!is_bare)
        draw_projector(drawing, modality,
                       dice_chance(drawing->dice, 30) ? drawing->sketch->blocks[encoder].name
                                                      : NULL);
}

/* Two encoders: the second one without projector (1), each with its own (2), or one for both. */
static void draw_two_encoders(struct drawing *drawing, int modality, int width, int *tokens)
{
    const int choice = dice_below(drawing->dice, 5);
    const int first = draw_encoder(drawing, modality, 0, tokens);
    const int wanted = choice == 1 ? width : choice == 2 ? 0 : width_of(drawing, first);
    const int second = draw_encoder(drawing, modality, wanted, tokens);

    if (choice != 1 && choice != 2) {
        draw_projector(drawing, modality, NULL);
        drawing->modules[drawing->module_count - 1].twin = drawing->module_count - 2;
        return;
    }
    draw_projector(drawing, modality, drawing->sketch->blocks[first].name);
    if (choice == 2)
        draw_projector(drawing, modality,
                       dice_chance(drawing->dice, 50) ? drawing->sketch->blocks[second].name
                                                      : NULL);
}

static void draw_modality(struct drawing *drawing, int model, int index, int width, int encoders,
                          bool needs_marker)
{
    static const char *const names[] = {"images", "depth"};
    static const char *const markers[] = {"<image>", "<depth>"};
    const int modality = sketch_add_block(drawing->sketch, model, "modality", names[index], "");
    int tokens = 0;

    sketch_set_integer(drawing->sketch, modality, "special_token",
                       39 - index * dice_between(drawing->dice, 1, 30));
    if (needs_marker || dice_chance(drawing->dice, 20))
        (void)sketch_add(drawing->sketch, modality, "marker",
                         sketch_text(SKETCH_STRING, markers[index]));
    if (encoders == 1)
        draw_one_encoder(drawing, modality, width, &tokens);
    else
        draw_two_encoders(drawing, modality, width, &tokens);
    drawing->image_tokens += tokens;
}

static void draw_model(struct drawing *drawing)
{
    const int model = sketch_add_block(drawing->sketch, SKETCH_NONE, "model", "tiny", "");
    const int width = draw_language(drawing, model);
    const int choice = dice_below(drawing->dice, 10);

    if (choice == 0) /* text alone */
        return;
    if (!drawing->is_runnable && dice_chance(drawing->dice, 10))
        (void)sketch_add(drawing->sketch, model, "weights", sketch_text(SKETCH_STRING, "llava"));
    draw_modality(drawing, model, 0, width, choice < 6 ? 1 : 2, choice > 7);
    if (choice > 7)
        draw_modality(drawing, model, 1, width, 1, true);
}

/* ---- training and data ---- */

static void draw_optimizer(struct drawing *drawing, int training)
{
    const int block = sketch_add_block(drawing->sketch, training, "optimizer", "", "adamw");
    static const char *const schedules[] = {"constant", "linear", "cosine"};

    (void)sketch_add(drawing->sketch, block, "lr",
                     sketch_real(1e-4 * dice_between(drawing->dice, 1, 30)));
    if (dice_chance(drawing->dice, 20)) {
        struct sketch_value betas = sketch_text(SKETCH_LIST, "");

        betas.is_real_list = true;
        betas.item_count = 2;
        betas.items[0] = betas.items[1] = 0.9;
        (void)sketch_add(drawing->sketch, block, "betas", betas);
    }
    maybe_real(drawing, block, "epsilon", 1e-9);
    maybe_real(drawing, block, "weight_decay", 0.01);
    maybe_real(drawing, block, "clip_grad", 0.5);
    if (dice_chance(drawing->dice, 40)) {
        const int schedule = sketch_add_block(drawing->sketch, training, "schedule", "",
                                              schedules[dice_below(drawing->dice, 3)]);
        maybe_integer(drawing, schedule, "warmup_steps", 0, 5);
        maybe_real(drawing, schedule, "min_lr", 1e-6);
    }
}

static void draw_options(struct drawing *drawing, int training)
{
    maybe_word(drawing, training, "padding", "longest", "full");
    if (drawing->is_runnable) {
        sketch_set_word(drawing->sketch, training, "precision", "fp64");
        maybe_integer(drawing, training, "gradient_bucket", 1, 9999);
    } else {
        maybe_word(drawing, training, "precision", "bf16", "fp32");
    }
    maybe_word(drawing, training, "recompute", "none", "full");
    maybe_word(drawing, training, "pipeline_schedule", "1f1b", "gpipe");
    maybe_word(drawing, training, "distributed_optimizer", "true", "false");
    maybe_integer(drawing, training, "seed", 0, 9999);
    maybe_integer(drawing, training, "log_interval", 1, 9);
    maybe_integer(drawing, training, "eval_interval", 0, 9);
}

/* The batch and the sequence that the deployments can divide and the images leave room in. */
static void draw_batch(struct drawing *drawing, int training, int tokens)
{
    struct dice *dice = drawing->dice;
    const int micro_batch = drawing->samples_unit * DICE_CHOOSE(dice, 1, 1, 2, 3);
    const int steps = dice_between(dice, 1, drawing->is_runnable ? 4 : 9);
    const int pieces = drawing->sequence_pieces;
    const int length = (tokens + 2 + pieces - 1) / pieces * pieces + pieces * dice_below(dice, 3);
    const int language = sketch_child(drawing->sketch, 0, "language", NULL);

    if (micro_batch != 1 || dice_chance(dice, 30))
        sketch_set_integer(drawing->sketch, training, "micro_batch", micro_batch);
    sketch_set_integer(drawing->sketch, training, "global_batch",
                       (int64_t)micro_batch * drawing->replicas * steps);
    sketch_set_integer(drawing->sketch, training, "sequence_length", length);
    if (dice_chance(dice, 20))
        sketch_set_integer(drawing->sketch, language, "max_sequence_length",
                           length + dice_below(dice, 9));
}

static void draw_files(struct drawing *drawing, int data)
{
    (void)sketch_add(drawing->sketch, data, "train", sketch_text(SKETCH_STRING, "train.json"));
    (void)sketch_add(drawing->sketch, data, "tokenizer", sketch_text(SKETCH_STRING, "bytes"));
    if (dice_chance(drawing->dice, 50))
        (void)sketch_add(drawing->sketch, data, "media", sketch_text(SKETCH_STRING, "images"));
    maybe_word(drawing, data, "template", "plain", "vicuna");
    maybe_word(drawing, data, "on_bad_sample", "stop", "skip");
    maybe_word(drawing, data, "shuffle", "true", "false");
}

/* Numbers of images from one to another; what is trained has mostly samples without any, too. */
static int draw_images(struct drawing *drawing, int data)
{
    const int most = dice_below(drawing->dice, 4);
    const bool has_none = drawing->is_runnable && dice_chance(drawing->dice, 60);
    struct sketch_value pair = sketch_text(SKETCH_LIST, "");

    pair.item_count = 2;
    pair.items[0] = has_none ? 0 : dice_below(drawing->dice, most + 1);
    pair.items[1] = most;
    (void)sketch_add(
        drawing->sketch, data, "images_per_sample",
        dice_chance(drawing->dice, drawing->is_runnable ? 85 : 50) ? pair : sketch_integer(most));
    return most;
}

/* Returns the most images of one modality in a sample. */
static int draw_data(struct drawing *drawing, bool is_synthetic)
{
    const int data = sketch_add_block(drawing->sketch, SKETCH_NONE, "data", "", "");

    sketch_set_word(drawing->sketch, data, "format", is_synthetic ? "synthetic" : "llava");
    if (!is_synthetic)
        draw_files(drawing, data);
    else if (dice_chance(drawing->dice, drawing->is_runnable ? 85 : 50))
        return draw_images(drawing, data);
    return 1;
}

static void draw_training(struct drawing *drawing)
{
    const bool is_synthetic = drawing->is_runnable || dice_chance(drawing->dice, 60);
    const int training = sketch_add_block(drawing->sketch, SKETCH_NONE, "training", "", "");

    if (!is_synthetic && dice_chance(drawing->dice, 50))
        (void)sketch_add(drawing->sketch, training, "epochs", sketch_real(1.5));
    else
        sketch_set_integer(drawing->sketch, training, "steps",
                           dice_between(drawing->dice, 3, 3 + 97 * !drawing->is_runnable));
    draw_batch(drawing, training, drawing->image_tokens * draw_data(drawing, is_synthetic));
    draw_options(drawing, training);
    draw_optimizer(drawing, training);
}

static void draw_checkpoint(struct drawing *drawing)
{
    const int block = sketch_add_block(drawing->sketch, SKETCH_NONE, "checkpoint", "", "");

    (void)sketch_add(drawing->sketch, block, "directory", sketch_text(SKETCH_STRING, "runs"));
    sketch_set_integer(drawing->sketch, block, "interval", dice_below(drawing->dice, 50));
    if (dice_chance(drawing->dice, 50))
        sketch_set_integer(drawing->sketch, block, "keep", dice_between(drawing->dice, 1, 5));
    else
        maybe_word(drawing, block, "keep", "all", "all");
}

void sketch_draw(struct sketch *sketch, struct dice *dice, const struct sketch_options *options)
{
    struct drawing drawing = {.sketch = sketch,
                              .dice = dice,
                              .is_runnable = options->is_runnable,
                              .samples_unit = 1,
                              .replicas = 1,
                              .sequence_pieces = 1};

    *sketch = (struct sketch){.block_count = 0};
    draw_model(&drawing);
    draw_deployments(&drawing);
    draw_training(&drawing);
    if (!options->is_runnable && dice_chance(dice, 30))
        draw_checkpoint(&drawing);
}
