#include "examples/emoji/captions.h"

#include "plan/file.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX (64u << 20)
#define WHITE_SPACE    " \t\r\n\v\f"
#define SUBSTITUTE     '\x1a'

/* A copy without surrounding white space. JSON allows NUL in a text; as a C string would end
 * there, and "dog\0x" then pass for "dog", the character SUBSTITUTE takes its place. */
static const char *text_copy(struct mimo_arena *arena, const json_t *json)
{
    char *text = mimo_arena_copy(arena, json_string_value(json), json_string_length(json));
    size_t length = json_string_length(json);

    for (char *nul = memchr(text, '\0', length); nul != NULL; nul = memchr(text, '\0', length))
        *nul = SUBSTITUTE;
    while (length > 0 && strchr(WHITE_SPACE, text[length - 1]) != NULL)
        text[--length] = '\0';
    return text + strspn(text, WHITE_SPACE);
}

/* The assistant's last turn is the caption. */
static const json_t *caption_find(const json_t *record)
{
    const json_t *turns = json_object_get(record, "conversations");
    const json_t *found = NULL;

    for (size_t i = 0; i < json_array_size(turns); i++) {
        const json_t *turn = json_array_get(turns, i);
        const char *from = json_string_value(json_object_get(turn, "from"));
        if (from != NULL && strcmp(from, "gpt") == 0)
            found = json_object_get(turn, "value");
    }
    return found;
}

static enum mimo_status record_read(struct mimo_arena *arena, const json_t *record,
                                    struct mimo_caption_list *list, struct mimo_error *err)
{
    const json_t *id = json_object_get(record, "id");
    const json_t *image = json_object_get(record, "image");
    const json_t *truth = caption_find(record);
    struct mimo_caption caption = {0};

    if (!json_is_string(id) || !json_is_string(image) || !json_is_string(truth))
        return mimo_error_set(err, MIMO_E_DATA,
                              "record %zu lacks an id, an image or an answer of \"gpt\"",
                              list->count);
    caption.id = text_copy(arena, id);
    caption.image = text_copy(arena, image);
    caption.truth = text_copy(arena, truth);
    MIMO_APPEND(arena, list->items, list->count, list->capacity, caption);
    return MIMO_OK;
}

static enum mimo_status truth_parse(struct mimo_arena *arena, const json_t *records,
                                    struct mimo_caption_list *list, struct mimo_error *err)
{
    if (!json_is_array(records))
        return mimo_error_set(err, MIMO_E_DATA, "a JSON array of records is needed");
    for (size_t i = 0; i < json_array_size(records); i++)
        MIMO_TRY(record_read(arena, json_array_get(records, i), list, err));
    return MIMO_OK;
}

static enum mimo_status truth_read(struct mimo_arena *arena, const char *path,
                                   struct mimo_caption_list *list, struct mimo_error *err)
{
    struct mimo_error cause = {0};
    json_error_t place = {0};
    char *text = NULL;
    size_t size = 0;
    json_t *records;
    enum mimo_status status;

    MIMO_TRY(mimo_file_read(path, FILE_BYTES_MAX, &text, &size, err));
    records = json_loadb(text, size, JSON_ALLOW_NUL, &place);
    free(text);
    if (records == NULL)
        return mimo_error_set(err, MIMO_E_DATA, "%s:%d:%d: %s", path, place.line, place.column,
                              place.text);
    status = truth_parse(arena, records, list, &cause);
    json_decref(records);
    if (status != MIMO_OK)
        return mimo_error_set(err, status, "%s: %s", path, cause.message);
    return MIMO_OK;
}

/* The record that an answer names: by id where it has one, else by number. */
static struct mimo_caption *answered_find(const struct mimo_caption_list *list,
                                          const json_t *answer)
{
    const char *id = json_string_value(json_object_get(answer, "id"));
    const json_t *number = json_object_get(answer, "record");
    const json_int_t index = json_integer_value(number);

    for (size_t i = 0; id != NULL && i < list->count; i++)
        if (strcmp(list->items[i].id, id) == 0)
            return &list->items[i];
    if (id != NULL || !json_is_integer(number) || index < 0 || (size_t)index >= list->count)
        return NULL;
    return &list->items[index];
}

static enum mimo_status answer_parse(struct mimo_arena *arena, const json_t *answer,
                                     struct mimo_caption_list *list, struct mimo_error *err)
{
    const json_t *text = json_object_get(answer, "answer");
    struct mimo_caption *caption = answered_find(list, answer);

    if (!json_is_string(text))
        return mimo_error_set(err, MIMO_E_DATA, "not a JSON object with an \"answer\"");
    if (caption == NULL)
        return mimo_error_set(err, MIMO_E_DATA, "this answers no record of the test");
    if (caption->answer != NULL)
        return mimo_error_set(err, MIMO_E_DATA, "record %s is answered twice", caption->id);
    caption->answer = text_copy(arena, text);
    caption->is_right = strcmp(caption->answer, caption->truth) == 0;
    list->right_count += caption->is_right;
    return MIMO_OK;
}

static enum mimo_status answer_line_read(struct mimo_arena *arena, const char *line, size_t length,
                                         struct mimo_caption_list *list, struct mimo_error *err)
{
    json_error_t place = {0};
    json_t *answer = json_loadb(line, length, JSON_ALLOW_NUL, &place);
    enum mimo_status status;

    if (answer == NULL)
        return mimo_error_set(err, MIMO_E_DATA, "%s", place.text);
    status = answer_parse(arena, answer, list, err);
    json_decref(answer);
    return status;
}

static bool is_blank_line(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (line[i] == '\0' || strchr(WHITE_SPACE, line[i]) == NULL)
            return false;
    return true;
}

static enum mimo_status answers_parse(struct mimo_arena *arena, const char *path, const char *text,
                                      size_t size, struct mimo_caption_list *list,
                                      struct mimo_error *err)
{
    const char *end = text + size;
    size_t number = 1;

    for (const char *line = text; line < end; number++) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *line_end = newline != NULL ? newline : end;
        const size_t length = (size_t)(line_end - line);
        struct mimo_error cause = {0};
        if (!is_blank_line(line, length) &&
            answer_line_read(arena, line, length, list, &cause) != MIMO_OK)
            return mimo_error_set(err, MIMO_E_DATA, "%s:%zu: %s", path, number, cause.message);
        line = newline != NULL ? newline + 1 : end;
    }
    return MIMO_OK;
}

enum mimo_status mimo_caption_list_read(struct mimo_arena *arena, const char *truth_path,
                                        const char *answers_path,
                                        struct mimo_caption_list *out_list, struct mimo_error *err)
{
    struct mimo_caption_list list = {0};
    char *text = NULL;
    size_t size = 0;
    enum mimo_status status;

    MIMO_TRY(truth_read(arena, truth_path, &list, err));
    MIMO_TRY(mimo_file_read(answers_path, FILE_BYTES_MAX, &text, &size, err));
    status = answers_parse(arena, answers_path, text, size, &list, err);
    free(text);
    if (status == MIMO_OK)
        *out_list = list;
    return status;
}
