/*
 * format.h - the bytes of a plan, format version 1 (docs/plan-format.md describes them in prose).
 *
 * A plan is a 64-byte header, a table of sections, and the sections, each an array of fixed-size
 * records at a 64-byte aligned offset. Everything is little-endian and naturally aligned, so a
 * mapped file is used in place. Strings are offsets into one section and NUL-terminated there.
 * Indices refer to other sections ("module" is an index into MODL) and are verified by
 * mimo_plan_verify() before anything uses them.
 *
 * Compatibility: a new major version, or an unknown bit in `incompatible`, refuses the file. A new
 * minor version may add sections; records keep their size within a major version, so that sections
 * are plain arrays. Fields named `reserved`, and all padding, are zero.
 */
#ifndef MIMO_PLAN_FORMAT_H
#define MIMO_PLAN_FORMAT_H

#include <stdint.h>

#define MIMO_PLAN_MAGIC         "\x93MIMO\r\n\x1a" /* 8 bytes, the terminating NUL not counted */
#define MIMO_PLAN_VERSION_MAJOR 1
#define MIMO_PLAN_VERSION_MINOR 0
#define MIMO_PLAN_ALIGNMENT     64
#define MIMO_NONE               UINT32_MAX /* an index that refers to nothing */

/* The sections in the order of the file: identifier, record type, accessor name, exact count (0:
 * any). */
#define MIMO_PLAN_SECTIONS(X)                                                                      \
    X(STRS, char, strings, 0)                                                                      \
    X(META, struct mimo_plan_meta, meta, 1)                                                        \
    X(TRNG, struct mimo_plan_training, training, 1)                                                \
    X(DATA, struct mimo_plan_data, data, 1)                                                        \
    X(CKPT, struct mimo_plan_checkpoint, checkpoint, 1)                                            \
    X(CLUS, struct mimo_plan_cluster, cluster, 1)                                                  \
    X(MDLT, struct mimo_plan_modality, modalities, 0)                                              \
    X(MODL, struct mimo_plan_module, modules, 0)                                                   \
    X(PROJ, struct mimo_plan_projector, projectors, 0)                                             \
    X(STAG, struct mimo_plan_stage, stages, 0)                                                     \
    X(PARM, struct mimo_plan_parameter, parameters, 0)                                             \
    X(GRPS, struct mimo_plan_groups, groups, 0)                                                    \
    X(EDGE, struct mimo_plan_edge, edges, 0)                                                       \
    X(ROLE, struct mimo_plan_role, roles, 0)                                                       \
    X(PLAC, struct mimo_plan_place, places, 0)                                                     \
    X(RANG, struct mimo_plan_range, ranges, 0)                                                     \
    X(PROG, struct mimo_plan_instruction, instructions, 0)                                         \
    X(COMM, struct mimo_plan_communication, communications, 0)                                     \
    X(MEMO, struct mimo_plan_memory, memories, 0)

/* Closed sets. Each row: enumerator suffix, the word in the language and in the JSON. */
#define MIMO_MODES(X)                                                                              \
    X(COLOCATED, "colocated")                                                                      \
    X(HOMOGENEOUS, "homogeneous")                                                                  \
    X(HETEROGENEOUS, "heterogeneous")                                                              \
    X(HYBRID, "hybrid")
#define MIMO_PRECISIONS(X)                                                                         \
    X(FP32, "fp32")                                                                                \
    X(BF16, "bf16")                                                                                \
    X(FP64, "fp64")
#define MIMO_ARCHITECTURES(X)                                                                      \
    X(LLAMA, "llama")                                                                              \
    X(GPT, "gpt")                                                                                  \
    X(CLIP_VIT, "clip_vit")                                                                        \
    X(MLP, "mlp")                                                                                  \
    X(LINEAR, "linear")
#define MIMO_ACTIVATIONS(X)                                                                        \
    X(GELU, "gelu")                                                                                \
    X(GELU_TANH, "gelu_tanh")                                                                      \
    X(QUICK_GELU, "quick_gelu")                                                                    \
    X(RELU, "relu")                                                                                \
    X(SILU, "silu")
#define MIMO_PADDINGS(X)                                                                           \
    X(LONGEST, "longest")                                                                          \
    X(FULL, "full")
#define MIMO_RECOMPUTES(X)                                                                         \
    X(NONE, "none")                                                                                \
    X(FULL, "full")
#define MIMO_PIPELINE_SCHEDULES(X)                                                                 \
    X(1F1B, "1f1b")                                                                                \
    X(GPIPE, "gpipe")
#define MIMO_LR_SCHEDULES(X)                                                                       \
    X(CONSTANT, "constant")                                                                        \
    X(LINEAR, "linear")                                                                            \
    X(COSINE, "cosine")
#define MIMO_DATA_FORMATS(X)                                                                       \
    X(SYNTHETIC, "synthetic")                                                                      \
    X(LLAVA, "llava")
#define MIMO_TEMPLATES(X)                                                                          \
    X(PLAIN, "plain")                                                                              \
    X(VICUNA, "vicuna")
#define MIMO_BAD_SAMPLES(X)                                                                        \
    X(STOP, "stop")                                                                                \
    X(SKIP, "skip")
#define MIMO_MODULE_KINDS(X)                                                                       \
    X(LANGUAGE, "language")                                                                        \
    X(ENCODER, "encoder")
/* Kinds of process groups, in the order in which they are listed and made (LANGUAGE.md section 5).
 */
#define MIMO_GROUP_KINDS(X)                                                                        \
    X(TP, "tp")                                                                                    \
    X(CP, "cp")                                                                                    \
    X(DP, "dp")                                                                                    \
    X(PP, "pp")                                                                                    \
    X(DP_CP, "dp_cp")                                                                              \
    X(TP_CP, "tp_cp")                                                                              \
    X(TP_PP, "tp_pp")                                                                              \
    X(TP_DP_CP, "tp_dp_cp")                                                                        \
    X(EMBEDDING, "embedding")                                                                      \
    X(POSITION_EMBEDDING, "position_embedding")                                                    \
    X(ETP, "etp")                                                                                  \
    X(EP, "ep")                                                                                    \
    X(EDP, "edp")                                                                                  \
    X(ETP_EP, "etp_ep")                                                                            \
    X(ETP_EP_PP, "etp_ep_pp")
/* What a rank does in a step; section PROG and docs/architecture.md say what each one means. */
#define MIMO_OPCODES(X)                                                                            \
    X(LOAD, "load")     /* read the step's samples; all ranks agree on targets and bad samples */  \
    X(ENCODE, "encode") /* forward of an encoder stage, its projector included */                  \
    X(MERGE, "merge")   /* token embeddings, image rows at their places */                         \
    X(FORWARD, "forward")   /* forward of a language stage, the loss where it is the last */       \
    X(BACKWARD, "backward") /* backward of a stage of either kind */                               \
    X(SEND, "send")         /* this rank's outgoing transfers of an edge */                        \
    X(RECEIVE, "receive")   /* this rank's incoming transfers of an edge */                        \
    X(EXCHANGE, "exchange") /* both at once, of one edge or of two */                              \
    X(REDUCE, "reduce")     /* sum the gradients of a module that BACKWARD has not (buckets.h) */  \
    X(STEP, "step")         /* global gradient norm, clipping, optimizer */
/* How the elements of a parameter start. */
#define MIMO_INITS(X)                                                                              \
    X(ZERO, "zero")                                                                                \
    X(ONE, "one")                                                                                  \
    X(NORMAL, "normal") /* mean 0, standard deviation init_scale */
/* How a parameter is cut over the ranks of its tensor-parallel group. */
#define MIMO_CUTS(X)                                                                               \
    X(NONE, "none")             /* every rank holds all of it */                                   \
    X(EVEN, "even")             /* rank r of n holds units [r*U/n, (r+1)*U/n), rounded down */     \
    X(REPLICATED, "replicated") /* n = k*U: k neighbouring ranks hold one unit each */

/* What a communication inside an instruction does with its buffer, on all members of a group. */
#define MIMO_OPERATIONS(X)                                                                         \
    X(ALL_REDUCE, "all_reduce")         /* every member's buffer becomes the sum of all */         \
    X(ALL_REDUCE_MAX, "all_reduce_max") /* ... the maximum of all */                               \
    X(ALL_GATHER, "all_gather") /* each has a piece of the buffer; afterwards all have all of it   \
                                 */                                                                \
    X(REDUCE_SCATTER, "reduce_scatter") /* each has a part of a sum, then its piece of the sum */  \
    X(ALL_TO_ALL, "all_to_all")         /* each sends every other one a piece of its buffer */     \
    X(RING, "ring") /* each hands its buffer to the next member and takes that of the one before   \
                     */
/* What the elements of a buffer are. */
#define MIMO_ELEMENTS(X)                                                                           \
    X(FP32, "fp32")                                                                                \
    X(BF16, "bf16")                                                                                \
    X(FP64, "fp64")                                                                                \
    X(INT64, "int64")                                                                              \
    X(UINT8, "uint8")
/* How often a communication takes place in its instruction. */
#define MIMO_LOOPS(X)                                                                              \
    X(ONCE, "once")                                                                                \
    X(LAYER, "layer")               /* for each layer without experts */                           \
    X(EXPERT_LAYER, "expert_layer") /* for each layer with experts */
/* What is counted as rows; plan/communication.h has the arithmetic. */
#define MIMO_ROW_UNITS(X)                                                                          \
    X(ONE, "one")               /* a single row */                                                 \
    X(TOKENS, "tokens")         /* of the replica's micro-step, one cp rank's share */             \
    X(PATCHES, "patches")       /* an encoder's rows within its layers, one cp rank's share */     \
    X(FEATURES, "features")     /* those of them that leave the encoder */                         \
    X(IMAGE_ROWS, "image_rows") /* of a bridge, of all images of the replica's micro-step */       \
    X(TARGETS, "targets")       /* tokens whose next token is learnt, one cp rank's share */       \
    X(ROUTED, "routed")         /* rows on their way to experts and back */                        \
    X(PARAMETER, "parameter")   /* elements of one parameter on the rank */                        \
    X(GRADIENTS, "gradients")   /* elements of all gradients of the module on the rank */          \
    X(EXPERT_GRADIENTS, "expert_gradients") /* the experts'; GRADIENTS are then the others */
/* What a communication is about. */
#define MIMO_CONTENTS(X)                                                                           \
    X(TOTALS, "totals") /* targets, tokens, images and bad samples of the step */                  \
    X(BAD_SAMPLES, "bad samples")                                                                  \
    X(EMBEDDING, "token embeddings")                                                               \
    X(ATTENTION_INPUT, "attention input")                                                          \
    X(KEYS_VALUES, "keys and values")                                                              \
    X(ATTENTION_OUTPUT, "attention output")                                                        \
    X(MLP_INPUT, "mlp input")                                                                      \
    X(MLP_OUTPUT, "mlp output")                                                                    \
    X(EXPERT_BALANCE, "expert balance") /* choices and probabilities of each sample's experts */   \
    X(EXPERT_COUNTS, "expert counts")   /* rows that each member sends to each expert */           \
    X(EXPERT_DISPATCH, "expert dispatch")                                                          \
    X(EXPERT_INPUT, "expert input")                                                                \
    X(EXPERT_OUTPUT, "expert output")                                                              \
    X(EXPERT_COMBINE, "expert combine")                                                            \
    X(EXPERT_ROWS, "expert rows") /* of tensor ranks that shared out equal rows */                 \
    X(PROJECTOR_OUTPUT, "projector output")                                                        \
    X(PROJECTOR_INPUT, "projector input")                                                          \
    X(TARGETS, "target rows")                                                                      \
    X(LOSS_MAXIMUM, "loss maximum")                                                                \
    X(LOSS_SUMS, "loss sums")                                                                      \
    X(TRANSFER, "transfer")                                                                        \
    X(PARTIAL, "partial gradients") /* of a weight that several tensor ranks hold */               \
    X(TIED, "tied table")                                                                          \
    X(PARAMETERS, "parameters")                                                                    \
    X(EXPERTS, "experts")                                                                          \
    X(NORM, "gradient norm") /* the loss, signals and the sum of squares of each module */

/* The arenas of a rank (plan/memory.h). */
#define MIMO_MEMORY_KINDS(X)                                                                       \
    X(PARAMETERS, "parameters")                                                                    \
    X(GRADIENTS, "gradients")                                                                      \
    X(OPTIMIZER, "optimizer")     /* moments, and the float32 weights under bf16 */                \
    X(REDUCTION, "reduction")     /* where gradients of shared heads are summed */                 \
    X(ACTIVATIONS, "activations") /* kept from forward to backward, of all micro-steps alive */    \
    X(SCRATCH, "scratch")         /* good within one computation */                                \
    X(BUFFERS, "buffers")         /* rows and gradients on their way between ranks */

#define MIMO_ENUM_MODE(name, word)              MIMO_MODE_##name,
#define MIMO_ENUM_PRECISION(name, word)         MIMO_PRECISION_##name,
#define MIMO_ENUM_ARCHITECTURE(name, word)      MIMO_ARCHITECTURE_##name,
#define MIMO_ENUM_ACTIVATION(name, word)        MIMO_ACTIVATION_##name,
#define MIMO_ENUM_PADDING(name, word)           MIMO_PADDING_##name,
#define MIMO_ENUM_RECOMPUTE(name, word)         MIMO_RECOMPUTE_##name,
#define MIMO_ENUM_PIPELINE_SCHEDULE(name, word) MIMO_PIPELINE_SCHEDULE_##name,
#define MIMO_ENUM_LR_SCHEDULE(name, word)       MIMO_LR_SCHEDULE_##name,
#define MIMO_ENUM_DATA_FORMAT(name, word)       MIMO_DATA_FORMAT_##name,
#define MIMO_ENUM_TEMPLATE(name, word)          MIMO_TEMPLATE_##name,
#define MIMO_ENUM_BAD_SAMPLE(name, word)        MIMO_BAD_SAMPLE_##name,
#define MIMO_ENUM_MODULE_KIND(name, word)       MIMO_MODULE_KIND_##name,
#define MIMO_ENUM_GROUP_KIND(name, word)        MIMO_GROUP_KIND_##name,
#define MIMO_ENUM_OPCODE(name, word)            MIMO_OPCODE_##name,
#define MIMO_ENUM_INIT(name, word)              MIMO_INIT_##name,
#define MIMO_ENUM_CUT(name, word)               MIMO_CUT_##name,
#define MIMO_ENUM_MEMORY(name, word)            MIMO_MEMORY_##name,
#define MIMO_ENUM_OPERATION(name, word)         MIMO_OPERATION_##name,
#define MIMO_ENUM_ELEMENT(name, word)           MIMO_ELEMENT_##name,
#define MIMO_ENUM_LOOP(name, word)              MIMO_LOOP_##name,
#define MIMO_ENUM_ROW_UNIT(name, word)          MIMO_ROW_UNIT_##name,
#define MIMO_ENUM_CONTENT(name, word)           MIMO_CONTENT_##name,
enum mimo_mode { MIMO_MODES(MIMO_ENUM_MODE) MIMO_MODE_COUNT };
enum mimo_precision { MIMO_PRECISIONS(MIMO_ENUM_PRECISION) MIMO_PRECISION_COUNT };
enum mimo_architecture { MIMO_ARCHITECTURES(MIMO_ENUM_ARCHITECTURE) MIMO_ARCHITECTURE_COUNT };
enum mimo_activation { MIMO_ACTIVATIONS(MIMO_ENUM_ACTIVATION) MIMO_ACTIVATION_COUNT };
enum mimo_padding { MIMO_PADDINGS(MIMO_ENUM_PADDING) MIMO_PADDING_COUNT };
enum mimo_recompute { MIMO_RECOMPUTES(MIMO_ENUM_RECOMPUTE) MIMO_RECOMPUTE_COUNT };
enum mimo_pipeline_schedule {
    MIMO_PIPELINE_SCHEDULES(MIMO_ENUM_PIPELINE_SCHEDULE) MIMO_PIPELINE_SCHEDULE_COUNT
};
enum mimo_lr_schedule { MIMO_LR_SCHEDULES(MIMO_ENUM_LR_SCHEDULE) MIMO_LR_SCHEDULE_COUNT };
enum mimo_data_format { MIMO_DATA_FORMATS(MIMO_ENUM_DATA_FORMAT) MIMO_DATA_FORMAT_COUNT };
enum mimo_template { MIMO_TEMPLATES(MIMO_ENUM_TEMPLATE) MIMO_TEMPLATE_COUNT };
enum mimo_bad_sample { MIMO_BAD_SAMPLES(MIMO_ENUM_BAD_SAMPLE) MIMO_BAD_SAMPLE_COUNT };
enum mimo_module_kind { MIMO_MODULE_KINDS(MIMO_ENUM_MODULE_KIND) MIMO_MODULE_KIND_COUNT };
enum mimo_group_kind { MIMO_GROUP_KINDS(MIMO_ENUM_GROUP_KIND) MIMO_GROUP_KIND_COUNT };
enum mimo_opcode { MIMO_OPCODES(MIMO_ENUM_OPCODE) MIMO_OPCODE_COUNT };
enum mimo_init { MIMO_INITS(MIMO_ENUM_INIT) MIMO_INIT_COUNT };
enum mimo_cut { MIMO_CUTS(MIMO_ENUM_CUT) MIMO_CUT_COUNT };
enum mimo_memory_kind { MIMO_MEMORY_KINDS(MIMO_ENUM_MEMORY) MIMO_MEMORY_COUNT };
enum mimo_operation { MIMO_OPERATIONS(MIMO_ENUM_OPERATION) MIMO_OPERATION_COUNT };
enum mimo_element { MIMO_ELEMENTS(MIMO_ENUM_ELEMENT) MIMO_ELEMENT_COUNT };
enum mimo_loop { MIMO_LOOPS(MIMO_ENUM_LOOP) MIMO_LOOP_COUNT };
enum mimo_row_unit { MIMO_ROW_UNITS(MIMO_ENUM_ROW_UNIT) MIMO_ROW_UNIT_COUNT };
enum mimo_content { MIMO_CONTENTS(MIMO_ENUM_CONTENT) MIMO_CONTENT_COUNT };

/* `length` bytes at `offset` of section STRS; a NUL follows them. {0, 0} is the empty string. */
struct mimo_plan_string {
    uint32_t offset;
    uint32_t length;
};

struct mimo_plan_header {
    uint8_t magic[8];
    uint16_t version_major;
    uint16_t version_minor;
    uint32_t header_size; /* 64: the section table follows */
    uint64_t file_size;
    uint32_t section_count;
    uint32_t world_size;
    uint32_t incompatible; /* a reader refuses a file with a bit that it does not know */
    uint32_t compatible;   /* bits that a reader may ignore */
    uint8_t digest[16]; /* XXH3-128, big-endian, of all bytes behind the header: the plan's name */
    uint64_t checksum;  /* XXH3-64 of the 56 bytes before this field */
};

struct mimo_plan_section {
    uint8_t id[4];
    uint32_t flags; /* 1: a reader that does not know the section refuses the file */
    uint64_t offset;
    uint64_t size; /* element_size * count */
    uint32_t element_size;
    uint32_t count;
    uint64_t checksum; /* XXH3-64 of the section's bytes */
};

struct mimo_plan_meta {
    struct mimo_plan_string compiler_version;
    struct mimo_plan_string model;
    struct mimo_plan_string deployment; /* empty: none was declared */
    struct mimo_plan_string model_weights;
    uint32_t language_version;
    uint32_t mode; /* enum mimo_mode */
    uint32_t world_size;
    uint32_t language_module; /* the index of the one language module */
};

struct mimo_plan_training {
    uint64_t steps; /* 0: epochs counts */
    double epochs;  /* 0.0: steps counts */
    uint64_t seed;
    uint32_t global_batch; /* samples of one optimizer step, over all ranks */
    uint32_t micro_batch;  /* samples of one forward pass of one language replica */
    uint32_t micro_steps;  /* global_batch / (micro_batch * language data_parallel) */
    uint32_t sequence_length;
    uint32_t padding;   /* enum mimo_padding */
    uint32_t precision; /* enum mimo_precision */
    uint32_t recompute; /* enum mimo_recompute */
    uint32_t pipeline_schedule;
    uint32_t distributed_optimizer;
    uint32_t log_interval;  /* steps, at least 1 */
    uint32_t eval_interval; /* steps; 0: never */
    uint32_t lr_schedule;   /* enum mimo_lr_schedule */
    uint64_t warmup_steps;
    double lr;
    double min_lr;
    double beta1;
    double beta2;
    double epsilon;
    double weight_decay;
    double clip_grad; /* 0.0: no clipping */
    /* Micro-steps of a round, 1 ... micro_steps. Encoders that share their ranks with a pipeline
     * encode all of a round before the language model's first forward of it, and go backward behind
     * its last backward; no stage keeps anything from one round to the next. */
    uint32_t encoder_group;
    uint32_t gradient_bucket; /* elements: see buckets.h */
};

struct mimo_plan_data {
    uint32_t format;        /* enum mimo_data_format */
    uint32_t text_template; /* enum mimo_template */
    uint32_t on_bad_sample; /* enum mimo_bad_sample */
    uint32_t shuffle;
    struct mimo_plan_string train;
    struct mimo_plan_string validation;
    struct mimo_plan_string media;
    struct mimo_plan_string tokenizer;
    uint32_t max_images_per_sample;
    uint32_t images_per_sample_min; /* synthetic data only */
    uint32_t images_per_sample_max;
    uint32_t reserved;
};

struct mimo_plan_checkpoint {
    struct mimo_plan_string directory; /* empty: nothing is saved */
    uint64_t interval;                 /* steps; 0: only at the end */
    uint64_t keep;                     /* 0: all */
};

/* What one rank may count on; all zero where no cluster was declared. */
struct mimo_plan_cluster {
    struct mimo_plan_string name;
    uint64_t memory;          /* bytes */
    double peak;              /* floating-point operations per second */
    double node_bandwidth;    /* bytes per second */
    double network_bandwidth; /* bytes per second */
    uint32_t gpus_per_node;
    uint32_t reserved;
};

struct mimo_plan_modality {
    struct mimo_plan_string name;
    struct mimo_plan_string marker;
    uint32_t special_token;
    uint32_t image_tokens;  /* rows of one image: the sum over the encoders */
    uint32_t encoder_first; /* its encoders are modules encoder_first ... + encoder_count - 1 */
    uint32_t encoder_count;
};

/* A module owns a layout: an encoder (with its projector) or the language model. Encoders come
 * first, in the order of their modalities; the language model is last. */
struct mimo_plan_module {
    struct mimo_plan_string name;
    struct mimo_plan_string weights;
    uint32_t kind;         /* enum mimo_module_kind */
    uint32_t architecture; /* enum mimo_architecture */
    uint32_t modality;     /* encoder: its modality; language: MIMO_NONE */
    uint32_t projector;    /* encoder: its projector, or MIMO_NONE */
    uint32_t is_frozen;
    uint32_t num_layers;      /* as declared */
    uint32_t layers_computed; /* clip_vit: up to feature_layer; else num_layers */
    uint32_t hidden_size;
    uint32_t ffn_hidden_size;
    uint32_t num_attention_heads;
    uint32_t num_query_groups; /* clip_vit: the heads */
    uint32_t head_dim;
    uint32_t activation; /* enum mimo_activation; llama: SILU */
    uint32_t vocab_size;
    uint32_t max_sequence_length;
    uint32_t has_qkv_bias;
    uint32_t ties_embeddings;
    uint32_t image_size;
    uint32_t patch_size;
    uint32_t channels;
    int32_t feature_layer;
    uint32_t keeps_class_token;
    uint32_t image_tokens; /* rows that the encoder gives for one image */
    uint32_t num_experts;  /* 0: dense */
    uint32_t top_k;
    uint32_t expert_ffn_hidden_size;
    uint32_t expert_every;
    uint32_t images_max; /* encoder: the most images in one replica's micro-step */
    double rotary_base;
    double norm_epsilon;
    double aux_loss_coefficient;
    double image_mean[4]; /* per channel, of values in 0 ... 1 */
    double image_std[4];
    /* the layout (LANGUAGE.md section 4) */
    uint32_t tp, cp, dp, pp;
    uint32_t etp, ep, edp;
    uint32_t virtual_pipeline;
    uint32_t sequence_parallel;
    uint32_t rank_offset;
    uint32_t ranks;   /* tp * cp * dp * pp */
    uint32_t samples; /* of one replica in one micro-step; language model: micro_batch */
    uint32_t stage_first, stage_count;         /* pp * virtual_pipeline stages, chunk by chunk */
    uint32_t parameter_first, parameter_count; /* its projector's come last among them */
    uint64_t elements; /* the module's size: parameters computed, projector included */
};

struct mimo_plan_projector {
    struct mimo_plan_string name;
    struct mimo_plan_string weights;
    uint32_t architecture; /* MLP or LINEAR */
    uint32_t activation;
    uint32_t has_bias;
    uint32_t is_frozen;
    uint32_t num_layers;
    uint32_t input_size;  /* the encoder's width */
    uint32_t hidden_size; /* between the layers of an mlp */
    uint32_t output_size; /* the language model's width */
};

/* Consecutive layers of a module on one pipeline stage. Stage s of the module runs on pipeline rank
 * s % pp, as its chunk s / pp. The first stage also embeds, the last one has the head (language) or
 * the projector (encoder). */
struct mimo_plan_stage {
    uint32_t module;
    uint32_t layer_first;
    uint32_t layer_count;
    uint32_t live_max; /* micro-steps that it keeps for their backward at once; 0: it has none */
};

/*
 * Which weight of its layer (or of its module, layer = MIMO_NONE) a parameter is. The model code
 * finds its weights by (module, layer, slot). The comment gives the shape; matrices are
 * [output, input] and multiply rows from the right, y = x Wᵀ, as in Hugging Face checkpoints.
 */
enum mimo_slot {
    /* language model */
    MIMO_SLOT_TOKEN_EMBEDDING, /* [vocab, hidden], cut along vocab */
    MIMO_SLOT_FINAL_NORM,      /* [hidden] */
    MIMO_SLOT_HEAD,            /* [vocab, hidden], cut along vocab; absent where tied */
    MIMO_SLOT_FINAL_NORM_BIAS, /* gpt */
    /* vision encoder */
    MIMO_SLOT_CLASS_EMBEDDING,    /* [hidden] */
    MIMO_SLOT_PATCH_EMBEDDING,    /* [hidden, channels, patch, patch], no bias */
    MIMO_SLOT_POSITION_EMBEDDING, /* [tokens, hidden] (clip_vit), [max_sequence_length, hidden]
                                     (gpt) */
    MIMO_SLOT_PRE_NORM_WEIGHT,    /* [hidden] */
    MIMO_SLOT_PRE_NORM_BIAS,
    /* a transformer layer, in the order of the parameter table */
    MIMO_SLOT_INPUT_NORM_WEIGHT, /* [hidden] */
    MIMO_SLOT_INPUT_NORM_BIAS,
    MIMO_SLOT_Q_WEIGHT, /* [heads * head_dim, hidden], cut along heads; q, k, v lie one behind
                           another */
    MIMO_SLOT_K_WEIGHT, /* [groups * head_dim, hidden] */
    MIMO_SLOT_V_WEIGHT,
    MIMO_SLOT_Q_BIAS,
    MIMO_SLOT_K_BIAS,
    MIMO_SLOT_V_BIAS,
    MIMO_SLOT_O_WEIGHT, /* [hidden, heads * head_dim], cut along the second dimension */
    MIMO_SLOT_O_BIAS,   /* [hidden], not cut */
    MIMO_SLOT_POST_NORM_WEIGHT,
    MIMO_SLOT_POST_NORM_BIAS,
    MIMO_SLOT_GATE_WEIGHT, /* [ffn, hidden], cut along ffn; up lies behind gate (llama) */
    MIMO_SLOT_UP_WEIGHT,   /* [ffn, hidden]; clip_vit and gpt: fc1 */
    MIMO_SLOT_UP_BIAS,
    MIMO_SLOT_DOWN_WEIGHT, /* [hidden, ffn], cut along the second dimension; clip_vit and gpt: fc2
                            */
    MIMO_SLOT_DOWN_BIAS,
    /* experts (llama with moe): `expert` names which one */
    MIMO_SLOT_ROUTER_WEIGHT, /* [experts, hidden] */
    MIMO_SLOT_EXPERT_GATE_WEIGHT,
    MIMO_SLOT_EXPERT_UP_WEIGHT,
    MIMO_SLOT_EXPERT_DOWN_WEIGHT,
    /* projector layer: `layer` counts the projector's layers from 0 */
    MIMO_SLOT_PROJECTOR_WEIGHT, /* [out, in]; mlp: even layers cut along out, odd ones along in; the
                                   last of an odd number, and `linear`, not cut */
    MIMO_SLOT_PROJECTOR_BIAS,   /* [out], cut where its weight is cut along out */
    MIMO_SLOT_COUNT
};

/* One tensor of the model, in global coordinates, and how it lies on the ranks (decision 5). */
struct mimo_plan_parameter {
    struct mimo_plan_string name; /* module or projector name, ".", the Hugging Face name */
    uint32_t module;              /* whose layout cuts it */
    uint32_t stage;               /* of that module, counted within the module */
    uint32_t layer;               /* or MIMO_NONE */
    uint32_t slot;                /* enum mimo_slot */
    uint32_t expert;              /* or MIMO_NONE */
    uint32_t projector;           /* the projector that it belongs to, or MIMO_NONE */
    uint32_t tied_to;    /* index of the parameter that it shares its values with, or MIMO_NONE */
    uint32_t dimensions; /* 1 ... 4 */
    uint64_t shape[4];   /* 1 beyond `dimensions` */
    uint32_t cut;        /* enum mimo_cut, over the module's tp group (experts: etp) */
    uint32_t cut_dimension;
    uint64_t cut_units; /* the cut dimension consists of this many equal units */
    uint32_t init;      /* enum mimo_init */
    uint32_t is_trainable;
    uint32_t decays;  /* weight decay applies */
    uint32_t follows; /* lies right behind the previous parameter in memory: one fused matrix */
    uint32_t gradient_is_partial; /* held by several tp ranks, each with a part of the gradient */
    uint32_t reserved;
    double init_scale;
    double lr_scale;
};

/*
 * All groups of one kind of one module (record: module * kinds + kind), as arithmetic: group i has
 * the ranks
 *     base + Σ outer digit · outer_stride + Σ inner digit · inner_stride,
 * the outer digits being those of i, the inner ones running over the members; the first digit is
 * the fastest. Unused digits have count 1 and stride 0. Strides grow with the digit, so that
 * members ascend; so do the groups by first rank.
 */
struct mimo_plan_groups {
    uint32_t module;
    uint32_t kind; /* enum mimo_group_kind */
    uint32_t base;
    uint32_t group_count; /* product of outer_count */
    uint32_t size;        /* product of inner_count */
    uint32_t reserved;
    uint32_t outer_count[4], outer_stride[4];
    uint32_t inner_count[4], inner_stride[4];
};

/* Rows travel along an edge: from the last stage of an encoder to the language model (a bridge), or
 * between neighbouring stages of one module. Gradients travel back where `has_backward`. Record i
 * leaves stage i of section STAG; the last stage, the language model's, has none. */
struct mimo_plan_edge {
    uint32_t from_module, from_stage; /* stages counted within the module */
    uint32_t to_module, to_stage;
    uint32_t columns;
    uint32_t is_bridge;
    uint32_t has_backward;
    uint32_t shares_ranks; /* both stages lie on the same ranks, all of them */
};

/*
 * A set of places that some ranks hold, and the program that these ranks run in each step. The
 * roles share out PLAC, RANG and PROG among them, in order and without rest: each one's slice
 * begins where that of the role before ends. A role's places ascend by (module, stage), its ranks
 * are neighbours; idle ranks in two parts of the world therefore have two roles without places.
 */
struct mimo_plan_role {
    uint32_t place_first, place_count;
    uint32_t range_first, range_count;
    uint32_t instruction_first, instruction_count;
};

struct mimo_plan_place {
    uint32_t module;
    uint32_t stage; /* counted within the module */
};

/* Ranks first ... first + count - 1 have this role. Ranges are sorted and cover the world once. */
struct mimo_plan_range {
    uint32_t first;
    uint32_t count;
    uint32_t role;
    uint32_t reserved;
};

enum { MIMO_EDGE_FORWARD = 0, MIMO_EDGE_BACKWARD = 1 };

/* Of an edge that is absent, micro-step and direction are not looked at. */
struct mimo_plan_instruction {
    uint32_t opcode; /* enum mimo_opcode */
    uint32_t place;  /* ENCODE, MERGE, FORWARD, BACKWARD, REDUCE: index into PLAC; else MIMO_NONE */
    uint32_t micro_step; /* of ENCODE, MERGE, FORWARD, BACKWARD; else MIMO_NONE */
    uint32_t send_edge;  /* SEND, EXCHANGE: index into EDGE; else MIMO_NONE */
    uint32_t send_micro_step;
    uint32_t send_direction; /* MIMO_EDGE_FORWARD: rows; MIMO_EDGE_BACKWARD: their gradients */
    uint32_t receive_edge;   /* RECEIVE, EXCHANGE */
    uint32_t receive_micro_step;
    uint32_t receive_direction;
    uint32_t reserved;
};

/*
 * One communication that the ranks of a group do together inside an instruction. The records of an
 * instruction stand together, in the order in which they take place. Its layers run forward, in
 * BACKWARD backward, and each does in order the records whose `loop` is its kind; those of layers
 * without experts come first. The lists ascend by (opcode, module, stage, edge, direction), NONE
 * first. A list belongs to
 *   - all ranks: LOAD, and the first list of STEP (module NONE);
 *   - a stage: ENCODE, MERGE, FORWARD, BACKWARD;
 *   - an end of an edge, in one direction: SEND and RECEIVE, one after the other in EXCHANGE;
 *   - a pipeline rank of a module: REDUCE, and the further lists of STEP; `stage` is its first one.
 * These are done bucket by bucket, as buckets.h says and docs/plan-format.md.
 *
 * Groups of one rank do not communicate: there is no record for them. The buffer has rows * columns
 * elements. An all_gather or reduce_scatter cuts it into nearly equal pieces of rows; that of a
 * transfer into the columns of the edge's parts.
 */
struct mimo_plan_communication {
    uint32_t opcode;    /* enum mimo_opcode, not EXCHANGE */
    uint32_t module;    /* whose group it is, or MIMO_NONE: all ranks */
    uint32_t stage;     /* or MIMO_NONE */
    uint32_t edge;      /* SEND, RECEIVE; else MIMO_NONE */
    uint32_t direction; /* of the edge; else 0 */
    uint32_t loop;      /* enum mimo_loop */
    uint32_t operation; /* enum mimo_operation */
    uint32_t group;     /* enum mimo_group_kind, or MIMO_NONE: all ranks */
    uint32_t content;   /* enum mimo_content */
    uint32_t is_gradient;
    uint32_t slot;     /* enum mimo_slot of the one parameter that it is about, or MIMO_NONE */
    uint32_t element;  /* enum mimo_element */
    uint32_t rows;     /* enum mimo_row_unit */
    uint32_t rows_max; /* > 0: in pieces of at most so many rows, none where there are no rows;
                          neighbouring records take turns, piece by piece */
    uint32_t repeat;   /* times one after another: hops of a RING, else 1. A RING of gradients
                          behind that of what they belong to goes one hop later */
    uint32_t on_bad_samples; /* only where the step has bad samples */
    uint64_t columns;
};

/* Bytes of each arena of a rank: the most that any rank of the role holds while it trains. Record i
 * is of role i. */
struct mimo_plan_memory {
    uint64_t bytes[MIMO_MEMORY_COUNT];
    uint32_t micro_steps_alive; /* the most of which one of its places keeps activations at once */
    uint32_t reserved;
};

#endif
