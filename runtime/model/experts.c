#include "runtime/model/experts.h"

#include "plan/tensors.h"
#include "runtime/model/dtype.h"

/* -- building --------------------------------------------------------------------------------- */

static void take_scratch(struct mimo_experts *experts, const struct mimo_sizes *sizes,
                         struct mimo_tensor_arena *scratch)
{
#define TAKE(name, rows, columns, element)                                                         \
    experts->name = mimo_tensor_take(scratch, (rows), (columns), (element));
    MIMO_EXPERT_SCRATCH(TAKE, sizes)
#undef TAKE
    experts->dispatch.arrived = experts->arrived;
    experts->dispatch.order = experts->order;
}

void mimo_experts_open(struct mimo_experts *experts, const struct mimo_plan_module *module,
                       const struct mimo_sizes *sizes, const struct mimo_compute *compute,
                       const struct mimo_expert_groups *groups, struct mimo_arena *table,
                       struct mimo_tensor_arena *scratch)
{
    const size_t choices = (size_t)(sizes->routed * sizes->top_k);
    const size_t slopes = (size_t)(sizes->samples * sizes->experts);

    *experts = (struct mimo_experts){
        .compute = *compute,
        .shape = {(int64_t)sizes->samples, module->num_experts, module->top_k},
        .hidden = module->hidden_size,
        .ffn = (int64_t)sizes->expert_ffn,
        .local = module->num_experts / module->ep,
        .host_choices = MIMO_NEW_ARRAY(table, int32_t, choices),
        .host_places = MIMO_NEW_ARRAY(table, int32_t, choices),
        .host_senders = MIMO_NEW_ARRAY(table, int32_t, choices),
        .sorted = MIMO_NEW_ARRAY(table, int32_t, choices),
        .sums = MIMO_NEW_ARRAY(table, double, 2 * slopes),
        .slopes = MIMO_NEW_ARRAY(table, double, slopes),
        .narrow = MIMO_NEW_ARRAY(table, float, 2 * slopes),
    };
    mimo_dispatch_open(&experts->dispatch, module, compute, groups, (int64_t)sizes->expert_rows,
                       table);
    take_scratch(experts, sizes, scratch);
}

void mimo_expert_layer_find(struct mimo_expert_layer *layer,
                            const struct mimo_parameters *parameters, uint32_t module,
                            uint32_t index, struct mimo_arena *table)
{
    const uint32_t count = parameters->plan->modules[module].num_experts;
    uint32_t local = 0;

    layer->router = mimo_parameters_find(parameters, module, index, MIMO_SLOT_ROUTER_WEIGHT);
    layer->experts = MIMO_NEW_ARRAY(table, struct mimo_expert, count);
    for (uint32_t e = 0; e < count; e++) {
        struct mimo_expert *expert = &layer->experts[local];

        expert->gate_up =
            mimo_parameters_find_expert(parameters, module, index, e, MIMO_SLOT_EXPERT_GATE_WEIGHT);
        expert->down =
            mimo_parameters_find_expert(parameters, module, index, e, MIMO_SLOT_EXPERT_DOWN_WEIGHT);
        local += expert->down.value != NULL ? 1 : 0;
    }
}

void mimo_saved_experts_take(struct mimo_saved_experts *saved,
                             const struct mimo_plan_module *module, const struct mimo_sizes *sizes,
                             struct mimo_arena *table, struct mimo_tensor_arena *arena)
{
#define TAKE(name, rows, columns, element)                                                         \
    saved->name = mimo_tensor_take(arena, (rows), (columns), (element));
    MIMO_LLAMA_EXPERTS(TAKE, sizes)
#undef TAKE
    saved->counts =
        MIMO_NEW_ARRAY(table, int64_t, (size_t)module->etp * module->ep * module->num_experts);
    saved->room = (int64_t)sizes->expert_rows;
}

/* -- the balance loss ------------------------------------------------------------------------- */

/* Numbers of the wide type, from and to the backend's memory. */
static void download_wide(const struct mimo_experts *experts, double *out, const void *src,
                          int64_t count)
{
    struct mimo_backend *be = experts->compute.be;

    if (be->wide_size == sizeof(double)) {
        be->ops->download(be, out, src, (size_t)count * sizeof *out);
        return;
    }
    be->ops->download(be, experts->narrow, src, (size_t)count * sizeof *experts->narrow);
    for (int64_t i = 0; i < count; i++)
        out[i] = (double)experts->narrow[i];
}

static void upload_wide(const struct mimo_experts *experts, void *dst, const double *values,
                        int64_t count)
{
    struct mimo_backend *be = experts->compute.be;

    if (be->wide_size == sizeof(double)) {
        be->ops->upload(be, dst, values, (size_t)count * sizeof *values);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        experts->narrow[i] = (float)values[i];
    be->ops->upload(be, dst, experts->narrow, (size_t)count * sizeof *experts->narrow);
}

/* A sample's rows lie on all ranks of tp_cp: they add up before the loss, which is no sum. */
static enum mimo_status balance(struct mimo_experts *experts, struct mimo_saved_experts *saved,
                                const struct mimo_expert_rows *rows, struct mimo_error *err)
{
    const struct mimo_compute *compute = &experts->compute;
    const struct mimo_balance_shape *shape = &experts->shape;
    struct mimo_group *const tp_cp = experts->dispatch.groups.tp_cp;
    const int64_t slopes = shape->samples * shape->experts;
    struct mimo_backend *be = compute->be;

    be->ops->zero(be, experts->balance_sums, 2 * (size_t)slopes * be->wide_size);
    be->ops->route_sums(be, experts->balance_sums, saved->probabilities, saved->choices,
                        rows->samples, rows->count, shape->experts, shape->top_k);
    if (tp_cp != NULL)
        MIMO_TRY(compute->transport->ops->all_reduce(tp_cp, experts->balance_sums,
                                                     2 * (size_t)slopes, mimo_wide_dtype(be),
                                                     MIMO_REDUCE_SUM, err));
    download_wide(experts, experts->sums, experts->balance_sums, 2 * slopes);
    saved->loss = mimo_balance_loss(shape, experts->sums, experts->slopes);
    for (int64_t i = 0; i < slopes; i++)
        experts->slopes[i] *= experts->balance_scale;
    upload_wide(experts, saved->balance, experts->slopes, slopes);
    return MIMO_OK;
}

/* -- routing ---------------------------------------------------------------------------------- */

static void choose(struct mimo_experts *experts, const struct mimo_expert_layer *layer,
                   struct mimo_saved_experts *saved, const struct mimo_expert_rows *rows,
                   const void *x)
{
    const struct mimo_balance_shape *shape = &experts->shape;
    struct mimo_backend *be = experts->compute.be;

    be->ops->linear_forward(be, experts->logits, x, layer->router.value, NULL, rows->count,
                            experts->hidden, shape->experts);
    be->ops->route_forward(be, saved->probabilities, saved->choices, saved->weights,
                           experts->logits, rows->count, shape->experts, shape->top_k);
}

/* The choices in host memory, none of padding. */
static void download_choices(struct mimo_experts *experts, const struct mimo_saved_experts *saved,
                             const struct mimo_expert_rows *rows)
{
    const int64_t top_k = experts->shape.top_k;
    struct mimo_backend *be = experts->compute.be;

    be->ops->download(be, experts->host_choices, saved->choices,
                      (size_t)(rows->count * top_k) * sizeof *experts->host_choices);
    for (int64_t i = 0; rows->host_samples != NULL && i < rows->count; i++)
        for (int64_t k = 0; k < top_k && rows->host_samples[i] < 0; k++)
            experts->host_choices[i * top_k + k] = -1;
}

/* Gives each choice its place. */
static enum mimo_status place(struct mimo_experts *experts, struct mimo_saved_experts *saved,
                              const struct mimo_expert_rows *rows, struct mimo_error *err)
{
    struct mimo_dispatch *dispatch = &experts->dispatch;
    const struct mimo_routing *routing = &dispatch->routing;
    struct mimo_backend *be = experts->compute.be;
    const int64_t choices = rows->count * experts->shape.top_k;
    int64_t places;

    download_choices(experts, saved, rows);
    mimo_routing_count(routing->experts, experts->host_choices, choices,
                       saved->counts + dispatch->count_begins[routing->source]);
    MIMO_TRY(mimo_dispatch_agree(dispatch, saved->counts, saved->room, err));
    places =
        mimo_routing_places(routing, experts->host_choices, choices, (uint32_t)experts->shape.top_k,
                            experts->host_places, experts->host_senders, experts->sorted);
    be->ops->upload(be, saved->places, experts->host_places,
                    (size_t)choices * sizeof *saved->places);
    be->ops->upload(be, saved->senders, experts->host_senders,
                    (size_t)places * sizeof *saved->senders);
    return MIMO_OK;
}

/* The rows that this rank sends, each as often as it is sent. */
static void spread(struct mimo_experts *experts, const struct mimo_saved_experts *saved,
                   const void *x)
{
    const struct mimo_routing *routing = &experts->dispatch.routing;
    struct mimo_backend *be = experts->compute.be;

    be->ops->gather_rows(be, experts->sent, x, saved->senders,
                         mimo_routing_sum(routing, routing->source), experts->hidden);
}

/* -- the experts ------------------------------------------------------------------------------ */

/* The rows of an expert in the round. */
struct share {
    const struct mimo_expert *expert;
    int64_t first, count;
};

static struct share share_of(const struct mimo_experts *experts,
                             const struct mimo_expert_layer *layer, uint32_t e)
{
    const size_t *begins = experts->dispatch.round.experts;

    return (struct share){&layer->experts[e], (int64_t)begins[e],
                          (int64_t)(begins[e + 1] - begins[e])};
}

static void *row(const struct mimo_experts *experts, const struct share *share, void *matrix,
                 int64_t columns)
{
    return mimo_row_at(&experts->compute, matrix, share->first, columns);
}

static void forward_products(struct mimo_experts *experts, const struct mimo_expert_layer *layer,
                             struct mimo_saved_experts *saved)
{
    struct mimo_backend *be = experts->compute.be;
    const int64_t hidden = experts->hidden, ffn = experts->ffn;

    for (uint32_t e = 0; e < experts->local; e++) {
        const struct share share = share_of(experts, layer, e);
        be->ops->linear_forward(be, row(experts, &share, saved->gate_up, 2 * ffn),
                                row(experts, &share, saved->in, hidden),
                                share.expert->gate_up.value, NULL, share.count, hidden, 2 * ffn);
    }
    be->ops->swiglu_forward(be, saved->act, saved->gate_up, mimo_dispatch_rows(&experts->dispatch),
                            ffn);
}

static void forward_down(struct mimo_experts *experts, const struct mimo_expert_layer *layer,
                         const struct mimo_saved_experts *saved)
{
    struct mimo_backend *be = experts->compute.be;
    const int64_t hidden = experts->hidden, ffn = experts->ffn;

    for (uint32_t e = 0; e < experts->local; e++) {
        const struct share share = share_of(experts, layer, e);
        be->ops->linear_forward(be, row(experts, &share, experts->out, hidden),
                                row(experts, &share, saved->act, ffn), share.expert->down.value,
                                NULL, share.count, ffn, hidden);
    }
}

/* From experts->out, the gradient of what they gave, to that of their activation. */
static void backward_down(struct mimo_experts *experts, const struct mimo_expert_layer *layer,
                          const struct mimo_saved_experts *saved)
{
    struct mimo_backend *be = experts->compute.be;
    const int64_t hidden = experts->hidden, ffn = experts->ffn;

    for (uint32_t e = 0; e < experts->local; e++) {
        const struct share share = share_of(experts, layer, e);
        void *const dy = row(experts, &share, experts->out, hidden);
        mimo_weight_gradient(&experts->compute, share.expert->down, MIMO_NO_WEIGHT, dy,
                             row(experts, &share, saved->act, ffn), share.count, ffn, hidden);
        be->ops->linear_backward_input(be, row(experts, &share, experts->d_act, ffn), dy,
                                       share.expert->down.value, share.count, ffn, hidden, false);
    }
}

/* Back to experts->out, the gradient of their input. That of the gate and up products takes their
 * place. */
static void backward_gate_up(struct mimo_experts *experts, const struct mimo_expert_layer *layer,
                             struct mimo_saved_experts *saved)
{
    struct mimo_backend *be = experts->compute.be;
    const int64_t hidden = experts->hidden, ffn = experts->ffn;

    be->ops->swiglu_backward(be, saved->gate_up, experts->d_act, saved->gate_up,
                             mimo_dispatch_rows(&experts->dispatch), ffn);
    for (uint32_t e = 0; e < experts->local; e++) {
        const struct share share = share_of(experts, layer, e);
        void *const dy = row(experts, &share, saved->gate_up, 2 * ffn);
        mimo_weight_gradient(&experts->compute, share.expert->gate_up, MIMO_NO_WEIGHT, dy,
                             row(experts, &share, saved->in, hidden), share.count, hidden, 2 * ffn);
        be->ops->linear_backward_input(be, row(experts, &share, experts->out, hidden), dy,
                                       share.expert->gate_up.value, share.count, hidden, 2 * ffn,
                                       false);
    }
}

/* -- forward ---------------------------------------------------------------------------------- */

/* What the experts here make of the round's rows, up to the last product. */
static enum mimo_status take_in(struct mimo_experts *experts, const struct mimo_expert_layer *layer,
                                struct mimo_saved_experts *saved, struct mimo_error *err)
{
    MIMO_TRY(mimo_dispatch_send(&experts->dispatch, experts->sent, saved->in, err));
    forward_products(experts, layer, saved);
    return MIMO_OK;
}

enum mimo_status mimo_experts_forward(struct mimo_experts *experts,
                                      const struct mimo_expert_layer *layer,
                                      struct mimo_saved_experts *saved,
                                      const struct mimo_expert_rows *rows, const void *x, void *y,
                                      struct mimo_error *err)
{
    struct mimo_dispatch *dispatch = &experts->dispatch;
    struct mimo_backend *be = experts->compute.be;
    const int64_t hidden = experts->hidden;

    choose(experts, layer, saved, rows, x);
    if (rows->samples != NULL)
        MIMO_TRY(balance(experts, saved, rows, err));
    MIMO_TRY(place(experts, saved, rows, err));
    spread(experts, saved, x);
    for (int64_t m = 0; m < dispatch->routing.rounds; m++) {
        mimo_dispatch_begin(dispatch, m);
        MIMO_TRY(take_in(experts, layer, saved, err));
        forward_down(experts, layer, saved);
        MIMO_TRY(mimo_dispatch_return(dispatch, experts->out, saved->returned, err));
    }
    be->ops->zero(be, y, (size_t)(rows->count * hidden) * be->element_size);
    be->ops->combine_rows(be, y, saved->returned, saved->places, saved->weights, rows->count,
                          experts->shape.top_k, hidden);
    return MIMO_OK;
}

/* -- backward --------------------------------------------------------------------------------- */

/* Of several rounds only the last one's tensors are kept: each is done again first. Gradients come
 * back to where the round's rows were sent from. */
static enum mimo_status backward_rounds(struct mimo_experts *experts,
                                        const struct mimo_expert_layer *layer,
                                        struct mimo_saved_experts *saved, const void *x,
                                        struct mimo_error *err)
{
    struct mimo_dispatch *dispatch = &experts->dispatch;
    const bool repeats = dispatch->routing.rounds > 1;

    if (repeats)
        spread(experts, saved, x);
    for (int64_t m = 0; m < dispatch->routing.rounds; m++) {
        mimo_dispatch_begin(dispatch, m);
        if (repeats)
            MIMO_TRY(take_in(experts, layer, saved, err));
        MIMO_TRY(mimo_dispatch_send(dispatch, saved->returned, experts->out, err));
        backward_down(experts, layer, saved);
        backward_gate_up(experts, layer, saved);
        MIMO_TRY(mimo_dispatch_return(dispatch, experts->out, experts->sent, err));
    }
    return MIMO_OK;
}

static void backward_router(struct mimo_experts *experts, const struct mimo_expert_layer *layer,
                            const struct mimo_saved_experts *saved,
                            const struct mimo_expert_rows *rows, const void *x, void *dx)
{
    const struct mimo_balance_shape *shape = &experts->shape;
    struct mimo_backend *be = experts->compute.be;

    be->ops->route_backward(be, experts->logits, experts->d_weights, saved->probabilities,
                            saved->choices, saved->weights, saved->balance, rows->samples,
                            rows->count, shape->experts, shape->top_k);
    mimo_weight_gradient(&experts->compute, layer->router, MIMO_NO_WEIGHT, experts->logits, x,
                         rows->count, experts->hidden, shape->experts);
    be->ops->linear_backward_input(be, dx, experts->logits, layer->router.value, rows->count,
                                   experts->hidden, shape->experts, true);
}

enum mimo_status mimo_experts_backward(struct mimo_experts *experts,
                                       const struct mimo_expert_layer *layer,
                                       struct mimo_saved_experts *saved,
                                       const struct mimo_expert_rows *rows, const void *x,
                                       const void *dy, void *dx, struct mimo_error *err)
{
    struct mimo_backend *be = experts->compute.be;
    const int64_t hidden = experts->hidden, top_k = experts->shape.top_k;

    be->ops->combine_rows_backward(be, saved->returned, experts->d_weights, dy, saved->returned,
                                   saved->places, saved->weights, rows->count, top_k, hidden);
    mimo_routing_set(&experts->dispatch.routing, saved->counts, saved->room);
    MIMO_TRY(backward_rounds(experts, layer, saved, x, err));
    be->ops->zero(be, dx, (size_t)(rows->count * hidden) * be->element_size);
    be->ops->combine_rows(be, dx, experts->sent, saved->places, NULL, rows->count, top_k, hidden);
    backward_router(experts, layer, saved, rows, x, dx);
    return MIMO_OK;
}
