#include "compiler/diagnostic/diagnostic.h"

#include "compiler/text/source.h"

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

const char *mimo_severity_word(enum mimo_severity severity)
{
    return severity == MIMO_SEVERITY_ERROR ? "error" : "warning";
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

/* ---- fixes ---- */

static void set_fix(struct mimo_diagnostics *diagnostics, struct mimo_diagnostic *diagnostic,
                    struct mimo_span span, const char *text, const char *message)
{
    diagnostic->fix =
        (struct mimo_fix){message, span, mimo_arena_copy(diagnostics->arena, text, strlen(text))};
}

void mimo_diagnose_fix(struct mimo_diagnostics *diagnostics, struct mimo_diagnostic *diagnostic,
                       struct mimo_span span, const char *text, const char *format, ...)
{
    va_list arguments;

    if (diagnostic == &diagnostics->unrecorded)
        return;
    va_start(arguments, format);
    set_fix(diagnostics, diagnostic, span, text,
            mimo_arena_vprintf(diagnostics->arena, format, arguments));
    va_end(arguments);
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static uint32_t skip_blanks(const char *text, uint32_t at)
{
    while (is_blank(text[at]))
        at++;
    return at;
}

/* What is to be taken out with `span`, so that nothing looks missing. */
static struct mimo_span widen(const struct mimo_source *source, struct mimo_span span)
{
    const char *text = source->text;
    uint32_t begin = span.begin, end = skip_blanks(text, span.end);

    while (begin > 0 && is_blank(text[begin - 1]))
        begin--;
    if (text[end] == ';') {
        span.end = end + 1;
        end = skip_blanks(text, span.end);
    }
    if (begin != mimo_source_line_begin(source, begin))
        return (struct mimo_span){span.file, begin, span.end};
    if (text[end] == '\r')
        end++;
    if (text[end] == '\n')
        return (struct mimo_span){span.file, begin, end + 1};
    return (struct mimo_span){span.file, end == source->size ? begin : span.begin, end};
}

void mimo_diagnose_removal(struct mimo_diagnostics *diagnostics, struct mimo_diagnostic *diagnostic,
                           struct mimo_span span, const char *format, ...)
{
    const struct mimo_source *source = mimo_source(diagnostics->sources, span.file);
    va_list arguments;

    if (diagnostic == &diagnostics->unrecorded)
        return;
    va_start(arguments, format);
    set_fix(diagnostics, diagnostic, widen(source, span), "",
            mimo_arena_vprintf(diagnostics->arena, format, arguments));
    va_end(arguments);
}

/* ---- the whole list ---- */

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

/* From the import of the file that it stands in to the one in the main file. */
static void add_chain(struct mimo_diagnostics *diagnostics, struct mimo_diagnostic *item)
{
    const struct mimo_source *source = mimo_source(diagnostics->sources, item->span.file);

    for (; source->is_imported; source = mimo_source(diagnostics->sources, source->import.file))
        mimo_diagnose_note(diagnostics, item, source->import, "%s is imported here", source->name);
}

void mimo_diagnostics_sort(struct mimo_diagnostics *diagnostics)
{
    for (size_t i = 0; i < diagnostics->count; i++)
        add_chain(diagnostics, diagnostics->items[i]);
    for (size_t i = 0; i < diagnostics->silenced_count; i++)
        add_chain(diagnostics, diagnostics->silenced[i]);
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
    for (size_t i = 0; i < part->silenced_count; i++)
        MIMO_APPEND(total->arena, total->silenced, total->silenced_count, total->silenced_capacity,
                    part->silenced[i]);
    total->dropped += part->dropped;
}

size_t mimo_diagnostics_fatal_count(const struct mimo_diagnostics *diagnostics)
{
    size_t count = 0;

    for (size_t i = 0; i < diagnostics->count; i++)
        count += diagnostics->items[i]->severity == MIMO_SEVERITY_WARNING &&
                 diagnostics->is_fatal[diagnostics->items[i]->code];
    return count;
}
