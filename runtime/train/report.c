#include "runtime/train/report.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    BAR_WIDTH = 24,
    COLUMNS_DEFAULT = 100,
    LINE_BYTES = 256,
    TEXT_BYTES = 512,
    OUTPUT_WAIT_MS = 100,
};

const char *mimo_shortest_number(double value, char text[32])
{
    if (!isfinite(value)) {
        (void)snprintf(text, 32, "null");
        return text;
    }
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(text, 32, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return text;
}

/* -- the terminal ----------------------------------------------------------------------------- */

/* A launcher gives its ranks a pseudo-terminal whatever its own output is, so what counts is where
 * the launcher writes: the parent process, when it is there to be looked at. */
static int output_terminal(void)
{
    char path[64];
    int terminal;

    if (!isatty(STDOUT_FILENO))
        return -1;
    if (getenv("OMPI_COMM_WORLD_SIZE") == NULL)
        return dup(STDOUT_FILENO);
    (void)snprintf(path, sizeof path, "/proc/%ld/fd/1", (long)getppid());
    terminal = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (terminal >= 0 && isatty(terminal))
        return terminal;
    if (terminal >= 0)
        (void)close(terminal);
    return -1;
}

static bool has_terminal(void)
{
    const int terminal = output_terminal();

    if (terminal < 0)
        return false;
    (void)close(terminal);
    return true;
}

static int terminal_columns(void)
{
    const int terminal = output_terminal();
    struct winsize size = {0};
    int columns = COLUMNS_DEFAULT;

    if (terminal < 0)
        return columns;
    if (ioctl(terminal, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        columns = size.ws_col;
    (void)close(terminal);
    return columns;
}

/* -- text ------------------------------------------------------------------------------------- */

static const char *short_count(double value, char text[16])
{
    if (value >= 1e6)
        (void)snprintf(text, 16, "%.1fM", value / 1e6);
    else if (value >= 1e4)
        (void)snprintf(text, 16, "%.1fk", value / 1e3);
    else
        (void)snprintf(text, 16, "%.0f", value);
    return text;
}

static const char *duration(double seconds, char text[24])
{
    const uint64_t total = (uint64_t)(seconds + 0.5);

    if (total >= 3600)
        (void)snprintf(text, 24, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, total / 3600,
                       total / 60 % 60, total % 60);
    else
        (void)snprintf(text, 24, "%" PRIu64 ":%02" PRIu64, total / 60, total % 60);
    return text;
}

/* Training does not wait long for those who watch it: while Open MPI's mpirun ends a job it reads
 * nothing of what the ranks print, and they need that time to save a checkpoint. */
static void write_text(const char *text)
{
    struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};

    if (poll(&output, 1, OUTPUT_WAIT_MS) < 1)
        return;
    (void)fputs(text, stdout);
    (void)fflush(stdout);
}

/* "step 120/3000 · loss 2.310 · 640 samples/s · 17.9k tokens/s · 4:12 left" */
static void describe(const struct mimo_reporter *reporter, const struct mimo_step_figures *figures,
                     char *line, size_t size)
{
    const double seconds = reporter->smoothed_ms / 1e3;
    char balance[32] = "", samples[16], tokens[16], left[24];

    if (figures->has_experts)
        (void)snprintf(balance, sizeof balance, " · balance %.4f", figures->aux_loss);
    (void)snprintf(line, size, "loss %.4f%s · %s samples/s · %s tokens/s · %s left", figures->loss,
                   balance, short_count((double)figures->samples / seconds, samples),
                   short_count((double)figures->tokens / seconds, tokens),
                   duration((double)(figures->steps - figures->step) * seconds, left));
}

static void draw_bar(const struct mimo_reporter *reporter, const struct mimo_step_figures *figures)
{
    const uint64_t done = figures->steps > 0 ? figures->step * BAR_WIDTH / figures->steps : 0;
    char line[LINE_BYTES], text[TEXT_BYTES], bar[BAR_WIDTH * 3 + 1] = "";

    for (uint64_t i = 0; i < BAR_WIDTH; i++)
        memcpy(bar + 3 * i, i < done ? "━" : "┈", 4);
    describe(reporter, figures, line, sizeof line);
    if (terminal_columns() < COLUMNS_DEFAULT)
        bar[0] = '\0';
    (void)snprintf(text, sizeof text, "\r\033[K%" PRIu64 "/%" PRIu64 " %s %s", figures->step,
                   figures->steps, bar, line);
    write_text(text);
}

static void print_line(const struct mimo_reporter *reporter,
                       const struct mimo_step_figures *figures)
{
    char line[LINE_BYTES], text[TEXT_BYTES];

    describe(reporter, figures, line, sizeof line);
    (void)snprintf(text, sizeof text, "step %" PRIu64 "/%" PRIu64 " · %s · lr %.3g · norm %.3g\n",
                   figures->step, figures->steps, line, figures->lr, figures->gradient_norm);
    write_text(text);
}

/* -- the reporter ----------------------------------------------------------------------------- */

enum mimo_status mimo_reporter_open(struct mimo_reporter *reporter, const char *metrics_path,
                                    bool is_quiet, uint64_t log_interval, bool appends,
                                    struct mimo_error *err)
{
    *reporter = (struct mimo_reporter){
        .metrics_path = metrics_path,
        .is_quiet = is_quiet,
        .has_bar = has_terminal(),
        .log_interval = log_interval > 0 ? log_interval : 1,
    };
    if (metrics_path == NULL)
        return MIMO_OK;
    reporter->metrics = fopen(metrics_path, appends ? "ae" : "we");
    if (reporter->metrics == NULL)
        return mimo_error_errno(err, MIMO_E_USAGE, "cannot write %s", metrics_path);
    return MIMO_OK;
}

static enum mimo_status write_metrics(struct mimo_reporter *reporter,
                                      const struct mimo_step_figures *figures,
                                      struct mimo_error *err)
{
    char loss[32], balance[32], norm[32], lr[32], ms[32], rate[32], mfu[32];
    FILE *file = reporter->metrics;

    (void)fprintf(file, "{\"step\":%" PRIu64 ",\"loss\":%s", figures->step,
                  mimo_shortest_number(figures->loss, loss));
    if (figures->has_experts)
        (void)fprintf(file, ",\"aux_loss\":%s", mimo_shortest_number(figures->aux_loss, balance));
    (void)fprintf(
        file,
        ",\"grad_norm\":%s,\"lr\":%s,\"tokens\":%" PRIu64 ",\"samples\":%" PRIu64
        ",\"step_ms\":%s,\"tokens_per_s\":%s",
        mimo_shortest_number(figures->gradient_norm, norm), mimo_shortest_number(figures->lr, lr),
        figures->tokens, figures->samples,
        mimo_shortest_number(round(figures->step_ms * 1e3) / 1e3, ms),
        mimo_shortest_number(round((double)figures->tokens / (figures->step_ms / 1e3)), rate));
    if (figures->mfu > 0.0)
        (void)fprintf(file, ",\"mfu\":%s",
                      mimo_shortest_number(round(figures->mfu * 1e6) / 1e6, mfu));
    (void)fputs("}\n", file);
    if (fflush(file) != 0)
        return mimo_error_errno(err, MIMO_E_FAILED, "cannot write %s", reporter->metrics_path);
    return MIMO_OK;
}

enum mimo_status mimo_reporter_step(struct mimo_reporter *reporter,
                                    const struct mimo_step_figures *figures, struct mimo_error *err)
{
    const bool is_first = reporter->smoothed_ms == 0.0;
    const bool is_due =
        is_first || figures->step % reporter->log_interval == 0 || figures->step == figures->steps;

    reporter->smoothed_ms =
        is_first ? figures->step_ms : 0.9 * reporter->smoothed_ms + 0.1 * figures->step_ms;
    if (reporter->metrics != NULL)
        MIMO_TRY(write_metrics(reporter, figures, err));
    if (reporter->is_quiet || !is_due)
        return MIMO_OK;
    if (reporter->has_bar)
        draw_bar(reporter, figures);
    else
        print_line(reporter, figures);
    return MIMO_OK;
}

void mimo_reporter_say(struct mimo_reporter *reporter, const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list arguments;

    if (reporter->is_quiet)
        return;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (reporter->has_bar)
        write_text("\r\033[K");
    write_text(text);
    write_text("\n");
}

void mimo_reporter_close(struct mimo_reporter *reporter)
{
    if (reporter->has_bar && !reporter->is_quiet && reporter->smoothed_ms > 0.0)
        write_text("\n");
    if (reporter->metrics != NULL)
        (void)fclose(reporter->metrics);
    reporter->metrics = NULL;
}
