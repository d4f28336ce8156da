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
#include "runtime/model/language.h"
#include "runtime/train/batch.h"
#include "runtime/train/link.h"
#include "runtime/train/optimizer.h"
#include "runtime/train/stage_link.h"

/* A buffer with one copy for each micro-step in flight. */
struct mimo_slotted {
    struct mimo_slots slots;
    void **data;    /* [slots.count] */
    uint64_t *sent; /* [slots.count]: which exchange last sent it, from 1; 0: none */
};

/* An edge of the plan. */
struct mimo_engine_link {
    const struct mimo_plan_edge *plan;
    bool is_source, is_destination; /* this rank is at that end; it may be at both */
    struct mimo_link bridge;        /* where it is one, */
    struct mimo_stage_link stages;  /* or not */
    /* rows and gradients at this rank's ends; unused ones have no slots */
    struct mimo_slotted source_rows, destination_rows, destination_gradients, source_gradients;
    int32_t *row_index; /* of a bridge: scratch in the backend's memory */
};

/* One of the role's places: a stage of a module, and what it keeps of each micro-step in flight. */
struct mimo_engine_place {
    const struct mimo_plan_place *plan;
    struct mimo_slots slots;
    struct mimo_engine_link *in; /* from the stage before; NULL on a first stage */
    struct mimo_engine_link
        *out; /* to the next stage or the language model; NULL on its last one */
    /* of the language model */
    struct mimo_language_stage language;
    struct mimo_language_saved *texts; /* [slots.count]; NULL elsewhere */
    /* of an encoder */
    struct mimo_clip_stage encoder;
    struct mimo_clip_saved *images; /* [slots.count]; NULL elsewhere */
    const struct mimo_encoder_batch *batch;
};

/* Communicators of one module on this rank. */
struct mimo_engine_groups {
    struct mimo_group *tp, *cp, *tp_cp, *dp_cp, *edp, *embedding;
    struct mimo_group *etp, *ep, *etp_ep; /* of experts; etp_ep of the control transport */
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
    struct mimo_language *language;   /* NULL where this rank has no part of it */
    struct mimo_clip_vit *encoders;   /* [modules], those that are here */
    struct mimo_engine_place *places; /* as the role has them */
    struct mimo_engine_link *links;   /* one for each edge of the plan */
    struct mimo_batch batch;
    struct mimo_messages messages;
    uint64_t exchanges, settled; /* so far; those of which nothing is still on its way */
    struct mimo_optimizer optimizer;
    char notes[2][160]; /* for the watchdog, in turn */
    unsigned note;
    uint64_t step; /* the one that is being done, from 0 */
};

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
 * batch: ranks of the language model's last stage are left with the losses of the targets in
 * language->losses (unless the batch holds prompts) and with the target rows in what
 * mimo_engine_targets returns. Collective. */
enum mimo_status mimo_engine_forward(struct mimo_engine *engine, struct mimo_error *err);

/* The target rows of the first micro-step [targets, H]; NULL on other ranks. */
void *mimo_engine_targets(const struct mimo_engine *engine);

#endif
