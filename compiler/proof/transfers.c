/* Edges: what senders and receivers list, each from their own side. */
#include "compiler/proof/ranks_parts.h"
#include "plan/bridge.h"

#include <stdlib.h>
#include <string.h>

struct transfers {
    struct mimo_transfer *items;
    size_t count, capacity;
};

/* ---- the edges themselves ---- */

static bool is_slab_of(const struct mimo_plan_module *a, uint32_t a_stage,
                       const struct mimo_plan_module *b, uint32_t b_stage)
{
    const uint32_t a_ranks = a->tp * a->cp * a->dp, b_ranks = b->tp * b->cp * b->dp;

    return a_ranks == b_ranks &&
           a->rank_offset + a_stage % a->pp * a_ranks == b->rank_offset + b_stage % b->pp * b_ranks;
}

/* Each stage but the language model's last has one edge, to the next one of its module or, from an
 * encoder's last, to the language model's first. */
static bool prove_edge(struct mimo_prover *prover, const struct mimo_plan_edge *edge,
                       uint32_t module_index, uint32_t stage)
{
    const struct mimo_plan *plan = prover->plan;
    const struct mimo_plan_module *from = &plan->modules[module_index];
    const bool is_bridge = stage + 1 == from->stage_count;
    const uint32_t to_index = is_bridge ? plan->meta->language_module : module_index;
    const struct mimo_plan_module *to = &plan->modules[to_index];
    const uint32_t to_stage = is_bridge ? 0 : stage + 1;

    if (edge->from_module != module_index || edge->from_stage != stage ||
        edge->to_module != to_index || edge->to_stage != to_stage ||
        edge->is_bridge != (is_bridge ? 1 : 0))
        return mimo_refuse(prover, "stage %u of module %u is not joined to the one behind it",
                           stage, module_index);
    if (edge->columns != to->hidden_size || from->samples * from->dp != to->samples * to->dp)
        return mimo_refuse(prover, "rows of stage %u of module %u do not fit behind it", stage,
                           module_index);
    if (edge->has_backward != (mimo_plan_has_backward(plan, module_index, stage) ? 1 : 0))
        return mimo_refuse(prover, "gradients do not reach stage %u of module %u, or for nothing",
                           stage, module_index);
    return edge->shares_ranks == (is_slab_of(from, stage, to, to_stage) ? 1 : 0) ||
           mimo_refuse(prover, "stage %u of module %u and the one behind it do not share ranks",
                       stage, module_index);
}

static bool prove_edges(struct mimo_prover *prover)
{
    const struct mimo_plan *plan = prover->plan;
    uint32_t edge = 0;

    for (uint32_t m = 0; m < plan->module_count; m++) {
        const uint32_t joined =
            plan->modules[m].stage_count - (m == plan->meta->language_module ? 1 : 0);

        for (uint32_t s = 0; s < joined; s++) {
            if (edge == plan->edge_count)
                return mimo_refuse(prover, "there are too few edges");
            if (!prove_edge(prover, &plan->edges[edge++], m, s))
                return false;
        }
    }
    return edge == plan->edge_count || mimo_refuse(prover, "there are too many edges");
}

/* ---- the senders' lists ---- */

/* One end of an edge at a coordinate: positions of the micro-step, columns. */
struct share {
    uint64_t sample_begin, sample_end, column_begin, column_end;
};

static struct share share_of(const struct mimo_plan_module *module, uint64_t columns, uint32_t dp,
                             uint32_t part)
{
    const uint64_t parts = (uint64_t)module->tp * module->cp;

    return (struct share){(uint64_t)dp * module->samples, ((uint64_t)dp + 1) * module->samples,
                          part * columns / parts, (part + UINT64_C(1)) * columns / parts};
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static struct share common_share(const struct share *a, const struct share *b)
{
    return (struct share){
        later(a->sample_begin, b->sample_begin),
        earlier(a->sample_end, b->sample_end),
        later(a->column_begin, b->column_begin),
        earlier(a->column_end, b->column_end),
    };
}

static void append(struct transfers *list, struct mimo_arena *arena,
                   const struct mimo_transfer *transfer)
{
    MIMO_APPEND(arena, list->items, list->count, list->capacity, *transfer);
}

static void append_common(struct transfers *list, struct mimo_arena *arena, uint32_t source,
                          const struct share *a, uint32_t destination, const struct share *b)
{
    const struct share both = common_share(a, b);

    if (both.sample_begin < both.sample_end && both.column_begin < both.column_end)
        append(list, arena,
               &(struct mimo_transfer){source, destination, (uint32_t)both.sample_begin,
                                       (uint32_t)both.sample_end, (uint32_t)both.column_begin,
                                       (uint32_t)both.column_end});
}

static bool is_on_shared_ranks(const struct mimo_plan_edge *edge)
{
    return edge->is_bridge != 0 && edge->shares_ranks != 0;
}

/* Of rank `at` of a stage whose ranks both ends of the edge lie on: those that have it and the same
 * samples on both ends share out the columns. */
static struct share shared_share(const struct mimo_prover *prover,
                                 const struct mimo_plan_edge *edge, uint64_t at)
{
    const struct mimo_plan_module *from = &prover->plan->modules[edge->from_module];
    const struct mimo_plan_module *to = &prover->plan->modules[edge->to_module];
    const uint64_t from_parts = (uint64_t)from->tp * from->cp;
    const uint64_t to_parts = (uint64_t)to->tp * to->cp;
    const uint64_t first = later(at / from_parts * from_parts, at / to_parts * to_parts);
    const uint64_t end =
        earlier((at / from_parts + 1) * from_parts, (at / to_parts + 1) * to_parts);
    const uint64_t columns = edge->columns, count = end - first;
    const struct share a = {at / from_parts * from->samples, (at / from_parts + 1) * from->samples,
                            (at - first) * columns / count, (at - first + 1) * columns / count};
    const struct share b = {at / to_parts * to->samples, (at / to_parts + 1) * to->samples, 0,
                            columns};

    return common_share(&a, &b);
}

/* What the rank with `own` sends: position p belongs to replica p / samples of the other end, and
 * only parts around its own columns can have any of them. */
static void list_sends(const struct mimo_plan_edge *edge, const struct mimo_plan *plan,
                       uint32_t source, const struct share *own, struct transfers *list,
                       struct mimo_arena *arena)
{
    const struct mimo_plan_module *to = &plan->modules[edge->to_module];
    const uint64_t parts = (uint64_t)to->tp * to->cp;
    const uint32_t first = to->rank_offset + edge->to_stage % to->pp * (to->tp * to->cp * to->dp);

    for (uint64_t dp = own->sample_begin / to->samples; dp * to->samples < own->sample_end; dp++) {
        for (uint64_t part = own->column_begin * parts / edge->columns; part < parts; part++) {
            const struct share other = share_of(to, edge->columns, (uint32_t)dp, (uint32_t)part);

            if (other.column_begin >= own->column_end)
                break;
            append_common(list, arena, source, own, first + (uint32_t)(part + parts * dp), &other);
        }
    }
}

static struct transfers list_all_sends(struct mimo_prover *prover, uint32_t index)
{
    const struct mimo_plan *plan = prover->plan;
    const struct mimo_plan_edge *edge = &plan->edges[index];
    const struct mimo_plan_module *from = &plan->modules[edge->from_module];
    const uint32_t parts = from->tp * from->cp;
    uint32_t rank = from->rank_offset + edge->from_stage % from->pp * (parts * from->dp);
    struct transfers list = {0};

    for (uint32_t at = 0; is_on_shared_ranks(edge) && at < parts * from->dp; at++) {
        const struct share own = shared_share(prover, edge, at);

        append_common(&list, prover->arena, rank + at, &own, rank + at, &own);
    }
    for (uint32_t dp = 0; !is_on_shared_ranks(edge) && dp < from->dp; dp++) {
        for (uint32_t part = 0; part < parts; part++, rank++) {
            const struct share own = share_of(from, edge->columns, dp, part);

            list_sends(edge, plan, rank, &own, &list, prover->arena);
        }
    }
    return list;
}

/* ---- the receivers' lists ---- */

/* As the plan's arithmetic gives it to each destination in turn. */
static struct transfers list_all_receives(struct mimo_prover *prover, uint32_t index)
{
    const struct mimo_plan *plan = prover->plan;
    const struct mimo_plan_edge *edge = &plan->edges[index];
    const struct mimo_plan_module *to = &plan->modules[edge->to_module];
    const uint32_t count = to->tp * to->cp * to->dp;
    const uint32_t first = to->rank_offset + edge->to_stage % to->pp * count;
    struct transfers list = {0};

    for (uint32_t rank = first; rank < first + count; rank++) {
        struct mimo_transfers cursor;
        struct mimo_transfer transfer;

        mimo_transfers_init(&cursor, plan, index, MIMO_NONE, rank);
        while (mimo_transfers_next(&cursor, &transfer))
            append(&list, prover->arena, &transfer);
    }
    return list;
}

/* And to each source: what the runtime posts there. */
static bool prove_posts(struct mimo_prover *prover, uint32_t index, const struct transfers *sends)
{
    struct mimo_transfers cursor;
    struct mimo_transfer transfer;
    size_t at = 0;

    while (at < sends->count) {
        const uint32_t source = sends->items[at].source;

        mimo_transfers_init(&cursor, prover->plan, index, source, MIMO_NONE);
        for (; mimo_transfers_next(&cursor, &transfer); at++) {
            if (at == sends->count || memcmp(&sends->items[at], &transfer, sizeof transfer) != 0)
                return mimo_refuse(prover, "edge %u: rank %u sends something else", index, source);
        }
    }
    return true;
}

/* ---- both together ---- */

static int compare(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

/* By receiver and sender; between two ranks in the order in which they are listed. */
static int compare_ends(const void *a, const void *b)
{
    const struct mimo_transfer *x = *(const struct mimo_transfer *const *)a;
    const struct mimo_transfer *y = *(const struct mimo_transfer *const *)b;
    int order = compare(x->destination, y->destination);

    if (order == 0)
        order = compare(x->source, y->source);
    return order != 0 ? order : (x > y) - (x < y);
}

/* By receiver, then column by column. */
static int compare_columns(const void *a, const void *b)
{
    const struct mimo_transfer *x = *(const struct mimo_transfer *const *)a;
    const struct mimo_transfer *y = *(const struct mimo_transfer *const *)b;
    int order = compare(x->destination, y->destination);

    if (order == 0)
        order = compare(x->column_begin, y->column_begin);
    return order != 0 ? order : compare(x->sample_begin, y->sample_begin);
}

static const struct mimo_transfer **sorted(const struct transfers *list, struct mimo_arena *arena,
                                           int (*order)(const void *, const void *))
{
    const struct mimo_transfer **items =
        MIMO_NEW_ARRAY(arena, const struct mimo_transfer *, list->count);

    for (size_t i = 0; i < list->count; i++)
        items[i] = &list->items[i];
    qsort(items, list->count, sizeof(*items), order);
    return items;
}

static bool prove_match(struct mimo_prover *prover, uint32_t edge, const struct transfers *sends,
                        const struct transfers *receives)
{
    const struct mimo_transfer **sent, **received;

    if (sends->count != receives->count)
        return mimo_refuse(prover, "edge %u: %zu sends meet %zu receives", edge, sends->count,
                           receives->count);
    sent = sorted(sends, prover->arena, compare_ends);
    received = sorted(receives, prover->arena, compare_ends);
    for (size_t i = 0; i < sends->count; i++) {
        if (memcmp(sent[i], received[i], sizeof **sent) != 0)
            return mimo_refuse(prover, "edge %u: what rank %u sends to rank %u does not meet it",
                               edge, sent[i]->source, sent[i]->destination);
    }
    return true;
}

/* Tiles of one receiver, column by column: they fill its share without a gap or an overlap. Returns
 * the number of tiles, 0 where they do not. */
static size_t count_tiles(const struct mimo_transfer **tiles, size_t count,
                          const struct share *share)
{
    uint64_t column = share->column_begin;
    size_t at = 0;

    while (column < share->column_end) {
        uint64_t sample = share->sample_begin, column_end = 0;

        for (; sample < share->sample_end; at++) {
            if (at == count || tiles[at]->column_begin != column ||
                tiles[at]->sample_begin != sample || tiles[at]->sample_end <= sample ||
                (column_end != 0 && tiles[at]->column_end != column_end) ||
                tiles[at]->column_end <= column)
                return 0;
            sample = tiles[at]->sample_end;
            column_end = tiles[at]->column_end;
        }
        if (sample != share->sample_end || column_end > share->column_end)
            return 0;
        column = column_end;
    }
    return at;
}

/* All of the columns of all of its samples come to each receiver once. Gradients take the same ways
 * back. */
static bool prove_coverage(struct mimo_prover *prover, uint32_t index,
                           const struct transfers *receives)
{
    const struct mimo_plan *plan = prover->plan;
    const struct mimo_plan_edge *edge = &plan->edges[index];
    const struct mimo_plan_module *to = &plan->modules[edge->to_module];
    const struct mimo_transfer **tiles = sorted(receives, prover->arena, compare_columns);
    const uint32_t parts = to->tp * to->cp;
    uint32_t rank = to->rank_offset + edge->to_stage % to->pp * (parts * to->dp);
    size_t at = 0;

    for (uint32_t i = 0; i < parts * to->dp; i++, rank++) {
        const struct share share = is_on_shared_ranks(edge)
                                       ? shared_share(prover, edge, i)
                                       : share_of(to, edge->columns, i / parts, i % parts);
        size_t end = at;

        while (end < receives->count && tiles[end]->destination == rank)
            end++;
        if (count_tiles(tiles + at, end - at, &share) != end - at ||
            (end == at && share.column_begin < share.column_end))
            return mimo_refuse(prover, "edge %u: rank %u does not get each row once", index, rank);
        at = end;
    }
    return at == receives->count ||
           mimo_refuse(prover, "edge %u: rows go to ranks that do not take them", index);
}

/* ---- inside the instructions ---- */

static bool is_cut_by_position(const struct mimo_plan_module *module)
{
    return module->cp > 1 || (module->tp > 1 && module->sequence_parallel != 0);
}

/* On shared ranks, each receiver has its samples from the sending replica that it is in itself. */
static bool has_all_rows(const struct mimo_plan_edge *edge, const struct mimo_plan_module *sender,
                         const struct mimo_plan_module *receiver)
{
    return is_on_shared_ranks(edge) && !is_cut_by_position(sender) &&
           (sender->tp * sender->cp) % (receiver->tp * receiver->cp) == 0;
}

/* Over a bridge columns travel. Rows that are cut by position become columns by one sum, to which
 * each rank brings its own rows; where all ranks have all rows each takes its columns of them, and
 * nothing is summed. The receiver needs all columns, if it does not have them. */
static void ask_bridge(struct mimo_prover *prover, uint32_t index, uint32_t direction)
{
    const struct mimo_plan_edge *edge = &prover->plan->edges[index];
    const struct mimo_plan_module *sender;
    struct mimo_asker asker;

    mimo_asker_begin_edge(&asker, prover, MIMO_OPCODE_SEND, index, direction);
    sender = asker.module;
    if (is_cut_by_position(asker.module))
        mimo_ask(&asker, MIMO_OPERATION_REDUCE_SCATTER, MIMO_GROUP_KIND_TP_CP,
                 MIMO_CONTENT_TRANSFER, MIMO_ROW_UNIT_IMAGE_ROWS, edge->columns);
    mimo_asker_begin_edge(&asker, prover, MIMO_OPCODE_RECEIVE, index, direction);
    if (has_all_rows(edge, sender, asker.module))
        return;
    mimo_ask(&asker, MIMO_OPERATION_ALL_GATHER, MIMO_GROUP_KIND_TP_CP, MIMO_CONTENT_TRANSFER,
             MIMO_ROW_UNIT_IMAGE_ROWS, edge->columns);
}

/* Between stages a rank's rows go to the rank of its own coordinate: all columns where only it has
 * them, else its columns, which are gathered again. */
static void ask_stage_edge(struct mimo_prover *prover, uint32_t index, uint32_t direction)
{
    const struct mimo_plan_edge *edge = &prover->plan->edges[index];
    struct mimo_asker asker;

    mimo_asker_begin_edge(&asker, prover, MIMO_OPCODE_RECEIVE, index, direction);
    if (asker.module->sequence_parallel != 0)
        return;
    mimo_ask(&asker, MIMO_OPERATION_ALL_GATHER, MIMO_GROUP_KIND_TP, MIMO_CONTENT_TRANSFER,
             asker.module->kind == MIMO_MODULE_KIND_ENCODER ? MIMO_ROW_UNIT_PATCHES
                                                            : MIMO_ROW_UNIT_TOKENS,
             edge->columns);
}

bool mimo_prove_transfers(struct mimo_prover *prover)
{
    const struct mimo_plan *plan = prover->plan;

    if (!prove_edges(prover))
        return false;
    for (uint32_t i = 0; i < plan->edge_count; i++) {
        const struct transfers sends = list_all_sends(prover, i);
        const struct transfers receives = list_all_receives(prover, i);

        if (!prove_posts(prover, i, &sends) || !prove_match(prover, i, &sends, &receives) ||
            !prove_coverage(prover, i, &receives))
            return false;
        for (uint32_t direction = 0; direction <= plan->edges[i].has_backward; direction++) {
            if (plan->edges[i].is_bridge != 0)
                ask_bridge(prover, i, direction);
            else
                ask_stage_edge(prover, i, direction);
        }
    }
    return prover->reason == NULL;
}
