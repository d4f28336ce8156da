#include "tests/unit/compiler/front.h"

#include "compiler/diagnostic/sink.h"

#include <stdlib.h>
#include <string.h>

void front_run_bytes(struct front *front, const char *text, size_t size)
{
    struct mimo_error err = {0};
    struct mimo_choice *choices;
    size_t count;

    *front = (struct front){0};
    mimo_sources_init(&front->sources, &front->arena);
    mimo_diagnostics_init(&front->diagnostics, &front->arena, &front->sources);
    mimo_compilation_init(&front->compilation, &front->sources, &front->diagnostics,
                          &front->request);
    MIMO_ASSERT(mimo_compilation_load_text(&front->compilation, "test.mimo", text, size, &err) ==
                MIMO_OK);
    mimo_compilation_resolve(&front->compilation);
    MIMO_ASSERT(mimo_compilation_choices(&front->compilation, &choices, &count, &err) == MIMO_OK);
    mimo_compilation_complete(&front->compilation, &choices[0], &front->declaration);
    mimo_diagnostics_sort(&front->diagnostics);
}

void front_run(struct front *front, const char *text)
{
    front_run_bytes(front, text, strlen(text));
}

void front_release(struct front *front)
{
    mimo_arena_release(&front->arena);
}

size_t front_count(const struct front *front, enum mimo_code code)
{
    size_t count = 0;

    for (size_t i = 0; i < front->diagnostics.count; i++)
        count += front->diagnostics.items[i]->code == code;
    return count;
}

const struct mimo_diagnostic *front_find(const struct front *front, enum mimo_code code)
{
    for (size_t i = 0; i < front->diagnostics.count; i++) {
        if (front->diagnostics.items[i]->code == code)
            return front->diagnostics.items[i];
    }
    return NULL;
}

/* A stream whose content close_stream() moves into the front's arena. */
struct stream {
    FILE *file;
    char *text;
    size_t size;
};

static void open_stream(struct stream *stream)
{
    stream->file = open_memstream(&stream->text, &stream->size);
    MIMO_ASSERT(stream->file != NULL);
}

static const char *close_stream(struct front *front, struct stream *stream)
{
    const char *copy;

    (void)fclose(stream->file);
    copy = mimo_arena_copy(&front->arena, stream->text, stream->size);
    free(stream->text);
    return copy;
}

const char *front_text(struct front *front)
{
    struct stream stream;

    open_stream(&stream);
    mimo_diagnostics_print_text(&front->diagnostics, stream.file, false);
    return close_stream(front, &stream);
}

const char *front_json(struct front *front)
{
    struct stream stream;

    open_stream(&stream);
    mimo_diagnostics_print_json(&front->diagnostics, stream.file);
    return close_stream(front, &stream);
}

const char *front_github(struct front *front)
{
    struct stream stream;

    open_stream(&stream);
    mimo_diagnostics_print_github(&front->diagnostics, stream.file);
    return close_stream(front, &stream);
}

const char *front_sarif(struct front *front, const char *homepage)
{
    const struct mimo_sarif_run run = {.version = "0", .homepage = homepage, .exit_status = 1};
    struct stream stream;

    open_stream(&stream);
    mimo_diagnostics_print_sarif(&front->diagnostics, &run, stream.file);
    return close_stream(front, &stream);
}
