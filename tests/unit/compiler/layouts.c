#include "tests/unit/compiler/layouts.h"

#include "compiler/planner/compile.h"

#include <stdio.h>
#include <string.h>

#define EXPERTS "moe { num_experts = 8 "

const struct layout layouts[] = {
    {.name = "colocated, tensor and sequence parallel",
     .deployment = "mode = colocated  world_size = 4  parallelism all { }"
                   "  parallelism llm { tensor_parallel = 2 }"},
    {.name = "colocated, rows not cut, optimizer not either",
     .language = "num_query_groups = 1  qkv_bias = true",
     .deployment = "mode = colocated  world_size = 6  parallelism clip { tensor_parallel = 2 }"
                   "  parallelism llm { tensor_parallel = 3  sequence_parallel = false }",
     .training = "distributed_optimizer = false  precision = fp64"},
    {.name = "heads held by several ranks, rows cut",
     .language = "num_query_groups = 2  qkv_bias = true",
     .deployment = "mode = colocated  world_size = 4  parallelism all { tensor_parallel = 2 }"
                   "  parallelism llm { tensor_parallel = 4 }",
     .data = "on_bad_sample = skip"},
    {.name = "context parallel on both sides",
     .deployment = "mode = colocated  world_size = 8"
                   "  parallelism clip { context_parallel = 2  tensor_parallel = 2 }"
                   "  parallelism llm { context_parallel = 2  tensor_parallel = 2 }"},
    {.name = "context parallel, rows not cut",
     .deployment = "mode = heterogeneous  parallelism clip { data_parallel = 3 }  parallelism llm {"
                   " context_parallel = 3  tensor_parallel = 2  sequence_parallel = false"
                   " data_parallel = 1  rank_offset = 3 }",
     .training = "precision = bf16"},
    {.name = "pipeline with a tied table",
     .language = "tie_embeddings = true",
     .deployment = "mode = heterogeneous  parallelism clip { data_parallel = 2 }  parallelism llm {"
                   " tensor_parallel = 2  pipeline_parallel = 2  data_parallel = 1"
                   " rank_offset = 2 }"},
    {.name = "homogeneous pipeline",
     .deployment = "mode = homogeneous  world_size = 8"
                   "  parallelism all { tensor_parallel = 2  pipeline_parallel = 2 }",
     .training = "distributed_optimizer = false"},
    {.name = "interleaved, recomputed, bf16",
     .language = "tie_embeddings = true",
     .deployment = "mode = heterogeneous  parallelism clip { data_parallel = 1 }  parallelism llm {"
                   " pipeline_parallel = 2  virtual_pipeline = 2  tensor_parallel = 2"
                   " data_parallel = 2  rank_offset = 1 }",
     .training = "recompute = full  precision = bf16"},
    {.name = "gpt, gpipe",
     .architecture = "gpt",
     .deployment =
         "mode = heterogeneous  parallelism clip { tensor_parallel = 3  data_parallel = 1 }"
         " parallelism llm { tensor_parallel = 2  pipeline_parallel = 4  data_parallel = 1"
         " rank_offset = 3 }",
     .training = "pipeline_schedule = gpipe"},
    {.name = "experts over all ranks",
     .language = EXPERTS "}",
     .deployment = "mode = colocated  world_size = 4  parallelism all { }"
                   "  parallelism llm { tensor_parallel = 2  expert_parallel = 4 }"},
    {.name = "experts in every other layer, cut, with replicas",
     .language = EXPERTS "every = 2  top_k = 3 }",
     .deployment = "mode = colocated  world_size = 8  parallelism all { }  parallelism llm {"
                   " tensor_parallel = 2  expert_parallel = 2  expert_tensor_parallel = 2 }",
     .training = "recompute = full"},
    {.name = "experts of ranks with equal rows, context and pipeline parallel",
     .language = EXPERTS "every = 3 }",
     .deployment = "mode = heterogeneous  parallelism clip { data_parallel = 2 }  parallelism llm {"
                   " tensor_parallel = 2  sequence_parallel = false  context_parallel = 2"
                   " pipeline_parallel = 2  data_parallel = 2  expert_parallel = 2"
                   " rank_offset = 2 }",
     .training = "distributed_optimizer = false"},
    {.name = "several buckets, tied, tensor and pipeline parallel",
     .language = "tie_embeddings = true",
     .deployment = "mode = homogeneous  world_size = 8"
                   "  parallelism all { tensor_parallel = 2  pipeline_parallel = 2 }",
     .training = "gradient_bucket = 7000"},
    {.name = "several buckets with experts, interleaved",
     .language = EXPERTS "every = 2 }",
     .deployment = "mode = heterogeneous  parallelism clip { data_parallel = 2 }  parallelism llm {"
                   " tensor_parallel = 2  pipeline_parallel = 2  virtual_pipeline = 2"
                   " data_parallel = 2  expert_parallel = 2  rank_offset = 2 }",
     .training = "gradient_bucket = 1  distributed_optimizer = false"},
    {.name = "frozen encoder, trained projector",
     .encoder = "freeze = true",
     .deployment = "mode = colocated  world_size = 4  parallelism clip { tensor_parallel = 2 }"
                   "  parallelism llm { tensor_parallel = 4 }"},
    {.name = "frozen language model and projector",
     .language = "freeze = true",
     .projector = "freeze = true",
     .deployment = "mode = heterogeneous"
                   "  parallelism clip { tensor_parallel = 2  data_parallel = 1 }"
                   "  parallelism llm { tensor_parallel = 2  data_parallel = 2  rank_offset = 2 }"},
    {.name = "pipelined encoder on a pipeline's ranks",
     .deployment = "mode = colocated  world_size = 8"
                   "  parallelism clip { pipeline_parallel = 2  tensor_parallel = 2 }"
                   "  parallelism llm { pipeline_parallel = 4  tensor_parallel = 2 }"},
    {.name = "two encoders, hybrid",
     .projector = "encoder = clip",
     .modality = "encoder dino : clip_vit { num_layers = 2  hidden_size = 48"
                 " num_attention_heads = 6  image_size = 18  patch_size = 9  class_token = keep }",
     .deployment = "mode = hybrid  parallelism clip { data_parallel = 2 }"
                   "  parallelism dino { data_parallel = 3  context_parallel = 2  rank_offset = 2 }"
                   "  parallelism llm { tensor_parallel = 2  data_parallel = 1 }"},
    {.name = "a projector for two, three layers, idle ranks",
     .projector = "num_layers = 3",
     .modality = "encoder dino : clip_vit { num_layers = 2  hidden_size = 24"
                 " num_attention_heads = 4  image_size = 18  patch_size = 9 }",
     .deployment = "mode = hybrid  world_size = 7"
                   "  parallelism clip { tensor_parallel = 2  data_parallel = 1 }"
                   "  parallelism dino { tensor_parallel = 2  data_parallel = 1 }"
                   "  parallelism llm { tensor_parallel = 2  data_parallel = 2  rank_offset = 3 }"},
};

const size_t layout_count = sizeof layouts / sizeof *layouts;

static const char *or_nothing(const char *text)
{
    return text == NULL ? "" : text;
}

void compiled_open_text(struct compiled *compiled, const char *text)
{
    struct front *front = &compiled->front;
    const unsigned char *bytes = NULL;

    *compiled = (struct compiled){0};
    front_run(front, text);
    if (front->diagnostics.error_count == 0)
        mimo_compile(&front->declaration, &front->arena, &front->diagnostics, &bytes,
                     &compiled->size);
    if (bytes == NULL)
        (void)printf("%s\n", front_text(front));
    else
        MIMO_ASSERT(mimo_plan_verify(bytes, compiled->size, &compiled->plan, NULL) == MIMO_OK);
}

void compiled_open(struct compiled *compiled, const struct layout *layout)
{
    char text[4096];
    const int length = snprintf(
        text, sizeof text,
        "mimo 1\n"
        "model m {\n"
        "  language llm : %s { num_layers = 4  hidden_size = 48  num_attention_heads = 12"
        "  ffn_hidden_size = 50  vocab_size = 67  max_sequence_length = 48  %s }\n"
        "  modality images {\n"
        "    special_token = 66\n"
        "    encoder clip : clip_vit { num_layers = 5  hidden_size = 24  num_attention_heads = 12"
        "  ffn_hidden_size = 37  image_size = 12  patch_size = 6  %s }\n"
        "    %s\n"
        "    projector connector : mlp { hidden_size = 29  %s }\n"
        "  }\n"
        "}\n"
        "deployment d { %s }\n"
        "training { steps = 1  global_batch = 48  micro_batch = 6  sequence_length = 48"
        "  optimizer adamw { lr = 1e-3 }  %s }\n"
        "data { format = synthetic  images_per_sample = [0, 2]  %s }\n",
        layout->architecture == NULL ? "llama" : layout->architecture, or_nothing(layout->language),
        or_nothing(layout->encoder), or_nothing(layout->modality), or_nothing(layout->projector),
        layout->deployment, or_nothing(layout->training), or_nothing(layout->data));

    MIMO_ASSERT(length > 0 && (size_t)length < sizeof text);
    compiled_open_text(compiled, text);
}

void compiled_release(struct compiled *compiled)
{
    front_release(&compiled->front);
}

const struct layout *layout_called(const char *name)
{
    size_t i = 0;

    while (i < layout_count && strcmp(layouts[i].name, name) != 0)
        i++;
    MIMO_ASSERT(i < layout_count);
    return &layouts[i];
}
