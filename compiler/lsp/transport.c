#include "compiler/lsp/transport.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HEADER_BYTES_MAX = 1024, HEADERS_MAX = 64 };

static const char LENGTH_FIELD[] = "Content-Length:";

void mimo_lsp_transport_init(struct mimo_lsp_transport *transport, FILE *in, FILE *out)
{
    *transport = (struct mimo_lsp_transport){.in = in, .out = out};
}

void mimo_lsp_transport_release(struct mimo_lsp_transport *transport)
{
    free(transport->body);
    transport->body = NULL;
    transport->capacity = 0;
}

static enum mimo_lsp_input give_up(struct mimo_lsp_transport *transport, const char *trouble)
{
    transport->trouble = trouble;
    return MIMO_LSP_BROKEN;
}

/* Reads a line without its ending; END only before its first byte. */
static enum mimo_lsp_input read_line(struct mimo_lsp_transport *transport, char *line)
{
    size_t length = 0;
    int byte;

    while ((byte = getc(transport->in)) != '\n') {
        if (byte == EOF && length == 0)
            return MIMO_LSP_END;
        if (byte == EOF)
            return give_up(transport, "the stream ends in a header");
        if (length == HEADER_BYTES_MAX - 1)
            return give_up(transport, "a header is too long");
        line[length++] = (char)byte;
    }
    if (length > 0 && line[length - 1] == '\r')
        length--;
    line[length] = '\0';
    return MIMO_LSP_MESSAGE;
}

/* "Content-Length: 123" */
static bool parse_length(const char *line, size_t *out_size)
{
    const char *digits = line + sizeof LENGTH_FIELD - 1;
    unsigned long long size;
    char *end;

    digits += strspn(digits, " \t");
    if (!isdigit((unsigned char)*digits) || strlen(digits) > 18)
        return false;
    size = strtoull(digits, &end, 10);
    *out_size = (size_t)size;
    return end[strspn(end, " \t")] == '\0';
}

static enum mimo_lsp_input read_headers(struct mimo_lsp_transport *transport, size_t *out_size)
{
    char line[HEADER_BYTES_MAX];
    bool has_length = false;

    for (int count = 0; count < HEADERS_MAX; count++) {
        const enum mimo_lsp_input input = read_line(transport, line);
        if (input == MIMO_LSP_END && count > 0)
            return give_up(transport, "the stream ends among the headers");
        if (input != MIMO_LSP_MESSAGE)
            return input;
        if (line[0] == '\0')
            return has_length ? MIMO_LSP_MESSAGE
                              : give_up(transport, "a message has no Content-Length");
        if (strncasecmp(line, LENGTH_FIELD, sizeof LENGTH_FIELD - 1) != 0)
            continue;
        if (!parse_length(line, out_size))
            return give_up(transport, "a Content-Length is not a number");
        has_length = true;
    }
    return give_up(transport, "a message has too many headers");
}

static bool make_room(struct mimo_lsp_transport *transport, size_t size)
{
    char *body;

    if (size <= transport->capacity)
        return true;
    body = realloc(transport->body, size);
    if (body == NULL)
        return false;
    transport->body = body;
    transport->capacity = size;
    return true;
}

enum mimo_lsp_input mimo_lsp_transport_read(struct mimo_lsp_transport *transport,
                                            const char **out_body, size_t *out_size)
{
    size_t size = 0;
    const enum mimo_lsp_input input = read_headers(transport, &size);

    if (input != MIMO_LSP_MESSAGE)
        return input;
    if (size > MIMO_LSP_BODY_BYTES_MAX)
        return give_up(transport, "a message is too long");
    if (!make_room(transport, size))
        return give_up(transport, "there is no memory for a message");
    if (fread(transport->body, 1, size, transport->in) != size)
        return give_up(transport, "the stream ends in a message");
    *out_body = size > 0 ? transport->body : "";
    *out_size = size;
    return MIMO_LSP_MESSAGE;
}

void mimo_lsp_transport_write(struct mimo_lsp_transport *transport, const char *body, size_t size)
{
    (void)fprintf(transport->out, "Content-Length: %zu\r\n\r\n", size);
    (void)fwrite(body, 1, size, transport->out);
    (void)fflush(transport->out);
}
