/* Saving and loading over 1, 2 or 3 ranks: every layout to every layout, damage, and full disks. */
#include "fixture.h"
#include "run.h"
#include "tests/unit/check.h"
#include "tests/unit/world/mpi_suite.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

static bool is_first(void)
{
    return suite_place().rank == 0;
}

/* The directory of this suite at this number of ranks. */
static const char *directory(void)
{
    static char path[64];

    (void)snprintf(path, sizeof path, "test_checkpoint.%u.tmp", suite_place().size);
    return path;
}

static void barrier(void)
{
    struct mimo_error err = {0};
    bool is_speaker;

    CHECK_INT(mimo_world_agree(suite_world, &err, &is_speaker), MIMO_OK);
}

static void clear(void)
{
    barrier();
    if (is_first())
        fixture_remove(directory());
    barrier();
}

static const char *path_of(const char *rest)
{
    static char path[256];

    (void)snprintf(path, sizeof path, "%s/%s", directory(), rest);
    return path;
}

/* Whether something of that name is in the directory, as rank 0 sees it when all have arrived. */
static bool exists(const char *rest)
{
    uint64_t found;

    barrier();
    found = is_first() && fixture_exists(path_of(rest));
    CHECK_INT(mimo_world_sum_u64(suite_world, &found, 1, NULL), MIMO_OK);
    return found != 0;
}

static enum mimo_status save(struct run *run, uint64_t keep, struct mimo_error *err)
{
    *err = (struct mimo_error){0};
    return mimo_checkpoint_save(suite_world, &run->backend, directory(), keep, &run->state,
                                run->files, RUN_FILES, err);
}

static void save_version(enum run_layout layout, uint64_t version, uint64_t keep)
{
    struct mimo_error err;
    struct run run;

    run_init(&run, suite_world, layout, false);
    run_fill(&run, version);
    CHECK_INT(save(&run, keep, &err), MIMO_OK);
    CHECK_TEXT(err.message, "");
    run_release(&run);
}

static enum mimo_status load(struct run *run, const char *name, struct mimo_error *err)
{
    bool is_corrupt;

    *err = (struct mimo_error){0};
    return mimo_checkpoint_load(suite_world, &run->backend, path_of(name), &run->state, run->files,
                                RUN_FILES, &is_corrupt, err);
}

/* Loading must fail with a message that contains `part`. */
static void check_load_fails(const char *name, const char *part)
{
    struct mimo_error err;
    struct run run;

    run_init(&run, suite_world, RUN_ROWS, false);
    CHECK_INT(load(&run, name, &err), MIMO_E_CHECKPOINT);
    CHECK_CONTAINS(err.message, part);
    run_release(&run);
}

/* What is found must be `name` (NULL: nothing), with a warning that contains `part` (NULL: none).
 */
static void check_found(const char *name, const char *part)
{
    char *path = NULL, *warning = NULL;
    struct mimo_error err = {0};

    barrier();
    CHECK_INT(mimo_checkpoint_find(suite_world, directory(), UINT64_MAX, &path, &warning, &err),
              MIMO_OK);
    CHECK_TEXT(path == NULL ? "none" : path, name == NULL ? "none" : path_of(name));
    if (part == NULL)
        CHECK_TEXT(warning == NULL ? "none" : warning, "none");
    else
        CHECK_CONTAINS(warning == NULL ? "none" : warning, part);
    free(path);
    free(warning);
}

/* -- layouts ---------------------------------------------------------------------------------- */

static void check_layouts(enum run_layout saved, enum run_layout loaded, bool is_f64)
{
    const uint64_t version = 100 + (uint64_t)saved;
    struct mimo_error err;
    char name[32];
    struct run run;

    run_init(&run, suite_world, saved, is_f64);
    run_fill(&run, version);
    CHECK_INT(save(&run, 0, &err), MIMO_OK);
    CHECK_TEXT(err.message, "");
    run_release(&run);
    (void)snprintf(name, sizeof name, "step-%08u", (unsigned)version);
    check_found(name, NULL);

    run_init(&run, suite_world, loaded, is_f64);
    CHECK_INT(load(&run, name, &err), MIMO_OK);
    CHECK_TEXT(err.message, "");
    CHECK_INT(run_differences(&run, version), 0);
    run_release(&run);
    clear();
}

static void test_any_layout_loads_any_other(void)
{
    clear();
    for (int saved = 0; saved < RUN_LAYOUTS; saved++)
        for (int loaded = 0; loaded < RUN_LAYOUTS; loaded++)
            check_layouts((enum run_layout)saved, (enum run_layout)loaded,
                          (saved + loaded) % 2 == 1);
}

/* Renames something in the directory. */
static void move(const char *from, const char *to)
{
    char path[256];

    barrier();
    (void)snprintf(path, sizeof path, "%s", path_of(from));
    if (is_first())
        CHECK_INT(rename(path, path_of(to)), 0);
    barrier();
}

/* The same state gives the same files, whatever the layout that wrote them. */
static void test_files_do_not_depend_on_the_layout(void)
{
    static const char *const names[] = {"model.safetensors", "optimizer.safetensors",
                                        "manifest.json"};

    clear();
    save_version(RUN_ROWS, 1, 0);
    move("step-00000001", "first");
    for (int layout = 0; layout < RUN_LAYOUTS; layout++) {
        save_version((enum run_layout)layout, 1, 0);
        for (int i = 0; i < 3 && is_first(); i++) {
            char first[256], second[64];

            (void)snprintf(second, sizeof second, "first/%s", names[i]);
            (void)snprintf(first, sizeof first, "%s", path_of(second));
            (void)snprintf(second, sizeof second, "step-00000001/%s", names[i]);
            CHECK(fixture_same(first, path_of(second)));
        }
        barrier();
    }
}

/* -- damage ----------------------------------------------------------------------------------- */

static void alter(const char *rest, long offset, int change)
{
    barrier();
    if (is_first())
        fixture_alter(path_of(rest), offset, change);
    barrier();
}

static void test_names_a_corrupt_tensor(void)
{
    clear();
    save_version(RUN_ROWS, 2, 0);
    alter("step-00000002/model.safetensors", -1, 1);
    check_load_fails("step-00000002", "model.safetensors: tensor llm.large is corrupt");
    alter("step-00000002/model.safetensors", -1, -1);
    alter("step-00000002/model.safetensors", -1201 * 1009 * 4 - 1, 1);
    check_load_fails("step-00000002", "model.safetensors: tensor clip.patch is corrupt");
}

static void test_every_manifest_byte_counts(void)
{
    size_t refused = 0, count = 0;
    long size;

    clear();
    save_version(RUN_ROWS, 2, 0);
    size = fixture_size(path_of("step-00000002/manifest.json"));
    CHECK(size > 1000);
    for (long at = 0; at < size; at += 37) {
        char *path = NULL, *warning = NULL;
        struct mimo_error err = {0};

        alter("step-00000002/manifest.json", at, 1);
        CHECK_INT(mimo_checkpoint_find(suite_world, directory(), UINT64_MAX, &path, &warning, &err),
                  MIMO_OK);
        CHECK((path == NULL) == (warning != NULL));
        refused += path == NULL;
        count++;
        free(path);
        free(warning);
        alter("step-00000002/manifest.json", at, -1);
    }
    CHECK_INT(refused, count);
    check_found("step-00000002", NULL);
}

static void test_passes_over_broken_ones(void)
{
    clear();
    check_found(NULL, NULL);
    save_version(RUN_ROWS, 1, 0);
    save_version(RUN_ROWS, 2, 0);
    save_version(RUN_ROWS, 3, 0);
    save_version(RUN_ROWS, 4, 0);
    if (is_first()) {
        (void)remove(path_of("step-00000004/manifest.json"));
        fixture_truncate(path_of("step-00000003/optimizer.safetensors"), 100);
        (void)remove(path_of("step-00000002/model.safetensors"));
        fixture_folder(path_of("step-5"));
        fixture_folder(path_of("step-00000006x"));
        fixture_folder(path_of("step-"));
    }
    check_found("step-00000001", "step-00000004/manifest.json");
    check_found("step-00000001", "optimizer.safetensors has 100 bytes");
    check_found("step-00000001", "step-00000002/model.safetensors");
    check_load_fails("step-00000003", "optimizer.safetensors");
    check_load_fails("step-00000002", "cannot open");
    check_load_fails("step-00000004", "manifest.json");
}

/* A checkpoint under another's name. */
static void test_refuses_another_steps_manifest(void)
{
    clear();
    save_version(RUN_ROWS, 1, 0);
    move("step-00000001", "step-00000009");
    check_found(NULL, "step-00000009 holds step 1");
}

/* -- lists that differ ------------------------------------------------------------------------ */

static void check_list_fails(struct mimo_tensor_info *tensors, const char *part)
{
    struct mimo_error err;
    struct run run;

    run_init(&run, suite_world, RUN_LAST, false);
    run.files[1].tensors = tensors;
    run.files[1].shard_count = 0;
    CHECK_INT(load(&run, "step-00000001", &err), MIMO_E_CHECKPOINT);
    CHECK_CONTAINS(err.message, "optimizer.safetensors");
    CHECK_CONTAINS(err.message, part);
    run_release(&run);
}

static void test_refuses_other_lists(void)
{
    struct mimo_tensor_info tensors[RUN_TENSORS];
    struct mimo_error err;
    struct run run;

    clear();
    save_version(RUN_ROWS, 1, 0);
    run_init(&run, suite_world, RUN_ROWS, false);
    memcpy(tensors, run.files[0].tensors, sizeof tensors);
    tensors[1].name = "llm.other";
    check_list_fails(tensors, "has no tensor llm.other");
    memcpy(tensors, run.files[0].tensors, sizeof tensors);
    tensors[0].shape[1] = 6;
    check_list_fails(tensors, "tensor llm.weight is F32 [7, 5]; this plan has F32 [7, 6]");
    memcpy(tensors, run.files[0].tensors, sizeof tensors);
    tensors[0].is_f64 = true;
    check_list_fails(tensors, "tensor llm.weight is F32 [7, 5]; this plan has F64 [7, 5]");
    run.files[0].tensor_count--;
    run.files[0].shard_count = 0;
    CHECK_INT(load(&run, "step-00000001", &err), MIMO_E_CHECKPOINT);
    CHECK_CONTAINS(err.message, "llm.large, which this plan has not");
    run_release(&run);

    run_init(&run, suite_world, RUN_ROWS, false);
    run.files[1].file_name = "other.safetensors";
    CHECK_INT(load(&run, "step-00000001", &err), MIMO_E_CHECKPOINT);
    CHECK_CONTAINS(err.message, "does not name other.safetensors");
    run_release(&run);
}

static void test_loads_one_file_of_two(void)
{
    struct mimo_error err = {0};
    struct run run;
    bool is_corrupt = true;

    clear();
    save_version(RUN_COLUMNS, 1, 0);
    run_init(&run, suite_world, RUN_ROWS, false);
    CHECK_INT(mimo_checkpoint_load(suite_world, &run.backend, path_of("step-00000001"), &run.state,
                                   run.files, 1, &is_corrupt, &err),
              MIMO_OK);
    CHECK_INT(run.state.step, 1);
    run_release(&run);
}

/* -- saving that fails ------------------------------------------------------------------------ */

static void test_keeps_the_newest(void)
{
    clear();
    for (uint64_t version = 1; version <= 4; version++)
        save_version(RUN_ROWS, version * 10, 2);
    CHECK(!exists("step-00000010") && !exists("step-00000020"));
    CHECK(exists("step-00000030") && exists("step-00000040"));
    /* A broken one takes no good one's place. */
    alter("step-00000040/manifest.json", 3, 1);
    save_version(RUN_ROWS, 50, 2);
    CHECK(exists("step-00000030") && exists("step-00000040") && exists("step-00000050"));
    save_version(RUN_ROWS, 60, 1);
    CHECK(!exists("step-00000030") && !exists("step-00000040") && !exists("step-00000050"));
    check_found("step-00000060", NULL);
    /* Training that went back: what it writes is not the oldest to go. */
    save_version(RUN_ROWS, 20, 1);
    CHECK(exists("step-00000020") && exists("step-00000060"));
}

static void test_replaces_the_same_step(void)
{
    struct mimo_error err;
    struct run run;

    clear();
    save_version(RUN_ROWS, 7, 0);
    alter("step-00000007/model.safetensors", -1, 1);
    check_load_fails("step-00000007", "corrupt");
    save_version(RUN_COLUMNS, 7, 0);
    CHECK(!exists(".step-00000007.partial") && !exists(".step-00000007.replaced"));
    run_init(&run, suite_world, RUN_ROWS, false);
    CHECK_INT(load(&run, "step-00000007", &err), MIMO_OK);
    CHECK_INT(run_differences(&run, 7), 0);
    if (run.files[0].shard_count > 0)
        CHECK(run_differences(&run, 8) > 0);
    run_release(&run);
}

static void test_cleans_leftovers(void)
{
    clear();
    save_version(RUN_ROWS, 7, 0);
    if (is_first()) {
        fixture_folder(path_of(".step-00000008.partial"));
        fixture_write(path_of(".step-00000008.partial/model.safetensors"), "torn", 4);
        fixture_folder(path_of(".step-00000003.pruned"));
        fixture_folder(path_of(".step-notes"));
    }
    check_found("step-00000007", NULL);
    save_version(RUN_ROWS, 8, 0);
    check_found("step-00000008", NULL);
    CHECK(!exists(".step-00000008.partial") && !exists(".step-00000003.pruned"));
    CHECK(exists(".step-notes") && exists("step-00000007"));
}

static void test_unusable_directory(void)
{
    struct mimo_error err = {0};
    char below[128], *path, *warning;
    struct run run;

    clear();
    if (is_first())
        fixture_write(directory(), "a file", 6);
    barrier();
    (void)snprintf(below, sizeof below, "%s/below", directory());
    run_init(&run, suite_world, RUN_ROWS, false);
    run_fill(&run, 1);
    CHECK_INT(mimo_checkpoint_save(suite_world, &run.backend, below, 1, &run.state, run.files,
                                   RUN_FILES, &err),
              MIMO_E_CHECKPOINT);
    CHECK_CONTAINS(err.message, directory());
    CHECK_CONTAINS(err.message, "exists"); /* the regular file is in the way */
    err = (struct mimo_error){0};
    CHECK_INT(mimo_checkpoint_find(suite_world, below, UINT64_MAX, &path, &warning, &err),
              MIMO_E_CHECKPOINT);
    CHECK_CONTAINS(err.message, "Not a directory");
    run_release(&run);
    clear();
}

/* No file may grow beyond `bytes` on this rank; writing further is EFBIG. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    (void)signal(SIGXFSZ, SIG_IGN);
    CHECK_INT(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Saving fails on `rank`, where files cannot grow; the checkpoint before stays. */
static void check_full_disk(uint32_t rank, const char *part)
{
    struct mimo_error err;
    struct run run;

    clear();
    save_version(RUN_ROWS, 1, 1);
    run_init(&run, suite_world, RUN_ROWS, false);
    run_fill(&run, 2);
    if (suite_place().rank == rank)
        limit_files(100000);
    CHECK_INT(save(&run, 1, &err), MIMO_E_CHECKPOINT);
    limit_files(RLIM_INFINITY);
    CHECK_CONTAINS(err.message, "model.safetensors");
    CHECK_CONTAINS(err.message, part);
    CHECK_CONTAINS(err.message, "File too large");
    CHECK(!exists(".step-00000002.partial") && !exists("step-00000002"));
    check_found("step-00000001", NULL);
    CHECK_INT(save(&run, 1, &err), MIMO_OK);
    check_found("step-00000002", NULL);
    run_release(&run);
}

static void test_full_disk_on_first_rank(void)
{
    check_full_disk(0, "cannot reserve");
}

static void test_full_disk_on_last_rank(void)
{
    if (suite_place().size > 1)
        check_full_disk(suite_place().size - 1, "cannot write");
}

static void test_every_element_needs_an_owner(void)
{
    struct mimo_tensor_shard shards[RUN_TENSORS];
    struct mimo_error err;
    struct run run;

    clear();
    run_init(&run, suite_world, RUN_LAST, false);
    run_fill(&run, 1);
    memcpy(shards, run.files[1].shards, sizeof shards);
    shards[2].is_owner = false;
    run.files[1].shards = shards;
    CHECK_INT(save(&run, 1, &err), MIMO_E_CHECKPOINT);
    CHECK_CONTAINS(err.message, "0 of 120 elements of tensor clip.patch have an owner");
    CHECK(!exists("step-00000001"));
    run_release(&run);
}

static const struct mimo_test tests[] = {
    {"any layout loads any other", test_any_layout_loads_any_other},
    {"files do not depend on the layout", test_files_do_not_depend_on_the_layout},
    {"names a corrupt tensor", test_names_a_corrupt_tensor},
    {"every manifest byte counts", test_every_manifest_byte_counts},
    {"passes over broken ones", test_passes_over_broken_ones},
    {"refuses another step's manifest", test_refuses_another_steps_manifest},
    {"refuses other lists", test_refuses_other_lists},
    {"loads one file of two", test_loads_one_file_of_two},
    {"keeps the newest", test_keeps_the_newest},
    {"replaces the same step", test_replaces_the_same_step},
    {"cleans leftovers", test_cleans_leftovers},
    {"unusable directory", test_unusable_directory},
    {"full disk on the first rank", test_full_disk_on_first_rank},
    {"full disk on the last rank", test_full_disk_on_last_rank},
    {"every element needs an owner", test_every_element_needs_an_owner},
};

MIMO_MPI_TEST_MAIN("checkpoint", tests)
