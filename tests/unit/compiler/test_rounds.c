#include "plan/memory.h"
#include "tests/unit/check.h"
#include "tests/unit/compiler/layouts.h"

/*
 * An encoder on the ranks of a pipeline: how many micro-steps make a round follows from the
 * cluster's memory, and the plan states what they then need.
 */

enum { MICRO_STEPS = 8 };

static void open_with(struct compiled *compiled, uint64_t kilobytes)
{
    char text[2048];

    (void)snprintf(
        text, sizeof text,
        "mimo 1\n"
        "model m {\n"
        "  language llm : llama { num_layers = 4  hidden_size = 48  num_attention_heads = 12"
        "  vocab_size = 67 }\n"
        "  modality images {\n"
        "    special_token = 66\n"
        "    encoder clip : clip_vit { num_layers = 5  hidden_size = 48  num_attention_heads = 12"
        "  image_size = 12  patch_size = 6 }\n"
        "  }\n"
        "}\n"
        "cluster c { memory = %llukB  gpus_per_node = 8  peak = 1TFLOPS  node_bandwidth = 1GBps"
        "  network_bandwidth = 1GBps }\n"
        "deployment d { mode = colocated  cluster = c  world_size = 2\n"
        "  parallelism clip { data_parallel = 2 }\n"
        "  parallelism llm { pipeline_parallel = 2 } }\n"
        "training { steps = 1  global_batch = %d  micro_batch = 12  sequence_length = 48"
        "  optimizer adamw { lr = 1e-3 } }\n"
        "data { format = synthetic  images_per_sample = 2 }\n",
        (unsigned long long)kilobytes, 12 * MICRO_STEPS);
    compiled_open_text(compiled, text);
}

/* What section MEMO states for the role that needs the most. */
static uint64_t stated(const struct mimo_plan *plan)
{
    uint64_t most = 0;

    for (uint32_t i = 0; i < plan->memory_count; i++) {
        const uint64_t total = mimo_memory_total(&plan->memories[i]);

        most = total > most ? total : most;
    }
    return most;
}

/* From more memory than is needed down to too little: each time a notch less than the plan states.
 */
static void test_notches(void)
{
    uint64_t kilobytes = 1000000;
    uint32_t rounds = 0, before = MICRO_STEPS + 1;
    struct compiled compiled;
    bool fits = true;

    while (fits) {
        open_with(&compiled, kilobytes);
        fits = front_count(&compiled.front, MIMO_W0901) == 0;
        CHECK_INT(fits, stated(&compiled.plan) <= kilobytes * 1000);
        if (fits) {
            const uint32_t round = compiled.plan.training->encoder_group;

            CHECK_INT(round, before - 1);
            before = round;
            rounds++;
            kilobytes = (stated(&compiled.plan) - 1) / 1000;
        } else {
            CHECK_INT(compiled.plan.training->encoder_group, MICRO_STEPS);
        }
        compiled_release(&compiled);
    }
    CHECK_INT(rounds, MICRO_STEPS);
    CHECK_INT(before, 1);
}

static const struct mimo_test tests[] = {
    {"less memory, shorter rounds", test_notches},
};

MIMO_TEST_MAIN("rounds", tests)
