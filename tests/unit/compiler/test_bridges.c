/*
 * What crosses between a vision encoder and a language model on ranks of their own, against the
 * lower bound that docs/bridges.md derives: in total each row once, and of the ranks at either end
 * none more than its share.
 */
#include "plan/traffic.h"
#include "tests/unit/check.h"
#include "tests/unit/compiler/layouts.h"

/* A micro-step has SAMPLES samples of two images, 4 rows of WIDTH floats each: what 1 to 6 replicas
 * divide, and 1, 2, 3, 4, 6, 8, 9 and 12 ranks. */
enum { SAMPLES = 60, WIDTH = 72, MICRO_STEPS = 2, ROWS = SAMPLES * 2 * 4 };

static const char declaration[] =
    "mimo 1\n"
    "model m {\n"
    "  language llm : llama { num_layers = 1  hidden_size = %d  head_dim = 6"
    "  num_attention_heads = 12  vocab_size = 32 }\n"
    "  modality images { special_token = 31\n"
    "    encoder clip : clip_vit { num_layers = 1  feature_layer = -1  hidden_size = %d"
    "  num_attention_heads = 12  image_size = 4  patch_size = 2 }\n"
    "    projector p : linear { } } }\n"
    "deployment d { mode = heterogeneous\n"
    "  parallelism clip { tensor_parallel = %u  context_parallel = %u  data_parallel = %u }\n"
    "  parallelism llm { tensor_parallel = %u  context_parallel = %u  data_parallel = %u"
    "  rank_offset = %u } }\n"
    "training { steps = 1  global_batch = %d  micro_batch = %u  sequence_length = 144"
    "  optimizer adamw { lr = 1e-3 } }\n"
    "data { format = synthetic  images_per_sample = 2 }\n";

struct sizes {
    uint32_t tp, cp, dp;
};

static uint32_t ranks_of(struct sizes sizes)
{
    return sizes.tp * sizes.cp * sizes.dp;
}

static void open_pair(struct compiled *compiled, struct sizes encoder, struct sizes language,
                      int width)
{
    char text[2048];

    (void)snprintf(text, sizeof text, declaration, width, WIDTH, encoder.tp, encoder.cp, encoder.dp,
                   language.tp, language.cp, language.dp, ranks_of(encoder), SAMPLES * MICRO_STEPS,
                   SAMPLES / language.dp);
    compiled_open_text(compiled, text);
}

/* Of some ranks' bytes of a step. */
struct spread {
    uint64_t total, most;
};

static void add(struct spread *spread, uint64_t bytes)
{
    spread->total += bytes;
    if (bytes > spread->most)
        spread->most = bytes;
}

/* What the ranks of each module send and receive. */
struct flows {
    struct spread sent[2], received[2];
};

static struct flows flows_of(struct compiled *compiled, uint32_t encoder_ranks)
{
    struct flows flows = {0};

    for (uint32_t rank = 0; rank < compiled->plan.meta->world_size; rank++) {
        struct mimo_traffic traffic;

        mimo_traffic_of_rank(&compiled->plan, rank, &compiled->front.arena, &traffic);
        add(&flows.sent[rank >= encoder_ranks], traffic.sent.bytes);
        add(&flows.received[rank >= encoder_ranks], traffic.received.bytes);
    }
    return flows;
}

static void check_share(const struct spread *spread, uint64_t total, uint64_t most)
{
    CHECK_INT(spread->total, total);
    CHECK_INT(spread->most, most);
}

/* Rows go and their gradients come back, over the same links. `columns` are those of the widest
 * piece of either end. */
static void check_pair(struct sizes encoder, struct sizes language, int width,
                       const uint64_t columns[2])
{
    const uint64_t row_bytes = UINT64_C(4) * MICRO_STEPS * ROWS;
    const uint64_t total = row_bytes * (uint64_t)width;
    struct compiled compiled;
    struct flows flows;

    open_pair(&compiled, encoder, language, width);
    flows = flows_of(&compiled, ranks_of(encoder));
    check_share(&flows.sent[0], total, row_bytes / encoder.dp * columns[0]);
    check_share(&flows.received[0], total, row_bytes / encoder.dp * columns[0]);
    check_share(&flows.sent[1], total, row_bytes / language.dp * columns[1]);
    check_share(&flows.received[1], total, row_bytes / language.dp * columns[1]);
    compiled_release(&compiled);
}

/* Each end's rank carries one part in as many as there are ranks: no scheme can do with less. */
static void check_even(struct sizes encoder, struct sizes language)
{
    const uint64_t columns[2] = {WIDTH / (encoder.tp * encoder.cp),
                                 WIDTH / (language.tp * language.cp)};

    check_pair(encoder, language, WIDTH, columns);
}

static struct sizes sizes_at(uint32_t index)
{
    return (struct sizes){1 + index % 4, 1 + index / 4 % 3, 1 + index / 12};
}

static void test_every_pair(void)
{
    for (uint32_t encoder = 0; encoder < 72; encoder++)
        for (uint32_t language = 0; language < 72; language++)
            check_even(sizes_at(encoder), sizes_at(language));
}

/* 60 columns over 8 and over 9 ranks: pieces differ by a column, and 8 or 7 is the widest. */
static void test_uneven_columns(void)
{
    static const uint64_t to_nine[2] = {8, 7}, to_one[2] = {7, 60};

    check_pair((struct sizes){4, 2, 3}, (struct sizes){3, 3, 2}, 60, to_nine);
    check_pair((struct sizes){3, 3, 5}, (struct sizes){1, 1, 4}, 60, to_one);
}

static const struct mimo_test tests[] = {
    {"every pair of up to 6 x 4 x 3 ranks", test_every_pair},
    {"uneven columns", test_uneven_columns},
};

MIMO_TEST_MAIN("bridges", tests)
