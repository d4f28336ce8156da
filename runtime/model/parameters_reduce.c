/* Sums of gradients over the ranks that hold parts of them, and of what replicas make of them. */
#include "runtime/model/dtype.h"
#include "runtime/model/parameters_parts.h"

void mimo_parameters_zero_gradients(struct mimo_parameters *parameters)
{
    struct mimo_backend *be = parameters->be;

    if (parameters->gradients.base != NULL)
        be->ops->zero(be, parameters->gradients.base, (size_t)parameters->gradients.capacity);
    be->ops->zero(be, parameters->sums, mimo_step_sums(parameters->plan) * sizeof(double));
}

/* Several neighbouring ranks hold the same units, each with a part of their gradient: every rank
 * puts its part at its global place in a tensor of zeros, and the sum over the group completes all.
 */
static enum mimo_status reduce_replicated(struct mimo_parameters *parameters,
                                          const struct mimo_parameter *item,
                                          const struct mimo_replicas *replicas,
                                          struct mimo_error *err)
{
    struct mimo_backend *be = parameters->be;
    const struct mimo_plan_parameter *plan = item->plan;
    const uint64_t whole = mimo_parameter_whole(plan);
    const uint64_t row = whole / plan->shape[0];
    char *const at = (char *)parameters->gather_scratch + item->begin * row * be->wide_size;

    MIMO_ASSERT(plan->cut_dimension == 0);
    be->ops->zero(be, parameters->gather_scratch, whole * be->wide_size);
    be->ops->copy_bytes(be, at, item->gradient, item->elements * be->wide_size);
    MIMO_TRY(replicas->transport->ops->all_reduce(replicas->tp, parameters->gather_scratch, whole,
                                                  mimo_wide_dtype(be), MIMO_REDUCE_SUM, err));
    be->ops->copy_bytes(be, item->gradient, at, item->elements * be->wide_size);
    return MIMO_OK;
}

static enum mimo_status reduce_partial(struct mimo_parameters *parameters,
                                       const struct mimo_parameter *item,
                                       const struct mimo_replicas *replicas, struct mimo_error *err)
{
    if (item->plan->cut == MIMO_CUT_REPLICATED)
        return reduce_replicated(parameters, item, replicas, err);
    return replicas->transport->ops->all_reduce(replicas->tp, item->gradient, item->elements,
                                                mimo_wide_dtype(parameters->be), MIMO_REDUCE_SUM,
                                                err);
}

static bool is_in_bucket(const struct mimo_parameter *item,
                         const struct mimo_trained_bucket *bucket)
{
    return item->gradient != NULL && item->index >= bucket->plan.first &&
           item->index < bucket->plan.end;
}

static enum mimo_status reduce_all_partial(struct mimo_parameters *parameters,
                                           const struct mimo_trained_bucket *bucket,
                                           const struct mimo_replicas *replicas,
                                           struct mimo_error *err)
{
    for (uint32_t i = 0; i < parameters->count && replicas->tp != NULL; i++) {
        const struct mimo_parameter *item = &parameters->items[i];
        if (is_in_bucket(item, bucket) && item->plan->gradient_is_partial != 0)
            MIMO_TRY(reduce_partial(parameters, item, replicas, err));
    }
    return MIMO_OK;
}

/* Equal bits on both stages: so the tables stay equal. */
static enum mimo_status reduce_tied(struct mimo_parameters *parameters,
                                    const struct mimo_trained_bucket *bucket,
                                    const struct mimo_replicas *replicas, struct mimo_error *err)
{
    for (uint32_t i = 0; i < parameters->count && replicas->embedding != NULL; i++) {
        const struct mimo_parameter *item = &parameters->items[i];
        if (is_in_bucket(item, bucket) && item->is_tied)
            MIMO_TRY(replicas->transport->ops->all_reduce(
                replicas->embedding, item->gradient, item->elements,
                mimo_wide_dtype(parameters->be), MIMO_REDUCE_SUM, err));
    }
    return MIMO_OK;
}

static enum mimo_status reduce_replicas(const struct mimo_trained *trained,
                                        const struct mimo_transport_ops *ops,
                                        struct mimo_group *replicas, enum mimo_dtype dtype,
                                        struct mimo_error *err)
{
    if (replicas == NULL || trained->elements == 0)
        return MIMO_OK;
    if (trained->begins != NULL)
        return ops->reduce_scatter(replicas, trained->gradients, trained->begins, dtype, err);
    return ops->all_reduce(replicas, trained->gradients, (size_t)trained->elements, dtype,
                           MIMO_REDUCE_SUM, err);
}

enum mimo_status mimo_parameters_reduce_bucket(struct mimo_parameters *parameters,
                                               const struct mimo_trained_bucket *bucket,
                                               const struct mimo_replicas *replicas,
                                               struct mimo_error *err)
{
    const struct mimo_transport_ops *ops = replicas->transport->ops;
    const enum mimo_dtype dtype = mimo_wide_dtype(parameters->be);

    MIMO_TRY(reduce_all_partial(parameters, bucket, replicas, err));
    MIMO_TRY(reduce_tied(parameters, bucket, replicas, err));
    MIMO_TRY(reduce_replicas(&bucket->parts[false], ops, replicas->dp, dtype, err));
    return reduce_replicas(&bucket->parts[true], ops, replicas->edp, dtype, err);
}

enum mimo_status mimo_parameters_reduce(struct mimo_parameters *parameters, uint32_t module,
                                        const struct mimo_replicas *replicas,
                                        struct mimo_error *err)
{
    for (uint32_t i = 0; i < parameters->bucket_count; i++) {
        const struct mimo_trained_bucket *bucket = &parameters->buckets[i];
        if (bucket->plan.module == module && bucket->plan.stage == MIMO_NONE)
            MIMO_TRY(mimo_parameters_reduce_bucket(parameters, bucket, replicas, err));
    }
    return MIMO_OK;
}

static enum mimo_status gather_replicas(const struct mimo_trained *trained,
                                        const struct mimo_transport_ops *ops,
                                        struct mimo_group *replicas, enum mimo_dtype dtype,
                                        struct mimo_error *err)
{
    if (trained->begins == NULL || trained->elements == 0)
        return MIMO_OK;
    return ops->all_gather(replicas, trained->weights, trained->begins, dtype, err);
}

enum mimo_status mimo_parameters_gather(struct mimo_parameters *parameters, uint32_t module,
                                        const struct mimo_replicas *replicas,
                                        struct mimo_error *err)
{
    const struct mimo_transport_ops *ops = replicas->transport->ops;
    const enum mimo_dtype dtype = mimo_element_dtype(parameters->be);

    for (uint32_t i = 0; i < parameters->bucket_count; i++) {
        const struct mimo_trained_bucket *bucket = &parameters->buckets[i];
        if (bucket->plan.module != module)
            continue;
        MIMO_TRY(gather_replicas(&bucket->parts[false], ops, replicas->dp, dtype, err));
        MIMO_TRY(gather_replicas(&bucket->parts[true], ops, replicas->edp, dtype, err));
    }
    return MIMO_OK;
}
