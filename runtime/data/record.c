#include "runtime/data/record.h"

#include "runtime/data/markers.h"

#include <inttypes.h>
#include <string.h>

struct reader {
    struct mimo_arena *arena;
    const struct mimo_plan *plan;
    struct mimo_turn *turns;
    struct mimo_image_ref *images;
    struct mimo_record record;
};

/* The first fault wins, as with errors. */
#define FAULT(reader, ...)                                                                         \
    do {                                                                                           \
        if ((reader)->record.fault == NULL)                                                        \
            (reader)->record.fault = mimo_arena_printf((reader)->arena, __VA_ARGS__);              \
    } while (0)

static void read_id(struct reader *reader, const json_t *id)
{
    reader->record.id = "";
    if (json_is_string(id))
        reader->record.id =
            mimo_arena_copy(reader->arena, json_string_value(id), json_string_length(id));
    else if (json_is_integer(id))
        reader->record.id =
            mimo_arena_printf(reader->arena, "%" JSON_INTEGER_FORMAT, json_integer_value(id));
}

/* -- turns ------------------------------------------------------------------------------------ */

static bool read_turn(struct reader *reader, struct mimo_turn *turn, const json_t *json,
                      size_t index)
{
    const char *from = json_string_value(json_object_get(json, "from"));
    const json_t *value = json_object_get(json, "value");

    if (from == NULL || (strcmp(from, "human") != 0 && strcmp(from, "gpt") != 0)) {
        FAULT(reader, "conversations[%zu] is from neither \"human\" nor \"gpt\"", index);
        return false;
    }
    if (!json_is_string(value)) {
        FAULT(reader, "the \"value\" of conversations[%zu] is not text", index);
        return false;
    }
    turn->length = json_string_length(value);
    turn->text = mimo_arena_copy(reader->arena, json_string_value(value), turn->length);
    turn->is_answer = strcmp(from, "gpt") == 0;
    return true;
}

static void read_turns(struct reader *reader, const json_t *list)
{
    const size_t count = json_array_size(list);

    if (count == 0 || count > UINT32_MAX) {
        FAULT(reader, "it has no conversation");
        return;
    }
    reader->turns = MIMO_NEW_ARRAY(reader->arena, struct mimo_turn, count);
    for (size_t i = 0; i < count; i++) {
        if (!read_turn(reader, &reader->turns[i], json_array_get(list, i), i))
            return;
        reader->record.turn_count++;
    }
}

/* -- images ----------------------------------------------------------------------------------- */

/* Room for `count` images, or a fault and NULL. */
static struct mimo_image_ref *images_new(struct reader *reader, size_t count)
{
    const uint32_t count_max = reader->plan->data->max_images_per_sample;

    if (count > count_max) {
        FAULT(reader, "it has %zu images; max_images_per_sample is %" PRIu32, count, count_max);
        return NULL;
    }
    reader->images = MIMO_NEW_ARRAY(reader->arena, struct mimo_image_ref, count);
    reader->record.image_count = (uint32_t)count;
    return reader->images;
}

static void set_image(struct reader *reader, struct mimo_image_ref *image, const char *path)
{
    image->modality = MIMO_NONE;
    if (path == NULL || path[0] == '\0')
        FAULT(reader, "an image of it is not the name of a file");
    else
        image->path = mimo_arena_copy(reader->arena, path, strlen(path));
}

static void read_images(struct reader *reader, const json_t *json)
{
    const bool is_list = json_is_array(json);
    const size_t count = is_list ? json_array_size(json) : 1;
    struct mimo_image_ref *images;

    if (json == NULL || json_is_null(json))
        return;
    if (reader->images != NULL)
        FAULT(reader, "it has both \"image\" and \"images\"");
    images = images_new(reader, count);
    for (size_t i = 0; images != NULL && i < count; i++)
        set_image(reader, &images[i], json_string_value(is_list ? json_array_get(json, i) : json));
}

/* Gives each image the modality of its marker; more markers than images only count. */
static uint64_t match_markers(struct reader *reader, const struct mimo_turn *turn, uint64_t markers)
{
    const char *text = turn->text;
    size_t length = turn->is_answer ? 0 : turn->length;

    while (length > 0) {
        const struct mimo_marker marker = mimo_marker_next(reader->plan, text, length);
        if (marker.modality != MIMO_NONE && markers < reader->record.image_count)
            reader->images[markers].modality = marker.modality;
        markers += marker.modality != MIMO_NONE;
        text += marker.offset + marker.length;
        length -= marker.offset + marker.length;
    }
    return markers;
}

static uint64_t match_all_markers(struct reader *reader)
{
    uint64_t markers = 0;

    for (uint32_t i = 0; i < reader->record.turn_count; i++)
        markers = match_markers(reader, &reader->turns[i], markers);
    return markers;
}

static void check_markers(struct reader *reader)
{
    const uint32_t images = reader->record.image_count;
    const uint64_t markers = match_all_markers(reader);

    if (markers != images)
        FAULT(reader, "it has %" PRIu32 " image%s, but %" PRIu64 " marker%s in its text", images,
              images == 1 ? "" : "s", markers, markers == 1 ? "" : "s");
}

/* -- prompts ---------------------------------------------------------------------------------- */

/* `text` behind one marker for each image that it has none for. */
static char *with_markers(struct reader *reader, const char *text, uint64_t missing)
{
    const struct mimo_plan_string marker = reader->plan->modalities[0].marker;
    const size_t size = strlen(text) + 1;
    char *marked = mimo_arena_alloc(reader->arena, missing * marker.length + size, 1);

    for (uint64_t i = 0; i < missing; i++)
        memcpy(marked + i * marker.length, mimo_plan_text(reader->plan, marker), marker.length);
    memcpy(marked + missing * marker.length, text, size);
    return marked;
}

static void set_prompt(struct reader *reader, const char *text)
{
    uint64_t markers;

    reader->turns = MIMO_NEW(reader->arena, struct mimo_turn);
    reader->record.turn_count = 1;
    reader->turns->length = strlen(text);
    reader->turns->text = mimo_arena_copy(reader->arena, text, reader->turns->length);
    markers = match_all_markers(reader);
    if (markers >= reader->record.image_count)
        return;
    if (reader->plan->modality_count != 1) {
        FAULT(reader, "its text does not say with a marker where each image goes");
        return;
    }
    reader->turns->text = with_markers(reader, text, reader->record.image_count - markers);
    reader->turns->length = strlen(reader->turns->text);
}

/* -- the record ------------------------------------------------------------------------------- */

static struct mimo_record finish(struct reader *reader)
{
    if (reader->record.fault == NULL)
        check_markers(reader);
    reader->record.turns = reader->turns;
    reader->record.images = reader->images;
    return reader->record;
}

struct mimo_record mimo_record_read(struct mimo_arena *arena, const struct mimo_plan *plan,
                                    const json_t *json, bool is_prompt)
{
    struct reader reader = {.arena = arena, .plan = plan, .record.is_prompt = is_prompt};
    const char *prompt = json_string_value(json_object_get(json, "prompt"));

    read_id(&reader, json_object_get(json, "id"));
    read_images(&reader, json_object_get(json, "image"));
    read_images(&reader, json_object_get(json, "images"));
    if (is_prompt && prompt != NULL)
        set_prompt(&reader, prompt);
    else
        read_turns(&reader, json_object_get(json, "conversations"));
    return finish(&reader);
}

struct mimo_record mimo_record_prompt(struct mimo_arena *arena, const struct mimo_plan *plan,
                                      const char *text, const char *const *images,
                                      uint32_t image_count)
{
    struct reader reader = {.arena = arena,
                            .plan = plan,
                            .record = {.id = "", .is_prompt = true, .is_outside_media = true}};
    struct mimo_image_ref *refs = images_new(&reader, image_count);

    for (uint32_t i = 0; refs != NULL && i < image_count; i++)
        set_image(&reader, &refs[i], images[i]);
    set_prompt(&reader, text);
    return finish(&reader);
}
