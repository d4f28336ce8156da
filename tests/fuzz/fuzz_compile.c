/*
 * fuzz_compile.c - any bytes as a declaration: every diagnostic stands inside its file, the sinks
 * print it, and what has no mistake gives a plan that verifies and can be shown.
 */
#include "compiler/diagnostic/sink.h"
#include "tests/fuzz/fuzz.h"

static void check_spans(const struct fuzz_compilation *compilation)
{
    for (size_t i = 0; i < compilation->diagnostics.count; i++) {
        const struct mimo_span span = compilation->diagnostics.items[i]->span;

        MIMO_ASSERT(span.begin <= span.end &&
                    span.end <= mimo_source(&compilation->sources, span.file)->size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_compilation compilation;
    struct mimo_error err = {0};
    struct mimo_plan plan;

    fuzz_compile(&compilation, (const char *)bytes, size);
    check_spans(&compilation);
    mimo_diagnostics_print_text(&compilation.diagnostics, fuzz_sink(), true);
    mimo_diagnostics_print_json(&compilation.diagnostics, fuzz_sink());
    if (compilation.plan != NULL) {
        MIMO_ASSERT(mimo_plan_verify(compilation.plan, compilation.plan_size, &plan, &err) ==
                    MIMO_OK);
        fuzz_show(&plan);
    }
    fuzz_compilation_release(&compilation);
    return 0;
}
