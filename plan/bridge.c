#include "plan/bridge.h"

#include "plan/grid.h"

static uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t max_u32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

void mimo_bridge_columns(uint32_t columns, uint32_t part, uint32_t parts, uint32_t *out_begin,
                         uint32_t *out_end)
{
    *out_begin = (uint32_t)mimo_piece_begin(columns, part, parts);
    *out_end = (uint32_t)mimo_piece_begin(columns, (uint64_t)part + 1, parts);
}

/*
 * The part that holds `column`: the largest r with ⌊r·columns/parts⌋ <= column, that is with
 * r·columns < (column + 1)·parts. Of 10 columns in 4 parts (0, 2, 5, 7) column 4 is in part
 * ⌈5·4/10⌉ − 1 = 1.
 */
static uint32_t part_of(uint32_t columns, uint32_t column, uint32_t parts)
{
    const uint64_t above = ((uint64_t)column + 1) * parts;

    return (uint32_t)((above + columns - 1) / columns - 1);
}

static uint32_t parts_of(const struct mimo_plan_module *module)
{
    return module->tp * module->cp;
}

/* Narrows the window to what `rank` holds as pipeline rank `pp` of `module`; to nothing where it
 * does not run that. */
static void narrow(struct mimo_transfers *transfers, const struct mimo_plan_module *module,
                   uint32_t pp, uint32_t rank)
{
    struct mimo_coordinate at;
    uint32_t begin, end;

    if (!mimo_grid_coordinate(module, rank, &at) || at.pp != pp) {
        transfers->sample_end = transfers->sample;
        return;
    }
    mimo_bridge_columns(transfers->columns, at.tp + module->tp * at.cp, parts_of(module), &begin,
                        &end);
    transfers->column_begin = max_u32(transfers->column_begin, begin);
    transfers->column_end = min_u32(transfers->column_end, end);
    transfers->sample = max_u32(transfers->sample, at.dp * module->samples);
    transfers->sample_end = min_u32(transfers->sample_end, (at.dp + 1) * module->samples);
}

void mimo_transfers_init(struct mimo_transfers *transfers, const struct mimo_plan *plan,
                         uint32_t edge, uint32_t source, uint32_t destination)
{
    const struct mimo_plan_edge *record = &plan->edges[edge];
    const struct mimo_plan_module *from = &plan->modules[record->from_module];
    const struct mimo_plan_module *to = &plan->modules[record->to_module];

    *transfers = (struct mimo_transfers){
        .from = from,
        .to = to,
        .from_pp = record->from_stage % from->pp,
        .to_pp = record->to_stage % to->pp,
        .columns = record->columns,
        .sample_end = from->samples * from->dp,
        .column_end = record->columns,
    };
    if (source != MIMO_NONE)
        narrow(transfers, from, transfers->from_pp, source);
    if (destination != MIMO_NONE)
        narrow(transfers, to, transfers->to_pp, destination);
    transfers->column = transfers->column_begin;
}

/* The rank that holds (sample, column) as pipeline rank `pp` of `module`, and where its samples and
 * its columns end. */
static uint32_t holder(const struct mimo_transfers *transfers,
                       const struct mimo_plan_module *module, uint32_t pp, uint32_t *out_sample_end,
                       uint32_t *out_column_end)
{
    const uint32_t parts = parts_of(module);
    const uint32_t part = part_of(transfers->columns, transfers->column, parts);
    const uint32_t replica = transfers->sample / module->samples;
    uint32_t begin;

    mimo_bridge_columns(transfers->columns, part, parts, &begin, out_column_end);
    *out_sample_end = (replica + 1) * module->samples;
    return mimo_grid_rank(module, part % module->tp, part / module->tp, replica, pp);
}

bool mimo_transfers_next(struct mimo_transfers *transfers, struct mimo_transfer *out_transfer)
{
    struct mimo_transfer next = {
        .sample_begin = transfers->sample,
        .column_begin = transfers->column,
    };
    uint32_t from_sample_end, from_column_end, to_sample_end, to_column_end;

    if (transfers->sample >= transfers->sample_end ||
        transfers->column_begin >= transfers->column_end)
        return false;
    next.source =
        holder(transfers, transfers->from, transfers->from_pp, &from_sample_end, &from_column_end);
    next.destination =
        holder(transfers, transfers->to, transfers->to_pp, &to_sample_end, &to_column_end);
    next.sample_end = min_u32(from_sample_end, to_sample_end);
    next.column_end = min_u32(from_column_end, to_column_end);
    transfers->column = next.column_end;
    if (transfers->column >= transfers->column_end) {
        transfers->column = transfers->column_begin;
        transfers->sample = next.sample_end;
    }
    *out_transfer = next;
    return true;
}
