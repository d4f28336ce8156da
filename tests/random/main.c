/* mimo-random: prints a random valid declaration. The same seed gives the same text. */
#include "tests/random/sketch.h"

#include <stdlib.h>
#include <string.h>

static int fail_usage(void)
{
    (void)fprintf(stderr, "usage: mimo-random --seed N [--runnable] [--one-rank]\n");
    return 2;
}

/* Without a deployment a plan is for one rank. */
static void remove_deployments(struct sketch *sketch)
{
    for (int i = 0; i < sketch->block_count; i++)
        if (strcmp(sketch->blocks[i].kind, "deployment") == 0)
            sketch->blocks[i].is_removed = true;
}

int main(int argc, char **argv)
{
    static struct sketch sketch;
    struct sketch_options options = {.is_runnable = false};
    struct dice dice = {0};
    bool has_seed = false, is_one_rank = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--runnable") == 0) {
            options.is_runnable = true;
        } else if (strcmp(argv[i], "--one-rank") == 0) {
            is_one_rank = true;
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            dice.state = strtoull(argv[++i], NULL, 10);
            has_seed = true;
        } else {
            return fail_usage();
        }
    }
    if (!has_seed)
        return fail_usage();
    sketch_draw(&sketch, &dice, &options);
    sketch_dress(&sketch, &dice);
    if (is_one_rank)
        remove_deployments(&sketch);
    sketch_print(&sketch, &dice, stdout);
    return fflush(stdout) == 0 ? 0 : 1;
}
