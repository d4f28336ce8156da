#include "runtime/data/dataset.h"

#include "runtime/data/image.h"
#include "runtime/data/records.h"
#include "runtime/data/resize.h"
#include "runtime/data/shuffle.h"
#include "runtime/data/synthetic.h"
#include "runtime/data/template.h"
#include "runtime/data/tokenizer.h"
#include "runtime/data/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct mimo_dataset {
    const struct mimo_plan *plan;
    struct mimo_arena arena;
    const char *root;  /* "" for the current folder */
    const char *media; /* where the records' images lie */
    bool is_synthetic;
    struct mimo_synthetic synthetic; /* this, or the next two */
    struct mimo_records records;
    struct mimo_tokenizer tokenizer;
    struct mimo_tokens tokens; /* for records that are only checked */
    int32_t *scratch;          /* sequence_length + 1 tokens */
};

/* folder/path, or `path` where it is absolute or the folder empty. */
static const char *join(struct mimo_arena *arena, const char *folder, const char *path)
{
    if (path[0] == '/' || folder[0] == '\0')
        return mimo_arena_copy(arena, path, strlen(path));
    return mimo_arena_printf(arena, "%s/%s", folder, path);
}

/* -- opening ---------------------------------------------------------------------------------- */

/* NULL where memory is short. */
static struct mimo_dataset *dataset_new(const struct mimo_plan *plan, const char *root)
{
    const size_t length = plan->training->sequence_length;
    struct mimo_dataset *dataset = calloc(1, sizeof *dataset);

    if (dataset == NULL)
        return NULL;
    dataset->plan = plan;
    dataset->root = join(&dataset->arena, "", root == NULL ? "" : root);
    dataset->media = join(&dataset->arena, dataset->root, mimo_plan_text(plan, plan->data->media));
    dataset->tokens.ids = calloc(length, sizeof(int32_t));
    dataset->tokens.labels = calloc(length, sizeof(int32_t));
    dataset->scratch = calloc(length + 1, sizeof(int32_t));
    if (dataset->tokens.ids != NULL && dataset->tokens.labels != NULL && dataset->scratch != NULL)
        return dataset;
    mimo_dataset_close(dataset);
    return NULL;
}

void mimo_dataset_close(struct mimo_dataset *dataset)
{
    if (dataset == NULL)
        return;
    mimo_synthetic_release(&dataset->synthetic);
    mimo_records_release(&dataset->records);
    mimo_tokenizer_release(&dataset->tokenizer);
    free(dataset->tokens.ids);
    free(dataset->tokens.labels);
    free(dataset->scratch);
    mimo_arena_release(&dataset->arena);
    free(dataset);
}

static enum mimo_status read_records(struct mimo_dataset *dataset, const char *path, bool is_prompt,
                                     struct mimo_records *records, struct mimo_error *err)
{
    const char *file = join(&dataset->arena, dataset->root, path);

    mimo_records_init(records, dataset->plan, file);
    MIMO_TRY(mimo_records_read(records, file, is_prompt, err));
    if (records->count == 0)
        return mimo_error_set(err, MIMO_E_DATA, "%s: no records", file);
    return MIMO_OK;
}

/* Completes the tokenizer; `training` is NULL where the data set has other records. */
static enum mimo_status train_tokenizer(struct mimo_dataset *dataset,
                                        const struct mimo_records *training, struct mimo_error *err)
{
    const char *path = mimo_plan_text(dataset->plan, dataset->plan->data->train);
    struct mimo_records records = {0};
    enum mimo_status status;

    if (training != NULL || !mimo_tokenizer_needs_training(&dataset->tokenizer))
        return mimo_tokenizer_train(&dataset->tokenizer, dataset->plan, training, err);
    status = read_records(dataset, path, false, &records, err);
    if (status == MIMO_OK)
        status = mimo_tokenizer_train(&dataset->tokenizer, dataset->plan, &records, err);
    mimo_records_release(&records);
    return status;
}

static enum mimo_status check_channels(const struct mimo_plan *plan, struct mimo_error *err)
{
    for (uint32_t i = 0; i < plan->module_count; i++) {
        const struct mimo_plan_module *module = &plan->modules[i];
        if (module->kind == MIMO_MODULE_KIND_ENCODER && module->channels != 1 &&
            module->channels != 3)
            return mimo_error_set(
                err, MIMO_E_WORLD,
                "this version reads image files with 1 or 3 channels; %s wants %" PRIu32,
                mimo_plan_text(plan, module->name), module->channels);
    }
    return MIMO_OK;
}

/* Opens `path` (NULL: no file). */
static enum mimo_status open_records(struct mimo_dataset *dataset, const char *path,
                                     bool is_training, bool is_prompt, struct mimo_error *err)
{
    if (dataset->plan->data->tokenizer.length == 0)
        return mimo_error_set(err, MIMO_E_DATA,
                              "the plan names no tokenizer, so text cannot be read");
    MIMO_TRY(check_channels(dataset->plan, err));
    MIMO_TRY(mimo_template_check(dataset->plan, err));
    MIMO_TRY(mimo_tokenizer_init(&dataset->tokenizer, dataset->plan, err));
    if (path == NULL)
        mimo_records_init(&dataset->records, dataset->plan, "prompt");
    else
        MIMO_TRY(read_records(dataset, path, is_prompt, &dataset->records, err));
    return train_tokenizer(dataset, is_training ? &dataset->records : NULL, err);
}

enum mimo_status mimo_dataset_open(struct mimo_dataset **out_dataset, const struct mimo_plan *plan,
                                   const char *root, const char *path, struct mimo_error *err)
{
    const bool is_training = path == NULL;
    struct mimo_dataset *dataset = dataset_new(plan, root);
    enum mimo_status status;

    if (dataset == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "out of memory");
    dataset->is_synthetic = is_training && plan->data->format == MIMO_DATA_FORMAT_SYNTHETIC;
    if (dataset->is_synthetic)
        status = mimo_synthetic_init(&dataset->synthetic, plan, err);
    else
        status = open_records(dataset, is_training ? mimo_plan_text(plan, plan->data->train) : path,
                              is_training, false, err);
    if (status == MIMO_OK)
        *out_dataset = dataset;
    else
        mimo_dataset_close(dataset);
    return status;
}

enum mimo_status mimo_dataset_open_prompts(struct mimo_dataset **out_dataset,
                                           const struct mimo_plan *plan, const char *root,
                                           const char *path, struct mimo_error *err)
{
    struct mimo_dataset *dataset = dataset_new(plan, root);
    enum mimo_status status;

    if (dataset == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "out of memory");
    status = open_records(dataset, path, false, true, err);
    if (status == MIMO_OK)
        *out_dataset = dataset;
    else
        mimo_dataset_close(dataset);
    return status;
}

/* -- records ---------------------------------------------------------------------------------- */

uint64_t mimo_dataset_count(const struct mimo_dataset *dataset)
{
    return dataset->is_synthetic ? UINT64_MAX : dataset->records.count;
}

uint64_t mimo_dataset_at(const struct mimo_dataset *dataset, uint64_t step, uint32_t position)
{
    const struct mimo_plan_training *training = dataset->plan->training;
    const uint64_t sample = step * training->global_batch + position;
    const uint64_t count = mimo_dataset_count(dataset);

    MIMO_ASSERT(count > 0);
    if (dataset->is_synthetic)
        return sample;
    if (!dataset->plan->data->shuffle)
        return sample % count;
    return mimo_shuffle_at(training->seed, sample / count, sample % count, count);
}

static const struct mimo_record *record_at(const struct mimo_dataset *dataset, uint64_t record)
{
    MIMO_ASSERT(record < dataset->records.count);
    return &dataset->records.items[record];
}

static enum mimo_status build_sequence(struct mimo_dataset *dataset, const struct mimo_record *item,
                                       bool as_prompt, struct mimo_tokens *tokens,
                                       struct mimo_error *err)
{
    const struct mimo_template_context context = {
        .plan = dataset->plan, .tokenizer = &dataset->tokenizer, .scratch = dataset->scratch};
    const uint32_t limit = dataset->plan->training->sequence_length;
    struct mimo_sequence sequence;

    if (item->fault != NULL)
        return mimo_error_set(err, MIMO_E_DATA, "%s", item->fault);
    mimo_sequence_begin(&sequence, tokens, limit);
    mimo_template_apply(&context, item, as_prompt, &sequence);
    if (sequence.image_end > tokens->length)
        return mimo_error_set(err, MIMO_E_DATA,
                              "its images do not fit into sequence_length %" PRIu32, limit);
    if (!as_prompt && tokens->targets == 0)
        return mimo_error_set(err, MIMO_E_DATA, "it has no answer within sequence_length %" PRIu32,
                              limit);
    return MIMO_OK;
}

static enum mimo_status build(struct mimo_dataset *dataset, uint64_t record, bool as_prompt,
                              struct mimo_tokens *tokens, struct mimo_error *err)
{
    struct mimo_error cause = {0};

    if (build_sequence(dataset, record_at(dataset, record), as_prompt, tokens, &cause) == MIMO_OK)
        return MIMO_OK;
    return mimo_records_error(&dataset->records, record, cause.message, err);
}

enum mimo_status mimo_dataset_images(struct mimo_dataset *dataset, uint64_t record,
                                     const struct mimo_image_ref **out_refs, uint32_t *out_count,
                                     struct mimo_error *err)
{
    const struct mimo_record *item;

    if (dataset->is_synthetic) {
        *out_refs = dataset->synthetic.images;
        *out_count = mimo_synthetic_images(&dataset->synthetic, record);
        return MIMO_OK;
    }
    item = record_at(dataset, record);
    MIMO_TRY(build(dataset, record, item->is_prompt, &dataset->tokens, err));
    *out_refs = item->images;
    *out_count = item->image_count;
    return MIMO_OK;
}

enum mimo_status mimo_dataset_tokens(struct mimo_dataset *dataset, uint64_t record,
                                     struct mimo_tokens *tokens, struct mimo_error *err)
{
    struct mimo_sequence sequence;

    if (!dataset->is_synthetic)
        return build(dataset, record, false, tokens, err);
    mimo_sequence_begin(&sequence, tokens, dataset->plan->training->sequence_length);
    mimo_synthetic_tokens(&dataset->synthetic, record, &sequence);
    return MIMO_OK;
}

enum mimo_status mimo_dataset_prompt(struct mimo_dataset *dataset, uint64_t record,
                                     struct mimo_tokens *tokens, struct mimo_error *err)
{
    if (dataset->is_synthetic)
        return mimo_error_set(err, MIMO_E_DATA, "synthetic data has no prompts");
    return build(dataset, record, true, tokens, err);
}

const char *mimo_dataset_id(struct mimo_dataset *dataset, uint64_t record)
{
    return dataset->is_synthetic ? "" : record_at(dataset, record)->id;
}

/* -- pixels ----------------------------------------------------------------------------------- */

static enum mimo_status read_pixels(const char *file, uint32_t size, uint32_t channels,
                                    uint8_t *pixels, struct mimo_error *err)
{
    struct mimo_image image;
    enum mimo_status status;

    MIMO_TRY(mimo_image_read(file, channels, &image, err));
    status = mimo_image_resize(&image, size, pixels, err);
    mimo_image_release(&image);
    return status;
}

enum mimo_status mimo_dataset_pixels(struct mimo_dataset *dataset, uint64_t record, uint32_t image,
                                     uint32_t image_size, uint32_t channels, uint8_t *pixels,
                                     struct mimo_error *err)
{
    const struct mimo_record *item;
    struct mimo_arena arena = {0};
    struct mimo_error cause = {0};

    if (dataset->is_synthetic) {
        mimo_synthetic_pixels(&dataset->synthetic, record, image, pixels,
                              (size_t)image_size * image_size * channels);
        return MIMO_OK;
    }
    item = record_at(dataset, record);
    MIMO_ASSERT(image < item->image_count);
    (void)read_pixels(
        join(&arena, item->is_outside_media ? "" : dataset->media, item->images[image].path),
        image_size, channels, pixels, &cause);
    mimo_arena_release(&arena);
    return cause.status == MIMO_OK
               ? MIMO_OK
               : mimo_records_error(&dataset->records, record, cause.message, err);
}

/* -- prompts ---------------------------------------------------------------------------------- */

/* The first of the places where an image of the command line may be. */
static const char *find_image(struct mimo_dataset *dataset, const char *path)
{
    const char *folders[] = {"", dataset->root, dataset->media};

    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        const char *file = join(&dataset->arena, folders[i], path);
        if (access(file, R_OK) == 0)
            return file;
    }
    return path;
}

enum mimo_status mimo_dataset_add_prompt(struct mimo_dataset *dataset, const char *text,
                                         const char *const *images, uint32_t image_count,
                                         uint64_t *out_record, struct mimo_error *err)
{
    struct mimo_records *records = &dataset->records;
    const char **paths;
    enum mimo_status status;

    if (dataset->is_synthetic)
        return mimo_error_set(err, MIMO_E_DATA, "synthetic data takes no prompts");
    paths = MIMO_NEW_ARRAY(&records->arena, const char *, image_count);
    for (uint32_t i = 0; i < image_count; i++)
        paths[i] = find_image(dataset, images[i]);
    mimo_records_append(
        records, mimo_record_prompt(&records->arena, dataset->plan, text, paths, image_count));
    status = build(dataset, records->count - 1, true, &dataset->tokens, err);
    if (status == MIMO_OK)
        *out_record = records->count - 1;
    else
        records->count--;
    return status;
}

/* -- tokens and text -------------------------------------------------------------------------- */

int32_t mimo_dataset_end_token(const struct mimo_dataset *dataset)
{
    return dataset->is_synthetic ? -1 : MIMO_TOKEN_END;
}

char *mimo_dataset_text(const struct mimo_dataset *dataset, const int32_t *ids, size_t count)
{
    char *text, *repaired;

    if (dataset->is_synthetic)
        return calloc(1, 1);
    text = mimo_tokenizer_decode(&dataset->tokenizer, ids, count);
    repaired = text != NULL ? mimo_utf8_repair(text) : NULL;
    free(text);
    return repaired;
}
