#include "compiler/command/command.h"
#include "compiler/output/json.h"
#include "compiler/show/compare.h"

#include <string.h>

/* As with diff(1), 1 says that the two differ, and 2 that they cannot be compared. */
enum { IS_DIFFERENT = MIMO_EXIT_MISTAKES, IS_TROUBLE = MIMO_EXIT_USAGE };

struct sides {
    const char *paths[2];
    struct mimo_plan plans[2];
    struct mimo_changes changes;
};

static bool is_identical(const struct sides *sides)
{
    return memcmp(sides->plans[0].header->digest, sides->plans[1].header->digest,
                  sizeof sides->plans[0].header->digest) == 0;
}

static const char *version(const struct mimo_plan *plan)
{
    return mimo_plan_text(plan, plan->meta->compiler_version);
}

static void print_side(const char *sign, const char *path, const struct mimo_plan *plan)
{
    (void)printf("%s %s: model %s", sign, path, mimo_plan_text(plan, plan->meta->model));
    if (plan->meta->deployment.length > 0)
        (void)printf(", deployment %s", mimo_plan_text(plan, plan->meta->deployment));
    (void)printf(", %u rank%s (mimoc %s)\n", plan->meta->world_size,
                 plan->meta->world_size == 1 ? "" : "s", version(plan));
}

static void print_text(const struct sides *sides)
{
    const struct mimo_plan *plans = sides->plans;

    if (is_identical(sides)) {
        (void)puts("the plans are identical");
    } else if (sides->changes.count == 0 && strcmp(version(&plans[0]), version(&plans[1])) != 0) {
        (void)printf("the plans say the same; mimoc %s wrote one, mimoc %s the other\n",
                     version(&plans[0]), version(&plans[1]));
    } else if (sides->changes.count == 0) {
        (void)puts("the plans say the same in other bytes");
    } else {
        print_side("---", sides->paths[0], &plans[0]);
        print_side("+++", sides->paths[1], &plans[1]);
        mimo_changes_print_text(&sides->changes, stdout);
    }
}

static void write_side(struct mimo_json *json, const char *key, const char *path,
                       const struct mimo_plan *plan)
{
    char digest[2 * sizeof plan->header->digest + 1];

    for (size_t i = 0; i < sizeof plan->header->digest; i++)
        (void)snprintf(digest + 2 * i, 3, "%02x", plan->header->digest[i]);
    mimo_json_open_object(json, key);
    mimo_json_text(json, "file", path);
    mimo_json_text(json, "digest", digest);
    mimo_json_text(json, "mimoc", version(plan));
    mimo_json_close(json);
}

static void print_json(const struct sides *sides)
{
    struct mimo_json json;

    mimo_json_init(&json, stdout);
    mimo_json_open_object(&json, NULL);
    mimo_json_integer(&json, "format", 1);
    mimo_json_boolean(&json, "identical", is_identical(sides));
    write_side(&json, "old", sides->paths[0], &sides->plans[0]);
    write_side(&json, "new", sides->paths[1], &sides->plans[1]);
    mimo_changes_print_json(&sides->changes, &json);
    mimo_json_close(&json);
}

enum mimo_exit mimo_command_diff(struct mimo_run *run)
{
    struct mimo_description descriptions[2];
    struct sides sides = {0};

    for (int i = 0; i < 2; i++) {
        sides.paths[i] = run->options->files[i];
        if (mimo_run_read_plan(run, sides.paths[i], &sides.plans[i]) != MIMO_EXIT_CLEAN)
            return (enum mimo_exit)IS_TROUBLE;
        mimo_describe(&sides.plans[i], run->arena, &descriptions[i]);
    }
    mimo_compare(&descriptions[0], &descriptions[1], run->arena, &sides.changes);
    if (run->options->format == MIMO_FORMAT_JSON)
        print_json(&sides);
    else
        print_text(&sides);
    return sides.changes.count > 0 ? (enum mimo_exit)IS_DIFFERENT : MIMO_EXIT_CLEAN;
}
