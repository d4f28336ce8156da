#include "runtime/train/state.h"

#include "runtime/checkpoint/weights.h"

#include <stdlib.h>
#include <string.h>

enum { MODEL_FILE, OPTIMIZER_FILE, FILE_COUNT };

const char *mimo_resolve_path(struct mimo_arena *arena, const char *root, const char *path)
{
    if (path[0] == '/' || root == NULL || root[0] == '\0')
        return path;
    return mimo_arena_printf(arena, "%s/%s", root, path);
}

/* -- the tensors of a checkpoint -------------------------------------------------------------- */

static struct mimo_tensor_info info_of(const struct mimo_engine *engine,
                                       const struct mimo_plan_parameter *parameter,
                                       const char *name)
{
    struct mimo_tensor_info info = {
        .name = name,
        .dimensions = parameter->dimensions,
        .is_f64 = engine->be->element_size == sizeof(double),
    };

    memcpy(info.shape, parameter->shape, sizeof info.shape);
    return info;
}

/* Where elements are narrower than float32, files hold float32 all the same: the master weights
 * where there are any, and so what a run in fp32 saves and loads. */
static struct mimo_tensor_shard shard_of(const struct mimo_parameter *item, uint32_t tensor,
                                         void *data)
{
    return (struct mimo_tensor_shard){
        .tensor = tensor,
        .cut_dimension = item->plan->cut_dimension,
        .begin = item->begin,
        .end = item->end,
        .data = data,
        .is_owner = item->is_saved,
    };
}

/* Some rank updates a copy of the weight in place of the weight itself. */
static bool has_master(const struct mimo_engine *engine, const struct mimo_parameter *item)
{
    return item->gradient != NULL && engine->be->element_size != engine->be->wide_size;
}

static struct mimo_tensor_shard weight_shard_of(const struct mimo_engine *engine,
                                                const struct mimo_parameter *item, uint32_t tensor)
{
    struct mimo_tensor_shard shard = shard_of(item, tensor, item->weight);

    shard.is_bf16 = engine->be->precision == MIMO_PRECISION_BF16;
    shard.is_owner = item->is_saved && !has_master(engine, item);
    return shard;
}

/* Of the elements that this rank updates. */
static struct mimo_tensor_shard update_shard_of(const struct mimo_parameter *item, uint32_t tensor,
                                                void *data)
{
    struct mimo_tensor_shard shard = shard_of(item, tensor, data);

    shard.skip_front = item->update_begin;
    shard.skip_back = item->elements - item->update_end;
    shard.is_owner = item->is_counted;
    return shard;
}

/* A file in the making. */
struct tensor_list {
    struct mimo_tensor_info *infos;
    struct mimo_tensor_shard *shards;
    uint32_t info_count, shard_count;
};

static struct tensor_list list_new(struct mimo_arena *arena, size_t infos, size_t shards)
{
    return (struct tensor_list){
        .infos = MIMO_NEW_ARRAY(arena, struct mimo_tensor_info, infos),
        .shards = MIMO_NEW_ARRAY(arena, struct mimo_tensor_shard, shards),
    };
}

static struct mimo_tensor_file file_of(const struct tensor_list *list, const char *name)
{
    return (struct mimo_tensor_file){name, list->infos, list->info_count, list->shards,
                                     list->shard_count};
}

/* This rank's part of parameter `index` of the plan, or of what is tied to it; or NULL. */
static const struct mimo_parameter *held(const struct mimo_engine *engine, uint32_t index)
{
    const struct mimo_parameters *parameters = &engine->parameters;

    for (uint32_t i = 0; i < parameters->count; i++)
        if (parameters->items[i].origin == &engine->plan->parameters[index])
            return &parameters->items[i];
    return NULL;
}

/* A tied parameter is no tensor of its own: whether there is one depends on the layout. */
static bool is_tensor(const struct mimo_plan_parameter *parameter)
{
    return parameter->tied_to == MIMO_NONE;
}

static struct mimo_tensor_file model_file(const struct mimo_engine *engine,
                                          struct mimo_arena *arena)
{
    const struct mimo_plan *plan = engine->plan;
    struct tensor_list list =
        list_new(arena, plan->parameter_count, 2 * (size_t)engine->parameters.count);

    for (uint32_t i = 0; i < plan->parameter_count; i++) {
        const struct mimo_plan_parameter *parameter = &plan->parameters[i];
        const struct mimo_parameter *item = held(engine, i);
        if (!is_tensor(parameter))
            continue;
        if (item != NULL)
            list.shards[list.shard_count++] = weight_shard_of(engine, item, list.info_count);
        if (item != NULL && item->master != NULL)
            list.shards[list.shard_count++] = update_shard_of(item, list.info_count, item->master);
        list.infos[list.info_count++] =
            info_of(engine, parameter, mimo_plan_text(plan, parameter->name));
    }
    return file_of(&list, "model.safetensors");
}

/* The names of the moments are PyTorch's. */
static struct mimo_tensor_file optimizer_file(const struct mimo_engine *engine,
                                              struct mimo_arena *arena)
{
    const struct mimo_plan *plan = engine->plan;
    struct tensor_list list =
        list_new(arena, 2 * (size_t)plan->parameter_count, 2 * (size_t)engine->parameters.count);

    for (uint32_t i = 0; i < plan->parameter_count; i++) {
        const struct mimo_plan_parameter *parameter = &plan->parameters[i];
        const char *name = mimo_plan_text(plan, parameter->name);
        const struct mimo_parameter *item = held(engine, i);
        if (parameter->is_trainable == 0 || !is_tensor(parameter))
            continue;
        if (item != NULL) {
            list.shards[list.shard_count++] = update_shard_of(item, list.info_count, item->moment1);
            list.shards[list.shard_count++] =
                update_shard_of(item, list.info_count + 1, item->moment2);
        }
        list.infos[list.info_count++] =
            info_of(engine, parameter, mimo_arena_printf(arena, "%s.exp_avg", name));
        list.infos[list.info_count++] =
            info_of(engine, parameter, mimo_arena_printf(arena, "%s.exp_avg_sq", name));
    }
    return file_of(&list, "optimizer.safetensors");
}

enum mimo_status mimo_state_save(struct mimo_engine *engine, const char *root, uint64_t steps_done,
                                 struct mimo_error *err)
{
    const struct mimo_plan *plan = engine->plan;
    struct mimo_arena arena = {0};
    const struct mimo_tensor_file files[FILE_COUNT] = {model_file(engine, &arena),
                                                       optimizer_file(engine, &arena)};
    struct mimo_checkpoint_state state = {
        .step = steps_done,
        .seed = plan->training->seed,
        .global_batch = plan->training->global_batch,
    };
    const char *directory =
        mimo_resolve_path(&arena, root, mimo_plan_text(plan, plan->checkpoint->directory));
    enum mimo_status status;

    memcpy(state.plan_digest, plan->header->digest, sizeof state.plan_digest);
    status = mimo_checkpoint_save(engine->world, engine->be, directory, plan->checkpoint->keep,
                                  &state, files, FILE_COUNT, err);
    mimo_arena_release(&arena);
    return status;
}

enum mimo_status mimo_state_load(struct mimo_engine *engine, const char *path,
                                 uint64_t *out_steps_done, bool *out_is_corrupt,
                                 struct mimo_error *err)
{
    struct mimo_arena arena = {0};
    const struct mimo_tensor_file files[FILE_COUNT] = {model_file(engine, &arena),
                                                       optimizer_file(engine, &arena)};
    const uint32_t file_count = engine->trains ? FILE_COUNT : OPTIMIZER_FILE;
    struct mimo_checkpoint_state state = {0};
    const enum mimo_status status = mimo_checkpoint_load(engine->world, engine->be, path, &state,
                                                         files, file_count, out_is_corrupt, err);

    mimo_arena_release(&arena);
    if (status == MIMO_OK)
        *out_steps_done = state.step;
    return status;
}

/* -- Hugging Face folders --------------------------------------------------------------------- */

/* Where a parameter's initial value is read from: a folder ("" for none) and its name there. A
 * module's own folder has the names of its architecture; a LLaVA folder puts the part's name in
 * front. */
struct origin {
    const char *folder;
    const char *name;
};

static struct origin origin_of(const struct mimo_plan *plan,
                               const struct mimo_plan_parameter *parameter,
                               struct mimo_arena *arena)
{
    const struct mimo_plan_module *module = &plan->modules[parameter->module];
    const bool is_projector = parameter->projector != MIMO_NONE;
    const struct mimo_plan_string own =
        is_projector ? plan->projectors[parameter->projector].weights : module->weights;
    const char *name = strchr(mimo_plan_text(plan, parameter->name), '.');
    const char *part = "vision_tower";

    MIMO_ASSERT(name != NULL);
    if (own.length > 0)
        return (struct origin){mimo_plan_text(plan, own), name + 1};
    if (is_projector)
        part = "multi_modal_projector";
    else if (module->kind == MIMO_MODULE_KIND_LANGUAGE)
        part = "language_model";
    return (struct origin){mimo_plan_text(plan, plan->meta->model_weights),
                           mimo_arena_printf(arena, "%s%s", part, name)};
}

static bool has_vocabulary_rows(const struct mimo_plan_parameter *parameter)
{
    return parameter->slot == MIMO_SLOT_TOKEN_EMBEDDING || parameter->slot == MIMO_SLOT_HEAD;
}

/* GPT-2's folders have matrices as [input, output], q, k and v side by side in one tensor. */
static bool lies_in_columns(const struct mimo_plan *plan,
                            const struct mimo_plan_parameter *parameter)
{
    return plan->modules[parameter->module].architecture == MIMO_ARCHITECTURE_GPT &&
           parameter->layer != MIMO_NONE &&
           (parameter->dimensions == 2 ||
            (parameter->slot >= MIMO_SLOT_Q_BIAS && parameter->slot <= MIMO_SLOT_V_BIAS));
}

/* Which of q, k and v a weight or bias is: 0, 1, 2; more if it is none. */
static uint32_t part_of_qkv(const struct mimo_plan_parameter *parameter)
{
    const uint32_t first = parameter->dimensions == 2 ? MIMO_SLOT_Q_WEIGHT : MIMO_SLOT_Q_BIAS;

    return parameter->slot - first;
}

/* "h.3.attn.q.weight" is a part of "h.3.attn.c_attn.weight". */
static enum mimo_status read_columns(const struct mimo_engine *engine, struct mimo_weights *weights,
                                     const struct mimo_parameter *item, const char *name,
                                     const struct mimo_tensor_shard *shard,
                                     struct mimo_arena *arena, struct mimo_error *err)
{
    const struct mimo_tensor_info info = info_of(engine, item->plan, name);
    const uint32_t part = part_of_qkv(item->plan);
    const char *kind = strrchr(name, '.');
    uint64_t first = 0, width = item->plan->shape[0];

    MIMO_ASSERT(kind != NULL);
    if (part < 3) {
        const struct mimo_plan_parameter *q = item->plan - part;
        for (uint32_t i = 0; i < part; i++)
            first += q[i].shape[0];
        width = q[0].shape[0] + q[1].shape[0] + q[2].shape[0];
        name = mimo_arena_printf(arena, "%.*sc_attn%s", (int)(kind - name - 1), name, kind);
    }
    return mimo_weights_read_columns(weights, engine->be, name, &info, shard, first, width, err);
}

/* The first folders of GPT-2 lack the first word of all names. */
static const char *name_in(const struct mimo_weights *weights, const struct mimo_plan *plan,
                           const struct mimo_plan_parameter *parameter, const char *name)
{
    static const char word[] = "transformer.";
    const bool is_short = plan->modules[parameter->module].architecture == MIMO_ARCHITECTURE_GPT &&
                          mimo_weights_has(weights, "wte.weight") &&
                          strncmp(name, word, sizeof word - 1) == 0;

    return is_short ? name + sizeof word - 1 : name;
}

static enum mimo_status read_shard(const struct mimo_engine *engine, struct mimo_weights *weights,
                                   const struct mimo_parameter *item, const char *name,
                                   const struct mimo_tensor_shard *shard, struct mimo_arena *arena,
                                   struct mimo_error *err)
{
    const struct mimo_tensor_info info = info_of(engine, item->plan, name);

    if (lies_in_columns(engine->plan, item->plan))
        return read_columns(engine, weights, item, name, shard, arena, err);
    return mimo_weights_read(weights, engine->be, name, &info, shard,
                             has_vocabulary_rows(item->plan), err);
}

/* Reads a parameter, and the master copy of what this rank updates of it. */
static enum mimo_status import_parameter(const struct mimo_engine *engine,
                                         struct mimo_weights *weights,
                                         const struct mimo_parameter *item, const char *name,
                                         struct mimo_arena *arena, struct mimo_error *err)
{
    const struct mimo_tensor_shard weight = weight_shard_of(engine, item, 0);
    const struct mimo_tensor_shard master = update_shard_of(item, 0, item->master);

    MIMO_TRY(read_shard(engine, weights, item, name, &weight, arena, err));
    if (item->master == NULL)
        return MIMO_OK;
    return read_shard(engine, weights, item, name, &master, arena, err);
}

/* Reads all parameters that come from `folder`. */
static enum mimo_status import_folder(struct mimo_engine *engine, const char *folder,
                                      const char *path, struct mimo_arena *arena,
                                      struct mimo_error *err)
{
    struct mimo_weights *weights = NULL;
    enum mimo_status status = mimo_weights_open(&weights, path, err);

    for (uint32_t i = 0; i < engine->parameters.count && status == MIMO_OK; i++) {
        const struct mimo_parameter *item = &engine->parameters.items[i];
        const struct origin origin = origin_of(engine->plan, item->origin, arena);

        if (strcmp(origin.folder, folder) == 0)
            status = import_parameter(engine, weights, item,
                                      name_in(weights, engine->plan, item->plan, origin.name),
                                      arena, err);
    }
    if (weights != NULL)
        mimo_weights_close(weights);
    return status;
}

/* True where no parameter before `index` comes from the same folder. */
static bool is_first_from(const struct mimo_engine *engine, uint32_t index, const char *folder,
                          struct mimo_arena *arena)
{
    for (uint32_t i = 0; i < index; i++)
        if (strcmp(origin_of(engine->plan, engine->parameters.items[i].origin, arena).folder,
                   folder) == 0)
            return false;
    return true;
}

enum mimo_status mimo_state_import(struct mimo_engine *engine, const char *root,
                                   struct mimo_error *err)
{
    struct mimo_arena arena = {0};
    enum mimo_status status = MIMO_OK;

    for (uint32_t i = 0; i < engine->parameters.count && status == MIMO_OK; i++) {
        const char *folder =
            origin_of(engine->plan, engine->parameters.items[i].origin, &arena).folder;
        if (folder[0] != '\0' && is_first_from(engine, i, folder, &arena))
            status =
                import_folder(engine, folder, mimo_resolve_path(&arena, root, folder), &arena, err);
    }
    mimo_arena_release(&arena);
    return status;
}
