#include "compiler/source.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct code_row {
    const char *name;
    const char *summary;
    enum mimo_severity severity;
};

static const struct code_row CODES[] = {
#define MIMO_DIAGNOSTIC(code, severity, summary) {#code, summary, MIMO_SEVERITY_##severity},
#include "grammar/diagnostics.def"
#undef MIMO_DIAGNOSTIC
};

const char *mimo_code_name(enum mimo_code code)
{
    return CODES[code].name;
}

const char *mimo_code_summary(enum mimo_code code)
{
    return CODES[code].summary;
}

enum mimo_severity mimo_code_severity(enum mimo_code code)
{
    return CODES[code].severity;
}

bool mimo_code_find(const char *name, enum mimo_code *out_code)
{
    for (int code = 0; code < MIMO_CODE_COUNT; code++) {
        if (strcmp(CODES[code].name, name) == 0) {
            *out_code = (enum mimo_code)code;
            return true;
        }
    }
    return false;
}

void mimo_diagnostics_init(struct mimo_diagnostics *diagnostics, struct mimo_arena *arena,
                           const struct mimo_sources *sources)
{
    *diagnostics = (struct mimo_diagnostics){.arena = arena, .sources = sources};
}

static bool span_equals(struct mimo_span a, struct mimo_span b)
{
    return a.file == b.file && a.begin == b.begin && a.end == b.end;
}

static struct mimo_diagnostic *find_equal(const struct mimo_diagnostics *diagnostics,
                                          enum mimo_code code, struct mimo_span span,
                                          const char *message)
{
    for (size_t i = 0; i < diagnostics->count; i++) {
        struct mimo_diagnostic *item = diagnostics->items[i];
        if (item->code == code && span_equals(item->span, span) &&
            strcmp(item->message, message) == 0)
            return item;
    }
    return NULL;
}

/* A place to write to for callers whose diagnostic is not recorded. */
static struct mimo_diagnostic *discard(struct mimo_diagnostics *diagnostics)
{
    diagnostics->unrecorded = (struct mimo_diagnostic){0};
    return &diagnostics->unrecorded;
}

struct mimo_diagnostic *mimo_diagnose(struct mimo_diagnostics *diagnostics, enum mimo_code code,
                                      struct mimo_span span, const char *format, ...)
{
    const enum mimo_severity severity = mimo_code_severity(code);
    const bool is_error = severity == MIMO_SEVERITY_ERROR;
    size_t *count = is_error ? &diagnostics->error_count : &diagnostics->warning_count;
    struct mimo_diagnostic *item;
    const char *message;
    va_list arguments;

    if (diagnostics->is_off[code])
        return discard(diagnostics);
    if (*count == MIMO_DIAGNOSTICS_MAX) {
        diagnostics->dropped++;
        return discard(diagnostics);
    }
    va_start(arguments, format);
    message = mimo_arena_vprintf(diagnostics->arena, format, arguments);
    va_end(arguments);
    item = find_equal(diagnostics, code, span, message);
    if (item != NULL)
        return item;
    item = MIMO_NEW(diagnostics->arena, struct mimo_diagnostic);
    *item = (struct mimo_diagnostic){
        .code = code, .severity = severity, .message = message, .span = span};
    MIMO_APPEND(diagnostics->arena, diagnostics->items, diagnostics->count, diagnostics->capacity,
                item);
    (*count)++;
    return item;
}

static bool has_note(const struct mimo_diagnostic *diagnostic, const struct mimo_note *note)
{
    for (size_t i = 0; i < diagnostic->note_count; i++) {
        if (span_equals(diagnostic->notes[i].span, note->span) &&
            strcmp(diagnostic->notes[i].message, note->message) == 0)
            return true;
    }
    return false;
}

void mimo_diagnose_note(struct mimo_diagnostics *diagnostics, struct mimo_diagnostic *diagnostic,
                        struct mimo_span span, const char *format, ...)
{
    struct mimo_note note = {.span = span};
    va_list arguments;

    if (diagnostic == &diagnostics->unrecorded)
        return;
    va_start(arguments, format);
    note.message = mimo_arena_vprintf(diagnostics->arena, format, arguments);
    va_end(arguments);
    if (!has_note(diagnostic, &note))
        MIMO_APPEND(diagnostics->arena, diagnostic->notes, diagnostic->note_count,
                    diagnostic->note_capacity, note);
}

void mimo_diagnose_help(struct mimo_diagnostics *diagnostics, struct mimo_diagnostic *diagnostic,
                        const char *format, ...)
{
    va_list arguments;

    if (diagnostic == &diagnostics->unrecorded)
        return;
    va_start(arguments, format);
    diagnostic->help = mimo_arena_vprintf(diagnostics->arena, format, arguments);
    va_end(arguments);
}

static int compare_numbers(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int compare(const void *left, const void *right)
{
    const struct mimo_diagnostic *a = *(const struct mimo_diagnostic *const *)left;
    const struct mimo_diagnostic *b = *(const struct mimo_diagnostic *const *)right;
    int order = compare_numbers(a->span.file, b->span.file);

    if (order == 0)
        order = compare_numbers(a->span.begin, b->span.begin);
    if (order == 0)
        order = compare_numbers(a->span.end, b->span.end);
    if (order == 0)
        order = compare_numbers(a->code, b->code);
    return order != 0 ? order : strcmp(a->message, b->message);
}

void mimo_diagnostics_sort(struct mimo_diagnostics *diagnostics)
{
    if (diagnostics->count > 1)
        qsort(diagnostics->items, diagnostics->count, sizeof *diagnostics->items, compare);
}

static bool stands_in(const struct mimo_diagnostics *total, const struct mimo_diagnostic *item)
{
    const char *name = mimo_source(total->sources, item->span.file)->name;

    for (size_t i = 0; i < total->count; i++) {
        const struct mimo_diagnostic *other = total->items[i];
        if (other->code == item->code && other->span.begin == item->span.begin &&
            other->span.end == item->span.end && strcmp(other->message, item->message) == 0 &&
            strcmp(mimo_source(total->sources, other->span.file)->name, name) == 0)
            return true;
    }
    return false;
}

void mimo_diagnostics_merge(struct mimo_diagnostics *total, const struct mimo_diagnostics *part)
{
    for (size_t i = 0; i < part->count; i++) {
        struct mimo_diagnostic *item = part->items[i];
        if (stands_in(total, item))
            continue;
        MIMO_APPEND(total->arena, total->items, total->count, total->capacity, item);
        if (item->severity == MIMO_SEVERITY_ERROR)
            total->error_count++;
        else
            total->warning_count++;
    }
    total->dropped += part->dropped;
}
