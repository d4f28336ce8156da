#include "compiler/lsp/lsp.h"
#include "compiler/command/command.h"

/* Standard output belongs to the protocol. */
enum mimo_exit mimo_command_lsp(struct mimo_run *run)
{
    const struct mimo_lsp_options options = {
        .request = &run->options->request,
        .version = MIMO_VERSION,
        .homepage = MIMO_HOMEPAGE,
    };

    return mimo_lsp_serve(&options, stdin, stdout) ? MIMO_EXIT_CLEAN : MIMO_EXIT_MISTAKES;
}
