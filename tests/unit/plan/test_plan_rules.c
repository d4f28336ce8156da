/*
 * Each rule about records: a plan that breaks just this one, under checksums that match, is
 * rejected with the section, the record and the reason.
 */
#include "plan/grid.h"
#include "tests/unit/check.h"
#include "tests/unit/plan/small_plan.h"

#include <stddef.h>
#include <stdlib.h>

#define NAN_BITS   UINT64_C(0x7ff8000000000000)
#define MINUS_ONE  UINT64_C(0xbff0000000000000)
#define LARGE      UINT64_C(0x80000001)
#define LARGE_WIDE (UINT64_C(1) << 47)

/* One field of one record and the value, or the bits, that it is given. A row without a message is
 * applied together with the next one. */
struct rule {
    char section[5];
    uint32_t record;
    size_t record_size;
    size_t offset;
    size_t size;
    uint64_t value;
    const char *message;
};

#define FIELD(section, type, record, member, value, message)                                       \
    {                                                                                              \
        section, (record), sizeof(struct mimo_plan_##type),                                        \
            offsetof(struct mimo_plan_##type, member),                                             \
            sizeof((struct mimo_plan_##type *)0)->member, (uint64_t)(value), (message)             \
    }
#define META(member, value, message)         FIELD("META", meta, 0, member, value, message)
#define TRNG(member, value, message)         FIELD("TRNG", training, 0, member, value, message)
#define DATA(member, value, message)         FIELD("DATA", data, 0, member, value, message)
#define CLUS(member, value, message)         FIELD("CLUS", cluster, 0, member, value, message)
#define MDLT(member, value, message)         FIELD("MDLT", modality, 0, member, value, message)
#define CLIP(member, value, message)         FIELD("MODL", module, 0, member, value, message)
#define LLM(member, value, message)          FIELD("MODL", module, 1, member, value, message)
#define PROJ(member, value, message)         FIELD("PROJ", projector, 0, member, value, message)
#define STAG(record, member, value, message) FIELD("STAG", stage, record, member, value, message)
#define PARM(record, member, value, message)                                                       \
    FIELD("PARM", parameter, record, member, value, message)
#define GRPS(record, member, value, message) FIELD("GRPS", groups, record, member, value, message)
#define EDGE(record, member, value, message) FIELD("EDGE", edge, record, member, value, message)
#define ROLE(record, member, value, message) FIELD("ROLE", role, record, member, value, message)
#define PLAC(record, member, value, message) FIELD("PLAC", place, record, member, value, message)
#define RANG(record, member, value, message) FIELD("RANG", range, record, member, value, message)
#define PROG(record, member, value, message)                                                       \
    FIELD("PROG", instruction, record, member, value, message)

#define COMM(record, member, value, message)                                                       \
    FIELD("COMM", communication, record, member, value, message)
#define MEMO(record, member, value, message) FIELD("MEMO", memory, record, member, value, message)

static const struct rule settings_rules[] = {
    META(model.offset, 1U << 30, "section META, record 0: model lies outside section STRS"),
    META(model.length, UINT32_MAX, "model lies outside"),
    META(model.length, 3, "model does not end with a NUL"),
    META(mode, MIMO_MODE_COUNT, "mode is 4, known are 0 to 3"),
    META(language_version, 0, "language_version is 0"),
    META(world_size, 8, "world_size is 8, but the header says 7"),
    META(language_module, 0, "language_module is 0; it is the last one, 1"),
    META(mode, MIMO_MODE_COLOCATED, "section MODL, record 0: it has 2 ranks of 7"),
    TRNG(steps, 0, "one of steps and epochs counts"),
    TRNG(epochs, NAN_BITS, "epochs is not a finite number"),
    TRNG(micro_batch, 0, "micro_batch is 0"),
    TRNG(micro_batch, LARGE, "global_batch is 4, not micro_steps"),
    TRNG(micro_steps, 0, "micro_steps is 0"),
    TRNG(micro_steps, 3, "global_batch is 4, not micro_steps * 2"),
    TRNG(encoder_group, 0, "encoder_group is 0"),
    TRNG(encoder_group, 3, "encoder_group is 3, more than micro_steps = 2"),
    TRNG(gradient_bucket, 0, "gradient_bucket is 0"),
    TRNG(log_interval, 0, "log_interval is 0"),
    TRNG(precision, MIMO_PRECISION_COUNT, "precision is 3"),
    TRNG(distributed_optimizer, 2, "distributed_optimizer is 2, neither 0 nor 1"),
    TRNG(lr, MINUS_ONE, "lr is negative: -1"),
    TRNG(beta2, UINT64_C(0x3ff0000000000000), "the betas are 0.9 and 1, not below 1"),
    TRNG(sequence_length, 17, "sequence_length = 17 does not divide by 2"),
    DATA(format, MIMO_DATA_FORMAT_COUNT, "section DATA, record 0: format is 2"),
    DATA(images_per_sample_min, 3, "images_per_sample_min is 3, more than"),
    DATA(reserved, 1, "reserved is 1 instead of 0"),
    CLUS(peak, NAN_BITS, "section CLUS, record 0: peak is not a finite number"),
};

static const struct rule model_rules[] = {
    MDLT(encoder_first, 1, "section MDLT, record 0: encoder_first is 1 instead of 0"),
    MDLT(encoder_count, 2, "encoder_count is 2, but 1 encoders are left"),
    MDLT(encoder_count, 0, "encoder_count is 0"),
    MDLT(image_tokens, 5, "image_tokens is 5, but its encoders give 4"),
    MDLT(special_token, 21, "special_token = 21 lies outside the vocabulary of 21"),
    PROJ(architecture, MIMO_ARCHITECTURE_GPT, "section PROJ, record 0: architecture is 1"),
    PROJ(architecture, MIMO_ARCHITECTURE_LINEAR, "a linear projector has 2 layers"),
    PROJ(num_layers, 0, "num_layers is 0"),
    PROJ(output_size, 9, "output_size is 9, but the language model's width is 8"),
    PROJ(input_size, 7, "section MODL, record 0: hidden_size is 6, but its projector takes 7"),
    CLIP(kind, MIMO_MODULE_KIND_LANGUAGE, "section MODL, record 0: kind is 0"),
    CLIP(architecture, MIMO_ARCHITECTURE_LLAMA, "architecture is 0, not an encoder's"),
    CLIP(modality, 1, "there is no modality 1"),
    CLIP(projector, 1, "there is no projector 1"),
    CLIP(projector, MIMO_NONE, "its rows are 6 wide, the language model's 8"),
    CLIP(layers_computed, 3, "layers_computed is 3, more than num_layers = 2"),
    CLIP(layers_computed, 2, "its stages have 1 layers of 2"),
    CLIP(patch_size, 0, "patch_size is 0"),
    CLIP(patch_size, 3, "patch_size = 3 does not divide image_size = 8"),
    CLIP(image_tokens, 5, "image_tokens is 5 instead of 4"),
    CLIP(channels, 5, "channels is 5, not 1 to 4"),
    CLIP(image_std[1], 0, "image_std of channel 1 is 0"),
    CLIP(image_mean[3], NAN_BITS, "image_mean is not a finite number"),
    CLIP(samples, 2, "samples = 2 of dp = 2 replicas are not the 2 of a micro-step"),
    CLIP(samples, LARGE, "are not the 2 of a micro-step"),
    CLIP(sequence_parallel, 1, "sequence_parallel is set in an encoder"),
    LLM(kind, MIMO_MODULE_KIND_ENCODER, "section MODL, record 1: kind is 1"),
    LLM(architecture, MIMO_ARCHITECTURE_CLIP_VIT, "architecture is 2, not a language model's"),
    LLM(modality, 0, "the language model has a modality or a projector"),
    LLM(head_dim, 0, "head_dim is 0"),
    LLM(num_query_groups, 3, "num_query_groups = 3 does not divide num_attention_heads = 4"),
    LLM(num_attention_heads, 3, "tp = 2 does not divide num_attention_heads = 3"),
    LLM(vocab_size, 0, "vocab_size is 0"),
    LLM(rotary_base, 0, "rotary_base is 0"),
    LLM(norm_epsilon, MINUS_ONE, "norm_epsilon is negative"),
    LLM(num_experts, 4, "top_k is 0 of 4 experts"),
    LLM(tp, 0, "a parallel size is 0"),
    LLM(tp, LARGE, "ranks is 4, not tp * cp * dp * pp"),
    LLM(dp, 2, "ranks is 4, not tp * cp * dp * pp = 2 * 1 * 2 * 2"),
    LLM(edp, 4, "etp * ep * edp = 1 * 1 * 4 is not tp * cp * dp = 2"),
    LLM(rank_offset, 4, "4 ranks from rank 4 on end behind the world of 7"),
    LLM(rank_offset, UINT32_MAX, "end behind the world"),
    LLM(rank_offset, 3, "section GRPS, record 15: it is not the tp groups of module 1"),
    LLM(virtual_pipeline, 2, "stage_count is 2, not pp * virtual_pipeline = 2 * 2"),
    LLM(stage_first, 0, "its stages are not those behind the module before"),
    LLM(stage_count, UINT32_MAX, "its stages are not those behind"),
    LLM(parameter_first, 11, "its parameters are not those behind the module before"),
    LLM(parameter_count, 20, "the modules have 32 parameters of 33"),
    LLM(elements, 1, "elements is 1, but its parameters have"),
    STAG(1, module, 0, "section STAG, record 1: module is 0 instead of 1"),
    STAG(2, layer_first, 0, "section STAG, record 2: layer_first is 0 instead of 1"),
    STAG(2, layer_count, 2, "the module has only 2 layers"),
    STAG(1, live_max, 3, "live_max is 3, more than encoder_group = 2"),
};

enum { CLASS = 0, POSITION = 2, VALUE = 5, PROJECTOR = 8, EMBEDDING = 12, QUERY = 14, KEY = 15 };
enum { GATE = 19, UP = 20, HEAD = 32 };

static const struct rule parameter_rules[] = {
    PARM(EMBEDDING, module, 0, "section PARM, record 12: module is 0 instead of 1"),
    PARM(EMBEDDING, name.offset, LARGE, "name lies outside section STRS"),
    PARM(EMBEDDING, stage, 2, "module 1 has no stage 2"),
    PARM(EMBEDDING, slot, MIMO_SLOT_COUNT, "slot is 32, known are"),
    PARM(EMBEDDING, layer, 0, "slot 0 and layer 0 do not go together"),
    PARM(QUERY, layer, MIMO_NONE, "do not go together"),
    PARM(QUERY, layer, 1, "stage 0 does not have layer 1"),
    PARM(QUERY, expert, 0, "and expert 0 do not go together"),
    PARM(QUERY, slot, MIMO_SLOT_EXPERT_UP_WEIGHT, "do not go together"),
    PARM(QUERY, projector, 0, "belongs to no projector"),
    PARM(PROJECTOR, projector, MIMO_NONE, "module 0 does not have projector 4294967295"),
    PARM(PROJECTOR, layer, 2, "the projector has no layer 2"),
    PARM(PROJECTOR, shape[1], 8, "dimension 1 is 8, but its module has 6"),
    PARM(EMBEDDING, shape[0], 0, "dimension 0 is 0, but its module has 21"),
    PARM(EMBEDDING, shape[0], LARGE_WIDE, "dimension 0 is 140737488355328, but its module has 21"),
    PARM(EMBEDDING, shape[3], 2, "dimension 3 is 2, but its module has 1"),
    PARM(POSITION, shape[0], 4, "dimension 0 is 4, but its module has 5"),
    PARM(KEY, shape[0], 8, "dimension 0 is 8, but its module has 2"),
    PARM(EMBEDDING, dimensions, 5, "it has 5 dimensions instead of 2"),
    PARM(EMBEDDING, dimensions, 0, "it has 0 dimensions instead of 2"),
    PARM(EMBEDDING, cut, MIMO_CUT_COUNT, "cut is 3, known are 0 to 2"),
    PARM(EMBEDDING, cut_dimension, 2, "cut_dimension is 2 of 2 dimensions"),
    PARM(EMBEDDING, cut_units, 0, "cut_units 0 does not divide 21"),
    PARM(QUERY, cut_units, 3, "section PARM, record 14: cut_units 3 does not divide 8"),
    PARM(UP, cut, MIMO_CUT_REPLICATED, "cut_units 11 does not divide the 2 ranks"),
    PARM(CLASS, follows, 1, "it follows a parameter of another layer or expert"),
    PARM(QUERY, follows, 1, "it follows a parameter whose rows are of another width"),
    PARM(VALUE + 4, follows, 1, "it follows a parameter whose rows are of another width"),
    PARM(HEAD, tied_to, HEAD, "it is tied to 32, which is not before it"),
    PARM(HEAD, tied_to, GATE, "it is tied to 19, which is cut in another way"),
    PARM(HEAD, tied_to, 3, "it is tied to 3, which lies on other ranks"),
    PARM(HEAD, cut_units, 7, "cut_units is 7 instead of 21"),
    PARM(HEAD, cut, MIMO_CUT_NONE, "which is cut in another way"),
    PARM(QUERY, cut_units, 2, "section PARM, record 14: cut_units is 2 instead of 4"),
    PARM(KEY, cut, MIMO_CUT_EVEN, "2 ranks do not share 1 groups evenly"),
    PARM(QUERY, init, MIMO_INIT_COUNT, "init is 3"),
    PARM(QUERY, is_trainable, 2, "is_trainable is 2"),
    PARM(QUERY, init_scale, NAN_BITS, "init_scale is not a finite number"),
    PARM(QUERY, lr_scale, MINUS_ONE, "lr_scale is negative"),
    PARM(QUERY, reserved, 1, "reserved is 1"),
};

static const struct rule memory_rules[] = {
    MEMO(0, bytes[0], 1, "section MEMO, record 0: 1 bytes of parameters are stated, but the role"),
    MEMO(2, bytes[MIMO_MEMORY_BUFFERS], 1, "section MEMO, record 2: 1 bytes of buffers"),
    MEMO(0, micro_steps_alive, 9, "micro_steps_alive is 9 instead of 2"),
    MEMO(1, reserved, 1, "reserved is 1"),
};

static const struct rule program_rules[] = {
    GRPS(0, base, 1, "section GRPS, record 0: it is not the tp groups of module 0"),
    GRPS(17, size, 2, "section GRPS, record 17: it is not the dp groups of module 1"),
    GRPS(29, inner_stride[3], 1, "it is not the etp_ep_pp groups of module 1"),
    EDGE(0, from_module, 2, "section EDGE, record 0: it joins modules 2 and 1 of 2"),
    EDGE(0, from_stage, 1, "it joins stages 1 and 0, which its modules do not have"),
    EDGE(0, to_stage, 1, "it is a bridge, and does not join"),
    EDGE(0, is_bridge, 0, "it is no bridge, and does not join"),
    EDGE(0, columns, 6, "columns is 6, but module 1 is 8 wide"),
    EDGE(0, shares_ranks, 1, "shares_ranks is 1, but its ends do not lie on the same ranks"),
    EDGE(1, to_stage, 0, "it is no bridge, and does not join neighbouring stages"),
    ROLE(1, place_first, 0, "section ROLE, record 1: its places are not those behind"),
    ROLE(1, place_count, UINT32_MAX, "its places are not those behind"),
    ROLE(1, range_count, 0, "its ranges are not those behind"),
    ROLE(3, range_count, 2, "its ranges are not those behind"),
    ROLE(3, instruction_count, 1, "places, ranges or instructions are left"),
    ROLE(3, instruction_count, 3, "its instructions are not those behind"),
    PLAC(0, module, 2, "section PLAC, record 0: there is no module 2"),
    PLAC(0, stage, 1, "module 0 has no stage 1"),
    PLAC(1, stage, 1, "its ranks do not hold stage 1 of module 1, as role 1 does"),
    RANG(0, role, 1, "section RANG, record 0: role is 1 instead of 0"),
    RANG(1, first, 1, "first is 1 instead of 2"),
    RANG(0, count, 0, "it has 0 ranks, but 7 are left"),
    RANG(0, count, 8, "it has 8 ranks, but 7 are left"),
    RANG(0, count, 3, "its ranks hold different stages of module 0"),
    RANG(1, count, 3, "its ranks hold different stages of module 1"),
    RANG(3, reserved, 1, "reserved is 1"),
    PROG(0, opcode, MIMO_OPCODE_COUNT, "section PROG, record 0: opcode is 10"),
    PROG(0, place, 0, "place is 0, but load has none"),
    PROG(0, micro_step, 0, "micro_step is 0, which load does not take"),
    PROG(0, send_edge, 0, "send_edge is 0, but it does not send"),
    PROG(0, receive_edge, 0, "receive_edge is 0, but it does not receive"),
    PROG(1, place, 1, "place 1 is not one of the role's"),
    PROG(1, place, MIMO_NONE, "is not one of the role's"),
    PROG(1, micro_step, 2, "micro_step is 2, which encode does not take"),
    PROG(1, opcode, MIMO_OPCODE_FORWARD, "an encoder goes forward by encode"),
    PROG(1, opcode, MIMO_OPCODE_MERGE, "only the language model's first stage merges"),
    PROG(14, opcode, MIMO_OPCODE_ENCODE, "the language model does not encode"),
    PROG(2, send_edge, 2, "send_edge is 2 of 2"),
    PROG(2, send_edge, 1, "the role does not hold the end of edge 1"),
    PROG(2, send_micro_step, 2, "send_micro_step is 2 of 2"),
    PROG(2, send_direction, 2, "send_direction is 2, which edge 0 does not have"),
    PROG(2, send_direction, MIMO_EDGE_BACKWARD, "the role does not hold the end of edge 0"),
    PROG(5, receive_direction, MIMO_EDGE_FORWARD, "the role does not hold the end of edge 0"),
    EDGE(0, has_backward, 0, "has_backward is 0, not as what learns"),
    PROG(10, reserved, 1, "reserved is 1"),
};

static const struct rule communication_rules[] = {
    COMM(0, opcode, MIMO_OPCODE_COUNT, "section COMM, record 0: opcode is 10"),
    COMM(0, opcode, MIMO_OPCODE_EXCHANGE, "exchange has no list of its own"),
    COMM(0, module, 0, "load of all ranks has no module"),
    COMM(0, edge, 0, "load has no edge"),
    COMM(0, loop, MIMO_LOOP_COUNT, "loop is 3"),
    COMM(0, loop, MIMO_LOOP_LAYER, "load has no layers"),
    COMM(0, operation, MIMO_OPERATION_COUNT, "operation is 6"),
    COMM(0, operation, MIMO_OPERATION_RING, "a ring is one of context ranks"),
    COMM(0, group, MIMO_GROUP_KIND_TP, "all ranks are no group of kind 0"),
    COMM(0, content, MIMO_CONTENT_COUNT, "content is"),
    COMM(0, is_gradient, 2, "is_gradient is 2"),
    COMM(0, slot, MIMO_SLOT_COUNT, "there is no slot 32"),
    COMM(0, element, MIMO_ELEMENT_COUNT, "element is 5"),
    COMM(0, rows, MIMO_ROW_UNIT_COUNT, "rows is 10"),
    COMM(0, rows, MIMO_ROW_UNIT_TOKENS, "it has no tokens"),
    COMM(0, repeat, 0, "repeat is 0"),
    COMM(0, columns, 0, "columns is 0"),
    COMM(0, on_bad_samples, 2, "on_bad_samples is 2"),
    COMM(1, module, 2, "there is no module 2"),
    COMM(1, stage, 2, "module 1 has no stage 2"),
    COMM(1, rows, MIMO_ROW_UNIT_PATCHES, "it has no patches"),
    COMM(1, rows, MIMO_ROW_UNIT_IMAGE_ROWS, "it has no image_rows"),
    COMM(1, rows, MIMO_ROW_UNIT_PARAMETER, "it has no parameter"),
    COMM(1, group, MIMO_GROUP_KIND_COUNT, "group is 15"),
    COMM(1, group, MIMO_GROUP_KIND_CP, "the cp groups of module 1 have one rank each"),
    COMM(1, loop, MIMO_LOOP_EXPERT_LAYER, "it belongs before the records of layers with experts"),
    COMM(1, stage, 1, "section COMM, record 2: it belongs before the record before it"),
    COMM(3, edge, 2, "there is no edge 2"),
    COMM(3, edge, 0, "stage 1 of module 1 is not that end of edge 0"),
    COMM(3, stage, 0, "stage 0 of module 1 is not that end of edge 1"),
    COMM(3, direction, 2, "direction is 2"),
    COMM(4, stage, 0, "step of all ranks has no module"),
};

enum { CLIP_LAST = 11, O = 17, DOWN = 21, KEY_1 = 24 };

static const struct rule several_fields_rules[] = {
    LLM(ep, 2, NULL),
    LLM(edp, 1, "section MODL, record 1: etp = 1 and ep = 2 in a module without experts"),
    CLIP(num_experts, 2, "architecture 2 has experts"),
    LLM(num_experts, 3, NULL),
    LLM(top_k, 1, NULL),
    LLM(expert_ffn_hidden_size, 4, NULL),
    LLM(expert_every, 1, NULL),
    LLM(ep, 2, NULL),
    LLM(edp, 1, "ep = 2 does not divide 3 experts"),
    LLM(num_experts, 4, NULL),
    LLM(top_k, 1, NULL),
    LLM(expert_ffn_hidden_size, 4, "expert_every is 0"),
    LLM(num_attention_heads, 6, NULL),
    LLM(num_query_groups, 3, "neither of tp = 2 and num_query_groups = 3 divides the other"),
    LLM(layers_computed, 1, "layers_computed is 1 instead of 2"),
    LLM(architecture, MIMO_ARCHITECTURE_GPT, NULL),
    LLM(max_sequence_length, 8, "has no positions behind max_sequence_length = 8"),
    LLM(tp, 4, NULL),
    LLM(pp, 1, NULL),
    LLM(edp, 4, NULL),
    LLM(stage_count, 1, NULL),
    STAG(1, layer_count, 2, "section STAG, record 0: the modules have 2 stages of 3"),
    LLM(num_experts, 4, NULL),
    LLM(top_k, 1, NULL),
    LLM(expert_ffn_hidden_size, 4, NULL),
    LLM(expert_every, 1, NULL),
    PARM(UP, slot, MIMO_SLOT_EXPERT_UP_WEIGHT, NULL),
    PARM(UP, expert, 4, "section PARM, record 20: module 1 has no expert 4"),
    CLIP(image_size, 1 << 24, NULL),
    CLIP(patch_size, 1 << 24, NULL),
    CLIP(image_tokens, 1, NULL),
    MDLT(image_tokens, 1, NULL),
    PARM(1, shape[2], 1 << 24, NULL),
    PARM(1, shape[3], 1 << 24, "section PARM, record 1: it has more than 2^48 elements"),
    PARM(KEY + 1, tied_to, KEY, NULL),
    PARM(KEY_1, tied_to, KEY + 1, "it is tied to 16, which is itself tied"),
    PARM(O, cut, MIMO_CUT_NONE, NULL),
    PARM(DOWN, cut, MIMO_CUT_NONE, NULL),
    PARM(DOWN, cut_units, 4, NULL),
    PARM(DOWN, tied_to, O, "it is tied to 17, which has another shape"),
    PARM(CLIP_LAST, projector, MIMO_NONE, NULL),
    PARM(CLIP_LAST, slot, MIMO_SLOT_O_BIAS, NULL),
    PARM(CLIP_LAST, layer, 0, NULL),
    PARM(CLIP_LAST, shape[0], 6, "parameter 11 lies behind its projector's"),
    ROLE(0, place_count, 0, "its ranks hold 1 places, but role 0 has 0"),
    EDGE(0, from_module, 1, NULL),
    EDGE(0, to_stage, 1, NULL),
    EDGE(0, is_bridge, 0, "section EDGE, record 0: it does not leave stage 0"),
    CLIP(is_frozen, 1, NULL),
    PROJ(is_frozen, 1, NULL),
    EDGE(0, has_backward, 0, "receive_direction is 1, which edge 0 does not have"),
    CLIP(is_frozen, 1, NULL),
    PROJ(is_frozen, 1, NULL),
    EDGE(0, has_backward, 0, NULL),
    PROG(1, opcode, MIMO_OPCODE_BACKWARD, "nothing goes backward through stage 0 of module 0"),
};

static const struct rule shared_ranks_rules[] = {
    PLAC(1, module, 0, "section PLAC, record 1: the role's places do not ascend"),
    PLAC(3, stage, 0, "section RANG, record 1: its ranks do not hold stage 0 of module 1"),
    RANG(0, count, 3, "its ranks hold different stages of module 1"),
    EDGE(0, shares_ranks, 1, "shares_ranks is 1, but its ends do not lie on the same ranks"),
};

static size_t find_section(const unsigned char *bytes, const char *id)
{
    struct mimo_plan_header header;
    struct mimo_plan_section section;

    memcpy(&header, bytes, sizeof header);
    for (uint32_t i = 0; i < header.section_count; i++) {
        memcpy(&section, bytes + sizeof header + i * sizeof section, sizeof section);
        if (memcmp(section.id, id, sizeof section.id) == 0)
            return section.offset;
    }
    CU_FAIL_FATAL("no such section");
    return 0;
}

static void apply(unsigned char *bytes, const struct rule *rule)
{
    const size_t at =
        find_section(bytes, rule->section) + rule->record * rule->record_size + rule->offset;

    memcpy(bytes + at, &rule->value, rule->size);
}

/* Each group of rows damages a fresh copy. */
static void check_rules(const unsigned char *bytes, size_t size, const struct rule *rules,
                        size_t count)
{
    unsigned char *copy = malloc(size);

    memcpy(copy, bytes, size);
    for (size_t i = 0; i < count; i++) {
        struct mimo_error err = {0};
        struct mimo_plan plan;

        apply(copy, &rules[i]);
        if (rules[i].message == NULL)
            continue;
        small_plan_reseal(copy, size);
        CHECK_INT(mimo_plan_verify(copy, size, &plan, &err), MIMO_E_PLAN);
        CHECK_CONTAINS(err.message, rules[i].message);
        memcpy(copy, bytes, size);
    }
    free(copy);
}

static void check_small_plan(const struct rule *rules, size_t count)
{
    struct mimo_arena arena = {0};
    const unsigned char *bytes;
    size_t size;

    small_plan_write(&arena, &bytes, &size);
    check_rules(bytes, size, rules, count);
    mimo_arena_release(&arena);
}

#define TEST_RULES(name)                                                                           \
    static void test_##name(void)                                                                  \
    {                                                                                              \
        check_small_plan(name##_rules, sizeof name##_rules / sizeof *name##_rules);                \
    }

TEST_RULES(settings)
TEST_RULES(model)
TEST_RULES(parameter)
TEST_RULES(program)
TEST_RULES(communication)
TEST_RULES(memory)
TEST_RULES(several_fields)

/* Writing proves a plan: an assertion ends the program where it does not verify. */
static struct small_plan *begin(struct mimo_plan_writer *writer, struct mimo_arena *arena)
{
    struct small_plan *small = MIMO_NEW(arena, struct small_plan);

    mimo_plan_writer_init(writer, arena);
    small_plan_fill(small, writer);
    return small;
}

static void finish(struct mimo_plan_writer *writer, const struct small_plan *small,
                   struct mimo_plan *out_plan)
{
    const unsigned char *bytes;
    size_t size;

    mimo_plan_writer_finish(writer, &small->plan, &bytes, &size);
    CHECK_INT(mimo_plan_verify(bytes, size, out_plan, NULL), MIMO_OK);
}

/* A large world does not make a plan large. */
static void test_idle_world(void)
{
    struct mimo_arena arena = {0};
    struct mimo_plan_writer writer;
    struct small_plan *small = begin(&writer, &arena);
    struct mimo_plan plan;

    small->meta.world_size = UINT32_MAX;
    small->ranges[3].count = UINT32_MAX - 6;
    finish(&writer, small, &plan);
    CHECK_INT(mimo_plan_role_of(&plan, UINT32_MAX - 1) - plan.roles, 3);
    mimo_arena_release(&arena);
}

static void set_program(struct small_plan *small, uint32_t role)
{
    struct mimo_plan_instruction *first = &small->instructions[(size_t)2 * role];

    first[0] = first[1] = (struct mimo_plan_instruction){
        .opcode = MIMO_OPCODE_LOAD,
        .place = MIMO_NONE,
        .micro_step = MIMO_NONE,
        .send_edge = MIMO_NONE,
        .receive_edge = MIMO_NONE,
    };
    first[1].opcode = MIMO_OPCODE_STEP;
    small->roles[role] = (struct mimo_plan_role){2 * role, 2, role, 1, 2 * role, 2};
    small->ranges[role] = (struct mimo_plan_range){2 * role, 2, role, 0};
}

/* The encoder (dp 4) on the four ranks of the language model (tp 2, pp 2): a role has two places.
 */
static void make_colocated(struct small_plan *small)
{
    small->meta.mode = MIMO_MODE_COLOCATED;
    small->meta.world_size = 4;
    small->training.micro_batch = small->modules[1].samples = 4;
    small->training.global_batch = 8;
    small->modules[0].dp = small->modules[0].edp = small->modules[0].ranks = 4;
    small->modules[1].rank_offset = 0;
    for (uint32_t i = 0; i < small->plan.groups_count; i++)
        small->groups[i] =
            mimo_grid_groups(&small->modules[i / MIMO_GROUP_KIND_COUNT], i / MIMO_GROUP_KIND_COUNT,
                             (enum mimo_group_kind)(i % MIMO_GROUP_KIND_COUNT));
    small->places[0] = small->places[2] = (struct mimo_plan_place){0, 0};
    small->places[1] = (struct mimo_plan_place){1, 0};
    small->places[3] = (struct mimo_plan_place){1, 1};
    set_program(small, 0);
    set_program(small, 1);
    small->plan.place_count = small->plan.instruction_count = 4;
    small->plan.role_count = small->plan.range_count = 2;
}

static void test_shared_ranks(void)
{
    struct mimo_arena arena = {0};
    struct mimo_plan_writer writer;
    struct small_plan *small = begin(&writer, &arena);
    struct mimo_plan plan;

    make_colocated(small);
    finish(&writer, small, &plan);
    for (uint32_t rank = 0; rank < 4; rank++)
        CHECK_INT(mimo_plan_role_of(&plan, rank) - plan.roles, rank / 2);
    check_rules((const unsigned char *)plan.header, plan.header->file_size, shared_ranks_rules,
                sizeof shared_ranks_rules / sizeof *shared_ranks_rules);
    mimo_arena_release(&arena);
}

static const struct mimo_test tests[] = {
    {"settings", test_settings},
    {"modules, stages, projectors", test_model},
    {"parameters", test_parameter},
    {"groups, edges, roles, programs", test_program},
    {"memory", test_memory},
    {"communications", test_communication},
    {"rules about several fields", test_several_fields},
    {"a world of idle ranks", test_idle_world},
    {"modules on shared ranks", test_shared_ranks},
};

MIMO_TEST_MAIN("plan/rules", tests)
