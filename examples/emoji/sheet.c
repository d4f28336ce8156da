#include "examples/emoji/sheet.h"

#include "plan/file.h"

#include <stdlib.h>
#include <string.h>

#define IMAGE_BYTES_MAX (4u << 20)
#define PATH_BYTES_MAX  4096

/* What marks right and wrong besides colour: a sign and a word. */
#define SIGN_RIGHT                                                                                 \
    "<svg viewBox='0 0 16 16' aria-hidden='true'><path d='M3 8.5l3.2 3.2L13 5'/></svg>"
#define SIGN_WRONG                                                                                 \
    "<svg viewBox='0 0 16 16' aria-hidden='true'><path d='M4 4l8 8M12 4l-8 8'/></svg>"

/* Control characters have no place in HTML; the replacement character shows that there was one. */
static void escaped_print(FILE *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '&')
            (void)fputs("&amp;", out);
        else if (*c == '<')
            (void)fputs("&lt;", out);
        else if (*c == '>')
            (void)fputs("&gt;", out);
        else if (*c == '"')
            (void)fputs("&quot;", out);
        else if (*c == '\'')
            (void)fputs("&#39;", out);
        else if ((*c >= 0 && *c < ' ' && strchr("\t\n\r", *c) == NULL) || *c == 0x7f)
            (void)fputs("&#xFFFD;", out);
        else
            (void)fputc(*c, out);
    }
}

static void base64_print(FILE *out, const unsigned char *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < size; i += 3) {
        const size_t left = size - i;
        const unsigned second = left > 1 ? bytes[i + 1] : 0, third = left > 2 ? bytes[i + 2] : 0;
        const unsigned group = (unsigned)bytes[i] << 16 | second << 8 | third;
        (void)fputc(digits[group >> 18], out);
        (void)fputc(digits[group >> 12 & 63], out);
        (void)fputc(left > 1 ? digits[group >> 6 & 63] : '=', out);
        (void)fputc(left > 2 ? digits[group & 63] : '=', out);
    }
}

/* The media type by the file's first bytes; NULL for other files. */
static const char *image_type(const char *bytes, size_t size)
{
    if (size >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0)
        return "image/png";
    if (size >= 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0)
        return "image/jpeg";
    return NULL;
}

static enum mimo_status image_print(FILE *out, const char *images_root, const char *image,
                                    const char *description, struct mimo_error *err)
{
    char path[PATH_BYTES_MAX];
    char *bytes = NULL;
    size_t size = 0;
    const char *type;

    if (snprintf(path, sizeof path, "%s/%s", images_root, image) >= (int)sizeof path)
        return mimo_error_set(err, MIMO_E_USAGE, "the name of the image %.100s... is too long",
                              image);
    MIMO_TRY(mimo_file_read(path, IMAGE_BYTES_MAX, &bytes, &size, err));
    type = image_type(bytes, size);
    if (type != NULL) {
        (void)fprintf(out, "<img src=\"data:%s;base64,", type);
        base64_print(out, (const unsigned char *)bytes, size);
        (void)fputs("\" alt=\"", out);
        escaped_print(out, description);
        (void)fputs("\">", out);
    }
    free(bytes);
    if (type == NULL)
        return mimo_error_set(err, MIMO_E_DATA, "%s is neither PNG nor JPEG", path);
    return MIMO_OK;
}

static void verdict_print(FILE *out, bool is_right)
{
    (void)fprintf(out, "<span class=\"verdict\">%s%s</span>", is_right ? SIGN_RIGHT : SIGN_WRONG,
                  is_right ? "right" : "wrong");
}

static void answer_print(FILE *out, const char *answer)
{
    if (answer == NULL)
        (void)fputs("<i>no answer</i>", out);
    else if (*answer == '\0')
        (void)fputs("<i>an empty answer</i>", out);
    else
        escaped_print(out, answer);
}

static enum mimo_status card_print(FILE *out, const struct mimo_caption *caption,
                                   const char *images_root, struct mimo_error *err)
{
    (void)fprintf(out, "<li class=\"card %s\">", caption->is_right ? "right" : "wrong");
    MIMO_TRY(image_print(out, images_root, caption->image, caption->truth, err));
    (void)fputs("<div>", out);
    verdict_print(out, caption->is_right);
    (void)fputs("<dl><dt>True caption</dt><dd>", out);
    escaped_print(out, caption->truth);
    (void)fputs("</dd><dt>Generated caption</dt><dd class=\"generated\">", out);
    answer_print(out, caption->answer);
    (void)fputs("</dd></dl></div></li>\n", out);
    return MIMO_OK;
}

static void head_print(FILE *out, const struct mimo_caption_list *list)
{
    (void)fprintf(out,
                  "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                  "<meta name=\"color-scheme\" content=\"light dark\">\n"
                  "<title>Captions right: %zu of %zu</title>\n<style>\n%s</style>\n</head>\n",
                  list->right_count, list->count, mimo_sheet_style);
}

/* The legend is also the choice of what is shown: radio buttons, which the style sheet reads. */
static void legend_print(FILE *out, const struct mimo_caption_list *list)
{
    (void)fprintf(out,
                  "<fieldset class=\"legend\"><legend>Show</legend>\n"
                  "<label><input type=\"radio\" name=\"show\" id=\"show-all\" checked>"
                  "all <b>%zu</b></label>\n"
                  "<label class=\"right\"><input type=\"radio\" name=\"show\" id=\"show-right\">",
                  list->count);
    verdict_print(out, true);
    (void)fprintf(out,
                  "the generated caption is the true one <b>%zu</b></label>\n"
                  "<label class=\"wrong\"><input type=\"radio\" name=\"show\" id=\"show-wrong\">",
                  list->right_count);
    verdict_print(out, false);
    (void)fprintf(out, "it differs <b>%zu</b></label>\n</fieldset>\n",
                  list->count - list->right_count);
}

static void header_print(FILE *out, const struct mimo_caption_list *list)
{
    (void)fprintf(out,
                  "<header>\n<h1>Emoji captioner</h1>\n"
                  "<p class=\"score\"><b>%zu</b> of %zu captions right</p>\n"
                  "<meter min=\"0\" max=\"%zu\" value=\"%zu\" aria-label=\"share of captions "
                  "right\"></meter>\n"
                  "<p class=\"note\">The model never saw these renderings: each has a scale, an "
                  "offset and a background of its own. A caption counts as right where it is the "
                  "true one letter for letter.</p>\n",
                  list->right_count, list->count, list->count > 0 ? list->count : 1,
                  list->right_count);
    legend_print(out, list);
    (void)fputs("</header>\n", out);
}

static enum mimo_status page_print(FILE *out, const struct mimo_caption_list *list,
                                   const char *images_root, struct mimo_error *err)
{
    head_print(out, list);
    (void)fputs("<body>\n", out);
    header_print(out, list);
    (void)fputs("<main>\n<ul class=\"grid\">\n", out);
    for (size_t i = 0; i < list->count; i++)
        MIMO_TRY(card_print(out, &list->items[i], images_root, err));
    (void)fputs("</ul>\n</main>\n</body>\n</html>\n", out);
    return MIMO_OK;
}

enum mimo_status mimo_sheet_print(const struct mimo_caption_list *list, const char *images_root,
                                  char **out_html, size_t *out_size, struct mimo_error *err)
{
    char *html = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&html, &size);
    enum mimo_status status;

    if (out == NULL)
        return mimo_error_errno(err, MIMO_E_FAILED, "cannot print the sheet");
    status = page_print(out, list, images_root, err);
    if (fclose(out) != 0 && status == MIMO_OK)
        status = mimo_error_errno(err, MIMO_E_FAILED, "cannot print the sheet");
    if (status != MIMO_OK) {
        free(html);
        return status;
    }
    *out_html = html;
    *out_size = size;
    return MIMO_OK;
}
