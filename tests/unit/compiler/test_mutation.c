/*
 * The example of the language, mutated: each token deleted, doubled and replaced, byte ranges cut
 * out and overwritten. Nothing crashes, every diagnostic stands inside its file, both sinks print
 * it, and what has no error compiles to a plan.
 */
#include "compiler/planner/compile.h"
#include "plan/file.h"
#include "tests/unit/check.h"
#include "tests/unit/compiler/front.h"

#include <ctype.h>
#include <stdlib.h>

enum { TEXT_BYTES_MAX = 16 * 1024 };

static char example[TEXT_BYTES_MAX];
static size_t example_size;

static void read_example(void)
{
    struct mimo_error err = {0};
    char *bytes;

    MIMO_ASSERT(mimo_file_read(MIMO_EXAMPLE, sizeof example, &bytes, &example_size, &err) ==
                MIMO_OK);
    memcpy(example, bytes, example_size);
    free(bytes);
}

static void check_spans(const struct front *front)
{
    for (size_t i = 0; i < front->diagnostics.count; i++) {
        const struct mimo_diagnostic *item = front->diagnostics.items[i];
        const struct mimo_source *source = mimo_source(&front->sources, item->span.file);
        const bool is_inside = item->span.begin <= item->span.end && item->span.end <= source->size;
        if (!is_inside || strcmp(source->name, "test.mimo") != 0)
            (void)printf("\n  %s in %s: %u ... %u\n", item->message, source->name, item->span.begin,
                         item->span.end);
        CHECK(is_inside);
        CHECK_TEXT(source->name, "test.mimo"); /* never the schema's defaults */
    }
}

static void check_bytes(const char *text, size_t size)
{
    struct front front;
    const unsigned char *plan = NULL;
    size_t plan_size = 0;

    front_run_bytes(&front, text, size);
    if (front.declaration.model != NULL) {
        mimo_compile(&front.declaration, &front.arena, &front.diagnostics, &plan, &plan_size);
        CHECK_INT(plan != NULL, front.diagnostics.error_count == 0);
    }
    check_spans(&front);
    (void)front_text(&front);
    (void)front_json(&front);
    front_release(&front);
}

/* The example with bytes begin ... end - 1 replaced. */
static void check_replaced(size_t begin, size_t end, const char *bytes, size_t size)
{
    char *text = malloc(example_size + size + 1); /* no slack, so that sanitizers see overruns */
    const size_t total = example_size - (end - begin) + size;

    MIMO_ASSERT(text != NULL);
    memcpy(text, example, begin);
    memcpy(text + begin, bytes, size);
    memcpy(text + begin + size, example + end, example_size - end);
    check_bytes(text, total);
    free(text);
}

static bool is_word_byte(char byte)
{
    return isalnum((unsigned char)byte) || byte == '_';
}

/* The end of the token at `begin`, comments counting as one. */
static size_t token_end(size_t begin)
{
    size_t end = begin + 1;

    if (example[begin] == '#')
        return begin + strcspn(example + begin, "\n");
    while (is_word_byte(example[begin]) && end < example_size && is_word_byte(example[end]))
        end++;
    return end;
}

static void test_tokens(void)
{
    static const char *const others[] = {
        "{", "}",     "=",   "x",           "0",    "-1",   "\"",    ";",
        "[", "(",     ",",   "99999999999", "llm",  "none", "param", "\xC3",
        ".", "1 / 0", ": :", "#",           "auto", "2.5",  "1GB",   "all",
    };
    size_t turn = 0;

    for (size_t begin = 0, end; begin < example_size; begin = end) {
        const char *other = others[turn % (sizeof others / sizeof *others)];
        end = token_end(begin);
        if (isspace((unsigned char)example[begin]) || example[begin] == '#')
            continue;
        turn += 7; /* prime to the number of replacements, so that they meet all kinds of token */
        check_replaced(begin, end, "", 0);
        check_replaced(begin, begin, example + begin, end - begin);
        check_replaced(begin, end, other, strlen(other));
    }
    CHECK(turn > 7 * 300);
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u; /* Numerical Recipes' generator */
    return *state >> 8;
}

static void test_ranges(void)
{
    uint32_t state = 1;

    for (int i = 0; i < 600; i++) {
        const size_t begin = next_random(&state) % example_size;
        const size_t length = next_random(&state) % 80;
        const size_t end = begin + length < example_size ? begin + length : example_size;
        char noise[8];
        for (size_t j = 0; j < sizeof noise; j++)
            noise[j] = (char)(next_random(&state) & 0xFF);
        check_replaced(begin, end, "", 0);
        check_replaced(begin, end, noise, next_random(&state) % sizeof noise);
    }
}

/* Every beginning of the file, so that it ends at every possible place. */
static void test_prefixes(void)
{
    for (size_t size = 0; size < example_size; size += 3)
        check_replaced(size, example_size, "", 0);
}

static void test_example(void)
{
    struct front front;

    front_run_bytes(&front, example, example_size);
    if (front.diagnostics.count > 0)
        (void)printf("\n%s", front_text(&front));
    CHECK_INT(front.diagnostics.count, 0);
    front_release(&front);
    check_bytes(example, example_size);
}

static void test_start(void)
{
    read_example();
    CHECK(example_size > 1000);
}

static const struct mimo_test TESTS[] = {
    {"read the example", test_start}, {"the example", test_example}, {"tokens", test_tokens},
    {"byte ranges", test_ranges},     {"prefixes", test_prefixes},
};

MIMO_TEST_MAIN("mutation", TESTS)
