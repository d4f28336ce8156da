/* Scoring of captions, and the page that shows them. */
#include "examples/emoji/captions.h"
#include "examples/emoji/png.h"
#include "examples/emoji/sheet.h"
#include "plan/file.h"
#include "tests/unit/check.h"
#include "tests/unit/examples/scratch.h"

#include <stdlib.h>

#define RECORD(id, answer)                                                                         \
    "{\"id\":\"" id "\",\"image\":\"" id ".png\",\"conversations\":[{\"from\":\"human\","          \
    "\"value\":\"<image>\"},{\"from\":\"gpt\",\"value\":\"" answer "\"}]}"

static const char truth[] = "[" RECORD("a", "grinning face") "," RECORD(
    "b", "dog & cat") "," RECORD("c", "dog") "," RECORD("d", "piñata") "]";

static struct mimo_scratch scratch;
static struct mimo_arena arena;

static enum mimo_status list_read(const char *truth_text, const char *answers_text,
                                  struct mimo_caption_list *out_list, struct mimo_error *err)
{
    char truth_path[SCRATCH_PATH_MAX];

    mimo_scratch_write(&scratch, "test.json", truth_text);
    (void)snprintf(truth_path, sizeof truth_path, "%s", scratch.path);
    mimo_scratch_write(&scratch, "answers.jsonl", answers_text);
    return mimo_caption_list_read(&arena, truth_path, scratch.path, out_list, err);
}

static void begin(void)
{
    mimo_scratch_make(&scratch);
}

static void end(void)
{
    mimo_arena_release(&arena);
    mimo_scratch_remove(&scratch);
}

/* By id, by number, out of order, with white space around; one wrong, one missing. */
static void test_score(void)
{
    struct mimo_caption_list list = {0};
    struct mimo_error err = {0};

    begin();
    CHECK_INT(list_read(truth,
                        "{\"record\":3,\"answer\":\" piñata\\n\",\"tokens\":2}\n"
                        "\n"
                        "{\"record\":0,\"id\":\"a\",\"answer\":\"grinning face\"}\n"
                        "{\"record\":2,\"id\":\"c\",\"answer\":\"cat\"}",
                        &list, &err),
              MIMO_OK);
    CHECK_INT(list.count, 4);
    CHECK_INT(list.right_count, 2);
    if (list.count == 4) {
        CHECK(list.items[0].is_right);
        CHECK(list.items[1].answer == NULL && !list.items[1].is_right);
        CHECK_TEXT(list.items[2].answer, "cat");
        CHECK(!list.items[2].is_right);
        CHECK_TEXT(list.items[3].answer, "piñata");
        CHECK(list.items[3].is_right);
    }
    end();
}

/* What only begins like the truth, or differs in case, is wrong. */
static void test_exactness(void)
{
    struct mimo_caption_list list = {0};
    struct mimo_error err = {0};

    begin();
    CHECK_INT(list_read(truth,
                        "{\"id\":\"a\",\"answer\":\"Grinning face\"}\n"
                        "{\"id\":\"b\",\"answer\":\"dog &amp; cat\"}\n"
                        "{\"id\":\"c\",\"answer\":\"dog\\u0000cat\"}\n"
                        "{\"id\":\"d\",\"answer\":\"\"}\n",
                        &list, &err),
              MIMO_OK);
    CHECK_INT(list.right_count, 0);
    end();
}

static void test_bad_answers(void)
{
    static const struct {
        const char *answers, *message;
    } rows[] = {
        {"{\"id\":\"a\",\"answer\":\"x\"}\n{\"id\":\"zz\",\"answer\":\"x\"}", "answers.jsonl:2:"},
        {"{\"record\":4,\"answer\":\"x\"}", "no record"},
        {"{\"record\":-1,\"answer\":\"x\"}", "no record"},
        {"{\"answer\":\"x\"}", "no record"},
        {"{\"id\":\"a\",\"answer\":\"x\"}\n\n{\"record\":0,\"answer\":\"x\"}", "answered twice"},
        {"{\"id\":\"a\"}", "\"answer\""},
        {"{\"id\":\"a\",\"answer\":7}", "\"answer\""},
        {"[]", "\"answer\""},
        {"{\"id\":", "answers.jsonl:1:"},
    };

    begin();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mimo_caption_list list = {0};
        struct mimo_error err = {0};
        CHECK_INT(list_read(truth, rows[i].answers, &list, &err), MIMO_E_DATA);
        CHECK_CONTAINS(err.message, rows[i].message);
    }
    end();
}

static void test_bad_truth(void)
{
    static const char *const rows[] = {
        "",
        "[",
        "{}",
        "[1]",
        "[{\"id\":\"a\",\"image\":\"a.png\"}]",
        "[{\"id\":\"a\",\"conversations\":[{\"from\":\"gpt\",\"value\":\"x\"}]}]",
        "[{\"id\":\"a\",\"image\":\"a.png\",\"conversations\":[{\"from\":\"human\"}]}]",
    };

    begin();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mimo_caption_list list = {0};
        struct mimo_error err = {0};
        CHECK_INT(list_read(rows[i], "", &list, &err), MIMO_E_DATA);
        CHECK_CONTAINS(err.message, "test.json");
    }
    end();
}

static void picture_write(const char *name)
{
    const uint8_t rgb[2 * 2 * 3] = {0};
    struct mimo_error err = {0};
    void *png = NULL;
    size_t size = 0;

    CHECK_INT(mimo_png_encode(rgb, 2, &png, &size, &err), MIMO_OK);
    CHECK_INT(mimo_file_write(mimo_scratch_path(&scratch, name), png, size, &err), MIMO_OK);
    free(png);
}

static int occurrences(const char *text, const char *part)
{
    int count = 0;

    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        count++;
    return count;
}

static void test_page(void)
{
    struct mimo_caption_list list = {0};
    struct mimo_error err = {0};
    char *html = NULL;
    size_t size = 0;

    begin();
    picture_write("a.png");
    picture_write("b.png");
    CHECK_INT(list_read("[" RECORD("a", "dog & <cat>") "," RECORD("b", "bell") "]",
                        "{\"id\":\"a\",\"answer\":\"<script>alert('1')</script>\\u0007\"}\n"
                        "{\"id\":\"b\",\"answer\":\"bell\"}\n",
                        &list, &err),
              MIMO_OK);
    CHECK_INT(mimo_sheet_print(&list, scratch.root, &html, &size, &err), MIMO_OK);
    if (html != NULL) {
        CHECK_INT(size, strlen(html));
        CHECK_CONTAINS(html, "<b>1</b> of 2 captions right");
        CHECK_CONTAINS(html, "dog &amp; &lt;cat&gt;");
        CHECK_CONTAINS(html, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&#xFFFD;");
        CHECK_INT(occurrences(html, "<script"), 0);
        CHECK_INT(occurrences(html, "src=\"data:image/png;base64,iVBORw0KGgo"), 2);
        CHECK_INT(occurrences(html, "src="), 2);
        CHECK_INT(occurrences(html, "<li class=\"card right\">"), 1);
        CHECK_INT(occurrences(html, "<li class=\"card wrong\">"), 1);
    }
    free(html);
    end();
}

/* The test vectors of RFC 4648 are told by their padding: files of 8, 9 and 10 bytes. */
static void test_base64(void)
{
    static const struct {
        const char *bytes, *base64;
    } rows[] = {
        {"\xff\xd8\xff"
         "fooba",
         "base64,/9j/Zm9vYmE=\""},
        {"\xff\xd8\xff"
         "foobar",
         "base64,/9j/Zm9vYmFy\""},
        {"\xff\xd8\xff"
         "foob",
         "base64,/9j/Zm9vYg==\""},
    };

    begin();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mimo_caption caption = {.id = "a", .image = "a.jpg", .truth = "x"};
        const struct mimo_caption_list list = {&caption, 1, 1, 0};
        struct mimo_error err = {0};
        char *html = NULL;
        size_t size = 0;
        mimo_scratch_write(&scratch, "a.jpg", rows[i].bytes);
        CHECK_INT(mimo_sheet_print(&list, scratch.root, &html, &size, &err), MIMO_OK);
        CHECK_CONTAINS(html != NULL ? html : "", rows[i].base64);
        free(html);
    }
    end();
}

static void test_bad_picture(void)
{
    struct mimo_caption caption = {.id = "a", .image = "a.png", .truth = "x"};
    const struct mimo_caption_list list = {&caption, 1, 1, 0};
    struct mimo_error missing = {0}, other = {0};
    char *html = NULL;
    size_t size = 0;

    begin();
    CHECK_INT(mimo_sheet_print(&list, scratch.root, &html, &size, &missing), MIMO_E_USAGE);
    CHECK_CONTAINS(missing.message, "a.png");
    mimo_scratch_write(&scratch, "a.png", "GIF89a");
    CHECK_INT(mimo_sheet_print(&list, scratch.root, &html, &size, &other), MIMO_E_DATA);
    CHECK_CONTAINS(other.message, "neither PNG nor JPEG");
    CHECK(html == NULL);
    end();
}

static const struct mimo_test tests[] = {
    {"right, wrong and missing answers", test_score},
    {"exact matches only", test_exactness},
    {"answers that cannot be used", test_bad_answers},
    {"truth that cannot be used", test_bad_truth},
    {"the page shows texts as text", test_page},
    {"pictures as base64", test_base64},
    {"pictures that cannot be used", test_bad_picture},
};

MIMO_TEST_MAIN("contact sheet", tests)
