#include "runtime/train/link.h"

#include "plan/grid.h"
#include "plan/sizes.h"

/* -- building --------------------------------------------------------------------------------- */

static uint32_t count_transfers(const struct mimo_plan *plan, uint32_t edge, uint32_t source,
                                uint32_t destination)
{
    struct mimo_transfers cursor;
    struct mimo_transfer transfer;
    uint32_t count = 0;

    mimo_transfers_init(&cursor, plan, edge, source, destination);
    while (mimo_transfers_next(&cursor, &transfer))
        count++;
    return count;
}

static void open_end(struct mimo_link_end *end, const struct mimo_plan *plan, uint32_t module,
                     uint32_t rank, uint32_t stage, struct mimo_group *group)
{
    const struct mimo_plan_module *described = &plan->modules[module];
    struct mimo_coordinate at;

    if (!mimo_grid_coordinate(described, rank, &at) || at.pp != stage % described->pp)
        return;
    end->is_here = true;
    end->interval = (struct mimo_interval){module, at.dp * described->samples,
                                           (at.dp + 1) * described->samples};
    end->part = at.tp + described->tp * at.cp;
    end->parts = described->tp * described->cp;
    end->group = group;
}

static void list_transfers(struct mimo_link_end *end, const struct mimo_plan *plan, uint32_t edge,
                           uint32_t source, uint32_t destination, struct mimo_arena *table)
{
    struct mimo_transfers cursor;
    struct mimo_transfer transfer;

    if (!end->is_here)
        return;
    end->transfers = MIMO_NEW_ARRAY(table, struct mimo_transfer,
                                    count_transfers(plan, edge, source, destination));
    mimo_transfers_init(&cursor, plan, edge, source, destination);
    while (mimo_transfers_next(&cursor, &transfer))
        end->transfers[end->transfer_count++] = transfer;
}

void mimo_link_open(struct mimo_link *link, const struct mimo_plan *plan, uint32_t edge,
                    uint32_t rank, const struct mimo_compute *compute,
                    struct mimo_group *source_group, struct mimo_group *destination_group,
                    const struct mimo_batch *batch, struct mimo_arena *table,
                    struct mimo_tensor_arena *arena)
{
    const struct mimo_plan_edge *described = &plan->edges[edge];
    const size_t element = compute->be->element_size;
    const uint64_t columns = described->columns;
    uint32_t parts;

    *link = (struct mimo_link){
        .edge = edge,
        .encoder = described->from_module,
        .columns = described->columns,
        .compute = *compute,
        .batch = batch,
    };
    open_end(&link->source, plan, described->from_module, rank, described->from_stage,
             source_group);
    open_end(&link->destination, plan, described->to_module, rank, described->to_stage,
             destination_group);
    list_transfers(&link->source, plan, edge, rank, MIMO_NONE, table);
    list_transfers(&link->destination, plan, edge, MIMO_NONE, rank, table);
    if (!link->source.is_here && !link->destination.is_here)
        return;
    link->rows_max =
        mimo_bridge_rows_max(plan, edge, link->source.is_here, link->destination.is_here);
    link->packed = mimo_tensor_take(arena, link->rows_max, columns, element);
    link->arrived = mimo_tensor_take(arena, link->rows_max, columns, element);
    link->parts = mimo_tensor_take(arena, link->rows_max, columns, element);
    parts =
        link->source.parts > link->destination.parts ? link->source.parts : link->destination.parts;
    link->begins = MIMO_NEW_ARRAY(table, size_t, parts + 1);
}

uint32_t mimo_link_messages_max(const struct mimo_link *link)
{
    return link->source.transfer_count + link->destination.transfer_count;
}

/* -- geometry --------------------------------------------------------------------------------- */

uint64_t mimo_link_rows(const struct mimo_link *link, const struct mimo_link_end *end,
                        uint32_t micro_step)
{
    return mimo_batch_rows(link->batch, link->encoder, micro_step, end->interval.begin,
                           end->interval.end);
}

static struct mimo_link_end *sender_of(struct mimo_link *link, uint32_t direction)
{
    return direction == MIMO_EDGE_FORWARD ? &link->source : &link->destination;
}

static struct mimo_link_end *receiver_of(struct mimo_link *link, uint32_t direction)
{
    return direction == MIMO_EDGE_FORWARD ? &link->destination : &link->source;
}

static uint32_t part_begin(const struct mimo_link *link, const struct mimo_link_end *end,
                           uint32_t part)
{
    return (uint32_t)mimo_piece_begin((uint64_t)link->columns, part, end->parts);
}

/* Where part `part` begins in link->parts, in elements; its rows lie densely from there. */
static size_t *part_begins(const struct mimo_link *link, const struct mimo_link_end *end,
                           uint64_t rows)
{
    for (uint32_t part = 0; part <= end->parts; part++)
        link->begins[part] = (size_t)rows * part_begin(link, end, part);
    return link->begins;
}

static char *element_at(const struct mimo_link *link, void *base, uint64_t index)
{
    return (char *)base + index * link->compute.be->element_size;
}

/* A transfer as rows and columns of this end: rows from the start of its replica's interval. */
struct piece {
    uint64_t row, rows;
    uint64_t column, columns; /* from the start of the edge */
};

static struct piece piece_of(const struct mimo_link *link, const struct mimo_link_end *end,
                             const struct mimo_transfer *transfer, uint32_t micro_step)
{
    return (struct piece){
        .row = mimo_batch_rows(link->batch, link->encoder, micro_step, end->interval.begin,
                               transfer->sample_begin),
        .rows = mimo_batch_rows(link->batch, link->encoder, micro_step, transfer->sample_begin,
                                transfer->sample_end),
        .column = transfer->column_begin,
        .columns = transfer->column_end - transfer->column_begin,
    };
}

/* -- sending ---------------------------------------------------------------------------------- */

/* Sums partial rows over the group, part by part: afterwards this rank's part holds its columns. */
static enum mimo_status reduce_parts(struct mimo_link *link, const struct mimo_link_end *end,
                                     uint64_t rows, const void *partial, struct mimo_error *err)
{
    const struct mimo_compute *compute = &link->compute;
    struct mimo_backend *be = compute->be;
    const size_t *begins = part_begins(link, end, rows);

    for (uint32_t part = 0; part < end->parts; part++) {
        const int64_t first = part_begin(link, end, part);
        const int64_t width = part_begin(link, end, part + 1) - first;
        be->ops->copy(be, element_at(link, link->parts, begins[part]), width,
                      (const char *)partial + (size_t)first * be->element_size, link->columns,
                      (int64_t)rows, width);
    }
    return compute->transport->ops->reduce_scatter(end->group, link->parts, begins, compute->dtype,
                                                   err);
}

/* What messages are cut from: element (row, column) lies at base[row * stride + column -
 * column_first]. */
struct view {
    const char *base;
    int64_t stride;
    uint64_t column_first;
};

static void post_sends(struct mimo_link *link, const struct mimo_link_end *end, uint32_t micro_step,
                       uint32_t direction, const struct view *view, struct mimo_messages *messages)
{
    struct mimo_backend *be = link->compute.be;
    uint64_t used = 0;

    for (uint32_t i = 0; i < end->transfer_count; i++) {
        const struct mimo_transfer *transfer = &end->transfers[i];
        const struct piece piece = piece_of(link, end, transfer, micro_step);
        char *const packed = element_at(link, link->packed, used);
        const uint64_t offset =
            piece.row * (uint64_t)view->stride + piece.column - view->column_first;

        be->ops->copy(be, packed, (int64_t)piece.columns, view->base + offset * be->element_size,
                      view->stride, (int64_t)piece.rows, (int64_t)piece.columns);
        used += piece.rows * piece.columns;
        messages->sends[messages->send_count++] = (struct mimo_message){
            .peer = direction == MIMO_EDGE_FORWARD ? transfer->destination : transfer->source,
            .tag = mimo_message_tag(link->edge, direction),
            .data = packed,
            .bytes = piece.rows * piece.columns * be->element_size,
        };
    }
}

enum mimo_status mimo_link_send(struct mimo_link *link, uint32_t micro_step, uint32_t direction,
                                const void *rows, bool is_partial, struct mimo_messages *messages,
                                struct mimo_error *err)
{
    const struct mimo_link_end *end = sender_of(link, direction);
    struct view view = {.base = rows, .stride = link->columns};

    if (is_partial && end->group != NULL) {
        const uint64_t count = mimo_link_rows(link, end, micro_step);
        const uint32_t first = part_begin(link, end, end->part);
        MIMO_TRY(reduce_parts(link, end, count, rows, err));
        view.base = element_at(link, link->parts, count * first);
        view.stride = part_begin(link, end, end->part + 1) - first;
        view.column_first = first;
    }
    /* What was sent last may still be read from link->packed. */
    MIMO_TRY(link->compute.transport->ops->join(link->compute.transport, err));
    post_sends(link, end, micro_step, direction, &view, messages);
    return MIMO_OK;
}

/* -- receiving -------------------------------------------------------------------------------- */

/* Where this rank's own columns are put together: in place, or in its part of link->parts. */
struct landing {
    char *base;
    int64_t stride;
    uint64_t column_first;
};

static struct landing landing_of(struct mimo_link *link, const struct mimo_link_end *end,
                                 uint32_t micro_step, void *whole)
{
    const uint32_t first = part_begin(link, end, end->part);

    if (end->parts == 1)
        return (struct landing){.base = whole, .stride = link->columns};
    return (struct landing){
        .base = element_at(link, link->parts, mimo_link_rows(link, end, micro_step) * first),
        .stride = part_begin(link, end, end->part + 1) - first,
        .column_first = first,
    };
}

static char *landing_at(const struct mimo_link *link, const struct landing *landing,
                        const struct piece *piece)
{
    return element_at(link, landing->base,
                      piece->row * (uint64_t)landing->stride + piece->column -
                          landing->column_first);
}

/* A piece as wide as this rank's part lands where it belongs; a narrower one waits in
 * link->arrived. */
static bool lands_directly(const struct landing *landing, const struct piece *piece)
{
    return (int64_t)piece->columns == landing->stride;
}

void mimo_link_receive(struct mimo_link *link, uint32_t micro_step, uint32_t direction, void *rows,
                       struct mimo_messages *messages)
{
    const struct mimo_link_end *end = receiver_of(link, direction);
    const struct landing landing = landing_of(link, end, micro_step, rows);
    uint64_t waiting = 0;

    for (uint32_t i = 0; i < end->transfer_count; i++) {
        const struct mimo_transfer *transfer = &end->transfers[i];
        const struct piece piece = piece_of(link, end, transfer, micro_step);
        char *data = landing_at(link, &landing, &piece);

        if (!lands_directly(&landing, &piece)) {
            data = element_at(link, link->arrived, waiting);
            waiting += piece.rows * piece.columns;
        }
        messages->receives[messages->receive_count++] = (struct mimo_message){
            .peer = direction == MIMO_EDGE_FORWARD ? transfer->source : transfer->destination,
            .tag = mimo_message_tag(link->edge, direction),
            .data = data,
            .bytes = piece.rows * piece.columns * link->compute.be->element_size,
        };
    }
}

static void place_arrived(struct mimo_link *link, const struct mimo_link_end *end,
                          uint32_t micro_step, const struct landing *landing)
{
    struct mimo_backend *be = link->compute.be;
    uint64_t waiting = 0;

    for (uint32_t i = 0; i < end->transfer_count; i++) {
        const struct piece piece = piece_of(link, end, &end->transfers[i], micro_step);
        if (lands_directly(landing, &piece))
            continue;
        be->ops->copy(be, landing_at(link, landing, &piece), landing->stride,
                      element_at(link, link->arrived, waiting), (int64_t)piece.columns,
                      (int64_t)piece.rows, (int64_t)piece.columns);
        waiting += piece.rows * piece.columns;
    }
}

enum mimo_status mimo_link_received(struct mimo_link *link, uint32_t micro_step, uint32_t direction,
                                    void *rows, struct mimo_error *err)
{
    const struct mimo_link_end *end = receiver_of(link, direction);
    const struct landing landing = landing_of(link, end, micro_step, rows);
    const uint64_t count = mimo_link_rows(link, end, micro_step);
    const struct mimo_compute *compute = &link->compute;
    struct mimo_backend *be = compute->be;
    const size_t *begins;

    place_arrived(link, end, micro_step, &landing);
    if (end->parts == 1)
        return MIMO_OK;
    begins = part_begins(link, end, count);
    MIMO_TRY(
        compute->transport->ops->all_gather(end->group, link->parts, begins, compute->dtype, err));
    for (uint32_t part = 0; part < end->parts; part++) {
        const int64_t first = part_begin(link, end, part);
        const int64_t width = part_begin(link, end, part + 1) - first;
        be->ops->copy(be, element_at(link, rows, (uint64_t)first), link->columns,
                      element_at(link, link->parts, begins[part]), width, (int64_t)count, width);
    }
    return MIMO_OK;
}
