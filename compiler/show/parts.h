/*
 * parts.h - the parts of mimo_show(), and names of things in a plan, for describe_*.c too.
 */
#ifndef MIMO_COMPILER_SHOW_PARTS_H
#define MIMO_COMPILER_SHOW_PARTS_H

#include "compiler/output/json.h"
#include "compiler/show/show.h"
#include "plan/arena.h"

struct mimo_view {
    const struct mimo_plan *plan;
    const struct mimo_show_options *options;
    struct mimo_arena *arena; /* for texts */
    FILE *file;
};

/* The JSON of LANGUAGE.md section 5, with further keys (show/json.c). */
void mimo_show_json(const struct mimo_view *view);

/* The tables for people: the summary always, the rest as options->parts says (show/text.c). */
void mimo_show_text(const struct mimo_view *view);

/* What the roles do in a step, as a timeline: a row for each stage of each role, time to the right
 * (show/timeline.c). */
void mimo_show_schedule(const struct mimo_view *view);

/* Where the one rank asked for stands: places, groups, transfers, program (show/rank.c). */
void mimo_show_rank(const struct mimo_view *view);

/* The program of the one rank asked for, with the peers of its transfers and what instructions
 * communicate inside; as JSON the records of section COMM, all or its own (show/program.c). */
void mimo_show_program(const struct mimo_view *view);
void mimo_show_communications_json(const struct mimo_view *view, struct mimo_json *json);

/* Bytes communicated, of the first rank of each role's ranges or the one asked for
 * (show/traffic.c). */
void mimo_show_traffic(const struct mimo_view *view);
void mimo_show_traffic_json(const struct mimo_view *view, struct mimo_json *json);

/* Memory, work and traffic of all ranks, or of the one rank asked for (show/cost.c). */
void mimo_show_cost(const struct mimo_view *view);
void mimo_show_cost_json(const struct mimo_view *view, struct mimo_json *json);

/* True where the part is asked for. */
bool mimo_view_has(const struct mimo_view *view, enum mimo_show_part part);

/* True where all ranks are shown, or this one. */
bool mimo_view_has_rank(const struct mimo_view *view, uint32_t rank);

/* The ends of an edge in the direction in which something travels: "clip to llm", "llm stage 0 to
 * llm stage 1". */
const char *mimo_view_edge(const struct mimo_view *view, uint32_t edge, uint32_t direction);

/* "llm", or "llm stage 1" where there are several. */
const char *mimo_view_stage(const struct mimo_view *view, uint32_t module, uint32_t stage);

/* "ranks 0 to 7", "rank 3" */
const char *mimo_view_ranks(const struct mimo_view *view, uint32_t first, uint32_t count);

/* "311.9 M", with the prefixes of thousands; and "1.2 GB". */
const char *mimo_view_number(const struct mimo_view *view, double number, const char *unit);

/* "encode clip, micro-step 0" (show/schedule.c) */
const char *mimo_view_instruction(const struct mimo_view *view,
                                  const struct mimo_plan_instruction *instruction);

#endif
