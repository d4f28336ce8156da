/*
 * Where rows go in a layer of experts: every rank's tables are made from the same counts, and rows
 * that carry their names are moved by them as dispatch.c moves them, over all layouts of experts of
 * up to eight ranks, with room for all rows and for few.
 */
#include "runtime/model/routing.h"

#include "runtime/tensor/random.h"
#include "tests/unit/check.h"

#include <stdbool.h>
#include <string.h>

enum { RANKS_MAX = 8, EXPERTS = 8, ROWS_MAX = 6, TOP_K = 2, LIST = RANKS_MAX * ROWS_MAX * TOP_K };

/* A row on its way: who sent it, where it will come back to, which expert it goes to. */
struct parcel {
    int32_t source, place, expert;
};

struct rank {
    int32_t choices[ROWS_MAX * TOP_K], places[ROWS_MAX * TOP_K], senders[ROWS_MAX * TOP_K];
    int64_t place_count;
    struct mimo_routing routing;
    struct mimo_round round;
    struct parcel sent[ROWS_MAX * TOP_K], arrived[LIST];
    int32_t visits[ROWS_MAX * TOP_K]; /* how often what was sent from a place was with its expert */
};

static struct mimo_arena arena;
static struct rank ranks[RANKS_MAX];
static int64_t counts[RANKS_MAX * EXPERTS];

/* Some ranks have fewer rows than others, and rank 4 none; one choice in five is none, and the
 * lower experts are the likelier. */
static void choose(uint32_t rank_count, uint64_t seed)
{
    const struct mimo_random random = mimo_random_stream(seed, "choices");

    for (uint32_t r = 0; r < rank_count; r++) {
        for (int c = 0; c < ROWS_MAX * TOP_K; c++) {
            const double drawn = mimo_random_uniform(&random, r * 64 + (uint64_t)c);
            const bool is_none = c / TOP_K >= ((int)r + 3) % 7 || drawn > 0.8;
            ranks[r].choices[c] = is_none ? -1 : (int32_t)(drawn * drawn * EXPERTS);
        }
        mimo_routing_count(EXPERTS, ranks[r].choices, ROWS_MAX * TOP_K, counts + r * EXPERTS);
    }
}

static void place(uint32_t etp, uint32_t ep, int64_t room)
{
    int32_t scratch[ROWS_MAX * TOP_K];

    for (uint32_t r = 0; r < etp * ep; r++) {
        struct rank *rank = &ranks[r];

        memset(rank->visits, 0, sizeof rank->visits);
        mimo_routing_open(&rank->routing, EXPERTS, etp, ep, r, &arena);
        mimo_round_open(&rank->round, &rank->routing, room, &arena);
        mimo_routing_set(&rank->routing, counts, room);
        rank->place_count = mimo_routing_places(&rank->routing, rank->choices, ROWS_MAX * TOP_K,
                                                TOP_K, rank->places, rank->senders, scratch);
        CHECK_INT(rank->place_count, mimo_routing_sum(&rank->routing, r));
    }
}

/* Every choice has a place of its own, which knows its row. */
static void check_places(uint32_t r)
{
    struct rank *rank = &ranks[r];
    bool is_taken[ROWS_MAX * TOP_K] = {false};

    for (int32_t c = 0; c < ROWS_MAX * TOP_K; c++) {
        const int32_t at = rank->places[c];

        CHECK((at < 0) == (rank->choices[c] < 0));
        if (at < 0)
            continue;
        CHECK(at < rank->place_count && !is_taken[at]);
        is_taken[at] = true;
        CHECK_INT(rank->senders[at], c / TOP_K);
        rank->sent[at] = (struct parcel){(int32_t)r, at, rank->choices[c]};
    }
}

/* The all-to-all of the expert ranks of one part, then what the parts have is put together. */
static void send(uint32_t etp, uint32_t ep)
{
    for (uint32_t from = 0; from < etp * ep; from++)
        for (uint32_t q = 0; q < ep; q++) {
            const size_t *sends = ranks[from].round.sends;
            struct rank *to = &ranks[from % etp + etp * q];
            const size_t count = sends[q + 1] - sends[q], at = to->round.arrivals[from / etp];

            CHECK_INT(to->round.arrivals[from / etp + 1] - at, count);
            for (uint32_t part = 0; part < etp; part++)
                memcpy(&ranks[part + etp * q].arrived[at], &ranks[from].sent[sends[q]],
                       count * sizeof(struct parcel));
        }
}

/* In the order of experts each one has its own rows, by their sources; none comes twice. */
static void visit(uint32_t r, uint32_t etp)
{
    struct rank *rank = &ranks[r];
    const uint32_t local = EXPERTS / rank->routing.ep;
    const size_t rows = rank->round.parts[etp];

    CHECK(rows <= (size_t)rank->routing.room);
    CHECK_INT(rank->round.experts[local], rows);
    for (uint32_t e = 0; e < local; e++)
        for (size_t i = rank->round.experts[e]; i < rank->round.experts[e + 1]; i++) {
            const struct parcel *parcel = &rank->arrived[rank->round.order[i]];

            CHECK_INT(parcel->expert, r / etp * local + e);
            CHECK(i == rank->round.experts[e] ||
                  rank->arrived[rank->round.order[i - 1]].source <= parcel->source);
            if (r % etp == 0)
                ranks[parcel->source].visits[parcel->place]++;
        }
}

static void check(uint32_t etp, uint32_t ep, int64_t room, int64_t *most_rounds)
{
    place(etp, ep, room);
    for (uint32_t r = 0; r < etp * ep; r++)
        check_places(r);
    for (int64_t m = 0; m < ranks[0].routing.rounds; m++) {
        for (uint32_t r = 0; r < etp * ep; r++)
            mimo_routing_round(&ranks[r].routing, m, &ranks[r].round);
        send(etp, ep);
        for (uint32_t r = 0; r < etp * ep; r++)
            visit(r, etp);
    }
    for (uint32_t r = 0; r < etp * ep; r++)
        for (int64_t i = 0; i < ranks[r].place_count; i++)
            CHECK_INT(ranks[r].visits[i], 1);
    *most_rounds = ranks[0].routing.rounds > *most_rounds ? ranks[0].routing.rounds : *most_rounds;
}

static void test_layouts(void)
{
    static const uint32_t layouts[][2] = {{1, 1}, {2, 1}, {1, 2}, {3, 1}, {1, 4},
                                          {2, 2}, {3, 2}, {2, 4}, {1, 8}, {4, 2}};
    static const int64_t rooms[] = {1, 3, 7, LIST};

    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        for (size_t k = 0; k < sizeof rooms / sizeof *rooms; k++) {
            int64_t most_rounds = 0;

            for (uint64_t seed = 0; seed < 20; seed++) {
                choose(layouts[i][0] * layouts[i][1], seed);
                check(layouts[i][0], layouts[i][1], rooms[k], &most_rounds);
                mimo_arena_release(&arena);
            }
            CHECK(rooms[k] == 1 ? most_rounds > 1 : rooms[k] < LIST || most_rounds == 1);
        }
}

/* Three rows for expert 1 of two on one rank, with room for two: by hand. */
static void test_by_hand(void)
{
    const int32_t choices[] = {1, 0, -1, 1, 1};
    int32_t places[5], senders[4], scratch[5];
    struct mimo_routing routing;
    struct mimo_round round;

    mimo_routing_open(&routing, 2, 1, 1, 0, &arena);
    mimo_round_open(&round, &routing, 2, &arena);
    mimo_routing_count(2, choices, 5, counts);
    mimo_routing_set(&routing, counts, 2);
    CHECK_INT(routing.rounds, 2);
    CHECK_INT(mimo_routing_places(&routing, choices, 5, 1, places, senders, scratch), 4);
    CHECK_INT(places[0], 1);
    CHECK_INT(places[1], 0);
    CHECK_INT(places[2], -1);
    CHECK_INT(places[3], 2);
    CHECK_INT(places[4], 3);
    mimo_routing_round(&routing, 1, &round);
    CHECK_INT(round.sends[0], 2);
    CHECK_INT(round.sends[1], 4);
    CHECK_INT(round.experts[1], 0);
    CHECK_INT(round.experts[2], 2);
    mimo_arena_release(&arena);
}

/* Nothing to send: no round. */
static void test_nothing(void)
{
    const int32_t choices[] = {-1, -1};
    struct mimo_routing routing;

    mimo_routing_open(&routing, 2, 1, 1, 0, &arena);
    mimo_routing_count(2, choices, 2, counts);
    mimo_routing_set(&routing, counts, 2);
    CHECK_INT(routing.rounds, 0);
    mimo_arena_release(&arena);
}

static const struct mimo_test tests[] = {
    {"all layouts", test_layouts}, {"by hand", test_by_hand}, {"nothing", test_nothing}};

MIMO_TEST_MAIN("routing", tests)
