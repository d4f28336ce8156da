/*
 * facts.h - what the rules and the planner know of a declaration, as plain numbers.
 *
 * A number that is in error, depends on an error or may have been skipped with a syntax error is
 * MIMO_UNKNOWN. A rule that needs an unknown number is not made, and a rule that finds a mistake
 * forgets the number that it complains about (sets it to unknown), so that one mistake is reported
 * once. The order of rules in their tables (check.h) is therefore the order of causes.
 */
#ifndef MIMO_COMPILER_CHECK_FACTS_H
#define MIMO_COMPILER_CHECK_FACTS_H

#include "compiler/declaration/declaration.h"
#include "plan/format.h"

#define MIMO_UNKNOWN INT64_MIN

static inline bool mimo_is_known(int64_t fact)
{
    return fact != MIMO_UNKNOWN;
}

/* Products, quotients and remainders of facts; unknown where a fact is, or on overflow. The divisor
 * is positive. */
int64_t mimo_fact_multiply(int64_t a, int64_t b);
int64_t mimo_fact_divide(int64_t a, int64_t b);

/* Known, and not a multiple of `b`. */
bool mimo_fact_is_indivisible(int64_t a, int64_t b);

/* One module's layout: its own block, over the defaults of `all`, over the schema's. */
struct mimo_layout_facts {
    const struct mimo_block *own; /* `parallelism MODULE`, or NULL */
    const struct mimo_block *all; /* `parallelism all`, or NULL */
    bool is_absent;               /* a deployment gives no layout */
    int64_t tp, cp, pp, dp, ep, etp, virtual_pipeline, rank_offset;
    bool dp_is_auto;                          /* dp is unknown until world_size is */
    int64_t sequence_parallel;                /* 0 or 1, also unknown */
    bool has_pipeline_layout;                 /* given; perhaps in error */
    const struct mimo_value *pipeline_layout; /* the list, or NULL */
};

struct mimo_projector_facts {
    const struct mimo_block *block;
    int64_t architecture; /* enum mimo_architecture */
    size_t modality;
    size_t encoder; /* the first module that it follows, or SIZE_MAX */
};

struct mimo_module_facts {
    const struct mimo_block *block;
    const struct mimo_block *moe; /* NULL: dense */
    enum mimo_module_kind kind;
    int64_t architecture; /* enum mimo_architecture */
    size_t modality;      /* encoders */
    size_t projector;     /* or SIZE_MAX */
    int64_t num_layers, layers_computed;
    int64_t hidden_size, ffn_hidden_size;
    int64_t heads, groups, head_dim;
    int64_t vocab_size, max_sequence_length;
    int64_t image_size, patch_size, channels, keeps_class_token;
    int64_t image_tokens;                               /* rows of one image */
    int64_t num_experts, top_k, expert_ffn_hidden_size; /* 0 where dense */
    struct mimo_layout_facts layout;
};

struct mimo_modality_facts {
    const struct mimo_block *block;
    size_t encoder_first, encoder_count;
    int64_t special_token;
    int64_t image_tokens;
};

struct mimo_facts {
    const struct mimo_declaration *declaration;
    struct mimo_module_facts
        *modules; /* encoders in the order of modalities, the language model last */
    size_t module_count;
    struct mimo_module_facts *language; /* the last module, or NULL: the model has none */
    struct mimo_modality_facts *modalities;
    size_t modality_count;
    struct mimo_projector_facts *projectors;
    size_t projector_count;
    int64_t mode; /* enum mimo_mode; without a deployment, colocated */
    int64_t world_size;
    bool world_size_is_given; /* by the deployment or --world-size; else it is derived */
    int64_t global_batch, micro_batch, sequence_length;
    int64_t micro_steps;
};

/* Reads `declaration`; allocates in `arena`. */
void mimo_facts_init(struct mimo_facts *facts, const struct mimo_declaration *declaration,
                     struct mimo_arena *arena);

/* Makes all sizes of the layout unknown: it is in error as a whole. */
void mimo_layout_forget(struct mimo_layout_facts *layout);

/* tp * cp * pp. */
int64_t mimo_layout_span_ranks(const struct mimo_layout_facts *layout);

/* tp * cp * pp * dp. */
int64_t mimo_layout_ranks(const struct mimo_layout_facts *layout);

/* pp * virtual_pipeline. */
int64_t mimo_layout_stages(const struct mimo_layout_facts *layout);

/* The last rank + 1. */
int64_t mimo_layout_end(const struct mimo_layout_facts *layout);

/* Where a diagnostic about an attribute of the layout stands: the attribute in the module's own
 * block, the block's name where it is absent there, the name of `all` where there is none. */
struct mimo_span mimo_layout_place(const struct mimo_layout_facts *layout,
                                   enum mimo_attribute attribute);

/* The block's name, own or `all`. */
struct mimo_span mimo_layout_name(const struct mimo_layout_facts *layout);

/* The block that an attribute of the layout comes from, or NULL where it is a default. */
const struct mimo_block *mimo_layout_source(const struct mimo_layout_facts *layout,
                                            enum mimo_attribute attribute);

/* The number, truth value or word of an attribute, or MIMO_UNKNOWN. `block` may be NULL. */
int64_t mimo_fact_integer(const struct mimo_block *block, enum mimo_attribute attribute);
int64_t mimo_fact_boolean(const struct mimo_block *block, enum mimo_attribute attribute);
int64_t mimo_fact_word(const struct mimo_block *block, enum mimo_attribute attribute);

#endif
