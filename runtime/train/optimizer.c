#include "runtime/train/optimizer.h"

#include <inttypes.h>
#include <math.h>

static const double PI = 3.14159265358979323846;

/* As PyTorch's clip_grad_norm_ and Megatron-LM have it, so that runs can be compared with theirs.
 */
static const double CLIP_EPSILON = 1e-6;

double mimo_learning_rate(const struct mimo_plan_training *training, uint64_t step, uint64_t steps)
{
    const double done = (double)(step + 1), warmup = (double)training->warmup_steps;
    const double span = (double)steps - warmup;
    double progress;

    if (done <= warmup)
        return training->lr * done / warmup;
    progress = span > 0.0 ? fmin((done - warmup) / span, 1.0) : 1.0;
    switch ((enum mimo_lr_schedule)training->lr_schedule) {
    case MIMO_LR_SCHEDULE_LINEAR:
        return training->min_lr + (training->lr - training->min_lr) * (1.0 - progress);
    case MIMO_LR_SCHEDULE_COSINE:
        return training->min_lr +
               (training->lr - training->min_lr) * 0.5 * (1.0 + cos(PI * progress));
    case MIMO_LR_SCHEDULE_CONSTANT:
    case MIMO_LR_SCHEDULE_COUNT:
        break;
    }
    return training->lr;
}

/* -- updates ---------------------------------------------------------------------------------- */

static struct mimo_update update_of(const struct mimo_parameters *parameters,
                                    const struct mimo_parameter *item)
{
    const struct mimo_backend *be = parameters->be;
    const double decay = parameters->plan->training->weight_decay;

    return (struct mimo_update){
        .weight = (char *)item->weight + item->update_begin * be->element_size,
        .master = item->master,
        .gradient = (char *)item->gradient + item->update_begin * be->wide_size,
        .moment1 = item->moment1,
        .moment2 = item->moment2,
        .count = (int64_t)(item->update_end - item->update_begin),
        .module = item->plan->module,
        .trained = item->trained,
        .lr_scale = item->plan->lr_scale,
        .weight_decay = item->plan->decays != 0 ? decay : 0.0,
        .is_counted = item->is_counted,
    };
}

/* Elements of `size` bytes from one place to another. */
static ptrdiff_t distance_of(const void *from, const void *to, size_t size)
{
    return ((const char *)to - (const char *)from) / (ptrdiff_t)size;
}

/* Extends `update` by `next` where that is updated alike and lies behind it, in the same distance
 * in all arenas: what lies between is a gap for alignment, zero everywhere, and remains so. Between
 * two buckets it could be another replica's piece. */
static bool extend(const struct mimo_backend *be, struct mimo_update *update,
                   const struct mimo_update *next)
{
    const ptrdiff_t distance = distance_of(update->gradient, next->gradient, be->wide_size);

    if (next->trained != update->trained || next->is_counted != update->is_counted ||
        next->lr_scale < update->lr_scale || next->lr_scale > update->lr_scale ||
        next->weight_decay < update->weight_decay || next->weight_decay > update->weight_decay ||
        distance_of(update->weight, next->weight, be->element_size) != distance ||
        distance_of(update->moment1, next->moment1, be->wide_size) != distance)
        return false;
    update->count = distance + next->count;
    return true;
}

static void list_updates(struct mimo_optimizer *optimizer, struct mimo_arena *arena)
{
    const struct mimo_parameters *parameters = optimizer->parameters;
    struct mimo_update *last = NULL;

    optimizer->updates = MIMO_NEW_ARRAY(arena, struct mimo_update, parameters->count);
    for (uint32_t i = 0; i < parameters->count; i++) {
        const struct mimo_parameter *item = &parameters->items[i];
        struct mimo_update next;

        if (item->update_begin == item->update_end)
            continue;
        next = update_of(parameters, item);
        if (last != NULL && extend(parameters->be, last, &next))
            continue;
        last = &optimizer->updates[optimizer->update_count++];
        *last = next;
    }
}

void mimo_optimizer_open(struct mimo_optimizer *optimizer, const struct mimo_plan *plan,
                         struct mimo_parameters *parameters, const struct mimo_transport *control,
                         struct mimo_arena *arena)
{
    *optimizer = (struct mimo_optimizer){
        .plan = plan,
        .parameters = parameters,
        .control = control,
        .steps = plan->training->steps,
    };
    optimizer->sums = MIMO_NEW_ARRAY(arena, double, mimo_step_sums(plan));
    list_updates(optimizer, arena);
}

/* -- a step ----------------------------------------------------------------------------------- */

/* Each element of a gradient counts once in the world. */
static enum mimo_status add_up(struct mimo_optimizer *optimizer, struct mimo_error *err)
{
    const struct mimo_transport *control = optimizer->control;
    struct mimo_backend *be = optimizer->parameters->be;
    double *const sums = optimizer->parameters->sums;
    const size_t count = mimo_step_sums(optimizer->plan);

    for (uint32_t i = 0; i < optimizer->update_count; i++) {
        const struct mimo_update *update = &optimizer->updates[i];
        if (update->is_counted)
            be->ops->sum_squares(be, &sums[MIMO_SUM_MODULES + update->module], update->gradient,
                                 update->count);
    }
    be->ops->download(be, optimizer->sums, sums, count * sizeof *sums);
    MIMO_TRY(be->ops->check(be, err));
    optimizer->sums[MIMO_SUM_SIGNALS] = mimo_world_was_signalled() ? 1.0 : 0.0;
    if (mimo_has_experts(optimizer->plan))
        optimizer->sums[count - 1] = optimizer->balance;
    return control->ops->all_reduce(control->everyone, optimizer->sums, count, MIMO_DTYPE_F64,
                                    MIMO_REDUCE_SUM, err);
}

/* All ranks hold the same sums, so they all find the same fault. */
static enum mimo_status check_numbers(const struct mimo_optimizer *optimizer, uint64_t step,
                                      struct mimo_error *err)
{
    const struct mimo_plan *plan = optimizer->plan;
    enum mimo_status status = MIMO_OK;

    if (!isfinite(optimizer->sums[MIMO_SUM_LOSS]))
        status = mimo_error_set(err, MIMO_E_NUMERIC,
                                "step %" PRIu64 ": the loss is no longer a number", step + 1);
    for (uint32_t i = 0; i < plan->module_count && status == MIMO_OK; i++)
        if (!isfinite(optimizer->sums[MIMO_SUM_MODULES + i]))
            status = mimo_error_set(err, MIMO_E_NUMERIC,
                                    "step %" PRIu64 ": the gradient of %s is no longer a number",
                                    step + 1, mimo_plan_text(plan, plan->modules[i].name));
    err->is_agreed = status != MIMO_OK;
    return status;
}

static void apply(struct mimo_optimizer *optimizer, uint64_t step, double gradient_scale)
{
    const struct mimo_plan_training *training = optimizer->plan->training;
    struct mimo_backend *be = optimizer->parameters->be;
    struct mimo_adamw settings = {
        .beta1 = training->beta1,
        .beta2 = training->beta2,
        .epsilon = training->epsilon,
        .correction1 = 1.0 - pow(training->beta1, (double)(step + 1)),
        .correction2 = 1.0 - pow(training->beta2, (double)(step + 1)),
        .gradient_scale = gradient_scale,
    };

    for (uint32_t i = 0; i < optimizer->update_count; i++) {
        const struct mimo_update *update = &optimizer->updates[i];

        settings.lr = optimizer->report.lr * update->lr_scale;
        settings.weight_decay = update->weight_decay;
        be->ops->adamw(be, update->weight, update->master, update->gradient, update->moment1,
                       update->moment2, update->count, &settings);
    }
}

enum mimo_status mimo_optimizer_step(struct mimo_optimizer *optimizer, uint64_t step,
                                     uint64_t targets, struct mimo_error *err)
{
    const struct mimo_plan *plan = optimizer->plan;
    const double clip = plan->training->clip_grad;
    struct mimo_step_report *report = &optimizer->report;
    double squares = 0.0, norm;

    MIMO_TRY(add_up(optimizer, err));
    MIMO_TRY(check_numbers(optimizer, step, err));
    for (uint32_t i = 0; i < plan->module_count; i++)
        squares += optimizer->sums[MIMO_SUM_MODULES + i];
    norm = sqrt(squares);
    report->loss = targets > 0 ? optimizer->sums[MIMO_SUM_LOSS] / (double)targets : 0.0;
    report->aux_loss = mimo_has_experts(plan) ? optimizer->sums[mimo_step_sums(plan) - 1] : 0.0;
    report->gradient_norm = norm;
    report->was_signalled = optimizer->sums[MIMO_SUM_SIGNALS] > 0.0;
    report->lr = mimo_learning_rate(plan->training, step, optimizer->steps);
    apply(optimizer, step, clip > 0.0 ? fmin(clip / (norm + CLIP_EPSILON), 1.0) : 1.0);
    return MIMO_OK;
}
