/*
 * diagnostic.h - what the compiler has to say about a declaration, collected, then printed.
 *
 * A diagnostic has a code that never changes its meaning (grammar/diagnostics.def), one primary
 * place, any number of notes that point at other places, a help line that names what would work,
 * and, where it is certain what was meant, a fix. The engine only records; diagnostic/sink.h has
 * the forms in which it is printed. Places are byte offsets; each sink converts them to the columns
 * that its format counts in.
 */
#ifndef MIMO_COMPILER_DIAGNOSTIC_DIAGNOSTIC_H
#define MIMO_COMPILER_DIAGNOSTIC_DIAGNOSTIC_H

#include "compiler/text/span.h"
#include "plan/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mimo_sources; /* the files of a compilation, compiler/text/source.h */

enum mimo_severity { MIMO_SEVERITY_ERROR, MIMO_SEVERITY_WARNING };

/* One row of grammar/diagnostics.def: MIMO_DIAGNOSTIC(E0201, ERROR, "unknown attribute or block")
 */
enum mimo_code {
#define MIMO_DIAGNOSTIC(code, severity, summary) MIMO_##code,
#include "grammar/diagnostics.def"
#undef MIMO_DIAGNOSTIC
    MIMO_CODE_COUNT
};

struct mimo_note {
    const char *message;
    struct mimo_span span;
};

/* A change of the text that certainly mends a mistake: `text` replaces the bytes of the span. */
struct mimo_fix {
    const char *message; /* "write 'num_layers'"; NULL: there is no fix */
    struct mimo_span span;
    const char *text;
};

struct mimo_diagnostic {
    enum mimo_code code;
    enum mimo_severity severity;
    const char *message;
    struct mimo_span span;
    struct mimo_note *notes;
    size_t note_count, note_capacity;
    const char *help; /* or NULL */
    struct mimo_fix fix;
    const char *reason; /* of the allow comment that silences it; NULL where none is given */
};

enum { MIMO_DIAGNOSTICS_MAX = 100 };

/* At most MIMO_DIAGNOSTICS_MAX errors, and as many warnings, are recorded; the rest are counted in
 * `dropped`. */
struct mimo_diagnostics {
    struct mimo_arena *arena;
    const struct mimo_sources *sources;
    struct mimo_diagnostic **items;
    size_t count, capacity;
    size_t error_count, warning_count; /* recorded */
    size_t dropped;
    struct mimo_diagnostic **silenced; /* warnings that an allow comment took back, none counted */
    size_t silenced_count, silenced_capacity;
    struct mimo_diagnostic unrecorded; /* what mimo_diagnose() returns instead of a dropped one */
    bool is_off[MIMO_CODE_COUNT];      /* -Wno-CODE: warnings that are not recorded */
    bool is_fatal[MIMO_CODE_COUNT];    /* -Werror: warnings that make the run fail */
};

void mimo_diagnostics_init(struct mimo_diagnostics *diagnostics, struct mimo_arena *arena,
                           const struct mimo_sources *sources);

/* Records one diagnostic of the code's own severity and returns it for notes and help. A second one
 * of equal code, place and message is not recorded (the first is returned). */
struct mimo_diagnostic *mimo_diagnose(struct mimo_diagnostics *diagnostics, enum mimo_code code,
                                      struct mimo_span span, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Adds a note that points at `span`. */
void mimo_diagnose_note(struct mimo_diagnostics *diagnostics, struct mimo_diagnostic *diagnostic,
                        struct mimo_span span, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Sets the help line. */
void mimo_diagnose_help(struct mimo_diagnostics *diagnostics, struct mimo_diagnostic *diagnostic,
                        const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Sets the fix: `text` in place of `span`. Everything is copied. */
void mimo_diagnose_fix(struct mimo_diagnostics *diagnostics, struct mimo_diagnostic *diagnostic,
                       struct mimo_span span, const char *text, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* The same for taking `span` out: with the whole line where nothing else stands on it, else with
 * the blanks before it. */
void mimo_diagnose_removal(struct mimo_diagnostics *diagnostics, struct mimo_diagnostic *diagnostic,
                           struct mimo_span span, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Sorts by file, place and code, and adds to what stands in an imported file a note for each import
 * that led there. The sinks expect a sorted list. */
void mimo_diagnostics_sort(struct mimo_diagnostics *diagnostics);

/* How many of the warnings make the run fail. */
size_t mimo_diagnostics_fatal_count(const struct mimo_diagnostics *diagnostics);

/* Appends what `part` holds to `total`, beyond any limit, for runs over many files. What `total`
 * says already (files of equal names being the same) is left out. Both share arena and sources. */
void mimo_diagnostics_merge(struct mimo_diagnostics *total, const struct mimo_diagnostics *part);

/* "E0503"; and its one-line summary. "error" or "warning". */
const char *mimo_code_name(enum mimo_code code);
const char *mimo_code_summary(enum mimo_code code);
enum mimo_severity mimo_code_severity(enum mimo_code code);
const char *mimo_severity_word(enum mimo_severity severity);

/* True where `name` ("W0601") is a code; then *out_code is set. */
bool mimo_code_find(const char *name, enum mimo_code *out_code);

#endif
