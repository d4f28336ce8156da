/*
 * Comments of the form `# mimoc: allow W0601, W0502 -- reason`, which silence warnings on their own
 * line and on the one below.
 */
#include "compiler/declaration/compilation.h"

#include <string.h>

static uint32_t line_of(const struct mimo_source *source, uint32_t offset)
{
    return mimo_source_place(source, offset).line;
}

static bool reaches(const struct mimo_compilation *compilation, const struct mimo_allow *allow,
                    struct mimo_span span)
{
    const struct mimo_source *source = mimo_source(compilation->sources, allow->span.file);
    const uint32_t comment = line_of(source, allow->span.begin);

    return span.file == allow->span.file && line_of(source, span.begin) <= comment + 1 &&
           line_of(source, span.end) >= comment;
}

/* A warning stands where it begins. */
static bool covers(const struct mimo_compilation *compilation, const struct mimo_allow *allow,
                   const struct mimo_diagnostic *diagnostic)
{
    struct mimo_span place = diagnostic->span;

    place.end = place.begin;
    return reaches(compilation, allow, place);
}

/* Marks the word `code` of a comment as used; false where it is not there. */
static bool use_word(const struct mimo_allow *allow, const char *code)
{
    bool is_there = false;

    for (size_t i = 0; i < allow->code_count; i++) {
        if (strcmp(allow->codes[i].code.text, code) == 0) {
            allow->codes[i].is_used = true;
            is_there = true;
        }
    }
    return is_there;
}

/* Marks every word that silences the warning; false where there is none. */
static bool find_allowing(const struct mimo_compilation *compilation,
                          struct mimo_diagnostic *diagnostic)
{
    const char *code = mimo_code_name(diagnostic->code);
    bool is_allowed = false;

    for (size_t i = 0; i < compilation->tree_count; i++) {
        const struct mimo_tree *tree = compilation->trees[i];
        for (size_t j = 0; j < tree->allow_count; j++) {
            if (covers(compilation, &tree->allows[j], diagnostic) &&
                use_word(&tree->allows[j], code)) {
                diagnostic->reason = tree->allows[j].reason;
                is_allowed = true;
            }
        }
    }
    return is_allowed;
}

static void take_back_allowed(struct mimo_compilation *compilation)
{
    struct mimo_diagnostics *diagnostics = compilation->diagnostics;
    size_t kept = 0;

    for (size_t i = 0; i < diagnostics->count; i++) {
        struct mimo_diagnostic *item = diagnostics->items[i];
        if (item->severity == MIMO_SEVERITY_WARNING && find_allowing(compilation, item)) {
            diagnostics->warning_count--;
            MIMO_APPEND(diagnostics->arena, diagnostics->silenced, diagnostics->silenced_count,
                        diagnostics->silenced_capacity, item);
        } else {
            diagnostics->items[kept++] = item;
        }
    }
    diagnostics->count = kept;
}

/* ---- comments that silence nothing ---- */

/* Warnings about a block of a library, or of an imported file, may come up only together with
 * files that are not here. */
static bool may_serve_others(const struct mimo_compilation *compilation,
                             const struct mimo_tree *tree, const struct mimo_allow *allow)
{
    if (tree == mimo_compilation_main_tree(compilation) &&
        !mimo_compilation_is_library(compilation))
        return false;
    for (size_t i = 0; i < tree->statement_count; i++) {
        const struct mimo_statement *statement = &tree->statements[i];
        if (statement->kind == MIMO_STATEMENT_BLOCK && reaches(compilation, allow, statement->span))
            return true;
    }
    return false;
}

/* The word and what separates it from the others; the whole comment where it is the only one. */
static void offer_removal(struct mimo_diagnostics *diagnostics, struct mimo_diagnostic *diagnostic,
                          const struct mimo_allow *allow, size_t index)
{
    const struct mimo_name *code = &allow->codes[index].code;
    struct mimo_span span = code->span;

    if (allow->code_count == 1) {
        mimo_diagnose_removal(diagnostics, diagnostic, allow->span, "remove the comment");
        return;
    }
    if (index == 0)
        span.end = allow->codes[1].code.span.begin;
    else
        span.begin = allow->codes[index - 1].code.span.end;
    mimo_diagnose_fix(diagnostics, diagnostic, span, "", "remove %s", code->text);
}

static void report_unused(struct mimo_diagnostics *diagnostics, const struct mimo_allow *allow,
                          size_t index)
{
    const char *word = allow->codes[index].code.text;
    struct mimo_diagnostic *diagnostic;
    enum mimo_code code;

    if (!mimo_code_find(word, &code)) {
        (void)mimo_diagnose(diagnostics, MIMO_W0101, allow->span,
                            "this comment silences no %s: there is no such code", word);
        return; /* perhaps another one was meant */
    }
    if (diagnostics->is_off[code])
        return;
    diagnostic =
        mimo_diagnose(diagnostics, MIMO_W0101, allow->span, "this comment silences no %s%s", word,
                      mimo_code_severity(code) == MIMO_SEVERITY_ERROR ? ": that is an error" : "");
    offer_removal(diagnostics, diagnostic, allow, index);
}

static void report_unused_words(struct mimo_diagnostics *diagnostics,
                                const struct mimo_allow *allow)
{
    for (size_t i = 0; i < allow->code_count; i++) {
        if (!allow->codes[i].is_used)
            report_unused(diagnostics, allow, i);
    }
}

void mimo_compilation_allow(struct mimo_compilation *compilation, bool is_whole)
{
    take_back_allowed(compilation);
    if (!is_whole || compilation->diagnostics->error_count > 0)
        return; /* an error may have kept the warning from being found */
    for (size_t i = 0; i < compilation->tree_count; i++) {
        const struct mimo_tree *tree = compilation->trees[i];
        for (size_t j = 0; j < tree->allow_count; j++) {
            if (may_serve_others(compilation, tree, &tree->allows[j]))
                continue;
            report_unused_words(compilation->diagnostics, &tree->allows[j]);
        }
    }
}
