#include "runtime/data/tokenizer.h"
#include "tests/unit/check.h"
#include "tests/unit/data/fixture.h"

#include <stdlib.h>

enum { IDS_MAX = 256 };

struct trained {
    struct fixture fixture;
    struct mimo_records records;
    struct mimo_tokenizer tokenizer;
};

/* A tokenizer trained on one answer. */
static enum mimo_status train(struct trained *trained, const char *kind, const char *text)
{
    const struct mimo_turn turn = {text, strlen(text), true};

    fixture_init(&trained->fixture, kind);
    mimo_records_init(&trained->records, &trained->fixture.plan, "test");
    mimo_records_append(&trained->records, (struct mimo_record){.turns = &turn, .turn_count = 1});
    CHECK_INT(mimo_tokenizer_init(&trained->tokenizer, &trained->fixture.plan, NULL), MIMO_OK);
    return mimo_tokenizer_train(&trained->tokenizer, &trained->fixture.plan, &trained->records,
                                &trained->fixture.err);
}

static void release(struct trained *trained)
{
    mimo_tokenizer_release(&trained->tokenizer);
    mimo_records_release(&trained->records);
    fixture_release(&trained->fixture);
}

/* The ids as text, "1 2 3". */
static const char *encode(const struct trained *trained, const char *text, size_t capacity)
{
    static char list[4 * IDS_MAX + 1];
    int32_t ids[IDS_MAX];
    const size_t count =
        mimo_tokenizer_encode(&trained->tokenizer, text, strlen(text), ids, capacity);
    char *end = list;

    *end = '\0';
    for (size_t i = 0; i < count; i++)
        end += sprintf(end, i == 0 ? "%d" : " %d", ids[i]);
    return list;
}

static void check_round_trip(const struct trained *trained, const char *text, const char *expected)
{
    int32_t ids[IDS_MAX];
    const size_t count =
        mimo_tokenizer_encode(&trained->tokenizer, text, strlen(text), ids, IDS_MAX);
    char *back = mimo_tokenizer_decode(&trained->tokenizer, ids, count);

    CHECK_TEXT(back, expected);
    for (size_t i = 0; i < count; i++) {
        CHECK(ids[i] != FIXTURE_IMAGE && (ids[i] < 256 || ids[i] > 258));
        CHECK((uint32_t)ids[i] < trained->tokenizer.entries);
    }
    free(back);
}

static void test_bytes(void)
{
    struct trained trained;

    CHECK_INT(train(&trained, "bytes", "a cat"), MIMO_OK);
    CHECK_INT(trained.tokenizer.entries, 259);
    CHECK(!mimo_tokenizer_needs_training(&trained.tokenizer));
    CHECK_TEXT(encode(&trained, "aB \n", IDS_MAX), "97 66 32 10");
    CHECK_TEXT(encode(&trained, "\xC3\xA9", IDS_MAX), "195 169");
    CHECK_TEXT(encode(&trained, "", IDS_MAX), "");
    CHECK_TEXT(encode(&trained, "abc", 2), "97 98");
    check_round_trip(&trained, " A cat, \t\xF0\x9F\x90\x88! ", " A cat, \t\xF0\x9F\x90\x88! ");
    release(&trained);
}

/* " a" stands there thrice, " cat" twice, the others once; the comma without a space is a byte. */
static void test_words_by_frequency(void)
{
    struct trained trained;

    CHECK_INT(train(&trained, "words", "The cat, a CAT, a dog - a 'tis"), MIMO_OK);
    CHECK_INT(trained.tokenizer.entries, 259 + 6);
    CHECK_TEXT(encode(&trained, "a", IDS_MAX), "259");
    CHECK_TEXT(encode(&trained, "Cat", IDS_MAX), "260");
    CHECK_TEXT(encode(&trained, "the dog", IDS_MAX), "261 262");
    CHECK_TEXT(encode(&trained, "- 'tis", IDS_MAX), "263 264");
    CHECK_TEXT(encode(&trained, "cat,", IDS_MAX), "260 44");
    release(&trained);
}

static void test_unknown_words_are_bytes(void)
{
    struct trained trained;

    CHECK_INT(train(&trained, "words", "a cat"), MIMO_OK);
    CHECK_TEXT(encode(&trained, "Cats", IDS_MAX), "32 99 97 116 115");
    CHECK_TEXT(encode(&trained, "a\na", IDS_MAX), "259 10 97");
    CHECK_TEXT(encode(&trained, "a  cat", IDS_MAX), "259 32 260");
    CHECK_TEXT(encode(&trained, " cat", IDS_MAX), "32 260");
    CHECK_TEXT(encode(&trained, "", IDS_MAX), "");
    CHECK_TEXT(encode(&trained, "zebra", 3), "32 122 101");
    release(&trained);
}

static void test_words_round_trip(void)
{
    struct trained trained;

    CHECK_INT(train(&trained, "words", "It's a cat (or two). \xF0\x9F\x90\x88 \xC3\x84 cat!"),
              MIMO_OK);
    check_round_trip(&trained, "It's a Cat", "it's a cat");
    check_round_trip(&trained, "  it's\n\n a cat (or  zebras).\t",
                     "  it's\n\n a cat (or  zebras).\t");
    check_round_trip(&trained, "\xF0\x9F\x90\x88 \xC3\x84\xC3\x84!!",
                     "\xF0\x9F\x90\x88 \xC3\x84\xC3\x84!!");
    check_round_trip(&trained, " ", " ");
    check_round_trip(&trained, ".", ".");
    check_round_trip(&trained, "", "");
    release(&trained);
}

/* 41 words take 259 ... 299; the 42nd would be the image's token. */
static void test_words_pass_over_special_tokens(void)
{
    struct trained trained;
    char text[512], *end = text;

    for (int i = 0; i < 50; i++)
        end += sprintf(end, " w%d", i);
    CHECK_INT(train(&trained, "words", text + 1), MIMO_OK);
    CHECK_INT(trained.tokenizer.entries, 259 + 51);
    CHECK_TEXT(encode(&trained, "w40 w41", IDS_MAX), "299 301");
    check_round_trip(&trained, "w40 w41 w49", "w40 w41 w49");
    release(&trained);
}

static void test_special_ids_are_no_text(void)
{
    const int32_t ids[] = {256, 260, FIXTURE_IMAGE, 0, 999, -1, 258, 46, 257, INT32_MAX, INT32_MIN};
    struct trained trained;
    char *text;

    CHECK_INT(train(&trained, "words", "a cat"), MIMO_OK);
    text = mimo_tokenizer_decode(&trained.tokenizer, ids, sizeof ids / sizeof *ids);
    CHECK_TEXT(text, "cat.");
    free(text);
    release(&trained);
}

static void test_many_words(void)
{
    struct trained trained;
    char *text = malloc(200000), *end = text, word[16], expected[16];

    for (int i = 0; i < 20000; i++)
        end += sprintf(end, "%s%05d", i == 0 ? "" : " ", (i * 7919) % 20000);
    CHECK_INT(train(&trained, "words", text), MIMO_E_DATA);
    CHECK_TEXT(trained.fixture.err.message,
               "the tokenizer \"words\" has 20260 entries, but the vocab_size of llm is 1000");
    for (int i = 0; i < 20000; i += 997) {
        (void)snprintf(word, sizeof word, "%05d", (i * 7919) % 20000);
        (void)snprintf(expected, sizeof expected, "%d", 259 + i + (259 + i >= FIXTURE_IMAGE));
        CHECK_TEXT(encode(&trained, word, IDS_MAX), expected);
    }
    free(text);
    release(&trained);
}

static void test_refusals(void)
{
    struct fixture fixture;
    struct mimo_tokenizer tokenizer;

    fixture_init(&fixture, "vicuna/tokenizer.model");
    CHECK_INT(mimo_tokenizer_init(&tokenizer, &fixture.plan, &fixture.err), MIMO_E_WORLD);
    CHECK_CONTAINS(fixture.err.message, "\"vicuna/tokenizer.model\"");
    fixture.data.tokenizer = fixture_text(&fixture, "bytes");
    fixture.modalities[0].special_token = 97;
    fixture.err = (struct mimo_error){0};
    CHECK_INT(mimo_tokenizer_init(&tokenizer, &fixture.plan, &fixture.err), MIMO_OK);
    CHECK_INT(mimo_tokenizer_train(&tokenizer, &fixture.plan, NULL, &fixture.err), MIMO_E_DATA);
    CHECK_CONTAINS(fixture.err.message, "special_token 97 of images is a text token");
    fixture.modules[1].vocab_size = 258;
    fixture.err = (struct mimo_error){0};
    CHECK_INT(mimo_tokenizer_train(&tokenizer, &fixture.plan, NULL, &fixture.err), MIMO_E_DATA);
    CHECK_CONTAINS(fixture.err.message, "has 259 entries, but the vocab_size of llm is 258");
    mimo_tokenizer_release(&tokenizer);
    fixture_release(&fixture);
}

static const struct mimo_test TESTS[] = {
    {"bytes", test_bytes},
    {"words are numbered by frequency", test_words_by_frequency},
    {"unknown words are bytes", test_unknown_words_are_bytes},
    {"words come back, in lower case", test_words_round_trip},
    {"words pass over special tokens", test_words_pass_over_special_tokens},
    {"special ids are no text", test_special_ids_are_no_text},
    {"many words", test_many_words},
    {"refusals", test_refusals},
};

MIMO_TEST_MAIN("data: tokenizer", TESTS)
