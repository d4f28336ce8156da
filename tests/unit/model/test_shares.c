/*
 * What ranks hold, save, count and update of a model with experts, and the sums of its gradients
 * over them. Every layout is compiled and laid out on the ranks of this job; who holds what is then
 * computed from the ranks' numbers alone (LANGUAGE.md section 4).
 */
#include "plan/grid.h"
#include "runtime/tensor/random.h"
#include "runtime/train/optimizer.h"
#include "tests/unit/compiler/layouts.h"
#include "tests/unit/world/mpi_suite.h"

enum { WINDOW_BYTES = 32768 };

/* ---- layouts ---- */

/* Experts in every other layer, of a width that does not divide. */
static const char declaration[] =
    "mimo 1\n"
    "model m { language llm : llama { num_layers = 4  hidden_size = 12  num_attention_heads = 2"
    "  ffn_hidden_size = 9  vocab_size = 13"
    "  moe { num_experts = 4  every = 2  ffn_hidden_size = 7 } } }\n"
    "deployment d { mode = homogeneous  world_size = %u  parallelism all { %s } }\n"
    "training { steps = 1  global_batch = 8  sequence_length = 8  precision = fp64"
    "  distributed_optimizer = %s  gradient_bucket = %u  optimizer adamw { lr = 1e-3 } }\n"
    "data { format = synthetic }\n";

static const struct {
    uint32_t ranks;
    const char *parallelism;
} cases[] = {
    {1, ""},
    {2, "expert_parallel = 2"},
    {2, "tensor_parallel = 2"},
    {2, "tensor_parallel = 2  sequence_parallel = false  expert_tensor_parallel = 2"},
    {4, "tensor_parallel = 2  expert_parallel = 2"},
    {4, "expert_parallel = 2  expert_tensor_parallel = 2"},
    {4, "pipeline_parallel = 2  expert_parallel = 2"},
    {8, "tensor_parallel = 2  pipeline_parallel = 2  expert_parallel = 2"},
    {8,
     "tensor_parallel = 2  context_parallel = 2  expert_tensor_parallel = 2  expert_parallel = 2"},
    {8, "pipeline_parallel = 2  virtual_pipeline = 2  expert_parallel = 4"},
};

/* A layout on this rank, and its groups. */
struct bench {
    struct compiled compiled;
    struct mimo_arena arena;
    struct mimo_backend be;
    struct mimo_transport *transport;
    struct mimo_parameters parameters;
    struct mimo_replicas replicas;
    const struct mimo_plan_module *module;
    uint32_t rank;
};

static struct mimo_group *make_group(struct bench *bench, enum mimo_group_kind kind)
{
    const struct mimo_plan_groups *groups = &bench->compiled.plan.groups[kind];
    struct mimo_group *group = NULL;
    struct mimo_error err;
    uint32_t ranks[8], own, member;

    if (groups->size < 2)
        return NULL;
    CHECK(mimo_groups_find(groups, bench->rank, &own, &member));
    for (uint32_t i = 0; i < groups->size; i++)
        ranks[i] = mimo_groups_member(groups, own, i);
    CHECK_INT(bench->transport->ops->group_make(bench->transport, ranks, groups->size,
                                                mimo_group_kind_word(kind), &group, &err),
              MIMO_OK);
    return group;
}

/* Of the several buckets each has a layer. */
static void bench_open(struct bench *bench, size_t index, bool is_distributed, bool has_buckets)
{
    struct mimo_error err = {.status = MIMO_OK};
    char text[1024];

    *bench = (struct bench){.rank = suite_place().rank};
    (void)snprintf(text, sizeof text, declaration, cases[index].ranks, cases[index].parallelism,
                   is_distributed ? "true" : "false", has_buckets ? 1U : 1000000U);
    compiled_open_text(&bench->compiled, text);
    bench->module = &bench->compiled.plan.modules[0];
    CHECK_INT(mimo_transport_mpi_open(&bench->transport, suite_world, WINDOW_BYTES, &err), MIMO_OK);
    CHECK_INT(mimo_backend_cpu_open(&bench->be, MIMO_PRECISION_FP64, &err), MIMO_OK);
    CHECK_INT(mimo_parameters_open(&bench->parameters, &bench->compiled.plan, bench->rank, true,
                                   &bench->be, &bench->arena, &err),
              MIMO_OK);
    bench->replicas = (struct mimo_replicas){
        .transport = bench->transport,
        .tp = make_group(bench, MIMO_GROUP_KIND_TP),
        .dp = make_group(bench, MIMO_GROUP_KIND_DP_CP),
        .edp = make_group(bench, MIMO_GROUP_KIND_EDP),
    };
}

static void bench_close(struct bench *bench)
{
    mimo_parameters_close(&bench->parameters);
    mimo_backend_close(&bench->be);
    bench->transport->ops->close(bench->transport);
    mimo_arena_release(&bench->arena);
    compiled_release(&bench->compiled);
}

/* ---- who holds what, from numbers of ranks ---- */

static uint32_t ranks_of_stage(const struct mimo_plan_module *module)
{
    return module->tp * module->cp * module->dp;
}

/* Whether the gradients of `rank` and `other` are parts of one sum. */
static bool adds_up(const struct mimo_plan_module *module,
                    const struct mimo_plan_parameter *parameter, uint32_t rank, uint32_t other)
{
    const uint32_t experts = module->etp * module->ep;

    if (rank / ranks_of_stage(module) != other / ranks_of_stage(module))
        return false;
    if (parameter->expert != MIMO_NONE)
        return rank % experts == other % experts;
    return parameter->gradient_is_partial != 0 || rank % module->tp == other % module->tp;
}

/* On how many ranks each element lies, and by how many of them it is updated. */
static uint32_t copies_of(const struct mimo_plan_module *module,
                          const struct mimo_plan_parameter *parameter)
{
    if (parameter->expert != MIMO_NONE)
        return ranks_of_stage(module) / (module->etp * module->ep);
    return module->cp * module->dp * (parameter->cut == MIMO_CUT_NONE ? module->tp : 1);
}

static uint32_t updates_of(const struct mimo_plan *plan, const struct mimo_plan_module *module,
                           const struct mimo_plan_parameter *parameter)
{
    const bool is_whole = parameter->expert == MIMO_NONE && parameter->cut == MIMO_CUT_NONE;

    if (plan->training->distributed_optimizer == 0)
        return copies_of(module, parameter);
    return is_whole ? module->tp : 1;
}

/* The index of element `local` in the whole tensor, of one or two dimensions. */
static uint64_t global_index(const struct mimo_parameter *item, uint64_t local)
{
    const uint64_t columns = item->plan->shape[1], width = item->end - item->begin;

    if (item->plan->cut_dimension == 0)
        return item->begin * columns + local;
    return local / width * columns + item->begin + local % width;
}

/* ---- each element, how often ---- */

enum { HELD, SAVED, COUNTED, UPDATED, WAYS };

static bool has(const struct mimo_parameter *item, uint64_t local, int way)
{
    const bool is_updated = local >= item->update_begin && local < item->update_end;
    const bool answers[WAYS] = {true, item->is_saved, item->is_counted && is_updated, is_updated};

    return answers[way];
}

/* counts[WAYS][elements]: how many ranks do what with each element of parameter `index`. */
static void count(struct bench *bench, uint32_t index, int64_t *counts, uint64_t elements)
{
    const struct mimo_parameters *parameters = &bench->parameters;
    struct mimo_error err;

    memset(counts, 0, WAYS * elements * sizeof *counts);
    for (uint32_t i = 0; i < parameters->count; i++) {
        const struct mimo_parameter *item = &parameters->items[i];
        for (uint64_t k = 0; item->index == index && k < item->elements; k++)
            for (int way = 0; way < WAYS; way++)
                counts[(uint64_t)way * elements + global_index(item, k)] += has(item, k, way);
    }
    CHECK_INT(bench->transport->ops->all_reduce(bench->transport->everyone, counts, WAYS * elements,
                                                MIMO_DTYPE_I64, MIMO_REDUCE_SUM, &err),
              MIMO_OK);
}

static void check_counts(struct bench *bench)
{
    const struct mimo_plan *plan = &bench->compiled.plan;

    for (uint32_t p = 0; p < plan->parameter_count; p++) {
        const struct mimo_plan_parameter *parameter = &plan->parameters[p];
        const uint64_t elements = parameter->shape[0] * parameter->shape[1];
        const int64_t expected[WAYS] = {copies_of(bench->module, parameter), 1, 1,
                                        updates_of(plan, bench->module, parameter)};
        int64_t *counts = calloc(WAYS * elements, sizeof *counts);
        uint64_t wrong = 0;

        count(bench, p, counts, elements);
        for (uint64_t k = 0; k < WAYS * elements; k++)
            wrong += counts[k] != expected[k / elements];
        CHECK_INT(wrong, 0);
        free(counts);
    }
}

/* Weights and gradients of a kind lie at the same distances. */
static void check_distances(struct bench *bench)
{
    const struct mimo_parameter *firsts[2] = {NULL, NULL};

    for (uint32_t i = 0; i < bench->parameters.count; i++) {
        const struct mimo_parameter *item = &bench->parameters.items[i];
        const struct mimo_parameter **first = &firsts[item->plan->expert != MIMO_NONE];

        if (*first == NULL)
            *first = item;
        CHECK_INT((char *)item->weight - (char *)(*first)->weight,
                  (char *)item->gradient - (char *)(*first)->gradient);
    }
}

/* ---- initial values ---- */

/* Those of the whole tensor: a function of the name and the place there. */
static void check_initial(struct bench *bench)
{
    const struct mimo_plan *plan = &bench->compiled.plan;
    struct mimo_error err = {.status = MIMO_OK};
    uint64_t wrong = 0;

    CHECK_INT(mimo_parameters_initialise(&bench->parameters, 7, &err), MIMO_OK);
    for (uint32_t i = 0; i < bench->parameters.count; i++) {
        const struct mimo_parameter *item = &bench->parameters.items[i];
        const struct mimo_random random =
            mimo_random_stream(7, mimo_plan_text(plan, item->plan->name));

        for (uint64_t k = 0; k < item->elements && item->plan->init == MIMO_INIT_NORMAL; k++) {
            const double value =
                item->plan->init_scale * mimo_random_normal(&random, global_index(item, k));
            wrong += fabs(((double *)item->weight)[k] - value) > 0.0;
        }
    }
    CHECK_INT(wrong, 0);
}

/* ---- sums ---- */

/* Small whole numbers: sums are exact. */
static double part(uint32_t parameter, uint64_t index, uint32_t rank)
{
    return (double)((1 + rank) * (1 + (31 * parameter + 7 * index) % 13));
}

static double sum_of_parts(const struct bench *bench, const struct mimo_parameter *item,
                           uint64_t index)
{
    double sum = 0.0;

    for (uint32_t rank = 0; rank < bench->module->ranks; rank++)
        if (adds_up(bench->module, item->plan, bench->rank, rank))
            sum += part(item->index, index, rank);
    return sum;
}

static void set_gradients(struct bench *bench)
{
    mimo_parameters_zero_gradients(&bench->parameters);
    for (uint32_t i = 0; i < bench->parameters.count; i++) {
        const struct mimo_parameter *item = &bench->parameters.items[i];
        for (uint64_t k = 0; k < item->elements; k++)
            ((double *)item->gradient)[k] = part(item->index, global_index(item, k), bench->rank);
    }
}

/* Returns the sum of squares that this rank counts. */
static double check_gradients(const struct bench *bench)
{
    double squares = 0.0;

    for (uint32_t i = 0; i < bench->parameters.count; i++) {
        const struct mimo_parameter *item = &bench->parameters.items[i];
        uint64_t wrong = 0;

        for (uint64_t k = item->update_begin; k < item->update_end; k++) {
            const double expected = sum_of_parts(bench, item, global_index(item, k));
            wrong += fabs(((double *)item->gradient)[k] - expected) > 0.0;
            squares += item->is_counted ? expected * expected : 0.0;
        }
        CHECK_INT(wrong, 0);
    }
    return squares;
}

static void check_norm(struct bench *bench, double squares)
{
    struct mimo_optimizer optimizer;
    struct mimo_error err = {.status = MIMO_OK};

    CHECK_INT(bench->transport->ops->all_reduce(bench->transport->everyone, &squares, 1,
                                                MIMO_DTYPE_F64, MIMO_REDUCE_SUM, &err),
              MIMO_OK);
    mimo_optimizer_open(&optimizer, &bench->compiled.plan, &bench->parameters, bench->transport,
                        &bench->arena);
    CHECK_INT(mimo_optimizer_step(&optimizer, 0, 1, &err), MIMO_OK);
    CHECK_NEAR(optimizer.report.gradient_norm, sqrt(squares), 1e-14);
}

/* What each replica has updated comes to all of them. */
static void check_gather(struct bench *bench)
{
    const struct mimo_parameters *parameters = &bench->parameters;
    struct mimo_error err = {.status = MIMO_OK};
    uint64_t wrong = 0;

    for (uint32_t i = 0; i < parameters->count; i++) {
        const struct mimo_parameter *item = &parameters->items[i];
        for (uint64_t k = item->update_begin; k < item->update_end; k++)
            ((double *)item->weight)[k] = part(item->index, global_index(item, k), 0);
    }
    CHECK_INT(mimo_parameters_gather(&bench->parameters, 0, &bench->replicas, &err), MIMO_OK);
    for (uint32_t i = 0; i < parameters->count; i++) {
        const struct mimo_parameter *item = &parameters->items[i];
        for (uint64_t k = 0; k < item->elements; k++)
            wrong += fabs(((double *)item->weight)[k] -
                          part(item->index, global_index(item, k), 0)) > 0.0;
    }
    CHECK_INT(wrong, 0);
}

static void check_sums(struct bench *bench)
{
    struct mimo_error err = {.status = MIMO_OK};

    set_gradients(bench);
    for (uint32_t i = 0; i < bench->parameters.bucket_count; i++)
        if (bench->parameters.buckets[i].plan.stage != MIMO_NONE)
            CHECK_INT(mimo_parameters_reduce_bucket(&bench->parameters,
                                                    &bench->parameters.buckets[i], &bench->replicas,
                                                    &err),
                      MIMO_OK);
    CHECK_INT(mimo_parameters_reduce(&bench->parameters, 0, &bench->replicas, &err), MIMO_OK);
    check_norm(bench, check_gradients(bench));
    check_gather(bench);
}

/* ---- the suite ---- */

/* Every layout of this job's ranks, with pieces and without, with one bucket and with several. */
static void for_layouts(void (*check)(struct bench *bench))
{
    for (size_t i = 0; i < 4 * sizeof cases / sizeof *cases; i++) {
        struct bench bench;

        if (cases[i / 4].ranks != suite_place().size)
            continue;
        bench_open(&bench, i / 4, i % 2 == 0, i / 2 % 2 == 0);
        check(&bench);
        bench_close(&bench);
    }
}

static void test_each_element_once(void)
{
    for_layouts(check_counts);
}

static void test_one_distance(void)
{
    for_layouts(check_distances);
}

static void test_initial_values(void)
{
    for_layouts(check_initial);
}

static void test_sums_over_holders(void)
{
    for_layouts(check_sums);
}

/* An expert is found on the ranks that hold it, by its own number. */
static void check_found(struct bench *bench)
{
    const uint32_t slab = bench->rank % ranks_of_stage(bench->module);
    const uint32_t own = slab / bench->module->etp % bench->module->ep;

    for (uint32_t layer = 0; layer < 4; layer++)
        for (uint32_t expert = 0; expert < 4; expert++) {
            const struct mimo_weight weight = mimo_parameters_find_expert(
                &bench->parameters, 0, layer, expert, MIMO_SLOT_EXPERT_UP_WEIGHT);
            const bool is_here =
                mimo_parameters_find(&bench->parameters, 0, layer, MIMO_SLOT_ROUTER_WEIGHT).value !=
                NULL;

            CHECK_INT(weight.value != NULL, is_here && expert / (4 / bench->module->ep) == own);
        }
    CHECK(mimo_parameters_find(&bench->parameters, 0, 0, MIMO_SLOT_EXPERT_UP_WEIGHT).value == NULL);
}

static void test_finds_experts(void)
{
    for_layouts(check_found);
}

static const struct mimo_test tests[] = {
    {"each element is held, saved, counted and updated", test_each_element_once},
    {"weights and gradients lie at one distance", test_one_distance},
    {"initial values are those of the whole", test_initial_values},
    {"gradients add up over those that hold parts", test_sums_over_holders},
    {"experts are found", test_finds_experts},
};
MIMO_MPI_TEST_MAIN("shares of parameters", tests)
