/*
 * mutate.h - the changes that sketch_mutate() chooses from, and what they share. A change returns
 * false where it does not apply.
 */
#ifndef MIMO_TESTS_RANDOM_MUTATE_H
#define MIMO_TESTS_RANDOM_MUTATE_H

#include "tests/random/sketch.h"

enum { BEHIND = 1 << 20 }; /* more than any order that dressing gives */

/* ---- what can be changed ---- */

bool mutate_is_present(const struct sketch *sketch, int block);

/* False where a derived block has an attribute, or a variant, of its own instead. */
bool mutate_is_in_effect(struct sketch *sketch, int block, const char *attribute);

/* A random attribute in effect, or NULL; of a kind of value. */
struct sketch_attribute *mutate_pick(struct sketch *sketch, struct dice *dice, int *out_block);
struct sketch_attribute *mutate_pick_kind(struct sketch *sketch, struct dice *dice,
                                          enum sketch_value_kind kind);

/* A random block, of that kind unless NULL, or SKETCH_NONE. */
int mutate_pick_block(struct sketch *sketch, struct dice *dice, const char *kind_or_null);

/* Adds an attribute before or behind all entries; a block behind them. */
void mutate_insert(struct sketch *sketch, struct dice *dice, int block, const char *name,
                   struct sketch_value value);
void mutate_add_behind(struct sketch *sketch, int parent, const char *kind, const char *name,
                       const char *base);
bool mutate_has_room(const struct sketch *sketch, int block);

/* ---- values (mutate_values.c) ---- */

bool mutate_perturb(struct sketch *sketch, struct dice *dice);
bool mutate_go_out_of_range(struct sketch *sketch, struct dice *dice);
bool mutate_perturb_real(struct sketch *sketch, struct dice *dice);
bool mutate_change_type(struct sketch *sketch, struct dice *dice);
bool mutate_make_nonsense(struct sketch *sketch, struct dice *dice);
bool mutate_change_word(struct sketch *sketch, struct dice *dice);
bool mutate_change_mode(struct sketch *sketch, struct dice *dice);
bool mutate_change_list(struct sketch *sketch, struct dice *dice);
bool mutate_close_circle(struct sketch *sketch, struct dice *dice);
bool mutate_change_param(struct sketch *sketch, struct dice *dice);

/* ---- attributes (mutate_attributes.c) ---- */

bool mutate_misspell(struct sketch *sketch, struct dice *dice);
bool mutate_add_unknown(struct sketch *sketch, struct dice *dice);
bool mutate_repeat_attribute(struct sketch *sketch, struct dice *dice);
bool mutate_remove_attribute(struct sketch *sketch, struct dice *dice);
bool mutate_insert_number(struct sketch *sketch, struct dice *dice);
bool mutate_insert_word(struct sketch *sketch, struct dice *dice);
bool mutate_insert_stages(struct sketch *sketch, struct dice *dice);
bool mutate_change_groups(struct sketch *sketch, struct dice *dice);
bool mutate_change_experts(struct sketch *sketch, struct dice *dice);
bool mutate_share_token(struct sketch *sketch, struct dice *dice);

/* ---- blocks and the file (mutate_blocks.c) ---- */

bool mutate_add_projector(struct sketch *sketch, struct dice *dice);
bool mutate_remove_block(struct sketch *sketch, struct dice *dice);
bool mutate_repeat_block(struct sketch *sketch, struct dice *dice);
bool mutate_add_language(struct sketch *sketch, struct dice *dice);
bool mutate_add_stranger(struct sketch *sketch, struct dice *dice);
bool mutate_add_wrong_block(struct sketch *sketch, struct dice *dice);
bool mutate_add_unknown_statement(struct sketch *sketch, struct dice *dice);
bool mutate_break_assert(struct sketch *sketch, struct dice *dice);
bool mutate_lose_base(struct sketch *sketch, struct dice *dice);
bool mutate_import_nothing(struct sketch *sketch, struct dice *dice);

#endif
