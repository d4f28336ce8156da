#include "compiler/check/check.h"

#define STAGES_MAX 1024 /* of one module */

/* The word of an attribute as a diagnostic states it. */
struct size {
    enum mimo_attribute attribute;
    const char *name;
    size_t fact; /* its offset in struct mimo_layout_facts */
};

#define SIZE(word, fact)                                                                           \
    {                                                                                              \
        MIMO_ATTR_##word, #word, offsetof(struct mimo_layout_facts, fact)                          \
    }
static const struct size sizes[] = {
    SIZE(tensor_parallel, tp),
    SIZE(context_parallel, cp),
    SIZE(pipeline_parallel, pp),
    SIZE(data_parallel, dp),
    SIZE(expert_parallel, ep),
    SIZE(expert_tensor_parallel, etp),
    SIZE(virtual_pipeline, virtual_pipeline),
};

static int64_t *fact_of(struct mimo_layout_facts *layout, const struct size *size)
{
    return (int64_t *)(void *)((char *)layout + size->fact);
}

/* A diagnostic at an attribute of the module's layout, with a note where that is inherited from. */
static struct mimo_diagnostic *report(struct mimo_checker *checker, enum mimo_code code,
                                      const struct mimo_module_facts *module,
                                      enum mimo_attribute attribute, const char *message)
{
    struct mimo_diagnostic *diagnostic = mimo_diagnose(
        checker->diagnostics, code, mimo_layout_place(&module->layout, attribute), "%s", message);

    mimo_check_note(checker, diagnostic, mimo_layout_source(&module->layout, attribute), attribute,
                    "it");
    return diagnostic;
}

#define TEXT(checker, ...) mimo_arena_printf((checker)->diagnostics->arena, __VA_ARGS__)

/* E0501 */
static void check_positive(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    struct mimo_layout_facts *layout = &module->layout;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int64_t *value = fact_of(layout, &sizes[i]);

        if (!mimo_is_known(*value) || *value > 0)
            continue;
        report(checker, MIMO_E0501, module, sizes[i].attribute,
               TEXT(checker, "%s = %lld of %s is not positive", sizes[i].name, (long long)*value,
                    module->block->name));
        *value = MIMO_UNKNOWN;
    }
    if (!mimo_is_known(layout->rank_offset) || layout->rank_offset >= 0)
        return;
    report(checker, MIMO_E0501, module, MIMO_ATTR_rank_offset,
           TEXT(checker, "rank_offset = %lld of %s is negative", (long long)layout->rank_offset,
                module->block->name));
    layout->rank_offset = MIMO_UNKNOWN;
}

/* E0302 */
static void check_sequence_parallel(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    if (module->kind == MIMO_MODULE_KIND_ENCODER && module->layout.own != NULL &&
        mimo_block_is_set(module->layout.own, MIMO_ATTR_sequence_parallel) &&
        mimo_fact_boolean(module->layout.own, MIMO_ATTR_sequence_parallel) == 1)
        report(checker, MIMO_E0302, module, MIMO_ATTR_sequence_parallel,
               TEXT(checker, "sequence_parallel is for the language model; %s is an encoder",
                    module->block->name));
}

/* E0503 */
static void check_heads(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    struct mimo_layout_facts *layout = &module->layout;
    struct mimo_diagnostic *diagnostic;

    if (!mimo_fact_is_indivisible(module->heads, layout->tp))
        return;
    diagnostic =
        report(checker, MIMO_E0503, module, MIMO_ATTR_tensor_parallel,
               TEXT(checker, "tensor_parallel = %lld does not divide num_attention_heads = %lld",
                    (long long)layout->tp, (long long)module->heads));
    mimo_check_note(checker, diagnostic, module->block, MIMO_ATTR_num_attention_heads,
                    "num_attention_heads");
    mimo_diagnose_help(checker->diagnostics, diagnostic, "%s it",
                       mimo_check_dividing(checker->diagnostics->arena, module->heads, layout->tp));
    layout->tp = MIMO_UNKNOWN;
}

/* The first divisors of heads that divide groups or that groups divide. */
static const char *legal_sizes(struct mimo_arena *arena, int64_t heads, int64_t groups)
{
    int64_t sizes_found[MIMO_CHECK_NUMBERS_MAX];
    int count = 0;

    for (int64_t tp = 1; tp <= heads && count < MIMO_CHECK_NUMBERS_MAX; tp++) {
        if (heads % tp == 0 && (groups % tp == 0 || tp % groups == 0))
            sizes_found[count++] = tp;
    }
    return mimo_check_join(arena, sizes_found, count);
}

/* E0504 */
static void check_groups(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    struct mimo_layout_facts *layout = &module->layout;
    struct mimo_diagnostic *diagnostic;

    if (!mimo_fact_is_indivisible(module->groups, layout->tp) ||
        !mimo_fact_is_indivisible(layout->tp, module->groups))
        return;
    diagnostic = report(checker, MIMO_E0504, module, MIMO_ATTR_tensor_parallel,
                        TEXT(checker,
                             "neither of tensor_parallel = %lld and num_query_groups = %lld "
                             "divides the other",
                             (long long)layout->tp, (long long)module->groups));
    mimo_check_note(checker, diagnostic, module->block, MIMO_ATTR_num_query_groups,
                    "num_query_groups");
    if (mimo_is_known(module->heads))
        mimo_diagnose_help(checker->diagnostics, diagnostic, "%s would do",
                           legal_sizes(checker->diagnostics->arena, module->heads, module->groups));
    layout->tp = MIMO_UNKNOWN;
}

/* E0302: the planner's work grows with the square of the stages. */
static void check_stage_count(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    struct mimo_layout_facts *layout = &module->layout;
    const int64_t stages = mimo_layout_stages(layout);

    if (!mimo_is_known(stages) || stages <= STAGES_MAX)
        return;
    report(checker, MIMO_E0302, module, MIMO_ATTR_pipeline_parallel,
           TEXT(checker, "%lld pipeline stages of %s are more than a plan can hold, %d",
                (long long)stages, module->block->name, STAGES_MAX));
    layout->pp = MIMO_UNKNOWN;
}

/* "4 layers of llm", "4 layers that clip computes up to feature_layer = -2" */
static const char *describe_layers(struct mimo_checker *checker,
                                   const struct mimo_module_facts *module)
{
    if (module->layers_computed == module->num_layers)
        return TEXT(checker, "%lld layers of %s", (long long)module->layers_computed,
                    module->block->name);
    return TEXT(checker, "%lld layers that %s computes up to feature_layer = %lld",
                (long long)module->layers_computed, module->block->name,
                (long long)mimo_fact_integer(module->block, MIMO_ATTR_feature_layer));
}

/* E0505 */
static void check_pipeline(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    struct mimo_layout_facts *layout = &module->layout;
    const int64_t stages = mimo_layout_stages(layout);
    const int64_t layers = module->layers_computed;
    struct mimo_diagnostic *diagnostic;

    if (layout->has_pipeline_layout || !mimo_is_known(stages) || !mimo_is_known(layers) ||
        (layers % stages == 0 && (layers > 0 || stages == 1)))
        return;
    diagnostic =
        report(checker, MIMO_E0505, module, MIMO_ATTR_pipeline_parallel,
               layout->virtual_pipeline == 1
                   ? TEXT(checker, "pipeline_parallel = %lld does not divide the %s",
                          (long long)layout->pp, describe_layers(checker, module))
                   : TEXT(checker,
                          "pipeline_parallel x virtual_pipeline = %lld x %lld does not divide the "
                          "%s",
                          (long long)layout->pp, (long long)layout->virtual_pipeline,
                          describe_layers(checker, module)));
    mimo_check_note(checker, diagnostic, module->block, MIMO_ATTR_num_layers, "num_layers");
    mimo_diagnose_help(
        checker->diagnostics, diagnostic,
        "%s them; or give pipeline_layout, the layers of each stage",
        mimo_check_dividing(checker->diagnostics->arena, layers > 0 ? layers : 1, stages));
    layout->pp = MIMO_UNKNOWN;
}

/* E0506 */
static void check_pipeline_layout(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    const struct mimo_layout_facts *layout = &module->layout;
    const struct mimo_value *list = layout->pipeline_layout;
    const int64_t stages = mimo_layout_stages(layout);
    const char *message = NULL;
    int64_t sum = 0;

    for (size_t i = 0; list != NULL && i < list->item_count; i++) {
        sum += list->items[i].integer;
        if (list->items[i].integer < 0)
            message = TEXT(checker, "stage %zu of pipeline_layout has %lld layers", i,
                           (long long)list->items[i].integer);
    }
    if (list == NULL)
        return;
    if (message == NULL && mimo_is_known(stages) && list->item_count != (size_t)stages)
        message = TEXT(checker, "pipeline_layout lists %zu of %lld stages of %s", list->item_count,
                       (long long)stages, module->block->name);
    if (message == NULL && mimo_is_known(module->layers_computed) && sum != module->layers_computed)
        message = TEXT(checker, "pipeline_layout sums to %lld, but %s computes %lld layers",
                       (long long)sum, module->block->name, (long long)module->layers_computed);
    if (message == NULL)
        return;
    mimo_check_note(checker,
                    report(checker, MIMO_E0506, module, MIMO_ATTR_pipeline_layout, message),
                    module->block, MIMO_ATTR_num_layers, "num_layers");
}

/* E0507. Context parallelism deals the sequence in 2 * cp pieces, an early and a late one to each
 * rank, so that causal attention is even. */
static void check_sequence(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    struct mimo_layout_facts *layout = &module->layout;
    const int64_t length = checker->facts->sequence_length;
    const int64_t context = layout->cp > 1 ? mimo_fact_multiply(2, layout->cp) : layout->cp;
    const bool is_context = mimo_fact_is_indivisible(length, context);
    struct mimo_diagnostic *diagnostic;
    int64_t pieces = context, next;

    if (!is_context && layout->sequence_parallel == 1)
        pieces = mimo_fact_multiply(context, layout->tp);
    if (module->kind != MIMO_MODULE_KIND_LANGUAGE || !mimo_fact_is_indivisible(length, pieces))
        return;
    diagnostic = report(
        checker, MIMO_E0507, module,
        is_context ? MIMO_ATTR_context_parallel : MIMO_ATTR_tensor_parallel,
        TEXT(checker, "sequence_length = %lld does not divide into %lld pieces: %s%s%s",
             (long long)length, (long long)pieces,
             layout->cp > 1 ? TEXT(checker, "2 x context_parallel = %lld", (long long)context) : "",
             layout->cp > 1 && !is_context ? ", times " : "",
             is_context ? ""
                        : TEXT(checker, "tensor_parallel = %lld with sequence_parallel",
                               (long long)layout->tp)));
    mimo_check_note(checker, diagnostic, checker->facts->declaration->training,
                    MIMO_ATTR_sequence_length, "sequence_length");
    next = (length / pieces + 1) * pieces;
    mimo_diagnose_help(checker->diagnostics, diagnostic,
                       "a sequence_length of %lld would do, or another multiple of %lld",
                       (long long)next, (long long)pieces);
    if (is_context)
        layout->cp = MIMO_UNKNOWN;
    else
        layout->tp = MIMO_UNKNOWN;
}

/* E0509 */
static void check_dense(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    struct mimo_layout_facts *layout = &module->layout;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int64_t *value = fact_of(layout, &sizes[i]);

        if ((value != &layout->ep && value != &layout->etp) || module->num_experts != 0 ||
            !mimo_is_known(*value) || *value == 1)
            continue;
        report(checker, MIMO_E0509, module, sizes[i].attribute,
               TEXT(checker, "%s = %lld, but %s has no experts", sizes[i].name, (long long)*value,
                    module->block->name));
        *value = MIMO_UNKNOWN;
    }
}

/* E0510 */
static void check_expert_parallel(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    struct mimo_layout_facts *layout = &module->layout;
    struct mimo_diagnostic *diagnostic;

    if (!mimo_fact_is_indivisible(module->num_experts, layout->ep))
        return;
    diagnostic = report(checker, MIMO_E0510, module, MIMO_ATTR_expert_parallel,
                        TEXT(checker, "expert_parallel = %lld does not divide num_experts = %lld",
                             (long long)layout->ep, (long long)module->num_experts));
    mimo_check_note(checker, diagnostic, module->moe, MIMO_ATTR_num_experts, "num_experts");
    mimo_diagnose_help(
        checker->diagnostics, diagnostic, "%s it",
        mimo_check_dividing(checker->diagnostics->arena, module->num_experts, layout->ep));
    layout->ep = MIMO_UNKNOWN;
}

/* clang-format off */
const struct mimo_rule mimo_layout_rules[] = {
    {.check_module = check_positive},
    {.check_module = check_sequence_parallel},
    {.check_module = check_heads},
    {.check_module = check_groups},
    {.check_module = check_stage_count},
    {.check_module = check_pipeline},
    {.check_module = check_pipeline_layout},
    {.check_module = check_sequence},
    {.check_module = check_dense},
    {.check_module = check_expert_parallel},
    {0},
};
/* clang-format on */
