#include "runtime/model/dispatch.h"

void mimo_dispatch_open(struct mimo_dispatch *dispatch, const struct mimo_plan_module *module,
                        const struct mimo_compute *compute, const struct mimo_expert_groups *groups,
                        int64_t room_max, struct mimo_arena *table)
{
    const uint32_t sources = module->etp * module->ep;
    const uint32_t source = groups->etp_rank + module->etp * groups->ep_rank;

    *dispatch = (struct mimo_dispatch){
        .compute = *compute,
        .groups = *groups,
        .columns = module->hidden_size,
        .count_begins = MIMO_NEW_ARRAY(table, size_t, (size_t)sources + 1),
        .from = MIMO_NEW_ARRAY(table, size_t, (size_t)sources + 1),
        .to = MIMO_NEW_ARRAY(table, size_t, (size_t)sources + 1),
    };
    mimo_routing_open(&dispatch->routing, module->num_experts, module->etp, module->ep, source,
                      table);
    mimo_round_open(&dispatch->round, &dispatch->routing, room_max, table);
    for (uint32_t s = 0; s <= sources; s++)
        dispatch->count_begins[s] = (size_t)s * module->num_experts;
}

enum mimo_status mimo_dispatch_agree(struct mimo_dispatch *dispatch, int64_t *counts, int64_t room,
                                     struct mimo_error *err)
{
    const struct mimo_expert_groups *groups = &dispatch->groups;

    if (groups->etp_ep != NULL)
        MIMO_TRY(groups->control->ops->all_gather(groups->etp_ep, counts, dispatch->count_begins,
                                                  MIMO_DTYPE_I64, err));
    mimo_routing_set(&dispatch->routing, counts, room);
    return MIMO_OK;
}

int64_t mimo_dispatch_rows(const struct mimo_dispatch *dispatch)
{
    return (int64_t)dispatch->round.parts[dispatch->routing.etp];
}

void mimo_dispatch_begin(struct mimo_dispatch *dispatch, int64_t m)
{
    struct mimo_backend *be = dispatch->compute.be;

    mimo_routing_round(&dispatch->routing, m, &dispatch->round);
    be->ops->upload(be, dispatch->order, dispatch->round.order,
                    (size_t)mimo_dispatch_rows(dispatch) * sizeof *dispatch->order);
}

/* Begins of `count` ranges of rows, in elements. */
static const size_t *in_elements(const struct mimo_dispatch *dispatch, const size_t *rows,
                                 uint32_t count, size_t *out)
{
    for (uint32_t i = 0; i <= count; i++)
        out[i] = rows[i] * (size_t)dispatch->columns;
    return out;
}

/* Over the expert ranks; a lone one keeps its rows. */
static enum mimo_status exchange(const struct mimo_dispatch *dispatch, const void *from,
                                 const size_t *from_rows, void *to, const size_t *to_rows,
                                 struct mimo_error *err)
{
    const struct mimo_compute *compute = &dispatch->compute;
    const size_t element = compute->be->element_size;
    const uint32_t ranks = dispatch->routing.ep;
    const size_t *from_begins = in_elements(dispatch, from_rows, ranks, dispatch->from);
    const size_t *to_begins = in_elements(dispatch, to_rows, ranks, dispatch->to);

    if (dispatch->groups.ep != NULL)
        return compute->transport->ops->all_to_all(dispatch->groups.ep, from, from_begins, to,
                                                   to_begins, compute->dtype, err);
    compute->be->ops->copy_bytes(compute->be, (char *)to + to_begins[0] * element,
                                 (const char *)from + from_begins[0] * element,
                                 (from_begins[1] - from_begins[0]) * element);
    return MIMO_OK;
}

enum mimo_status mimo_dispatch_send(struct mimo_dispatch *dispatch, const void *sent, void *rows,
                                    struct mimo_error *err)
{
    const struct mimo_compute *compute = &dispatch->compute;
    const struct mimo_round *round = &dispatch->round;
    const size_t *begins;

    MIMO_TRY(exchange(dispatch, sent, round->sends, dispatch->arrived, round->arrivals, err));
    begins = in_elements(dispatch, round->parts, dispatch->routing.etp, dispatch->from);
    if (dispatch->groups.etp != NULL)
        MIMO_TRY(compute->transport->ops->all_gather(dispatch->groups.etp, dispatch->arrived,
                                                     begins, compute->dtype, err));
    compute->be->ops->gather_rows(compute->be, rows, dispatch->arrived, dispatch->order,
                                  mimo_dispatch_rows(dispatch), dispatch->columns);
    return MIMO_OK;
}

enum mimo_status mimo_dispatch_return(struct mimo_dispatch *dispatch, const void *rows,
                                      void *returned, struct mimo_error *err)
{
    const struct mimo_compute *compute = &dispatch->compute;
    const struct mimo_round *round = &dispatch->round;
    const size_t *begins;

    compute->be->ops->scatter_rows(compute->be, dispatch->arrived, rows, dispatch->order,
                                   mimo_dispatch_rows(dispatch), dispatch->columns);
    begins = in_elements(dispatch, round->parts, dispatch->routing.etp, dispatch->from);
    if (dispatch->groups.etp != NULL)
        MIMO_TRY(compute->transport->ops->reduce_scatter(dispatch->groups.etp, dispatch->arrived,
                                                         begins, compute->dtype, err));
    return exchange(dispatch, dispatch->arrived, round->arrivals, returned, round->sends, err);
}
