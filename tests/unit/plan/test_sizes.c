#include "plan/sizes.h"

#include "tests/unit/check.h"

enum { SIDE_MAX = 4, CP_MAX = 7, IMAGES = 3 };

static struct mimo_plan_module encoder_of(uint32_t side, uint32_t cp, uint32_t keeps_class_token)
{
    return (struct mimo_plan_module){
        .kind = MIMO_MODULE_KIND_ENCODER,
        .architecture = MIMO_ARCHITECTURE_CLIP_VIT,
        .image_size = 2 * side,
        .patch_size = 2,
        .channels = 3,
        .image_tokens = side * side + keeps_class_token,
        .keeps_class_token = keeps_class_token,
        .images_max = IMAGES,
        .hidden_size = 4,
        .num_attention_heads = 2,
        .num_query_groups = 2,
        .head_dim = 2,
        .ffn_hidden_size = 8,
        .tp = 1,
        .cp = cp,
    };
}

/* Token by token: of T tokens number t is in piece r where ⌊r·T/cp⌋ <= t < ⌊(r + 1)·T/cp⌋. */
static struct mimo_image_share counted(const struct mimo_plan_module *encoder, uint32_t cp_rank)
{
    const uint32_t patches = encoder->image_size * encoder->image_size / 4;
    const uint32_t first_feature = 1 - encoder->keeps_class_token, tokens = patches + 1;
    struct mimo_image_share share = {0};

    for (uint32_t t = 0; t < tokens; t++) {
        const bool is_before = t < cp_rank * tokens / encoder->cp;
        const bool is_here = !is_before && t < (cp_rank + 1) * tokens / encoder->cp;

        share.token_first += is_before;
        share.patch_first += is_before && t >= 1;
        share.feature_first += is_before && t >= first_feature;
        share.tokens += is_here;
        share.patches += is_here && t >= 1;
        share.features += is_here && t >= first_feature;
    }
    return share;
}

static bool equal(const struct mimo_image_share *a, const struct mimo_image_share *b)
{
    return a->token_first == b->token_first && a->tokens == b->tokens &&
           a->patch_first == b->patch_first && a->patches == b->patches &&
           a->feature_first == b->feature_first && a->features == b->features;
}

/* What a plan has room for is what the rank with the most needs. */
static void check_encoder(const struct mimo_plan_module *encoder)
{
    const struct mimo_plan plan = {
        .modules = encoder,
        .training = &(struct mimo_plan_training){.precision = MIMO_PRECISION_FP32},
    };
    const struct mimo_sizes sizes = mimo_sizes_of(&plan, 0, &(struct mimo_coordinate){0});
    uint64_t tokens = 0, patches = 0, features = 0;

    for (uint32_t r = 0; r < encoder->cp; r++) {
        const struct mimo_image_share share = mimo_image_share_of(encoder, r);
        const struct mimo_image_share expected = counted(encoder, r);

        CHECK(equal(&share, &expected));
        tokens = share.tokens > tokens ? share.tokens : tokens;
        patches = share.patches > patches ? share.patches : patches;
        features = share.features > features ? share.features : features;
    }
    CHECK_INT(sizes.rows, IMAGES * tokens);
    CHECK_INT(sizes.patch_rows, IMAGES * patches);
    CHECK_INT(sizes.features, IMAGES * features);
}

static void test_image_shares(void)
{
    for (uint32_t side = 1; side <= SIDE_MAX; side++)
        for (uint32_t cp = 1; cp <= CP_MAX; cp++)
            for (uint32_t keeps = 0; keeps < 2; keeps++) {
                const struct mimo_plan_module encoder = encoder_of(side, cp, keeps);
                check_encoder(&encoder);
            }
}

/* 2 x 2 patches over three ranks: the first one has the class token alone, and nothing goes on. */
static void test_example(void)
{
    const struct mimo_plan_module encoder = encoder_of(2, 3, 0);
    const struct mimo_image_share expected[] = {
        {0, 1, 0, 0, 0, 0}, {1, 2, 0, 2, 0, 2}, {3, 2, 2, 2, 2, 2}};

    for (uint32_t r = 0; r < 3; r++) {
        const struct mimo_image_share share = mimo_image_share_of(&encoder, r);
        CHECK(equal(&share, &expected[r]));
    }
}

static const struct mimo_test tests[] = {
    {"pieces of an image", test_image_shares},
    {"pieces of five tokens", test_example},
};

MIMO_TEST_MAIN("plan/sizes", tests)
