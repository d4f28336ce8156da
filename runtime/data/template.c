#include "runtime/data/template.h"

#include "runtime/data/markers.h"

#include <string.h>

/* The tokens of a record whose first `turns` turns count. */
typedef void template_function(const struct mimo_template_context *context,
                               const struct mimo_record *record, uint32_t turns, bool has_targets,
                               struct mimo_sequence *sequence);

static void put_text(const struct mimo_template_context *context, const char *text, size_t length,
                     bool is_target, struct mimo_sequence *sequence)
{
    const size_t count = mimo_tokenizer_encode(context->tokenizer, text, length, context->scratch,
                                               mimo_sequence_room(sequence));

    for (size_t i = 0; i < count; i++)
        mimo_sequence_put(sequence, context->scratch[i], is_target);
}

static void put_images(const struct mimo_template_context *context, const struct mimo_turn *turn,
                       struct mimo_sequence *sequence)
{
    const char *text = turn->text;
    size_t length = turn->length;

    while (length > 0) {
        const struct mimo_marker marker = mimo_marker_next(context->plan, text, length);
        if (marker.modality != MIMO_NONE) {
            const struct mimo_plan_modality *modality = &context->plan->modalities[marker.modality];
            mimo_sequence_put_image(sequence, modality->special_token, modality->image_tokens);
        }
        text += marker.offset + marker.length;
        length -= marker.offset + marker.length;
    }
}

static bool is_space(char c)
{
    return c != '\0' && strchr(" \t\r\n\v\f", c) != NULL;
}

static void put_answer(const struct mimo_template_context *context, const struct mimo_turn *turn,
                       bool is_target, struct mimo_sequence *sequence)
{
    const char *text = turn->text;
    size_t length = turn->length;

    while (length > 0 && is_space(text[length - 1]))
        length--;
    while (length > 0 && is_space(*text)) {
        text++;
        length--;
    }
    put_text(context, text, length, is_target, sequence);
    mimo_sequence_put(sequence, MIMO_TOKEN_END, is_target);
}

static void apply_plain(const struct mimo_template_context *context,
                        const struct mimo_record *record, uint32_t turns, bool has_targets,
                        struct mimo_sequence *sequence)
{
    mimo_sequence_put(sequence, MIMO_TOKEN_BEGIN, false);
    for (uint32_t i = 0; i < turns; i++) {
        const struct mimo_turn *turn = &record->turns[i];
        if (turn->is_answer)
            put_answer(context, turn, has_targets, sequence);
        else if (record->image_count > 0)
            put_images(context, turn, sequence);
        else
            put_text(context, turn->text, turn->length, false, sequence);
    }
}

static template_function *const TEMPLATES[MIMO_TEMPLATE_COUNT] = {
    [MIMO_TEMPLATE_PLAIN] = apply_plain,
};

#define WORD(name, word) word,
static const char *const WORDS[MIMO_TEMPLATE_COUNT] = {MIMO_TEMPLATES(WORD)};

enum mimo_status mimo_template_check(const struct mimo_plan *plan, struct mimo_error *err)
{
    const uint32_t text_template = plan->data->text_template;

    MIMO_ASSERT(text_template < MIMO_TEMPLATE_COUNT);
    if (TEMPLATES[text_template] == NULL)
        return mimo_error_set(
            err, MIMO_E_WORLD,
            "this version carries out the template \"plain\"; the plan asks for \"%s\"",
            WORDS[text_template]);
    return MIMO_OK;
}

/* Turns up to the last human one. */
static uint32_t prompt_turns(const struct mimo_record *record)
{
    uint32_t turns = record->turn_count;

    while (turns > 0 && record->turns[turns - 1].is_answer)
        turns--;
    return turns;
}

void mimo_template_apply(const struct mimo_template_context *context,
                         const struct mimo_record *record, bool as_prompt,
                         struct mimo_sequence *sequence)
{
    const uint32_t turns = as_prompt ? prompt_turns(record) : record->turn_count;

    TEMPLATES[context->plan->data->text_template](context, record, turns, !as_prompt, sequence);
    mimo_sequence_end(sequence);
}
