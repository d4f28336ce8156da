#include "compiler/fmt/fmt.h"
#include "compiler/command/command.h"
#include "compiler/fmt/unified.h"
#include "plan/file.h"

#include <stdlib.h>
#include <string.h>

/* A file before and after. */
struct text {
    const char *path;
    const char *name;
    const char *before, *after;
    size_t before_size, after_size;
};

static bool is_dash(const char *path)
{
    return strcmp(path, "-") == 0;
}

/* Lays out one file; `after` is NULL where it has syntax errors. */
static enum mimo_status lay_out(struct mimo_run *run, struct text *text, struct mimo_error *err)
{
    struct mimo_diagnostics diagnostics;
    uint32_t file;
    char *bytes;
    size_t size;

    MIMO_TRY(mimo_file_read(text->path, MIMO_SOURCE_BYTES_MAX, &bytes, &size, err));
    file = mimo_sources_add(&run->sources, text->name, bytes, size);
    free(bytes);
    mimo_diagnostics_init(&diagnostics, run->arena, &run->sources);
    text->before = mimo_source(&run->sources, file)->text;
    text->before_size = size;
    text->after = mimo_fmt(&diagnostics, file, &text->after_size);
    mimo_diagnostics_sort(&diagnostics);
    mimo_diagnostics_merge(&run->total, &diagnostics);
    return MIMO_OK;
}

static void print_difference(const struct mimo_run *run, const struct text *text)
{
    const struct mimo_unified_text before = {text->name, text->before, text->before_size};
    const struct mimo_unified_text after = {
        mimo_arena_printf(run->arena, "%s (formatted)", text->name), text->after, text->after_size};

    mimo_unified_print(&before, &after, stdout);
}

static enum mimo_exit format_file(struct mimo_run *run, const char *path)
{
    struct text text = {.path = path, .name = is_dash(path) ? "<stdin>" : path};
    struct mimo_error err = {0};
    bool is_changed;

    if (lay_out(run, &text, &err) != MIMO_OK)
        return mimo_run_complain(&err);
    if (text.after == NULL)
        return MIMO_EXIT_MISTAKES;
    is_changed = text.before_size != text.after_size ||
                 memcmp(text.before, text.after, text.after_size) != 0;
    if (run->options->checks_only) {
        print_difference(run, &text);
        return is_changed ? MIMO_EXIT_MISTAKES : MIMO_EXIT_CLEAN;
    }
    if ((is_changed || is_dash(path)) &&
        mimo_file_write(path, text.after, text.after_size, &err) != MIMO_OK)
        return mimo_run_complain(&err);
    return MIMO_EXIT_CLEAN;
}

enum mimo_exit mimo_command_fmt(struct mimo_run *run)
{
    enum mimo_exit result = MIMO_EXIT_CLEAN;

    for (size_t i = 0; i < run->options->file_count; i++) {
        const enum mimo_exit one = format_file(run, run->options->files[i]);
        result = one > result ? one : result;
    }
    mimo_run_print(run);
    return result;
}
