/*
 * show.h - printing a verified plan, as text for people or as the JSON of LANGUAGE.md section 5.
 */
#ifndef MIMO_COMPILER_SHOW_SHOW_H
#define MIMO_COMPILER_SHOW_SHOW_H

#include "plan/plan.h"

#include <stdbool.h>
#include <stdio.h>

enum mimo_show_part {
    MIMO_SHOW_RANKS = 1 << 0,
    MIMO_SHOW_GROUPS = 1 << 1,
    MIMO_SHOW_BRIDGES = 1 << 2,
    MIMO_SHOW_SCHEDULE = 1 << 3,
    MIMO_SHOW_PARAMETERS = 1 << 4,
    MIMO_SHOW_COST = 1 << 5,
    MIMO_SHOW_ALL = (1 << 6) - 1,
};

struct mimo_show_options {
    unsigned parts; /* of enum mimo_show_part; the summary is always printed */
    uint32_t rank;  /* only what concerns this rank, or MIMO_NONE */
    bool is_json;
};

void mimo_show(const struct mimo_plan *plan, const struct mimo_show_options *options, FILE *file);

#endif
