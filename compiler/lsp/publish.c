/* Diagnostics, and the changes that mend them. */
#include "compiler/lsp/parts.h"

/* DiagnosticSeverity and DiagnosticTag of the protocol. */
enum { SEVERITY_ERROR = 1, SEVERITY_WARNING = 2, TAG_UNNECESSARY = 1 };

/* Where a diagnostic shows in the document: its own place or, for what stands in an imported file,
 * the statement that imports it. */
static struct mimo_span place_in_document(const struct mimo_lsp_document *document,
                                          struct mimo_span span)
{
    while (span.file != 0) {
        const struct mimo_source *source = mimo_source(&document->analysis.sources, span.file);
        span = source->is_imported ? source->import : (struct mimo_span){0};
    }
    return span;
}

static void add_related(json_t *list, const struct mimo_lsp *server,
                        struct mimo_lsp_document *document, const char *message,
                        struct mimo_span span)
{
    (void)json_array_append_new(list, json_pack("{s:o, s:o}", "location",
                                                mimo_lsp_location(server, document, span),
                                                "message", mimo_lsp_text(message)));
}

static json_t *make_related(const struct mimo_lsp *server, struct mimo_lsp_document *document,
                            const struct mimo_diagnostic *item)
{
    json_t *list = json_array();

    if (item->span.file != 0)
        add_related(list, server, document, item->message, item->span);
    for (size_t i = 0; i < item->note_count; i++)
        add_related(list, server, document, item->notes[i].message, item->notes[i].span);
    return list;
}

static const char *message_of(struct mimo_lsp_document *document,
                              const struct mimo_diagnostic *item)
{
    const char *message = item->message;
    struct mimo_arena *arena = &document->analysis.arena;

    if (item->span.file != 0)
        message = mimo_arena_printf(arena, "in %s: %s",
                                    mimo_source(&document->analysis.sources, item->span.file)->name,
                                    message);
    if (item->help != NULL)
        message = mimo_arena_printf(arena, "%s\nhelp: %s", message, item->help);
    if (item->fix.message != NULL)
        message = mimo_arena_printf(arena, "%s\nfix: %s", message, item->fix.message);
    return message;
}

static json_t *make_diagnostic(const struct mimo_lsp *server, struct mimo_lsp_document *document,
                               const struct mimo_diagnostic *item)
{
    const bool is_error = item->severity == MIMO_SEVERITY_ERROR;
    const char *code = mimo_code_name(item->code), *homepage = server->options->homepage;
    json_t *json =
        json_pack("{s:o, s:i, s:s, s:s, s:o, s:o}", "range",
                  mimo_lsp_span(server, document, place_in_document(document, item->span)),
                  "severity", is_error ? SEVERITY_ERROR : SEVERITY_WARNING, "code", code, "source",
                  "mimoc", "message", mimo_lsp_text(message_of(document, item)),
                  "relatedInformation", make_related(server, document, item));

    if (homepage[0] != '\0')
        (void)json_object_set_new(json, "codeDescription",
                                  json_pack("{s:o}", "href",
                                            mimo_lsp_text(mimo_arena_printf(
                                                &document->analysis.arena,
                                                "%s/docs/diagnostics/%s.md", homepage, code))));
    if (item->code == MIMO_W0101)
        (void)json_object_set_new(json, "tags", json_pack("[i]", TAG_UNNECESSARY));
    return json;
}

void mimo_lsp_publish(struct mimo_lsp *server, struct mimo_lsp_document *document)
{
    const struct mimo_diagnostics *diagnostics = &document->analysis.diagnostics;
    json_t *list = json_array();

    for (size_t i = 0; i < diagnostics->count; i++)
        (void)json_array_append_new(list, make_diagnostic(server, document, diagnostics->items[i]));
    mimo_lsp_notify(server, "textDocument/publishDiagnostics",
                    json_pack("{s:o, s:I, s:o}", "uri", mimo_lsp_text(document->uri), "version",
                              (json_int_t)document->version, "diagnostics", list));
}

/* ---- fixes ---- */

static json_t *make_action(const struct mimo_lsp *server, struct mimo_lsp_document *document,
                           const struct mimo_diagnostic *item)
{
    json_t *edit = json_pack("{s:o, s:o}", "range", mimo_lsp_span(server, document, item->fix.span),
                             "newText", mimo_lsp_text(item->fix.text));
    json_t *changes = json_object();

    (void)json_object_set_new(changes, document->uri, json_pack("[o]", edit));
    return json_pack("{s:o, s:s, s:b, s:[o], s:{s:o}}", "title", mimo_lsp_text(item->fix.message),
                     "kind", "quickfix", "isPreferred", 1, "diagnostics",
                     make_diagnostic(server, document, item), "edit", "changes", changes);
}

json_t *mimo_lsp_actions(struct mimo_lsp *server, struct mimo_lsp_document *document, size_t begin,
                         size_t end)
{
    const struct mimo_diagnostics *diagnostics = &document->analysis.diagnostics;
    json_t *list = json_array();

    for (size_t i = 0; i < diagnostics->count; i++) {
        const struct mimo_diagnostic *item = diagnostics->items[i];
        if (item->fix.message != NULL && item->fix.span.file == 0 && item->span.file == 0 &&
            item->span.begin <= end && item->span.end >= begin)
            (void)json_array_append_new(list, make_action(server, document, item));
    }
    return list;
}
