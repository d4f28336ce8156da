/*
 * fixture.h - a plan made by hand and a folder of files, for the tests of runtime/data.
 *
 * The plan has one modality: marker "<image>", special token 300, 4 tokens an image. The language
 * model has 1000 tokens and reads 32 of them; a sample has at most 3 images, a step 4 samples.
 * Tests change what they need before they open anything.
 */
#ifndef MIMO_TESTS_UNIT_DATA_FIXTURE_H
#define MIMO_TESTS_UNIT_DATA_FIXTURE_H

#include "plan/plan.h"
#include "runtime/data/dataset.h"

#include <spng.h>

enum { FIXTURE_BEGIN = 256, FIXTURE_END = 257, FIXTURE_IMAGE = 300 };

/* JSON of turns and records; `images` is JSON too. */
#define HUMAN(text)                      "{\"from\": \"human\", \"value\": \"" text "\"}"
#define GPT(text)                        "{\"from\": \"gpt\", \"value\": \"" text "\"}"
#define ROUND(question, answer)          HUMAN(question) "," GPT(answer)
#define RECORD(images, turns)            "{\"image\": " images ", \"conversations\": [" turns "]}"
#define SAMPLE(images, question, answer) RECORD(images, ROUND(question, answer))
#define DIALOGUE(images, question, answer, question2, answer2)                                     \
    RECORD(images, ROUND(question, answer) "," ROUND(question2, answer2))

struct fixture {
    struct mimo_plan plan;
    struct mimo_plan_meta meta;
    struct mimo_plan_training training;
    struct mimo_plan_data data;
    struct mimo_plan_modality modalities[2];
    struct mimo_plan_module modules[2];
    char strings[1024];
    char folder[64];
    struct mimo_error err;
    int32_t ids[64];
    int32_t labels[64];
    struct mimo_tokens tokens; /* the two above */
};

void fixture_init(struct fixture *fixture, const char *tokenizer);

/* Removes the folder and what is in it. */
void fixture_release(struct fixture *fixture);

/* A string of the plan. */
struct mimo_plan_string fixture_text(struct fixture *fixture, const char *text);

/* A second modality: marker "<sound>", special token 301, 2 tokens. */
void fixture_add_modality(struct fixture *fixture);

/* Writes a file into the folder. */
void fixture_write(struct fixture *fixture, const char *name, const void *bytes, size_t size);

/* Writes `json` as the training file and opens it; NULL and `err` where that fails. */
struct mimo_dataset *fixture_open(struct fixture *fixture, const char *json);

/* Opens `json` as a training file that must be refused, and returns the message. */
const char *fixture_refusal(struct fixture *fixture, const char *json);

/* A PNG file to be made: the format's numbers, and rows of raw samples. */
struct fixture_png {
    uint32_t width;
    uint32_t height;
    uint8_t color_type;
    uint8_t depth;
    const void *rows;
    size_t size;
    const struct spng_plte *palette;      /* or NULL */
    const struct spng_trns *transparency; /* or NULL */
};

/* The bytes of the file, which the caller frees. */
uint8_t *fixture_png(const struct fixture_png *image, size_t *out_size);

#endif
