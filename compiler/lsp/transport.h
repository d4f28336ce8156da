/*
 * transport.h - messages over streams: a header with the length of the body, a blank line, the
 * body (LSP 3.17, "Base Protocol").
 */
#ifndef MIMO_COMPILER_LSP_TRANSPORT_H
#define MIMO_COMPILER_LSP_TRANSPORT_H

#include <stddef.h>
#include <stdio.h>

enum { MIMO_LSP_BODY_BYTES_MAX = 64 * 1024 * 1024 };

struct mimo_lsp_transport {
    FILE *in, *out;
    char *body; /* of the last message, the transport's own */
    size_t capacity;
    const char *trouble; /* why reading failed */
};

enum mimo_lsp_input {
    MIMO_LSP_MESSAGE,
    MIMO_LSP_END,    /* the stream ended between two messages */
    MIMO_LSP_BROKEN, /* it is not clear where the next message begins: see `trouble` */
};

void mimo_lsp_transport_init(struct mimo_lsp_transport *transport, FILE *in, FILE *out);
void mimo_lsp_transport_release(struct mimo_lsp_transport *transport);

/* Reads the next message; its body is valid until the one after it is read. */
enum mimo_lsp_input mimo_lsp_transport_read(struct mimo_lsp_transport *transport,
                                            const char **out_body, size_t *out_size);

void mimo_lsp_transport_write(struct mimo_lsp_transport *transport, const char *body, size_t size);

#endif
