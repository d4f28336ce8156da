/* Every feature of the language server, asked for as an editor does. */
#include "plan/error.h"
#include "tests/lsp/client.h"
#include "tests/unit/check.h"

#include <stdlib.h>
#include <unistd.h>

static const char URI[] = "untitled:test.mimo";

static const char TEXT[] = "mimo 1\n"                                           /* 0 */
                           "param width = 32\n"                                 /* 1 */
                           "model small {\n"                                    /* 2 */
                           "  language llm : llama {\n"                         /* 3 */
                           "    num_layers = 2  hidden_size = width\n"          /* 4 */
                           "    num_attention_heads = 4\n"                      /* 5 */
                           "    vocab_size = 67\n"                              /* 6 */
                           "    ffn_hidden_size = 3 * hidden_size\n"            /* 7 */
                           "  }\n"                                              /* 8 */
                           "}\n"                                                /* 9 */
                           "cluster pc { gpus_per_node = 2  memory = 80GB\n"    /* 10 */
                           "  peak = 1TFLOPS  node_bandwidth = 9GBps\n"         /* 11 */
                           "  network_bandwidth = 1GBps }\n"                    /* 12 */
                           "deployment pod {\n"                                 /* 13 */
                           "  mode = colocated  world_size = 2  cluster = pc\n" /* 14 */
                           "  parallelism llm { tensor_parallel = 2 }\n"        /* 15 */
                           "}\n"                                                /* 16 */
                           "training base { steps = 1  global_batch = 2\n"      /* 17 */
                           "  sequence_length = llm.hidden_size * 2\n"          /* 18 */
                           "  optimizer adamw { lr = 1e-3 } }\n"                /* 19 */
                           "training fast : base { micro_batch = 2 }\n"         /* 20 */
                           "data { format = synthetic }\n"                      /* 21 */
                           "assert llm.hidden_size % 8 == 0, \"eights\"\n";     /* 22 */

/* A session with `TEXT`, or another text, open in it. */
static void begin_with(struct client *client, const char *text)
{
    client_start(client);
    json_decref(client_initialize(client, NULL));
    client_open(client, URI, text);
}

static void begin(struct client *client)
{
    begin_with(client, TEXT);
}

static const json_t *diagnostic(const struct client *client, size_t index)
{
    return json_array_get(json_object_get(client->diagnostics, "diagnostics"), index);
}

static size_t diagnostic_count(const struct client *client)
{
    return json_array_size(json_object_get(client->diagnostics, "diagnostics"));
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "(none)";
}

/* "4:17-4:22" */
static const char *range_text(const json_t *range)
{
    static char text[64];
    const json_t *start = json_object_get(range, "start"), *end = json_object_get(range, "end");

    (void)snprintf(text, sizeof text, "%d:%d-%d:%d",
                   (int)json_integer_value(json_object_get(start, "line")),
                   (int)json_integer_value(json_object_get(start, "character")),
                   (int)json_integer_value(json_object_get(end, "line")),
                   (int)json_integer_value(json_object_get(end, "character")));
    return text;
}

/* ---- life ---- */

static void test_capabilities(void)
{
    struct client client;
    json_t *result;

    client_start(&client);
    result = client_initialize(&client, NULL);
    CHECK_TEXT(text_of(json_object_get(result, "capabilities"), "positionEncoding"), "utf-16");
    CHECK_TEXT(text_of(json_object_get(result, "serverInfo"), "name"), "mimoc");
    json_decref(result);
    CHECK_INT(client_finish(&client), 0);

    client_start(&client);
    result = client_initialize(&client, "utf-8");
    CHECK_TEXT(text_of(json_object_get(result, "capabilities"), "positionEncoding"), "utf-8");
    json_decref(result);
    CHECK_INT(client_finish(&client), 0);
}

static int error_code(json_t *answer)
{
    const int code =
        (int)json_integer_value(json_object_get(json_object_get(answer, "error"), "code"));

    json_decref(answer);
    return code;
}

static void test_order_of_messages(void)
{
    struct client client;

    client_start(&client);
    CHECK_INT(error_code(client_ask(&client, "textDocument/hover", client_at(URI, 0, 0))), -32002);
    json_decref(client_initialize(&client, NULL));
    CHECK_INT(error_code(client_ask(&client, "initialize", json_object())), -32600);
    CHECK_INT(error_code(client_ask(&client, "textDocument/hover", client_at(URI, 0, 0))), -32602);
    CHECK_INT(error_code(client_ask(&client, "workspace/frobnicate", json_object())), -32601);
    client_notify(&client, "$/cancelRequest", json_pack("{s:i}", "id", 1));
    json_decref(client_ask(&client, "shutdown", json_null()));
    CHECK_INT(error_code(client_ask(&client, "textDocument/hover", client_at(URI, 0, 0))), -32600);
    client_notify(&client, "exit", json_null());
    CHECK_INT(client_end(&client), 0);
}

static void test_exit_without_shutdown(void)
{
    struct client client;

    client_start(&client);
    client_notify(&client, "exit", json_null());
    CHECK_INT(client_end(&client), 1);
    client_start(&client);
    json_decref(client_initialize(&client, NULL));
    CHECK_INT(client_end(&client), 1); /* the stream ends */
    client_start(&client);
    json_decref(client_initialize(&client, NULL));
    json_decref(client_ask(&client, "shutdown", json_null()));
    CHECK_INT(client_end(&client), 1);
}

/* ---- broken messages ---- */

/* The error that a body is answered with; the session goes on. */
static void check_refused(struct client *client, const char *body, int code)
{
    json_t *answer;

    client_send_body(client, body);
    answer = client_receive(client);
    CHECK(json_is_null(json_object_get(answer, "id")));
    CHECK_INT(error_code(answer), code);
}

static void test_broken_bodies(void)
{
    struct client client;

    begin(&client);
    check_refused(&client, "", -32700);
    check_refused(&client, "{", -32700);
    check_refused(&client, "{\"id\": 1, \"method\": \"\xFF\"}", -32700);
    check_refused(&client, "[]", -32600);
    check_refused(&client, "[{\"id\": 1, \"method\": \"shutdown\"}]", -32600);
    check_refused(&client, "{}", -32600);
    check_refused(&client, "{\"id\": 1}", -32600);
    check_refused(&client, "{\"id\": [], \"method\": \"shutdown\"}", -32600);
    check_refused(&client, "{\"id\": 1, \"method\": 7}", -32600);
    client_send_body(&client, "{\"id\": 1, \"result\": null}"); /* answers nothing of ours */
    CHECK_INT(client_finish(&client), 0);
}

static void test_broken_params(void)
{
    static const char *const params[] = {
        "null",
        "[]",
        "{}",
        "{\"textDocument\": 1, \"position\": 1}",
        "{\"textDocument\": {\"uri\": \"untitled:test.mimo\"}}",
        "{\"textDocument\": {\"uri\": \"untitled:test.mimo\"}, \"position\": {}}",
        "{\"textDocument\": {\"uri\": \"untitled:test.mimo\"},"
        " \"position\": {\"line\": -1, \"character\": 0}}",
        "{\"textDocument\": {\"uri\": \"untitled:test.mimo\"},"
        " \"position\": {\"line\": 0.5, \"character\": 0}}",
    };
    static const char *const methods[] = {"textDocument/hover", "textDocument/definition",
                                          "textDocument/completion", "textDocument/codeAction"};
    struct client client;

    begin(&client);
    for (size_t i = 0; i < sizeof params / sizeof *params; i++) {
        for (size_t k = 0; k < sizeof methods / sizeof *methods; k++)
            CHECK_INT(error_code(client_ask(&client, methods[k],
                                            json_loads(params[i], JSON_DECODE_ANY, NULL))),
                      -32602);
        client_notify(&client, "textDocument/didOpen",
                      json_loads(params[i], JSON_DECODE_ANY, NULL));
    }
    /* places far outside are the end */
    json_decref(client_ask(&client, "textDocument/hover", client_at(URI, 1 << 30, 1 << 30)));
    CHECK_INT(client_finish(&client), 0);
}

static void check_given_up(const char *bytes)
{
    struct client client;
    json_t *answer;

    client_start(&client);
    client_send_raw(&client, bytes, strlen(bytes));
    (void)fclose(client.to);
    client.to = fopen("/dev/null", "w");
    answer = client_receive(&client);
    CHECK_INT(error_code(answer), -32700);
    CHECK_INT(client_end(&client), 1);
}

static void test_broken_headers(void)
{
    static char long_header[3000];

    check_given_up("Content-Length: 99999999999999\r\n\r\n{}");
    check_given_up("Content-Length: 999999999999999999999999999999\r\n\r\n{}");
    check_given_up("Content-Length: -1\r\n\r\n{}");
    check_given_up("Content-Length: x\r\n\r\n{}");
    check_given_up("Content-Length: 2 3\r\n\r\n{}");
    check_given_up("Content-Type: text\r\n\r\n{}");
    check_given_up("Content-Length: 100\r\n\r\n{}");
    check_given_up("Content-Length: 2\r\n");
    check_given_up("Content-Len");
    (void)memset(long_header, 'x', sizeof long_header - 1);
    check_given_up(long_header);
}

static void test_other_headers(void)
{
    static const char body[] = "{\"id\": \"a\", \"method\": \"initialize\", \"params\": {}}";
    struct client client;
    char message[256];
    json_t *answer;

    (void)snprintf(message, sizeof message,
                   "Content-Type: application/vscode-jsonrpc; charset=utf-8\r\n"
                   "content-length:  %zu \r\n\r\n%s",
                   strlen(body), body);
    client_start(&client);
    client_send_raw(&client, message, strlen(message));
    answer = client_receive(&client);
    CHECK_TEXT(text_of(answer, "id"), "a");
    CHECK(json_is_object(json_object_get(answer, "result")));
    json_decref(answer);
    CHECK_INT(client_finish(&client), 0);
}

/* ---- diagnostics ---- */

static void test_diagnostics(void)
{
    struct client client;
    const json_t *item, *related;

    begin(&client);
    CHECK_INT(diagnostic_count(&client), 0);
    client_change(&client, URI,
                  "mimo 1\nmodel m { language llm : llama { num_layers = 1  hidden_size = 9\n"
                  "  num_attention_heads = 4  vocab_size = 8\n}}\n"
                  "training { steps = 1  global_batch = 1  sequence_length = 4\n"
                  "optimizer adamw { lr = 1 }  micro_bach = 1 }  data { format = synthetic }\n");
    CHECK_INT(json_integer_value(json_object_get(client.diagnostics, "version")), 2);
    CHECK_INT(diagnostic_count(&client), 2);
    item = diagnostic(&client, 0);
    CHECK_TEXT(text_of(item, "code"), "E0401");
    CHECK_TEXT(text_of(item, "source"), "mimoc");
    CHECK_INT(json_integer_value(json_object_get(item, "severity")), 1);
    CHECK_TEXT(range_text(json_object_get(item, "range")), "2:2-2:25");
    related = json_array_get(json_object_get(item, "relatedInformation"), 0);
    CHECK_TEXT(range_text(json_object_get(json_object_get(related, "location"), "range")),
               "1:49-1:64");
    CHECK_TEXT(text_of(json_object_get(related, "location"), "uri"), URI);
    CHECK_TEXT(text_of(diagnostic(&client, 1), "code"), "E0201");
    CHECK_CONTAINS(text_of(diagnostic(&client, 1), "message"),
                   "\nhelp: did you mean 'micro_batch'?\nfix: ");
    client_notify(&client, "textDocument/didClose", client_document(URI));
    json_decref(client_receive(&client));
    CHECK_INT(diagnostic_count(&client), 0);
    CHECK_INT(client_finish(&client), 0);
}

static void test_warnings(void)
{
    struct client client;
    char text[sizeof TEXT + 64];

    (void)snprintf(text, sizeof text, "%s# mimoc: allow W0601\n", TEXT);
    begin_with(&client, text);
    CHECK_INT(diagnostic_count(&client), 1);
    CHECK_TEXT(text_of(diagnostic(&client, 0), "code"), "W0101");
    CHECK_INT(json_integer_value(json_object_get(diagnostic(&client, 0), "severity")), 2);
    CHECK_INT(
        json_integer_value(json_array_get(json_object_get(diagnostic(&client, 0), "tags"), 0)), 1);
    CHECK_INT(client_finish(&client), 0);
}

/* ---- positions ---- */

/* Of a document with one error, E0204, behind an emoji and a Chinese character. */
static void check_encoding(const char *encoding, const char *range, int hover_column)
{
    struct client client;
    json_t *result;

    client_start(&client);
    json_decref(client_initialize(&client, encoding));
    client_open(&client, URI,
                "mimo 1\r\nparam a = 5\r\n"
                "assert \"\xF0\x9F\x99\x82\xE4\xB8\xAD\" == \"\" || a == absent, \"x\"\r\n");
    CHECK_INT(diagnostic_count(&client), 1);
    CHECK_TEXT(text_of(diagnostic(&client, 0), "code"), "E0204");
    CHECK_TEXT(range_text(json_object_get(diagnostic(&client, 0), "range")), range);
    result = client_result(&client, "textDocument/hover", client_at(URI, 2, hover_column));
    CHECK_CONTAINS(text_of(json_object_get(result, "contents"), "value"), "**param a**");
    json_decref(result);
    CHECK_INT(client_finish(&client), 0);
}

static void test_positions(void)
{
    check_encoding(NULL, "2:27-2:33", 22);
    check_encoding("utf-8", "2:31-2:37", 26);
}

static void change_range(struct client *client, int line, int first, int last, const char *text)
{
    const unsigned before = client->published;

    client_notify(client, "textDocument/didChange",
                  json_pack("{s:{s:s, s:i}, s:[{s:{s:{s:i, s:i}, s:{s:i, s:i}}, s:s}]}",
                            "textDocument", "uri", URI, "version", 3, "contentChanges", "range",
                            "start", "line", line, "character", first, "end", "line", line,
                            "character", last, "text", text));
    while (client->published == before)
        json_decref(client_receive(client));
}

static void test_incremental_changes(void)
{
    struct client client;

    begin_with(&client, "mimo 1\n# \xF0\x9F\x99\x82 x\nparam a = 1\n");
    CHECK_INT(diagnostic_count(&client), 0);
    change_range(&client, 1, 4, 6, "\nparam b = z"); /* behind the emoji, two units wide */
    CHECK_INT(diagnostic_count(&client), 1);
    CHECK_TEXT(range_text(json_object_get(diagnostic(&client, 0), "range")), "2:10-2:11");
    change_range(&client, 2, 10, 11, "a");
    CHECK_INT(diagnostic_count(&client), 0);
    change_range(&client, 99, 0, 0, "param a = 2"); /* behind the end */
    CHECK_TEXT(text_of(diagnostic(&client, 0), "code"), "E0202");
    CHECK_INT(client_finish(&client), 0);
}

/* ---- hover ---- */

static void check_hover(struct client *client, int line, int column, const char *text)
{
    json_t *result = client_result(client, "textDocument/hover", client_at(URI, line, column));

    CHECK_CONTAINS(text_of(json_object_get(result, "contents"), "value"), text);
    json_decref(result);
}

static void test_hover(void)
{
    struct client client;
    json_t *result;

    begin(&client);
    check_hover(&client, 1, 7, "**param width**\n\n= `32`");
    check_hover(&client, 2, 2, "**model**: the modules");
    check_hover(&client, 3, 4, "stands in `model`");
    check_hover(&client, 3, 13, "**language 'llm'**, llama");
    check_hover(&client, 3, 19, "`num_layers`, `hidden_size`");
    check_hover(&client, 4, 6,
                "**num_layers**: transformer layers\n\nan integer, at least 1; required"
                "\n\n= `2`");
    check_hover(&client, 4, 37, "**param width**");
    check_hover(&client, 7, 6, "default: `4 * hidden_size`\n\n= `96`");
    check_hover(&client, 7, 24, "= `96`");                 /* the product */
    check_hover(&client, 7, 28, "**hidden_size**: width"); /* a sibling */
    check_hover(&client, 14, 4, "`colocated`, `homogeneous`, `heterogeneous` or `hybrid`");
    check_hover(&client, 14, 10, "= `colocated`");
    check_hover(&client, 14, 46, "**cluster 'pc'**");
    check_hover(&client, 15, 24, "**tensor_parallel**");
    check_hover(&client, 18, 21, "**language 'llm'**");
    check_hover(&client, 18, 28, "**hidden_size**");
    check_hover(&client, 18, 6, "= `64`");
    check_hover(&client, 20, 17, "**training 'base'**");
    check_hover(&client, 22, 23, "= `0`");
    result = client_result(&client, "textDocument/hover", client_at(URI, 8, 0));
    CHECK(json_is_null(result));
    json_decref(result);
    CHECK_INT(client_finish(&client), 0);
}

/* ---- definition ---- */

static void check_definition(struct client *client, int line, int column, const char *range)
{
    json_t *result = client_result(client, "textDocument/definition", client_at(URI, line, column));

    CHECK_TEXT(json_is_null(result) ? "null" : range_text(json_object_get(result, "range")), range);
    json_decref(result);
}

static void test_definition(void)
{
    struct client client;

    begin(&client);
    check_definition(&client, 4, 35, "1:6-1:11");    /* width */
    check_definition(&client, 7, 26, "4:20-4:31");   /* hidden_size */
    check_definition(&client, 14, 46, "10:8-10:10"); /* pc */
    check_definition(&client, 15, 15, "3:11-3:14");  /* the module of a layout */
    check_definition(&client, 18, 20, "3:11-3:14");  /* llm of llm.hidden_size */
    check_definition(&client, 18, 26, "4:20-4:31");  /* its attribute */
    check_definition(&client, 20, 16, "17:9-17:13"); /* the base */
    check_definition(&client, 22, 8, "3:11-3:14");
    check_definition(&client, 4, 18, "null");
    check_definition(&client, 14, 10, "null"); /* a word of the language */
    CHECK_INT(client_finish(&client), 0);
}

/* ---- completion ---- */

static const json_t *find_item(const json_t *items, const char *label)
{
    for (size_t i = 0; i < json_array_size(items); i++) {
        if (strcmp(text_of(json_array_get(items, i), "label"), label) == 0)
            return json_array_get(items, i);
    }
    return NULL;
}

/* Completion at the `|` of a text; `present` and `absent` are labels, separated by spaces. */
static void check_completion(struct client *client, const char *marked, const char *present,
                             const char *absent)
{
    const char *lists[2] = {present, absent};
    char text[4096], labels[256];
    const char *bar = strchr(marked, '|'), *line_begin = marked;
    json_t *items;
    int line = 0;

    for (const char *at = marked; at < bar; at++) {
        if (*at == '\n') {
            line++;
            line_begin = at + 1;
        }
    }
    (void)snprintf(text, sizeof text, "%.*s%s", (int)(bar - marked), marked, bar + 1);
    client_change(client, URI, text);
    items = client_result(client, "textDocument/completion",
                          client_at(URI, line, (int)(bar - line_begin)));
    for (int i = 0; i < 2; i++) {
        (void)snprintf(labels, sizeof labels, "%s", lists[i]);
        for (char *label = strtok(labels, " "); label != NULL; label = strtok(NULL, " ")) {
            const bool is_there = find_item(items, label) != NULL;
            if (is_there != (i == 0))
                (void)printf("\n  %s: %s is %s\n", marked, label, is_there ? "there" : "absent");
            CHECK_INT(is_there, i == 0);
        }
    }
    json_decref(items);
}

#define MODEL                                                                                      \
    "mimo 1\nparam p = 1\nmodel m { language llm : llama { num_layers = 2 }\n"                     \
    "modality i { encoder vit : clip_vit { } projector q : mlp { } } }\ncluster c { }\n"

static void test_completion(void)
{
    struct client client;

    begin(&client);
    check_completion(&client, "|", "mimo param import model deployment training", "language steps");
    check_completion(&client, "mimo 1\nmod|", "model data", "language");
    check_completion(&client, "mimo 1\nmodel m { | }", "language modality weights", "steps model");
    check_completion(&client, "mimo 1\nmodel m { language llm : | }", "llama gpt", "mlp");
    check_completion(&client, "mimo 1\nmodel m { language llm : llama { | num_layers = 1 } }",
                     "hidden_size rotary_base moe", "num_layers activation");
    check_completion(&client, "mimo 1\nmodel m { language llm : gpt { num_layers = 1 hid| } }",
                     "hidden_size activation", "num_layers rotary_base");
    check_completion(&client, "mimo 1\ntraining { precision = | }", "fp32 bf16 fp64", "steps");
    check_completion(&client, "mimo 1\ntraining { precision = b| }", "bf16", "gelu");
    check_completion(&client, "mimo 1\ntraining { shuffle = 1 padding = full | }", "steps",
                     "padding full");
    check_completion(&client, "mimo 1\ntraining { optimizer | }", "adamw", "cosine");
    check_completion(&client, "mimo 1\ntraining { schedule | }", "cosine linear constant", "adamw");
    check_completion(&client, "mimo 1\ntraining a { }\ntraining b : |", "a", "llama");
    check_completion(&client, "mimo 1\ncluster c { memory = 80| }", "80GB 80GiB",
                     "80TFLOPS 80GBps");
    check_completion(&client, MODEL "deployment d { cluster = | }", "c none", "p llm");
    check_completion(&client, MODEL "deployment d { parallelism | }", "all llm vit", "q i");
    check_completion(&client, MODEL "deployment d { world_size = | }", "p none llm training",
                     "colocated");
    check_completion(&client, MODEL "deployment d { parallelism llm { tensor_parallel = 2 * | } }",
                     "p llm", "tensor_parallel");
    check_completion(&client, MODEL "training { sequence_length = llm.| }",
                     "hidden_size num_layers", "steps p");
    check_completion(&client, MODEL "assert llm.num_layers == |, \"x\"", "p llm vit", "steps");
    check_completion(&client, "mimo 1\n# a comm|ent\n", "", "model param");
    check_completion(&client, "mimo 1\nimport \"a|b\"\n", "", "model param");
    check_completion(&client, "mimo 1\nmodel |", "", "model llm");
    CHECK_INT(client_finish(&client), 0);
}

/* ---- the rest ---- */

static void test_formatting(void)
{
    struct client client;
    json_t *result;

    begin_with(&client, "mimo 1\nparam a=1 # x\n");
    result = client_result(&client, "textDocument/formatting", client_document(URI));
    CHECK_INT(json_array_size(result), 1);
    CHECK_TEXT(text_of(json_array_get(result, 0), "newText"),
               "mimo 1\nparam a = 1                              # x\n");
    CHECK_TEXT(range_text(json_object_get(json_array_get(result, 0), "range")), "0:0-2:0");
    client_change(&client, URI, text_of(json_array_get(result, 0), "newText"));
    json_decref(result);
    result = client_result(&client, "textDocument/formatting", client_document(URI));
    CHECK_INT(json_array_size(result), 0);
    json_decref(result);
    client_change(&client, URI, "mimo 1\nmodel {");
    result = client_result(&client, "textDocument/formatting", client_document(URI));
    CHECK_INT(json_array_size(result), 0);
    json_decref(result);
    CHECK_INT(client_finish(&client), 0);
}

static void test_actions(void)
{
    struct client client;
    const json_t *edit;
    json_t *params, *result;

    begin_with(&client, "mimo 1\ntraining { stepz = 1 }\n");
    params = json_pack("{s:{s:s}, s:{s:{s:i, s:i}, s:{s:i, s:i}}, s:{s:[]}}", "textDocument", "uri",
                       URI, "range", "start", "line", 1, "character", 13, "end", "line", 1,
                       "character", 13, "context", "diagnostics");
    result = client_result(&client, "textDocument/codeAction", json_incref(params));
    CHECK_INT(json_array_size(result), 1);
    CHECK_TEXT(text_of(json_array_get(result, 0), "kind"), "quickfix");
    edit = json_object_get(json_object_get(json_array_get(result, 0), "edit"), "changes");
    edit = json_array_get(json_object_get(edit, URI), 0);
    CHECK_TEXT(text_of(edit, "newText"), "steps");
    CHECK_TEXT(range_text(json_object_get(edit, "range")), "1:11-1:16");
    json_decref(result);
    client_change(&client, URI, "mimo 1\n\ntraining { stepz = 1 }\n"); /* the range is above it */
    result = client_result(&client, "textDocument/codeAction", params);
    CHECK_INT(json_array_size(result), 0);
    json_decref(result);
    CHECK_INT(client_finish(&client), 0);
}

static void test_symbols(void)
{
    struct client client;
    const json_t *model, *language;
    json_t *result;

    begin(&client);
    result = client_result(&client, "textDocument/documentSymbol", client_document(URI));
    CHECK_INT(json_array_size(result), 7);
    CHECK_TEXT(text_of(json_array_get(result, 0), "name"), "width");
    model = json_array_get(result, 1);
    CHECK_TEXT(text_of(model, "name"), "model small");
    CHECK_TEXT(range_text(json_object_get(model, "range")), "2:0-9:1");
    CHECK_TEXT(range_text(json_object_get(model, "selectionRange")), "2:6-2:11");
    language = json_array_get(json_object_get(model, "children"), 0);
    CHECK_TEXT(text_of(language, "name"), "language llm");
    CHECK_INT(json_array_size(json_object_get(language, "children")), 5);
    CHECK_TEXT(text_of(json_array_get(json_object_get(language, "children"), 1), "name"),
               "hidden_size");
    json_decref(result);
    CHECK_INT(client_finish(&client), 0);
}

/* ---- imports ---- */

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    MIMO_ASSERT(file != NULL);
    (void)fputs(text, file);
    (void)fclose(file);
}

static void test_imports(void)
{
    char folder[] = "/tmp/mimo-lsp-XXXXXX", main_uri[128], library[128], library_uri[128];
    struct client client;
    const json_t *related;
    json_t *result;

    MIMO_ASSERT(mkdtemp(folder) != NULL);
    (void)snprintf(library, sizeof library, "%s/a library.mimo", folder);
    (void)snprintf(library_uri, sizeof library_uri, "file://%s/a%%20library.mimo", folder);
    (void)snprintf(main_uri, sizeof main_uri, "file://%s/main.mimo", folder);
    write_file(library, "mimo 1\nparam shared = 7\n");
    client_start(&client);
    json_decref(client_initialize(&client, NULL));
    client_open(&client, main_uri, "mimo 1\nimport \"a library.mimo\"\nparam own = shared\n");
    CHECK_INT(diagnostic_count(&client), 0);
    result = client_result(&client, "textDocument/definition", client_at(main_uri, 2, 14));
    CHECK_TEXT(text_of(result, "uri"), library_uri);
    CHECK_TEXT(range_text(json_object_get(result, "range")), "1:6-1:12");
    json_decref(result);
    result = client_result(&client, "textDocument/definition", client_at(main_uri, 1, 12));
    CHECK_TEXT(text_of(result, "uri"), library_uri);
    json_decref(result);

    /* what the editor has not saved counts, and shows where it is imported */
    client_open(&client, library_uri, "mimo 1\nparam shared = absent\n");
    json_decref(client_ask(&client, "textDocument/documentSymbol", client_document(main_uri)));
    CHECK_TEXT(text_of(client.diagnostics, "uri"), main_uri);
    CHECK_INT(diagnostic_count(&client), 1);
    CHECK_TEXT(text_of(diagnostic(&client, 0), "code"), "E0204");
    CHECK_TEXT(range_text(json_object_get(diagnostic(&client, 0), "range")), "1:0-1:23");
    related = json_array_get(json_object_get(diagnostic(&client, 0), "relatedInformation"), 0);
    CHECK_TEXT(text_of(json_object_get(related, "location"), "uri"), library_uri);
    CHECK_TEXT(range_text(json_object_get(json_object_get(related, "location"), "range")),
               "1:15-1:21");

    /* closed, the file counts again */
    client_notify(&client, "textDocument/didClose", client_document(library_uri));
    json_decref(client_ask(&client, "textDocument/documentSymbol", client_document(main_uri)));
    CHECK_TEXT(text_of(client.diagnostics, "uri"), main_uri);
    CHECK_INT(diagnostic_count(&client), 0);
    CHECK_INT(client_finish(&client), 0);
    (void)unlink(library);
    (void)rmdir(folder);
}

/* ---- robustness ---- */

/* Every question at every place of a text, and of its beginnings. */
static void test_every_place(void)
{
    static const char *const methods[] = {"textDocument/hover", "textDocument/definition",
                                          "textDocument/completion"};
    struct client client;

    begin(&client);
    for (size_t length = 0; length < sizeof TEXT - 1; length += 7) {
        char text[sizeof TEXT];
        int line = 0, column = 0;
        (void)snprintf(text, sizeof text, "%.*s", (int)length, TEXT);
        for (size_t i = 0; i < length; i++) {
            column = text[i] == '\n' ? 0 : column + 1;
            line += text[i] == '\n';
        }
        client_change(&client, URI, text);
        for (size_t k = 0; k < sizeof methods / sizeof *methods; k++) {
            json_t *answer = client_ask(&client, methods[k], client_at(URI, line, column));
            CHECK(json_object_get(answer, "result") != NULL);
            json_decref(answer);
        }
    }
    client_change(&client, URI, TEXT);
    for (int line = 0; line < 24; line++) {
        for (int column = 0; column < 60; column += 3) {
            for (size_t k = 0; k < sizeof methods / sizeof *methods; k++)
                json_decref(client_ask(&client, methods[k], client_at(URI, line, column)));
        }
    }
    CHECK_INT(client_finish(&client), 0);
}

/* A long session: every change is answered with its diagnostics. */
static void test_many_changes(void)
{
    struct client client;

    begin(&client);
    for (int i = 0; i < 100; i++)
        client_change(&client, URI, TEXT);
    CHECK_INT(client_finish(&client), 0);
}

static const struct mimo_test TESTS[] = {
    {"capabilities", test_capabilities},
    {"the order of messages", test_order_of_messages},
    {"exit without shutdown", test_exit_without_shutdown},
    {"broken bodies", test_broken_bodies},
    {"broken parameters", test_broken_params},
    {"broken headers", test_broken_headers},
    {"other headers", test_other_headers},
    {"diagnostics", test_diagnostics},
    {"warnings", test_warnings},
    {"positions", test_positions},
    {"incremental changes", test_incremental_changes},
    {"hover", test_hover},
    {"definition", test_definition},
    {"completion", test_completion},
    {"formatting", test_formatting},
    {"code actions", test_actions},
    {"symbols", test_symbols},
    {"imports", test_imports},
    {"every place", test_every_place},
    {"many changes", test_many_changes},
};

MIMO_TEST_MAIN("lsp", TESTS)
