/*
 * bridges PLAN: what every link of every bridge carries in a step, against the plan. Run under
 * mpirun, with a plan whose samples all have as many images and whose sequences are full.
 *
 * The engine gets a transport that notes for each message of a bridge how many bytes go to whom,
 * and passes it on. After a step each rank compares, link by link, with the transfers of the plan
 * times the sends of its program; what it sent in all with the figure of `mimoc show --cost`; and
 * all ranks together what crosses with the lower bound: each row once, and on shared ranks none
 * (docs/bridges.md).
 */
#include "plan/bridge.h"
#include "plan/traffic.h"
#include "tests/equivalence/fixture.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- the transport that notes ---- */

static struct mimo_transport *inner;
static struct fixture fixture;

/* Bytes by [tag][destination]; a tag is an edge and a direction. Of all edges, to other ranks. */
static uint64_t *carried, sent_bytes;

static uint64_t *link_to(uint64_t *links, uint32_t tag, uint32_t destination)
{
    return &links[(size_t)tag * fixture.plan.meta->world_size + destination];
}

static enum mimo_status group_make(struct mimo_transport *transport, const uint32_t *ranks,
                                   uint32_t count, const char *name, struct mimo_group **out_group,
                                   struct mimo_error *err)
{
    (void)transport;
    return inner->ops->group_make(inner, ranks, count, name, out_group, err);
}

static enum mimo_status note_exchange(struct mimo_transport *transport,
                                      const struct mimo_message *sends, size_t send_count,
                                      const struct mimo_message *receives, size_t receive_count,
                                      struct mimo_error *err)
{
    (void)transport;
    for (size_t i = 0; i < send_count; i++) {
        *link_to(carried, sends[i].tag, sends[i].peer) += sends[i].bytes;
        sent_bytes += sends[i].peer == fixture.rank ? 0 : sends[i].bytes;
    }
    return inner->ops->exchange(inner, sends, send_count, receives, receive_count, err);
}

static enum mimo_status join(struct mimo_transport *transport, struct mimo_error *err)
{
    (void)transport;
    return inner->ops->join(inner, err);
}

/* ---- what the plan says ---- */

/* Bytes of one column of one sample: its images' rows. */
static uint64_t column_bytes(const struct mimo_plan_edge *edge)
{
    const struct mimo_plan_module *encoder = &fixture.plan.modules[edge->from_module];

    return (uint64_t)encoder->images_max / encoder->samples * encoder->image_tokens *
           fixture.backend.element_size;
}

static void add_transfers(uint64_t *links, uint32_t index, uint32_t direction)
{
    const bool is_source = direction == MIMO_EDGE_FORWARD;
    const uint64_t bytes = column_bytes(&fixture.plan.edges[index]);
    struct mimo_transfers cursor;
    struct mimo_transfer t;

    if (mimo_bridge_is_local(&fixture.plan, index, direction))
        return;
    mimo_transfers_init(&cursor, &fixture.plan, index, is_source ? fixture.rank : MIMO_NONE,
                        is_source ? MIMO_NONE : fixture.rank);
    while (mimo_transfers_next(&cursor, &t))
        *link_to(links, mimo_message_tag(index, direction), is_source ? t.destination : t.source) +=
            bytes * (t.sample_end - t.sample_begin) * (t.column_end - t.column_begin);
}

/* Each send over a bridge in this rank's program. */
static uint64_t *plan_links(void)
{
    const struct mimo_plan *plan = &fixture.plan;
    const struct mimo_plan_role *role = fixture.engine.role;
    uint64_t *links = MIMO_NEW_ARRAY(&fixture.engine.table, uint64_t,
                                     2 * (size_t)plan->edge_count * plan->meta->world_size);

    for (uint32_t i = 0; i < role->instruction_count; i++) {
        const struct mimo_plan_instruction *instruction =
            &plan->instructions[role->instruction_first + i];
        if (instruction->send_edge != MIMO_NONE && plan->edges[instruction->send_edge].is_bridge)
            add_transfers(links, instruction->send_edge, instruction->send_direction);
    }
    return links;
}

/* ---- the comparison ---- */

static uint32_t compare_links(const uint64_t *planned, uint32_t edge, uint32_t direction)
{
    const uint32_t world_size = fixture.plan.meta->world_size;
    const uint32_t tag = mimo_message_tag(edge, direction);
    uint32_t wrong = 0;

    for (uint32_t to = 0; to < world_size; to++) {
        const uint64_t bytes = *link_to(carried, tag, to);
        const uint64_t expected = planned[(size_t)tag * world_size + to];
        if (bytes == expected)
            continue;
        (void)printf("edge %" PRIu32 ", direction %" PRIu32 ", rank %" PRIu32 " to %" PRIu32
                     ": the plan says %" PRIu64 " bytes, but there were %" PRIu64 "\n",
                     edge, direction, fixture.rank, to, expected, bytes);
        wrong++;
    }
    return wrong;
}

/* The bytes that all ranks send to others in one direction. */
static int64_t total_of(uint32_t edge, uint32_t direction)
{
    int64_t total = 0;

    for (uint32_t to = 0; to < fixture.plan.meta->world_size; to++)
        if (to != fixture.rank)
            total += (int64_t)*link_to(carried, mimo_message_tag(edge, direction), to);
    require(&fixture, inner->ops->all_reduce(inner->everyone, &total, 1, MIMO_DTYPE_I64,
                                             MIMO_REDUCE_SUM, &fixture.err));
    return total;
}

/* Each row of the step once, gradients where somebody learns from them; on shared ranks none. */
static uint32_t compare_total(uint32_t index, uint32_t direction)
{
    const struct mimo_plan_edge *edge = &fixture.plan.edges[index];
    const bool crosses =
        edge->shares_ranks == 0 && (direction == MIMO_EDGE_FORWARD || edge->has_backward != 0);
    const uint64_t rows = column_bytes(edge) * fixture.plan.training->global_batch;
    const int64_t bound = crosses ? (int64_t)(rows * edge->columns) : 0;
    const int64_t total = total_of(index, direction);

    if (fixture.rank == 0)
        (void)printf("edge %" PRIu32 " %s: %" PRId64 " bytes, the bound is %" PRId64 "\n", index,
                     direction == MIMO_EDGE_FORWARD ? "forward" : "backward", total, bound);
    return total == bound ? 0 : 1;
}

static uint32_t compare_figure(void)
{
    struct mimo_traffic traffic;

    mimo_traffic_of_rank(&fixture.plan, fixture.rank, &fixture.engine.table, &traffic);
    if (traffic.sent.bytes == sent_bytes)
        return 0;
    (void)printf("rank %" PRIu32 " sent %" PRIu64 " bytes, its figure is %" PRIu64 "\n",
                 fixture.rank, sent_bytes, traffic.sent.bytes);
    return 1;
}

static int64_t compare(void)
{
    const uint64_t *planned = plan_links();
    int64_t wrong = compare_figure();

    for (uint32_t edge = 0; edge < fixture.plan.edge_count; edge++)
        for (uint32_t direction = 0; direction < 2 && fixture.plan.edges[edge].is_bridge != 0;
             direction++)
            wrong += compare_links(planned, edge, direction) + compare_total(edge, direction);
    require(&fixture, inner->ops->all_reduce(inner->everyone, &wrong, 1, MIMO_DTYPE_I64,
                                             MIMO_REDUCE_SUM, &fixture.err));
    return wrong;
}

int main(int argc, char **argv)
{
    struct mimo_transport_ops noting_ops;
    struct mimo_transport noting;
    int64_t wrong;

    fixture_open(&fixture, argc, argv, 1);
    inner = fixture.transport;
    noting = *inner;
    noting_ops = *inner->ops;
    noting_ops.group_make = group_make;
    noting_ops.exchange = note_exchange;
    noting_ops.join = join;
    noting.ops = &noting_ops;
    fixture_open_engine(&fixture, &noting, true);
    carried = MIMO_NEW_ARRAY(&fixture.engine.table, uint64_t,
                             2 * (size_t)fixture.plan.edge_count * fixture.plan.meta->world_size);
    fixture_step(&fixture, 0);
    wrong = compare();
    fixture_close_engine(&fixture);
    fixture_close(&fixture);
    return wrong == 0 ? 0 : 1;
}
