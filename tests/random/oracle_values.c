/* The first half of the oracle: blocks in effect, values, types, ranges, references. */
#include "tests/random/oracle.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* ---- the language's tables, as LANGUAGE.md section 3 has them ---- */

enum type {
    TYPE_INTEGER,
    TYPE_REAL,
    TYPE_BOOLEAN,
    TYPE_STRING,
    TYPE_WORD,
    TYPE_INTEGERS,
    TYPE_REALS,
    TYPE_PAIR, /* an integer or [low, high] */
    TYPE_TWO_REALS,
    TYPE_BYTES,
    TYPE_FLOPS,
    TYPE_RATE,
    TYPE_CLUSTER,
    TYPE_ENCODER,
};

enum { DEPTH_MAX = 60 }; /* of values that depend on values: more is a circle */
enum { REQUIRED = 1, OR_AUTO = 2, OR_NONE = 4, LARGE = 8 };

struct row {
    const char *kind, *base, *name;
    enum type type;
    unsigned flags;
    double low, high;
    const char *words; /* " a b " */
    double number;     /* the default of a number; NAN: it depends on others */
};

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

static const struct row rows[] = {
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
enum { ROW_COUNT = sizeof rows / sizeof *rows };

/* Where each kind of block may stand. */
static const struct {
    const char *kind, *parent;
} nestings[] = {
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
enum { NESTING_COUNT = sizeof nestings / sizeof *nestings };

static const struct row *find_row(const struct sketch_block *block, const char *name)
{
    for (int i = 0; i < ROW_COUNT; i++) {
        if (strcmp(rows[i].kind, block->kind) == 0 && strcmp(rows[i].name, name) == 0 &&
            (rows[i].base[0] == '\0' || strcmp(rows[i].base, block->base) == 0))
            return &rows[i];
    }
    return NULL;
}

static bool may_stand_in(const char *kind, const char *parent)
{
    for (int i = 0; i < NESTING_COUNT; i++) {
        if (strcmp(nestings[i].kind, kind) == 0 && strcmp(nestings[i].parent, parent) == 0)
            return true;
    }
    return false;
}

static bool is_kind(const char *kind)
{
    for (int i = 0; i < NESTING_COUNT; i++) {
        if (strcmp(nestings[i].kind, kind) == 0)
            return true;
    }
    return false;
}

/* ---- findings ---- */

void oracle_verdict_add(struct oracle_verdict *verdict, const char *code, struct sketch_place place)
{
    struct oracle_finding *finding = &verdict->items[verdict->count];

    for (int i = 0; i < verdict->count; i++) {
        const struct oracle_finding *other = &verdict->items[i];

        if (strcmp(other->code, code) == 0 && other->place.line == place.line &&
            other->place.column == place.column)
            return;
    }
    if (verdict->count == ORACLE_FINDINGS_MAX - 1) {
        verdict->is_too_large = true;
        return;
    }
    (void)snprintf(finding->code, sizeof finding->code, "%s", code);
    finding->place = place;
    verdict->count++;
}

bool oracle_stands_before(struct sketch_place a, struct sketch_place b)
{
    return a.line != b.line ? a.line < b.line : a.column < b.column;
}

/* ---- blocks in effect ---- */

static bool is_present(const struct oracle *oracle, int block)
{
    for (; block != SKETCH_NONE; block = oracle->sketch->blocks[block].parent) {
        if (oracle->sketch->blocks[block].is_removed)
            return false;
    }
    return true;
}

static const char *kind_of_parent(const struct oracle *oracle, int block)
{
    const int parent = oracle->sketch->blocks[block].parent;

    return parent == SKETCH_NONE ? "" : oracle->sketch->blocks[parent].kind;
}

static bool is_same_block(const struct sketch_block *a, const struct sketch_block *b)
{
    return a->parent == b->parent && strcmp(a->kind, b->kind) == 0 &&
           (sketch_is_variant(a) || strcmp(a->name, b->name) == 0);
}

/* A block of the same kind and name stands before it. */
static bool is_second(const struct oracle *oracle, int block)
{
    const struct sketch *sketch = oracle->sketch;

    for (int i = 0; i < sketch->block_count; i++) {
        if (i != block && is_present(oracle, i) &&
            is_same_block(&sketch->blocks[i], &sketch->blocks[block]) &&
            oracle_stands_before(sketch->blocks[i].kind_place, sketch->blocks[block].kind_place))
            return true;
    }
    return false;
}

static bool stands_for_same(const struct sketch_block *a, const struct sketch_block *b)
{
    return strcmp(a->kind, b->kind) == 0 && (sketch_is_variant(a) || strcmp(a->name, b->name) == 0);
}

/* The own children, in the order of the file. */
static int own_children(struct oracle *oracle, int block, const char *kind, int *out)
{
    const struct sketch *sketch = oracle->sketch;
    int count = 0;

    for (int i = 0; i < sketch->block_count; i++) {
        int at = count;

        if (sketch->blocks[i].parent != block || sketch->blocks[i].is_removed ||
            strcmp(sketch->blocks[i].kind, kind) != 0 || is_second(oracle, i))
            continue;
        for (; at > 0 && oracle_stands_before(sketch->blocks[i].kind_place,
                                              sketch->blocks[out[at - 1]].kind_place);
             at--)
            out[at] = out[at - 1];
        out[at] = i;
        count++;
    }
    return count;
}

int oracle_children(struct oracle *oracle, int block, const char *kind,
                    int out_blocks[SKETCH_BLOCKS_MAX])
{
    const int base = sketch_base_of(oracle->sketch, block);
    int own[SKETCH_BLOCKS_MAX], count, own_count;

    count = base == SKETCH_NONE ? 0 : oracle_children(oracle, base, kind, out_blocks);
    own_count = own_children(oracle, block, kind, own);
    for (int i = 0; i < own_count; i++) {
        int at = 0;

        while (at < count && !stands_for_same(&oracle->sketch->blocks[own[i]],
                                              &oracle->sketch->blocks[out_blocks[at]]))
            at++;
        out_blocks[at] = own[i];
        count += at == count;
    }
    return count;
}

/* A block of a known kind in the wrong place may have been meant for the block before it. */
static bool precedes_misplaced(struct oracle *oracle, int block)
{
    const struct sketch *sketch = oracle->sketch;
    const struct sketch_block *at = &sketch->blocks[block];

    for (int i = 0; i < sketch->block_count; i++) {
        const struct sketch_block *other = &sketch->blocks[i];
        bool is_next = is_present(oracle, i) && other->parent == at->parent &&
                       is_kind(other->kind) &&
                       !may_stand_in(other->kind, kind_of_parent(oracle, i)) &&
                       oracle_stands_before(at->kind_place, other->kind_place);

        for (int j = 0; is_next && j < sketch->block_count; j++)
            is_next = j == block || j == i || sketch->blocks[j].is_removed ||
                      sketch->blocks[j].parent != at->parent ||
                      oracle_stands_before(sketch->blocks[j].kind_place, at->kind_place) ||
                      oracle_stands_before(other->kind_place, sketch->blocks[j].kind_place);
        if (is_next)
            return true;
    }
    return false;
}

static bool has_lost_base(const struct oracle *oracle, int block)
{
    const struct sketch_block *at = &oracle->sketch->blocks[block];

    return at->parent == SKETCH_NONE && at->base[0] != '\0' &&
           sketch_base_of(oracle->sketch, block) == SKETCH_NONE;
}

bool oracle_is_damaged(struct oracle *oracle, int block)
{
    struct sketch *sketch = oracle->sketch;
    const struct sketch_block *at = &sketch->blocks[block];
    const int base = sketch_base_of(sketch, block);

    if (precedes_misplaced(oracle, block) ||
        (!sketch_is_variant(at) && has_lost_base(oracle, sketch_root(sketch, block))))
        return true;
    for (int i = 0; i < at->attribute_count; i++) {
        if (find_row(at, at->attributes[i].name) == NULL)
            return true;
    }
    for (int i = 0; i < sketch->block_count; i++) {
        if (sketch->blocks[i].parent == block && !sketch->blocks[i].is_removed &&
            !may_stand_in(sketch->blocks[i].kind, at->kind))
            return true;
    }
    return base != SKETCH_NONE && oracle_is_damaged(oracle, base);
}

/* The attribute in effect and the block that it is written in, or NULL. */
static struct sketch_attribute *look_up(struct oracle *oracle, int block, const char *name,
                                        int *out_block)
{
    for (; block != SKETCH_NONE; block = sketch_base_of(oracle->sketch, block)) {
        struct sketch_attribute *attribute = sketch_find(oracle->sketch, block, name);

        *out_block = block;
        if (attribute != NULL)
            return attribute;
    }
    return NULL;
}

bool oracle_is_set(struct oracle *oracle, int block, const char *name)
{
    int owner;

    return look_up(oracle, block, name, &owner) != NULL;
}

struct sketch_place oracle_place(struct oracle *oracle, int block, const char *name)
{
    const struct sketch_attribute *attribute = sketch_find(oracle->sketch, block, name);

    return attribute != NULL ? attribute->place : oracle->sketch->blocks[block].name_place;
}

/* ---- values ---- */

static struct oracle_value unknown(void)
{
    return (struct oracle_value){.kind = ORACLE_NOTHING};
}

static struct oracle_value integer(int64_t number)
{
    return (struct oracle_value){.kind = ORACLE_INTEGER, .integer = number, .real = (double)number};
}

static struct oracle_value wrong(const char *code, struct sketch_place place)
{
    struct oracle_value value = {.kind = ORACLE_NOTHING, .place = place};

    (void)snprintf(value.error, sizeof value.error, "%s", code);
    return value;
}

static bool has_word(const char *words, const char *word)
{
    char text[SKETCH_WORD_MAX + 2];

    (void)snprintf(text, sizeof text, " %s ", word);
    return words != NULL && strstr(words, text) != NULL;
}

static bool is_word_of_language(const char *word)
{
    for (int i = 0; i < ROW_COUNT; i++) {
        if (has_word(rows[i].words, word))
            return true;
    }
    return false;
}

/* A bare word: of the enumeration, a literal, the name of a block, of another enumeration (which is
 * then of the wrong type), or nothing. */
static struct oracle_value read_word(const char *word, const struct row *row,
                                     struct sketch_place place)
{
    struct oracle_value value = {.kind = ORACLE_WORD, .text = word};

    if (has_word(row->words, word))
        return value;
    if (row->words != NULL && strcmp(word, "true") != 0 && strcmp(word, "false") != 0)
        return wrong("E0302", place);
    if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0)
        value.kind = ORACLE_BOOLEAN;
    else if (strcmp(word, "auto") == 0)
        value.kind = ORACLE_AUTO;
    else if (strcmp(word, "none") == 0)
        value.kind = ORACLE_NO;
    else if (row->type == TYPE_CLUSTER || row->type == TYPE_ENCODER)
        value.kind = ORACLE_STRING;
    else
        return wrong(is_word_of_language(word) ? "E0301" : "E0204", place);
    value.integer = strcmp(word, "true") == 0;
    return value;
}

static struct oracle_value calculate(const struct oracle_value *target,
                                     const struct sketch_value *value, struct sketch_place place)
{
    const int64_t a = target->integer, b = value->operand;

    if (target->kind == ORACLE_NOTHING || value->operation == 0) {
        struct oracle_value same = *target;

        same.error[0] = '\0';
        return same;
    }
    if (target->kind != ORACLE_INTEGER)
        return wrong("E0301", place);
    switch (value->operation) {
    case '+':
        return integer(a + b);
    case '-':
        return integer(a - b);
    case '*':
        return integer(a * b);
    default:
        return a % b == 0 ? integer(a / b) : wrong("E0303", place);
    }
}

static struct oracle_value read_value(struct oracle *oracle, int block,
                                      const struct sketch_value *value, const struct row *row,
                                      struct sketch_place place);

static struct oracle_value read_param(struct oracle *oracle, int index)
{
    static const struct row any = {.name = "param"};
    const struct sketch_param *param = &oracle->sketch->params[index];

    return read_value(oracle, SKETCH_NONE, &param->value, &any, param->value_place);
}

/* E0203 says so already. */
static bool is_called_missing(const struct oracle *oracle, int block)
{
    return strcmp(oracle->sketch->blocks[block].kind, "training") == 0;
}

static struct oracle_value follow(struct oracle *oracle, const struct sketch_value *value,
                                  struct sketch_place place)
{
    struct oracle_value target;

    if (value->param != SKETCH_NONE)
        target = read_param(oracle, value->param);
    else if (!is_present(oracle, value->block) && is_called_missing(oracle, value->block))
        return unknown();
    else if (!is_present(oracle, value->block))
        return wrong("E0204", place);
    else
        target = oracle_value(oracle, value->block, value->attribute);
    return calculate(&target, value, place);
}

static struct oracle_value read_value(struct oracle *oracle, int block,
                                      const struct sketch_value *value, const struct row *row,
                                      struct sketch_place place)
{
    (void)block;
    switch (value->kind) {
    case SKETCH_INTEGER:
        return integer(value->integer);
    case SKETCH_REAL:
        return (struct oracle_value){.kind = ORACLE_REAL, .real = value->real};
    case SKETCH_QUANTITY:
        return (struct oracle_value){.kind = ORACLE_QUANTITY, .unit = value->unit};
    case SKETCH_STRING:
        return (struct oracle_value){.kind = ORACLE_STRING, .text = value->text, .unit = '"'};
    case SKETCH_WORD:
        return read_word(value->text, row, place);
    case SKETCH_LIST:
        return (struct oracle_value){
            .kind = ORACLE_LIST, .items = value->items, .item_count = value->item_count};
    case SKETCH_REFERENCE:
        return follow(oracle, value, place);
    case SKETCH_RAW:
        break;
    }
    /* an unknown word within an expression is first no word of the enumeration */
    return wrong(row->words != NULL && strcmp(value->text, "nowhere + 1") == 0 ? "E0302"
                                                                               : value->error,
                 place);
}

/* ---- types and ranges ---- */

static bool is_number(const struct oracle_value *value)
{
    return value->kind == ORACLE_INTEGER || value->kind == ORACLE_REAL;
}

static bool has_type(const struct row *row, const struct oracle_value *value)
{
    if ((value->kind == ORACLE_AUTO && (row->flags & OR_AUTO) != 0) ||
        (value->kind == ORACLE_NO && (row->flags & OR_NONE) != 0) || value->kind == ORACLE_WORD)
        return true;
    switch (row->type) {
    case TYPE_INTEGER:
        return value->kind == ORACLE_INTEGER;
    case TYPE_REAL:
        return is_number(value);
    case TYPE_BOOLEAN:
        return value->kind == ORACLE_BOOLEAN;
    case TYPE_STRING:
        return value->kind == ORACLE_STRING;
    case TYPE_WORD:
        return false;
    case TYPE_INTEGERS:
    case TYPE_REALS:
        return value->kind == ORACLE_LIST;
    case TYPE_PAIR:
        return value->kind == ORACLE_INTEGER ||
               (value->kind == ORACLE_LIST && value->item_count == 2);
    case TYPE_TWO_REALS:
        return value->kind == ORACLE_LIST && value->item_count == 2;
    case TYPE_BYTES:
        return value->kind == ORACLE_QUANTITY && value->unit == 'b';
    case TYPE_FLOPS:
        return value->kind == ORACLE_QUANTITY && value->unit == 'f';
    case TYPE_RATE:
        return value->kind == ORACLE_QUANTITY && value->unit == 'r';
    case TYPE_CLUSTER:
    case TYPE_ENCODER:
        return value->kind == ORACLE_STRING && value->unit == 0;
    }
    return false;
}

static bool is_in_range(const struct row *row, const struct oracle_value *value)
{
    for (int i = 0; value->kind == ORACLE_LIST && i < value->item_count; i++) {
        if (value->items[i] < row->low || value->items[i] > row->high)
            return false;
    }
    return !is_number(value) || (value->real >= row->low && value->real <= row->high);
}

/* The block that stands for this one where it is derived from. */
static int in_effect(const struct oracle *oracle, int block)
{
    while (sketch_derived_from(oracle->sketch, block) != SKETCH_NONE)
        block = sketch_derived_from(oracle->sketch, block);
    return block;
}

/* Whether a name is that of a block that may be meant. */
static bool resolves(struct oracle *oracle, int block, const struct row *row, const char *name)
{
    int blocks[SKETCH_BLOCKS_MAX], count = 0;
    const int parent = oracle->sketch->blocks[block].parent;

    if (row->type == TYPE_CLUSTER) {
        const int cluster = sketch_child(oracle->sketch, SKETCH_NONE, "cluster", name);

        return cluster != SKETCH_NONE;
    }
    count = oracle_children(oracle, in_effect(oracle, parent), "encoder", blocks);
    for (int i = 0; i < count; i++) {
        if (strcmp(oracle->sketch->blocks[blocks[i]].name, name) == 0)
            return true;
    }
    return false;
}

/* ---- attributes ---- */

/* What the default of an attribute is made of, or NULL. */
static const char *source_of_default(const struct sketch_block *block, const char *name)
{
    if (strcmp(name, "num_query_groups") == 0)
        return "num_attention_heads";
    if (strcmp(name, "ffn_hidden_size") == 0 && strcmp(block->kind, "moe") != 0)
        return "hidden_size";
    return NULL;
}

/* The attribute that this one's value refers to, perhaps by way of a default, or NULL. */
static struct sketch_attribute *next_of(struct oracle *oracle,
                                        const struct sketch_attribute *attribute)
{
    const struct sketch_value *value = &attribute->value;
    const char *name = value->attribute;
    struct sketch_attribute *next = NULL;
    int owner;

    if (value->kind != SKETCH_REFERENCE || value->block == SKETCH_NONE ||
        !is_present(oracle, value->block))
        return NULL;
    for (; name != NULL && next == NULL;
         name = source_of_default(&oracle->sketch->blocks[value->block], name)) {
        next = look_up(oracle, value->block, name, &owner);
        if (next == NULL && oracle_is_damaged(oracle, value->block))
            return NULL;
        if (next == NULL && strcmp(name, "max_sequence_length") == 0 &&
            oracle->training != SKETCH_NONE)
            return look_up(oracle, oracle->training, "sequence_length", &owner);
    }
    return next;
}

/* Whether following references from `attribute` never ends; *out_first is then the first attribute
 * in the file of the circle, or NULL where this one only leads to it. */
static bool is_endless(struct oracle *oracle, const struct sketch_attribute *attribute,
                       const struct sketch_attribute **out_first)
{
    const struct sketch_attribute *at = attribute, *first = attribute;

    for (int step = 0; step < SKETCH_BLOCKS_MAX; step++) {
        at = next_of(oracle, at);
        if (at == NULL)
            return false;
        if (oracle_stands_before(at->place, first->place))
            first = at;
        if (at == attribute) {
            *out_first = first;
            return true;
        }
    }
    *out_first = NULL;
    return true;
}

static bool is_twice(const struct oracle *oracle, int block, const char *name)
{
    const struct sketch_block *at = &oracle->sketch->blocks[block];
    int count = 0;

    for (int i = 0; i < at->attribute_count; i++)
        count += strcmp(at->attributes[i].name, name) == 0;
    return count > 1;
}

static struct oracle_value judge_attribute(struct oracle *oracle, int owner,
                                           const struct sketch_attribute *attribute,
                                           const struct row *row)
{
    const struct sketch_attribute *first;
    struct oracle_value value;

    if (is_twice(oracle, owner, attribute->name))
        return unknown();
    if (is_endless(oracle, attribute, &first))
        return first == attribute ? wrong("E0204", attribute->place) : unknown();
    value = read_value(oracle, owner, &attribute->value, row, attribute->value_place);
    if (value.kind == ORACLE_NOTHING)
        return value;
    if (!has_type(row, &value))
        return wrong("E0301", attribute->value_place);
    if (!is_in_range(row, &value))
        return wrong("E0302", attribute->value_place);
    if ((row->type == TYPE_CLUSTER || row->type == TYPE_ENCODER) && value.kind == ORACLE_STRING &&
        !resolves(oracle, owner, row, value.text))
        return wrong("E0204", attribute->value_place);
    return value;
}

/* Defaults that are attributes of other blocks. */
static struct oracle_value borrow(struct oracle *oracle, int block, const struct row *row)
{
    const int parent = oracle->sketch->blocks[block].parent;
    int languages[SKETCH_BLOCKS_MAX];

    if (strcmp(row->kind, "moe") == 0)
        return oracle_value(oracle, in_effect(oracle, parent), row->name);
    if (strcmp(row->name, "max_sequence_length") == 0 && oracle->training != SKETCH_NONE)
        return oracle_value(oracle, oracle->training, "sequence_length");
    if (strcmp(row->kind, "projector") == 0 &&
        oracle_children(oracle, oracle->model, "language", languages) == 1)
        return oracle_value(oracle, languages[0], row->name);
    return unknown();
}

static struct oracle_value default_of(struct oracle *oracle, int block, const struct row *row)
{
    const char *source = source_of_default(&oracle->sketch->blocks[block], row->name);
    struct oracle_value value;

    if (source != NULL) {
        value = oracle_value(oracle, block, source);
        return value.kind != ORACLE_INTEGER ? unknown()
                                            : integer(value.integer * (int64_t)row->number);
    }
    if ((row->flags & OR_AUTO) != 0)
        return (struct oracle_value){.kind = ORACLE_AUTO};
    if ((row->flags & OR_NONE) != 0)
        return (struct oracle_value){.kind = ORACLE_NO};
    if (strcmp(row->name, "class_token") == 0)
        return (struct oracle_value){.kind = ORACLE_WORD, .text = "drop"};
    if (row->type != TYPE_INTEGER && row->type != TYPE_PAIR)
        return unknown();
    if (row->words != NULL)
        return (struct oracle_value){.kind = ORACLE_WORD, .text = "all"};
    if (isnan(row->number))
        return borrow(oracle, block, row);
    return integer((int64_t)row->number);
}

struct oracle_value oracle_value(struct oracle *oracle, int block, const char *name)
{
    const struct row *row = find_row(&oracle->sketch->blocks[block], name);
    const struct sketch_attribute *attribute;
    struct oracle_value value;
    int owner;

    if (row == NULL || oracle->depth == DEPTH_MAX)
        return unknown();
    oracle->depth++;
    attribute = look_up(oracle, block, name, &owner);
    if (attribute != NULL)
        value = judge_attribute(oracle, owner, attribute, row);
    else if (oracle_is_damaged(oracle, block) || (row->flags & REQUIRED) != 0)
        value = unknown();
    else
        value = default_of(oracle, block, row);
    oracle->depth--;
    value.error[0] = '\0';
    return value;
}

int64_t oracle_integer(struct oracle *oracle, int block, const char *name)
{
    const struct oracle_value value = oracle_value(oracle, block, name);

    return value.kind == ORACLE_INTEGER ? value.integer : ORACLE_UNKNOWN;
}

/* ---- what is said about values ---- */

static void add(struct oracle *oracle, const char *code, struct sketch_place place)
{
    oracle_verdict_add(oracle->verdict, code, place);
}

/* E0201, E0202: wherever it is written, in bases too. */
static void judge_names(struct oracle *oracle)
{
    struct sketch *sketch = oracle->sketch;

    for (int i = 0; i < sketch->block_count; i++) {
        const struct sketch_block *block = &sketch->blocks[i];

        if (!is_present(oracle, i))
            continue;
        if (!may_stand_in(block->kind, kind_of_parent(oracle, i))) {
            add(oracle, "E0201", block->kind_place);
            continue;
        }
        if (is_second(oracle, i))
            add(oracle, "E0202", sketch_is_variant(block) ? block->kind_place : block->name_place);
        if (has_lost_base(oracle, i))
            add(oracle, "E0204", block->base_place);
        for (int j = 0; j < block->attribute_count; j++) {
            const struct sketch_attribute *attribute = &block->attributes[j];

            if (find_row(block, attribute->name) == NULL)
                add(oracle, "E0201", attribute->place);
            else if (sketch_find(sketch, i, attribute->name) != attribute)
                add(oracle, "E0202", attribute->place);
        }
    }
}

/* Misspelt by an x: that is what is not missing. */
static bool is_misspelt(const struct oracle *oracle, const char *name)
{
    char text[SKETCH_WORD_MAX + 1];

    (void)snprintf(text, sizeof text, "%sx", name);
    for (int i = 0; i < oracle->sketch->block_count; i++) {
        if (is_present(oracle, i) && sketch_find(oracle->sketch, i, text) != NULL)
            return true;
    }
    return false;
}

/* The attributes in effect of one block: values, and what is missing. */
static void judge_block(struct oracle *oracle, int block)
{
    struct sketch_block *at = &oracle->sketch->blocks[block];

    for (int i = 0; i < ROW_COUNT; i++) {
        const struct sketch_attribute *attribute;
        struct oracle_value value;
        int owner;

        if (find_row(at, rows[i].name) != &rows[i])
            continue;
        attribute = look_up(oracle, block, rows[i].name, &owner);
        if (attribute == NULL) {
            if ((rows[i].flags & REQUIRED) != 0 && !is_misspelt(oracle, rows[i].name) &&
                !has_lost_base(oracle, sketch_root(oracle->sketch, block)))
                add(oracle, "E0203", at->name_place);
            continue;
        }
        value = judge_attribute(oracle, owner, attribute, &rows[i]);
        if (value.error[0] != '\0')
            add(oracle, value.error, value.place);
        if (value.kind == ORACLE_INTEGER && (rows[i].flags & LARGE) == 0 &&
            (value.integer > 5000 || value.integer < -5000))
            oracle->verdict->is_too_large = true;
    }
}

static void judge_tree(struct oracle *oracle, int block)
{
    int children[SKETCH_BLOCKS_MAX];

    if (block == SKETCH_NONE)
        return;
    judge_block(oracle, block);
    for (int i = 0; i < NESTING_COUNT; i++) {
        int count;

        if (strcmp(nestings[i].parent, oracle->sketch->blocks[block].kind) != 0)
            continue;
        count = oracle_children(oracle, block, nestings[i].kind, children);
        for (int j = 0; j < count; j++)
            judge_tree(oracle, children[j]);
    }
}

/* Clusters and the checkpoint are not chosen. */
static void judge_unchosen(struct oracle *oracle)
{
    struct sketch *sketch = oracle->sketch;

    for (int i = 0; i < sketch->block_count; i++) {
        const struct sketch_block *block = &sketch->blocks[i];

        if (block->parent == SKETCH_NONE && !block->is_removed && !is_second(oracle, i) &&
            sketch_derived_from(sketch, i) == SKETCH_NONE &&
            (strcmp(block->kind, "cluster") == 0 || strcmp(block->kind, "checkpoint") == 0))
            judge_tree(oracle, i);
    }
}

static void judge_params(struct oracle *oracle)
{
    for (int i = 0; i < oracle->sketch->param_count; i++) {
        const struct oracle_value value = read_param(oracle, i);

        if (value.error[0] != '\0')
            add(oracle, value.error, value.place);
    }
}

static void judge_asserts(struct oracle *oracle)
{
    for (int i = 0; i < oracle->sketch->assert_count; i++) {
        const struct sketch_assert *item = &oracle->sketch->asserts[i];
        const struct oracle_value value = follow(oracle, &item->left, item->place);

        if (value.error[0] != '\0')
            add(oracle, value.error, value.place);
        else if ((value.kind == ORACLE_INTEGER && value.integer != item->right) ||
                 value.kind == ORACLE_NO)
            add(oracle, "E0801", item->place);
    }
}

void oracle_judge_values(struct oracle *oracle)
{
    judge_names(oracle);
    if (oracle->sketch->has_bad_import)
        add(oracle, "E0205", oracle->sketch->import_place);
    judge_params(oracle);
    judge_tree(oracle, oracle->model);
    judge_tree(oracle, oracle->deployment);
    judge_tree(oracle, oracle->training);
    judge_tree(oracle, oracle->data);
    judge_unchosen(oracle);
    judge_asserts(oracle);
    if (oracle->training == SKETCH_NONE || oracle->data == SKETCH_NONE)
        add(oracle, "E0203", oracle->sketch->version_place);
}
