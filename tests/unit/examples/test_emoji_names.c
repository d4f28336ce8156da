/* Parsing of Unicode's emoji-test.txt. */
#include "examples/emoji/unicode_names.h"
#include "tests/unit/check.h"

static struct mimo_arena arena;

static enum mimo_status parse(const char *text, bool with_sequences, struct mimo_emoji_list *list,
                              struct mimo_error *err)
{
    return mimo_emoji_list_parse(&arena, "list", text, strlen(text), with_sequences, list, err);
}

static const char sample[] =
    "# emoji-test.txt\n"
    "\n"
    "# group: Smileys & Emotion\n"
    "1F600          ; fully-qualified     # \U0001f600 E1.0 grinning face\n"
    "263A FE0F      ; fully-qualified     # \u263a\ufe0f E0.6 smiling face\n"
    "263A           ; unqualified         # \u263a E0.6 smiling face\n"
    "1F3FB          ; component           # \U0001f3fb E1.0 light skin tone\n"
    "1F44B 1F3FB    ; fully-qualified     # \U0001f44b\U0001f3fb E1.0 waving hand: light skin "
    "tone\n"
    "1F468 200D 1F33E ; fully-qualified   # \U0001f468 E4.0 man farmer\n"
    "1F1E8 1F1EE    ; fully-qualified     # \U0001f1e8\U0001f1ee E2.0 flag: C\u00f4te "
    "d\u2019Ivoire\r\n"
    "1F385          ; fully-qualified     # \U0001f385 E0.6 Santa Claus";

static void test_single(void)
{
    struct mimo_emoji_list list = {0};
    struct mimo_error err = {0};

    CHECK_INT(parse(sample, false, &list, &err), MIMO_OK);
    CHECK_INT(list.count, 3);
    if (list.count == 3) {
        CHECK_TEXT(list.items[0].name, "grinning face");
        CHECK_TEXT(list.items[0].id, "1f600");
        CHECK_INT(list.items[0].codes[0], 0x1f600);
        CHECK_TEXT(list.items[1].name, "smiling face");
        CHECK_TEXT(list.items[1].id, "263a");
        CHECK_INT(list.items[1].code_count, 2);
        CHECK_TEXT(list.items[2].name, "santa claus");
    }
    mimo_arena_release(&arena);
}

static void test_sequences(void)
{
    struct mimo_emoji_list list = {0};
    struct mimo_error err = {0};

    CHECK_INT(parse(sample, true, &list, &err), MIMO_OK);
    CHECK_INT(list.count, 5);
    if (list.count == 5) {
        CHECK_TEXT(list.items[2].name, "man farmer");
        CHECK_TEXT(list.items[2].id, "1f468-200d-1f33e");
        CHECK_TEXT(list.items[3].name, "flag: c\u00f4te d\u2019ivoire");
    }
    mimo_arena_release(&arena);
}

static void test_nothing(void)
{
    struct mimo_emoji_list list = {.count = 9};
    struct mimo_error err = {0};

    CHECK_INT(parse("", false, &list, &err), MIMO_OK);
    CHECK_INT(list.count, 0);
    CHECK_INT(parse("# only a comment", false, &list, &err), MIMO_OK);
    CHECK_INT(list.count, 0);
    mimo_arena_release(&arena);
}

/* Each of these lines lacks something, or has too much of it. */
static void test_malformed(void)
{
    static const char *const lines[] = {
        "hello",
        "1F600",
        "1F600 ; fully-qualified",
        "1F600 ; fully-qualified # x",
        "1F600 ; fully-qualified # x E1.0",
        "1F600 ; fully-qualified # x 1.0 grinning face",
        "1F600 ; # x E1.0 grinning face",
        "; fully-qualified # x E1.0 grinning face",
        "1F60G ; fully-qualified # x E1.0 grinning face",
        "0 ; fully-qualified # x E1.0 grinning face",
        "110000 ; fully-qualified # x E1.0 grinning face",
        "1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 ; fully-qualified # x E1.0 grinning face",
    };

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct mimo_emoji_list list = {0};
        struct mimo_error err = {0};
        char text[256];
        (void)snprintf(text, sizeof text, "# first line\n%s\n", lines[i]);
        CHECK_INT(parse(text, true, &list, &err), MIMO_E_DATA);
        CHECK_CONTAINS(err.message, "list:2:");
    }
    mimo_arena_release(&arena);
}

static const struct mimo_test tests[] = {
    {"emoji of one code point", test_single},
    {"sequences", test_sequences},
    {"an empty list", test_nothing},
    {"lines that do not parse", test_malformed},
};

MIMO_TEST_MAIN("emoji names", tests)
