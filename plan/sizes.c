#include "plan/sizes.h"

#include "plan/tally.h"

/* The experts of a rank take this multiple of the mean number of rows at a time; what is beyond
 * goes in further rounds. */
enum { EXPERT_MULTIPLE = 2 };

enum { LOGITS_BYTES = 64 * 1024 * 1024, CHUNK_MIN = 16 };

struct mimo_element_sizes mimo_element_sizes_of(enum mimo_precision precision)
{
    static const struct mimo_element_sizes sizes[MIMO_PRECISION_COUNT] = {
        [MIMO_PRECISION_FP32] = {4, 4, 0},
        [MIMO_PRECISION_BF16] = {2, 4, 4},
        [MIMO_PRECISION_FP64] = {8, 8, 0},
    };

    return sizes[precision];
}

uint32_t mimo_positions_max(const struct mimo_plan *plan)
{
    const uint32_t longest = plan->modules[plan->meta->language_module].max_sequence_length;
    const uint32_t trained = plan->training->sequence_length;

    return longest > trained ? longest : trained;
}

bool mimo_has_experts(const struct mimo_plan *plan)
{
    return plan->modules[plan->meta->language_module].num_experts > 0;
}

uint64_t mimo_step_sums(const struct mimo_plan *plan)
{
    return MIMO_SUM_MODULES + (uint64_t)plan->module_count + (mimo_has_experts(plan) ? 1 : 0);
}

uint64_t mimo_logits_chunk(uint64_t rows, uint64_t vocab, uint64_t element)
{
    const uint64_t fit = LOGITS_BYTES / element / (vocab > 0 ? vocab : 1);
    const uint64_t chunk = fit < CHUNK_MIN ? CHUNK_MIN : fit;

    return chunk < rows ? chunk : rows;
}

uint64_t mimo_attention_workspace(uint64_t head_dim, uint64_t keys, bool is_narrow)
{
    const uint64_t block = MIMO_ATTENTION_BLOCK;
    const uint64_t rows = is_narrow ? mimo_sum(6 * block, mimo_product(2, keys)) : 3 * block;

    return mimo_sum(mimo_product(rows, head_dim), 2 * block * block);
}

static uint64_t ceil_div(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0 ? 1 : 0);
}

/* The share of tensor rank `r` of `n` of a width that need not divide. */
static uint64_t piece(uint64_t width, uint64_t r, uint64_t n)
{
    return mimo_piece_begin(width, r + 1, n) - mimo_piece_begin(width, r, n);
}

/* Key and value heads: a share, or one that several ranks hold. */
static uint64_t groups_of(const struct mimo_plan_module *module)
{
    return module->num_query_groups > module->tp ? module->num_query_groups / module->tp : 1;
}

/* The ranks of an etp_ep group send out as many rows each, and ep of them have other experts: more
 * than all rows never come. */
static void set_routed(struct mimo_sizes *sizes, const struct mimo_plan_module *module)
{
    const uint64_t multiple = module->ep < EXPERT_MULTIPLE ? module->ep : EXPERT_MULTIPLE;

    sizes->routed = ceil_div(sizes->rows, module->tp);
    sizes->expert_rows = mimo_product(mimo_product(sizes->routed, module->top_k),
                                      mimo_product(multiple, module->etp));
}

static void set_experts(struct mimo_sizes *sizes, const struct mimo_plan_module *module,
                        const struct mimo_coordinate *at)
{
    if (module->num_experts == 0)
        return;
    sizes->experts = module->num_experts;
    sizes->top_k = module->top_k;
    sizes->expert_ffn = piece(module->expert_ffn_hidden_size, at->etp, module->etp);
    sizes->spread_width = mimo_product(sizes->top_k, sizes->hidden);
    sizes->samples = module->samples;
    set_routed(sizes, module);
}

static void set_language(struct mimo_sizes *sizes, const struct mimo_plan *plan,
                         const struct mimo_plan_module *module, const struct mimo_coordinate *at)
{
    const struct mimo_plan_training *training = plan->training;

    sizes->rows = (uint64_t)training->micro_batch * ceil_div(training->sequence_length, module->cp);
    sizes->held = module->sequence_parallel != 0 ? ceil_div(sizes->rows, module->tp) : sizes->rows;
    sizes->sequence = training->sequence_length;
    sizes->vocab = piece(module->vocab_size, at->tp, module->tp);
    sizes->positions = mimo_positions_max(plan);
    sizes->rotary_width = module->head_dim;
    /* All tensor ranks go through the same chunks: those of the widest share. */
    sizes->chunk =
        mimo_logits_chunk(sizes->rows, ceil_div(module->vocab_size, module->tp), sizes->element);
    set_experts(sizes, module, at);
}

/* How many of the first `tokens` tokens of an image are behind the first `skipped`. */
static uint32_t behind(uint64_t tokens, uint32_t skipped)
{
    return tokens > skipped ? (uint32_t)(tokens - skipped) : 0;
}

struct mimo_image_share mimo_image_share_of(const struct mimo_plan_module *encoder,
                                            uint32_t cp_rank)
{
    const uint32_t dropped = encoder->keeps_class_token == 0 ? 1 : 0;
    const uint64_t tokens = (uint64_t)encoder->image_tokens + dropped;
    const uint64_t first = mimo_piece_begin(tokens, cp_rank, encoder->cp);
    const uint64_t end = mimo_piece_begin(tokens, cp_rank + UINT64_C(1), encoder->cp);

    return (struct mimo_image_share){
        .token_first = (uint32_t)first,
        .tokens = (uint32_t)(end - first),
        .patch_first = behind(first, 1),
        .patches = behind(end, 1) - behind(first, 1),
        .feature_first = behind(first, dropped),
        .features = behind(end, dropped) - behind(first, dropped),
    };
}

/* The last context-parallel rank has the most: the longest piece, and no class token in it. */
static void set_encoder(struct mimo_sizes *sizes, const struct mimo_plan_module *module)
{
    const struct mimo_image_share most = mimo_image_share_of(module, module->cp - 1);
    const uint64_t side = module->image_size / module->patch_size;
    const uint64_t patch = (uint64_t)module->patch_size * module->patch_size;

    sizes->images = module->images_max;
    sizes->image_bytes =
        mimo_product((uint64_t)module->image_size * module->image_size, module->channels);
    sizes->sequence = side * side + 1;
    sizes->rows = mimo_product(sizes->images, most.tokens);
    sizes->held = sizes->rows;
    sizes->patch_rows = mimo_product(sizes->images, most.patches);
    sizes->patch_width = mimo_product(patch, module->channels);
    sizes->features = mimo_product(sizes->images, most.features);
}

/* One backend works in blocks, another keeps a sum for each row and head: room for either. */
static uint64_t workspace_of(const struct mimo_sizes *sizes, const struct mimo_plan_module *module)
{
    const uint64_t blocks =
        mimo_attention_workspace(module->head_dim, sizes->sequence, sizes->element < sizes->wide);
    const uint64_t sums = mimo_product(sizes->rows, sizes->heads);

    return mimo_product(blocks > sums ? blocks : sums, sizes->wide);
}

struct mimo_sizes mimo_sizes_of(const struct mimo_plan *plan, uint32_t module,
                                const struct mimo_coordinate *at)
{
    const struct mimo_plan_module *record = &plan->modules[module];
    const struct mimo_element_sizes bytes =
        mimo_element_sizes_of((enum mimo_precision)plan->training->precision);
    struct mimo_sizes sizes = {
        .element = bytes.element,
        .wide = bytes.wide,
        .hidden = record->hidden_size,
        .statistics = record->architecture == MIMO_ARCHITECTURE_LLAMA ? 1 : 2,
        .heads = record->num_attention_heads / record->tp,
        .groups = groups_of(record),
        .ffn = piece(record->ffn_hidden_size, at->tp, record->tp),
    };

    sizes.q_width = mimo_product(sizes.heads, record->head_dim);
    sizes.kv_width = mimo_product(sizes.groups, record->head_dim);
    sizes.width = mimo_sum(sizes.q_width, mimo_product(2, sizes.kv_width));
    if (record->kind == MIMO_MODULE_KIND_LANGUAGE)
        set_language(&sizes, plan, record, at);
    else
        set_encoder(&sizes, record);
    sizes.workspace = workspace_of(&sizes, record);
    return sizes;
}

void mimo_sizes_set_step(struct mimo_sizes *sizes, const struct mimo_plan_module *module,
                         uint64_t sequences)
{
    sizes->rows = sizes->held = sequences;
    if (module->num_experts > 0)
        set_routed(sizes, module);
}

uint64_t mimo_bridge_rows_max(const struct mimo_plan *plan, uint32_t edge, bool holds_source,
                              bool holds_destination)
{
    const struct mimo_plan_module *from = &plan->modules[plan->edges[edge].from_module];
    const struct mimo_plan_module *to = &plan->modules[plan->edges[edge].to_module];
    const uint32_t at_source = holds_source ? from->samples : 0;
    const uint32_t at_destination = holds_destination ? to->samples : 0;
    const uint32_t samples = at_source > at_destination ? at_source : at_destination;

    MIMO_ASSERT(from->samples > 0);
    return mimo_product(mimo_product(samples, from->images_max / from->samples),
                        from->image_tokens);
}

struct mimo_projector_share mimo_projector_share_of(const struct mimo_plan_parameter *weight,
                                                    uint32_t tp_rank, uint32_t tp)
{
    struct mimo_projector_share share = {weight->shape[1], weight->shape[0]};
    uint64_t begin, end;

    mimo_shard_of(weight, tp_rank, tp, &begin, &end);
    if (weight->cut != MIMO_CUT_NONE)
        *(weight->cut_dimension == 0 ? &share.out : &share.in) = end - begin;
    return share;
}

/* Layers 0, every, 2 * every, ... have experts: ⌈n / every⌉ of the first n. */
uint32_t mimo_expert_layers(const struct mimo_plan_module *module, uint32_t first, uint32_t count)
{
    const uint64_t every = module->expert_every, end = (uint64_t)first + count;

    return module->num_experts == 0 ? 0 : (uint32_t)(ceil_div(end, every) - ceil_div(first, every));
}

struct mimo_layer_kinds mimo_layer_kinds_of(const struct mimo_plan_module *module, uint32_t first,
                                            uint32_t count)
{
    const uint32_t sparse = mimo_expert_layers(module, first, count);
    return (struct mimo_layer_kinds){.dense = count > sparse, .sparse = sparse > 0};
}
