/* The JSON sink: one object, docs/reference.md "JSON form". */
#include "compiler/output/json.h"
#include "compiler/diagnostic/sink.h"
#include "compiler/text/source.h"

static void write_begin(struct mimo_json *json, const struct mimo_source *source,
                        struct mimo_span span)
{
    const struct mimo_place place = mimo_source_place(source, span.begin);

    mimo_json_text(json, "file", source->name);
    mimo_json_integer(json, "line", place.line);
    mimo_json_integer(json, "column", place.column);
}

static void write_span(struct mimo_json *json, const struct mimo_source *source,
                       struct mimo_span span)
{
    const struct mimo_place end = mimo_source_place(source, span.end);

    write_begin(json, source, span);
    mimo_json_integer(json, "end_line", end.line);
    mimo_json_integer(json, "end_column", end.column);
}

static void write_notes(struct mimo_json *json, const struct mimo_sources *sources,
                        const struct mimo_diagnostic *item)
{
    mimo_json_open_list(json, "notes");
    for (size_t i = 0; i < item->note_count; i++) {
        const struct mimo_note *note = &item->notes[i];
        mimo_json_open_object(json, NULL);
        mimo_json_text(json, "message", note->message);
        write_begin(json, mimo_source(sources, note->span.file), note->span);
        mimo_json_close(json);
    }
    mimo_json_close(json);
}

/* A list of fixes, each a list of edits: readers need not change when more becomes certain. */
static void write_fixes(struct mimo_json *json, const struct mimo_sources *sources,
                        const struct mimo_fix *fix)
{
    mimo_json_open_list(json, "fixes");
    mimo_json_open_object(json, NULL);
    mimo_json_text(json, "message", fix->message);
    mimo_json_open_list(json, "edits");
    mimo_json_open_object(json, NULL);
    write_span(json, mimo_source(sources, fix->span.file), fix->span);
    mimo_json_text(json, "text", fix->text);
    mimo_json_close(json);
    mimo_json_close(json);
    mimo_json_close(json);
    mimo_json_close(json);
}

static void write_diagnostic(struct mimo_json *json, const struct mimo_sources *sources,
                             const struct mimo_diagnostic *item)
{
    mimo_json_open_object(json, NULL);
    mimo_json_text(json, "code", mimo_code_name(item->code));
    mimo_json_text(json, "severity", mimo_severity_word(item->severity));
    mimo_json_text(json, "message", item->message);
    write_span(json, mimo_source(sources, item->span.file), item->span);
    write_notes(json, sources, item);
    if (item->help != NULL)
        mimo_json_text(json, "help", item->help);
    if (item->fix.message != NULL)
        write_fixes(json, sources, &item->fix);
    mimo_json_close(json);
}

void mimo_diagnostics_print_json(const struct mimo_diagnostics *diagnostics, FILE *file)
{
    struct mimo_json json;

    mimo_json_init(&json, file);
    mimo_json_open_object(&json, NULL);
    mimo_json_integer(&json, "format", 1);
    mimo_json_integer(&json, "errors", diagnostics->error_count);
    mimo_json_integer(&json, "warnings", diagnostics->warning_count);
    mimo_json_open_list(&json, "diagnostics");
    for (size_t i = 0; i < diagnostics->count; i++)
        write_diagnostic(&json, diagnostics->sources, diagnostics->items[i]);
    mimo_json_close(&json);
    mimo_json_close(&json);
}
