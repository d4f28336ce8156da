/*
 * gradients PLAN: every parameter's gradient against finite differences of the objective, in fp64,
 * in the layout of the plan. Run under mpirun.
 *
 * For each parameter p with gradient g the loss is evaluated at p + e·h·d for e = -2, -1, 1, 2,
 * where d is g's direction plus a random one, so that both a wrong entry and a missing one show.
 * The five-point formula leaves an error of order h⁴; the bound is 1e-7 relative.
 */
#include "runtime/tensor/random.h"
#include "tests/equivalence/fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double STEP = 2e-4, BOUND = 1e-7, ZERO = 1e-10;

static double sum_over_ranks(struct fixture *fixture, double value)
{
    require(fixture,
            fixture->transport->ops->all_reduce(fixture->transport->everyone, &value, 1,
                                                MIMO_DTYPE_F64, MIMO_REDUCE_SUM, &fixture->err));
    return value;
}

/* The objective for the first step's samples; the learning rate is too small to move anything. */
static double loss(struct fixture *fixture)
{
    const struct mimo_step_report *report = &fixture->engine.optimizer.report;
    const struct mimo_plan *plan = fixture->engine.plan;
    const double coefficient = plan->modules[plan->meta->language_module].aux_loss_coefficient;

    fixture_step(fixture, 0);
    return report->loss + coefficient * report->aux_loss;
}

/* Equal on all ranks that hold the same element. */
static double random_at(const struct mimo_parameter *item, const struct mimo_random *random,
                        uint64_t index)
{
    return mimo_random_normal(random, (item->begin << 32) + index);
}

static struct mimo_random stream_of(const struct fixture *fixture, uint32_t parameter,
                                    uint64_t seed)
{
    const struct mimo_plan *plan = fixture->engine.plan;

    return mimo_random_stream(seed, mimo_plan_text(plan, plan->parameters[parameter].name));
}

/* This rank's part of it, or of the copy that is tied to it: the two move together. */
static struct mimo_parameter *held(struct fixture *fixture, uint32_t parameter)
{
    struct mimo_parameters *parameters = &fixture->engine.parameters;

    for (uint32_t i = 0; i < parameters->count; i++)
        if (parameters->items[i].origin == &fixture->engine.plan->parameters[parameter])
            return &parameters->items[i];
    return NULL;
}

/* Zeros and ones hide mistakes: every parameter gets a random value on top. */
static void disturb(struct fixture *fixture)
{
    for (uint32_t p = 0; p < fixture->engine.plan->parameter_count; p++) {
        const struct mimo_random random = stream_of(fixture, p, 1);
        struct mimo_parameter *item = held(fixture, p);
        for (uint64_t i = 0; item != NULL && i < item->elements; i++)
            ((double *)item->weight)[i] += 0.2 * random_at(item, &random, i);
    }
}

/* One parameter's direction on this rank, and the slope that its gradient predicts. */
struct direction {
    struct mimo_parameter *item;
    double *values, *origin;
    double norm, slope;
};

static struct direction direction_of(struct fixture *fixture, uint32_t parameter)
{
    const struct mimo_random random = stream_of(fixture, parameter, 2);
    struct direction direction = {.item = held(fixture, parameter)};
    const struct mimo_parameter *item = direction.item;
    const double *gradient = item != NULL ? item->gradient : NULL;
    const uint64_t *shape = fixture->engine.plan->parameters[parameter].shape;
    const double elements = (double)(shape[0] * shape[1] * shape[2] * shape[3]);
    double squares = 0.0, slope = 0.0;

    for (uint64_t i = 0; item != NULL && i < item->elements && item->is_counted; i++)
        squares += gradient[i] * gradient[i];
    direction.norm = sqrt(sum_over_ranks(fixture, squares));
    if (item != NULL) {
        direction.values = calloc(2 * item->elements + 1, sizeof(double));
        direction.origin = direction.values + item->elements;
        memcpy(direction.origin, item->weight, item->elements * sizeof(double));
    }
    for (uint64_t i = 0; item != NULL && i < item->elements; i++) {
        const double along = direction.norm > 0.0 ? gradient[i] / direction.norm : 0.0;
        direction.values[i] = along + 0.5 * random_at(item, &random, i) / sqrt(elements);
        if (item->is_counted)
            slope += gradient[i] * direction.values[i];
    }
    direction.slope = sum_over_ranks(fixture, slope);
    return direction;
}

static double loss_at(struct fixture *fixture, const struct direction *direction, double distance)
{
    const struct mimo_parameter *item = direction->item;
    double result;

    for (uint64_t i = 0; item != NULL && i < item->elements; i++)
        ((double *)item->weight)[i] = direction->origin[i] + distance * direction->values[i];
    result = loss(fixture);
    if (item != NULL)
        memcpy(item->weight, direction->origin, item->elements * sizeof(double));
    return result;
}

/* The relative difference between the predicted slope and the measured one. */
static double check_parameter(struct fixture *fixture, uint32_t parameter, double scale)
{
    struct direction direction;
    double measured, difference;

    (void)loss(fixture); /* gradients at the origin */
    direction = direction_of(fixture, parameter);
    measured =
        (8.0 * (loss_at(fixture, &direction, STEP) - loss_at(fixture, &direction, -STEP)) -
         (loss_at(fixture, &direction, 2.0 * STEP) - loss_at(fixture, &direction, -2.0 * STEP))) /
        (12.0 * STEP);
    difference = fabs(measured - direction.slope);
    free(direction.values);
    /* The bias of keys has no gradient in exact arithmetic: then the loss must not move either. */
    if (direction.norm < ZERO * scale)
        return fabs(measured) < ZERO * scale ? 0.0 : INFINITY;
    return difference / fmax(fabs(measured), fabs(direction.slope));
}

static int check_all(struct fixture *fixture)
{
    const struct mimo_plan *plan = fixture->engine.plan;
    const bool prints = fixture->engine.rank == 0;
    double worst = 0.0, scale;
    uint32_t checked = 0, failed = 0;

    (void)loss(fixture);
    scale = fixture->engine.optimizer.report.gradient_norm;
    for (uint32_t p = 0; p < plan->parameter_count; p++) {
        double difference;
        if (plan->parameters[p].is_trainable == 0 || plan->parameters[p].tied_to != MIMO_NONE)
            continue;
        difference = check_parameter(fixture, p, scale);
        worst = fmax(worst, difference);
        checked++;
        if (difference <= BOUND)
            continue;
        failed++;
        if (prints)
            (void)printf("%s: relative difference %.2e\n",
                         mimo_plan_text(plan, plan->parameters[p].name), difference);
    }
    if (prints)
        (void)printf("%u parameters, worst relative difference %.2e, bound %g\n", checked, worst,
                     BOUND);
    return checked > 0 && failed == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct fixture fixture;
    int result;

    fixture_open(&fixture, argc, argv, 1);
    fixture_open_engine(&fixture, fixture.transport, true);
    disturb(&fixture);
    result = check_all(&fixture);
    fixture_close_engine(&fixture);
    fixture_close(&fixture);
    return result;
}
