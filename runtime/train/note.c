/* What the watchdog prints of a rank that stands still. */
#include "runtime/train/engine_parts.h"

#include <inttypes.h>
#include <stdio.h>

void mimo_name_stage(const struct mimo_plan *plan, char *text, size_t size, uint32_t module,
                     uint32_t stage)
{
    const char *name = mimo_plan_text(plan, plan->modules[module].name);

    if (plan->modules[module].stage_count == 1)
        (void)snprintf(text, size, "%s", name);
    else
        (void)snprintf(text, size, "%s.%" PRIu32, name, stage);
}

/* What is done with: "llm.1", "clip-llm.0", or nothing; and its micro-step. */
struct subject {
    char first[40], second[40];
    uint32_t micro_step;
};

static struct subject subject_of(const struct mimo_engine *engine,
                                 const struct mimo_plan_instruction *instruction)
{
    const bool sends = instruction->send_edge != MIMO_NONE;
    const uint32_t index = sends ? instruction->send_edge : instruction->receive_edge;
    struct subject subject = {.micro_step = instruction->micro_step};

    if (index != MIMO_NONE) {
        const struct mimo_plan_edge *edge = &engine->plan->edges[index];
        mimo_name_stage(engine->plan, subject.first, sizeof subject.first, edge->from_module,
                        edge->from_stage);
        mimo_name_stage(engine->plan, subject.second, sizeof subject.second, edge->to_module,
                        edge->to_stage);
        subject.micro_step = sends ? instruction->send_micro_step : instruction->receive_micro_step;
    } else if (instruction->place != MIMO_NONE) {
        const struct mimo_plan_place *place = &engine->plan->places[instruction->place];
        mimo_name_stage(engine->plan, subject.first, sizeof subject.first, place->module,
                        place->stage);
    }
    return subject;
}

/* "step 7: forward llm.1, micro-step 3", "step 7: send clip-llm.0, micro-step 2" */
void mimo_engine_note(struct mimo_engine *engine, const struct mimo_plan_instruction *instruction)
{
    const struct subject subject = subject_of(engine, instruction);
    char *const text = engine->notes[engine->note++ % 2];
    char micro_step[32] = "";

    if (subject.micro_step != MIMO_NONE)
        (void)snprintf(micro_step, sizeof micro_step, ", micro-step %" PRIu32, subject.micro_step);
    (void)snprintf(text, sizeof engine->notes[0], "step %" PRIu64 ": %s%s%s%s%s%s",
                   engine->step + 1, mimo_opcode_word(instruction->opcode),
                   subject.first[0] != '\0' ? " " : "", subject.first,
                   subject.second[0] != '\0' ? "-" : "", subject.second, micro_step);
    mimo_world_note(engine->world, text);
}
