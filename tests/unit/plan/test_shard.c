#include "plan/grid.h"

#include "tests/unit/check.h"

static struct mimo_plan_parameter parameter_of(enum mimo_cut cut, uint32_t dimension,
                                               uint64_t units, uint64_t rows, uint64_t columns)
{
    return (struct mimo_plan_parameter){
        .dimensions = 2,
        .shape = {rows, columns, 1, 1},
        .cut = cut,
        .cut_dimension = dimension,
        .cut_units = units,
    };
}

static void test_pieces_tile(void)
{
    for (uint64_t width = 0; width <= 40; width++) {
        for (uint64_t n = 1; n <= 45; n++) {
            CHECK_INT(mimo_piece_begin(width, 0, n), 0);
            CHECK_INT(mimo_piece_begin(width, n, n), width);
            for (uint64_t r = 0; r < n; r++) {
                const uint64_t size =
                    mimo_piece_begin(width, r + 1, n) - mimo_piece_begin(width, r, n);
                CHECK(size == width / n || size == width / n + 1);
            }
        }
    }
}

/* r·width would not fit into 64 bits. */
static void test_pieces_of_huge_widths(void)
{
    CHECK(mimo_piece_begin(UINT64_MAX, 3, 3) == UINT64_MAX);
    CHECK(mimo_piece_begin(UINT64_MAX, 2, 3) == UINT64_MAX / 3 * 2);
    CHECK(mimo_piece_begin(UINT64_MAX - 1, UINT64_MAX - 2, UINT64_MAX - 1) == UINT64_MAX - 2);
}

/* Every element is held, by `copies` ranks, and owned by exactly one of them. */
static void check_shards(const struct mimo_plan_parameter *parameter, uint32_t n, uint32_t copies)
{
    const uint64_t width = parameter->shape[parameter->cut_dimension];
    const uint64_t other = parameter->shape[1 - parameter->cut_dimension];
    uint64_t held = 0, owned = 0, next = 0;

    for (uint32_t r = 0; r < n; r++) {
        uint64_t begin, end;

        mimo_shard_of(parameter, r, n, &begin, &end);
        CHECK(begin <= end && end <= width);
        CHECK_INT(mimo_shard_elements(parameter, r, n), (end - begin) * other);
        held += end - begin;
        if (!mimo_shard_is_owned(parameter, r, n))
            continue;
        CHECK_INT(begin, next);
        next = end;
        owned += end - begin;
    }
    CHECK_INT(held, width * copies);
    CHECK_INT(owned, width);
}

static void test_even(void)
{
    for (uint32_t n = 1; n <= 16; n++) {
        for (uint64_t units = 1; units <= 40; units++) {
            const struct mimo_plan_parameter rows =
                parameter_of(MIMO_CUT_EVEN, 0, units, units * 3, 5);
            const struct mimo_plan_parameter columns =
                parameter_of(MIMO_CUT_EVEN, 1, units, 7, units * 2);
            check_shards(&rows, n, 1);
            check_shards(&columns, n, 1);
        }
    }
}

/* Units stay whole: 5 heads of 4 rows on 2 ranks are 2 heads and 3 heads. */
static void test_even_keeps_units_whole(void)
{
    const struct mimo_plan_parameter parameter = parameter_of(MIMO_CUT_EVEN, 0, 5, 20, 1);
    uint64_t begin, end;

    mimo_shard_of(&parameter, 0, 2, &begin, &end);
    CHECK_INT(begin, 0);
    CHECK_INT(end, 8);
    mimo_shard_of(&parameter, 1, 2, &begin, &end);
    CHECK_INT(begin, 8);
    CHECK_INT(end, 20);
}

static void test_replicated(void)
{
    for (uint32_t copies = 1; copies <= 8; copies++) {
        for (uint32_t units = 1; units <= 8; units++) {
            const struct mimo_plan_parameter parameter =
                parameter_of(MIMO_CUT_REPLICATED, 0, units, units * UINT64_C(3), 5);
            check_shards(&parameter, copies * units, copies);
        }
    }
}

static void test_not_cut(void)
{
    const struct mimo_plan_parameter parameter = parameter_of(MIMO_CUT_NONE, 0, 0, 6, 5);

    check_shards(&parameter, 4, 4);
    CHECK(mimo_shard_is_owned(&parameter, 0, 4));
    CHECK(!mimo_shard_is_owned(&parameter, 1, 4));
}

static const struct mimo_test tests[] = {
    {"pieces tile their width", test_pieces_tile},
    {"pieces of huge widths", test_pieces_of_huge_widths},
    {"even cuts", test_even},
    {"even cuts keep units whole", test_even_keeps_units_whole},
    {"replicated cuts", test_replicated},
    {"no cut", test_not_cut},
};

MIMO_TEST_MAIN("plan/shard", tests)
