#include "compiler/proof/timeline.h"
#include "compiler/show/parts.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { COLUMNS_OF_FILES = 160, COLUMNS_MIN = 40, TICKS_OF_RULER = 5 };

/* A stage on the ranks of a role; the only row of an idle role has no place. */
struct row {
    const struct mimo_plan_role *role;
    uint32_t place; /* or MIMO_NONE */
    const char *ranks, *stage;
};

struct chart {
    const struct mimo_view *view;
    struct mimo_timeline timeline;
    struct row *rows;
    size_t row_count, row_capacity;
    size_t ranks_width, stage_width;
    size_t tick_width; /* columns of one tick: "F12 " */
    uint64_t ticks;    /* that are shown */
};

/* ---- rows ---- */

static void add_row(struct chart *chart, const struct mimo_plan_role *role, uint32_t place)
{
    const struct mimo_view *view = chart->view;
    const struct mimo_plan_range *range = &view->plan->ranges[role->range_first];
    const bool is_first = place == MIMO_NONE || place == role->place_first;
    const char *ranks = is_first ? mimo_view_ranks(view, range->first, range->count) : "";
    const char *stage = place == MIMO_NONE ? "idle"
                                           : mimo_view_stage(view, view->plan->places[place].module,
                                                             view->plan->places[place].stage);
    const struct row row = {role, place, ranks, stage};

    if (strlen(ranks) > chart->ranks_width)
        chart->ranks_width = strlen(ranks);
    if (strlen(stage) > chart->stage_width)
        chart->stage_width = strlen(stage);
    MIMO_APPEND(view->arena, chart->rows, chart->row_count, chart->row_capacity, row);
}

static void add_rows(struct chart *chart)
{
    const struct mimo_plan *plan = chart->view->plan;

    for (uint32_t i = 0; i < plan->role_count; i++) {
        const struct mimo_plan_role *role = &plan->roles[i];

        if (role->place_count == 0)
            add_row(chart, role, MIMO_NONE);
        for (uint32_t k = 0; k < role->place_count; k++)
            add_row(chart, role, role->place_first + k);
    }
}

/* ---- how much is shown ---- */

/* Of the terminal; a file gets the same whoever writes it. */
static size_t columns_of(FILE *file)
{
    struct winsize size;

    if (isatty(fileno(file)) == 0 || ioctl(fileno(file), TIOCGWINSZ, &size) != 0 ||
        size.ws_col < COLUMNS_MIN)
        return COLUMNS_OF_FILES;
    return size.ws_col;
}

static size_t digits_of(uint32_t number)
{
    size_t digits = 1;

    for (; number >= 10; number /= 10)
        digits++;
    return digits;
}

static void measure(struct chart *chart)
{
    const size_t columns = columns_of(chart->view->file);
    const size_t taken = chart->ranks_width + chart->stage_width + 6;

    chart->tick_width = digits_of(chart->view->plan->training->micro_steps - 1) + 2;
    chart->ticks = columns > taken ? (columns - taken) / chart->tick_width : 0;
    if (chart->ticks < TICKS_OF_RULER)
        chart->ticks = TICKS_OF_RULER;
    if (chart->ticks > chart->timeline.length)
        chart->ticks = chart->timeline.length;
}

/* ---- cells ---- */

static char letter_of(const struct mimo_plan_instruction *instruction)
{
    if (instruction->opcode == MIMO_OPCODE_ENCODE)
        return 'E';
    return instruction->opcode == MIMO_OPCODE_FORWARD ? 'F' : 'B';
}

/* A computation from tick `begin` on; what it writes beyond the last tick is cut off there. */
static void draw(const struct chart *chart, char *line,
                 const struct mimo_plan_instruction *instruction, uint64_t begin)
{
    const size_t end = (size_t)chart->ticks * chart->tick_width;
    const size_t first = (size_t)begin * chart->tick_width;
    const size_t width = (size_t)mimo_timeline_ticks(instruction) * chart->tick_width - 1;
    char cell[32];
    const int length =
        snprintf(cell, sizeof cell, "%c%u", letter_of(instruction), instruction->micro_step);
    const char filler = instruction->opcode == MIMO_OPCODE_BACKWARD ? '-' : ' ';

    for (size_t i = 0; i <= width && first + i < end; i++)
        line[first + i] = i < (size_t)length ? cell[i] : i < width ? filler : ' ';
}

/* Another stage of the role computes: this one is not idle. */
static void blank(const struct chart *chart, char *line,
                  const struct mimo_plan_instruction *instruction, uint64_t begin)
{
    for (uint64_t i = 0; i < mimo_timeline_ticks(instruction) && begin + i < chart->ticks; i++)
        line[(begin + i) * chart->tick_width] = ' ';
}

static void show_row(const struct chart *chart, const struct row *row, char *line)
{
    const struct mimo_plan *plan = chart->view->plan;
    const size_t width = (size_t)chart->ticks * chart->tick_width;

    memset(line, ' ', width);
    line[width] = '\0';
    for (size_t i = 0; i < width; i += chart->tick_width)
        line[i] = '.';
    for (uint32_t i = 0; i < row->role->instruction_count; i++) {
        const uint32_t at = row->role->instruction_first + i;
        const struct mimo_plan_instruction *instruction = &plan->instructions[at];

        if (mimo_timeline_ticks(instruction) == 0 || chart->timeline.begin[at] >= chart->ticks)
            continue;
        if (instruction->place == row->place)
            draw(chart, line, instruction, chart->timeline.begin[at]);
        else
            blank(chart, line, instruction, chart->timeline.begin[at]);
    }
    while (strlen(line) > 0 && line[strlen(line) - 1] == ' ')
        line[strlen(line) - 1] = '\0';
    (void)fprintf(chart->view->file, "  %-*s  %-*s  %s\n", (int)chart->ranks_width, row->ranks,
                  (int)chart->stage_width, row->stage, line);
}

/* The number of every fifth tick. */
static void show_ruler(const struct chart *chart)
{
    FILE *file = chart->view->file;

    (void)fprintf(file, "  %*s  0", (int)(chart->ranks_width + chart->stage_width + 2), "");
    for (uint64_t tick = TICKS_OF_RULER; tick < chart->ticks; tick += TICKS_OF_RULER) {
        const int last = (int)digits_of((uint32_t)(tick - TICKS_OF_RULER));
        const int gap = TICKS_OF_RULER * (int)chart->tick_width - last;

        (void)fprintf(file, "%*s%llu", gap, "", (unsigned long long)tick);
    }
    (void)fputc('\n', file);
}

/* ---- below the chart ---- */

static bool holds_module(const struct mimo_plan *plan, const struct mimo_plan_role *role,
                         uint32_t module)
{
    for (uint32_t i = role->place_first; i < role->place_first + role->place_count; i++) {
        if (plan->places[i].module == module)
            return true;
    }
    return false;
}

/* The share of the step in which the ranks of a module compute nothing at all. */
static double idle_share(const struct chart *chart, uint32_t module)
{
    const struct mimo_plan *plan = chart->view->plan;
    double busy = 0.0, all = 0.0;

    for (uint32_t i = 0; i < plan->range_count; i++) {
        const struct mimo_plan_role *role = &plan->roles[plan->ranges[i].role];

        if (!holds_module(plan, role, module))
            continue;
        busy += (double)mimo_timeline_busy(plan, role) * plan->ranges[i].count;
        all += (double)chart->timeline.length * plan->ranges[i].count;
    }
    return all > 0.0 ? 1.0 - busy / all : 0.0;
}

static void show_legend(const struct chart *chart)
{
    const struct mimo_view *view = chart->view;
    const struct mimo_plan *plan = view->plan;

    if (chart->ticks < chart->timeline.length)
        (void)fprintf(view->file,
                      "  the first %llu of %llu ticks; --format json has all instructions\n",
                      (unsigned long long)chart->ticks, (unsigned long long)chart->timeline.length);
    (void)fputs(
        "  E encode, F forward: 1 tick; B backward: 2 ticks; each with its micro-step; . idle\n",
        view->file);
    for (uint32_t i = 0; i < plan->module_count; i++)
        (void)fprintf(view->file, "  ranks of %s: idle for %.1f %% of %llu ticks\n",
                      mimo_plan_text(plan, plan->modules[i].name), 100.0 * idle_share(chart, i),
                      (unsigned long long)chart->timeline.length);
}

void mimo_show_schedule(const struct mimo_view *view)
{
    struct chart chart = {.view = view};

    (void)fputs("\ntimeline of a step, as if all stages took equally long\n", view->file);
    if (!mimo_timeline_init(&chart.timeline, view->plan, view->arena)) {
        (void)fputs("  its programs wait for each other for ever\n", view->file);
        return;
    }
    add_rows(&chart);
    measure(&chart);
    show_ruler(&chart);
    for (size_t i = 0; i < chart.row_count; i++)
        show_row(&chart, &chart.rows[i],
                 MIMO_NEW_ARRAY(view->arena, char, (size_t)chart.ticks *chart.tick_width + 1));
    show_legend(&chart);
}
