/*
 * vocabulary.h - the words of a training file, numbered.
 *
 * Text is cut into pieces: an optional single space and then a run of letters, digits, apostrophes
 * and bytes from 0x80 (so that UTF-8 stays whole), or an optional single space and one ASCII
 * punctuation mark. One space is thought before the text, so that its first word is the same piece
 * as elsewhere. All else is pieces of one byte that are no words. ASCII letters count as lower
 * case.
 */
#ifndef MIMO_RUNTIME_DATA_VOCABULARY_H
#define MIMO_RUNTIME_DATA_VOCABULARY_H

#include "plan/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mimo_piece {
    const char *text; /* without the space */
    size_t length;
    bool has_space; /* a space stands before it */
    bool is_word;
};

/* What is left of a text that is being cut. */
struct mimo_pieces {
    const char *at;
    const char *end;
    bool is_first;
};

struct mimo_pieces mimo_pieces_of(const char *text, size_t length);

/* The next piece; false at the end. */
bool mimo_pieces_next(struct mimo_pieces *pieces, struct mimo_piece *out_piece);

struct mimo_word {
    const char *text; /* lower case, with the space where it has one */
    size_t length;
    uint64_t count; /* how often it was counted */
    size_t first;   /* how many distinct words were counted before it */
    uint32_t id;    /* of mimo_vocabulary_number */
};

struct mimo_vocabulary {
    struct mimo_arena arena;
    struct mimo_word *words;
    size_t count;
    size_t capacity;
    uint32_t *slots; /* hash table with linear probing: index of a word + 1, 0: empty */
    size_t slot_count;
    const struct mimo_word **by_id; /* [id_end - id_first], NULL for an id that is no word */
    uint32_t id_first;
    uint32_t id_end;
};

void mimo_vocabulary_init(struct mimo_vocabulary *vocabulary);
void mimo_vocabulary_release(struct mimo_vocabulary *vocabulary);

/* Counts the words of a text. A word of one byte is left out: the byte is as short. */
void mimo_vocabulary_count(struct mimo_vocabulary *vocabulary, const char *text, size_t length);

/* Numbers the words from `id_first`, the most frequent first, equally frequent ones in the order of
 * their first appearance; the ids in `reserved` are passed over. Counting is over then. */
void mimo_vocabulary_number(struct mimo_vocabulary *vocabulary, uint32_t id_first,
                            const uint32_t *reserved, size_t reserved_count);

/* The word that a piece is, or NULL. */
const struct mimo_word *mimo_vocabulary_find(const struct mimo_vocabulary *vocabulary,
                                             const struct mimo_piece *piece);

/* The word with this id, or NULL. */
const struct mimo_word *mimo_vocabulary_word(const struct mimo_vocabulary *vocabulary, uint32_t id);

/* ASCII lower case, whatever the locale. */
static inline char mimo_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

#endif
