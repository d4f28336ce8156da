/*
 * client.h - a client of `mimoc lsp`, over pipes, for tests.
 */
#ifndef MIMO_TESTS_LSP_CLIENT_H
#define MIMO_TESTS_LSP_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct client {
    pid_t process;
    FILE *to, *from;
    json_int_t id;       /* of the last request */
    json_t *diagnostics; /* the params of the last publishDiagnostics, or NULL */
    unsigned published;  /* how many there were */
};

/* Starts a server; `initialize` is the client's share, see client_initialize(). */
void client_start(struct client *client);

/* Initializes it, with the position encoding offered, or none where that is NULL. Returns the
 * answer's result, a new reference. */
json_t *client_initialize(struct client *client, const char *encoding);

/* Sends bytes as they are; a body with its header; a notification, whose params it takes over. */
void client_send_raw(struct client *client, const char *bytes, size_t size);
void client_send_body(struct client *client, const char *body);
void client_notify(struct client *client, const char *method, json_t *params);

/* The next message, a new reference, or NULL at the end. Diagnostics are noted. */
json_t *client_receive(struct client *client);

/* Makes a request and waits for its answer, a new reference. Takes over `params`. */
json_t *client_ask(struct client *client, const char *method, json_t *params);

/* The `result` of such an answer. */
json_t *client_result(struct client *client, const char *method, json_t *params);

/* Opens a document and waits for its diagnostics. */
void client_open(struct client *client, const char *uri, const char *text);

/* Makes `text` all of the document, and waits for the diagnostics. */
void client_change(struct client *client, const char *uri, const char *text);

/* { textDocument: { uri } }, and with a position. */
json_t *client_document(const char *uri);
json_t *client_at(const char *uri, int line, int character);

/* Closes the pipes and returns the exit status, or -1 where a signal ended the server. */
int client_end(struct client *client);

/* shutdown, exit, client_end() */
int client_finish(struct client *client);

#endif
