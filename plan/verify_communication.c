#include "plan/communication.h"
#include "plan/verify.h"

/* What a list of an opcode belongs to. */
enum subject {
    SUBJECT_NONE, /* such an opcode has no list */
    SUBJECT_WORLD,
    SUBJECT_STAGE,
    SUBJECT_EDGE,
    SUBJECT_PIPELINE_RANK,
};

static const enum subject subjects[MIMO_OPCODE_COUNT] = {
    [MIMO_OPCODE_LOAD] = SUBJECT_WORLD,         [MIMO_OPCODE_ENCODE] = SUBJECT_STAGE,
    [MIMO_OPCODE_MERGE] = SUBJECT_STAGE,        [MIMO_OPCODE_FORWARD] = SUBJECT_STAGE,
    [MIMO_OPCODE_BACKWARD] = SUBJECT_STAGE,     [MIMO_OPCODE_SEND] = SUBJECT_EDGE,
    [MIMO_OPCODE_RECEIVE] = SUBJECT_EDGE,       [MIMO_OPCODE_REDUCE] = SUBJECT_PIPELINE_RANK,
    [MIMO_OPCODE_STEP] = SUBJECT_PIPELINE_RANK,
};

static enum mimo_status verify_end(const struct mimo_verifier *at,
                                   const struct mimo_plan_communication *record)
{
    const struct mimo_plan *plan = at->plan;
    const struct mimo_plan_edge *edge;
    bool is_from;

    MIMO_REQUIRE(at, record->edge < plan->edge_count, "there is no edge %u", record->edge);
    MIMO_TRY(mimo_verify_flag(at, record->direction, "direction"));
    edge = &plan->edges[record->edge];
    is_from = (record->opcode == MIMO_OPCODE_SEND) == (record->direction == MIMO_EDGE_FORWARD);
    MIMO_REQUIRE(at,
                 record->module == (is_from ? edge->from_module : edge->to_module) &&
                     record->stage == (is_from ? edge->from_stage : edge->to_stage),
                 "stage %u of module %u is not that end of edge %u", record->stage, record->module,
                 record->edge);
    MIMO_REQUIRE(at, record->direction == MIMO_EDGE_FORWARD || edge->has_backward != 0,
                 "nothing goes back along edge %u", record->edge);
    return MIMO_OK;
}

static enum mimo_status verify_subject(const struct mimo_verifier *at,
                                       const struct mimo_plan_communication *record)
{
    const struct mimo_plan *plan = at->plan;
    enum subject subject = subjects[record->opcode];

    if (record->opcode == MIMO_OPCODE_STEP && record->module == MIMO_NONE)
        subject = SUBJECT_WORLD;
    MIMO_REQUIRE(at, subject != SUBJECT_NONE, "%s has no list of its own",
                 mimo_opcode_word(record->opcode));
    if (subject == SUBJECT_EDGE)
        return verify_end(at, record);
    MIMO_REQUIRE(at, record->edge == MIMO_NONE && record->direction == 0, "%s has no edge",
                 mimo_opcode_word(record->opcode));
    if (subject == SUBJECT_WORLD) {
        MIMO_REQUIRE(at,
                     record->module == MIMO_NONE && record->stage == MIMO_NONE &&
                         record->slot == MIMO_NONE,
                     "%s of all ranks has no module", mimo_opcode_word(record->opcode));
        return MIMO_OK;
    }
    MIMO_REQUIRE(at, record->module < plan->module_count, "there is no module %u", record->module);
    MIMO_REQUIRE(at,
                 record->stage < (subject == SUBJECT_STAGE
                                      ? plan->modules[record->module].stage_count
                                      : plan->modules[record->module].pp),
                 "module %u has no stage %u", record->module, record->stage);
    return MIMO_OK;
}

static enum mimo_status verify_choices(const struct mimo_verifier *at,
                                       const struct mimo_plan_communication *record)
{
    MIMO_TRY(mimo_verify_choice(at, record->opcode, MIMO_OPCODE_COUNT, "opcode"));
    MIMO_TRY(mimo_verify_choice(at, record->loop, MIMO_LOOP_COUNT, "loop"));
    MIMO_TRY(mimo_verify_choice(at, record->operation, MIMO_OPERATION_COUNT, "operation"));
    MIMO_TRY(mimo_verify_choice(at, record->content, MIMO_CONTENT_COUNT, "content"));
    MIMO_TRY(mimo_verify_flag(at, record->is_gradient, "is_gradient"));
    MIMO_TRY(mimo_verify_choice(at, record->element, MIMO_ELEMENT_COUNT, "element"));
    MIMO_TRY(mimo_verify_choice(at, record->rows, MIMO_ROW_UNIT_COUNT, "rows"));
    MIMO_TRY(mimo_verify_flag(at, record->on_bad_samples, "on_bad_samples"));
    MIMO_TRY(mimo_verify_positive(at, record->repeat, "repeat"));
    MIMO_TRY(mimo_verify_positive(at, record->columns, "columns"));
    MIMO_REQUIRE(at, record->slot == MIMO_NONE || record->slot < MIMO_SLOT_COUNT,
                 "there is no slot %u", record->slot);
    return MIMO_OK;
}

static bool is_of_language(uint32_t unit)
{
    return unit == MIMO_ROW_UNIT_TOKENS || unit == MIMO_ROW_UNIT_TARGETS ||
           unit == MIMO_ROW_UNIT_ROUTED;
}

static bool is_of_encoder(uint32_t unit)
{
    return unit == MIMO_ROW_UNIT_PATCHES || unit == MIMO_ROW_UNIT_FEATURES;
}

/* Rows are counted where there are such rows. */
static enum mimo_status verify_rows(const struct mimo_verifier *at,
                                    const struct mimo_plan_communication *record)
{
    const bool is_world = record->module == MIMO_NONE;
    const bool is_encoder =
        !is_world && at->plan->modules[record->module].kind == MIMO_MODULE_KIND_ENCODER;

    MIMO_REQUIRE(at,
                 (!is_world || record->rows == MIMO_ROW_UNIT_ONE) &&
                     (!is_of_language(record->rows) || !is_encoder) &&
                     (!is_of_encoder(record->rows) || is_encoder) &&
                     (record->rows != MIMO_ROW_UNIT_IMAGE_ROWS || record->edge != MIMO_NONE) &&
                     (record->rows != MIMO_ROW_UNIT_PARAMETER || record->slot != MIMO_NONE),
                 "it has no %s", mimo_row_unit_word(record->rows));
    MIMO_REQUIRE(at,
                 record->loop == MIMO_LOOP_ONCE || subjects[record->opcode] == SUBJECT_STAGE ||
                     record->opcode == MIMO_OPCODE_REDUCE,
                 "%s has no layers", mimo_opcode_word(record->opcode));
    return MIMO_OK;
}

/* A group of one rank does not communicate. */
static enum mimo_status verify_group(const struct mimo_verifier *at,
                                     const struct mimo_plan_communication *record)
{
    if (record->module == MIMO_NONE) {
        MIMO_REQUIRE(at, record->group == MIMO_NONE, "all ranks are no group of kind %u",
                     record->group);
        return MIMO_OK;
    }
    MIMO_TRY(mimo_verify_choice(at, record->group, MIMO_GROUP_KIND_COUNT, "group"));
    MIMO_REQUIRE(at,
                 at->plan->groups[record->module * MIMO_GROUP_KIND_COUNT + record->group].size > 1,
                 "the %s groups of module %u have one rank each",
                 mimo_group_kind_word(record->group), record->module);
    return MIMO_OK;
}

/* A ring has a group whose blocks go round, at most once. */
static enum mimo_status verify_ring(const struct mimo_verifier *at,
                                    const struct mimo_plan_communication *record)
{
    if (record->operation != MIMO_OPERATION_RING)
        return MIMO_OK;
    MIMO_REQUIRE(at, record->group == MIMO_GROUP_KIND_CP, "a ring is one of context ranks");
    MIMO_REQUIRE(at, record->repeat <= at->plan->modules[record->module].cp,
                 "a ring of %u ranks has no %u hops", at->plan->modules[record->module].cp,
                 record->repeat);
    return MIMO_OK;
}

/* Lists ascend; within one, the records of layers stand together. */
static enum mimo_status verify_order(const struct mimo_verifier *at,
                                     const struct mimo_plan_communication *record,
                                     bool *layers_are_over)
{
    const struct mimo_communication_key key = {record->opcode, record->module, record->stage,
                                               record->edge, record->direction};
    const int order = at->record == 0 ? -1 : mimo_communication_compare(record - 1, &key);

    MIMO_REQUIRE(at, order <= 0, "it belongs before the record before it");
    if (order < 0)
        *layers_are_over = false;
    else if (record->loop == MIMO_LOOP_ONCE && record[-1].loop != MIMO_LOOP_ONCE)
        *layers_are_over = true;
    MIMO_REQUIRE(at, order < 0 || record->loop == MIMO_LOOP_ONCE || record[-1].loop <= record->loop,
                 "it belongs before the records of layers with experts");
    MIMO_REQUIRE(at, record->loop == MIMO_LOOP_ONCE || !*layers_are_over,
                 "it stands apart from the records of layers before it");
    return MIMO_OK;
}

enum mimo_status mimo_verify_communication(const struct mimo_plan *plan, struct mimo_error *err)
{
    bool layers_are_over = false;

    for (uint32_t i = 0; i < plan->communication_count; i++) {
        const struct mimo_verifier at = {plan, err, MIMO_SECTION_COMM, i};
        const struct mimo_plan_communication *record = &plan->communications[i];

        MIMO_TRY(verify_choices(&at, record));
        MIMO_TRY(verify_subject(&at, record));
        MIMO_TRY(verify_rows(&at, record));
        MIMO_TRY(verify_group(&at, record));
        MIMO_TRY(verify_ring(&at, record));
        MIMO_TRY(verify_order(&at, record, &layers_are_over));
    }
    return MIMO_OK;
}
