/*
 * judge.h - what the oracle's rules share: the declaration as modules and layouts, in which what is
 * unknown is UNKNOWN. A rule that reports something forgets it, so that later rules pass over it.
 */
#ifndef MIMO_TESTS_RANDOM_JUDGE_H
#define MIMO_TESTS_RANDOM_JUDGE_H

#include "tests/random/oracle.h"

#define UNKNOWN ORACLE_UNKNOWN

enum { MODULES_MAX = 8, PROJECTORS_MAX = 8, MODALITIES_MAX = 4 };

struct layout {
    int own, all;  /* blocks, or SKETCH_NONE */
    bool is_given; /* by a deployment, or there is none */
    int64_t tp, cp, pp, dp, ep, etp, chunks, offset;
    bool is_auto, is_cut; /* data_parallel; sequence_parallel, once tp is known */
    struct oracle_value sequence_parallel;
};

struct module {
    int block, moe, modality;
    bool is_language, is_llama;
    int64_t layers, width, heads, head_dim, groups, tokens, experts;
    int projector; /* a block, or SKETCH_NONE */
    bool may_have_projector;
    struct layout layout;
};

struct modality {
    int block;
    int64_t token, image_tokens;
    bool is_damaged;
    int encoders;
};

struct judge {
    struct oracle *oracle;
    struct module modules[MODULES_MAX]; /* the language model last */
    int count;
    struct module *language; /* or NULL */
    struct modality modalities[MODALITIES_MAX];
    int modality_count;
    bool shares_all, has_ranges, is_heterogeneous;
    const char *mode; /* or NULL */
    int64_t world, sequence, global_batch, micro_batch;
    bool is_world_given;
};

/* ---- numbers that may be unknown ---- */

bool judge_knows(int64_t number);
int64_t judge_product(int64_t a, int64_t b);

/* Both known, and b does not go into a. */
bool judge_leaves_rest(int64_t a, int64_t b);

/* ---- the declaration ---- */

/* As those of oracle.h, for a block that may be SKETCH_NONE. */
struct sketch_block *judge_block(struct judge *judge, int block);
int64_t judge_integer(struct judge *judge, int block, const char *name);
bool judge_is_set(struct judge *judge, int block, const char *name);
bool judge_is_damaged(struct judge *judge, int block);
int judge_children(struct judge *judge, int block, const char *kind, int *out);

/* Reads the deployment and the model. */
void judge_read(struct judge *judge);

/* The layout's own value, or that of the block for all modules. */
struct oracle_value judge_layout_value(struct judge *judge, const struct layout *layout,
                                       const char *name);

/* The first module that has the projector, or NULL. */
const struct module *judge_first_with(const struct judge *judge, int projector);

/* ---- findings ---- */

void judge_report(struct judge *judge, const char *code, struct sketch_place place);
void judge_report_at(struct judge *judge, const char *code, int block, const char *name);

/* Where a rule about a layout's attribute stands, and one about the layout as a whole. */
struct sketch_place judge_layout_place(struct judge *judge, const struct layout *layout,
                                       const char *name);
struct sketch_place judge_layout_name(struct judge *judge, const struct layout *layout);

/* Nothing is known of the layout any more. */
void judge_forget(struct layout *layout);

/* Reports at the attribute, and forgets the number. */
void judge_fault(struct judge *judge, const char *code, struct layout *layout, const char *name,
                 int64_t *number);

/* ---- the rules, in the order in which they are applied ---- */

void judge_model(struct judge *judge);      /* E04 (rules_model.c) */
void judge_layouts(struct judge *judge);    /* E05 (rules_layout.c) */
void judge_deployment(struct judge *judge); /* E06 (rules_deployment.c) */
void judge_training(struct judge *judge);   /* E07 (rules_training.c) */

#endif
