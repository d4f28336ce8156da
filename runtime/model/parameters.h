/*
 * parameters.h - the weights, gradients and optimizer moments that this rank holds, laid out and
 * found by the plan's description of a parameter (plan/format.h, struct mimo_plan_parameter).
 *
 * Weights of all held modules lie in one arena, module by module, a module's experts behind all its
 * other parameters; so do the gradients of the trainable ones. Parameters that the plan marks
 * "follows" touch the previous one, so that q, k and v (or gate and up) are one matrix to multiply
 * by. Weights have the backend's element type, all else its wide type. Where the two differ, what
 * is trained has a master copy of the wide type, which the optimizer updates and checkpoints keep;
 * the weight is what that comes to.
 *
 * The data and context replicas of a module hold equal weights; experts have replicas of their own,
 * the ranks with the same experts. Either each replica updates all of what is trained, or, with
 * distributed_optimizer, a piece of each bucket (plan/buckets.h): what lies side by side in the
 * gradients is cut evenly, across the borders of parameters, and a rank has moments and master
 * weights for its pieces alone (Rajbhandari et al., "ZeRO", 2020, stage 1).
 */
#ifndef MIMO_RUNTIME_MODEL_PARAMETERS_H
#define MIMO_RUNTIME_MODEL_PARAMETERS_H

#include "plan/arena.h"
#include "plan/buckets.h"
#include "plan/plan.h"
#include "plan/sizes.h"
#include "runtime/backend/backend.h"
#include "runtime/tensor/arena.h"
#include "runtime/world/transport.h"

/* Trained parameters whose gradients are summed over their replicas together, side by side in the
 * gradients and, at the same distances in elements, in the weights; gaps for alignment, which are
 * always zero, included. */
struct mimo_trained {
    char *weights; /* NULL where there are none */
    char *gradients;
    uint64_t elements;
    size_t *begins; /* of the replicas' pieces, [replicas + 1]; NULL where each updates all */
};

/* A bucket of the plan, on this rank. */
struct mimo_trained_bucket {
    struct mimo_bucket plan;
    struct mimo_trained parts[2]; /* [is_expert] */
};

struct mimo_parameter {
    const struct mimo_plan_parameter *plan;
    uint32_t index;      /* in the plan */
    uint64_t begin, end; /* of the cut dimension: what this rank holds */
    uint64_t elements;
    /* Whose values it starts with, and which tensor of a checkpoint it is: itself, or what it is
     * tied to. */
    const struct mimo_plan_parameter *origin;
    bool is_tied;  /* it has a twin on another stage, and their gradients add up */
    bool is_saved; /* this rank saves it */
    void *weight;
    void *gradient; /* NULL where frozen, and in runs that do not train */
    /* Of its elements, those that this rank updates, and the moments and master weights of just
     * these; master is NULL where the weight itself is updated. */
    uint64_t update_begin, update_end;
    void *moment1;
    void *moment2;
    void *master;
    bool is_counted; /* this rank counts them in the global norm, and saves their moments */
    const struct mimo_trained *trained; /* what it is part of; NULL where it has no gradient */
};

/* A weight and where its gradient accumulates (NULL: frozen). What layers are built from. */
struct mimo_weight {
    void *value;
    void *gradient;
};

struct mimo_parameters {
    const struct mimo_plan *plan;
    struct mimo_backend *be;
    struct mimo_parameter *items; /* ascending by index */
    uint32_t count;
    struct mimo_trained_bucket *buckets; /* module by module, as backward goes through them */
    uint32_t bucket_count;               /* 0 without training */
    struct mimo_tensor_arena weights, gradients, moments, scratch;
    void *gather_scratch; /* for gradients of replicated units */
    double *sums;         /* [mimo_step_sums()], in the backend's memory; NULL without training */
};

/*
 * Lays out the parameters of the places that `rank` holds; with `trains`, gradients and moments
 * too. `arena` holds the table. MIMO_E_FAILED where memory is short.
 */
enum mimo_status mimo_parameters_open(struct mimo_parameters *out_parameters,
                                      const struct mimo_plan *plan, uint32_t rank, bool trains,
                                      struct mimo_backend *be, struct mimo_arena *arena,
                                      struct mimo_error *err);
void mimo_parameters_close(struct mimo_parameters *parameters);

/* Initial values, each a function of (seed, name, global index). */
enum mimo_status mimo_parameters_initialise(struct mimo_parameters *parameters, uint64_t seed,
                                            struct mimo_error *err);

/* The parameter in `slot` of layer `layer` (MIMO_NONE: of the module) of a module, or of projector
 * `projector` where that is not MIMO_NONE (then `module` does not matter); NULL where this rank has
 * none. Not for experts. */
const struct mimo_parameter *mimo_parameters_item(const struct mimo_parameters *parameters,
                                                  uint32_t module, uint32_t projector,
                                                  uint32_t layer, enum mimo_slot slot);

/* Its weight and gradient, {NULL, NULL} where there is none; of a module, and of a projector. */
struct mimo_weight mimo_parameters_find(const struct mimo_parameters *parameters, uint32_t module,
                                        uint32_t layer, enum mimo_slot slot);
struct mimo_weight mimo_parameters_find_projector(const struct mimo_parameters *parameters,
                                                  uint32_t projector, uint32_t layer,
                                                  enum mimo_slot slot);

/* The same of an expert of a layer: {NULL, NULL} where this rank does not hold it. */
struct mimo_weight mimo_parameters_find_expert(const struct mimo_parameters *parameters,
                                               uint32_t module, uint32_t layer, uint32_t expert,
                                               enum mimo_slot slot);

/* How much of its cut dimension this rank holds: 0 where the model has no such parameter. */
int64_t mimo_parameters_share(const struct mimo_parameter *item);

/* Sets all gradients and sums to zero. */
void mimo_parameters_zero_gradients(struct mimo_parameters *parameters);

/* Who else holds (parts of) a module's gradients. Groups of one rank are NULL. */
struct mimo_replicas {
    const struct mimo_transport *transport;
    struct mimo_group *tp;        /* the tensor-parallel group */
    struct mimo_group *dp;        /* data and context replicas */
    struct mimo_group *edp;       /* the replicas of this rank's experts */
    struct mimo_group *embedding; /* first and last stage, for tied tables */
};

/*
 * Sums the gradients of a bucket over the ranks that hold parts of them: over the tensor-parallel
 * group those that the plan calls partial, over the embedding group tied tables, then all of them
 * over their replicas. Those that this rank updates are then complete; the others are undefined.
 * Collective over these groups. `replicas` is that of the bucket's module.
 */
enum mimo_status mimo_parameters_reduce_bucket(struct mimo_parameters *parameters,
                                               const struct mimo_trained_bucket *bucket,
                                               const struct mimo_replicas *replicas,
                                               struct mimo_error *err);

/* Those buckets of `module` that no backward pass completes (plan/buckets.h). */
enum mimo_status mimo_parameters_reduce(struct mimo_parameters *parameters, uint32_t module,
                                        const struct mimo_replicas *replicas,
                                        struct mimo_error *err);

/* Gives each replica of `module` the weights that the others have updated. Collective over the
 * replicas. */
enum mimo_status mimo_parameters_gather(struct mimo_parameters *parameters, uint32_t module,
                                        const struct mimo_replicas *replicas,
                                        struct mimo_error *err);

#endif
