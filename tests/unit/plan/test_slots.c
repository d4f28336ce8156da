#include "plan/slots.h"
#include "tests/unit/check.h"

enum { MICRO_STEPS = 4, PLACE = 1, OTHER = 0, PROGRAM_MAX = 16 };

struct fixture {
    struct mimo_arena arena;
    struct mimo_plan_training training;
    struct mimo_plan_meta meta;
    struct mimo_plan_place places[2];
    struct mimo_plan_edge edge;
    struct mimo_plan_instruction instructions[PROGRAM_MAX];
    struct mimo_plan_role role;
    struct mimo_plan plan;
};

static void open_fixture(struct fixture *fixture)
{
    *fixture = (struct fixture){
        .training = {.micro_steps = MICRO_STEPS},
        .meta = {.language_module = 1},
        .places = {{0, 0}, {1, 0}},
        .edge = {.from_module = 0, .to_module = 1, .is_bridge = 1, .has_backward = 1},
    };
    fixture->plan = (struct mimo_plan){
        .training = &fixture->training,
        .meta = &fixture->meta,
        .places = fixture->places,
        .edges = &fixture->edge,
        .instructions = fixture->instructions,
    };
}

static struct mimo_plan_instruction *add(struct fixture *fixture, enum mimo_opcode opcode,
                                         uint32_t place, uint32_t micro_step)
{
    struct mimo_plan_instruction *instruction =
        &fixture->instructions[fixture->role.instruction_count++];

    *instruction = (struct mimo_plan_instruction){
        .opcode = opcode,
        .place = place,
        .micro_step = micro_step,
        .send_edge = MIMO_NONE,
        .receive_edge = MIMO_NONE,
    };
    return instruction;
}

static void add_send(struct fixture *fixture, uint32_t micro_step)
{
    struct mimo_plan_instruction *send = add(fixture, MIMO_OPCODE_SEND, MIMO_NONE, MIMO_NONE);

    send->send_edge = 0;
    send->send_micro_step = micro_step;
    send->send_direction = MIMO_EDGE_FORWARD;
}

/* The program whose instructions compute these micro-steps at PLACE. */
static struct mimo_slots slots_of(struct fixture *fixture, const uint32_t *micro_steps,
                                  uint32_t count)
{
    struct mimo_slots slots;

    open_fixture(fixture);
    for (uint32_t i = 0; i < count; i++)
        (void)add(fixture, MIMO_OPCODE_FORWARD, PLACE, micro_steps[i]);
    mimo_slots_of_place(&slots, &fixture->plan, &fixture->role, PLACE, &fixture->arena);
    return slots;
}

/* Forward and backward of one micro-step after another: one copy is enough. */
static void one_at_a_time(void)
{
    const uint32_t program[] = {0, 0, 1, 1, 2, 2, 3, 3};
    struct fixture fixture;

    CHECK_INT(slots_of(&fixture, program, 8).count, 1);
    mimo_arena_release(&fixture.arena);
}

/* 1F1B with one micro-step of warm-up: two are alive at once. */
static void one_ahead(void)
{
    const uint32_t program[] = {0, 1, 0, 2, 1, 3, 2, 3};
    struct fixture fixture;
    const struct mimo_slots slots = slots_of(&fixture, program, 8);

    CHECK_INT(slots.count, 2);
    CHECK(slots.of[0] != slots.of[1]);
    CHECK(slots.of[1] != slots.of[2]);
    CHECK(slots.of[2] != slots.of[3]);
    mimo_arena_release(&fixture.arena);
}

/* GPipe: all forwards, then all backwards. */
static void all_at_once(void)
{
    const uint32_t program[] = {0, 1, 2, 3, 3, 2, 1, 0};
    struct fixture fixture;

    CHECK_INT(slots_of(&fixture, program, 8).count, 4);
    mimo_arena_release(&fixture.arena);
}

/* Whatever the order of the micro-steps: as many slots as are ever alive at once. */
static void backwards(void)
{
    const uint32_t program[] = {3, 2, 3, 1, 2, 0, 1, 0};
    struct fixture fixture;

    CHECK_INT(slots_of(&fixture, program, 8).count, 2);
    mimo_arena_release(&fixture.arena);
}

static void untouched(void)
{
    const uint32_t program[] = {0, 0, 2};
    struct fixture fixture;
    const struct mimo_slots slots = slots_of(&fixture, program, 3);

    CHECK_INT(slots.of[1], MIMO_NONE);
    CHECK_INT(slots.count, 1);
    mimo_arena_release(&fixture.arena);
}

/* The other place's computations and the reduction at the end do not keep a micro-step alive. */
static void other_places(void)
{
    struct fixture fixture;
    struct mimo_slots slots;

    open_fixture(&fixture);
    (void)add(&fixture, MIMO_OPCODE_FORWARD, PLACE, 0);
    (void)add(&fixture, MIMO_OPCODE_FORWARD, PLACE, 1);
    (void)add(&fixture, MIMO_OPCODE_ENCODE, OTHER, 0);
    (void)add(&fixture, MIMO_OPCODE_REDUCE, PLACE, MIMO_NONE);
    mimo_slots_of_place(&slots, &fixture.plan, &fixture.role, PLACE, &fixture.arena);
    CHECK_INT(slots.count, 1);
    mimo_arena_release(&fixture.arena);
}

/* Encoded rows wait until they are sent; where they are merged is another buffer. */
static void rows_of_an_edge(void)
{
    const struct mimo_edge_buffer sent = {0, MIMO_EDGE_FORWARD, true};
    const struct mimo_edge_buffer merged = {0, MIMO_EDGE_FORWARD, false};
    struct fixture fixture;
    struct mimo_slots slots;

    open_fixture(&fixture);
    (void)add(&fixture, MIMO_OPCODE_ENCODE, OTHER, 0);
    (void)add(&fixture, MIMO_OPCODE_ENCODE, OTHER, 1);
    add_send(&fixture, 0);
    (void)add(&fixture, MIMO_OPCODE_ENCODE, OTHER, 2);
    add_send(&fixture, 1);
    add_send(&fixture, 2);
    (void)add(&fixture, MIMO_OPCODE_MERGE, PLACE, 0);
    mimo_slots_of_buffer(&slots, &fixture.plan, &fixture.role, &sent, &fixture.arena);
    CHECK_INT(slots.count, 2);
    CHECK_INT(slots.of[0], 0);
    CHECK_INT(slots.of[1], 1);
    CHECK_INT(slots.of[2], 0);
    mimo_slots_of_buffer(&slots, &fixture.plan, &fixture.role, &merged, &fixture.arena);
    CHECK_INT(slots.count, 1);
    CHECK_INT(slots.of[1], MIMO_NONE);
    mimo_arena_release(&fixture.arena);
}

static const struct mimo_test TESTS[] = {
    {"one at a time", one_at_a_time},     {"one ahead", one_ahead},
    {"all at once", all_at_once},         {"in any order", backwards},
    {"untouched micro-steps", untouched}, {"other places, and the reduction", other_places},
    {"rows of an edge", rows_of_an_edge},
};

MIMO_TEST_MAIN("slots", TESTS)
