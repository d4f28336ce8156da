/* Comments of the form `# mimoc: allow W0601 -- reason`, which silence one warning. */
#include "compiler/compilation.h"

#include <string.h>

/* The comment stands on the line of the warning or on the line before it. */
static bool covers(const struct mimo_compilation *compilation, const struct mimo_allow *allow,
                   const struct mimo_diagnostic *diagnostic)
{
    const struct mimo_source *source = mimo_source(compilation->sources, allow->span.file);
    uint32_t comment, warning;

    if (diagnostic->span.file != allow->span.file ||
        strcmp(mimo_code_name(diagnostic->code), allow->code) != 0)
        return false;
    comment = mimo_source_place(source, allow->span.begin).line;
    warning = mimo_source_place(source, diagnostic->span.begin).line;
    return warning == comment || warning == comment + 1;
}

static bool is_allowed(struct mimo_compilation *compilation,
                       const struct mimo_diagnostic *diagnostic)
{
    bool is_covered = false;

    for (size_t i = 0; i < compilation->tree_count; i++) {
        const struct mimo_tree *tree = compilation->trees[i];
        for (size_t j = 0; j < tree->allow_count; j++) {
            if (covers(compilation, &tree->allows[j], diagnostic)) {
                tree->allows[j].is_used = true;
                is_covered = true;
            }
        }
    }
    return is_covered;
}

static void take_back_allowed(struct mimo_compilation *compilation)
{
    struct mimo_diagnostics *diagnostics = compilation->diagnostics;
    size_t kept = 0;

    for (size_t i = 0; i < diagnostics->count; i++) {
        struct mimo_diagnostic *item = diagnostics->items[i];
        if (item->severity == MIMO_SEVERITY_WARNING && is_allowed(compilation, item))
            diagnostics->warning_count--;
        else
            diagnostics->items[kept++] = item;
    }
    diagnostics->count = kept;
}

void mimo_compilation_allow(struct mimo_compilation *compilation, bool is_whole)
{
    take_back_allowed(compilation);
    if (!is_whole || compilation->diagnostics->error_count > 0)
        return; /* an error may have kept the warning from being found */
    for (size_t i = 0; i < compilation->tree_count; i++) {
        const struct mimo_tree *tree = compilation->trees[i];
        for (size_t j = 0; j < tree->allow_count; j++) {
            if (!tree->allows[j].is_used)
                (void)mimo_diagnose(compilation->diagnostics, MIMO_W0101, tree->allows[j].span,
                                    "this comment silences no %s", tree->allows[j].code);
        }
    }
}
