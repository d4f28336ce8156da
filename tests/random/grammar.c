#include "tests/random/grammar.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define INTEGER(kind, base, name, low, flags, number)                                              \
    {                                                                                              \
        kind, base, name, TYPE_INTEGER, flags, low, 2147483647.0, NULL, number                     \
    }
#define ANY_INTEGER(kind, name, flags, number)                                                     \
    {                                                                                              \
        kind, "", name, TYPE_INTEGER, flags, -2147483647.0, 2147483647.0, NULL, number             \
    }
#define LONG(kind, name, low, flags, words)                                                        \
    {                                                                                              \
        kind, "", name, TYPE_INTEGER, (flags) | LARGE, low, 9.2e18, words,                         \
            (words) != NULL ? NAN : 0                                                              \
    }
#define REAL(kind, base, name, low, flags)                                                         \
    {                                                                                              \
        kind, base, name, TYPE_REAL, flags, low, DBL_MAX, NULL, 0                                  \
    }
#define OTHER(kind, base, name, type, flags)                                                       \
    {                                                                                              \
        kind, base, name, type, flags, -DBL_MAX, DBL_MAX, NULL, 0                                  \
    }
#define WORD(kind, base, name, flags, words)                                                       \
    {                                                                                              \
        kind, base, name, TYPE_WORD, flags, 0, 0, words, 0                                         \
    }
#define POSITIVE    DBL_MIN
#define ACTIVATIONS " gelu gelu_tanh quick_gelu relu silu "

const struct grammar_row grammar_rows[GRAMMAR_ROW_COUNT] = {
    OTHER("model", "", "weights", TYPE_STRING, OR_NONE),
    INTEGER("language", "", "num_layers", 1, REQUIRED, 0),
    INTEGER("language", "", "hidden_size", 1, REQUIRED, 0),
    INTEGER("language", "", "num_attention_heads", 1, REQUIRED, 0),
    INTEGER("language", "", "vocab_size", 1, REQUIRED, 0),
    INTEGER("language", "", "num_query_groups", 1, 0, 1),
    INTEGER("language", "", "head_dim", 1, 0, NAN),
    INTEGER("language", "", "ffn_hidden_size", 1, 0, 4),
    INTEGER("language", "", "max_sequence_length", 1, 0, NAN),
    REAL("language", "llama", "rotary_base", POSITIVE, 0),
    WORD("language", "gpt", "activation", 0, ACTIVATIONS),
    REAL("language", "", "norm_epsilon", POSITIVE, 0),
    OTHER("language", "llama", "qkv_bias", TYPE_BOOLEAN, 0),
    OTHER("language", "", "tie_embeddings", TYPE_BOOLEAN, 0),
    OTHER("language", "", "weights", TYPE_STRING, OR_NONE),
    OTHER("language", "", "freeze", TYPE_BOOLEAN, 0),
    REAL("language", "", "lr_scale", 0, 0),
    INTEGER("moe", "", "num_experts", 1, REQUIRED, 0),
    INTEGER("moe", "", "top_k", 1, 0, 2),
    INTEGER("moe", "", "ffn_hidden_size", 1, 0, NAN),
    INTEGER("moe", "", "every", 1, 0, 1),
    REAL("moe", "", "aux_loss_coefficient", 0, 0),
    ANY_INTEGER("modality", "special_token", REQUIRED, 0),
    OTHER("modality", "", "marker", TYPE_STRING, 0),
    INTEGER("encoder", "", "num_layers", 1, REQUIRED, 0),
    INTEGER("encoder", "", "hidden_size", 1, REQUIRED, 0),
    INTEGER("encoder", "", "num_attention_heads", 1, REQUIRED, 0),
    INTEGER("encoder", "", "image_size", 1, REQUIRED, 0),
    INTEGER("encoder", "", "patch_size", 1, REQUIRED, 0),
    INTEGER("encoder", "", "ffn_hidden_size", 1, 0, 4),
    {"encoder", "", "channels", TYPE_INTEGER, 0, 1, 4, NULL, 3},
    WORD("encoder", "", "activation", 0, ACTIVATIONS),
    REAL("encoder", "", "norm_epsilon", POSITIVE, 0),
    ANY_INTEGER("encoder", "feature_layer", 0, -2),
    WORD("encoder", "", "class_token", 0, " drop keep "),
    OTHER("encoder", "", "image_mean", TYPE_REALS, 0),
    {"encoder", "", "image_std", TYPE_REALS, 0, POSITIVE, DBL_MAX, NULL, 0},
    OTHER("encoder", "", "weights", TYPE_STRING, OR_NONE),
    OTHER("encoder", "", "freeze", TYPE_BOOLEAN, 0),
    REAL("encoder", "", "lr_scale", 0, 0),
    INTEGER("projector", "mlp", "num_layers", 1, 0, 2),
    INTEGER("projector", "mlp", "hidden_size", 1, 0, NAN),
    WORD("projector", "mlp", "activation", 0, ACTIVATIONS),
    OTHER("projector", "", "bias", TYPE_BOOLEAN, 0),
    OTHER("projector", "", "encoder", TYPE_ENCODER, OR_NONE),
    OTHER("projector", "", "weights", TYPE_STRING, OR_NONE),
    OTHER("projector", "", "freeze", TYPE_BOOLEAN, 0),
    REAL("projector", "", "lr_scale", 0, 0),
    {"cluster", "", "gpus_per_node", TYPE_INTEGER, REQUIRED | LARGE, 1, 2147483647.0, NULL, 0},
    {"cluster", "", "memory", TYPE_BYTES, REQUIRED, 0, DBL_MAX, NULL, 0},
    {"cluster", "", "peak", TYPE_FLOPS, REQUIRED, 0, DBL_MAX, NULL, 0},
    {"cluster", "", "node_bandwidth", TYPE_RATE, REQUIRED, 0, DBL_MAX, NULL, 0},
    {"cluster", "", "network_bandwidth", TYPE_RATE, REQUIRED, 0, DBL_MAX, NULL, 0},
    WORD("deployment", "", "mode", REQUIRED, " colocated homogeneous heterogeneous hybrid "),
    INTEGER("deployment", "", "world_size", 1, OR_NONE, 0),
    OTHER("deployment", "", "cluster", TYPE_CLUSTER, OR_NONE),
    ANY_INTEGER("parallelism", "tensor_parallel", 0, 1),
    ANY_INTEGER("parallelism", "context_parallel", 0, 1),
    ANY_INTEGER("parallelism", "pipeline_parallel", 0, 1),
    ANY_INTEGER("parallelism", "data_parallel", OR_AUTO, 0),
    ANY_INTEGER("parallelism", "expert_parallel", 0, 1),
    ANY_INTEGER("parallelism", "expert_tensor_parallel", 0, 1),
    ANY_INTEGER("parallelism", "virtual_pipeline", 0, 1),
    {"parallelism", "", "pipeline_layout", TYPE_INTEGERS, OR_NONE, -2147483647.0, 2147483647.0,
     NULL, 0},
    OTHER("parallelism", "", "sequence_parallel", TYPE_BOOLEAN, OR_AUTO),
    ANY_INTEGER("parallelism", "rank_offset", 0, 0),
    LONG("training", "steps", 1, OR_NONE, NULL),
    REAL("training", "", "epochs", POSITIVE, OR_NONE),
    INTEGER("training", "", "global_batch", 1, REQUIRED, 0),
    INTEGER("training", "", "sequence_length", 1, REQUIRED, 0),
    INTEGER("training", "", "micro_batch", 1, 0, 1),
    WORD("training", "", "padding", 0, " longest full "),
    WORD("training", "", "precision", 0, " fp32 bf16 fp64 "),
    LONG("training", "seed", 0, 0, NULL),
    WORD("training", "", "recompute", 0, " none full "),
    WORD("training", "", "pipeline_schedule", 0, " 1f1b gpipe "),
    OTHER("training", "", "distributed_optimizer", TYPE_BOOLEAN, 0),
    {"training", "", "gradient_bucket", TYPE_INTEGER, LARGE, 1, 2147483647.0, NULL, 40000000},
    {"training", "", "log_interval", TYPE_INTEGER, LARGE, 1, 2147483647.0, NULL, 1},
    {"training", "", "eval_interval", TYPE_INTEGER, LARGE, 0, 2147483647.0, NULL, 0},
    REAL("optimizer", "", "lr", 0, REQUIRED),
    {"optimizer", "", "betas", TYPE_TWO_REALS, 0, 0, 1 - DBL_EPSILON / 2, NULL, 0},
    REAL("optimizer", "", "epsilon", POSITIVE, 0),
    REAL("optimizer", "", "weight_decay", 0, 0),
    REAL("optimizer", "", "clip_grad", 0, 0),
    LONG("schedule", "warmup_steps", 0, 0, NULL),
    REAL("schedule", "", "min_lr", 0, 0),
    WORD("data", "", "format", REQUIRED, " synthetic llava "),
    OTHER("data", "", "train", TYPE_STRING, OR_NONE),
    OTHER("data", "", "validation", TYPE_STRING, OR_NONE),
    OTHER("data", "", "media", TYPE_STRING, OR_NONE),
    OTHER("data", "", "tokenizer", TYPE_STRING, OR_NONE),
    WORD("data", "", "template", 0, " plain vicuna "),
    OTHER("data", "", "shuffle", TYPE_BOOLEAN, 0),
    WORD("data", "", "on_bad_sample", 0, " stop skip "),
    {"data", "", "max_images_per_sample", TYPE_INTEGER, OR_AUTO | LARGE, 0, 2147483647.0, NULL, 0},
    {"data", "", "images_per_sample", TYPE_PAIR, 0, 0, 2147483647.0, NULL, 1},
    OTHER("checkpoint", "", "directory", TYPE_STRING, REQUIRED),
    LONG("checkpoint", "interval", 0, REQUIRED, NULL),
    LONG("checkpoint", "keep", 1, 0, " all "),
};

const struct grammar_nesting grammar_nestings[GRAMMAR_NESTING_COUNT] = {
    {"model", ""},
    {"cluster", ""},
    {"deployment", ""},
    {"training", ""},
    {"data", ""},
    {"checkpoint", ""},
    {"language", "model"},
    {"modality", "model"},
    {"moe", "language"},
    {"encoder", "modality"},
    {"projector", "modality"},
    {"parallelism", "deployment"},
    {"optimizer", "training"},
    {"schedule", "training"},
};

const struct grammar_row *grammar_find(const struct sketch_block *block, const char *name)
{
    for (int i = 0; i < GRAMMAR_ROW_COUNT; i++) {
        if (strcmp(grammar_rows[i].kind, block->kind) == 0 &&
            strcmp(grammar_rows[i].name, name) == 0 &&
            (grammar_rows[i].base[0] == '\0' || strcmp(grammar_rows[i].base, block->base) == 0))
            return &grammar_rows[i];
    }
    return NULL;
}

bool grammar_may_stand_in(const char *kind, const char *parent)
{
    for (int i = 0; i < GRAMMAR_NESTING_COUNT; i++) {
        if (strcmp(grammar_nestings[i].kind, kind) == 0 &&
            strcmp(grammar_nestings[i].parent, parent) == 0)
            return true;
    }
    return false;
}

bool grammar_is_kind(const char *kind)
{
    for (int i = 0; i < GRAMMAR_NESTING_COUNT; i++) {
        if (strcmp(grammar_nestings[i].kind, kind) == 0)
            return true;
    }
    return false;
}

bool grammar_has_word(const char *words, const char *word)
{
    char text[SKETCH_WORD_MAX + 2];

    (void)snprintf(text, sizeof text, " %s ", word);
    return words != NULL && strstr(words, text) != NULL;
}

bool grammar_is_word(const char *word)
{
    for (int i = 0; i < GRAMMAR_ROW_COUNT; i++) {
        if (grammar_has_word(grammar_rows[i].words, word))
            return true;
    }
    return false;
}
