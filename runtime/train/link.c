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

static void open_end(struct mimo_link_end *end, const struct mimo_plan *plan, uint32_t edge,
                     bool is_source, uint32_t rank, struct mimo_group *group,
                     struct mimo_arena *table)
{
    const struct mimo_plan_edge *record = &plan->edges[edge];
    const uint32_t module = is_source ? record->from_module : record->to_module;
    const uint32_t stage = is_source ? record->from_stage : record->to_stage;
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
    end->tiles = MIMO_NEW_ARRAY(table, struct mimo_tile, end->parts);
    for (uint32_t part = 0; part < end->parts; part++)
        end->tiles[part] = mimo_bridge_tile(plan, edge, is_source, rank - end->part + part);
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
    open_end(&link->source, plan, edge, true, rank, source_group, table);
    open_end(&link->destination, plan, edge, false, rank, destination_group, table);
    list_transfers(&link->source, plan, edge, rank, MIMO_NONE, table);
    list_transfers(&link->destination, plan, edge, MIMO_NONE, rank, table);
    if (!link->source.is_here && !link->destination.is_here)
        return;
    for (uint32_t direction = 0; direction < 2; direction++)
        link->is_local[direction] = mimo_bridge_is_local(plan, edge, direction);
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

static char *element_at(const struct mimo_link *link, void *base, uint64_t index)
{
    return (char *)base + index * link->compute.be->element_size;
}

/* Samples and columns as rows and columns of this end: rows from the start of its replica's
 * interval. */
struct piece {
    uint64_t row, rows;
    uint64_t column, columns; /* from the start of the edge */
};

static struct piece piece_of_tile(const struct mimo_link *link, const struct mimo_link_end *end,
                                  const struct mimo_tile *tile, uint32_t micro_step)
{
    return (struct piece){
        .row = mimo_batch_rows(link->batch, link->encoder, micro_step, end->interval.begin,
                               tile->sample_begin),
        .rows = mimo_batch_rows(link->batch, link->encoder, micro_step, tile->sample_begin,
                                tile->sample_end),
        .column = tile->column_begin,
        .columns = tile->column_end - tile->column_begin,
    };
}

static struct piece piece_of(const struct mimo_link *link, const struct mimo_link_end *end,
                             const struct mimo_transfer *transfer, uint32_t micro_step)
{
    const struct mimo_tile tile = {transfer->sample_begin, transfer->sample_end,
                                   transfer->column_begin, transfer->column_end};

    return piece_of_tile(link, end, &tile, micro_step);
}

static struct piece piece_of_part(const struct mimo_link *link, const struct mimo_link_end *end,
                                  uint32_t part, uint32_t micro_step)
{
    return piece_of_tile(link, end, &end->tiles[part], micro_step);
}

/* Where each part begins in link->parts, in elements; its rows lie densely from there. */
static size_t *part_begins(const struct mimo_link *link, const struct mimo_link_end *end,
                           uint32_t micro_step)
{
    link->begins[0] = 0;
    for (uint32_t part = 0; part < end->parts; part++) {
        const struct piece piece = piece_of_part(link, end, part, micro_step);
        link->begins[part + 1] = link->begins[part] + piece.rows * piece.columns;
    }
    return link->begins;
}

/* Element (row, column) of the end's rows lies at base[(row - row_first) * stride + column -
 * column_first]. */
struct view {
    char *base;
    uint64_t stride, row_first, column_first;
};

static struct view whole_view(const struct mimo_link *link, void *rows)
{
    return (struct view){.base = rows, .stride = (uint64_t)link->columns};
}

/* A part of link->parts. */
static struct view part_view(const struct mimo_link *link, const struct mimo_link_end *end,
                             uint32_t part, uint32_t micro_step)
{
    const struct piece piece = piece_of_part(link, end, part, micro_step);

    return (struct view){
        .base = element_at(link, link->parts, part_begins(link, end, micro_step)[part]),
        .stride = piece.columns,
        .row_first = piece.row,
        .column_first = piece.column,
    };
}

static char *view_at(const struct mimo_link *link, const struct view *view,
                     const struct piece *piece)
{
    return element_at(link, view->base,
                      (piece->row - view->row_first) * view->stride + piece->column -
                          view->column_first);
}

/* Copies a piece from one view of the rows to another. */
static void copy_piece(const struct mimo_link *link, const struct view *to, const struct view *from,
                       const struct piece *piece)
{
    struct mimo_backend *be = link->compute.be;

    be->ops->copy(be, view_at(link, to, piece), (int64_t)to->stride, view_at(link, from, piece),
                  (int64_t)from->stride, (int64_t)piece->rows, (int64_t)piece->columns);
}

/* -- sending ---------------------------------------------------------------------------------- */

/* Sums partial rows over the group, tile by tile: afterwards this rank's part holds its own. */
static enum mimo_status reduce_parts(struct mimo_link *link, const struct mimo_link_end *end,
                                     uint32_t micro_step, const struct view *partial,
                                     struct mimo_error *err)
{
    const struct mimo_compute *compute = &link->compute;

    for (uint32_t part = 0; part < end->parts; part++) {
        const struct piece piece = piece_of_part(link, end, part, micro_step);
        const struct view to = part_view(link, end, part, micro_step);
        copy_piece(link, &to, partial, &piece);
    }
    return compute->transport->ops->reduce_scatter(
        end->group, link->parts, part_begins(link, end, micro_step), compute->dtype, err);
}

static void post_sends(struct mimo_link *link, const struct mimo_link_end *end, uint32_t micro_step,
                       uint32_t direction, const struct view *view, struct mimo_messages *messages)
{
    uint64_t used = 0;

    for (uint32_t i = 0; i < end->transfer_count; i++) {
        const struct mimo_transfer *transfer = &end->transfers[i];
        const struct piece piece = piece_of(link, end, transfer, micro_step);
        const struct view packed = {element_at(link, link->packed, used), piece.columns, piece.row,
                                    piece.column};

        copy_piece(link, &packed, view, &piece);
        used += piece.rows * piece.columns;
        messages->sends[messages->send_count++] = (struct mimo_message){
            .peer = direction == MIMO_EDGE_FORWARD ? transfer->destination : transfer->source,
            .tag = mimo_message_tag(link->edge, direction),
            .data = packed.base,
            .bytes = piece.rows * piece.columns * link->compute.be->element_size,
        };
    }
}

enum mimo_status mimo_link_send(struct mimo_link *link, uint32_t micro_step, uint32_t direction,
                                void *rows, bool is_partial, struct mimo_messages *messages,
                                struct mimo_error *err)
{
    const struct mimo_link_end *end = sender_of(link, direction);
    struct view view = whole_view(link, rows);

    if (is_partial && end->group != NULL) {
        MIMO_TRY(reduce_parts(link, end, micro_step, &view, err));
        view = part_view(link, end, end->part, micro_step);
    }
    /* What was sent last may still be read from link->packed. */
    MIMO_TRY(link->compute.transport->ops->join(link->compute.transport, err));
    post_sends(link, end, micro_step, direction, &view, messages);
    return MIMO_OK;
}

/* -- receiving -------------------------------------------------------------------------------- */

/* Where this rank's own tile is put together: in place, or in its part of link->parts. */
static struct view landing_of(struct mimo_link *link, const struct mimo_link_end *end,
                              uint32_t micro_step, void *whole)
{
    return end->parts == 1 ? whole_view(link, whole) : part_view(link, end, end->part, micro_step);
}

/* A piece as wide as this rank's tile lands where it belongs; a narrower one waits in
 * link->arrived. */
static bool lands_directly(const struct view *landing, const struct piece *piece)
{
    return piece->columns == landing->stride;
}

void mimo_link_receive(struct mimo_link *link, uint32_t micro_step, uint32_t direction, void *rows,
                       struct mimo_messages *messages)
{
    const struct mimo_link_end *end = receiver_of(link, direction);
    const struct view landing = landing_of(link, end, micro_step, rows);
    uint64_t waiting = 0;

    for (uint32_t i = 0; i < end->transfer_count; i++) {
        const struct mimo_transfer *transfer = &end->transfers[i];
        const struct piece piece = piece_of(link, end, transfer, micro_step);
        char *data = view_at(link, &landing, &piece);

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
                          uint32_t micro_step, const struct view *landing)
{
    uint64_t waiting = 0;

    for (uint32_t i = 0; i < end->transfer_count; i++) {
        const struct piece piece = piece_of(link, end, &end->transfers[i], micro_step);
        const struct view arrived = {element_at(link, link->arrived, waiting), piece.columns,
                                     piece.row, piece.column};
        if (lands_directly(landing, &piece))
            continue;
        copy_piece(link, landing, &arrived, &piece);
        waiting += piece.rows * piece.columns;
    }
}

enum mimo_status mimo_link_received(struct mimo_link *link, uint32_t micro_step, uint32_t direction,
                                    void *rows, struct mimo_error *err)
{
    const struct mimo_link_end *end = receiver_of(link, direction);
    const struct view landing = landing_of(link, end, micro_step, rows);
    const struct view whole = whole_view(link, rows);
    const struct mimo_compute *compute = &link->compute;

    place_arrived(link, end, micro_step, &landing);
    if (end->parts == 1)
        return MIMO_OK;
    MIMO_TRY(compute->transport->ops->all_gather(
        end->group, link->parts, part_begins(link, end, micro_step), compute->dtype, err));
    for (uint32_t part = 0; part < end->parts; part++) {
        const struct piece piece = piece_of_part(link, end, part, micro_step);
        const struct view from = part_view(link, end, part, micro_step);
        copy_piece(link, &whole, &from, &piece);
    }
    return MIMO_OK;
}

/* -- on shared ranks -------------------------------------------------------------------------- */

void mimo_link_copy(struct mimo_link *link, uint32_t micro_step, uint32_t direction,
                    const void *sent, void *received)
{
    const struct mimo_link_end *sender = sender_of(link, direction);
    const struct mimo_link_end *receiver = receiver_of(link, direction);
    struct mimo_backend *be = link->compute.be;
    const uint64_t first = mimo_batch_rows(link->batch, link->encoder, micro_step,
                                           sender->interval.begin, receiver->interval.begin);

    be->ops->copy(be, received, link->columns,
                  (const char *)sent + first * (uint64_t)link->columns * be->element_size,
                  link->columns, (int64_t)mimo_link_rows(link, receiver, micro_step),
                  link->columns);
}
