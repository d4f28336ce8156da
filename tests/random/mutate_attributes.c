/* Attributes more, less, or otherwise. */
#include "tests/random/mutate.h"

#include <string.h>

bool mutate_misspell(struct sketch *sketch, struct dice *dice)
{
    int block;
    struct sketch_attribute *attribute = mutate_pick(sketch, dice, &block);
    char name[SKETCH_WORD_MAX + 1];

    if (attribute == NULL || sketch_derived_from(sketch, block) != SKETCH_NONE)
        return false;
    (void)snprintf(name, sizeof name, "%sx", attribute->name);
    sketch_copy_word(attribute->name, name);
    return true;
}

bool mutate_add_unknown(struct sketch *sketch, struct dice *dice)
{
    const int block = mutate_pick_block(sketch, dice, NULL);

    if (!mutate_has_room(sketch, block))
        return false;
    mutate_insert(sketch, dice, block, "unheard_of", sketch_integer(1));
    return true;
}

bool mutate_repeat_attribute(struct sketch *sketch, struct dice *dice)
{
    int block;
    struct sketch_attribute *attribute = mutate_pick(sketch, dice, &block), *second;

    if (attribute == NULL || !mutate_has_room(sketch, block))
        return false;
    second = sketch_add(sketch, block, attribute->name, attribute->value);
    second->order = attribute->order + BEHIND;
    return true;
}

bool mutate_remove_attribute(struct sketch *sketch, struct dice *dice)
{
    int block;
    struct sketch_attribute *attribute = mutate_pick(sketch, dice, &block);
    struct sketch_block *at;

    if (attribute == NULL)
        return false;
    at = &sketch->blocks[block];
    memmove(attribute, attribute + 1,
            (size_t)(&at->attributes[at->attribute_count] - attribute - 1) * sizeof *attribute);
    at->attribute_count--;
    return true;
}

bool mutate_insert_number(struct sketch *sketch, struct dice *dice)
{
    static const struct {
        const char *kind, *name;
        int first, last;
    } rows[] = {
        {"language", "num_query_groups", 1, 6},
        {"language", "head_dim", 1, 9},
        {"language", "max_sequence_length", 1, 80},
        {"language", "ffn_hidden_size", 0, 9},
        {"moe", "top_k", 1, 9},
        {"moe", "every", 0, 4},
        {"encoder", "feature_layer", -9, 9},
        {"encoder", "channels", 0, 5},
        {"parallelism", "tensor_parallel", 0, 8},
        {"parallelism", "context_parallel", 0, 5},
        {"parallelism", "pipeline_parallel", 0, 6},
        {"parallelism", "data_parallel", 0, 7},
        {"parallelism", "expert_parallel", 0, 4},
        {"parallelism", "expert_tensor_parallel", 0, 4},
        {"parallelism", "virtual_pipeline", 0, 4},
        {"parallelism", "rank_offset", -1, 5},
        {"deployment", "world_size", 0, 24},
        {"training", "micro_batch", 0, 5},
        {"training", "steps", 1, 5},
        {"training", "log_interval", 0, 2},
        {"data", "images_per_sample", -1, 6},
        {"data", "max_images_per_sample", -1, 6},
        {"checkpoint", "keep", 0, 2},
        {"encoder", "weights", 0, 2},
        {"training", "epochs", 0, 2},
        {"projector", "num_layers", 0, 2},
    };
    const int choice = dice_below(dice, (int)(sizeof rows / sizeof *rows));
    const int block = mutate_pick_block(sketch, dice, rows[choice].kind);

    if (!mutate_has_room(sketch, block) || sketch_find(sketch, block, rows[choice].name) != NULL ||
        !mutate_is_in_effect(sketch, block, rows[choice].name))
        return false;
    mutate_insert(sketch, dice, block, rows[choice].name,
                  sketch_integer(dice_between(dice, rows[choice].first, rows[choice].last)));
    return true;
}

bool mutate_insert_word(struct sketch *sketch, struct dice *dice)
{
    static const struct {
        const char *kind, *name, *word;
    } rows[] = {
        {"parallelism", "sequence_parallel", "true"},
        {"parallelism", "data_parallel", "auto"},
        {"projector", "encoder", "clip"},
        {"projector", "encoder", "dino"},
        {"deployment", "cluster", "h100"},
        {"encoder", "class_token", "keep"},
        {"language", "qkv_bias", "true"},
        {"training", "padding", "full"},
        {"training", "steps", "none"},
        {"parallelism", "pipeline_layout", "none"},
    };
    const int choice = dice_below(dice, (int)(sizeof rows / sizeof *rows));
    const int block = mutate_pick_block(sketch, dice, rows[choice].kind);

    if (!mutate_has_room(sketch, block) || sketch_find(sketch, block, rows[choice].name) != NULL ||
        !mutate_is_in_effect(sketch, block, rows[choice].name))
        return false;
    mutate_insert(sketch, dice, block, rows[choice].name,
                  sketch_text(SKETCH_WORD, rows[choice].word));
    return true;
}

bool mutate_insert_stages(struct sketch *sketch, struct dice *dice)
{
    const int block = mutate_pick_block(sketch, dice, "parallelism");
    struct sketch_value list = sketch_text(SKETCH_LIST, "");

    if (!mutate_has_room(sketch, block) || sketch_find(sketch, block, "pipeline_layout") != NULL ||
        !mutate_is_in_effect(sketch, block, "pipeline_layout"))
        return false;
    list.item_count = dice_between(dice, 1, 3);
    for (int i = 0; i < list.item_count; i++)
        list.items[i] = dice_between(dice, -1, 5);
    mutate_insert(sketch, dice, block, "pipeline_layout", list);
    return true;
}

/* Query groups that the heads allow, and perhaps not the tensor parallelism. */
bool mutate_change_groups(struct sketch *sketch, struct dice *dice)
{
    const int block = mutate_pick_block(sketch, dice, "language");
    struct sketch_attribute *heads, *groups;
    int64_t count;

    if (!mutate_has_room(sketch, block) || !mutate_is_in_effect(sketch, block, "num_query_groups"))
        return false;
    heads = sketch_find(sketch, block, "num_attention_heads");
    groups = sketch_find(sketch, block, "num_query_groups");
    if (heads == NULL || heads->value.kind != SKETCH_INTEGER || heads->value.integer < 6)
        return false;
    count = heads->value.integer / dice_between(dice, 2, 4);
    if (groups == NULL)
        mutate_insert(sketch, dice, block, "num_query_groups", sketch_integer(count));
    else
        groups->value = sketch_integer(count);
    return true;
}

/* The experts, or how they are cut. */
bool mutate_change_experts(struct sketch *sketch, struct dice *dice)
{
    static const char *const names[] = {"num_experts", "expert_parallel", "expert_tensor_parallel"};
    int block;
    struct sketch_attribute *attribute = mutate_pick(sketch, dice, &block);

    for (int i = 0; attribute != NULL && i < 3; i++) {
        if (strcmp(attribute->name, names[i]) == 0) {
            attribute->value = sketch_integer(dice_between(dice, 1, 9));
            return true;
        }
    }
    return false;
}

bool mutate_share_token(struct sketch *sketch, struct dice *dice)
{
    const int first = mutate_pick_block(sketch, dice, "modality");
    const int second = mutate_pick_block(sketch, dice, "modality");
    struct sketch_attribute *from, *to;

    if (first == SKETCH_NONE || second == SKETCH_NONE || first == second)
        return false;
    from = sketch_find(sketch, first, dice_chance(dice, 50) ? "marker" : "special_token");
    to = from != NULL ? sketch_find(sketch, second, from->name) : NULL;
    if (to == NULL || !mutate_is_in_effect(sketch, first, from->name) ||
        !mutate_is_in_effect(sketch, second, from->name) || from->value.kind == SKETCH_REFERENCE)
        return false;
    to->value = from->value;
    return true;
}
