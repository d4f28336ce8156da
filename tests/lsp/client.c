#include "tests/lsp/client.h"

#include "plan/error.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void client_start(struct client *client)
{
    int in[2], out[2];

    (void)signal(SIGPIPE, SIG_IGN);
    *client = (struct client){0};
    MIMO_ASSERT(pipe(in) == 0 && pipe(out) == 0);
    client->process = fork();
    MIMO_ASSERT(client->process >= 0);
    if (client->process == 0) {
        (void)dup2(in[0], STDIN_FILENO);
        (void)dup2(out[1], STDOUT_FILENO);
        (void)close(in[0]);
        (void)close(in[1]);
        (void)close(out[0]);
        (void)close(out[1]);
        (void)execl(MIMO_MIMOC, MIMO_MIMOC, "lsp", "--stdio", (char *)NULL);
        _exit(127);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    client->to = fdopen(in[1], "w");
    client->from = fdopen(out[0], "r");
    MIMO_ASSERT(client->to != NULL && client->from != NULL);
}

/* ---- messages ---- */

void client_send_raw(struct client *client, const char *bytes, size_t size)
{
    (void)fwrite(bytes, 1, size, client->to);
    (void)fflush(client->to);
}

void client_send_body(struct client *client, const char *body)
{
    (void)fprintf(client->to, "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
    (void)fflush(client->to);
}

static void send_message(struct client *client, json_t *message)
{
    char *body = json_dumps(message, JSON_COMPACT);

    MIMO_ASSERT(body != NULL);
    client_send_body(client, body);
    free(body);
    json_decref(message);
}

void client_notify(struct client *client, const char *method, json_t *params)
{
    send_message(
        client, json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method", method, "params", params));
}

static json_t *read_message(struct client *client)
{
    size_t size = 0;
    json_t *message;
    char *body;

    if (fscanf(client->from, "Content-Length: %zu\r\n\r\n", &size) != 1)
        return NULL;
    body = malloc(size + 1);
    MIMO_ASSERT(body != NULL && fread(body, 1, size, client->from) == size);
    message = json_loadb(body, size, 0, NULL);
    MIMO_ASSERT(message != NULL);
    free(body);
    return message;
}

json_t *client_receive(struct client *client)
{
    json_t *message = read_message(client);
    const char *method = json_string_value(json_object_get(message, "method"));

    if (method != NULL && strcmp(method, "textDocument/publishDiagnostics") == 0) {
        json_decref(client->diagnostics);
        client->diagnostics = json_incref(json_object_get(message, "params"));
        client->published++;
    }
    return message;
}

json_t *client_ask(struct client *client, const char *method, json_t *params)
{
    json_t *answer;

    send_message(client, json_pack("{s:s, s:I, s:s, s:o}", "jsonrpc", "2.0", "id", ++client->id,
                                   "method", method, "params", params));
    while ((answer = client_receive(client)) != NULL) {
        if (json_integer_value(json_object_get(answer, "id")) == client->id)
            return answer;
        json_decref(answer);
    }
    return NULL;
}

json_t *client_result(struct client *client, const char *method, json_t *params)
{
    json_t *answer = client_ask(client, method, params);
    json_t *result = json_incref(json_object_get(answer, "result"));

    json_decref(answer);
    return result;
}

/* ---- sessions ---- */

json_t *client_initialize(struct client *client, const char *encoding)
{
    json_t *params = encoding == NULL ? json_pack("{s:{}}", "capabilities")
                                      : json_pack("{s:{s:{s:[s, s]}}}", "capabilities", "general",
                                                  "positionEncodings", "utf-32", encoding);
    json_t *result = client_result(client, "initialize", params);

    client_notify(client, "initialized", json_object());
    return result;
}

static void wait_for_diagnostics(struct client *client)
{
    const unsigned before = client->published;

    while (client->published == before) {
        json_t *message = client_receive(client);
        MIMO_ASSERT(message != NULL);
        json_decref(message);
    }
}

void client_open(struct client *client, const char *uri, const char *text)
{
    client_notify(client, "textDocument/didOpen",
                  json_pack("{s:{s:s, s:s, s:i, s:s}}", "textDocument", "uri", uri, "languageId",
                            "mimo", "version", 1, "text", text));
    wait_for_diagnostics(client);
}

void client_change(struct client *client, const char *uri, const char *text)
{
    client_notify(client, "textDocument/didChange",
                  json_pack("{s:{s:s, s:i}, s:[{s:s}]}", "textDocument", "uri", uri, "version", 2,
                            "contentChanges", "text", text));
    wait_for_diagnostics(client);
}

json_t *client_document(const char *uri)
{
    return json_pack("{s:{s:s}}", "textDocument", "uri", uri);
}

json_t *client_at(const char *uri, int line, int character)
{
    return json_pack("{s:{s:s}, s:{s:i, s:i}}", "textDocument", "uri", uri, "position", "line",
                     line, "character", character);
}

int client_end(struct client *client)
{
    int status = 0;

    (void)fclose(client->to);
    while (getc(client->from) != EOF)
        ;
    (void)fclose(client->from);
    json_decref(client->diagnostics);
    MIMO_ASSERT(waitpid(client->process, &status, 0) == client->process);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int client_finish(struct client *client)
{
    json_decref(client_ask(client, "shutdown", json_null()));
    client_notify(client, "exit", json_null());
    return client_end(client);
}
