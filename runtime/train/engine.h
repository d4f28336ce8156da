/*
 * engine.h - everything that one rank needs to carry out its role's program, and the interpreter.
 *
 * The engine builds communicators, parameters, modules and buffers from the plan, once. A step is
 * then the program of the rank's role, instruction by instruction; nothing else decides what
 * happens.
 */
#ifndef MIMO_RUNTIME_TRAIN_ENGINE_H
#define MIMO_RUNTIME_TRAIN_ENGINE_H

#include "plan/slots.h"
#include "runtime/model/clip_vit.h"
#include "runtime/model/llama.h"
#include "runtime/train/batch.h"
#include "runtime/train/link.h"
#include "runtime/train/optimizer.h"

/* A buffer with one copy for each micro-step in flight. */
struct mimo_slotted {
    struct mimo_slots slots;
    void **data; /* [slots.count] */
};

struct mimo_engine_link {
    struct mimo_link link;
    bool has_backward;
    /* rows and gradients at this rank's ends; unused ones have no slots */
    struct mimo_slotted source_rows, destination_rows, destination_gradients, source_gradients;
    int32_t *row_index; /* scratch in the backend's memory */
};

struct mimo_engine_encoder {
    uint32_t place; /* index into the plan's places */
    uint32_t link;  /* its bridge, an index into the engine's links */
    const struct mimo_encoder_batch *batch;
    struct mimo_clip_vit vit;
    struct mimo_slots slots;
    struct mimo_clip_saved *saved; /* [slots.count] */
};

struct mimo_engine_language {
    bool is_here;
    uint32_t place;
    struct mimo_llama llama;
    struct mimo_slots slots;
    struct mimo_llama_saved *saved; /* [slots.count] */
};

/* Communicators of one module on this rank. */
struct mimo_engine_groups {
    struct mimo_group *tp, *tp_cp, *dp_cp;
};

struct mimo_engine {
    const struct mimo_plan *plan;
    struct mimo_world *world;
    struct mimo_backend *be;
    struct mimo_transport *transport; /* of the backend's memory */
    struct mimo_transport *control;   /* of host memory */
    const struct mimo_plan_role *role;
    uint32_t rank;
    bool trains;
    struct mimo_arena table;
    struct mimo_plan_memory memory; /* what the arenas hold, the parameters' included */
    struct mimo_tensor_arena scratch, activations, buffers;
    struct mimo_engine_groups *groups; /* [modules] */
    struct mimo_parameters parameters;
    struct mimo_engine_language language;
    struct mimo_engine_encoder *encoders;
    uint32_t encoder_count;
    struct mimo_engine_link *links; /* one for each edge of the plan */
    struct mimo_batch batch;
    struct mimo_messages messages;
    struct mimo_optimizer optimizer;
    char notes[2][96]; /* for the watchdog, in turn */
    unsigned note;
    uint64_t step; /* the one that is being done, from 0 */
};

/* MIMO_E_WORLD where the plan wants something that this version does not carry out, saying what;
 * MIMO_E_PLAN where the layers would not find their weights (runtime/model/required.h). */
enum mimo_status mimo_engine_supports(const struct mimo_plan *plan, struct mimo_error *err);

/* What an engine runs on. The two transports are one where the backend's memory is the host's. */
struct mimo_machine {
    struct mimo_world *world;
    struct mimo_backend *be;
    struct mimo_transport *transport; /* of the backend's memory */
    struct mimo_transport *control;   /* of host memory */
};

/* Builds this rank's engine; parameters are not yet set. Collective over the world. */
enum mimo_status mimo_engine_open(struct mimo_engine *engine, const struct mimo_plan *plan,
                                  const struct mimo_machine *machine, struct mimo_dataset *dataset,
                                  bool trains, struct mimo_error *err);
void mimo_engine_close(struct mimo_engine *engine);

/* One optimizer step over the records in engine->batch.records; the result is in
 * engine->optimizer.report. Collective over the world. */
enum mimo_status mimo_engine_step(struct mimo_engine *engine, uint64_t step,
                                  struct mimo_error *err);

/* The forward part of the program for the first micro-step alone, over records 0 ... S - 1 of the
 * batch: language ranks are left with the losses of the targets in llama->losses (unless the batch
 * holds prompts) and with the target rows in the saved set that mimo_engine_text returns.
 * Collective. */
enum mimo_status mimo_engine_forward(struct mimo_engine *engine, struct mimo_error *err);
struct mimo_llama_saved *mimo_engine_text(struct mimo_engine *engine);

#endif
