#include "tests/unit/check.h"
#include "tests/unit/data/fixture.h"

#include <stdlib.h>

#define MINIMAL(id) "{\"id\": " id ", \"conversations\": [{\"from\": \"gpt\", \"value\": \"x\"}]}"

static void check_refusal(const char *json, const char *part)
{
    struct fixture fixture;

    fixture_init(&fixture, "bytes");
    CHECK_CONTAINS(fixture_refusal(&fixture, json), part);
    CHECK_CONTAINS(fixture.err.message, "/train.json: ");
    CHECK_INT(fixture.err.status, MIMO_E_DATA);
    fixture_release(&fixture);
}

static void check_count(const char *json, uint64_t count)
{
    struct fixture fixture;
    struct mimo_dataset *dataset;

    fixture_init(&fixture, "bytes");
    dataset = fixture_open(&fixture, json);
    CHECK_TEXT(fixture.err.message, "");
    CHECK_INT(dataset == NULL ? 0 : mimo_dataset_count(dataset), count);
    mimo_dataset_close(dataset);
    fixture_release(&fixture);
}

static void test_arrays(void)
{
    check_count("[" MINIMAL("1") "]", 1);
    check_count("\n [\n" MINIMAL("1") " ,\r\n\t" MINIMAL("2") "," MINIMAL("3") "\n]\n", 3);
}

static void test_lines(void)
{
    check_count(MINIMAL("1"), 1);
    check_count(MINIMAL("1") "\n" MINIMAL("2") "\r\n\n  " MINIMAL("3") "\n\n", 3);
}

static void test_errors_in_arrays(void)
{
    check_refusal("[]", "no records");
    check_refusal("[", "line 1: ");
    check_refusal("[\n" MINIMAL("1") ",\n\n{\"id\": nope}]", "line 4: invalid token");
    check_refusal("[\n" MINIMAL("1") ",\n\n{\"id\":\n 1,,}]", "line 5: ");
    check_refusal("[\n" MINIMAL("1") ",\n3]", "line 3: ");
    check_refusal("[" MINIMAL("1") ",]", "line 1: ");
    check_refusal("[\n" MINIMAL("1") "\n" MINIMAL("2") "]",
                  "line 3: \",\" or \"]\" expected after a record");
    check_refusal("[\n" MINIMAL("1"), "line 2: \",\" or \"]\" expected after a record");
    check_refusal("[" MINIMAL("1") "]\n]", "line 2: something follows the list of records");
    check_refusal("[[]]", "line 1: a record is not an object");
}

static void test_errors_in_lines(void)
{
    check_refusal("", "no records");
    check_refusal(" \n\n", "no records");
    check_refusal(MINIMAL("1") "\n\n{\"id\": 1", "line 3: ");
    check_refusal(MINIMAL("1") "\n{\"id\": 1\n" MINIMAL("2"), "line 2: ");
    check_refusal(MINIMAL("1") "\n" MINIMAL("1") " " MINIMAL("2"), "line 2: end of file expected");
    check_refusal("{\"id\": 1, \"id\": 2}", "line 1: duplicate object key");
    check_refusal("{\"id\": \"\\u0000\"}", "line 1: ");
    check_refusal("{\"id\": \"\xff\"}", "line 1: ");
    check_refusal("\"text\"", "line 1: ");
    check_refusal("\x80\x81", "line 1: ");
}

static void test_deep_nesting(void)
{
    static const char prefix[] = "{\"conversations\": ";
    const size_t depth = 100000;
    char *json = malloc(sizeof prefix + depth);

    memcpy(json, prefix, sizeof prefix);
    memset(json + sizeof prefix - 1, '[', depth);
    json[sizeof prefix - 1 + depth] = '\0';
    check_refusal(json, "line 1: maximum parsing depth reached");
    free(json);
}

static const char *const WRONG_TYPES[] = {
    "null",
    "true",
    "-1",
    "1e300",
    "\"text\"",
    "[]",
    "{}",
    "[null]",
    "[[]]",
    "[{}]",
    "[\"a\", 3]",
    "{\"from\": 3}",
    "[{\"from\": \"gpt\", \"value\": []}]",
    "[{\"from\": {}, \"value\": \"x\"}]",
};

/* Any value for any field: the file opens, the record is a bad sample or a good one. */
static void test_wrong_types(void)
{
    static const char *const fields[] = {"id", "image", "images", "conversations", "prompt"};
    char json[256];

    for (size_t field = 0; field < sizeof fields / sizeof *fields; field++)
        for (size_t type = 0; type < sizeof WRONG_TYPES / sizeof *WRONG_TYPES; type++) {
            struct fixture fixture;
            struct mimo_dataset *dataset;
            enum mimo_status status;

            fixture_init(&fixture, "words");
            (void)snprintf(json, sizeof json, "{\"%s\": %s}", fields[field], WRONG_TYPES[type]);
            dataset = fixture_open(&fixture, json);
            CHECK(dataset != NULL);
            CHECK(mimo_dataset_id(dataset, 0) != NULL);
            status = mimo_dataset_tokens(dataset, 0, &fixture.tokens, &fixture.err);
            CHECK_INT(status, MIMO_E_DATA);
            CHECK_CONTAINS(fixture.err.message, "record 0 (line 1): ");
            mimo_dataset_close(dataset);
            fixture_release(&fixture);
        }
}

/* Every prefix of a good file, and every byte of it changed. */
static void test_damaged_files(void)
{
    char json[] = "[{\"id\": \"a\", \"image\": [\"b\"], \"conversations\": [{\"from\": \"human\", "
                  "\"value\": \"<image>\\u00e9\"}, {\"from\": \"gpt\", \"value\": \"c\"}]}]";
    struct fixture fixture;

    fixture_init(&fixture, "bytes");
    for (size_t i = 0; i + 1 < sizeof json; i++) {
        const char byte = json[i];
        json[i] = '\0';
        CHECK_CONTAINS(fixture_refusal(&fixture, json), "train.json: ");
        json[i] = (char)(byte ^ 0x15);
        (void)fixture_refusal(&fixture, json);
        json[i] = byte;
    }
    CHECK_TEXT(fixture_refusal(&fixture, json), "(opened)");
    fixture_release(&fixture);
}

static void test_ids(void)
{
    struct fixture fixture;
    struct mimo_dataset *dataset;

    fixture_init(&fixture, "bytes");
    dataset = fixture_open(&fixture,
                           MINIMAL("\"000\\u00e9\"") "\n" MINIMAL("17") "\n" MINIMAL("1.5") "\n{}");
    CHECK_TEXT(mimo_dataset_id(dataset, 0), "000\xC3\xA9");
    CHECK_TEXT(mimo_dataset_id(dataset, 1), "17");
    CHECK_TEXT(mimo_dataset_id(dataset, 2), "");
    CHECK_TEXT(mimo_dataset_id(dataset, 3), "");
    CHECK_INT(mimo_dataset_tokens(dataset, 3, &fixture.tokens, &fixture.err), MIMO_E_DATA);
    CHECK_CONTAINS(fixture.err.message, "record 3 (line 4): it has no conversation");
    mimo_dataset_close(dataset);
    fixture_release(&fixture);
}

static void test_missing_file(void)
{
    struct fixture fixture;
    struct mimo_dataset *dataset = NULL;

    fixture_init(&fixture, "bytes");
    CHECK_INT(mimo_dataset_open(&dataset, &fixture.plan, fixture.folder, NULL, &fixture.err),
              MIMO_E_DATA);
    CHECK(dataset == NULL);
    CHECK_CONTAINS(fixture.err.message, "/train.json: No such file");
    fixture_release(&fixture);
}

static const struct mimo_test TESTS[] = {
    {"arrays", test_arrays},
    {"lines", test_lines},
    {"errors in arrays", test_errors_in_arrays},
    {"errors in lines", test_errors_in_lines},
    {"deep nesting", test_deep_nesting},
    {"wrong types", test_wrong_types},
    {"damaged files", test_damaged_files},
    {"ids", test_ids},
    {"a missing file", test_missing_file},
};

MIMO_TEST_MAIN("data: records", TESTS)
