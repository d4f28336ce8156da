#include "tests/unit/check.h"
#include "tests/unit/data/fixture.h"

#include <stdlib.h>

/* Two lines: what the sample reads and what it predicts, letters as themselves, [ begin, ] end, #
 * and ~ images of the two modalities, . no target. */
static const char *show(const struct mimo_tokens *tokens)
{
    static char text[160];
    char *end = text;

    for (int line = 0; line < 2; line++) {
        for (uint32_t i = 0; i < tokens->length; i++) {
            const int32_t id = line == 0 ? tokens->ids[i] : tokens->labels[i];
            *end++ = id == -1              ? '.'
                     : id == FIXTURE_BEGIN ? '['
                     : id == FIXTURE_END   ? ']'
                     : id == FIXTURE_IMAGE ? '#'
                     : id > FIXTURE_IMAGE  ? '~'
                                           : (char)id;
        }
        *end++ = line == 0 ? '\n' : '\0';
    }
    return text;
}

/* Record 0 of `json` as tokens, or the message. */
static const char *tokens_of(struct fixture *fixture, const char *json)
{
    struct mimo_dataset *dataset = fixture_open(fixture, json);
    const struct mimo_image_ref *images;
    uint32_t count, targets = 0;
    enum mimo_status status;

    if (dataset == NULL)
        return fixture->err.message;
    status = mimo_dataset_tokens(dataset, 0, &fixture->tokens, &fixture->err);
    CHECK_INT(mimo_dataset_images(dataset, 0, &images, &count, NULL), status);
    mimo_dataset_close(dataset);
    if (status != MIMO_OK)
        return fixture->err.message;
    for (uint32_t i = 0; i < fixture->tokens.length; i++)
        targets += fixture->labels[i] != -1;
    CHECK_INT(fixture->tokens.targets, targets);
    return show(&fixture->tokens);
}

static void check(const char *json, const char *expected)
{
    struct fixture fixture;

    fixture_init(&fixture, "bytes");
    CHECK_TEXT(tokens_of(&fixture, json), expected);
    fixture_release(&fixture);
}

static void check_fault(const char *json, const char *part)
{
    struct fixture fixture;

    fixture_init(&fixture, "bytes");
    CHECK_CONTAINS(tokens_of(&fixture, json), part);
    CHECK_CONTAINS(fixture.err.message, "train.json: record 0 (line 1): ");
    CHECK_INT(fixture.err.status, MIMO_E_DATA);
    fixture_release(&fixture);
}

static void test_image_and_answer(void)
{
    check(SAMPLE("\"a.png\"", "<image>\\nWhat?", " cat\\n"), "[####cat\n....cat]");
}

static void test_question_beside_image_is_dropped(void)
{
    check(DIALOGUE("[\"a\"]", "Say <image>!", "x", "and?", "y z"), "[####x]y z\n....x]y z]");
}

static void test_text_only(void)
{
    check(SAMPLE("null", "Hi ", "you"), "[Hi you\n...you]");
    check(DIALOGUE("null", "a", "b", "c", "d"), "[ab]cd\n.b].d]");
}

static void test_several_images(void)
{
    check(SAMPLE("[\"a\", \"b\"]", "<image> and <image>", "c"), "[########c\n........c]");
    check(DIALOGUE("[\"a\", \"b\"]", "<image>", "c", "<image>", "d"), "[####c]####d\n....c]....d]");
}

static void test_several_modalities(void)
{
    struct fixture fixture;
    struct mimo_dataset *dataset;
    const struct mimo_image_ref *images = NULL;
    const char *json = SAMPLE("[\"a\", \"b\", \"c\"]", "<sound><image>\\n<sound>", "c");
    uint32_t count = 0;

    fixture_init(&fixture, "bytes");
    fixture_add_modality(&fixture);
    CHECK_TEXT(tokens_of(&fixture, json), "[~~####~~c\n........c]");
    dataset = fixture_open(&fixture, json);
    CHECK_INT(mimo_dataset_images(dataset, 0, &images, &count, NULL), MIMO_OK);
    CHECK_INT(count, 3);
    CHECK_INT(images[0].modality, 1);
    CHECK_INT(images[1].modality, 0);
    CHECK_INT(images[2].modality, 1);
    CHECK_TEXT(images[1].path, "b");
    mimo_dataset_close(dataset);
    fixture_release(&fixture);
}

/* All 32 positions read; the last one predicts token 32. */
static void test_truncation(void)
{
    check(SAMPLE("null", "", "0123456789012345678901234567890"),
          "[0123456789012345678901234567890\n0123456789012345678901234567890]");
    check(SAMPLE("null", "", "01234567890123456789012345678901"),
          "[0123456789012345678901234567890\n01234567890123456789012345678901");
    check(DIALOGUE("null", "", "012345678901234567890123456789012345", "", "more"),
          "[0123456789012345678901234567890\n01234567890123456789012345678901");
    check(RECORD("null", ROUND("a", "b") "," HUMAN("cd")), "[ab]cd\n.b]...");
}

static void test_longest_and_one_more_image(void)
{
    struct fixture fixture;
    const char *json = SAMPLE("[\"a\", \"b\"]", "<image><image>", "c");

    fixture_init(&fixture, "bytes");
    fixture.training.sequence_length = 9;
    CHECK_TEXT(tokens_of(&fixture, json), "[########\n........c");
    fixture.training.sequence_length = 8;
    CHECK_CONTAINS(tokens_of(&fixture, json), "its images do not fit into sequence_length 8");
    fixture.modalities[0].image_tokens = UINT32_MAX;
    CHECK_CONTAINS(tokens_of(&fixture, json), "its images do not fit into sequence_length 8");
    fixture_release(&fixture);
}

static void test_faults(void)
{
    check_fault(SAMPLE("\"a\"", "what", "c"), "it has 1 image, but 0 markers in its text");
    check_fault(SAMPLE("null", "<image><image>", "c"),
                "it has 0 images, but 2 markers in its text");
    check_fault(SAMPLE("[\"a\"]", "x", "<image>"), "it has 1 image, but 0 markers in its text");
    check_fault(SAMPLE("[\"a\",\"b\",\"c\",\"d\"]", "x", "c"),
                "it has 4 images; max_images_per_sample is 3");
    check_fault("{\"image\": [\"a\"], \"images\": [\"b\"], \"conversations\": []}",
                "both \"image\" and \"images\"");
    check_fault("{\"id\": 3}", "it has no conversation");
    check_fault("{\"conversations\": []}", "it has no conversation");
    check_fault("{\"conversations\": \"x\"}", "it has no conversation");
    check_fault("{\"conversations\": [3]}", "conversations[0] is from neither");
    check_fault(RECORD("null", HUMAN("a") ", {\"from\": \"dog\", \"value\": \"x\"}"),
                "conversations[1] is from neither \"human\" nor \"gpt\"");
    check_fault("{\"conversations\": [{\"from\": \"gpt\", \"value\": 3}]}",
                "the \"value\" of conversations[0] is not text");
    check_fault(SAMPLE("[3]", "<image>", "c"), "not the name of a file");
    check_fault(SAMPLE("\"\"", "<image>", "c"), "not the name of a file");
    check_fault(RECORD("null", HUMAN("hello")), "no answer within sequence_length 32");
    check_fault(SAMPLE("null", "0123456789012345678901234567890123", "c"),
                "no answer within sequence_length 32");
}

static void test_vicuna_is_refused(void)
{
    struct fixture fixture;

    fixture_init(&fixture, "bytes");
    fixture.data.text_template = MIMO_TEMPLATE_VICUNA;
    CHECK_CONTAINS(fixture_refusal(&fixture, "{}"), "asks for \"vicuna\"");
    CHECK_INT(fixture.err.status, MIMO_E_WORLD);
    fixture_release(&fixture);
}

static void test_words(void)
{
    struct fixture fixture;

    fixture_init(&fixture, "words");
    (void)tokens_of(&fixture, SAMPLE("\"a\"", "<image>", "A cat. A dog."));
    CHECK_INT(fixture.tokens.length, 11);
    CHECK_INT(fixture.labels[4], 259);
    CHECK_INT(fixture.labels[5], 260);
    CHECK_INT(fixture.labels[6], '.');
    CHECK_INT(fixture.labels[7], 259);
    CHECK_INT(fixture.labels[8], 261);
    CHECK_INT(fixture.labels[9], '.');
    CHECK_INT(fixture.labels[10], FIXTURE_END);
    fixture_release(&fixture);
}

static const struct mimo_test TESTS[] = {
    {"an image and its answer", test_image_and_answer},
    {"the question beside an image is dropped", test_question_beside_image_is_dropped},
    {"text alone", test_text_only},
    {"several images", test_several_images},
    {"several modalities", test_several_modalities},
    {"text is cut off", test_truncation},
    {"images are not cut off", test_longest_and_one_more_image},
    {"faults", test_faults},
    {"the vicuna template", test_vicuna_is_refused},
    {"words", test_words},
};

MIMO_TEST_MAIN("data: template", TESTS)
