#include "tests/unit/compiler/front.h"

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

static const char *print(struct front *front, bool is_json)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    const char *copy;

    MIMO_ASSERT(file != NULL);
    if (is_json)
        mimo_diagnostics_print_json(&front->diagnostics, file);
    else
        mimo_diagnostics_print_text(&front->diagnostics, file, false);
    (void)fclose(file);
    copy = mimo_arena_copy(&front->arena, text, size);
    free(text);
    return copy;
}

const char *front_text(struct front *front)
{
    return print(front, false);
}

const char *front_json(struct front *front)
{
    return print(front, true);
}
