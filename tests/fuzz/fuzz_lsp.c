/*
 * fuzz_lsp.c - any bytes as what a client sends to the language server: all is answered or refused,
 * and the server ends with the stream.
 *
 * An input that begins with a header ("Content-...") is the stream itself. Any other is a list of
 * bodies, one a line, which get their headers here, so that the fuzzer's changes reach the
 * messages.
 */
#include "compiler/lsp/lsp.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static const char HEADER[] = "Content-";

/* The bytes of a stream of messages; the caller's. */
static char *frame(const char *lines, size_t size, size_t *out_size)
{
    const char *end = lines + size;
    char *stream = NULL;
    FILE *file = open_memstream(&stream, out_size);

    MIMO_ASSERT(file != NULL);
    while (lines < end) {
        const char *stop = memchr(lines, '\n', (size_t)(end - lines));
        const size_t length = (size_t)((stop == NULL ? end : stop) - lines);

        (void)fprintf(file, "Content-Length: %zu\r\n\r\n", length);
        (void)fwrite(lines, 1, length, file);
        lines += length + (stop == NULL ? 0 : 1);
    }
    MIMO_ASSERT(fclose(file) == 0);
    return stream;
}

static void serve(char *stream, size_t size)
{
    static const struct mimo_request request;
    const struct mimo_lsp_options options = {&request, "0", "https://example.org"};
    FILE *in = fmemopen(stream, size, "r");

    MIMO_ASSERT(in != NULL);
    (void)mimo_lsp_serve(&options, in, fuzz_sink());
    (void)fclose(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const bool is_stream =
        size >= sizeof HEADER - 1 && memcmp(bytes, HEADER, sizeof HEADER - 1) == 0;
    size_t stream_size = size;
    char *stream;

    if (size == 0)
        return 0;
    if (is_stream) {
        stream = malloc(size);
        MIMO_ASSERT(stream != NULL);
        memcpy(stream, bytes, size);
    } else {
        stream = frame((const char *)bytes, size, &stream_size);
    }
    serve(stream, stream_size);
    free(stream);
    return 0;
}
