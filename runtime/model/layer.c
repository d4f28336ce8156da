#include "runtime/model/layer.h"

#include "plan/communication.h"
#include "plan/tensors.h"
#include "runtime/model/sequence.h"

/* -- building --------------------------------------------------------------------------------- */

static void find_layer(struct mimo_layer *layer, const struct mimo_parameters *parameters,
                       uint32_t module, struct mimo_arena *table)
{
    const struct {
        struct mimo_weight *weight;
        enum mimo_slot slot;
    } slots[] = {
        {&layer->norm1, MIMO_SLOT_INPUT_NORM_WEIGHT},
        {&layer->norm1_bias, MIMO_SLOT_INPUT_NORM_BIAS},
        {&layer->qkv, MIMO_SLOT_Q_WEIGHT},
        {&layer->qkv_bias, MIMO_SLOT_Q_BIAS},
        {&layer->o, MIMO_SLOT_O_WEIGHT},
        {&layer->o_bias, MIMO_SLOT_O_BIAS},
        {&layer->norm2, MIMO_SLOT_POST_NORM_WEIGHT},
        {&layer->norm2_bias, MIMO_SLOT_POST_NORM_BIAS},
        {&layer->up, MIMO_SLOT_GATE_WEIGHT},
        {&layer->up_bias, MIMO_SLOT_UP_BIAS},
        {&layer->down, MIMO_SLOT_DOWN_WEIGHT},
        {&layer->down_bias, MIMO_SLOT_DOWN_BIAS},
    };

    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++)
        *slots[i].weight = mimo_parameters_find(parameters, module, layer->index, slots[i].slot);
    if (layer->up.value == NULL)
        layer->up = mimo_parameters_find(parameters, module, layer->index, MIMO_SLOT_UP_WEIGHT);
    layer->has_experts = mimo_layer_has_experts(&parameters->plan->modules[module], layer->index);
    if (layer->has_experts)
        mimo_expert_layer_find(&layer->experts, parameters, module, layer->index, table);
}

void mimo_layers_find(struct mimo_layers *layers, const struct mimo_plan *plan, uint32_t module,
                      uint32_t stage, const struct mimo_parameters *parameters,
                      struct mimo_arena *table)
{
    const struct mimo_plan_stage *described =
        &plan->stages[plan->modules[module].stage_first + stage];

    layers->plan = &plan->modules[module];
    layers->count = described->layer_count;
    layers->kinds =
        mimo_layer_kinds_of(layers->plan, described->layer_first, described->layer_count);
    layers->items = MIMO_NEW_ARRAY(table, struct mimo_layer, layers->count);
    for (uint32_t i = 0; i < layers->count; i++) {
        layers->items[i].index = described->layer_first + i;
        find_layer(&layers->items[i], parameters, module, table);
    }
}

/* The stream in front of a layer has memory of its own, whatever becomes of the rest. */
static void take_input(struct mimo_saved_layer *layer, const struct mimo_sizes *sizes,
                       struct mimo_tensor_arena *arena)
{
#define TAKE(name, rows, columns, element)                                                         \
    layer->name = mimo_tensor_take(arena, (rows), (columns), (element));
    MIMO_LAYER_INPUT(TAKE, sizes)
#undef TAKE
}

/* A layer that is kept has tensors of its kind; one that takes turns has room for any. */
static struct mimo_layer_kinds kinds_of(const struct mimo_layers *layers, uint32_t i)
{
    const bool is_sparse = layers->items[i].has_experts;

    return layers->keeping == MIMO_KEEP_ALL ? (struct mimo_layer_kinds){!is_sparse, is_sparse}
                                            : layers->kinds;
}

struct mimo_saved_layer *mimo_layers_take(const struct mimo_layers *layers,
                                          const struct mimo_sizes *sizes, struct mimo_arena *table,
                                          struct mimo_tensor_arena *arena)
{
    struct mimo_saved_layer *saved = MIMO_NEW_ARRAY(table, struct mimo_saved_layer, layers->count);

    for (uint32_t i = 0; i < layers->count; i++) {
        if (layers->keeping == MIMO_KEEP_INPUTS) {
            saved[i] = *layers->recomputed;
            take_input(&saved[i], sizes, arena);
        } else if (layers->keeping == MIMO_KEEP_ALL || i < 2) {
            layers->ops->take(
                &saved[i],
                &(struct mimo_layer_room){layers->plan, kinds_of(layers, i), sizes, table, arena});
        } else {
            saved[i] = saved[i - 2];
        }
    }
    return saved;
}

/* -- running ---------------------------------------------------------------------------------- */

void *mimo_layers_input(const struct mimo_layers *layers, const struct mimo_saved_layer *saved,
                        void *x_out)
{
    return layers->count > 0 ? saved[0].x : x_out;
}

void mimo_stream_leave(const struct mimo_compute *compute, void *out,
                       const struct mimo_columns *columns, const struct mimo_stream *stream)
{
    struct mimo_backend *be = compute->be;
    const size_t first = (size_t)columns->first * be->element_size;

    be->ops->copy(be, out, columns->count, (const char *)stream->x + first, stream->hidden,
                  stream->rows, columns->count);
    if (stream->residual != NULL)
        be->ops->add(be, out, columns->count, (const char *)stream->residual + first,
                     stream->hidden, stream->rows, columns->count);
}

static enum mimo_status forward_all(const struct mimo_layers *layers,
                                    struct mimo_saved_layer *saved,
                                    const struct mimo_layer_pass *pass, void *x_out,
                                    struct mimo_error *err)
{
    const void *residual = NULL;

    for (uint32_t i = 0; i < layers->count; i++) {
        void *const x_next = i + 1 < layers->count ? saved[i + 1].x : x_out;

        MIMO_TRY(layers->ops->forward(layers->model, &layers->items[i], &saved[i], pass, residual,
                                      x_next, err));
        residual = saved[i].x_middle;
    }
    return MIMO_OK;
}

static enum mimo_status backward_part(const struct mimo_layers *layers,
                                      struct mimo_saved_layer *saved,
                                      const struct mimo_layer_pass *pass,
                                      const struct mimo_backward_part *part, struct mimo_error *err)
{
    for (uint32_t i = part->end; i-- > part->first;) {
        const struct mimo_layer *layer = &layers->items[i];

        if (layers->keeping == MIMO_KEEP_INPUTS)
            MIMO_TRY(layers->ops->forward(layers->model, layer, &saved[i], pass, NULL,
                                          layers->recomputed->x, err));
        MIMO_TRY(layers->ops->backward(layers->model, layer, &saved[i], pass, err));
    }
    return MIMO_OK;
}

static struct mimo_sequence_key key_of(const struct mimo_layers *layers,
                                       const struct mimo_saved_layer *saved,
                                       const struct mimo_layer_pass *pass)
{
    return (struct mimo_sequence_key){layers,        saved,       MIMO_PASS_FORWARD, 0,
                                      layers->count, pass->batch, pass->length};
}

/* Where keys and values are kept, they go somewhere else each time; which rows go to which experts
 * is read by the host. */
static bool is_sequence(const struct mimo_layers *layers, const struct mimo_layer_pass *pass)
{
    return pass->keys == NULL && !layers->kinds.sparse;
}

enum mimo_status mimo_layers_forward(const struct mimo_layers *layers,
                                     struct mimo_saved_layer *saved,
                                     const struct mimo_layer_pass *pass, void *x_out,
                                     const void **out_residual, struct mimo_error *err)
{
    const struct mimo_sequence_key key = key_of(layers, saved, pass);
    struct mimo_backend *be = layers->be;
    enum mimo_status status;

    *out_residual = layers->count > 0 ? saved[layers->count - 1].x_middle : NULL;
    if (layers->count == 0)
        return MIMO_OK;
    if (!is_sequence(layers, pass))
        return forward_all(layers, saved, pass, x_out, err);
    if (be->ops->sequence_begin(be, &key, sizeof key))
        return MIMO_OK;
    status = forward_all(layers, saved, pass, x_out, err);
    be->ops->sequence_end(be);
    return status;
}

enum mimo_status mimo_layers_backward(const struct mimo_layers *layers,
                                      struct mimo_saved_layer *saved,
                                      const struct mimo_layer_pass *pass,
                                      const struct mimo_backward_part *part, struct mimo_error *err)
{
    struct mimo_sequence_key key = key_of(layers, saved, pass);
    struct mimo_backend *be = layers->be;
    enum mimo_status status;

    if (!is_sequence(layers, pass))
        return backward_part(layers, saved, pass, part, err);
    key.pass = MIMO_PASS_BACKWARD;
    key.first = part->first;
    key.end = part->end;
    if (part->first == part->end || be->ops->sequence_begin(be, &key, sizeof key))
        return MIMO_OK;
    status = backward_part(layers, saved, pass, part, err);
    be->ops->sequence_end(be);
    return status;
}
