/*
 * The SARIF sink: a log of version 2.1.0, as in "Static Analysis Results Interchange Format (SARIF)
 * Version 2.1.0", OASIS Standard, 27 March 2020. The numbers in comments are its sections.
 */
#include "compiler/diagnostic/explanation.h"
#include "compiler/diagnostic/sink.h"
#include "compiler/output/json.h"
#include "compiler/text/source.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static const char SCHEMA[] = "https://json.schemastore.org/sarif-2.1.0.json";

enum { BROKEN_DEPTH = 6 }; /* a rule a line */

struct log {
    struct mimo_json json;
    const struct mimo_diagnostics *diagnostics;
    const struct mimo_sarif_run *run;
    struct mimo_arena *arena;
    uint64_t *fingerprints; /* of the results so far */
    size_t fingerprint_count, fingerprint_capacity;
};

static void close_levels(struct log *log, int count)
{
    while (count-- > 0)
        mimo_json_close(&log->json);
}

/* { "text": TEXT } (3.11, 3.12) */
static void write_message(struct log *log, const char *key, const char *text)
{
    mimo_json_open_object(&log->json, key);
    mimo_json_text(&log->json, "text", text);
    mimo_json_close(&log->json);
}

/* ---- places ---- */

static bool may_stand_in_uri(char byte)
{
    return isascii((unsigned char)byte) &&
           (isalnum((unsigned char)byte) || strchr("-._~/", byte) != NULL);
}

/* A relative reference, or a file URI for what is outside of the current folder (RFC 3986). */
static const char *make_uri(struct mimo_arena *arena, const char *name)
{
    const char *path = mimo_relative_path(arena, name);
    const char *uri = path[0] == '/' ? "file://" : "";

    while (*path != '\0') {
        size_t length = 0;
        while (path[length] != '\0' && may_stand_in_uri(path[length]))
            length++;
        uri = length > 0 ? mimo_arena_printf(arena, "%s%.*s", uri, (int)length, path)
                         : mimo_arena_printf(arena, "%s%%%02X", uri, (unsigned char)*path);
        path += length > 0 ? length : 1;
    }
    return uri;
}

static void write_artifact(struct log *log, const struct mimo_source *source)
{
    mimo_json_open_object(&log->json, "artifactLocation");
    mimo_json_text(&log->json, "uri", make_uri(log->arena, source->name));
    mimo_json_close(&log->json);
}

/* 3.30 */
static void write_region(struct log *log, const char *key, const struct mimo_source *source,
                         struct mimo_span span)
{
    const struct mimo_place begin = mimo_source_place(source, span.begin);
    const struct mimo_place end = mimo_source_place(source, span.end);

    mimo_json_open_object(&log->json, key);
    mimo_json_integer(&log->json, "startLine", begin.line);
    mimo_json_integer(&log->json, "startColumn", begin.column);
    mimo_json_integer(&log->json, "endLine", end.line);
    mimo_json_integer(&log->json, "endColumn", end.column);
    mimo_json_close(&log->json);
}

/* 3.29 */
static void write_place(struct log *log, struct mimo_span span)
{
    const struct mimo_source *source = mimo_source(log->diagnostics->sources, span.file);

    mimo_json_open_object(&log->json, "physicalLocation");
    write_artifact(log, source);
    write_region(log, "region", source, span);
    mimo_json_close(&log->json);
}

/* ---- results (3.27) ---- */

/* Equal for what stays the same mistake while lines are added above it: code, file and the text of
 * its line. */
static uint64_t fingerprint(const struct log *log, const struct mimo_diagnostic *item)
{
    const struct mimo_source *source = mimo_source(log->diagnostics->sources, item->span.file);
    const char *text;
    uint32_t begin, end;

    mimo_source_line(source, mimo_source_place(source, item->span.begin).line, &begin, &end);
    while (begin < end && isblank((unsigned char)source->text[begin]))
        begin++;
    text = mimo_arena_printf(log->arena, "%s\n%s\n%.*s", mimo_code_name(item->code),
                             mimo_relative_path(log->arena, source->name), (int)(end - begin),
                             source->text + begin);
    return XXH3_64bits(text, strlen(text));
}

/* Equal ones are numbered. */
static void write_fingerprint(struct log *log, const struct mimo_diagnostic *item)
{
    const uint64_t value = fingerprint(log, item);
    size_t number = 1;

    for (size_t i = 0; i < log->fingerprint_count; i++)
        number += log->fingerprints[i] == value;
    MIMO_APPEND(log->arena, log->fingerprints, log->fingerprint_count, log->fingerprint_capacity,
                value);
    mimo_json_open_object(&log->json, "partialFingerprints");
    mimo_json_text(&log->json, "mimocLine/v1",
                   mimo_arena_printf(log->arena, "%016" PRIx64 ":%zu", value, number));
    mimo_json_close(&log->json);
}

static void write_related(struct log *log, const struct mimo_diagnostic *item)
{
    if (item->note_count == 0)
        return;
    mimo_json_open_list(&log->json, "relatedLocations");
    for (size_t i = 0; i < item->note_count; i++) {
        mimo_json_open_object(&log->json, NULL);
        mimo_json_integer(&log->json, "id", i);
        write_place(log, item->notes[i].span);
        write_message(log, "message", item->notes[i].message);
        mimo_json_close(&log->json);
    }
    mimo_json_close(&log->json);
}

/* 3.55 to 3.57 */
static void write_fixes(struct log *log, const struct mimo_fix *fix)
{
    const struct mimo_source *source;

    if (fix->message == NULL)
        return;
    source = mimo_source(log->diagnostics->sources, fix->span.file);
    mimo_json_open_list(&log->json, "fixes");
    mimo_json_open_object(&log->json, NULL);
    write_message(log, "description", fix->message);
    mimo_json_open_list(&log->json, "artifactChanges");
    mimo_json_open_object(&log->json, NULL);
    write_artifact(log, source);
    mimo_json_open_list(&log->json, "replacements");
    mimo_json_open_object(&log->json, NULL);
    write_region(log, "deletedRegion", source, fix->span);
    write_message(log, "insertedContent", fix->text);
    close_levels(log, 6);
}

/* 3.35: silenced by a comment. */
static void write_suppressions(struct log *log, const struct mimo_diagnostic *item)
{
    mimo_json_open_list(&log->json, "suppressions");
    mimo_json_open_object(&log->json, NULL);
    mimo_json_text(&log->json, "kind", "inSource");
    if (item->reason != NULL)
        mimo_json_text(&log->json, "justification", item->reason);
    close_levels(log, 2);
}

static void write_result(struct log *log, const struct mimo_diagnostic *item, bool is_silenced)
{
    const char *message = item->message;

    if (item->help != NULL)
        message = mimo_arena_printf(log->arena, "%s\nhelp: %s", message, item->help);
    mimo_json_open_object(&log->json, NULL);
    mimo_json_text(&log->json, "ruleId", mimo_code_name(item->code));
    mimo_json_integer(&log->json, "ruleIndex", (uint64_t)item->code);
    mimo_json_text(&log->json, "level", mimo_severity_word(item->severity));
    write_message(log, "message", message);
    mimo_json_open_list(&log->json, "locations");
    mimo_json_open_object(&log->json, NULL);
    write_place(log, item->span);
    close_levels(log, 2);
    write_related(log, item);
    write_fingerprint(log, item);
    write_fixes(log, &item->fix);
    if (is_silenced)
        write_suppressions(log, item);
    mimo_json_close(&log->json);
}

static void write_results(struct log *log)
{
    const struct mimo_diagnostics *diagnostics = log->diagnostics;

    mimo_json_open_list(&log->json, "results");
    for (size_t i = 0; i < diagnostics->count; i++)
        write_result(log, diagnostics->items[i], false);
    for (size_t i = 0; i < diagnostics->silenced_count; i++)
        write_result(log, diagnostics->silenced[i], true);
    mimo_json_close(&log->json);
}

/* ---- rules (3.49) ---- */

/* The words of a summary as one name: "a module has no layout", AModuleHasNoLayout. */
static const char *make_name(struct mimo_arena *arena, const char *summary)
{
    char *name = mimo_arena_copy(arena, summary, strlen(summary));
    bool begins_word = true;
    size_t length = 0;

    for (; *summary != '\0'; summary++) {
        const unsigned char byte = (unsigned char)*summary;
        if (isalnum(byte))
            name[length++] = (char)(begins_word ? toupper(byte) : byte);
        if (*summary != '\'') /* "the module's" is one word */
            begins_word = !isalnum(byte);
    }
    name[length] = '\0';
    return name;
}

static void write_help(struct log *log, enum mimo_code code)
{
    mimo_json_open_object(&log->json, "help");
    mimo_json_text(&log->json, "text", mimo_explanation_plain(log->arena, code));
    mimo_json_text(&log->json, "markdown", mimo_explanation_markdown(log->arena, code));
    mimo_json_close(&log->json);
    if (log->run->homepage[0] != '\0')
        mimo_json_text(&log->json, "helpUri",
                       mimo_arena_printf(log->arena, "%s/docs/diagnostics/%s.md",
                                         log->run->homepage, mimo_code_name(code)));
}

static void write_rule(struct log *log, enum mimo_code code)
{
    const char *summary = mimo_code_summary(code);

    mimo_json_open_object(&log->json, NULL);
    mimo_json_text(&log->json, "id", mimo_code_name(code));
    mimo_json_text(&log->json, "name", make_name(log->arena, summary));
    write_message(log, "shortDescription", summary);
    write_message(log, "fullDescription", mimo_explanation_why(log->arena, code));
    write_help(log, code);
    mimo_json_open_object(&log->json, "defaultConfiguration");
    mimo_json_text(&log->json, "level", mimo_severity_word(mimo_code_severity(code)));
    close_levels(log, 2);
}

static void write_tool(struct log *log)
{
    mimo_json_open_object(&log->json, "tool");
    mimo_json_open_object(&log->json, "driver");
    mimo_json_text(&log->json, "name", "mimoc");
    mimo_json_text(&log->json, "version", log->run->version);
    if (log->run->homepage[0] != '\0')
        mimo_json_text(&log->json, "informationUri", log->run->homepage);
    mimo_json_open_list(&log->json, "rules");
    for (int code = 0; code < MIMO_CODE_COUNT; code++)
        write_rule(log, (enum mimo_code)code);
    close_levels(log, 3);
}

/* 3.20 */
static void write_invocation(struct log *log)
{
    mimo_json_open_list(&log->json, "invocations");
    mimo_json_open_object(&log->json, NULL);
    mimo_json_boolean(&log->json, "executionSuccessful", !log->run->has_failed);
    mimo_json_integer(&log->json, "exitCode", (uint64_t)log->run->exit_status);
    close_levels(log, 2);
}

void mimo_diagnostics_print_sarif(const struct mimo_diagnostics *diagnostics,
                                  const struct mimo_sarif_run *run, FILE *file)
{
    struct log log = {.diagnostics = diagnostics, .run = run, .arena = diagnostics->arena};

    mimo_json_init_depth(&log.json, file, BROKEN_DEPTH);
    mimo_json_open_object(&log.json, NULL);
    mimo_json_text(&log.json, "$schema", SCHEMA);
    mimo_json_text(&log.json, "version", "2.1.0");
    mimo_json_open_list(&log.json, "runs");
    mimo_json_open_object(&log.json, NULL);
    write_tool(&log);
    write_invocation(&log);
    mimo_json_text(&log.json, "columnKind", "unicodeCodePoints");
    write_results(&log);
    close_levels(&log, 3);
}
