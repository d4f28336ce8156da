#include "plan/traffic.h"
#include "tests/unit/check.h"
#include "tests/unit/compiler/layouts.h"

static const char tiny[] =
    "mimo 1\n"
    "model m { language llm : llama { num_layers = 1  hidden_size = 8  ffn_hidden_size = 16"
    "  num_attention_heads = 2  vocab_size = 32 } }\n"
    "deployment d { mode = colocated  world_size = 4\n"
    "  parallelism llm { tensor_parallel = 2  sequence_parallel = false } }\n"
    "training { steps = 1  global_batch = 4  sequence_length = 10  distributed_optimizer = false"
    "  optimizer adamw { lr = 1e-3 } }\n"
    "data { format = synthetic  images_per_sample = 0 }\n";

/* tp = 2, dp = 2, two micro-steps of 10 tokens. Each of them sums 10 rows of 8 floats, 320 bytes,
 * for the embeddings, two for the layer forward, two backward, and one for the head's gradient; of
 * the loss a maximum (40 bytes) and two sums (80). */
static void test_tensor_and_data_parallel(void)
{
    const uint64_t of_micro_step = 6 * 10 * 8 * 4 + 10 * 4 + 10 * 2 * 4;
    /* embeddings and head, q k v o, gate up down, and three norms of 8 in rooms of 16 */
    const uint64_t gradients = 2 * 32 * 8 / 2 + 4 * 8 * 8 / 2 + 3 * 8 * 16 / 2 + 3 * 16;
    struct compiled compiled;

    compiled_open_text(&compiled, tiny);
    for (uint32_t rank = 0; rank < 4; rank++) {
        struct mimo_traffic traffic;

        mimo_traffic_of_rank(&compiled.plan, rank, &compiled.front.arena, &traffic);
        CHECK_INT(traffic.groups[0][MIMO_GROUP_KIND_TP].calls, 2 * 8);
        CHECK_INT(traffic.groups[0][MIMO_GROUP_KIND_TP].bytes, 2 * of_micro_step);
        CHECK_INT(traffic.groups[0][MIMO_GROUP_KIND_DP_CP].calls, 1);
        CHECK_INT(traffic.groups[0][MIMO_GROUP_KIND_DP_CP].bytes, gradients * 4);
        CHECK_INT(traffic.groups[0][MIMO_GROUP_KIND_PP].calls, 0);
        CHECK_INT(traffic.world.calls, 2);
        CHECK_INT(traffic.world.bytes, 4 * 8 + 3 * 8); /* totals of LOAD, the norm in STEP */
        CHECK_INT(traffic.sent.calls + traffic.received.calls, 0);
    }
    compiled_release(&compiled);
}

static const char bridged[] =
    "mimo 1\n"
    "model m {\n"
    "  language llm : llama { num_layers = 2  hidden_size = 8  num_attention_heads = 2"
    "  vocab_size = 32  freeze = true }\n"
    "  modality images { special_token = 31\n"
    "    encoder clip : clip_vit { num_layers = 2  hidden_size = 8  num_attention_heads = 2"
    "  image_size = 4  patch_size = 2 } } }\n"
    "deployment d { mode = heterogeneous\n"
    "  parallelism clip { data_parallel = 2 }\n"
    "  parallelism llm { pipeline_parallel = 2  data_parallel = 1  rank_offset = 2 } }\n"
    "training { steps = 1  global_batch = 12  micro_batch = 4  sequence_length = 20"
    "  optimizer adamw { lr = 1e-3 } }\n"
    "data { format = synthetic  images_per_sample = [0, 3] }\n";

/* Three micro-steps of 4 samples, half of them on each encoder rank; an image has 4 tokens, a
 * sample at most 3 images. Gradients come back as the rows went. */
static void test_transfers(void)
{
    const int64_t images = 3 * 2 * 3 * 4 * 8 * 4, stream = 3 * 4 * 20 * 8 * 4;
    const int64_t sent[4] = {images, images, 2 * images + stream, stream};
    struct compiled compiled;

    compiled_open_text(&compiled, bridged);
    for (uint32_t rank = 0; rank < 4; rank++) {
        struct mimo_traffic traffic;

        mimo_traffic_of_rank(&compiled.plan, rank, &compiled.front.arena, &traffic);
        CHECK_INT(traffic.sent.bytes, sent[rank]);
        CHECK_INT(traffic.received.bytes, sent[rank]);
    }
    compiled_release(&compiled);
}

static const struct mimo_test tests[] = {
    {"tensor and data parallel, by hand", test_tensor_and_data_parallel},
    {"transfers, by hand", test_transfers},
};

MIMO_TEST_MAIN("traffic", tests)
