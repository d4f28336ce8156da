#include "tests/unit/check.h"
#include "tests/unit/data/fixture.h"

#include <stdlib.h>

enum { RECORDS = 500 };

static struct mimo_dataset *open_synthetic(struct fixture *fixture, uint32_t low, uint32_t high)
{
    struct mimo_dataset *dataset = NULL;

    fixture_init(fixture, "bytes");
    fixture_add_modality(fixture);
    fixture->data.format = MIMO_DATA_FORMAT_SYNTHETIC;
    fixture->data.tokenizer = (struct mimo_plan_string){0};
    fixture->data.images_per_sample_min = low;
    fixture->data.images_per_sample_max = high;
    fixture->modules[1].vocab_size = 310;
    CHECK_INT(mimo_dataset_open(&dataset, &fixture->plan, NULL, NULL, &fixture->err), MIMO_OK);
    CHECK_TEXT(fixture->err.message, "");
    return dataset;
}

static void release(struct fixture *fixture, struct mimo_dataset *dataset)
{
    mimo_dataset_close(dataset);
    fixture_release(fixture);
}

/* Checks that ids and labels belong together and that images stand in order; returns where the
 * first one begins, or the length. */
static uint32_t check_sample(const struct fixture *fixture, uint32_t images)
{
    const struct mimo_tokens *tokens = &fixture->tokens;
    uint32_t rows[2] = {0}, targets = 0, first = tokens->length;

    for (uint32_t i = 0; i < tokens->length; i++) {
        const int32_t id = tokens->ids[i], label = tokens->labels[i];
        CHECK(id >= 0 && id < 310);
        if (id >= FIXTURE_IMAGE && id <= FIXTURE_IMAGE + 1)
            rows[id - FIXTURE_IMAGE]++;
        if (rows[0] + rows[1] == 1 && first == tokens->length)
            first = i;
        CHECK(label != FIXTURE_IMAGE && label != FIXTURE_IMAGE + 1 && label < 310);
        targets += label >= 0;
        if (i + 1 < tokens->length)
            CHECK_INT(label,
                      tokens->ids[i + 1] == FIXTURE_IMAGE || tokens->ids[i + 1] == FIXTURE_IMAGE + 1
                          ? -1
                          : tokens->ids[i + 1]);
    }
    CHECK_INT(rows[0], 4 * ((images + 1) / 2));
    CHECK_INT(rows[1], 2 * (images / 2));
    CHECK_INT(tokens->targets, targets);
    CHECK(tokens->length > 0 && tokens->labels[tokens->length - 1] >= 0);
    return first;
}

static void test_samples(void)
{
    struct fixture fixture;
    struct mimo_dataset *dataset = open_synthetic(&fixture, 0, 3);
    uint32_t histogram[4] = {0}, in_front = 0, within = 0, longest = 0, shortest = 99;

    for (uint64_t record = 0; record < RECORDS; record++) {
        const struct mimo_image_ref *refs;
        uint32_t images = 99, first;

        CHECK_INT(mimo_dataset_images(dataset, record, &refs, &images, NULL), MIMO_OK);
        CHECK(images <= 3);
        histogram[images]++;
        for (uint32_t i = 0; i < images; i++) {
            CHECK_INT(refs[i].modality, i % 2);
            CHECK(refs[i].path == NULL);
        }
        CHECK_INT(mimo_dataset_tokens(dataset, record, &fixture.tokens, NULL), MIMO_OK);
        first = check_sample(&fixture, images);
        in_front += images > 0 && first == 0;
        within += images > 0 && first > 0;
        longest = fixture.tokens.length > longest ? fixture.tokens.length : longest;
        shortest = fixture.tokens.length < shortest ? fixture.tokens.length : shortest;
    }
    for (int i = 0; i < 4; i++)
        CHECK_NEAR(histogram[i], RECORDS / 4.0, 0.3);
    CHECK(in_front > RECORDS / 5 && within > RECORDS / 5);
    CHECK_INT(longest, 32);
    CHECK(shortest >= 16 && shortest <= 20);
    release(&fixture, dataset);
}

static void test_depends_on_seed_and_record_only(void)
{
    struct fixture fixture, other;
    struct mimo_dataset *dataset = open_synthetic(&fixture, 1, 2);
    struct mimo_dataset *same = open_synthetic(&other, 1, 2);
    uint8_t pixels[2][300];
    int different = 0;

    for (uint64_t record = 40; record-- > 0;) {
        CHECK_INT(mimo_dataset_tokens(dataset, record, &fixture.tokens, NULL), MIMO_OK);
        CHECK_INT(mimo_dataset_tokens(same, record, &other.tokens, NULL), MIMO_OK);
        CHECK_INT(fixture.tokens.length, other.tokens.length);
        CHECK(memcmp(fixture.ids, other.ids, fixture.tokens.length * sizeof(int32_t)) == 0);
        CHECK(memcmp(fixture.labels, other.labels, fixture.tokens.length * sizeof(int32_t)) == 0);
        CHECK_INT(mimo_dataset_pixels(dataset, record, 0, 10, 3, pixels[0], NULL), MIMO_OK);
        CHECK_INT(mimo_dataset_pixels(same, record, 0, 10, 3, pixels[1], NULL), MIMO_OK);
        CHECK(memcmp(pixels[0], pixels[1], sizeof pixels[0]) == 0);
        CHECK_INT(mimo_dataset_pixels(same, record, 1, 10, 3, pixels[1], NULL), MIMO_OK);
        CHECK(memcmp(pixels[0], pixels[1], sizeof pixels[0]) != 0);
        other.training.seed = 8;
        CHECK_INT(mimo_dataset_tokens(same, record, &other.tokens, NULL), MIMO_OK);
        different += memcmp(fixture.ids, other.ids, 16 * sizeof(int32_t)) != 0;
        other.training.seed = 7;
    }
    CHECK_INT(different, 40);
    release(&fixture, dataset);
    release(&other, same);
}

/* Values of a record as a second program computed them, so that they do not change unnoticed. */
static void test_known_values(void)
{
    static const uint8_t known_pixels[4] = {71, 148, 145, 124};
    struct fixture fixture;
    struct mimo_dataset *dataset = open_synthetic(&fixture, 1, 1);
    uint8_t pixels[4];

    CHECK_INT(mimo_dataset_tokens(dataset, 12, &fixture.tokens, NULL), MIMO_OK);
    CHECK_INT(fixture.tokens.length, 22);
    CHECK_INT(fixture.labels[21], 62);
    CHECK_INT(mimo_dataset_pixels(dataset, 12, 0, 2, 1, pixels, NULL), MIMO_OK);
    for (int i = 0; i < 4; i++)
        CHECK_INT(pixels[i], known_pixels[i]);
    release(&fixture, dataset);
}

static void test_pixels_are_uniform(void)
{
    struct fixture fixture;
    struct mimo_dataset *dataset = open_synthetic(&fixture, 1, 1);
    static uint8_t pixels[64 * 64 * 3];
    double sum = 0, squares = 0;

    CHECK_INT(mimo_dataset_pixels(dataset, 3, 0, 64, 3, pixels, NULL), MIMO_OK);
    for (size_t i = 0; i < sizeof pixels; i++) {
        sum += pixels[i];
        squares += (double)pixels[i] * pixels[i];
    }
    sum /= sizeof pixels;
    squares /= sizeof pixels;
    CHECK_NEAR(sum, 127.5, 0.02);
    CHECK_NEAR(sqrt(squares - sum * sum), 73.9, 0.02);
    release(&fixture, dataset);
}

static void test_records_follow_steps(void)
{
    struct fixture fixture;
    struct mimo_dataset *dataset = open_synthetic(&fixture, 0, 0);
    const struct mimo_image_ref *refs;
    uint32_t images = 99;
    char *text;

    CHECK(mimo_dataset_count(dataset) == UINT64_MAX);
    CHECK_INT(mimo_dataset_at(dataset, 0, 3), 3);
    CHECK_INT(mimo_dataset_at(dataset, 5, 1), 21);
    CHECK_INT(mimo_dataset_images(dataset, 5, &refs, &images, NULL), MIMO_OK);
    CHECK_INT(images, 0);
    CHECK_TEXT(mimo_dataset_id(dataset, 5), "");
    CHECK_INT(mimo_dataset_end_token(dataset), -1);
    text = mimo_dataset_text(dataset, fixture.ids, 3);
    CHECK_TEXT(text, "");
    free(text);
    CHECK_INT(mimo_dataset_prompt(dataset, 5, &fixture.tokens, NULL), MIMO_E_DATA);
    CHECK_INT(mimo_dataset_add_prompt(dataset, "x", NULL, 0, &(uint64_t){0}, NULL), MIMO_E_DATA);
    release(&fixture, dataset);
}

/* The smallest case has room for one image and two tokens, one of them only a label. */
static void test_tightest_fit(void)
{
    struct fixture fixture;
    struct mimo_dataset *dataset = open_synthetic(&fixture, 1, 1);

    fixture.training.sequence_length = 5;
    for (uint64_t record = 0; record < 50; record++) {
        CHECK_INT(mimo_dataset_tokens(dataset, record, &fixture.tokens, NULL), MIMO_OK);
        (void)check_sample(&fixture, 1);
        CHECK_INT(fixture.tokens.length, 5);
    }
    release(&fixture, dataset);
}

static void check_refusal(struct fixture *fixture, const char *part)
{
    struct mimo_dataset *dataset = NULL;

    fixture->err = (struct mimo_error){0};
    CHECK_INT(mimo_dataset_open(&dataset, &fixture->plan, NULL, NULL, &fixture->err), MIMO_E_DATA);
    CHECK_CONTAINS(fixture->err.message, part);
}

/* images_per_sample is 1 where nothing is said, in models of text too. */
static void test_without_modality(void)
{
    struct fixture fixture;
    struct mimo_dataset *dataset = open_synthetic(&fixture, 1, 2);
    const struct mimo_image_ref *images;
    uint32_t count;

    fixture.plan.modality_count = 0;
    mimo_dataset_close(dataset);
    CHECK_INT(mimo_dataset_open(&dataset, &fixture.plan, NULL, NULL, &fixture.err), MIMO_OK);
    for (uint64_t record = 0; record < 20; record++) {
        CHECK_INT(mimo_dataset_images(dataset, record, &images, &count, &fixture.err), MIMO_OK);
        CHECK_INT(count, 0);
    }
    fixture.plan.modality_count = 2;
    release(&fixture, dataset);
}

static void test_refusals(void)
{
    struct fixture fixture;
    struct mimo_dataset *dataset = open_synthetic(&fixture, 1, 1);

    fixture.training.sequence_length = 4;
    check_refusal(&fixture, "1 images take 4 tokens, which leaves no text in sequence_length 4");
    fixture.data.images_per_sample_max = UINT32_MAX;
    check_refusal(&fixture, "4294967295 images do not fit into sequence_length 4");
    fixture.data.images_per_sample_min = fixture.data.images_per_sample_max = 0;
    fixture.modules[1].vocab_size = 2;
    fixture.modalities[0].special_token = 0;
    fixture.modalities[1].special_token = 1;
    check_refusal(&fixture, "every token of the vocabulary is a special token");
    release(&fixture, dataset);
}

static const struct mimo_test TESTS[] = {
    {"samples are whole and within bounds", test_samples},
    {"seed and record say everything", test_depends_on_seed_and_record_only},
    {"known values", test_known_values},
    {"pixels are uniform", test_pixels_are_uniform},
    {"records follow the steps", test_records_follow_steps},
    {"the tightest fit", test_tightest_fit},
    {"a model without a modality", test_without_modality},
    {"refusals", test_refusals},
};

MIMO_TEST_MAIN("data: synthetic", TESTS)
