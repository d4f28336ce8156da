#include "compiler/diagnostic/fix.h"

#include "compiler/text/source.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *left, const void *right)
{
    const struct mimo_fix *a = *(const struct mimo_fix *const *)left;
    const struct mimo_fix *b = *(const struct mimo_fix *const *)right;

    if (a->span.begin != b->span.begin)
        return (a->span.begin > b->span.begin) - (a->span.begin < b->span.begin);
    return (a->span.end > b->span.end) - (a->span.end < b->span.end);
}

/* The fixes within `file`, in the order of their places. */
static const struct mimo_fix **collect(const struct mimo_diagnostics *diagnostics, uint32_t file,
                                       size_t *out_count)
{
    const struct mimo_fix **fixes =
        MIMO_NEW_ARRAY(diagnostics->arena, const struct mimo_fix *, diagnostics->count + 1);
    size_t count = 0;

    for (size_t i = 0; i < diagnostics->count; i++) {
        const struct mimo_fix *fix = &diagnostics->items[i]->fix;
        if (fix->message != NULL && fix->span.file == file)
            fixes[count++] = fix;
    }
    if (count > 1)
        qsort(fixes, count, sizeof *fixes, compare);
    *out_count = count;
    return fixes;
}

static size_t size_after(const struct mimo_source *source, const struct mimo_fix *const *fixes,
                         size_t count)
{
    size_t size = source->size;

    for (size_t i = 0; i < count; i++)
        size += strlen(fixes[i]->text);
    return size;
}

struct mimo_fixed mimo_fixes_apply(const struct mimo_diagnostics *diagnostics, uint32_t file)
{
    const struct mimo_source *source = mimo_source(diagnostics->sources, file);
    struct mimo_fixed fixed = {0};
    const struct mimo_fix **fixes;
    uint32_t done = 0; /* bytes of the source */
    size_t count;
    char *text;

    fixes = collect(diagnostics, file, &count);
    text = mimo_arena_alloc(diagnostics->arena, size_after(source, fixes, count) + 1, 1);
    for (size_t i = 0; i < count; i++) {
        const struct mimo_span span = fixes[i]->span;
        if (span.begin < done || (fixed.count > 0 && span.begin == done))
            continue;
        memcpy(text + fixed.size, source->text + done, span.begin - done);
        fixed.size += span.begin - done;
        memcpy(text + fixed.size, fixes[i]->text, strlen(fixes[i]->text));
        fixed.size += strlen(fixes[i]->text);
        done = span.end;
        fixed.count++;
    }
    memcpy(text + fixed.size, source->text + done, source->size - done);
    fixed.size += source->size - done;
    fixed.text = text;
    return fixed;
}

size_t mimo_fixes_error_count(const struct mimo_diagnostics *diagnostics)
{
    size_t count = 0;

    for (size_t i = 0; i < diagnostics->count; i++)
        count +=
            diagnostics->items[i]->code < MIMO_E0201 || diagnostics->items[i]->code == MIMO_E0202;
    return count;
}
