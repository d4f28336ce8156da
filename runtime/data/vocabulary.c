#include "runtime/data/vocabulary.h"

#include "plan/error.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_FIRST = 1024 };

/* -- cutting text ----------------------------------------------------------------------------- */

static bool is_letter(char c)
{
    const unsigned char byte = (unsigned char)c;

    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z') || byte >= 0x80 || byte == '\'';
}

static bool is_punctuation(char c)
{
    return c > ' ' && c < 0x7f && !is_letter(c);
}

/* Length of the word that begins at `at`, without a space; 0: none does. */
static size_t word_length(const char *at, const char *end)
{
    const char *stop = at;

    while (stop < end && is_letter(*stop))
        stop++;
    if (stop == at && stop < end && is_punctuation(*stop))
        stop++;
    return (size_t)(stop - at);
}

struct mimo_pieces mimo_pieces_of(const char *text, size_t length)
{
    return (struct mimo_pieces){.at = text, .end = text + length, .is_first = length > 0};
}

bool mimo_pieces_next(struct mimo_pieces *pieces, struct mimo_piece *out_piece)
{
    struct mimo_piece piece = {.has_space = pieces->is_first};

    if (!pieces->is_first && pieces->at == pieces->end)
        return false;
    if (!pieces->is_first && *pieces->at == ' ') {
        piece.has_space = true;
        pieces->at++;
    }
    pieces->is_first = false;
    piece.text = pieces->at;
    piece.length = word_length(pieces->at, pieces->end);
    piece.is_word = piece.length > 0;
    if (!piece.is_word && !piece.has_space)
        piece.length = 1;
    pieces->at += piece.length;
    *out_piece = piece;
    return true;
}

/* -- the hash table --------------------------------------------------------------------------- */

/* FNV-1a, 64 bits, of the piece as a word: lower case, behind its space. */
static uint64_t piece_hash(const struct mimo_piece *piece)
{
    const uint64_t prime = 1099511628211u;
    uint64_t hash = 14695981039346656037u;

    if (piece->has_space)
        hash = (hash ^ ' ') * prime;
    for (size_t i = 0; i < piece->length; i++)
        hash = (hash ^ (unsigned char)mimo_lower(piece->text[i])) * prime;
    return hash;
}

static bool word_is(const struct mimo_word *word, const struct mimo_piece *piece)
{
    const size_t space = piece->has_space;

    if (word->length != piece->length + space || (word->text[0] == ' ') != piece->has_space)
        return false;
    for (size_t i = 0; i < piece->length; i++)
        if (word->text[space + i] != mimo_lower(piece->text[i]))
            return false;
    return true;
}

/* The slot of the word that the piece is, or the empty slot where it belongs. */
static size_t find_slot(const struct mimo_vocabulary *vocabulary, const struct mimo_piece *piece)
{
    const size_t mask = vocabulary->slot_count - 1;
    size_t slot = piece_hash(piece) & mask;

    while (vocabulary->slots[slot] != 0 &&
           !word_is(&vocabulary->words[vocabulary->slots[slot] - 1], piece))
        slot = (slot + 1) & mask;
    return slot;
}

static struct mimo_piece word_piece(const struct mimo_word *word)
{
    const bool has_space = word->text[0] == ' ';

    return (struct mimo_piece){.text = word->text + has_space,
                               .length = word->length - has_space,
                               .has_space = has_space,
                               .is_word = true};
}

/* Builds the table anew with `slot_count` slots, a power of 2. */
static void fill_slots(struct mimo_vocabulary *vocabulary, size_t slot_count)
{
    if (slot_count != vocabulary->slot_count)
        vocabulary->slots = MIMO_NEW_ARRAY(&vocabulary->arena, uint32_t, slot_count);
    else
        memset(vocabulary->slots, 0, slot_count * sizeof *vocabulary->slots);
    vocabulary->slot_count = slot_count;
    for (size_t i = 0; i < vocabulary->count; i++) {
        const struct mimo_piece piece = word_piece(&vocabulary->words[i]);
        vocabulary->slots[find_slot(vocabulary, &piece)] = (uint32_t)(i + 1);
    }
}

void mimo_vocabulary_init(struct mimo_vocabulary *vocabulary)
{
    *vocabulary = (struct mimo_vocabulary){0};
    mimo_arena_init(&vocabulary->arena);
    fill_slots(vocabulary, SLOTS_FIRST);
}

void mimo_vocabulary_release(struct mimo_vocabulary *vocabulary)
{
    mimo_arena_release(&vocabulary->arena);
    *vocabulary = (struct mimo_vocabulary){0};
}

/* -- counting and numbering ------------------------------------------------------------------- */

static void add_word(struct mimo_vocabulary *vocabulary, const struct mimo_piece *piece)
{
    const size_t space = piece->has_space;
    char *text = mimo_arena_alloc(&vocabulary->arena, piece->length + space + 1, 1);

    text[0] = ' ';
    for (size_t i = 0; i < piece->length; i++)
        text[space + i] = mimo_lower(piece->text[i]);
    MIMO_APPEND(&vocabulary->arena, vocabulary->words, vocabulary->count, vocabulary->capacity,
                ((struct mimo_word){.text = text,
                                    .length = piece->length + space,
                                    .count = 1,
                                    .first = vocabulary->count}));
    if (2 * vocabulary->count > vocabulary->slot_count)
        fill_slots(vocabulary, 2 * vocabulary->slot_count);
}

static void count_piece(struct mimo_vocabulary *vocabulary, const struct mimo_piece *piece)
{
    const size_t slot = find_slot(vocabulary, piece);

    if (vocabulary->slots[slot] != 0) {
        vocabulary->words[vocabulary->slots[slot] - 1].count++;
        return;
    }
    vocabulary->slots[slot] = (uint32_t)(vocabulary->count + 1);
    add_word(vocabulary, piece);
}

void mimo_vocabulary_count(struct mimo_vocabulary *vocabulary, const char *text, size_t length)
{
    struct mimo_pieces pieces = mimo_pieces_of(text, length);
    struct mimo_piece piece;

    while (mimo_pieces_next(&pieces, &piece))
        if (piece.is_word && piece.length + piece.has_space > 1)
            count_piece(vocabulary, &piece);
}

static int compare_words(const void *left, const void *right)
{
    const struct mimo_word *a = left, *b = right;

    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return a->first < b->first ? -1 : a->first > b->first;
}

static bool is_reserved(uint32_t id, const uint32_t *reserved, size_t reserved_count)
{
    for (size_t i = 0; i < reserved_count; i++)
        if (reserved[i] == id)
            return true;
    return false;
}

void mimo_vocabulary_number(struct mimo_vocabulary *vocabulary, uint32_t id_first,
                            const uint32_t *reserved, size_t reserved_count)
{
    uint32_t id = id_first;

    if (vocabulary->count > 0)
        qsort(vocabulary->words, vocabulary->count, sizeof *vocabulary->words, compare_words);
    fill_slots(vocabulary, vocabulary->slot_count);
    vocabulary->by_id = MIMO_NEW_ARRAY(&vocabulary->arena, const struct mimo_word *,
                                       vocabulary->count + reserved_count);
    for (size_t i = 0; i < vocabulary->count; i++, id++) {
        while (is_reserved(id, reserved, reserved_count))
            id++;
        vocabulary->words[i].id = id;
        vocabulary->by_id[id - id_first] = &vocabulary->words[i];
    }
    vocabulary->id_first = id_first;
    vocabulary->id_end = id;
}

const struct mimo_word *mimo_vocabulary_find(const struct mimo_vocabulary *vocabulary,
                                             const struct mimo_piece *piece)
{
    const uint32_t index = vocabulary->slots[find_slot(vocabulary, piece)];

    return index == 0 ? NULL : &vocabulary->words[index - 1];
}

const struct mimo_word *mimo_vocabulary_word(const struct mimo_vocabulary *vocabulary, uint32_t id)
{
    return id < vocabulary->id_first || id >= vocabulary->id_end
               ? NULL
               : vocabulary->by_id[id - vocabulary->id_first];
}
