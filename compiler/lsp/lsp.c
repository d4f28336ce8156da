/* The messages of the protocol: their order, their parameters, and who answers them. */
#include "compiler/lsp/lsp.h"

#include "compiler/lsp/parts.h"

#include <stdlib.h>
#include <string.h>

/* An analysis that questions have made this much larger than it was is made anew. */
enum { ARENA_SLACK_BYTES = 16 * 1024 * 1024 };

/* Error codes of JSON-RPC and of the protocol. */
enum mimo_lsp_error {
    ERROR_NONE = 0,
    ERROR_PARSE = -32700,
    ERROR_INVALID_REQUEST = -32600,
    ERROR_METHOD_NOT_FOUND = -32601,
    ERROR_INVALID_PARAMS = -32602,
    ERROR_NOT_INITIALIZED = -32002,
};

static const char *error_text(enum mimo_lsp_error error)
{
    switch (error) {
    case ERROR_NONE:
        break;
    case ERROR_PARSE:
        return "this is not JSON";
    case ERROR_INVALID_REQUEST:
        return "this is no request that can be made now";
    case ERROR_METHOD_NOT_FOUND:
        return "there is no such method";
    case ERROR_INVALID_PARAMS:
        return "the parameters do not fit the method, or name no open document";
    case ERROR_NOT_INITIALIZED:
        return "the server has not been initialized";
    }
    return "";
}

/* ---- sending ---- */

/* Takes over `message`. */
static void send_message(struct mimo_lsp *server, json_t *message)
{
    char *text;

    MIMO_ASSERT(message != NULL);
    (void)json_object_set_new(message, "jsonrpc", json_string("2.0"));
    text = json_dumps(message, JSON_COMPACT);
    MIMO_ASSERT(text != NULL);
    mimo_lsp_transport_write(&server->transport, text, strlen(text));
    free(text);
    json_decref(message);
}

void mimo_lsp_notify(struct mimo_lsp *server, const char *method, json_t *params)
{
    send_message(server, json_pack("{s:s, s:o}", "method", method, "params", params));
}

static void send_error(struct mimo_lsp *server, const json_t *id, enum mimo_lsp_error error,
                       const char *text)
{
    send_message(server, json_pack("{s:O, s:{s:i, s:s}}", "id", id != NULL ? id : json_null(),
                                   "error", "code", (int)error, "message", text));
}

/* ---- parameters ---- */

static struct mimo_lsp_document *find_document(const struct mimo_lsp *server, const json_t *params)
{
    const json_t *identifier = json_object_get(params, "textDocument");
    const char *uri = json_string_value(json_object_get(identifier, "uri"));

    return uri != NULL ? mimo_lsp_documents_find(&server->documents, uri) : NULL;
}

static bool read_offset(const struct mimo_lsp *server, const struct mimo_lsp_document *document,
                        const json_t *position, size_t *out_offset)
{
    struct mimo_lsp_position at;

    if (!mimo_lsp_read_position(position, &at))
        return false;
    *out_offset = mimo_lsp_offset_of(&document->analysis.lines, server->encoding, at);
    return true;
}

static bool read_range(const struct mimo_lsp *server, const struct mimo_lsp_document *document,
                       const json_t *range, size_t *out_begin, size_t *out_end)
{
    return read_offset(server, document, json_object_get(range, "start"), out_begin) &&
           read_offset(server, document, json_object_get(range, "end"), out_end) &&
           *out_begin <= *out_end;
}

/* ---- documents ---- */

static void refresh(struct mimo_lsp *server, struct mimo_lsp_document *document)
{
    mimo_lsp_document_analyze(document, &server->documents, server->options->request);
    mimo_lsp_publish(server, document);
}

/* The document, and those that may import it. */
static void refresh_all(struct mimo_lsp *server, struct mimo_lsp_document *changed)
{
    refresh(server, changed);
    for (size_t i = 0; i < server->documents.count; i++) {
        struct mimo_lsp_document *document = server->documents.items[i];
        if (document != changed && document->analysis.sources.count > 1)
            refresh(server, document);
    }
}

static void log_refusal(struct mimo_lsp *server, const char *uri)
{
    struct mimo_arena arena = {0};

    mimo_lsp_notify(server, "window/logMessage",
                    json_pack("{s:i, s:o}", "type", 1, "message",
                              mimo_lsp_text(mimo_arena_printf(
                                  &arena, "%s is too long, or too many documents are open", uri))));
    mimo_arena_release(&arena);
}

static enum mimo_lsp_error did_open(struct mimo_lsp *server, const json_t *params,
                                    json_t **out_result)
{
    const json_t *item = json_object_get(params, "textDocument");
    const json_t *text = json_object_get(item, "text");
    const char *uri = json_string_value(json_object_get(item, "uri"));
    struct mimo_lsp_document *document;

    (void)out_result;
    if (uri == NULL || !json_is_string(text))
        return ERROR_INVALID_PARAMS;
    document = mimo_lsp_documents_open(&server->documents, uri, json_string_value(text),
                                       json_string_length(text),
                                       json_integer_value(json_object_get(item, "version")));
    if (document == NULL)
        log_refusal(server, uri);
    else
        refresh_all(server, document);
    return ERROR_NONE;
}

/* One change: of a range, or of all of the text. */
static bool apply_change(struct mimo_lsp *server, struct mimo_lsp_document *document,
                         const json_t *change)
{
    const json_t *range = json_object_get(change, "range");
    const json_t *text = json_object_get(change, "text");
    struct mimo_arena arena = {0};
    struct mimo_lsp_position positions[2];
    size_t begin = 0, end = document->size;
    bool is_good = json_is_string(text);

    if (is_good && range != NULL) {
        struct mimo_lsp_lines lines;
        is_good = mimo_lsp_read_position(json_object_get(range, "start"), &positions[0]) &&
                  mimo_lsp_read_position(json_object_get(range, "end"), &positions[1]);
        mimo_lsp_lines_init(&lines, &arena, document->text, document->size);
        if (is_good) {
            begin = mimo_lsp_offset_of(&lines, server->encoding, positions[0]);
            end = mimo_lsp_offset_of(&lines, server->encoding, positions[1]);
        }
        mimo_arena_release(&arena);
    }
    return is_good && begin <= end &&
           mimo_lsp_document_edit(document, begin, end, json_string_value(text),
                                  json_string_length(text));
}

static enum mimo_lsp_error did_change(struct mimo_lsp *server, const json_t *params,
                                      json_t **out_result)
{
    struct mimo_lsp_document *document = find_document(server, params);
    const json_t *changes = json_object_get(params, "contentChanges");
    const json_t *version = json_object_get(json_object_get(params, "textDocument"), "version");
    enum mimo_lsp_error error = ERROR_NONE;

    (void)out_result;
    if (document == NULL || !json_is_array(changes))
        return ERROR_INVALID_PARAMS;
    for (size_t i = 0; i < json_array_size(changes) && error == ERROR_NONE; i++) {
        if (!apply_change(server, document, json_array_get(changes, i)))
            error = ERROR_INVALID_PARAMS;
    }
    if (json_is_integer(version))
        document->version = json_integer_value(version);
    refresh_all(server, document);
    return error;
}

static enum mimo_lsp_error did_save(struct mimo_lsp *server, const json_t *params,
                                    json_t **out_result)
{
    struct mimo_lsp_document *document = find_document(server, params);

    (void)out_result;
    if (document == NULL)
        return ERROR_INVALID_PARAMS;
    refresh_all(server, document);
    return ERROR_NONE;
}

/* What the others import is the file again. */
static enum mimo_lsp_error did_close(struct mimo_lsp *server, const json_t *params,
                                     json_t **out_result)
{
    struct mimo_lsp_document *document = find_document(server, params);

    (void)out_result;
    if (document == NULL)
        return ERROR_INVALID_PARAMS;
    mimo_lsp_notify(server, "textDocument/publishDiagnostics",
                    json_pack("{s:o, s:[]}", "uri", mimo_lsp_text(document->uri), "diagnostics"));
    mimo_lsp_documents_close(&server->documents, document);
    for (size_t i = 0; i < server->documents.count; i++) {
        if (server->documents.items[i]->analysis.sources.count > 1)
            refresh(server, server->documents.items[i]);
    }
    return ERROR_NONE;
}

/* ---- questions ---- */

/* What is asked costs memory that the next change gives back; without one, it is given back here.
 */
static void limit_memory(struct mimo_lsp *server, struct mimo_lsp_document *document)
{
    if (document->analysis.arena.bytes - document->analysis.bytes > ARENA_SLACK_BYTES)
        mimo_lsp_document_analyze(document, &server->documents, server->options->request);
}

typedef json_t *answer_at_function(struct mimo_lsp *server, struct mimo_lsp_document *document,
                                   size_t offset);
typedef json_t *answer_function(struct mimo_lsp *server, struct mimo_lsp_document *document);

static enum mimo_lsp_error answer_at(struct mimo_lsp *server, const json_t *params,
                                     answer_at_function *answer, json_t **out_result)
{
    struct mimo_lsp_document *document = find_document(server, params);
    size_t offset;

    if (document == NULL ||
        !read_offset(server, document, json_object_get(params, "position"), &offset))
        return ERROR_INVALID_PARAMS;
    limit_memory(server, document);
    *out_result = answer(server, document, offset);
    return ERROR_NONE;
}

static enum mimo_lsp_error answer_whole(struct mimo_lsp *server, const json_t *params,
                                        answer_function *answer, json_t **out_result)
{
    struct mimo_lsp_document *document = find_document(server, params);

    if (document == NULL)
        return ERROR_INVALID_PARAMS;
    limit_memory(server, document);
    *out_result = answer(server, document);
    return ERROR_NONE;
}

static enum mimo_lsp_error hover(struct mimo_lsp *server, const json_t *params, json_t **out_result)
{
    return answer_at(server, params, mimo_lsp_hover, out_result);
}

static enum mimo_lsp_error definition(struct mimo_lsp *server, const json_t *params,
                                      json_t **out_result)
{
    return answer_at(server, params, mimo_lsp_definition, out_result);
}

static enum mimo_lsp_error completion(struct mimo_lsp *server, const json_t *params,
                                      json_t **out_result)
{
    return answer_at(server, params, mimo_lsp_complete, out_result);
}

static enum mimo_lsp_error document_symbol(struct mimo_lsp *server, const json_t *params,
                                           json_t **out_result)
{
    return answer_whole(server, params, mimo_lsp_symbols, out_result);
}

static enum mimo_lsp_error formatting(struct mimo_lsp *server, const json_t *params,
                                      json_t **out_result)
{
    return answer_whole(server, params, mimo_lsp_format, out_result);
}

static enum mimo_lsp_error code_action(struct mimo_lsp *server, const json_t *params,
                                       json_t **out_result)
{
    struct mimo_lsp_document *document = find_document(server, params);
    size_t begin, end;

    if (document == NULL ||
        !read_range(server, document, json_object_get(params, "range"), &begin, &end))
        return ERROR_INVALID_PARAMS;
    limit_memory(server, document);
    *out_result = mimo_lsp_actions(server, document, begin, end);
    return ERROR_NONE;
}

/* ---- the life of a session ---- */

static const char *const ENCODINGS[MIMO_LSP_ENCODING_COUNT] = {
#define ENCODING_WORD(name, word) word,
    MIMO_LSP_ENCODINGS(ENCODING_WORD)
#undef ENCODING_WORD
};

/* utf-8 where the client offers it, as that is what texts are here; else what every client knows.
 */
static enum mimo_lsp_encoding choose_encoding(const json_t *params)
{
    const json_t *capabilities = json_object_get(params, "capabilities");
    const json_t *general = json_object_get(capabilities, "general");
    const json_t *offered = json_object_get(general, "positionEncodings");

    for (size_t i = 0; i < json_array_size(offered); i++) {
        const char *word = json_string_value(json_array_get(offered, i));
        if (word != NULL && strcmp(word, ENCODINGS[MIMO_LSP_UTF8]) == 0)
            return MIMO_LSP_UTF8;
    }
    return MIMO_LSP_UTF16;
}

static enum mimo_lsp_error initialize(struct mimo_lsp *server, const json_t *params,
                                      json_t **out_result)
{
    if (server->phase != MIMO_LSP_FRESH)
        return ERROR_INVALID_REQUEST;
    server->phase = MIMO_LSP_RUNNING;
    server->encoding = choose_encoding(params);
    *out_result = json_pack(
        "{s:{s:s, s:{s:b, s:i, s:b}, s:b, s:b, s:b, s:b, s:{s:[s]}, s:{s:[s,s,s]}}, s:{s:s, s:s}}",
        "capabilities", "positionEncoding", ENCODINGS[server->encoding], "textDocumentSync",
        "openClose", 1, "change", 2, "save", 1, "hoverProvider", 1, "definitionProvider", 1,
        "documentSymbolProvider", 1, "documentFormattingProvider", 1, "codeActionProvider",
        "codeActionKinds", "quickfix", "completionProvider", "triggerCharacters", ".", "=", ":",
        "serverInfo", "name", "mimoc", "version", server->options->version);
    return ERROR_NONE;
}

static enum mimo_lsp_error shutdown(struct mimo_lsp *server, const json_t *params,
                                    json_t **out_result)
{
    (void)params;
    server->phase = MIMO_LSP_SHUT_DOWN;
    server->was_shut_down = true;
    *out_result = json_null();
    return ERROR_NONE;
}

static enum mimo_lsp_error leave(struct mimo_lsp *server, const json_t *params, json_t **out_result)
{
    (void)params;
    (void)out_result;
    server->phase = MIMO_LSP_ENDED;
    return ERROR_NONE;
}

static enum mimo_lsp_error ignore(struct mimo_lsp *server, const json_t *params,
                                  json_t **out_result)
{
    (void)server;
    (void)params;
    (void)out_result;
    return ERROR_NONE;
}

/* ---- dispatch ---- */

/* Answers into `*out_result`, which stays NULL for notifications. */
typedef enum mimo_lsp_error method_function(struct mimo_lsp *server, const json_t *params,
                                            json_t **out_result);

static const struct method {
    const char *name;
    bool is_request;
    method_function *function;
} METHODS[] = {
    {"initialize", true, initialize},
    {"initialized", false, ignore},
    {"shutdown", true, shutdown},
    {"exit", false, leave},
    {"textDocument/didOpen", false, did_open},
    {"textDocument/didChange", false, did_change},
    {"textDocument/didSave", false, did_save},
    {"textDocument/didClose", false, did_close},
    {"textDocument/hover", true, hover},
    {"textDocument/definition", true, definition},
    {"textDocument/completion", true, completion},
    {"textDocument/documentSymbol", true, document_symbol},
    {"textDocument/formatting", true, formatting},
    {"textDocument/codeAction", true, code_action},
};

static const struct method *find_method(const char *name)
{
    for (size_t i = 0; i < sizeof METHODS / sizeof *METHODS; i++) {
        if (strcmp(METHODS[i].name, name) == 0)
            return &METHODS[i];
    }
    return NULL;
}

/* Whether the method may be called now. */
static enum mimo_lsp_error check_phase(const struct mimo_lsp *server, const struct method *method)
{
    if (method->function == leave || method->function == initialize)
        return ERROR_NONE;
    if (server->phase == MIMO_LSP_FRESH)
        return ERROR_NOT_INITIALIZED;
    return server->phase == MIMO_LSP_RUNNING ? ERROR_NONE : ERROR_INVALID_REQUEST;
}

static enum mimo_lsp_error call(struct mimo_lsp *server, const char *name, const json_t *params,
                                bool is_request, json_t **out_result)
{
    const struct method *method = find_method(name);
    enum mimo_lsp_error error;

    if (method == NULL)
        return server->phase == MIMO_LSP_FRESH ? ERROR_NOT_INITIALIZED : ERROR_METHOD_NOT_FOUND;
    if (method->is_request != is_request)
        return ERROR_INVALID_REQUEST;
    error = check_phase(server, method);
    return error != ERROR_NONE ? error : method->function(server, params, out_result);
}

/* A message without an id is a notification: nothing answers it, not even an error. One without a
 * method answers a request of ours, of which there are none. */
static void handle(struct mimo_lsp *server, const json_t *message)
{
    const json_t *id = json_object_get(message, "id");
    const char *name = json_string_value(json_object_get(message, "method"));
    json_t *result = NULL;
    enum mimo_lsp_error error;

    if (name == NULL && json_is_object(message) && id != NULL &&
        (json_object_get(message, "result") != NULL || json_object_get(message, "error") != NULL))
        return;
    if (name == NULL || (id != NULL && !json_is_integer(id) && !json_is_string(id))) {
        send_error(server, NULL, ERROR_INVALID_REQUEST, error_text(ERROR_INVALID_REQUEST));
        return;
    }
    error = call(server, name, json_object_get(message, "params"), id != NULL, &result);
    if (id == NULL)
        return;
    if (error != ERROR_NONE)
        send_error(server, id, error, error_text(error));
    else
        send_message(server, json_pack("{s:O, s:o}", "id", id, "result", result));
}

static void receive(struct mimo_lsp *server, const char *body, size_t size)
{
    json_t *message = json_loadb(body, size, JSON_ALLOW_NUL, NULL);

    if (message == NULL)
        send_error(server, NULL, ERROR_PARSE, error_text(ERROR_PARSE));
    else
        handle(server, message);
    json_decref(message);
}

bool mimo_lsp_serve(const struct mimo_lsp_options *options, FILE *in, FILE *out)
{
    struct mimo_lsp server = {.options = options};
    enum mimo_lsp_input input = MIMO_LSP_MESSAGE;
    const char *body;
    size_t size;

    mimo_lsp_transport_init(&server.transport, in, out);
    while (server.phase != MIMO_LSP_ENDED && input == MIMO_LSP_MESSAGE) {
        input = mimo_lsp_transport_read(&server.transport, &body, &size);
        if (input == MIMO_LSP_MESSAGE)
            receive(&server, body, size);
    }
    if (input == MIMO_LSP_BROKEN)
        send_error(&server, NULL, ERROR_PARSE, server.transport.trouble);
    mimo_lsp_documents_release(&server.documents);
    mimo_lsp_transport_release(&server.transport);
    return server.was_shut_down && server.phase == MIMO_LSP_ENDED;
}
