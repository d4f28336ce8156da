/*
 * fuzz_compile.c - any bytes as a declaration: every diagnostic stands inside its file and can be
 * printed, fixes come to an end, the formatter changes nothing that matters, and what has no
 * mistake gives a plan that verifies, can be shown, and is no different from itself.
 */
#include "compiler/diagnostic/fix.h"
#include "compiler/diagnostic/sink.h"
#include "compiler/fmt/fmt.h"
#include "compiler/show/compare.h"
#include "compiler/show/describe.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

enum { FIX_ROUNDS_MAX = 8 };

static void check_spans(const struct fuzz_compilation *compilation)
{
    for (size_t i = 0; i < compilation->diagnostics.count; i++) {
        const struct mimo_span span = compilation->diagnostics.items[i]->span;

        MIMO_ASSERT(span.begin <= span.end &&
                    span.end <= mimo_source(&compilation->sources, span.file)->size);
    }
}

static void print_diagnostics(const struct mimo_diagnostics *diagnostics)
{
    const struct mimo_sarif_run run = {.version = "0", .homepage = "https://example.org"};

    mimo_diagnostics_print_text(diagnostics, fuzz_sink(), true);
    mimo_diagnostics_print_json(diagnostics, fuzz_sink());
    mimo_diagnostics_print_github(diagnostics, fuzz_sink());
    mimo_diagnostics_print_sarif(diagnostics, &run, fuzz_sink());
}

/* The fixes, and those of what they bring to light. Each round has to carry one out. */
static void apply_fixes(const struct fuzz_compilation *compilation)
{
    struct mimo_fixed fixed = mimo_fixes_apply(&compilation->diagnostics, 0);

    for (int round = 0; round < FIX_ROUNDS_MAX && fixed.count > 0; round++) {
        struct fuzz_compilation again;
        struct mimo_fixed next;

        fuzz_check(&again, fixed.text, fixed.size);
        check_spans(&again);
        next = mimo_fixes_apply(&again.diagnostics, 0);
        next.text = mimo_arena_copy(compilation->diagnostics.arena, next.text, next.size);
        fuzz_compilation_release(&again);
        fixed = next;
    }
}

/* The layout of a text, in `arena`, or NULL. */
static const char *lay_out(struct mimo_arena *arena, const char *text, size_t size,
                           size_t *out_size)
{
    struct mimo_diagnostics diagnostics;
    struct mimo_sources sources;

    mimo_sources_init(&sources, arena);
    mimo_diagnostics_init(&diagnostics, arena, &sources);
    return mimo_fmt(&diagnostics, mimo_sources_add(&sources, "fuzz.mimo", text, size), out_size);
}

/* What is laid out is laid out already, and means the same. */
static void check_layout(const struct fuzz_compilation *compilation, const char *text, size_t size)
{
    struct mimo_arena arena = {0};
    struct fuzz_compilation again;
    const char *once, *twice;
    size_t once_size, twice_size;

    once = lay_out(&arena, text, size, &once_size);
    if (once != NULL) {
        twice = lay_out(&arena, once, once_size, &twice_size);
        MIMO_ASSERT(twice != NULL && twice_size == once_size);
        MIMO_ASSERT(memcmp(once, twice, once_size) == 0);
        fuzz_compile(&again, once, once_size);
        MIMO_ASSERT(again.diagnostics.error_count == compilation->diagnostics.error_count);
        MIMO_ASSERT((again.plan != NULL) == (compilation->plan != NULL));
        MIMO_ASSERT(again.plan == NULL ||
                    (again.plan_size == compilation->plan_size &&
                     memcmp(again.plan, compilation->plan, again.plan_size) == 0));
        fuzz_compilation_release(&again);
    }
    mimo_arena_release(&arena);
}

static void compare_with_itself(const struct mimo_plan *plan)
{
    struct mimo_arena arena = {0};
    struct mimo_description description;
    struct mimo_changes changes = {0};

    mimo_describe(plan, &arena, &description);
    mimo_compare(&description, &description, &arena, &changes);
    MIMO_ASSERT(changes.count == 0);
    mimo_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_compilation compilation;
    struct mimo_error err = {0};
    struct mimo_plan plan;

    fuzz_compile(&compilation, (const char *)bytes, size);
    check_spans(&compilation);
    print_diagnostics(&compilation.diagnostics);
    apply_fixes(&compilation);
    check_layout(&compilation, (const char *)bytes, size);
    if (compilation.plan != NULL) {
        MIMO_ASSERT(mimo_plan_verify(compilation.plan, compilation.plan_size, &plan, &err) ==
                    MIMO_OK);
        fuzz_show(&plan);
        compare_with_itself(&plan);
    }
    fuzz_compilation_release(&compilation);
    return 0;
}
