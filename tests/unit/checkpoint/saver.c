/*
 * The process that test_kill starts and kills: "saver save FIRST" saves step after step until it is
 * killed, "saver check FIRST" loads what is found, which must be step FIRST or later, and saves the
 * next step. Status 0: all is as it must be.
 */
#include "run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIRECTORY "test_kill.tmp"

enum { STEPS_MAX = 200 };

static int complain(const char *what, const struct mimo_error *err)
{
    (void)fprintf(stderr, "%s: %s\n", what, err->message);
    return 1;
}

static int save_version(struct mimo_world *world, uint64_t version)
{
    struct mimo_error err = {0};
    struct run run;

    run_init(&run, world, RUN_ROWS, false);
    run_fill(&run, version);
    (void)mimo_checkpoint_save(world, &run.backend, DIRECTORY, 2, &run.state, run.files, RUN_FILES,
                               &err);
    run_release(&run);
    return err.status == MIMO_OK ? 0 : complain("save", &err);
}

static int save_until_killed(struct mimo_world *world, uint64_t first)
{
    int result = 0;

    for (uint64_t version = first; version < first + STEPS_MAX && result == 0; version++)
        result = save_version(world, version);
    return result;
}

/* Loads the checkpoint at `path`, of step `first` or later, and saves the next one. */
static int load_and_go_on(struct mimo_world *world, const char *path, uint64_t first)
{
    struct mimo_error err = {0};
    uint64_t differences, step;
    struct run run;
    bool is_corrupt;

    run_init(&run, world, RUN_COLUMNS, false);
    if (mimo_checkpoint_load(world, &run.backend, path, &run.state, run.files, RUN_FILES,
                             &is_corrupt, &err) != MIMO_OK)
        return complain(path, &err);
    step = run.state.step;
    differences = run_differences(&run, step);
    run_release(&run);
    if (differences != 0 || step < first)
        return complain("another state than was saved", &err);
    return save_version(world, step + 1);
}

static int check(struct mimo_world *world, uint64_t first)
{
    char *path = NULL, *warning = NULL;
    struct mimo_error err = {0};
    int result;

    if (mimo_checkpoint_find(world, DIRECTORY, UINT64_MAX, &path, &warning, &err) != MIMO_OK ||
        path == NULL)
        result = complain("nothing found", &err);
    else if (warning != NULL)
        result = complain(warning, &err);
    else
        result = load_and_go_on(world, path, first);
    free(path);
    free(warning);
    return result;
}

int main(int argc, char **argv)
{
    const char *task = argc == 3 ? argv[1] : "";
    const uint64_t first = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
    struct mimo_world *world;
    struct mimo_error err = {0};
    int result;

    if (mimo_world_open(&world, &argc, &argv, &err) != MIMO_OK)
        return complain("world", &err);
    result = strcmp(task, "save") == 0 ? save_until_killed(world, first) : check(world, first);
    mimo_world_close(world);
    return result;
}
