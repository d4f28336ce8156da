#include "examples/emoji/unicode_names.h"

#include <string.h>

#define VARIATION_SELECTOR 0xfe0fu
#define SKIN_TONE_FIRST    0x1f3fbu
#define SKIN_TONE_LAST     0x1f3ffu
#define CODE_POINT_LAST    0x10ffffu

/* A piece of the text: bytes that are not NUL-terminated. */
struct span {
    const char *at, *end;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct span span_trim(struct span span)
{
    while (span.at < span.end && is_blank(*span.at))
        span.at++;
    while (span.at < span.end && is_blank(span.end[-1]))
        span.end--;
    return span;
}

static bool span_equals(struct span span, const char *word)
{
    const size_t length = (size_t)(span.end - span.at);

    return length == strlen(word) && memcmp(span.at, word, length) == 0;
}

/* Cuts `rest` at the first `mark`: what stands before it is returned, what follows it remains.
 * Without the mark all of it is returned and nothing remains. */
static struct span span_cut(struct span *rest, char mark)
{
    const size_t length = (size_t)(rest->end - rest->at);
    const char *found = length > 0 ? memchr(rest->at, mark, length) : NULL;
    const struct span head = {rest->at, found != NULL ? found : rest->end};

    rest->at = found != NULL ? found + 1 : rest->end;
    return head;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

static bool code_parse(struct span word, uint32_t *out_code)
{
    uint32_t code = 0;

    if (word.at == word.end || word.end - word.at > 6)
        return false;
    for (const char *c = word.at; c < word.end; c++) {
        const int digit = hex_digit(*c);
        if (digit < 0)
            return false;
        code = code * 16 + (uint32_t)digit;
    }
    *out_code = code;
    return code > 0 && code <= CODE_POINT_LAST;
}

static bool codes_parse(struct span field, struct mimo_emoji *emoji)
{
    struct span rest = span_trim(field);

    while (rest.at < rest.end) {
        const struct span word = span_trim(span_cut(&rest, ' '));
        if (word.at == word.end)
            continue;
        if (emoji->code_count == MIMO_EMOJI_CODES_MAX ||
            !code_parse(word, &emoji->codes[emoji->code_count]))
            return false;
        emoji->code_count++;
    }
    return emoji->code_count > 0;
}

/* The comment is the emoji itself, the version that brought it, and the name. */
static bool name_parse(struct mimo_arena *arena, struct span comment, struct mimo_emoji *emoji)
{
    struct span rest = span_trim(comment);
    struct span version;
    char *name;

    (void)span_cut(&rest, ' ');
    version = span_cut(&rest, ' ');
    rest = span_trim(rest);
    if (version.at == version.end || *version.at != 'E' || rest.at == rest.end)
        return false;
    name = mimo_arena_copy(arena, rest.at, (size_t)(rest.end - rest.at));
    for (char *c = name; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    emoji->name = name;
    return true;
}

static const char *id_make(struct mimo_arena *arena, const struct mimo_emoji *emoji)
{
    const char *id = "";

    for (unsigned i = 0; i < emoji->code_count; i++)
        if (emoji->codes[i] != VARIATION_SELECTOR)
            id = mimo_arena_printf(arena, "%s%s%x", id, *id != '\0' ? "-" : "", emoji->codes[i]);
    return id;
}

static bool is_wanted(const struct mimo_emoji *emoji, bool with_sequences)
{
    unsigned significant = 0;

    for (unsigned i = 0; i < emoji->code_count; i++) {
        const uint32_t code = emoji->codes[i];
        if (code >= SKIN_TONE_FIRST && code <= SKIN_TONE_LAST)
            return false;
        significant += code != VARIATION_SELECTOR;
    }
    return significant == 1 || (with_sequences && significant > 1);
}

/* Adds the emoji of one line, where it has one that is wanted; false where it does not parse. */
static bool line_parse(struct mimo_arena *arena, struct span line, bool with_sequences,
                       struct mimo_emoji_list *list)
{
    struct mimo_emoji emoji = {0};
    struct span codes, status;

    line = span_trim(line);
    if (line.at == line.end || *line.at == '#')
        return true;
    codes = span_cut(&line, ';');
    status = span_trim(span_cut(&line, '#'));
    if (status.at == status.end || !codes_parse(codes, &emoji) || !name_parse(arena, line, &emoji))
        return false;
    if (!span_equals(status, "fully-qualified") || !is_wanted(&emoji, with_sequences))
        return true;
    emoji.id = id_make(arena, &emoji);
    MIMO_APPEND(arena, list->items, list->count, list->capacity, emoji);
    return true;
}

enum mimo_status mimo_emoji_list_parse(struct mimo_arena *arena, const char *origin,
                                       const char *text, size_t size, bool with_sequences,
                                       struct mimo_emoji_list *out_list, struct mimo_error *err)
{
    struct mimo_emoji_list list = {0};
    struct span rest = {text, text + size};

    for (size_t number = 1; rest.at < rest.end; number++)
        if (!line_parse(arena, span_cut(&rest, '\n'), with_sequences, &list))
            return mimo_error_set(err, MIMO_E_DATA,
                                  "%s:%zu: not a line of Unicode's emoji-test.txt", origin, number);
    *out_list = list;
    return MIMO_OK;
}
