#include "runtime/data/tokenizer.h"

#include "runtime/data/markers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Where tokens go, up to a limit. */
struct token_list {
    int32_t *ids;
    size_t count;
    size_t capacity;
};

struct mimo_tokenizer_kind {
    const char *name;
    bool has_words;
    void (*encode)(const struct mimo_tokenizer *tokenizer, const char *text, size_t length,
                   struct token_list *list);
};

static bool is_full(const struct token_list *list)
{
    return list->count == list->capacity;
}

static void put(struct token_list *list, uint32_t id)
{
    if (!is_full(list))
        list->ids[list->count++] = (int32_t)id;
}

static void encode_bytes(const struct mimo_tokenizer *tokenizer, const char *text, size_t length,
                         struct token_list *list)
{
    (void)tokenizer;
    for (size_t i = 0; i < length && !is_full(list); i++)
        put(list, (unsigned char)text[i]);
}

static void put_piece(const struct mimo_tokenizer *tokenizer, const struct mimo_piece *piece,
                      struct token_list *list)
{
    const struct mimo_word *word =
        piece->is_word ? mimo_vocabulary_find(&tokenizer->vocabulary, piece) : NULL;

    if (word != NULL) {
        put(list, word->id);
        return;
    }
    if (piece->has_space)
        put(list, ' ');
    for (size_t i = 0; i < piece->length && !is_full(list); i++)
        put(list, (unsigned char)mimo_lower(piece->text[i]));
}

static void encode_words(const struct mimo_tokenizer *tokenizer, const char *text, size_t length,
                         struct token_list *list)
{
    struct mimo_pieces pieces = mimo_pieces_of(text, length);
    struct mimo_piece piece;

    while (!is_full(list) && mimo_pieces_next(&pieces, &piece))
        put_piece(tokenizer, &piece, list);
}

static const struct mimo_tokenizer_kind KINDS[] = {
    {"bytes", false, encode_bytes},
    {"words", true, encode_words},
};

/* -- making ----------------------------------------------------------------------------------- */

enum mimo_status mimo_tokenizer_init(struct mimo_tokenizer *tokenizer, const struct mimo_plan *plan,
                                     struct mimo_error *err)
{
    const char *name = mimo_plan_text(plan, plan->data->tokenizer);

    *tokenizer = (struct mimo_tokenizer){0};
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
        if (strcmp(KINDS[i].name, name) == 0)
            tokenizer->kind = &KINDS[i];
    if (tokenizer->kind == NULL)
        return mimo_error_set(
            err, MIMO_E_WORLD,
            "this version reads the tokenizers \"bytes\" and \"words\"; the plan names \"%s\"",
            name);
    mimo_vocabulary_init(&tokenizer->vocabulary);
    return MIMO_OK;
}

void mimo_tokenizer_release(struct mimo_tokenizer *tokenizer)
{
    mimo_vocabulary_release(&tokenizer->vocabulary);
    *tokenizer = (struct mimo_tokenizer){0};
}

bool mimo_tokenizer_needs_training(const struct mimo_tokenizer *tokenizer)
{
    return tokenizer->kind->has_words;
}

static void count_turn(struct mimo_vocabulary *vocabulary, const struct mimo_plan *plan,
                       const struct mimo_turn *turn)
{
    const char *text = turn->text;
    size_t length = turn->length;

    while (length > 0) {
        const struct mimo_marker marker = mimo_marker_next(plan, text, length);
        mimo_vocabulary_count(vocabulary, text, marker.offset);
        text += marker.offset + marker.length;
        length -= marker.offset + marker.length;
    }
}

static void count_records(struct mimo_vocabulary *vocabulary, const struct mimo_plan *plan,
                          const struct mimo_records *records)
{
    for (size_t i = 0; i < records->count; i++)
        for (uint32_t turn = 0; turn < records->items[i].turn_count; turn++)
            count_turn(vocabulary, plan, &records->items[i].turns[turn]);
}

static void number_words(struct mimo_vocabulary *vocabulary, const struct mimo_plan *plan)
{
    uint32_t *reserved =
        MIMO_NEW_ARRAY(&vocabulary->arena, uint32_t, (size_t)plan->modality_count + 1);

    for (uint32_t i = 0; i < plan->modality_count; i++)
        reserved[i] = plan->modalities[i].special_token;
    mimo_vocabulary_number(vocabulary, MIMO_TOKEN_FIRST_WORD, reserved, plan->modality_count);
}

static enum mimo_status check_fit(const struct mimo_tokenizer *tokenizer,
                                  const struct mimo_plan *plan, struct mimo_error *err)
{
    const struct mimo_plan_module *language = &plan->modules[plan->meta->language_module];

    if (tokenizer->entries > language->vocab_size)
        return mimo_error_set(err, MIMO_E_DATA,
                              "the tokenizer \"%s\" has %" PRIu32
                              " entries, but the vocab_size of %s is %" PRIu32,
                              tokenizer->kind->name, tokenizer->entries,
                              mimo_plan_text(plan, language->name), language->vocab_size);
    for (uint32_t i = 0; i < plan->modality_count; i++)
        if (plan->modalities[i].special_token < MIMO_TOKEN_FIRST_WORD)
            return mimo_error_set(
                err, MIMO_E_DATA,
                "special_token %" PRIu32 " of %s is a text token of the tokenizer "
                "\"%s\"; choose one from %d on",
                plan->modalities[i].special_token, mimo_plan_text(plan, plan->modalities[i].name),
                tokenizer->kind->name, MIMO_TOKEN_FIRST_WORD);
    return MIMO_OK;
}

enum mimo_status mimo_tokenizer_train(struct mimo_tokenizer *tokenizer,
                                      const struct mimo_plan *plan,
                                      const struct mimo_records *training, struct mimo_error *err)
{
    if (tokenizer->kind->has_words)
        count_records(&tokenizer->vocabulary, plan, training);
    number_words(&tokenizer->vocabulary, plan);
    tokenizer->entries = tokenizer->vocabulary.id_end;
    return check_fit(tokenizer, plan, err);
}

/* -- using ------------------------------------------------------------------------------------ */

size_t mimo_tokenizer_encode(const struct mimo_tokenizer *tokenizer, const char *text,
                             size_t length, int32_t *ids, size_t capacity)
{
    struct token_list list = {.ids = ids, .capacity = capacity};

    tokenizer->kind->encode(tokenizer, text, length, &list);
    return list.count;
}

/* The bytes of a token: `*out_length` of them, none where it is no text. */
static const char *token_text(const struct mimo_tokenizer *tokenizer, int32_t id, char *byte,
                              size_t *out_length)
{
    const struct mimo_word *word =
        id < 0 ? NULL : mimo_vocabulary_word(&tokenizer->vocabulary, (uint32_t)id);

    if (word != NULL) {
        *out_length = word->length;
        return word->text;
    }
    *byte = (char)id;
    *out_length = id > 0 && id < MIMO_TOKEN_BEGIN;
    return byte;
}

char *mimo_tokenizer_decode(const struct mimo_tokenizer *tokenizer, const int32_t *ids,
                            size_t count)
{
    size_t size = 0, length;
    char byte, *text, *end;

    for (size_t i = 0; i < count; i++) {
        (void)token_text(tokenizer, ids[i], &byte, &length);
        size += length;
    }
    text = end = malloc(size + 1);
    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        const char *piece = token_text(tokenizer, ids[i], &byte, &length);
        memcpy(end, piece, length);
        end += length;
    }
    *end = '\0';
    if (tokenizer->kind->has_words && text[0] == ' ')
        memmove(text, text + 1, size);
    return text;
}
