#include "runtime/model/projector.h"

static void open_layer(struct mimo_projector_layer *layer, const struct mimo_parameters *parameters,
                       uint32_t projector, uint32_t index)
{
    const struct mimo_parameter *weight =
        mimo_parameters_item(parameters, MIMO_NONE, projector, index, MIMO_SLOT_PROJECTOR_WEIGHT);
    const struct mimo_plan_parameter *plan = weight->plan;
    const int64_t share = mimo_parameters_share(weight);

    layer->weight =
        mimo_parameters_find_projector(parameters, projector, index, MIMO_SLOT_PROJECTOR_WEIGHT);
    layer->bias =
        mimo_parameters_find_projector(parameters, projector, index, MIMO_SLOT_PROJECTOR_BIAS);
    layer->is_column_parallel = plan->cut != MIMO_CUT_NONE && plan->cut_dimension == 0;
    layer->is_row_parallel = plan->cut != MIMO_CUT_NONE && plan->cut_dimension == 1;
    layer->out = layer->is_column_parallel ? share : (int64_t)plan->shape[0];
    layer->in = layer->is_row_parallel ? share : (int64_t)plan->shape[1];
}

static int64_t widest(const struct mimo_projector *projector)
{
    int64_t width = 0;

    for (uint32_t i = 0; i < projector->layer_count; i++) {
        const struct mimo_projector_layer *layer = &projector->layers[i];
        width = layer->in > width ? layer->in : width;
        width = layer->out > width ? layer->out : width;
    }
    return width;
}

void mimo_projector_open(struct mimo_projector *projector, const struct mimo_plan *plan,
                         uint32_t index, const struct mimo_parameters *parameters,
                         const struct mimo_compute *compute, int64_t rows_max,
                         struct mimo_arena *table, struct mimo_tensor_arena *scratch)
{
    const struct mimo_plan_projector *described = &plan->projectors[index];

    *projector = (struct mimo_projector){
        .plan = described,
        .compute = *compute,
        .layer_count = described->num_layers,
        .rows_max = rows_max,
        .trains = described->is_frozen == 0,
    };
    projector->layers = MIMO_NEW_ARRAY(table, struct mimo_projector_layer, projector->layer_count);
    for (uint32_t i = 0; i < projector->layer_count; i++)
        open_layer(&projector->layers[i], parameters, index, i);
    for (int i = 0; i < 2; i++)
        projector->gradients[i] = mimo_tensor_take(
            scratch, (uint64_t)rows_max, (uint64_t)widest(projector), compute->be->element_size);
}

void mimo_projector_saved_open(const struct mimo_projector *projector,
                               struct mimo_projector_saved *saved, struct mimo_arena *table,
                               struct mimo_tensor_arena *arena)
{
    const uint32_t count = projector->layer_count;
    const uint64_t rows = (uint64_t)projector->rows_max;
    const size_t element = projector->compute.be->element_size;

    *saved = (struct mimo_projector_saved){0};
    saved->inputs = MIMO_NEW_ARRAY(table, const void *, count);
    saved->outputs = MIMO_NEW_ARRAY(table, void *, count);
    saved->activated = MIMO_NEW_ARRAY(table, void *, count);
    for (uint32_t i = 0; i + 1 < count; i++) {
        const uint64_t width = (uint64_t)projector->layers[i].out;
        saved->outputs[i] = mimo_tensor_take(arena, rows, width, element);
        saved->activated[i] = mimo_tensor_take(arena, rows, width, element);
        saved->inputs[i + 1] = saved->activated[i];
    }
}

/* Backward begins in the other one. */
void *mimo_projector_room(const struct mimo_projector *projector)
{
    return projector->gradients[projector->layer_count % 2];
}

static enum mimo_status forward_layer(const struct mimo_projector *projector, uint32_t index,
                                      void *y, const void *x, int64_t count, struct mimo_error *err)
{
    const struct mimo_projector_layer *layer = &projector->layers[index];
    const struct mimo_compute *compute = &projector->compute;
    struct mimo_backend *be = compute->be;
    const struct mimo_rows rows = mimo_rows_of(compute, count, false);

    if (layer->is_row_parallel)
        return mimo_row_parallel_forward(compute, &rows, y, x, layer->weight, layer->bias,
                                         layer->in, layer->out, NULL, err);
    be->ops->linear_forward(be, y, x, layer->weight.value, layer->bias.value, count, layer->in,
                            layer->out);
    return MIMO_OK;
}

enum mimo_status mimo_projector_forward(struct mimo_projector *projector,
                                        struct mimo_projector_saved *saved, void *y, const void *x,
                                        int64_t rows, struct mimo_error *err)
{
    struct mimo_backend *be = projector->compute.be;
    const uint32_t last = projector->layer_count - 1;

    saved->rows = rows;
    saved->inputs[0] = x;
    saved->outputs[last] = y;
    for (uint32_t i = 0; i <= last; i++) {
        MIMO_TRY(forward_layer(projector, i, saved->outputs[i], saved->inputs[i], rows, err));
        if (i < last)
            be->ops->activation_forward(be, (enum mimo_activation)projector->plan->activation,
                                        saved->activated[i], saved->outputs[i],
                                        rows * projector->layers[i].out);
    }
    return MIMO_OK;
}

/* dx of layer `index` from dy; a column-parallel layer sees only its share of the outputs. */
static enum mimo_status backward_input(const struct mimo_projector *projector, uint32_t index,
                                       void *dx, const void *dy, int64_t count,
                                       struct mimo_error *err)
{
    const struct mimo_projector_layer *layer = &projector->layers[index];
    const struct mimo_compute *compute = &projector->compute;
    struct mimo_backend *be = compute->be;
    const struct mimo_rows rows = mimo_rows_of(compute, count, false);

    be->ops->linear_backward_input(be, dx, dy, layer->weight.value, count, layer->in, layer->out,
                                   false);
    return layer->is_column_parallel ? mimo_rows_reduce(compute, &rows, dx, layer->in, err)
                                     : MIMO_OK;
}

enum mimo_status mimo_projector_backward(struct mimo_projector *projector,
                                         struct mimo_projector_saved *saved, void *dx,
                                         const void *dy, struct mimo_error *err)
{
    struct mimo_backend *be = projector->compute.be;
    const int64_t rows = saved->rows;

    for (uint32_t i = projector->layer_count; i-- > 0;) {
        const struct mimo_projector_layer *layer = &projector->layers[i];
        void *const gradient = i == 0 ? dx : projector->gradients[i % 2];

        mimo_weight_gradient(&projector->compute, layer->weight, layer->bias, dy, saved->inputs[i],
                             rows, layer->in, layer->out);
        if (gradient == NULL)
            return MIMO_OK;
        MIMO_TRY(backward_input(projector, i, gradient, dy, rows, err));
        if (i > 0)
            be->ops->activation_backward(be, (enum mimo_activation)projector->plan->activation,
                                         gradient, gradient, saved->outputs[i - 1],
                                         rows * layer->in);
        dy = gradient;
    }
    return MIMO_OK;
}
