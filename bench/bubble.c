/*
 * bench-bubble PLAN: how long the stages of a pipeline wait for each other, measured where a layer
 * takes a time that is known. Run under mpirun.
 *
 * The engine, its programs and its transport are the real ones. Only attention, of which each layer
 * has one, sleeps besides: a rank that sleeps needs no core, so that a few cores carry many stages.
 * A rank is busy where it is not in a call to the transport. Ideal is how long the busiest rank is
 * so in a step; the bubble is the rest of the step, in parts of the ideal. bubble.sh prints a table
 * of pipelines; docs/performance.md has it.
 */
#include "runtime/world/board.h"
#include "tests/equivalence/fixture.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

enum { FORWARD_NS = 8000000, BACKWARD_NS = 2 * FORWARD_NS, STEPS = 3 };

/* ---- the backend that takes its time ---- */

static const struct mimo_backend_ops *quick;

static void sleep_for(long ns)
{
    struct timespec left = {.tv_nsec = ns};

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

static void slow_attention_forward(struct mimo_backend *be, const struct mimo_attention *shape,
                                   void *out, void *lse, const void *q, const void *k,
                                   const void *v, void *workspace)
{
    sleep_for(FORWARD_NS);
    quick->attention_forward(be, shape, out, lse, q, k, v, workspace);
}

static void slow_attention_backward(struct mimo_backend *be, const struct mimo_attention *shape,
                                    void *dq, void *dk, void *dv, const void *dout, const void *out,
                                    const void *lse, const void *q, const void *k, const void *v,
                                    void *workspace)
{
    sleep_for(BACKWARD_NS);
    quick->attention_backward(be, shape, dq, dk, dv, dout, out, lse, q, k, v, workspace);
}

/* ---- the transport with a clock ---- */

static struct mimo_transport *inner;
static uint64_t waited_ns;

static enum mimo_status group_make(struct mimo_transport *transport, const uint32_t *ranks,
                                   uint32_t count, const char *name, struct mimo_group **out_group,
                                   struct mimo_error *err)
{
    (void)transport;
    return inner->ops->group_make(inner, ranks, count, name, out_group, err);
}

static enum mimo_status timed_all_reduce(struct mimo_group *group, void *data, size_t count,
                                         enum mimo_dtype dtype, enum mimo_reduction reduction,
                                         struct mimo_error *err)
{
    const uint64_t begin = mimo_clock_ns();
    const enum mimo_status status =
        inner->ops->all_reduce(group, data, count, dtype, reduction, err);

    waited_ns += mimo_clock_ns() - begin;
    return status;
}

static enum mimo_status timed_exchange(struct mimo_transport *transport,
                                       const struct mimo_message *sends, size_t send_count,
                                       const struct mimo_message *receives, size_t receive_count,
                                       struct mimo_error *err)
{
    const uint64_t begin = mimo_clock_ns();
    const enum mimo_status status =
        inner->ops->exchange(inner, sends, send_count, receives, receive_count, err);

    (void)transport;
    waited_ns += mimo_clock_ns() - begin;
    return status;
}

static enum mimo_status timed_join(struct mimo_transport *transport, struct mimo_error *err)
{
    const uint64_t begin = mimo_clock_ns();
    const enum mimo_status status = inner->ops->join(inner, err);

    (void)transport;
    waited_ns += mimo_clock_ns() - begin;
    return status;
}

/* ---- a step ---- */

struct step_times {
    int64_t step_ns, busy_ns; /* the longest of all ranks */
};

static void take_longest(struct fixture *fixture, struct step_times *times)
{
    require(fixture, inner->ops->all_reduce(inner->everyone, times, 2, MIMO_DTYPE_I64,
                                            MIMO_REDUCE_MAX, &fixture->err));
}

static struct step_times time_step(struct fixture *fixture, uint64_t step)
{
    struct step_times times = {0};
    uint64_t begin, elapsed;

    take_longest(fixture, &times); /* all begin together */
    begin = mimo_clock_ns();
    waited_ns = 0;
    fixture_step(fixture, step);
    elapsed = mimo_clock_ns() - begin;
    times = (struct step_times){(int64_t)elapsed, (int64_t)(elapsed - waited_ns)};
    take_longest(fixture, &times);
    return times;
}

/* The quickest: what else the machine does only ever adds. */
static struct step_times time_steps(struct fixture *fixture)
{
    struct step_times best = time_step(fixture, 0);

    for (uint64_t step = 1; step < STEPS; step++) {
        const struct step_times times = time_step(fixture, step);
        if (times.step_ns < best.step_ns)
            best = times;
    }
    return best;
}

/* ---- the table ---- */

/* Narayanan et al., "Efficient Large-Scale Language Model Training on GPU Clusters Using
 * Megatron-LM" (2021), section 2.2. */
static double predict(const struct mimo_plan *plan)
{
    const struct mimo_plan_module *language = &plan->modules[plan->meta->language_module];

    return (language->pp - 1.0) /
           ((double)language->virtual_pipeline * plan->training->micro_steps);
}

static void print_row(const struct mimo_plan *plan, const struct step_times *times)
{
    const struct mimo_plan_module *language = &plan->modules[plan->meta->language_module];
    const double predicted = predict(plan);
    const double measured = (double)times->step_ns / (double)times->busy_ns - 1;

    (void)printf("| %-5s | %2u | %u | %2u | %7.1f | %7.1f | %5.1f %% | %5.1f %% | %+5.1f %% |\n",
                 plan->training->pipeline_schedule == MIMO_PIPELINE_SCHEDULE_GPIPE ? "gpipe"
                                                                                   : "1f1b",
                 language->pp, language->virtual_pipeline, plan->training->micro_steps,
                 (double)times->busy_ns * 1e-6, (double)times->step_ns * 1e-6, 100 * predicted,
                 100 * measured, 100 * (measured / predicted - 1));
}

static void slow_down(struct mimo_backend *be, struct mimo_backend_ops *slow)
{
    quick = be->ops;
    *slow = *quick;
    slow->attention_forward = slow_attention_forward;
    slow->attention_backward = slow_attention_backward;
    be->ops = slow;
}

int main(int argc, char **argv)
{
    struct fixture fixture;
    struct mimo_backend_ops slow;
    struct mimo_transport_ops timed_ops;
    struct mimo_transport timed;
    struct step_times times;

    fixture_open(&fixture, argc, argv, 1);
    inner = fixture.transport;
    timed = *inner;
    timed_ops = *inner->ops;
    timed_ops.group_make = group_make;
    timed_ops.all_reduce = timed_all_reduce;
    timed_ops.exchange = timed_exchange;
    timed_ops.join = timed_join;
    timed.ops = &timed_ops;
    fixture_open_engine(&fixture, &timed, true);
    slow_down(&fixture.backend, &slow);
    times = time_steps(&fixture);
    if (fixture.rank == 0)
        print_row(&fixture.plan, &times);
    fixture_close_engine(&fixture);
    fixture_close(&fixture);
    return 0;
}
