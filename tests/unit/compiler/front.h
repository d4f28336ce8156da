/*
 * front.h - a text brought through the front half of the compiler, for tests.
 */
#ifndef MIMO_TESTS_UNIT_COMPILER_FRONT_H
#define MIMO_TESTS_UNIT_COMPILER_FRONT_H

#include "compiler/declaration/compilation.h"

struct front {
    struct mimo_arena arena;
    struct mimo_sources sources;
    struct mimo_diagnostics diagnostics;
    struct mimo_request request;
    struct mimo_compilation compilation;
    struct mimo_declaration declaration;
};

/* Loads, resolves and completes `text` under the first combination. Release it afterwards. */
void front_run(struct front *front, const char *text);
void front_run_bytes(struct front *front, const char *text, size_t size);
void front_release(struct front *front);

/* How many diagnostics have this code; and the first of them, or NULL. */
size_t front_count(const struct front *front, enum mimo_code code);
const struct mimo_diagnostic *front_find(const struct front *front, enum mimo_code code);

/* What a sink prints, in the front's arena. */
const char *front_text(struct front *front);
const char *front_json(struct front *front);
const char *front_github(struct front *front);
const char *front_sarif(struct front *front, const char *homepage);

#endif
