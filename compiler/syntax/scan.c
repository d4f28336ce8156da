#include "compiler/syntax/scan.h"

#include "compiler/text/source.h"
#include "compiler/text/text.h"

#include <inttypes.h>
#include <string.h>

enum { BAD_RUNS_MAX = 4 };

struct mimo_name mimo_scan_word(struct mimo_scan *scan, const char *text, size_t size,
                                struct mimo_span span)
{
    return (struct mimo_name){mimo_arena_copy(scan->diagnostics->arena, text, size), span};
}

/* The character that an escape stands for, or NUL. */
static char escaped(char letter)
{
    switch (letter) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case '"':
    case '\\':
        return letter;
    default:
        return '\0';
    }
}

static void report_escape(struct mimo_scan *scan, char letter, struct mimo_span span, size_t at)
{
    const uint32_t begin = span.begin + (uint32_t)at;
    const struct mimo_span place = {span.file, begin, begin + 2};
    struct mimo_diagnostic *diagnostic;

    if (scan->is_quiet)
        return;
    diagnostic =
        letter > ' ' && letter <= '~'
            ? mimo_diagnose(scan->diagnostics, MIMO_E0102, place, "'\\%c' is not an escape", letter)
            : mimo_diagnose(scan->diagnostics, MIMO_E0102, place, "a backslash begins an escape");
    mimo_diagnose_help(scan->diagnostics, diagnostic,
                       "the escapes are \\\", \\\\, \\n and \\t; write \\\\ for a backslash");
}

/* `size` bytes that begin with a quote; those from `end` on are not content. */
static struct mimo_name unquote(struct mimo_scan *scan, const char *text, size_t end,
                                struct mimo_span span)
{
    char *content = mimo_arena_copy(scan->diagnostics->arena, text, end);
    size_t length = 0;

    for (size_t i = 1; i < end; i++) {
        char byte = text[i];
        if (byte == '\\' && i + 1 < end) {
            byte = escaped(text[i + 1]);
            if (byte == '\0') {
                report_escape(scan, text[i + 1], span, i);
                byte = text[i + 1];
            }
            i++;
        }
        if (byte != '\0') /* already reported by mimo_scan_check_bytes() */
            content[length++] = byte;
    }
    content[length] = '\0';
    return (struct mimo_name){content, span};
}

struct mimo_name mimo_scan_string(struct mimo_scan *scan, const char *text, size_t size,
                                  struct mimo_span span)
{
    return unquote(scan, text, size - 1, span);
}

struct mimo_name mimo_scan_unterminated(struct mimo_scan *scan, const char *text, size_t size,
                                        struct mimo_span span)
{
    if (size > 1 && text[size - 1] == '\r') {
        size--;
        span.end--;
    }
    if (!scan->is_quiet)
        (void)mimo_diagnose(scan->diagnostics, MIMO_E0102, span,
                            "this string has no closing quote on its line");
    return unquote(scan, text, size, span);
}

/* `size` bytes at `text`, of a comment whose '#' is byte `span.begin` of the file. */
struct comment {
    const char *text;
    size_t size, at; /* where reading goes on */
    struct mimo_span span;
};

static void skip_any(struct comment *comment, const char *bytes)
{
    while (comment->at < comment->size && strchr(bytes, comment->text[comment->at]) != NULL)
        comment->at++;
}

static bool skip_text(struct comment *comment, const char *text)
{
    const size_t length = strlen(text);

    if (comment->size - comment->at < length ||
        memcmp(comment->text + comment->at, text, length) != 0)
        return false;
    comment->at += length;
    return true;
}

/* The bytes up to the next of `ends`. */
static struct mimo_name take_word(struct mimo_arena *arena, struct comment *comment,
                                  const char *ends)
{
    const size_t begin = comment->at;
    struct mimo_name name = {.span = comment->span};

    while (comment->at < comment->size && strchr(ends, comment->text[comment->at]) == NULL)
        comment->at++;
    name.text = mimo_arena_copy(arena, comment->text + begin, comment->at - begin);
    name.span.begin = comment->span.begin + (uint32_t)begin;
    name.span.end = comment->span.begin + (uint32_t)comment->at;
    return name;
}

void mimo_scan_comment(struct mimo_scan *scan, const char *text, size_t size, struct mimo_span span)
{
    struct mimo_arena *arena = scan->diagnostics->arena;
    struct comment comment = {.text = text, .size = size, .at = 1, .span = span};
    struct mimo_allow allow = {.span = span};

    MIMO_APPEND(arena, scan->tree->comments, scan->tree->comment_count,
                scan->tree->comment_capacity, span);
    if (text[size - 1] == '\r') {
        comment.size--;
        allow.span.end--;
    }
    skip_any(&comment, " ");
    if (!skip_text(&comment, "mimoc: allow "))
        return;
    for (skip_any(&comment, ", \t"); comment.at < comment.size; skip_any(&comment, ", \t")) {
        struct mimo_allowed allowed = {0};
        if (skip_text(&comment, "--")) {
            skip_any(&comment, " \t");
            allow.reason = take_word(arena, &comment, "").text;
            break;
        }
        allowed.code = take_word(arena, &comment, ", \t");
        MIMO_APPEND(arena, allow.codes, allow.code_count, allow.code_capacity, allowed);
    }
    MIMO_APPEND(arena, scan->tree->allows, scan->tree->allow_count, scan->tree->allow_capacity,
                allow);
}

/* A single & or |. Behind a double one it is rather one too many. */
static void suggest_double(struct mimo_scan *scan, struct mimo_diagnostic *diagnostic, char letter)
{
    const struct mimo_source *source = mimo_source(scan->diagnostics->sources, scan->file);
    const struct mimo_span span = diagnostic->span;
    const char text[] = {letter, letter, '\0'};

    mimo_diagnose_help(scan->diagnostics, diagnostic, "write %s", text);
    if (span.begin == 0 || source->text[span.begin - 1] != letter)
        mimo_diagnose_fix(scan->diagnostics, diagnostic, span, text, "write %s", text);
}

void mimo_scan_stray(struct mimo_scan *scan, const char *text, size_t size, struct mimo_span span)
{
    size_t length;
    const uint32_t character = mimo_utf8_decode(text, size, &length);
    struct mimo_diagnostic *diagnostic;

    if (scan->is_quiet || character == MIMO_INVALID_CHARACTER)
        return;
    if (character < 0x20 || character == 0x7F)
        diagnostic =
            mimo_diagnose(scan->diagnostics, MIMO_E0101, span,
                          "the control character U+%04" PRIX32 " cannot stand here", character);
    else
        diagnostic = mimo_diagnose(scan->diagnostics, MIMO_E0101, span, "'%.*s' cannot stand here",
                                   (int)length, text);
    if (character == '&' || character == '|')
        suggest_double(scan, diagnostic, (char)character);
    if (character == '\'')
        mimo_diagnose_help(scan->diagnostics, diagnostic, "strings stand in double quotes");
}

/* True where a byte that no file may hold begins at `text`; `*out_length` bytes otherwise. */
static bool is_bad(const char *text, size_t size, size_t *out_length)
{
    const uint32_t character = mimo_utf8_decode(text, size, out_length);

    return character == 0 || character == MIMO_INVALID_CHARACTER;
}

static void report_bad(struct mimo_scan *scan, const char *text, struct mimo_span span,
                       unsigned run)
{
    if (run == BAD_RUNS_MAX)
        (void)mimo_diagnose(scan->diagnostics, MIMO_E0101, span,
                            "too many bytes of this file are not UTF-8: it is perhaps no text");
    else
        (void)mimo_diagnose(scan->diagnostics, MIMO_E0101, span,
                            text[span.begin] == '\0' ? "a NUL byte cannot stand in a text"
                                                     : "these bytes are not UTF-8");
}

bool mimo_scan_check_bytes(struct mimo_scan *scan)
{
    const struct mimo_source *source = mimo_source(scan->diagnostics->sources, scan->file);
    const char *text = source->text;
    unsigned runs = 0;
    size_t length;

    for (uint32_t i = 0; i < source->size; i += (uint32_t)length) {
        uint32_t end = i;
        if (!is_bad(text + i, source->size - i, &length))
            continue;
        while (end < source->size && is_bad(text + end, source->size - end, &length))
            end++;
        report_bad(scan, text, (struct mimo_span){scan->file, i, end}, ++runs);
        if (runs == BAD_RUNS_MAX)
            return false;
        length = end - i;
    }
    return true;
}
