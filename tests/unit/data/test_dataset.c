#include "tests/unit/check.h"
#include "tests/unit/data/fixture.h"

#include <stdlib.h>
#include <time.h>

static const char ANSWERS[] = SAMPLE("\"a.png\"", "<image>", "a cat") "\n" SAMPLE(
    "\"b.png\"", "<image>", "a dog") "\n" SAMPLE("null", "who?", "a cat") "\n";

/* Writes a PNG of one colour. */
static void write_image(struct fixture *fixture, const char *name, uint32_t side, uint8_t value)
{
    struct fixture_png image = {
        .width = side, .height = side, .color_type = 0, .depth = 8, .size = (size_t)side * side};
    uint8_t *rows = malloc(image.size), *file;
    size_t size;

    memset(rows, value, image.size);
    image.rows = rows;
    file = fixture_png(&image, &size);
    fixture_write(fixture, name, file, size);
    free(file);
    free(rows);
}

/* -- order ------------------------------------------------------------------------------------ */

static void test_order(void)
{
    struct fixture fixture;
    struct mimo_dataset *dataset;
    int counts[3] = {0}, unchanged = 0;

    fixture_init(&fixture, "bytes");
    dataset = fixture_open(&fixture, ANSWERS);
    CHECK_INT(mimo_dataset_count(dataset), 3);
    for (uint64_t step = 0; step < 6; step++)
        for (uint32_t position = 0; position < 4; position++)
            CHECK_INT(mimo_dataset_at(dataset, step, position), (step * 4 + position) % 3);
    fixture.data.shuffle = 1;
    for (uint64_t step = 0; step < 300; step++)
        for (uint32_t position = 0; position < 4; position++) {
            const uint64_t record = mimo_dataset_at(dataset, step, position);
            CHECK(record < 3);
            counts[record]++;
            unchanged += record == (step * 4 + position) % 3;
        }
    CHECK_INT(counts[0], 400);
    CHECK_INT(counts[1], 400);
    CHECK_INT(counts[2], 400);
    CHECK(unchanged > 200 && unchanged < 600);
    mimo_dataset_close(dataset);
    fixture_release(&fixture);
}

/* -- pixels ----------------------------------------------------------------------------------- */

static void test_pixels(void)
{
    struct fixture fixture;
    struct mimo_dataset *dataset;
    uint8_t pixels[4 * 4 * 3];

    fixture_init(&fixture, "bytes");
    fixture.data.media = fixture_text(&fixture, ".");
    write_image(&fixture, "a.png", 9, 77);
    fixture_write(&fixture, "b.png", "\x89PNG\r\n\x1a\n", 8);
    dataset = fixture_open(&fixture, ANSWERS);
    CHECK_INT(mimo_dataset_pixels(dataset, 0, 0, 4, 3, pixels, &fixture.err), MIMO_OK);
    CHECK_TEXT(fixture.err.message, "");
    for (size_t i = 0; i < sizeof pixels; i++)
        CHECK_INT(pixels[i], 77);
    CHECK_INT(mimo_dataset_pixels(dataset, 1, 0, 4, 3, pixels, &fixture.err), MIMO_E_DATA);
    CHECK_CONTAINS(fixture.err.message, "/./b.png: not a whole PNG file: ");
    CHECK_CONTAINS(fixture.err.message, "/train.json: record 1 (line 2): /tmp/mimo-data-");
    mimo_dataset_close(dataset);
    fixture_release(&fixture);
}

static void test_missing_image(void)
{
    struct fixture fixture;
    struct mimo_dataset *dataset;
    uint8_t pixels[4 * 4];

    fixture_init(&fixture, "bytes");
    dataset = fixture_open(&fixture, ANSWERS);
    CHECK_INT(mimo_dataset_pixels(dataset, 0, 0, 4, 1, pixels, &fixture.err), MIMO_E_DATA);
    CHECK_CONTAINS(fixture.err.message, "record 0 (line 1): cannot read ");
    CHECK_CONTAINS(fixture.err.message, "/media/a.png: No such file");
    mimo_dataset_close(dataset);
    fixture_release(&fixture);
}

static void test_channels(void)
{
    struct fixture fixture;

    fixture_init(&fixture, "bytes");
    fixture.modules[0].channels = 4;
    CHECK_CONTAINS(fixture_refusal(&fixture, ANSWERS), "1 or 3 channels; clip wants 4");
    CHECK_INT(fixture.err.status, MIMO_E_WORLD);
    fixture_release(&fixture);
}

/* -- other files than the training data ------------------------------------------------------- */

/* The vocabulary stays that of the training file: " a" 259, " cat" 260, " dog" 261, " who" 262. */
static void test_evaluation_file(void)
{
    static const char other[] = "[" SAMPLE("null", "", "Dog zoo") "]";
    struct fixture fixture;
    struct mimo_dataset *dataset = NULL;

    fixture_init(&fixture, "words");
    fixture_write(&fixture, "train.json", ANSWERS, strlen(ANSWERS));
    fixture_write(&fixture, "other.json", other, strlen(other));
    CHECK_INT(mimo_dataset_open(&dataset, &fixture.plan, fixture.folder, "other.json", NULL),
              MIMO_OK);
    CHECK_INT(mimo_dataset_count(dataset), 1);
    CHECK_INT(mimo_dataset_tokens(dataset, 0, &fixture.tokens, NULL), MIMO_OK);
    CHECK_INT(fixture.labels[0], 261);
    CHECK_INT(fixture.labels[1], ' ');
    CHECK_INT(fixture.labels[2], 'z');
    CHECK_INT(fixture.tokens.targets, 6);
    mimo_dataset_close(dataset);
    dataset = NULL;
    CHECK_INT(mimo_dataset_open(&dataset, &fixture.plan, fixture.folder, "none.json", &fixture.err),
              MIMO_E_DATA);
    CHECK_CONTAINS(fixture.err.message, "/none.json: No such file");
    CHECK(dataset == NULL);
    fixture_release(&fixture);
}

static void test_no_tokenizer(void)
{
    struct fixture fixture;
    struct mimo_dataset *dataset = NULL;

    fixture_init(&fixture, "bytes");
    fixture.data.tokenizer = (struct mimo_plan_string){0};
    CHECK_INT(mimo_dataset_open(&dataset, &fixture.plan, fixture.folder, "x.json", &fixture.err),
              MIMO_E_DATA);
    CHECK_CONTAINS(fixture.err.message, "the plan names no tokenizer");
    fixture_release(&fixture);
}

/* -- prompts ---------------------------------------------------------------------------------- */

static void check_prompt(struct fixture *fixture, struct mimo_dataset *dataset, uint64_t record,
                         const int32_t *expected, uint32_t count)
{
    CHECK_INT(mimo_dataset_prompt(dataset, record, &fixture->tokens, &fixture->err), MIMO_OK);
    CHECK_TEXT(fixture->err.message, "");
    CHECK_INT(fixture->tokens.length, count);
    CHECK_INT(fixture->tokens.targets, 0);
    for (uint32_t i = 0; i < count; i++) {
        CHECK_INT(fixture->ids[i], expected[i]);
        CHECK_INT(fixture->labels[i], -1);
    }
}

#define CHECK_PROMPT(fixture, dataset, record, ...)                                                \
    check_prompt((fixture), (dataset), (record), (const int32_t[])__VA_ARGS__,                     \
                 sizeof((const int32_t[])__VA_ARGS__) / sizeof(int32_t))

static void test_prompts_of_training_records(void)
{
    struct fixture fixture;
    struct mimo_dataset *dataset;

    fixture_init(&fixture, "bytes");
    dataset = fixture_open(
        &fixture, SAMPLE("[\"a\"]", "<image>", "x") "\n" DIALOGUE("null", "a", "b", "c", "d") "\n");
    CHECK_PROMPT(&fixture, dataset, 0, {256, 300, 300, 300, 300});
    CHECK_PROMPT(&fixture, dataset, 1, {256, 'a', 'b', 257, 'c'});
    mimo_dataset_close(dataset);
    fixture_release(&fixture);
}

static void test_prompts_file(void)
{
    static const char prompts[] =
        "{\"id\": 5, \"prompt\": \"hi\"}\n"
        "{\"prompt\": \"what?\", \"image\": \"a.png\"}\n"
        "{\"prompt\": \"<image> or\", \"image\": [\"a.png\", \"b.png\"]}\n"
        "{\"conversations\": [{\"from\": \"human\", \"value\": \"ho\"}]}\n"
        "{\"prompt\": \"<image>\"}\n";
    struct fixture fixture;
    struct mimo_dataset *dataset = NULL;
    const struct mimo_image_ref *refs;
    uint32_t count;

    fixture_init(&fixture, "bytes");
    fixture_write(&fixture, "prompts.jsonl", prompts, strlen(prompts));
    CHECK_INT(mimo_dataset_open_prompts(&dataset, &fixture.plan, fixture.folder, "prompts.jsonl",
                                        &fixture.err),
              MIMO_OK);
    CHECK_TEXT(mimo_dataset_id(dataset, 0), "5");
    CHECK_PROMPT(&fixture, dataset, 0, {256, 'h', 'i'});
    CHECK_PROMPT(&fixture, dataset, 1, {256, 300, 300, 300, 300});
    CHECK_PROMPT(&fixture, dataset, 2, {256, 300, 300, 300, 300, 300, 300, 300, 300});
    CHECK_PROMPT(&fixture, dataset, 3, {256, 'h', 'o'});
    CHECK_INT(mimo_dataset_images(dataset, 2, &refs, &count, NULL), MIMO_OK);
    CHECK_INT(count, 2);
    CHECK_TEXT(refs[1].path, "b.png");
    CHECK_INT(mimo_dataset_images(dataset, 4, &refs, &count, &fixture.err), MIMO_E_DATA);
    CHECK_CONTAINS(fixture.err.message, "record 4 (line 5): it has 0 images, but 1 marker");
    mimo_dataset_close(dataset);
    fixture_release(&fixture);
}

static void test_added_prompts(void)
{
    const char *const images[] = {"a.png", "b.png"};
    struct fixture fixture;
    struct mimo_dataset *dataset = NULL;
    const struct mimo_image_ref *refs, *first;
    uint64_t record = 99;
    uint32_t count;
    uint8_t pixels[4];

    fixture_init(&fixture, "words");
    fixture_write(&fixture, "train.json", ANSWERS, strlen(ANSWERS));
    write_image(&fixture, "a.png", 2, 5);
    CHECK_INT(mimo_dataset_open_prompts(&dataset, &fixture.plan, fixture.folder, NULL, NULL),
              MIMO_OK);
    CHECK_INT(mimo_dataset_count(dataset), 0);
    CHECK_INT(mimo_dataset_add_prompt(dataset, "A cat", images, 1, &record, NULL), MIMO_OK);
    CHECK_INT(record, 0);
    CHECK_PROMPT(&fixture, dataset, 0, {256, 300, 300, 300, 300});
    CHECK_INT(mimo_dataset_pixels(dataset, 0, 0, 2, 1, pixels, &fixture.err), MIMO_OK);
    CHECK_INT(pixels[3], 5);
    CHECK_INT(mimo_dataset_images(dataset, 0, &first, &count, NULL), MIMO_OK);
    CHECK_INT(mimo_dataset_add_prompt(dataset, "A Cat!", NULL, 0, &record, NULL), MIMO_OK);
    CHECK_PROMPT(&fixture, dataset, 1, {256, 259, 260, '!'});
    for (int i = 0; i < 100; i++)
        CHECK_INT(mimo_dataset_add_prompt(dataset, "", images, 2, &record, NULL), MIMO_OK);
    CHECK_INT(mimo_dataset_images(dataset, 0, &refs, &count, NULL), MIMO_OK);
    CHECK(refs == first);
    CHECK_INT(mimo_dataset_add_prompt(dataset, "<image>", NULL, 0, &record, &fixture.err),
              MIMO_E_DATA);
    CHECK_TEXT(fixture.err.message,
               "prompt: record 102: it has 0 images, but 1 marker in its text");
    CHECK_INT(mimo_dataset_count(dataset), 102);
    mimo_dataset_close(dataset);
    fixture_release(&fixture);
}

static void test_prompt_with_several_modalities(void)
{
    const char *const images[] = {"a.png"};
    struct fixture fixture;
    struct mimo_dataset *dataset = NULL;
    uint64_t record;

    fixture_init(&fixture, "bytes");
    fixture_add_modality(&fixture);
    CHECK_INT(mimo_dataset_open_prompts(&dataset, &fixture.plan, fixture.folder, NULL, NULL),
              MIMO_OK);
    CHECK_INT(mimo_dataset_add_prompt(dataset, "what?", images, 1, &record, &fixture.err),
              MIMO_E_DATA);
    CHECK_CONTAINS(fixture.err.message, "does not say with a marker where each image goes");
    fixture.err = (struct mimo_error){0};
    CHECK_INT(mimo_dataset_add_prompt(dataset, "what?<sound>", images, 1, &record, NULL), MIMO_OK);
    CHECK_PROMPT(&fixture, dataset, 0, {256, 301, 301});
    mimo_dataset_close(dataset);
    fixture_release(&fixture);
}

/* -- text ------------------------------------------------------------------------------------- */

static void test_text(void)
{
    const int32_t ids[] = {256, 300, 300, 259, 261, '.', 257};
    struct fixture fixture;
    struct mimo_dataset *dataset;
    char *text;

    fixture_init(&fixture, "words");
    dataset = fixture_open(&fixture, ANSWERS);
    CHECK_INT(mimo_dataset_end_token(dataset), 257);
    text = mimo_dataset_text(dataset, ids, sizeof ids / sizeof *ids);
    CHECK_TEXT(text, "a dog.");
    free(text);
    mimo_dataset_close(dataset);
    fixture_release(&fixture);
}

/* 22,000 records of the demo's size: 0.1 s here; the bound leaves room for sanitizers. */
static void test_large_file(void)
{
    enum { COUNT = 22000 };
    static const char turns[] = "{\"from\": \"human\", \"value\": \"<image>\\nWhat is it?\"},\n"
                                "{\"from\": \"gpt\", \"value\": \"a picture of number w";
    struct fixture fixture;
    struct mimo_dataset *dataset;
    char *json = malloc((size_t)COUNT * 256), *end = json;
    clock_t start;

    for (int i = 0; i < COUNT; i++)
        end +=
            sprintf(end, "%c{\"id\": %d, \"image\": \"%06d.png\", \"conversations\": [%s%d\"}]}\n",
                    i == 0 ? '[' : ',', i, i, turns, i % 300);
    *end++ = ']';
    *end = '\0';
    fixture_init(&fixture, "words");
    start = clock();
    dataset = fixture_open(&fixture, json);
    (void)printf("%.3f s ", (double)(clock() - start) / CLOCKS_PER_SEC);
    CHECK_TEXT(fixture.err.message, "");
    CHECK((double)(clock() - start) / CLOCKS_PER_SEC < 10.0);
    CHECK_INT(mimo_dataset_count(dataset), COUNT);
    CHECK_TEXT(mimo_dataset_id(dataset, COUNT - 1), "21999");
    CHECK_INT(mimo_dataset_tokens(dataset, COUNT - 1, &fixture.tokens, NULL), MIMO_OK);
    CHECK_INT(fixture.tokens.targets, 6);
    mimo_dataset_close(dataset);
    fixture_release(&fixture);
    free(json);
}

static const struct mimo_test TESTS[] = {
    {"order", test_order},
    {"pixels", test_pixels},
    {"a missing image", test_missing_image},
    {"channels", test_channels},
    {"a file for evaluation", test_evaluation_file},
    {"no tokenizer", test_no_tokenizer},
    {"prompts of training records", test_prompts_of_training_records},
    {"a file of prompts", test_prompts_file},
    {"added prompts", test_added_prompts},
    {"a prompt and several modalities", test_prompt_with_several_modalities},
    {"text", test_text},
    {"a large file", test_large_file},
};

MIMO_TEST_MAIN("data: dataset", TESTS)
