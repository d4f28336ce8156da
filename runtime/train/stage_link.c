#include "runtime/train/stage_link.h"

#include "plan/grid.h"

/* The columns of tensor rank `r` where the ranks share them out. */
static struct mimo_columns share_of(const struct mimo_stage_link *link, uint32_t r)
{
    const uint64_t hidden = (uint64_t)link->hidden;
    const uint64_t first = mimo_piece_begin(hidden, r, link->compute.tp_size);

    return (struct mimo_columns){
        (int64_t)first,
        (int64_t)(mimo_piece_begin(hidden, r + UINT64_C(1), link->compute.tp_size) - first)};
}

void mimo_stage_link_open(struct mimo_stage_link *link, const struct mimo_plan *plan, uint32_t edge,
                          uint32_t rank, const struct mimo_compute *compute, void *arrived)
{
    const struct mimo_plan_edge *described = &plan->edges[edge];
    const struct mimo_plan_module *module = &plan->modules[described->from_module];
    struct mimo_coordinate at;

    *link = (struct mimo_stage_link){
        .edge = edge,
        .compute = *compute,
        .hidden = described->columns,
        .shares_columns = module->tp > 1 && module->sequence_parallel == 0,
        .columns = {0, described->columns},
        .arrived = arrived,
    };
    if (link->shares_columns)
        link->columns = share_of(link, compute->tp_rank);
    MIMO_ASSERT(mimo_grid_coordinate(module, rank, &at));
    link->source = mimo_grid_rank(module, at.tp, at.cp, at.dp, described->from_stage % module->pp);
    link->destination =
        mimo_grid_rank(module, at.tp, at.cp, at.dp, described->to_stage % module->pp);
    link->is_source = link->source == rank;
    link->is_destination = link->destination == rank;
}

static char *element_at(const struct mimo_stage_link *link, void *base, int64_t index)
{
    return (char *)base + (size_t)index * link->compute.be->element_size;
}

static struct mimo_message message_of(const struct mimo_stage_link *link, uint32_t direction,
                                      bool is_sending, void *data, int64_t rows)
{
    const bool is_source = is_sending == (direction == MIMO_EDGE_FORWARD);

    return (struct mimo_message){
        .peer = is_source ? link->destination : link->source,
        .tag = mimo_message_tag(link->edge, direction),
        .data = data,
        .bytes = (size_t)(rows * link->columns.count) * link->compute.be->element_size,
    };
}

void mimo_stage_link_send(struct mimo_stage_link *link, uint32_t direction, void *share,
                          int64_t rows, struct mimo_messages *messages)
{
    messages->sends[messages->send_count++] = message_of(link, direction, true, share, rows);
}

/* Shares lie densely, one rank's behind another's, until all are there. */
void mimo_stage_link_receive(struct mimo_stage_link *link, uint32_t direction, void *stream,
                             int64_t rows, struct mimo_messages *messages)
{
    void *const data =
        link->shares_columns ? element_at(link, link->arrived, rows * link->columns.first) : stream;

    messages->receives[messages->receive_count++] = message_of(link, direction, false, data, rows);
}

enum mimo_status mimo_stage_link_received(struct mimo_stage_link *link, void *stream, int64_t rows,
                                          struct mimo_error *err)
{
    const struct mimo_compute *compute = &link->compute;
    struct mimo_backend *be = compute->be;

    if (!link->shares_columns)
        return MIMO_OK;
    for (uint32_t r = 0; r <= compute->tp_size; r++)
        compute->begins[r] = (size_t)(rows * share_of(link, r).first);
    MIMO_TRY(compute->transport->ops->all_gather(compute->tp, link->arrived, compute->begins,
                                                 compute->dtype, err));
    for (uint32_t r = 0; r < compute->tp_size; r++) {
        const struct mimo_columns share = share_of(link, r);
        be->ops->copy(be, element_at(link, stream, share.first), link->hidden,
                      element_at(link, link->arrived, rows * share.first), share.count, rows,
                      share.count);
    }
    return MIMO_OK;
}
