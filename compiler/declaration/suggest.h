/*
 * suggest.h - help for a name that is not known: "did you mean ...".
 */
#ifndef MIMO_COMPILER_DECLARATION_SUGGEST_H
#define MIMO_COMPILER_DECLARATION_SUGGEST_H

#include "compiler/diagnostic/diagnostic.h"

/* Names that are valid in one position. Everything lives in the arena. */
struct mimo_candidates {
    struct mimo_arena *arena;
    const char **items;
    size_t count, capacity;
    size_t closed_count; /* the first ones are words of the language: nobody can add to them */
};

void mimo_candidates_add(struct mimo_candidates *candidates, const char *name);

/* Adds each word of a space-separated list. */
void mimo_candidates_add_list(struct mimo_candidates *candidates, const char *list);

enum { MIMO_SUGGESTIONS_MAX = 3 };

/*
 * Sets the help line: names that equal `word` but for case; else up to three at an optimal string
 * alignment distance of at most max(1, length / 3), nearest first; else up to three of which it is
 * a part between underscores; else, where there are at most eight, all of them; else nothing. Where
 * it is certain which name was meant, and the diagnostic stands at `word`, the fix is set too.
 */
void mimo_suggest(struct mimo_diagnostics *diagnostics, struct mimo_diagnostic *diagnostic,
                  const char *word, const struct mimo_candidates *candidates);

/*
 * The name that was certainly meant, or NULL: the only one that mimo_suggest() would ask for, and
 * either equal but for case, or with two neighbouring letters swapped, or, if it is a word of the
 * language, at distance 1. Words under four letters are near too much to be certain. A name that
 * the user made up needs more than distance 1: pod_a is not pod_b misspelt.
 */
const char *mimo_certain(const char *word, const struct mimo_candidates *candidates);

/* The names that mimo_suggest() would put into a question; returns how many. */
size_t mimo_closest(const char *word, const struct mimo_candidates *candidates,
                    const char *out_words[MIMO_SUGGESTIONS_MAX]);

/* Insertions, deletions, replacements and swaps of neighbours that lead from a to b, none of them
 * editing a place twice. Words longer than 64 bytes are far from everything (SIZE_MAX). */
size_t mimo_word_distance(const char *a, const char *b);

/* "a, b and c", or with "or" as the conjunction. */
const char *mimo_join_words(struct mimo_arena *arena, const char *const *words, size_t count,
                            const char *quote, const char *conjunction);

#endif
