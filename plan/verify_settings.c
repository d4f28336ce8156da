#include "plan/verify.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

enum mimo_status mimo_verify_fail(const struct mimo_verifier *at, const char *format, ...)
{
    char what[512];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return mimo_error_set(at->err, MIMO_E_PLAN, "section %s, record %u: %s",
                          mimo_section_rules[at->section].id, at->record, what);
}

enum mimo_status mimo_verify_string(const struct mimo_verifier *at, struct mimo_plan_string string,
                                    const char *name)
{
    const uint64_t end = (uint64_t)string.offset + string.length;

    MIMO_REQUIRE(at, end < at->plan->string_bytes, "%s lies outside section STRS", name);
    MIMO_REQUIRE(at, at->plan->strings[end] == '\0', "%s does not end with a NUL", name);
    return MIMO_OK;
}

enum mimo_status mimo_verify_choice(const struct mimo_verifier *at, uint32_t value, uint32_t count,
                                    const char *name)
{
    MIMO_REQUIRE(at, value < count, "%s is %u, known are 0 to %u", name, value, count - 1);
    return MIMO_OK;
}

enum mimo_status mimo_verify_flag(const struct mimo_verifier *at, uint32_t value, const char *name)
{
    MIMO_REQUIRE(at, value <= 1, "%s is %u, neither 0 nor 1", name, value);
    return MIMO_OK;
}

enum mimo_status mimo_verify_positive(const struct mimo_verifier *at, uint64_t value,
                                      const char *name)
{
    MIMO_REQUIRE(at, value > 0, "%s is 0", name);
    return MIMO_OK;
}

enum mimo_status mimo_verify_zero(const struct mimo_verifier *at, uint32_t value, const char *name)
{
    MIMO_REQUIRE(at, value == 0, "%s is %u instead of 0", name, value);
    return MIMO_OK;
}

enum mimo_status mimo_verify_finite(const struct mimo_verifier *at, double value, const char *name)
{
    MIMO_REQUIRE(at, isfinite(value), "%s is not a finite number", name);
    return MIMO_OK;
}

enum mimo_status mimo_verify_not_negative(const struct mimo_verifier *at, double value,
                                          const char *name)
{
    MIMO_TRY(mimo_verify_finite(at, value, name));
    MIMO_REQUIRE(at, value >= 0.0, "%s is negative: %g", name, value);
    return MIMO_OK;
}

static enum mimo_status verify_meta(const struct mimo_plan *plan, struct mimo_error *err)
{
    const struct mimo_verifier at = {plan, err, MIMO_SECTION_META, 0};
    const struct mimo_plan_meta *meta = plan->meta;

    MIMO_TRY(mimo_verify_string(&at, meta->compiler_version, "compiler_version"));
    MIMO_TRY(mimo_verify_string(&at, meta->model, "model"));
    MIMO_TRY(mimo_verify_string(&at, meta->deployment, "deployment"));
    MIMO_TRY(mimo_verify_string(&at, meta->model_weights, "model_weights"));
    MIMO_TRY(mimo_verify_positive(&at, meta->language_version, "language_version"));
    MIMO_TRY(mimo_verify_choice(&at, meta->mode, MIMO_MODE_COUNT, "mode"));
    MIMO_TRY(mimo_verify_positive(&at, meta->world_size, "world_size"));
    MIMO_REQUIRE(&at, meta->world_size == plan->header->world_size,
                 "world_size is %u, but the header says %u", meta->world_size,
                 plan->header->world_size);
    MIMO_REQUIRE(&at, plan->module_count > 0, "the plan has no modules");
    MIMO_REQUIRE(&at, meta->language_module == plan->module_count - 1,
                 "language_module is %u; it is the last one, %u", meta->language_module,
                 plan->module_count - 1);
    return MIMO_OK;
}

static enum mimo_status verify_optimizer(const struct mimo_verifier *at,
                                         const struct mimo_plan_training *training)
{
    MIMO_TRY(mimo_verify_choice(at, training->lr_schedule, MIMO_LR_SCHEDULE_COUNT, "lr_schedule"));
    MIMO_TRY(mimo_verify_not_negative(at, training->lr, "lr"));
    MIMO_TRY(mimo_verify_not_negative(at, training->min_lr, "min_lr"));
    MIMO_TRY(mimo_verify_not_negative(at, training->beta1, "beta1"));
    MIMO_TRY(mimo_verify_not_negative(at, training->beta2, "beta2"));
    MIMO_TRY(mimo_verify_not_negative(at, training->epsilon, "epsilon"));
    MIMO_TRY(mimo_verify_not_negative(at, training->weight_decay, "weight_decay"));
    MIMO_TRY(mimo_verify_not_negative(at, training->clip_grad, "clip_grad"));
    MIMO_REQUIRE(at, training->beta1 < 1.0 && training->beta2 < 1.0,
                 "the betas are %g and %g, not below 1", training->beta1, training->beta2);
    return MIMO_OK;
}

/* How micro_steps follows from the batch is checked once the layouts are known. */
static enum mimo_status verify_training(const struct mimo_plan *plan, struct mimo_error *err)
{
    const struct mimo_verifier at = {plan, err, MIMO_SECTION_TRNG, 0};
    const struct mimo_plan_training *training = plan->training;

    MIMO_TRY(mimo_verify_not_negative(&at, training->epochs, "epochs"));
    MIMO_REQUIRE(&at, (training->steps > 0) != (training->epochs > 0.0),
                 "one of steps and epochs counts, the other is 0");
    MIMO_TRY(mimo_verify_positive(&at, training->global_batch, "global_batch"));
    MIMO_TRY(mimo_verify_positive(&at, training->micro_batch, "micro_batch"));
    MIMO_TRY(mimo_verify_positive(&at, training->micro_steps, "micro_steps"));
    MIMO_TRY(mimo_verify_positive(&at, training->encoder_group, "encoder_group"));
    MIMO_REQUIRE(&at, training->encoder_group <= training->micro_steps,
                 "encoder_group is %u, more than micro_steps = %u", training->encoder_group,
                 training->micro_steps);
    MIMO_TRY(mimo_verify_positive(&at, training->gradient_bucket, "gradient_bucket"));
    MIMO_TRY(mimo_verify_positive(&at, training->sequence_length, "sequence_length"));
    MIMO_TRY(mimo_verify_positive(&at, training->log_interval, "log_interval"));
    MIMO_TRY(mimo_verify_choice(&at, training->padding, MIMO_PADDING_COUNT, "padding"));
    MIMO_TRY(mimo_verify_choice(&at, training->precision, MIMO_PRECISION_COUNT, "precision"));
    MIMO_TRY(mimo_verify_choice(&at, training->recompute, MIMO_RECOMPUTE_COUNT, "recompute"));
    MIMO_TRY(mimo_verify_choice(&at, training->pipeline_schedule, MIMO_PIPELINE_SCHEDULE_COUNT,
                                "pipeline_schedule"));
    MIMO_TRY(mimo_verify_flag(&at, training->distributed_optimizer, "distributed_optimizer"));
    return verify_optimizer(&at, training);
}

static enum mimo_status verify_data(const struct mimo_plan *plan, struct mimo_error *err)
{
    const struct mimo_verifier at = {plan, err, MIMO_SECTION_DATA, 0};
    const struct mimo_plan_data *data = plan->data;

    MIMO_TRY(mimo_verify_choice(&at, data->format, MIMO_DATA_FORMAT_COUNT, "format"));
    MIMO_TRY(mimo_verify_choice(&at, data->text_template, MIMO_TEMPLATE_COUNT, "text_template"));
    MIMO_TRY(mimo_verify_choice(&at, data->on_bad_sample, MIMO_BAD_SAMPLE_COUNT, "on_bad_sample"));
    MIMO_TRY(mimo_verify_flag(&at, data->shuffle, "shuffle"));
    MIMO_TRY(mimo_verify_string(&at, data->train, "train"));
    MIMO_TRY(mimo_verify_string(&at, data->validation, "validation"));
    MIMO_TRY(mimo_verify_string(&at, data->media, "media"));
    MIMO_TRY(mimo_verify_string(&at, data->tokenizer, "tokenizer"));
    MIMO_REQUIRE(&at, data->images_per_sample_min <= data->images_per_sample_max,
                 "images_per_sample_min is %u, more than images_per_sample_max = %u",
                 data->images_per_sample_min, data->images_per_sample_max);
    return mimo_verify_zero(&at, data->reserved, "reserved");
}

static enum mimo_status verify_checkpoint(const struct mimo_plan *plan, struct mimo_error *err)
{
    const struct mimo_verifier at = {plan, err, MIMO_SECTION_CKPT, 0};

    return mimo_verify_string(&at, plan->checkpoint->directory, "directory");
}

static enum mimo_status verify_cluster(const struct mimo_plan *plan, struct mimo_error *err)
{
    const struct mimo_verifier at = {plan, err, MIMO_SECTION_CLUS, 0};
    const struct mimo_plan_cluster *cluster = plan->cluster;

    MIMO_TRY(mimo_verify_string(&at, cluster->name, "name"));
    MIMO_TRY(mimo_verify_not_negative(&at, cluster->peak, "peak"));
    MIMO_TRY(mimo_verify_not_negative(&at, cluster->node_bandwidth, "node_bandwidth"));
    MIMO_TRY(mimo_verify_not_negative(&at, cluster->network_bandwidth, "network_bandwidth"));
    return mimo_verify_zero(&at, cluster->reserved, "reserved");
}

enum mimo_status mimo_verify_settings(const struct mimo_plan *plan, struct mimo_error *err)
{
    MIMO_TRY(verify_meta(plan, err));
    MIMO_TRY(verify_training(plan, err));
    MIMO_TRY(verify_data(plan, err));
    MIMO_TRY(verify_checkpoint(plan, err));
    return verify_cluster(plan, err);
}
