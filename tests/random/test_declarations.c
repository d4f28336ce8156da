/*
 * test_declarations.c - the compiler against the oracle, over random declarations.
 *
 *     test_declarations [--seed N] [--valid N] [--mutants N]    a run of its own
 *     test_declarations --replay SEED [--mutant]                one case, printed
 *
 * Case i of a run has the seed N + i. A valid declaration has no error and exactly the warnings
 * that the oracle expects, and a small one compiles to a plan that verifies. A mutant has exactly
 * the diagnostics that the oracle expects, by code, line and column. Mutants are drawn until each
 * code that one change can provoke has been met often enough.
 */
#include "compiler/declaration/compilation.h"
#include "compiler/planner/compile.h"
#include "plan/plan.h"
#include "tests/random/oracle.h"

#include <stdlib.h>
#include <string.h>

enum {
    PLANNED_EACH = 4, /* every how-manieth valid declaration is also compiled to a plan */
    FAILURES_SHOWN_MAX = 5,
    MUTATION_TRIES_MAX = 1000,
    HITS_MIN = 10, /* of each code */
};

struct run {
    uint64_t seed;
    int valid, mutants;
    int plans, failures, harmless;
    int hits[MIMO_CODE_COUNT];
    bool is_verbose;
};

/* A case: what is printed, what is expected, what the compiler says. */
struct sample {
    struct sketch sketch;
    const char *mutation; /* NULL: valid */
    char *text;
    size_t size;
    struct oracle_verdict expected, found;
    bool is_planned, has_plan;
};

/* ---- the compiler's side ---- */

static struct sketch_place place_of(const struct mimo_sources *sources, struct mimo_span span)
{
    const struct mimo_source *source = mimo_source(sources, span.file);
    struct sketch_place place = {1, 1};

    for (uint32_t i = 0; i < span.begin; i++) {
        if (source->text[i] == '\n')
            place = (struct sketch_place){place.line + 1, 1};
        else if (((unsigned char)source->text[i] & 0xC0) != 0x80)
            place.column++;
    }
    return place;
}

/* What the oracle has no verdict on: memory, and the warnings that LANGUAGE.md does not list. */
static bool is_beyond_oracle(enum mimo_code code)
{
    static const char *const known[] = {"W0501", "W0502", "W0601"};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(mimo_code_name(code), known[i]) == 0)
            return false;
    }
    return mimo_code_severity(code) == MIMO_SEVERITY_WARNING;
}

static void collect(struct sample *sample, const struct mimo_diagnostics *diagnostics)
{
    for (size_t i = 0; i < diagnostics->count; i++) {
        const struct mimo_diagnostic *item = diagnostics->items[i];

        if (is_beyond_oracle(item->code))
            continue;
        oracle_verdict_add(&sample->found, mimo_code_name(item->code),
                           place_of(diagnostics->sources, item->span));
    }
}

static void plan(struct sample *sample, const struct mimo_declaration *declaration,
                 struct mimo_arena *arena, struct mimo_diagnostics *diagnostics)
{
    const unsigned char *bytes = NULL;
    struct mimo_error err = {0};
    struct mimo_plan plan;
    size_t size = 0;

    mimo_compile(declaration, arena, diagnostics, sample->is_planned ? &bytes : NULL,
                 sample->is_planned ? &size : NULL);
    if (!sample->is_planned || diagnostics->error_count > 0)
        return;
    MIMO_ASSERT(bytes != NULL);
    MIMO_ASSERT(mimo_plan_verify(bytes, size, &plan, &err) == MIMO_OK);
    sample->has_plan = true;
}

/* Compiles the text with one deployment, or with none (NULL). */
static void compile(struct sample *sample, const char *deployment)
{
    struct mimo_request request = {
        .names = {[MIMO_CHOICE_MODEL] = "tiny", [MIMO_CHOICE_DEPLOYMENT] = deployment}};
    struct mimo_arena arena = {0};
    struct mimo_sources sources;
    struct mimo_diagnostics diagnostics;
    struct mimo_compilation compilation;
    struct mimo_declaration declaration;
    struct mimo_choice choice;
    struct mimo_error err = {0};

    mimo_sources_init(&sources, &arena);
    mimo_diagnostics_init(&diagnostics, &arena, &sources);
    mimo_compilation_init(&compilation, &sources, &diagnostics, &request);
    MIMO_ASSERT(mimo_compilation_load_text(&compilation, "random.mimo", sample->text, sample->size,
                                           &err) == MIMO_OK);
    mimo_compilation_resolve(&compilation);
    if (mimo_compilation_choose(&compilation, &choice, &err) == MIMO_OK) {
        mimo_compilation_complete(&compilation, &choice, &declaration);
        plan(sample, &declaration, &arena, &diagnostics);
    } else {
        (void)fprintf(stderr, "%s\n", err.message);
    }
    collect(sample, &diagnostics);
    mimo_arena_release(&arena);
}

/* ---- one case ---- */

static bool is_deployment_in_effect(const struct sketch *sketch, int block)
{
    return strcmp(sketch->blocks[block].kind, "deployment") == 0 &&
           sketch->blocks[block].parent == SKETCH_NONE && !sketch->blocks[block].is_removed &&
           strncmp(sketch->blocks[block].name, "base", 4) != 0;
}

static void judge(struct sample *sample)
{
    struct sketch *sketch = &sample->sketch;
    bool has_any = false, is_second;

    for (int i = 0; i < sketch->block_count; i++) {
        if (!is_deployment_in_effect(sketch, i))
            continue;
        is_second = sketch_child(sketch, SKETCH_NONE, "deployment", sketch->blocks[i].name) != i;
        if (is_second)
            continue;
        oracle_judge(sketch, i, &sample->expected);
        if (!sample->expected.is_too_large)
            compile(sample, sketch->blocks[i].name);
        has_any = true;
    }
    if (has_any)
        return;
    oracle_judge(sketch, SKETCH_NONE, &sample->expected);
    if (!sample->expected.is_too_large)
        compile(sample, NULL);
}

/* Draws until a mutation applies; the tries are part of the stream, so that a seed is a case. */
static void make(struct sample *sample, uint64_t seed, bool is_mutant)
{
    struct sketch_options options = {.is_runnable = false};
    struct dice dice = {seed};
    FILE *file;

    *sample = (struct sample){.is_planned = !is_mutant && seed % PLANNED_EACH == 0};
    sketch_draw(&sample->sketch, &dice, &options);
    sketch_dress(&sample->sketch, &dice);
    for (int i = 0; is_mutant && i < MUTATION_TRIES_MAX && sample->mutation == NULL; i++)
        sample->mutation = sketch_mutate(&sample->sketch, &dice);
    file = open_memstream(&sample->text, &sample->size);
    MIMO_ASSERT(file != NULL);
    sketch_print(&sample->sketch, &dice, file);
    (void)fclose(file);
    judge(sample);
}

static void drop(struct sample *sample)
{
    free(sample->text);
}

/* ---- comparison ---- */

static bool contains(const struct oracle_verdict *verdict, const struct oracle_finding *finding)
{
    for (int i = 0; i < verdict->count; i++) {
        if (strcmp(verdict->items[i].code, finding->code) == 0 &&
            verdict->items[i].place.line == finding->place.line &&
            verdict->items[i].place.column == finding->place.column)
            return true;
    }
    return false;
}

static bool is_subset(const struct oracle_verdict *a, const struct oracle_verdict *b)
{
    for (int i = 0; i < a->count; i++) {
        if (!contains(b, &a->items[i]))
            return false;
    }
    return true;
}

static bool has_error(const struct oracle_verdict *verdict)
{
    for (int i = 0; i < verdict->count; i++) {
        if (verdict->items[i].code[0] == 'E')
            return true;
    }
    return false;
}

static bool is_good(const struct sample *sample)
{
    if (sample->mutation == NULL &&
        (has_error(&sample->expected) || (sample->is_planned && !sample->has_plan)))
        return false;
    return is_subset(&sample->expected, &sample->found) &&
           is_subset(&sample->found, &sample->expected);
}

static void print_verdict(const char *title, const struct oracle_verdict *verdict)
{
    (void)printf("%s:", title);
    for (int i = 0; i < verdict->count; i++)
        (void)printf(" %s at %d:%d", verdict->items[i].code, verdict->items[i].place.line,
                     verdict->items[i].place.column);
    (void)printf("%s\n", verdict->count == 0 ? " nothing" : "");
}

static void print_sample(const struct sample *sample, uint64_t seed)
{
    (void)printf("---- seed %llu, %s (test_declarations --replay %llu%s)\n%s\n",
                 (unsigned long long)seed, sample->mutation != NULL ? sample->mutation : "valid",
                 (unsigned long long)seed, sample->mutation != NULL ? " --mutant" : "",
                 sample->text);
    print_verdict("expected", &sample->expected);
    print_verdict("found", &sample->found);
}

/* ---- runs ---- */

/* False where there is no verdict. */
static bool run_case(struct run *run, uint64_t seed, bool is_mutant)
{
    static struct sample sample;
    enum mimo_code code;
    bool is_counted;

    make(&sample, seed, is_mutant);
    is_counted = !sample.expected.is_too_large && (!is_mutant || sample.mutation != NULL);
    if (is_counted && (!is_good(&sample) || run->is_verbose)) {
        run->failures += !is_good(&sample);
        if (run->failures <= FAILURES_SHOWN_MAX)
            print_sample(&sample, seed);
    }
    for (int i = 0; is_counted && is_mutant && i < sample.expected.count; i++) {
        if (mimo_code_find(sample.expected.items[i].code, &code))
            run->hits[code]++;
    }
    run->harmless += is_counted && is_mutant && !has_error(&sample.expected);
    run->plans += sample.has_plan;
    drop(&sample);
    return is_counted;
}

/* What no single change of a valid declaration provokes here: syntax, mistakes of mimoc itself. */
static bool is_out_of_reach(enum mimo_code code)
{
    const char *name = mimo_code_name(code);

    return strncmp(name, "E01", 3) == 0 || strncmp(name, "E09", 3) == 0 || is_beyond_oracle(code);
}

/* Returns how many codes were met too rarely. */
static int print_hits(const struct run *run)
{
    int rare = 0;

    for (int i = 0; i < MIMO_CODE_COUNT; i++) {
        const enum mimo_code code = (enum mimo_code)i;
        const bool is_rare = run->hits[i] < HITS_MIN && !is_out_of_reach(code);

        if (run->hits[i] > 0 || is_rare)
            (void)printf("  %s %6d%s\n", mimo_code_name(code), run->hits[i],
                         is_rare ? "  too rarely" : "");
        rare += is_rare;
    }
    return rare;
}

static int run_all(struct run *run)
{
    int alarms, rare, counted = 0, skipped = 0;

    for (int i = 0; i < run->valid; i++)
        (void)run_case(run, run->seed + (uint64_t)i, false);
    alarms = run->failures;
    while (counted < run->mutants) {
        if (run_case(run, run->seed + (uint64_t)(counted + skipped), true))
            counted++;
        else
            skipped++;
    }
    rare = run->mutants > 0 ? print_hits(run) : 0;
    (void)printf("%d valid, %d of them compiled to plans: %d false alarms; %d mutants, %d of them "
                 "harmless, %d skipped: %d judged otherwise than by the oracle, %d codes met too "
                 "rarely\n",
                 run->valid, run->plans, alarms, counted, run->harmless, skipped,
                 run->failures - alarms, rare);
    return run->failures == 0 && (rare == 0 || run->mutants < 10000) ? 0 : 1;
}

static int fail_usage(void)
{
    (void)fprintf(stderr, "usage: test_declarations [--seed N] [--valid N] [--mutants N]\n"
                          "       test_declarations --replay SEED [--mutant]\n");
    return 2;
}

int main(int argc, char **argv)
{
    struct run run = {.seed = 1, .valid = 10000, .mutants = 10000};
    bool is_mutant = false;

    for (int i = 1; i < argc; i++) {
        const bool has_value = i + 1 < argc;

        if (strcmp(argv[i], "--mutant") == 0)
            is_mutant = true;
        else if (strcmp(argv[i], "--seed") == 0 && has_value)
            run.seed = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--valid") == 0 && has_value)
            run.valid = (int)strtol(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--mutants") == 0 && has_value)
            run.mutants = (int)strtol(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--replay") == 0 && has_value) {
            run.seed = strtoull(argv[++i], NULL, 10);
            run.is_verbose = true;
        } else
            return fail_usage();
    }
    if (!run.is_verbose)
        return run_all(&run);
    (void)run_case(&run, run.seed, is_mutant);
    return run.failures == 0 ? 0 : 1;
}
