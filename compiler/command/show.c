#include "compiler/command/command.h"

enum mimo_exit mimo_command_show(struct mimo_run *run)
{
    const struct mimo_show_options *show = &run->options->show;
    struct mimo_plan plan;
    const enum mimo_exit result = mimo_run_read_plan(run, run->options->files[0], &plan);

    if (result != MIMO_EXIT_CLEAN)
        return result;
    if (show->rank != MIMO_NONE && show->rank >= plan.meta->world_size) {
        (void)fprintf(stderr, "mimoc: --rank %u: the plan is for %u ranks\n", show->rank,
                      plan.meta->world_size);
        return MIMO_EXIT_USAGE;
    }
    mimo_show(&plan, show, stdout);
    return MIMO_EXIT_CLEAN;
}
