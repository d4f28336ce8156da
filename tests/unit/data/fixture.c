#include "tests/unit/data/fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct mimo_plan_string fixture_text(struct fixture *fixture, const char *text)
{
    const uint32_t length = (uint32_t)strlen(text);
    const struct mimo_plan_string string = {fixture->plan.string_bytes, length};

    MIMO_ASSERT(fixture->plan.string_bytes + length + 1 <= sizeof fixture->strings);
    memcpy(fixture->strings + string.offset, text, length + 1);
    fixture->plan.string_bytes += length + 1;
    return string;
}

static void set_model(struct fixture *fixture)
{
    fixture->modalities[0] = (struct mimo_plan_modality){.name = fixture_text(fixture, "images"),
                                                         .marker = fixture_text(fixture, "<image>"),
                                                         .special_token = FIXTURE_IMAGE,
                                                         .image_tokens = 4,
                                                         .encoder_count = 1};
    fixture->modules[0] = (struct mimo_plan_module){
        .name = fixture_text(fixture, "clip"), .kind = MIMO_MODULE_KIND_ENCODER, .channels = 3};
    fixture->modules[1] = (struct mimo_plan_module){.name = fixture_text(fixture, "llm"),
                                                    .kind = MIMO_MODULE_KIND_LANGUAGE,
                                                    .vocab_size = 1000};
    fixture->meta.language_module = 1;
    fixture->plan.modality_count = 1;
    fixture->plan.module_count = 2;
}

void fixture_init(struct fixture *fixture, const char *tokenizer)
{
    *fixture = (struct fixture){.plan.string_bytes = 1};
    fixture->plan.strings = fixture->strings;
    fixture->plan.meta = &fixture->meta;
    fixture->plan.training = &fixture->training;
    fixture->plan.data = &fixture->data;
    fixture->plan.modalities = fixture->modalities;
    fixture->plan.modules = fixture->modules;
    set_model(fixture);
    fixture->training =
        (struct mimo_plan_training){.seed = 7, .global_batch = 4, .sequence_length = 32};
    fixture->data = (struct mimo_plan_data){.format = MIMO_DATA_FORMAT_LLAVA,
                                            .train = fixture_text(fixture, "train.json"),
                                            .media = fixture_text(fixture, "media"),
                                            .tokenizer = fixture_text(fixture, tokenizer),
                                            .max_images_per_sample = 3};
    fixture->tokens = (struct mimo_tokens){.ids = fixture->ids, .labels = fixture->labels};
    (void)snprintf(fixture->folder, sizeof fixture->folder, "/tmp/mimo-data-XXXXXX");
    MIMO_ASSERT(mkdtemp(fixture->folder) != NULL);
}

void fixture_release(struct fixture *fixture)
{
    DIR *folder = opendir(fixture->folder);
    struct dirent *entry;

    MIMO_ASSERT(folder != NULL);
    while ((entry = readdir(folder)) != NULL)
        (void)unlinkat(dirfd(folder), entry->d_name, 0);
    (void)closedir(folder);
    (void)rmdir(fixture->folder);
}

void fixture_add_modality(struct fixture *fixture)
{
    fixture->modalities[1] = (struct mimo_plan_modality){.name = fixture_text(fixture, "sounds"),
                                                         .marker = fixture_text(fixture, "<sound>"),
                                                         .special_token = FIXTURE_IMAGE + 1,
                                                         .image_tokens = 2};
    fixture->plan.modality_count = 2;
}

void fixture_write(struct fixture *fixture, const char *name, const void *bytes, size_t size)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", fixture->folder, name);
    file = fopen(path, "wb");
    MIMO_ASSERT(file != NULL);
    MIMO_ASSERT(fwrite(bytes, 1, size, file) == size);
    MIMO_ASSERT(fclose(file) == 0);
}

struct mimo_dataset *fixture_open(struct fixture *fixture, const char *json)
{
    struct mimo_dataset *dataset = NULL;

    fixture->err = (struct mimo_error){0};
    fixture_write(fixture, "train.json", json, strlen(json));
    (void)mimo_dataset_open(&dataset, &fixture->plan, fixture->folder, NULL, &fixture->err);
    return dataset;
}

const char *fixture_refusal(struct fixture *fixture, const char *json)
{
    struct mimo_dataset *dataset = fixture_open(fixture, json);

    if (dataset == NULL)
        return fixture->err.message;
    mimo_dataset_close(dataset);
    return "(opened)";
}

uint8_t *fixture_png(const struct fixture_png *image, size_t *out_size)
{
    struct spng_ihdr header = {.width = image->width,
                               .height = image->height,
                               .bit_depth = image->depth,
                               .color_type = image->color_type};
    spng_ctx *png = spng_ctx_new(SPNG_CTX_ENCODER);
    int code = png == NULL ? SPNG_EMEM : spng_set_option(png, SPNG_ENCODE_TO_BUFFER, 1);
    uint8_t *file;

    if (code == 0)
        code = spng_set_ihdr(png, &header);
    if (code == 0 && image->palette != NULL) {
        struct spng_plte palette = *image->palette;
        code = spng_set_plte(png, &palette);
    }
    if (code == 0 && image->transparency != NULL) {
        struct spng_trns transparency = *image->transparency;
        code = spng_set_trns(png, &transparency);
    }
    if (code == 0)
        code = spng_encode_image(png, image->rows, image->size, SPNG_FMT_RAW, SPNG_ENCODE_FINALIZE);
    MIMO_ASSERT(code == 0);
    file = spng_get_png_buffer(png, out_size, &code);
    MIMO_ASSERT(file != NULL);
    spng_ctx_free(png);
    return file;
}
