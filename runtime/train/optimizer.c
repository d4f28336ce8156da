#include "runtime/train/optimizer.h"

#include <inttypes.h>
#include <math.h>

enum { SUM_LOSS, SUM_SIGNALS, SUM_MODULES };

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
    optimizer->sums = MIMO_NEW_ARRAY(arena, double, plan->module_count + SUM_MODULES);
}

static char *at(const struct mimo_backend *be, void *tensor, uint64_t index)
{
    return (char *)tensor + index * be->element_size;
}

/* Each element of a gradient counts once in the world. */
static void sum_squares(struct mimo_optimizer *optimizer)
{
    const struct mimo_parameters *parameters = optimizer->parameters;
    struct mimo_backend *be = parameters->be;

    for (uint32_t i = 0; i < optimizer->plan->module_count; i++)
        optimizer->sums[SUM_MODULES + i] = 0.0;
    for (uint32_t i = 0; i < parameters->count; i++) {
        const struct mimo_parameter *item = &parameters->items[i];
        if (item->update_begin < item->update_end && item->is_counted)
            optimizer->sums[SUM_MODULES + item->plan->module] +=
                be->ops->sum_squares(be, at(be, item->gradient, item->update_begin),
                                     (int64_t)(item->update_end - item->update_begin));
    }
}

/* All ranks hold the same sums, so they all find the same fault. */
static enum mimo_status check_numbers(const struct mimo_optimizer *optimizer, uint64_t step,
                                      struct mimo_error *err)
{
    const struct mimo_plan *plan = optimizer->plan;
    enum mimo_status status = MIMO_OK;

    if (!isfinite(optimizer->sums[SUM_LOSS]))
        status = mimo_error_set(err, MIMO_E_NUMERIC,
                                "step %" PRIu64 ": the loss is no longer a number", step + 1);
    for (uint32_t i = 0; i < plan->module_count && status == MIMO_OK; i++)
        if (!isfinite(optimizer->sums[SUM_MODULES + i]))
            status = mimo_error_set(err, MIMO_E_NUMERIC,
                                    "step %" PRIu64 ": the gradient of %s is no longer a number",
                                    step + 1, mimo_plan_text(plan, plan->modules[i].name));
    err->is_agreed = status != MIMO_OK;
    return status;
}

static void apply(struct mimo_optimizer *optimizer, uint64_t step, double gradient_scale)
{
    const struct mimo_plan_training *training = optimizer->plan->training;
    const struct mimo_parameters *parameters = optimizer->parameters;
    struct mimo_backend *be = parameters->be;
    struct mimo_adamw settings = {
        .beta1 = training->beta1,
        .beta2 = training->beta2,
        .epsilon = training->epsilon,
        .correction1 = 1.0 - pow(training->beta1, (double)(step + 1)),
        .correction2 = 1.0 - pow(training->beta2, (double)(step + 1)),
        .gradient_scale = gradient_scale,
    };

    for (uint32_t i = 0; i < parameters->count; i++) {
        const struct mimo_parameter *item = &parameters->items[i];
        if (item->update_begin == item->update_end)
            continue;
        settings.lr = optimizer->report.lr * item->plan->lr_scale;
        settings.weight_decay = item->plan->decays != 0 ? training->weight_decay : 0.0;
        be->ops->adamw(be, at(be, item->weight, item->update_begin),
                       at(be, item->gradient, item->update_begin), item->moment1, item->moment2,
                       (int64_t)(item->update_end - item->update_begin), &settings);
    }
}

enum mimo_status mimo_optimizer_step(struct mimo_optimizer *optimizer, uint64_t step,
                                     double loss_sum, uint64_t targets, struct mimo_error *err)
{
    const struct mimo_plan *plan = optimizer->plan;
    const struct mimo_transport *control = optimizer->control;
    const double clip = plan->training->clip_grad;
    struct mimo_step_report *report = &optimizer->report;
    double squares = 0.0, norm;

    optimizer->sums[SUM_LOSS] = loss_sum;
    optimizer->sums[SUM_SIGNALS] = mimo_world_was_signalled() ? 1.0 : 0.0;
    sum_squares(optimizer);
    MIMO_TRY(control->ops->all_reduce(control->everyone, optimizer->sums,
                                      plan->module_count + SUM_MODULES, MIMO_DTYPE_F64,
                                      MIMO_REDUCE_SUM, err));
    MIMO_TRY(check_numbers(optimizer, step, err));
    for (uint32_t i = 0; i < plan->module_count; i++)
        squares += optimizer->sums[SUM_MODULES + i];
    norm = sqrt(squares);
    report->loss = targets > 0 ? optimizer->sums[SUM_LOSS] / (double)targets : 0.0;
    report->gradient_norm = norm;
    report->was_signalled = optimizer->sums[SUM_SIGNALS] > 0.0;
    report->lr = mimo_learning_rate(plan->training, step, optimizer->steps);
    apply(optimizer, step, clip > 0.0 ? fmin(clip / (norm + CLIP_EPSILON), 1.0) : 1.0);
    return MIMO_OK;
}
