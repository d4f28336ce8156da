#include "runtime/data/synthetic.h"

#include "runtime/data/counter.h"

#include <inttypes.h>
#include <string.h>

/* The generators of a record. */
enum { STREAM_SHAPE, STREAM_PLACE, STREAM_TEXT, STREAM_PIXELS };

static uint64_t stream(const struct mimo_synthetic *synthetic, uint64_t record, uint64_t number)
{
    const uint64_t key = mimo_counter_bits(synthetic->plan->training->seed, record);

    return mimo_counter_bits(key, number);
}

static uint64_t image_tokens(const struct mimo_synthetic *synthetic, uint32_t image_count)
{
    const struct mimo_plan *plan = synthetic->plan;
    uint64_t tokens = 0;

    for (uint32_t i = 0; i < image_count; i++)
        tokens += plan->modalities[synthetic->images[i].modality].image_tokens;
    return tokens;
}

/* -- making ----------------------------------------------------------------------------------- */

static void insert_special(struct mimo_synthetic *synthetic, uint32_t token)
{
    uint32_t at = 0;

    while (at < synthetic->special_count && synthetic->special_tokens[at] < token)
        at++;
    if (at < synthetic->special_count && synthetic->special_tokens[at] == token)
        return;
    memmove(&synthetic->special_tokens[at + 1], &synthetic->special_tokens[at],
            (synthetic->special_count - at) * sizeof *synthetic->special_tokens);
    synthetic->special_tokens[at] = token;
    synthetic->special_count++;
}

static void set_special_tokens(struct mimo_synthetic *synthetic, uint32_t vocab_size)
{
    const struct mimo_plan *plan = synthetic->plan;

    synthetic->special_tokens =
        MIMO_NEW_ARRAY(&synthetic->arena, uint32_t, (size_t)plan->modality_count + 1);
    for (uint32_t i = 0; i < plan->modality_count; i++)
        if (plan->modalities[i].special_token < vocab_size)
            insert_special(synthetic, plan->modalities[i].special_token);
    synthetic->text_tokens = vocab_size - synthetic->special_count;
}

/* A model without a modality has samples without images, whatever the data says. */
static uint32_t images_max(const struct mimo_plan *plan)
{
    return plan->modality_count > 0 ? plan->data->images_per_sample_max : 0;
}

/* Before any memory is taken: each image has at least one token. */
static enum mimo_status check_counts(const struct mimo_plan *plan, struct mimo_error *err)
{
    const uint32_t images = images_max(plan);

    if (images > plan->training->sequence_length)
        return mimo_error_set(err, MIMO_E_DATA,
                              "%" PRIu32 " images do not fit into sequence_length %" PRIu32, images,
                              plan->training->sequence_length);
    return MIMO_OK;
}

static enum mimo_status check_tokens(const struct mimo_synthetic *synthetic, struct mimo_error *err)
{
    const struct mimo_plan *plan = synthetic->plan;
    const uint32_t images = images_max(plan);
    const uint64_t tokens = image_tokens(synthetic, images);

    if (synthetic->text_tokens == 0)
        return mimo_error_set(err, MIMO_E_DATA, "every token of the vocabulary is a special token");
    if (tokens >= plan->training->sequence_length)
        return mimo_error_set(err, MIMO_E_DATA,
                              "%" PRIu32 " images take %" PRIu64
                              " tokens, which leaves no text in sequence_length %" PRIu32,
                              images, tokens, plan->training->sequence_length);
    return MIMO_OK;
}

enum mimo_status mimo_synthetic_init(struct mimo_synthetic *synthetic, const struct mimo_plan *plan,
                                     struct mimo_error *err)
{
    const uint32_t images = images_max(plan);
    enum mimo_status status;

    MIMO_TRY(check_counts(plan, err));
    *synthetic = (struct mimo_synthetic){.plan = plan};
    mimo_arena_init(&synthetic->arena);
    synthetic->images = MIMO_NEW_ARRAY(&synthetic->arena, struct mimo_image_ref, images);
    for (uint32_t i = 0; i < images; i++)
        synthetic->images[i].modality = i % plan->modality_count;
    set_special_tokens(synthetic, plan->modules[plan->meta->language_module].vocab_size);
    status = check_tokens(synthetic, err);
    if (status != MIMO_OK)
        mimo_synthetic_release(synthetic);
    return status;
}

void mimo_synthetic_release(struct mimo_synthetic *synthetic)
{
    mimo_arena_release(&synthetic->arena);
    *synthetic = (struct mimo_synthetic){0};
}

/* -- a record --------------------------------------------------------------------------------- */

uint32_t mimo_synthetic_images(const struct mimo_synthetic *synthetic, uint64_t record)
{
    const struct mimo_plan_data *data = synthetic->plan->data;
    const uint64_t bits = mimo_counter_bits(stream(synthetic, record, STREAM_SHAPE), 0);

    if (images_max(synthetic->plan) == 0)
        return 0;
    return data->images_per_sample_min +
           mimo_counter_below(bits, data->images_per_sample_max - data->images_per_sample_min + 1);
}

/* Between half of sequence_length and what fits beside the images, the last label included. */
static uint32_t text_length(const struct mimo_synthetic *synthetic, uint64_t record,
                            uint32_t image_count)
{
    const uint32_t limit = synthetic->plan->training->sequence_length;
    const uint32_t most = limit + 1 - (uint32_t)image_tokens(synthetic, image_count);
    const uint32_t least = limit / 2 + 2 < most ? limit / 2 + 2 : most;
    const uint64_t bits = mimo_counter_bits(stream(synthetic, record, STREAM_SHAPE), 1);

    return least + mimo_counter_below(bits, most - least + 1);
}

/* Before which text token an image stands: with even chances behind the image before it (the first
 * one: at the beginning), or anywhere later; never behind the text. */
static uint32_t next_place(uint64_t bits, uint32_t place, uint32_t length)
{
    return bits % 2 == 0 ? place : place + mimo_counter_below(bits, length - place);
}

/* Numbers the tokens that are not special from 0 and returns the one with this number. */
static uint32_t text_token(const struct mimo_synthetic *synthetic, uint32_t number)
{
    for (uint32_t i = 0; i < synthetic->special_count; i++)
        number += number >= synthetic->special_tokens[i];
    return number;
}

void mimo_synthetic_tokens(const struct mimo_synthetic *synthetic, uint64_t record,
                           struct mimo_sequence *sequence)
{
    const uint64_t place_key = stream(synthetic, record, STREAM_PLACE);
    const uint64_t text_key = stream(synthetic, record, STREAM_TEXT);
    const uint32_t image_count = mimo_synthetic_images(synthetic, record);
    const uint32_t length = text_length(synthetic, record, image_count);
    uint32_t image = 0, place = next_place(mimo_counter_bits(place_key, 0), 0, length);

    for (uint32_t i = 0; i < length; i++) {
        const uint64_t bits = mimo_counter_bits(text_key, i);
        for (; image < image_count && place == i; image++) {
            const struct mimo_plan_modality *modality =
                &synthetic->plan->modalities[synthetic->images[image].modality];
            mimo_sequence_put_image(sequence, modality->special_token, modality->image_tokens);
            place = next_place(mimo_counter_bits(place_key, image + 1), place, length);
        }
        mimo_sequence_put(
            sequence,
            (int32_t)text_token(synthetic, mimo_counter_below(bits, synthetic->text_tokens)), true);
    }
    mimo_sequence_end(sequence);
}

void mimo_synthetic_pixels(const struct mimo_synthetic *synthetic, uint64_t record, uint32_t image,
                           uint8_t *pixels, size_t size)
{
    const uint64_t key = mimo_counter_bits(stream(synthetic, record, STREAM_PIXELS), image);
    uint64_t bits = 0;

    for (size_t i = 0; i < size; i++, bits >>= 8) {
        if (i % 8 == 0)
            bits = mimo_counter_bits(key, i / 8);
        pixels[i] = (uint8_t)bits;
    }
}
