#include "plan/memory.h"

#include "plan/buckets.h"
#include "plan/slots.h"
#include "plan/tally.h"
#include "plan/tensors.h"

/* A rank whose arenas are added up. */
struct count {
    const struct mimo_plan *plan;
    const struct mimo_plan_role *role;
    uint32_t rank;
    bool trains;
    const struct mimo_slot_counts *slots; /* of the role; the same for all its ranks */
    struct mimo_tally kinds[MIMO_MEMORY_COUNT];
    uint32_t micro_steps_alive;
};

static void take(struct mimo_tally *tally, uint64_t rows, uint64_t columns, uint64_t element)
{
    (void)mimo_tally_take(tally, mimo_product(rows, columns), element);
}

/* A row of tensors.h; `tally` is in scope. */
#define TAKE(name, rows, columns, element) take(tally, (rows), (columns), (element));

static const struct mimo_plan_module *module_of(const struct count *count, uint32_t place)
{
    return &count->plan->modules[count->plan->places[place].module];
}

static struct mimo_sizes sizes_of(const struct count *count, uint32_t module)
{
    struct mimo_coordinate at = {0};

    (void)mimo_grid_coordinate(&count->plan->modules[module], count->rank, &at);
    return mimo_sizes_of(count->plan, module, &at);
}

/* ---- parameters, gradients, optimizer ---- */

/* Two moments for each element, and its float32 weight where that is not the weight itself. */
static void take_optimizer(struct mimo_tally *tally, uint64_t elements,
                           const struct mimo_element_sizes *bytes)
{
    for (int moment = 0; moment < 2; moment++)
        (void)mimo_tally_take(tally, elements, bytes->wide);
    if (bytes->master != 0)
        (void)mimo_tally_take(tally, elements, bytes->master);
}

/* The whole tensor, into which each rank puts its part of a shared head's gradient. */
static uint64_t reduction_elements(const struct mimo_plan_parameter *parameter)
{
    uint64_t elements = 1;

    if (parameter->gradient_is_partial == 0 || parameter->cut != MIMO_CUT_REPLICATED)
        return 0;
    for (int i = 0; i < 4; i++)
        elements = mimo_product(elements, parameter->shape[i]);
    return elements;
}

/* Parameters that follow the one before, q k v and gate up, have no gap in front. */
static void take_behind(struct mimo_tally *tally, const struct mimo_plan_parameter *parameter,
                        uint64_t elements, uint64_t element)
{
    if (parameter->follows != 0)
        (void)mimo_tally_take_adjacent(tally, elements, element);
    else
        (void)mimo_tally_take(tally, elements, element);
}

/* The gradients of a module lie together, the experts' apart; with the optimizer state of those
 * that this rank updates, bucket by bucket. */
static void count_gradients(struct count *count, uint32_t module, uint32_t pp, bool is_expert)
{
    const struct mimo_plan *plan = count->plan;
    const struct mimo_element_sizes bytes =
        mimo_element_sizes_of((enum mimo_precision)plan->training->precision);
    struct mimo_bucket bucket;

    (void)mimo_tally_take(&count->kinds[MIMO_MEMORY_GRADIENTS],
                          mimo_gradient_elements(plan, module, count->rank, is_expert), bytes.wide);
    for (bool has = mimo_bucket_first(plan, module, pp, &bucket); has;
         has = mimo_bucket_next(plan, &bucket)) {
        const uint64_t elements = mimo_bucket_elements(plan, &bucket, count->rank, is_expert);

        take_optimizer(&count->kinds[MIMO_MEMORY_OPTIMIZER],
                       mimo_updated_elements(plan, module, elements, is_expert), &bytes);
    }
}

static void count_module_parameters(struct count *count, uint32_t index, uint64_t *reduction_max)
{
    const struct mimo_plan_module *module = &count->plan->modules[index];
    const struct mimo_element_sizes bytes =
        mimo_element_sizes_of((enum mimo_precision)count->plan->training->precision);
    struct mimo_coordinate at;

    if (!mimo_grid_coordinate(module, count->rank, &at))
        return;
    for (uint32_t i = 0; i < module->parameter_count; i++) {
        const struct mimo_plan_parameter *parameter =
            &count->plan->parameters[module->parameter_first + i];
        const uint64_t elements = mimo_grid_elements(module, parameter, &at);
        const uint64_t whole = reduction_elements(parameter);

        if (elements == 0)
            continue;
        take_behind(&count->kinds[MIMO_MEMORY_PARAMETERS], parameter, elements, bytes.element);
        if (!count->trains || parameter->is_trainable == 0)
            continue;
        *reduction_max = whole > *reduction_max ? whole : *reduction_max;
    }
    if (!count->trains)
        return;
    count_gradients(count, index, at.pp, false);
    if (module->num_experts > 0)
        count_gradients(count, index, at.pp, true);
}

static void count_parameters(struct count *count)
{
    const struct mimo_element_sizes bytes =
        mimo_element_sizes_of((enum mimo_precision)count->plan->training->precision);
    uint64_t reduction_max = 0;

    for (uint32_t i = 0; i < count->plan->module_count; i++)
        count_module_parameters(count, i, &reduction_max);
    (void)mimo_tally_take(&count->kinds[MIMO_MEMORY_REDUCTION], reduction_max, bytes.wide);
    if (count->trains)
        (void)mimo_tally_take(&count->kinds[MIMO_MEMORY_REDUCTION], mimo_step_sums(count->plan),
                              sizeof(double));
}

/* ---- activations ---- */

static const struct mimo_layer_kinds DENSE = {.dense = true}, SPARSE = {.sparse = true};

static uint64_t llama_bytes(const struct mimo_sizes *sizes, bool is_sparse)
{
    struct mimo_tally sum = {0}, *const tally = &sum;

    MIMO_LLAMA_ATTENTION(TAKE, sizes)
    if (is_sparse) {
        MIMO_LLAMA_EXPERTS(TAKE, sizes)
    } else {
        MIMO_LLAMA_FFN(TAKE, sizes)
    }
    return mimo_tally_bytes(tally);
}

/* What a layer of a module keeps, with room for any of these kinds. */
static uint64_t layer_bytes(const struct mimo_plan_module *module, const struct mimo_sizes *sizes,
                            struct mimo_layer_kinds kinds)
{
    struct mimo_tally sum = {0}, *const tally = &sum;
    uint64_t dense, sparse;

    if (module->architecture != MIMO_ARCHITECTURE_LLAMA) {
        MIMO_VIT_LAYER(TAKE, sizes)
        return kinds.dense ? mimo_tally_bytes(tally) : 0;
    }
    dense = kinds.dense ? llama_bytes(sizes, false) : 0;
    sparse = kinds.sparse ? llama_bytes(sizes, true) : 0;
    return dense > sparse ? dense : sparse;
}

static uint64_t input_bytes(const struct mimo_sizes *sizes)
{
    struct mimo_tally sum = {0}, *const tally = &sum;

    MIMO_LAYER_INPUT(TAKE, sizes)
    return mimo_tally_bytes(tally);
}

/* Gradients go back through the layers of such a place; in a frozen encoder they end at its
 * projector. */
static bool keeps_layers(const struct mimo_plan_module *module)
{
    return module->kind == MIMO_MODULE_KIND_LANGUAGE || module->is_frozen == 0;
}

bool mimo_memory_keeps_layers(const struct mimo_plan *plan, const struct mimo_plan_role *role,
                              uint32_t place)
{
    for (uint32_t i = 0; i < role->instruction_count; i++) {
        const struct mimo_plan_instruction *instruction =
            &plan->instructions[role->instruction_first + i];
        if (instruction->opcode == MIMO_OPCODE_BACKWARD && instruction->place == place)
            return keeps_layers(&plan->modules[plan->places[place].module]);
    }
    return false;
}

/* The layers of a place, and what it keeps of them. */
struct layers {
    uint32_t dense, sparse;
    struct mimo_layer_kinds kinds;
    bool are_kept, are_recomputed; /* recomputed: of what is kept the inputs alone */
};

static struct layers layers_of(const struct count *count, uint32_t place)
{
    const struct mimo_plan_module *module = module_of(count, place);
    const struct mimo_plan_stage *stage =
        &count->plan->stages[module->stage_first + count->plan->places[place].stage];
    const bool keeps = count->trains && keeps_layers(module) &&
                       count->slots->goes_backward[place - count->role->place_first];
    const uint32_t sparse = mimo_expert_layers(module, stage->layer_first, stage->layer_count);

    return (struct layers){
        .dense = stage->layer_count - sparse,
        .sparse = sparse,
        .kinds = mimo_layer_kinds_of(module, stage->layer_first, stage->layer_count),
        .are_kept = keeps,
        .are_recomputed = keeps && count->plan->training->recompute == MIMO_RECOMPUTE_FULL,
    };
}

/* The layers' part of a saved set. */
static void take_layers(const struct count *count, uint32_t place, const struct mimo_sizes *sizes,
                        struct mimo_tally *tally)
{
    const struct mimo_plan_module *module = module_of(count, place);
    const struct layers layers = layers_of(count, place);
    const uint32_t total = layers.dense + layers.sparse;

    if (layers.are_recomputed) {
        mimo_tally_repeat(tally, input_bytes(sizes), total);
    } else if (layers.are_kept) {
        mimo_tally_repeat(tally, layer_bytes(module, sizes, DENSE), layers.dense);
        mimo_tally_repeat(tally, layer_bytes(module, sizes, SPARSE), layers.sparse);
    } else {
        mimo_tally_repeat(tally, layer_bytes(module, sizes, layers.kinds), total < 2 ? total : 2);
    }
}

/* The layer that is being recomputed, the largest of the place. */
static uint64_t recomputed_bytes(const struct count *count, uint32_t place,
                                 const struct mimo_sizes *sizes)
{
    const struct layers layers = layers_of(count, place);

    return layers.are_recomputed ? layer_bytes(module_of(count, place), sizes, layers.kinds) : 0;
}

static bool is_first_stage(const struct count *count, uint32_t place)
{
    return count->plan->places[place].stage == 0;
}

static bool is_last_stage(const struct count *count, uint32_t place)
{
    return count->plan->places[place].stage + 1 == module_of(count, place)->stage_count;
}

static void take_language_ends(const struct count *count, uint32_t place,
                               const struct mimo_sizes *sizes, struct mimo_tally *tally)
{
    MIMO_LANGUAGE_STAGE(TAKE, sizes)
    if (sizes->experts > 0) {
        MIMO_LANGUAGE_EXPERTS(TAKE, sizes)
    }
    if (is_first_stage(count, place)) {
        MIMO_LANGUAGE_INPUT(TAKE, sizes)
    }
    if (is_last_stage(count, place)) {
        MIMO_LANGUAGE_OUTPUT(TAKE, sizes)
    }
}

/* The weights of a module's projector. One that several encoders share is listed with one of them,
 * and they have one layout. */
static bool is_projector_weight(const struct mimo_plan_module *module,
                                const struct mimo_plan_parameter *parameter)
{
    return module->projector != MIMO_NONE && parameter->projector == module->projector &&
           parameter->slot == MIMO_SLOT_PROJECTOR_WEIGHT;
}

/* Before and behind the activation that follows each layer of the projector but the last. */
static void take_projector(const struct count *count, const struct mimo_plan_module *module,
                           const struct mimo_sizes *sizes, struct mimo_tally *tally)
{
    struct mimo_coordinate at = {0};

    (void)mimo_grid_coordinate(module, count->rank, &at);
    for (uint32_t i = 0; i < count->plan->parameter_count; i++) {
        const struct mimo_plan_parameter *weight = &count->plan->parameters[i];
        struct mimo_projector_share share;

        if (!is_projector_weight(module, weight) ||
            weight->layer + 1 >= count->plan->projectors[module->projector].num_layers)
            continue;
        share = mimo_projector_share_of(weight, at.tp, module->tp);
        for (int behind = 0; behind < 2; behind++)
            take(tally, sizes->features, share.out, sizes->element);
    }
}

static void take_encoder_ends(const struct count *count, uint32_t place,
                              const struct mimo_sizes *sizes, struct mimo_tally *tally)
{
    MIMO_VIT_STAGE(TAKE, sizes)
    if (is_first_stage(count, place)) {
        MIMO_VIT_INPUT(TAKE, sizes)
    }
    if (is_last_stage(count, place)) {
        MIMO_VIT_OUTPUT(TAKE, sizes)
        take_projector(count, module_of(count, place), sizes, tally);
    }
}

/* One saved set for each micro-step that the place has in flight. */
static void count_place(struct count *count, uint32_t place)
{
    const struct mimo_plan_module *module = module_of(count, place);
    const struct mimo_sizes sizes = sizes_of(count, count->plan->places[place].module);
    const uint32_t slots = count->slots->places[place - count->role->place_first];
    struct mimo_tally set = {0};

    take_layers(count, place, &sizes, &set);
    if (module->kind == MIMO_MODULE_KIND_LANGUAGE)
        take_language_ends(count, place, &sizes, &set);
    else
        take_encoder_ends(count, place, &sizes, &set);
    mimo_tally_repeat(&count->kinds[MIMO_MEMORY_ACTIVATIONS], mimo_tally_bytes(&set), slots);
    if (slots > count->micro_steps_alive)
        count->micro_steps_alive = slots;
}

/* ---- scratch ---- */

static void take_llama_scratch(const struct mimo_plan_module *module,
                               const struct mimo_sizes *sizes, struct mimo_tally *tally)
{
    const struct mimo_layer_kinds kinds = mimo_layer_kinds_of(module, 0, module->num_layers);

    MIMO_LLAMA_SCRATCH(TAKE, sizes)
    if (kinds.dense) {
        MIMO_LLAMA_FFN_SCRATCH(TAKE, sizes)
    }
    if (kinds.sparse) {
        MIMO_EXPERT_SCRATCH(TAKE, sizes)
    }
}

static void take_attention_scratch(const struct mimo_plan_module *module,
                                   const struct mimo_sizes *sizes, struct mimo_tally *tally)
{
    MIMO_ATTENTION_SCRATCH(TAKE, sizes)
    if (module->cp > 1) {
        MIMO_CONTEXT_SCRATCH(TAKE, sizes)
    }
}

static void take_language_scratch(const struct mimo_plan_module *module,
                                  const struct mimo_sizes *sizes, bool has_head,
                                  struct mimo_tally *tally)
{
    MIMO_LANGUAGE_SCRATCH(TAKE, sizes)
    if (module->architecture == MIMO_ARCHITECTURE_GPT) {
        MIMO_GPT_SCRATCH(TAKE, sizes)
    } else {
        take_llama_scratch(module, sizes, tally);
    }
    take_attention_scratch(module, sizes, tally);
    if (has_head) {
        MIMO_HEAD_SCRATCH(TAKE, sizes)
    }
}

/* The projector's gradients take turns in two tensors as wide as its widest share. */
static uint64_t widest_share(const struct count *count, const struct mimo_plan_module *module)
{
    struct mimo_coordinate at = {0};
    uint64_t widest = 0;

    (void)mimo_grid_coordinate(module, count->rank, &at);
    for (uint32_t i = 0; i < count->plan->parameter_count; i++) {
        struct mimo_projector_share share;

        if (!is_projector_weight(module, &count->plan->parameters[i]))
            continue;
        share = mimo_projector_share_of(&count->plan->parameters[i], at.tp, module->tp);
        widest = share.in > widest ? share.in : widest;
        widest = share.out > widest ? share.out : widest;
    }
    return widest;
}

static void take_encoder_scratch(const struct count *count, const struct mimo_plan_module *module,
                                 const struct mimo_sizes *sizes, bool is_last,
                                 struct mimo_tally *tally)
{
    MIMO_VIT_SCRATCH(TAKE, sizes)
    take_attention_scratch(module, sizes, tally);
    for (int i = 0; is_last && i < 2; i++)
        take(tally, sizes->features, widest_share(count, module), sizes->element);
}

/* The stages of a module on one rank take turns in one scratch; `place` is the first of them, and
 * the last one is the last stage of the module if any is. */
static void count_scratch(struct count *count, uint32_t place)
{
    const uint32_t module = count->plan->places[place].module;
    const uint32_t end = count->role->place_first + count->role->place_count;
    const struct mimo_sizes sizes = sizes_of(count, module);
    struct mimo_tally *tally = &count->kinds[MIMO_MEMORY_SCRATCH];
    uint64_t recomputed = recomputed_bytes(count, place, &sizes);

    while (place + 1 < end && count->plan->places[place + 1].module == module) {
        const uint64_t next = recomputed_bytes(count, ++place, &sizes);
        recomputed = next > recomputed ? next : recomputed;
    }
    mimo_tally_repeat(tally, recomputed, 1);
    if (count->plan->modules[module].kind == MIMO_MODULE_KIND_LANGUAGE)
        take_language_scratch(&count->plan->modules[module], &sizes, is_last_stage(count, place),
                              tally);
    else
        take_encoder_scratch(count, module_of(count, place), &sizes, is_last_stage(count, place),
                             tally);
}

static void count_places(struct count *count)
{
    const uint32_t first = count->role->place_first;

    for (uint32_t i = first; i < first + count->role->place_count; i++) {
        count_place(count, i);
        if (i == first || count->plan->places[i - 1].module != count->plan->places[i].module)
            count_scratch(count, i);
    }
}

/* ---- buffers ---- */

static bool holds(const struct count *count, uint32_t module, uint32_t stage)
{
    for (uint32_t i = 0; i < count->role->place_count; i++) {
        const struct mimo_plan_place *place = &count->plan->places[count->role->place_first + i];
        if (place->module == module && place->stage == stage)
            return true;
    }
    return false;
}

static void take_slotted(struct count *count, uint32_t edge, uint32_t direction, bool is_sending,
                         uint64_t elements)
{
    const uint64_t element = sizes_of(count, count->plan->edges[edge].to_module).element;
    struct mimo_tally one = {0};

    (void)mimo_tally_take(&one, elements, element);
    mimo_tally_repeat(&count->kinds[MIMO_MEMORY_BUFFERS], mimo_tally_bytes(&one),
                      count->slots->buffers[edge][MIMO_SLOT_BUFFER(direction, is_sending)]);
}

/* What a bridge packs to send, what arrives in pieces, and the columns of all tensor- and
 * context-parallel ranks while they are gathered or summed; places of the rows in the sequence. */
static void take_bridge(struct count *count, uint64_t rows, uint64_t elements, uint64_t element)
{
    struct mimo_tally *tally = &count->kinds[MIMO_MEMORY_BUFFERS];

    for (int i = 0; i < 3; i++)
        (void)mimo_tally_take(tally, elements, element);
    (void)mimo_tally_take(tally, rows, sizeof(int32_t));
}

/* Between the stages of a module goes the residual stream as it lies there. */
static void count_edge(struct count *count, uint32_t index)
{
    const struct mimo_plan_edge *edge = &count->plan->edges[index];
    const bool is_from = holds(count, edge->from_module, edge->from_stage);
    const bool is_to = holds(count, edge->to_module, edge->to_stage);
    const bool has_gradients = edge->has_backward != 0 && count->trains;
    uint64_t rows, elements;

    if (!is_from && !is_to)
        return;
    rows = edge->is_bridge != 0 ? mimo_bridge_rows_max(count->plan, index, is_from, is_to)
                                : sizes_of(count, edge->from_module).held;
    elements = mimo_product(rows, edge->columns);
    if (edge->is_bridge != 0)
        take_bridge(count, rows, elements, sizes_of(count, edge->to_module).element);
    if (is_from)
        take_slotted(count, index, MIMO_EDGE_FORWARD, true, elements);
    if (is_to)
        take_slotted(count, index, MIMO_EDGE_FORWARD, false, elements);
    if (is_to && has_gradients)
        take_slotted(count, index, MIMO_EDGE_BACKWARD, true, elements);
    if (is_from && has_gradients)
        take_slotted(count, index, MIMO_EDGE_BACKWARD, false, elements);
}

/* ---- the whole ---- */

static struct mimo_plan_memory result_of(const struct count *count)
{
    struct mimo_plan_memory memory = {.micro_steps_alive = count->micro_steps_alive};

    for (int kind = 0; kind < MIMO_MEMORY_COUNT; kind++)
        memory.bytes[kind] = mimo_tally_bytes(&count->kinds[kind]);
    return memory;
}

static struct mimo_plan_memory memory_of(const struct mimo_plan *plan,
                                         const struct mimo_plan_role *role, uint32_t rank,
                                         bool trains, const struct mimo_slot_counts *slots)
{
    struct count count = {
        .plan = plan, .role = role, .rank = rank, .trains = trains, .slots = slots};

    count_parameters(&count);
    count_places(&count);
    for (uint32_t i = 0; i < plan->edge_count; i++)
        count_edge(&count, i);
    return result_of(&count);
}

struct mimo_plan_memory mimo_memory_of_rank(const struct mimo_plan *plan, uint32_t rank,
                                            bool trains, struct mimo_arena *arena)
{
    const struct mimo_plan_role *role = mimo_plan_role_of(plan, rank);
    struct mimo_slot_counts slots;

    mimo_slot_counts_init(&slots, plan, role, arena);
    return memory_of(plan, role, rank, trains, &slots);
}

struct mimo_plan_memory mimo_memory_of_parameters(const struct mimo_plan *plan, uint32_t rank,
                                                  bool trains)
{
    struct count count = {.plan = plan, .rank = rank, .trains = trains};

    count_parameters(&count);
    return result_of(&count);
}

/* The least common multiple; neither is 0, and the product fits. */
static uint64_t lcm(uint64_t a, uint64_t b)
{
    uint64_t divisor = a, rest = b;

    while (rest != 0) {
        const uint64_t next = divisor % rest;
        divisor = rest;
        rest = next;
    }
    MIMO_ASSERT(divisor > 0);
    return a / divisor * b;
}

/* After how many ranks of the range the shares repeat; no more than are to be looked at. */
static uint32_t period_of(const struct mimo_plan *plan, const struct mimo_plan_range *range)
{
    const uint32_t limit =
        range->count < MIMO_MEMORY_RANKS_MAX ? range->count : MIMO_MEMORY_RANKS_MAX;
    uint64_t period = 1;

    for (uint32_t i = 0; i < plan->module_count && period < limit; i++) {
        const struct mimo_plan_module *module = &plan->modules[i];
        struct mimo_coordinate at;

        if (!mimo_grid_coordinate(module, range->first, &at))
            continue;
        period = lcm(period, module->tp);
        period = period < limit ? lcm(period, module->etp) : limit;
    }
    return period < limit ? (uint32_t)period : limit;
}

static void raise(struct mimo_plan_memory *most, const struct mimo_plan_memory *memory)
{
    for (int kind = 0; kind < MIMO_MEMORY_COUNT; kind++)
        if (memory->bytes[kind] > most->bytes[kind])
            most->bytes[kind] = memory->bytes[kind];
    if (memory->micro_steps_alive > most->micro_steps_alive)
        most->micro_steps_alive = memory->micro_steps_alive;
}

struct mimo_plan_memory mimo_memory_of_role(const struct mimo_plan *plan, uint32_t role)
{
    const struct mimo_plan_role *record = &plan->roles[role];
    struct mimo_plan_memory most = {0};
    struct mimo_slot_counts slots;
    struct mimo_arena scratch;

    mimo_arena_init(&scratch);
    mimo_slot_counts_init(&slots, plan, record, &scratch);
    for (uint32_t i = 0; i < record->range_count; i++) {
        const struct mimo_plan_range *range = &plan->ranges[record->range_first + i];
        const uint32_t period = period_of(plan, range);

        for (uint32_t k = 0; k < period; k++) {
            const struct mimo_plan_memory memory =
                memory_of(plan, record, range->first + k, true, &slots);
            raise(&most, &memory);
        }
    }
    mimo_arena_release(&scratch);
    return most;
}

uint64_t mimo_memory_total(const struct mimo_plan_memory *memory)
{
    uint64_t total = 0;

    for (int kind = 0; kind < MIMO_MEMORY_COUNT; kind++)
        total = mimo_sum(total, memory->bytes[kind]);
    return total;
}

bool mimo_memory_fits(const struct mimo_plan *plan, uint32_t role)
{
    const struct mimo_plan_memory memory = mimo_memory_of_role(plan, role);

    return plan->cluster->memory == 0 || mimo_memory_total(&memory) <= plan->cluster->memory;
}

uint64_t mimo_memory_of_generation(const struct mimo_plan *plan, uint32_t rank)
{
    const uint32_t index = plan->meta->language_module;
    const struct mimo_plan_module *module = &plan->modules[index];
    const struct mimo_layer_kinds kinds = mimo_layer_kinds_of(module, 0, module->num_layers);
    struct mimo_tally keys = {0}, sum = {0}, *const tally = &sum;
    struct mimo_sizes sizes;
    struct mimo_coordinate at;

    if (!mimo_grid_coordinate(module, rank, &at))
        return 0;
    sizes = mimo_sizes_of(plan, index, &at);
    mimo_sizes_set_step(&sizes, module, plan->training->micro_batch);
    take(&keys, mimo_product(sizes.rows, sizes.positions), 2 * sizes.kv_width, sizes.element);
    for (uint32_t s = at.pp; s < module->stage_count; s += module->pp)
        mimo_tally_repeat(tally, mimo_tally_bytes(&keys),
                          plan->stages[module->stage_first + s].layer_count);
    for (int i = 0; i < 2; i++)
        mimo_tally_repeat(tally, layer_bytes(module, &sizes, kinds), 1);
    MIMO_DECODE_STAGE(TAKE, &sizes)
    if (at.pp + 1 == module->pp) {
        MIMO_DECODE_OUTPUT(TAKE, &sizes, module->vocab_size)
    }
    return mimo_tally_bytes(tally);
}

const char *mimo_memory_word(enum mimo_memory_kind kind)
{
#define MEMORY_WORD(name, word) word,
    static const char *const words[] = {MIMO_MEMORY_KINDS(MEMORY_WORD)};

    return words[kind];
}
