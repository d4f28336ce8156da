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

/* ---- who shares out what ---- */

/* Neighbouring ranks, counted from the first of the stage, that share out the columns of some
 * samples in as many parts. */
struct sharers {
    uint32_t sample_begin, sample_end;
    uint32_t first, end;
};

static struct sharers replica_of(const struct mimo_plan_module *module, uint32_t replica)
{
    const uint32_t parts = parts_of(module);

    return (struct sharers){replica * module->samples, (replica + 1) * module->samples,
                            replica * parts, (replica + 1) * parts};
}

static struct sharers common(struct sharers a, struct sharers b)
{
    return (struct sharers){
        max_u32(a.sample_begin, b.sample_begin),
        min_u32(a.sample_end, b.sample_end),
        max_u32(a.first, b.first),
        min_u32(a.end, b.end),
    };
}

static struct mimo_tile tile_of(const struct sharers *sharers, uint32_t part, uint32_t columns)
{
    struct mimo_tile tile = {sharers->sample_begin, sharers->sample_end, 0, 0};

    mimo_bridge_columns(columns, part, sharers->end - sharers->first, &tile.column_begin,
                        &tile.column_end);
    return tile;
}

/* The first rank of pipeline rank `pp`. */
static uint32_t stage_first(const struct mimo_plan_module *module, uint32_t pp)
{
    return module->rank_offset + pp * parts_of(module) * module->dp;
}

/* Both ends of an edge, as transfers see them. */
static struct mimo_transfers ends_of(const struct mimo_plan *plan, uint32_t edge)
{
    const struct mimo_plan_edge *record = &plan->edges[edge];
    const struct mimo_plan_module *from = &plan->modules[record->from_module];
    const struct mimo_plan_module *to = &plan->modules[record->to_module];

    return (struct mimo_transfers){
        .from = from,
        .to = to,
        .from_pp = record->from_stage % from->pp,
        .to_pp = record->to_stage % to->pp,
        .columns = record->columns,
        .shares_ranks = record->is_bridge != 0 && record->shares_ranks != 0,
        .sample_end = from->samples * from->dp,
        .column_end = record->columns,
    };
}

static struct mimo_tile tile_of_rank(const struct mimo_transfers *transfers, bool is_source,
                                     uint32_t rank)
{
    const struct mimo_plan_module *from = transfers->from, *to = transfers->to;
    const struct mimo_plan_module *module = is_source ? from : to;
    const uint32_t pp = is_source ? transfers->from_pp : transfers->to_pp;
    const uint32_t at = rank - stage_first(module, pp);
    struct sharers sharers = replica_of(module, at / parts_of(module));

    if (transfers->shares_ranks)
        sharers = common(replica_of(from, at / parts_of(from)), replica_of(to, at / parts_of(to)));
    return tile_of(&sharers, at - sharers.first, transfers->columns);
}

struct mimo_tile mimo_bridge_tile(const struct mimo_plan *plan, uint32_t edge, bool is_source,
                                  uint32_t rank)
{
    const struct mimo_transfers ends = ends_of(plan, edge);

    return tile_of_rank(&ends, is_source, rank);
}

bool mimo_bridge_is_local(const struct mimo_plan *plan, uint32_t edge, uint32_t direction)
{
    const struct mimo_transfers ends = ends_of(plan, edge);
    const bool is_forward = direction == MIMO_EDGE_FORWARD;
    const struct mimo_plan_module *sender = is_forward ? ends.from : ends.to;
    const struct mimo_plan_module *receiver = is_forward ? ends.to : ends.from;

    return ends.shares_ranks && sender->cp == 1 && sender->sequence_parallel == 0 &&
           parts_of(sender) % parts_of(receiver) == 0;
}

/* ---- the cursor ---- */

/* Narrows the window to what `rank` carries at that end; to nothing where it is not there. */
static void narrow(struct mimo_transfers *transfers, bool is_source, uint32_t rank)
{
    const struct mimo_plan_module *module = is_source ? transfers->from : transfers->to;
    const uint32_t pp = is_source ? transfers->from_pp : transfers->to_pp;
    struct mimo_coordinate at;
    struct mimo_tile tile;

    if (!mimo_grid_coordinate(module, rank, &at) || at.pp != pp) {
        transfers->sample_end = transfers->sample;
        return;
    }
    tile = tile_of_rank(transfers, is_source, rank);
    transfers->column_begin = max_u32(transfers->column_begin, tile.column_begin);
    transfers->column_end = min_u32(transfers->column_end, tile.column_end);
    transfers->sample = max_u32(transfers->sample, tile.sample_begin);
    transfers->sample_end = min_u32(transfers->sample_end, tile.sample_end);
}

void mimo_transfers_init(struct mimo_transfers *transfers, const struct mimo_plan *plan,
                         uint32_t edge, uint32_t source, uint32_t destination)
{
    *transfers = ends_of(plan, edge);
    if (source != MIMO_NONE)
        narrow(transfers, true, source);
    if (destination != MIMO_NONE)
        narrow(transfers, false, destination);
    transfers->column = transfers->column_begin;
}

/* The tile of one of the sharers that the cursor is in, and whose it is. */
static struct mimo_tile tile_here(const struct mimo_transfers *transfers,
                                  const struct sharers *sharers, uint32_t first, uint32_t *out_rank)
{
    const uint32_t parts = sharers->end - sharers->first;
    const uint32_t part = part_of(transfers->columns, transfers->column, parts);

    *out_rank = first + sharers->first + part;
    return tile_of(sharers, part, transfers->columns);
}

bool mimo_transfers_next(struct mimo_transfers *transfers, struct mimo_transfer *out_transfer)
{
    const struct mimo_plan_module *from = transfers->from, *to = transfers->to;
    struct mimo_transfer next = {
        .sample_begin = transfers->sample,
        .column_begin = transfers->column,
    };
    struct sharers sources, destinations;
    struct mimo_tile sent, received;

    if (transfers->sample >= transfers->sample_end ||
        transfers->column_begin >= transfers->column_end)
        return false;
    sources = replica_of(from, transfers->sample / from->samples);
    destinations = replica_of(to, transfers->sample / to->samples);
    if (transfers->shares_ranks)
        sources = destinations = common(sources, destinations);
    sent = tile_here(transfers, &sources, stage_first(from, transfers->from_pp), &next.source);
    received =
        tile_here(transfers, &destinations, stage_first(to, transfers->to_pp), &next.destination);
    next.sample_end = min_u32(sent.sample_end, received.sample_end);
    next.column_end = min_u32(sent.column_end, received.column_end);
    transfers->column = next.column_end;
    if (transfers->column >= transfers->column_end) {
        transfers->column = transfers->column_begin;
        transfers->sample = next.sample_end;
    }
    *out_transfer = next;
    return true;
}
