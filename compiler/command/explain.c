/* mimoc explain: the pages of docs/diagnostics on a terminal, or the list of all codes. */
#include "compiler/command/command.h"
#include "compiler/declaration/suggest.h"
#include "compiler/diagnostic/explanation.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

static void print_list(void)
{
    for (int i = 0; i < MIMO_CODE_COUNT; i++) {
        const enum mimo_code code = (enum mimo_code)i;
        (void)printf("%s  %s\n", mimo_code_name(code), mimo_code_summary(code));
    }
}

static const char *make_upper(struct mimo_arena *arena, const char *word)
{
    char *copy = mimo_arena_copy(arena, word, strlen(word));

    for (char *byte = copy; *byte != '\0'; byte++)
        *byte = (char)toupper((unsigned char)*byte);
    return copy;
}

static enum mimo_status find_code(struct mimo_arena *arena, const char *word,
                                  enum mimo_code *out_code, struct mimo_error *err)
{
    struct mimo_candidates candidates = {.arena = arena};
    const char *words[MIMO_SUGGESTIONS_MAX];
    const char *name = make_upper(arena, word);
    size_t count;

    if (mimo_code_find(name, out_code))
        return MIMO_OK;
    for (int code = 0; code < MIMO_CODE_COUNT; code++)
        mimo_candidates_add(&candidates, mimo_code_name((enum mimo_code)code));
    count = mimo_closest(name, &candidates, words);
    if (count == 0)
        return mimo_error_set(err, MIMO_E_USAGE,
                              "there is no diagnostic '%s'; mimoc explain lists them all", word);
    return mimo_error_set(err, MIMO_E_USAGE, "there is no diagnostic '%s'; did you mean %s?", word,
                          mimo_join_words(arena, words, count, "", " or "));
}

enum mimo_exit mimo_command_explain(struct mimo_run *run)
{
    const struct mimo_options *options = run->options;
    const bool has_color = mimo_run_wants_color(run, STDOUT_FILENO);
    struct mimo_error err = {0};

    if (options->file_count == 0)
        print_list();
    for (size_t i = 0; i < options->file_count; i++) {
        enum mimo_code code;
        if (find_code(run->arena, options->files[i], &code, &err) != MIMO_OK)
            return mimo_run_complain(&err);
        if (i > 0)
            (void)putchar('\n');
        mimo_explanation_print(code, stdout, has_color);
    }
    return MIMO_EXIT_CLEAN;
}
