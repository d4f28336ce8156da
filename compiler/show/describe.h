/*
 * describe.h - a plan as a list of facts, each with a name: what two plans are compared by.
 *
 * Records are named as the language names them ("llm", "tensor_parallel"), never by their index, so
 * that plans of other modules, roles or stages can be laid side by side. Facts stand in the order
 * of the topics; those of one subject stand together.
 */
#ifndef MIMO_COMPILER_SHOW_DESCRIBE_H
#define MIMO_COMPILER_SHOW_DESCRIBE_H

#include "plan/arena.h"
#include "plan/plan.h"

/* Enumerator suffix, heading, and what the subjects of a topic are called where there are too many
 * to list each ("": never). */
#define MIMO_TOPICS(X)                                                                             \
    X(PLAN, "plan", "")                                                                            \
    X(TRAINING, "training", "")                                                                    \
    X(DATA, "data", "")                                                                            \
    X(CHECKPOINT, "checkpoint", "")                                                                \
    X(CLUSTER, "cluster", "")                                                                      \
    X(MODALITIES, "modalities", "")                                                                \
    X(MODULES, "modules", "")                                                                      \
    X(PROJECTORS, "projectors", "")                                                                \
    X(LAYOUTS, "layouts", "")                                                                      \
    X(STAGES, "stages", "")                                                                        \
    X(RANKS, "ranks", "ranks")                                                                     \
    X(GROUPS, "groups", "")                                                                        \
    X(EDGES, "bridges and edges", "")                                                              \
    X(PARAMETERS, "parameters", "parameters")                                                      \
    X(SCHEDULE, "schedule", "")                                                                    \
    X(COMMUNICATION, "communication", "instructions")                                              \
    X(MEMORY, "memory of a rank", "")                                                              \
    X(WORK, "work of a step", "")
enum mimo_topic {
#define MIMO_ENUM_TOPIC(name, heading, noun) MIMO_TOPIC_##name,
    MIMO_TOPICS(MIMO_ENUM_TOPIC)
#undef MIMO_ENUM_TOPIC
        MIMO_TOPIC_COUNT
};

enum mimo_fact_kind {
    MIMO_FACT_TEXT,
    MIMO_FACT_NONE, /* there is no such thing: a path that is not given */
    MIMO_FACT_BOOLEAN,
    MIMO_FACT_INTEGER,
    MIMO_FACT_REAL,
    MIMO_FACT_BYTES, /* an integer that people read with a prefix */
};

struct mimo_fact {
    enum mimo_topic topic;
    const char *subject; /* "": the plan itself */
    const char *field;
    enum mimo_fact_kind kind;
    const char *text; /* for people; equal facts have equal texts and integers */
    uint64_t integer; /* BOOLEAN, INTEGER, BYTES */
    double real;
    bool begins_subject; /* every subject of a topic has this one, first */
};

struct mimo_description {
    struct mimo_arena *arena;
    struct mimo_fact *facts;
    size_t count, capacity;
    enum mimo_topic topic; /* of the facts that are added, and their subject */
    const char *subject;
    bool is_at_subject; /* which has no facts yet */
};

/* Describes a verified plan; texts live in `arena` and in the plan. */
void mimo_describe(const struct mimo_plan *plan, struct mimo_arena *arena,
                   struct mimo_description *out_description);

/* For the parts of mimo_describe(): facts are added to a subject of a topic. */
void mimo_describe_subject(struct mimo_description *description, enum mimo_topic topic,
                           const char *subject);
void mimo_describe_text(struct mimo_description *description, const char *field, const char *text);
void mimo_describe_none(struct mimo_description *description, const char *field);
void mimo_describe_boolean(struct mimo_description *description, const char *field, bool value);
void mimo_describe_integer(struct mimo_description *description, const char *field, uint64_t value);
void mimo_describe_real(struct mimo_description *description, const char *field, double value);
void mimo_describe_bytes(struct mimo_description *description, const char *field, uint64_t value);

/* What follows from the layouts: stages, ranks, groups, edges, parameters (describe_layout.c). */
void mimo_describe_layouts(struct mimo_description *description, const struct mimo_plan *plan);

/* Programs, communication, memory and work (describe_programs.c). */
void mimo_describe_programs(struct mimo_description *description, const struct mimo_plan *plan);

/* A number in the fewest digits that read back equal. */
const char *mimo_shortest_real(struct mimo_arena *arena, double value);

#endif
