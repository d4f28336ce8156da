#include "compiler/planner/compile.h"
#include "compiler/check/check.h"
#include "compiler/show/show.h"
#include "tests/fuzz/fuzz.h"

enum {
    COMBINATIONS_MAX = 8,
    STAGE_STEPS_MAX = 2048, /* pipeline stages times micro-steps */
    LAYERS_MAX = 512,
    EXPERTS_MAX = 64,
    RANKS_MAX = 1024,
    SHOWN_RANKS_MAX = 256,
};

FILE *fuzz_sink(void)
{
    static FILE *sink;

    if (sink == NULL)
        sink = fopen("/dev/null", "w");
    MIMO_ASSERT(sink != NULL);
    return sink;
}

/* Whether the plan of a declaration without mistakes takes milliseconds. */
static bool is_small(const struct mimo_declaration *declaration, struct mimo_arena *arena)
{
    struct mimo_diagnostics diagnostics;
    struct mimo_sources sources;
    struct mimo_facts facts;
    int64_t stages = 0;

    mimo_sources_init(&sources, arena);
    mimo_diagnostics_init(&diagnostics, arena, &sources);
    mimo_facts_init(&facts, declaration, arena);
    mimo_check(&facts, &diagnostics);
    for (size_t i = 0; i < facts.module_count; i++) {
        if (facts.modules[i].num_layers > LAYERS_MAX || facts.modules[i].num_experts > EXPERTS_MAX)
            return false;
        stages += mimo_layout_stages(&facts.modules[i].layout);
    }
    return stages * facts.micro_steps <= STAGE_STEPS_MAX && facts.world_size <= RANKS_MAX;
}

static void compile_choice(struct fuzz_compilation *compilation,
                           struct mimo_compilation *mimo_compilation,
                           const struct mimo_choice *choice, bool compiles)
{
    struct mimo_declaration declaration;

    mimo_compilation_complete(mimo_compilation, choice, &declaration);
    if (declaration.model == NULL)
        return;
    mimo_compile(&declaration, &compilation->arena, &compilation->diagnostics, NULL, NULL);
    if (!compiles || compilation->diagnostics.error_count > 0 ||
        !is_small(&declaration, &compilation->arena))
        return;
    mimo_compile(&declaration, &compilation->arena, &compilation->diagnostics, &compilation->plan,
                 &compilation->plan_size);
    MIMO_ASSERT(compilation->plan != NULL);
}

static void read_text(struct fuzz_compilation *compilation, const char *text, size_t size,
                      bool compiles)
{
    struct mimo_compilation mimo_compilation;
    struct mimo_error err = {0};
    struct mimo_choice *choices;
    size_t count;

    *compilation = (struct fuzz_compilation){0};
    mimo_sources_init(&compilation->sources, &compilation->arena);
    mimo_diagnostics_init(&compilation->diagnostics, &compilation->arena, &compilation->sources);
    mimo_compilation_init(&mimo_compilation, &compilation->sources, &compilation->diagnostics,
                          &compilation->request);
    MIMO_ASSERT(mimo_compilation_load_text(&mimo_compilation, "fuzz.mimo", text, size, &err) ==
                MIMO_OK);
    mimo_compilation_resolve(&mimo_compilation);
    MIMO_ASSERT(mimo_compilation_choices(&mimo_compilation, &choices, &count, &err) == MIMO_OK);
    for (size_t i = 0; i < count && i < COMBINATIONS_MAX; i++)
        compile_choice(compilation, &mimo_compilation, &choices[i], compiles && i == 0);
    mimo_compilation_allow(&mimo_compilation, count <= COMBINATIONS_MAX);
    mimo_diagnostics_sort(&compilation->diagnostics);
}

void fuzz_compile(struct fuzz_compilation *compilation, const char *text, size_t size)
{
    read_text(compilation, text, size, true);
}

void fuzz_check(struct fuzz_compilation *compilation, const char *text, size_t size)
{
    read_text(compilation, text, size, false);
}

void fuzz_compilation_release(struct fuzz_compilation *compilation)
{
    mimo_arena_release(&compilation->arena);
}

void fuzz_show(const struct mimo_plan *plan)
{
    const uint32_t world_size = plan->meta->world_size;
    const unsigned parts =
        world_size <= SHOWN_RANKS_MAX
            ? MIMO_SHOW_ALL
            : MIMO_SHOW_ALL & ~(unsigned)(MIMO_SHOW_RANKS | MIMO_SHOW_GROUPS | MIMO_SHOW_BRIDGES);

    for (int is_json = 0; is_json < 2; is_json++)
        mimo_show(plan, &(struct mimo_show_options){parts, MIMO_NONE, is_json != 0}, fuzz_sink());
    for (uint32_t i = 0; i < plan->range_count; i++) {
        const uint32_t rank = i * (uint32_t)7919 % world_size;

        MIMO_ASSERT(mimo_plan_role_of(plan, rank) != NULL);
        mimo_show(plan, &(struct mimo_show_options){MIMO_SHOW_SCHEDULE, rank, false}, fuzz_sink());
    }
}
