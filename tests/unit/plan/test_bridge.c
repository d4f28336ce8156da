#include "plan/bridge.h"

#include "plan/grid.h"
#include "tests/unit/check.h"

enum { REPLICAS_MAX = 8, SAMPLES_MAX = 64, COLUMNS_MAX = 24, TRANSFERS_MAX = 4096, PARTS = 4 };

static const struct parts {
    uint32_t tp, cp;
} parts_rows[PARTS] = {{1, 1}, {2, 1}, {3, 2}, {1, 4}};

/* Two modules and one edge between the last stage of the first and the first of the second. */
struct pair {
    struct mimo_plan_module modules[2];
    struct mimo_plan_edge edge;
    struct mimo_plan plan;
};

static struct mimo_plan_module module_of(struct parts parts, uint32_t dp, uint32_t pp,
                                         uint32_t samples, uint32_t rank_offset)
{
    return (struct mimo_plan_module){
        .tp = parts.tp,
        .cp = parts.cp,
        .dp = dp,
        .pp = pp,
        .etp = 1,
        .ep = 1,
        .edp = parts.tp * parts.cp * dp,
        .virtual_pipeline = 1,
        .rank_offset = rank_offset,
        .ranks = parts.tp * parts.cp * dp * pp,
        .samples = samples / dp,
        .stage_count = pp,
    };
}

static void pair_fill(struct pair *pair, struct mimo_plan_module from, struct mimo_plan_module to,
                      uint32_t columns)
{
    pair->modules[0] = from;
    pair->modules[1] = to;
    pair->edge = (struct mimo_plan_edge){
        .from_stage = from.stage_count - 1,
        .to_module = 1,
        .columns = columns,
        .is_bridge = 1,
    };
    pair->plan = (struct mimo_plan){
        .modules = pair->modules,
        .edges = &pair->edge,
        .module_count = 2,
        .edge_count = 1,
    };
}

static uint32_t collect(const struct pair *pair, uint32_t source, uint32_t destination,
                        struct mimo_transfer transfers[TRANSFERS_MAX])
{
    struct mimo_transfers cursor;
    uint32_t count = 0;

    mimo_transfers_init(&cursor, &pair->plan, 0, source, destination);
    while (count < TRANSFERS_MAX && mimo_transfers_next(&cursor, &transfers[count]))
        count++;
    return count;
}

/* The same on ranks that both modules have. */
static void pair_fill_shared(struct pair *pair, struct mimo_plan_module from,
                             struct mimo_plan_module to, uint32_t columns)
{
    pair_fill(pair, from, to, columns);
    pair->edge.shares_ranks = 1;
}

/* `rank` holds the transfer's samples and columns as pipeline rank `pp` of the module. */
static bool holds(const struct mimo_plan_module *module, uint32_t pp, uint32_t columns,
                  uint32_t rank, const struct mimo_transfer *transfer)
{
    struct mimo_coordinate at;
    uint32_t begin, end;

    if (!mimo_grid_coordinate(module, rank, &at) || at.pp != pp)
        return false;
    mimo_bridge_columns(columns, at.tp + module->tp * at.cp, module->tp * module->cp, &begin, &end);
    return transfer->sample_begin >= at.dp * module->samples &&
           transfer->sample_end <= (at.dp + 1) * module->samples &&
           transfer->column_begin >= begin && transfer->column_end <= end &&
           transfer->sample_begin < transfer->sample_end &&
           transfer->column_begin < transfer->column_end;
}

static bool is_ascending(const struct mimo_transfer *a, const struct mimo_transfer *b)
{
    return a->sample_begin < b->sample_begin ||
           (a->sample_begin == b->sample_begin && a->column_begin < b->column_begin);
}

/* Each cell (sample, column) crosses once, between ranks that hold it on both sides. */
static void check_cover(const struct pair *pair, const struct mimo_transfer *transfers,
                        uint32_t count)
{
    static unsigned char crossed[SAMPLES_MAX][COLUMNS_MAX];
    const uint32_t samples = pair->modules[0].samples * pair->modules[0].dp;
    const uint32_t columns = pair->edge.columns;
    bool ok = true;

    memset(crossed, 0, sizeof crossed);
    for (uint32_t i = 0; i < count; i++) {
        const struct mimo_transfer *t = &transfers[i];

        ok = ok && holds(&pair->modules[0], pair->modules[0].pp - 1, columns, t->source, t) &&
             holds(&pair->modules[1], 0, columns, t->destination, t) &&
             (i == 0 || is_ascending(&transfers[i - 1], t));
        for (uint32_t s = t->sample_begin; s < t->sample_end && s < SAMPLES_MAX; s++)
            for (uint32_t c = t->column_begin; c < t->column_end && c < COLUMNS_MAX; c++)
                crossed[s][c]++;
    }
    for (uint32_t s = 0; s < samples; s++)
        for (uint32_t c = 0; c < columns; c++)
            ok = ok && crossed[s][c] == 1;
    if (!ok)
        (void)printf("\n  dp %u parts %ux%u to dp %u parts %ux%u, %u columns\n",
                     pair->modules[0].dp, pair->modules[0].tp, pair->modules[0].cp,
                     pair->modules[1].dp, pair->modules[1].tp, pair->modules[1].cp, columns);
    CHECK(ok);
}

/* A filtered cursor gives what is left of the full list. */
static void check_filter(const struct pair *pair, const struct mimo_transfer *all, uint32_t count,
                         uint32_t source, uint32_t destination)
{
    static struct mimo_transfer filtered[TRANSFERS_MAX];
    const uint32_t filtered_count = collect(pair, source, destination, filtered);
    uint32_t at = 0;
    bool ok = true;

    for (uint32_t i = 0; i < count; i++) {
        if ((source != MIMO_NONE && all[i].source != source) ||
            (destination != MIMO_NONE && all[i].destination != destination))
            continue;
        ok = ok && at < filtered_count && memcmp(&filtered[at], &all[i], sizeof all[i]) == 0;
        at++;
    }
    CHECK(ok);
    CHECK_INT(filtered_count, at);
}

static void check_pair(const struct pair *pair)
{
    static struct mimo_transfer all[TRANSFERS_MAX];
    const uint32_t count = collect(pair, MIMO_NONE, MIMO_NONE, all);
    const struct mimo_plan_module *from = &pair->modules[0], *to = &pair->modules[1];
    const uint32_t from_end = from->rank_offset + from->ranks + 1;
    const uint32_t to_end = to->rank_offset + to->ranks + 1;

    check_cover(pair, all, count);
    for (uint32_t source = 0; source < from_end; source++)
        check_filter(pair, all, count, source, MIMO_NONE);
    for (uint32_t destination = 0; destination < to_end; destination++)
        check_filter(pair, all, count, MIMO_NONE, destination);
    for (uint32_t i = 0; i < count; i += 7)
        check_filter(pair, all, count, all[i].source, all[count - 1 - i].destination);
}

static uint32_t least_common_multiple(uint32_t a, uint32_t b)
{
    uint32_t multiple = a;

    while (multiple % b != 0)
        multiple += a;
    return multiple;
}

static void check_parts(uint32_t from_dp, uint32_t to_dp, struct parts from, struct parts to)
{
    const uint32_t samples = least_common_multiple(from_dp, to_dp);
    const struct mimo_plan_module source = module_of(from, from_dp, 1, samples, 0);
    struct pair pair;

    /* on ranks of their own, with more columns than parts; then on some in common, with fewer */
    pair_fill(&pair, source, module_of(to, to_dp, 2, samples, source.ranks), COLUMNS_MAX - 1);
    check_pair(&pair);
    pair_fill(&pair, source, module_of(to, to_dp, 1, samples, 0), 3);
    check_pair(&pair);
}

static void test_every_pair_of_replicas(void)
{
    for (uint32_t from_dp = 1; from_dp <= REPLICAS_MAX; from_dp++)
        for (uint32_t to_dp = 1; to_dp <= REPLICAS_MAX; to_dp++)
            for (int i = 0; i < PARTS * PARTS; i++)
                check_parts(from_dp, to_dp, parts_rows[i / PARTS], parts_rows[i % PARTS]);
}

/* Three replicas to two, one rank each: the middle one feeds both. */
static void test_three_to_two(void)
{
    static const struct mimo_transfer expected[] = {
        {0, 3, 0, 2, 0, 5}, {1, 3, 2, 3, 0, 5}, {1, 4, 3, 4, 0, 5}, {2, 4, 4, 6, 0, 5}};
    struct mimo_transfer transfers[TRANSFERS_MAX];
    struct pair pair;

    pair_fill(&pair, module_of(parts_rows[0], 3, 1, 6, 0), module_of(parts_rows[0], 2, 1, 6, 3), 5);
    CHECK_INT(collect(&pair, MIMO_NONE, MIMO_NONE, transfers), 4);
    CHECK(memcmp(transfers, expected, sizeof expected) == 0);
}

/* Between stages of one module each rank sends its columns to its own coordinate. */
static void test_stages_of_one_module(void)
{
    struct mimo_transfer transfers[TRANSFERS_MAX];
    struct pair pair;
    uint32_t count;

    pair_fill(&pair, module_of(parts_rows[2], 3, 4, 6, 10), (struct mimo_plan_module){0}, 12);
    pair.edge = (struct mimo_plan_edge){.from_stage = 1, .to_stage = 2, .columns = 12};
    count = collect(&pair, MIMO_NONE, MIMO_NONE, transfers);
    CHECK_INT(count, 18);
    for (uint32_t i = 0; i < count; i++)
        CHECK_INT(transfers[i].destination, transfers[i].source + 18);
}

static bool is_in(const struct mimo_tile *tile, uint32_t sample, uint32_t column)
{
    return sample >= tile->sample_begin && sample < tile->sample_end &&
           column >= tile->column_begin && column < tile->column_end;
}

/* The tiles of the ranks of each replica have each of its cells once. */
static void check_tiles(const struct pair *pair, bool is_source)
{
    const struct mimo_plan_module *module = &pair->modules[is_source ? 0 : 1];
    const uint32_t parts = module->tp * module->cp, columns = pair->edge.columns;
    bool ok = true;

    for (uint32_t cell = 0; cell < module->samples * module->dp * columns; cell++) {
        const uint32_t replica = cell / columns / module->samples;
        uint32_t holders = 0;

        for (uint32_t part = 0; part < parts; part++) {
            const struct mimo_tile tile =
                mimo_bridge_tile(&pair->plan, 0, is_source, replica * parts + part);
            holders += is_in(&tile, cell / columns, cell % columns);
        }
        ok = ok && holders == 1;
    }
    CHECK(ok);
}

/* On shared ranks every rank keeps its tile, as source and as destination, and tiles are equally
 * large where the columns divide. */
static void check_shared(const struct pair *pair, bool divides)
{
    static struct mimo_transfer all[TRANSFERS_MAX];
    const uint32_t count = collect(pair, MIMO_NONE, MIMO_NONE, all);
    const uint32_t ranks = pair->modules[0].ranks;
    const uint32_t cells =
        pair->modules[0].samples * pair->modules[0].dp * pair->edge.columns / ranks;
    uint32_t carried = 0;

    for (uint32_t i = 0; i < count; i++) {
        const struct mimo_transfer *t = &all[i];
        const uint32_t area = (t->sample_end - t->sample_begin) * (t->column_end - t->column_begin);

        CHECK_INT(t->destination, t->source);
        CHECK(!divides || area == cells);
        check_filter(pair, all, count, t->source, MIMO_NONE);
        check_filter(pair, all, count, MIMO_NONE, t->source);
        carried += area;
    }
    CHECK_INT(carried, pair->modules[0].samples * pair->modules[0].dp * pair->edge.columns);
    check_tiles(pair, true);
    check_tiles(pair, false);
}

/* Every way to lay two modules over the same 24 ranks. */
static void test_shared_ranks(void)
{
    enum { RANKS = 24 };
    struct pair pair;

    for (uint32_t a = 1; a <= RANKS; a++) {
        for (uint32_t b = 1; RANKS % a == 0 && b <= RANKS; b++) {
            const struct parts from = {a, 1}, to = {b, 1};
            if (RANKS % b != 0)
                continue;
            pair_fill_shared(&pair, module_of(from, RANKS / a, 1, RANKS, 0),
                             module_of(to, RANKS / b, 1, RANKS, 0), COLUMNS_MAX);
            check_shared(&pair, true);
            pair.edge.columns = 7;
            check_shared(&pair, false);
        }
    }
}

/* Two ranks of a replica of two samples each: one replica of four has both, and each rank brings
 * its half; back, rows that are not cut are there already. */
static void test_local(void)
{
    const struct parts two = {2, 1}, four = {4, 1};
    const struct mimo_tile expected = {2, 4, 0, 6};
    struct mimo_tile tile;
    struct pair pair;

    pair_fill_shared(&pair, module_of(two, 2, 1, 4, 0), module_of(four, 1, 1, 4, 0), 12);
    tile = mimo_bridge_tile(&pair.plan, 0, false, 2);
    CHECK(memcmp(&tile, &expected, sizeof tile) == 0);
    CHECK(!mimo_bridge_is_local(&pair.plan, 0, MIMO_EDGE_FORWARD));
    CHECK(mimo_bridge_is_local(&pair.plan, 0, MIMO_EDGE_BACKWARD));
    pair.modules[1].sequence_parallel = 1;
    CHECK(!mimo_bridge_is_local(&pair.plan, 0, MIMO_EDGE_BACKWARD));
    pair.edge.shares_ranks = 0;
    pair.modules[1].sequence_parallel = 0;
    CHECK(!mimo_bridge_is_local(&pair.plan, 0, MIMO_EDGE_BACKWARD));
}

/* A module of 16,384 ranks: a filtered cursor does not walk over the others' transfers. */
static void test_large_bridge(void)
{
    const struct parts wide = {8, 2}, narrow = {1, 1};
    struct mimo_transfer transfers[TRANSFERS_MAX];
    struct pair pair;
    uint64_t cells = 0;

    pair_fill(&pair, module_of(narrow, 4096, 1, 4096, 0), module_of(wide, 1024, 1, 4096, 4096),
              4096);
    for (uint32_t rank = 0; rank < 16384; rank++) {
        const uint32_t count = collect(&pair, MIMO_NONE, 4096 + rank, transfers);

        CHECK_INT(count, 4);
        for (uint32_t i = 0; i < count; i++)
            cells += (uint64_t)(transfers[i].sample_end - transfers[i].sample_begin) *
                     (transfers[i].column_end - transfers[i].column_begin);
    }
    CHECK_INT(cells, UINT64_C(4096) * 4096);
}

static const struct mimo_test tests[] = {
    {"every pair of up to 8 replicas", test_every_pair_of_replicas},
    {"three replicas to two", test_three_to_two},
    {"stages of one module", test_stages_of_one_module},
    {"two modules on the same ranks", test_shared_ranks},
    {"rows that are there already", test_local},
    {"a bridge to 16384 ranks", test_large_bridge},
};

MIMO_TEST_MAIN("plan/bridge", tests)
