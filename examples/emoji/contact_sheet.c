/*
 * contact-sheet - scores generated captions and shows them beside their pictures in one HTML page.
 */
#include "examples/emoji/captions.h"
#include "examples/emoji/sheet.h"
#include "plan/file.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define EXAMPLES_MAX 8

static const char usage_text[] =
    "usage: contact-sheet TEST_JSON IMAGES_ROOT ANSWERS_JSONL -o SHEET_HTML\n"
    "\n"
    "  TEST_JSON      the test's records with the true captions\n"
    "  IMAGES_ROOT    the folder that the records' images are relative to\n"
    "  ANSWERS_JSONL  what mimo-exec --generate --prompts wrote\n"
    "  -o SHEET_HTML  the page to write\n"
    "  --help         this text\n"
    "\n"
    "Prints some examples and, as its last line, \"captions right: X of N\".\n"
    "Exit status: 0 done; 2 command line or file system; 5 a file is not of its form;\n"
    "1 any other failure.\n";

struct arguments {
    const char *truth, *images_root, *answers, *sheet;
};

static enum mimo_status arguments_parse(int argc, char **argv, struct arguments *out_arguments,
                                        struct mimo_error *err)
{
    static const struct option choices[] = {
        {"output", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'}, {0}};
    int choice;

    while ((choice = getopt_long(argc, argv, "o:", choices, NULL)) != -1) {
        if (choice == 'h') {
            (void)fputs(usage_text, stdout);
            exit(0);
        }
        if (choice != 'o') /* getopt_long has printed what is wrong */
            return mimo_error_set(err, MIMO_E_USAGE, "see contact-sheet --help");
        out_arguments->sheet = optarg;
    }
    if (argc - optind != 3 || out_arguments->sheet == NULL)
        return mimo_error_set(err, MIMO_E_USAGE,
                              "three files and -o are needed; "
                              "see contact-sheet --help");
    out_arguments->truth = argv[optind];
    out_arguments->images_root = argv[optind + 1];
    out_arguments->answers = argv[optind + 2];
    return MIMO_OK;
}

/* What a model says goes to a terminal: without control characters. */
static void caption_print(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        (void)putchar((*c >= 0 && *c < ' ') || *c == 0x7f ? '?' : *c);
}

static void example_print(const struct mimo_caption *caption)
{
    (void)printf("  %s  ", caption->is_right ? "right" : "wrong");
    caption_print(caption->truth);
    if (!caption->is_right) {
        (void)printf("  (said: ");
        caption_print(caption->answer != NULL ? caption->answer : "nothing");
        (void)printf(")");
    }
    (void)printf("\n");
}

static enum mimo_status sheet_write(struct mimo_arena *arena, const struct arguments *arguments,
                                    struct mimo_caption_list *out_list, struct mimo_error *err)
{
    char *html = NULL;
    size_t size = 0;
    enum mimo_status status;

    MIMO_TRY(mimo_caption_list_read(arena, arguments->truth, arguments->answers, out_list, err));
    MIMO_TRY(mimo_sheet_print(out_list, arguments->images_root, &html, &size, err));
    status = mimo_file_write(arguments->sheet, html, size, err);
    free(html);
    return status;
}

static void summary_print(const struct mimo_caption_list *list, const char *sheet)
{
    for (size_t i = 0; i < list->count && i < EXAMPLES_MAX; i++)
        example_print(&list->items[i]);
    (void)printf("contact sheet: %s\n", sheet);
    (void)printf("captions right: %zu of %zu\n", list->right_count, list->count);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct mimo_arena arena = {0};
    struct mimo_caption_list list = {0};
    struct mimo_error err = {0};
    enum mimo_status status = arguments_parse(argc, argv, &arguments, &err);

    if (status == MIMO_OK)
        status = sheet_write(&arena, &arguments, &list, &err);
    if (status == MIMO_OK)
        summary_print(&list, arguments.sheet);
    else
        (void)fprintf(stderr, "contact-sheet: %s\n", err.message);
    mimo_arena_release(&arena);
    if (status == MIMO_OK && fflush(stdout) != 0)
        status = MIMO_E_USAGE;
    return (int)status;
}
