/*
 * dataset.h - the emoji data set: pictures, LLaVA records, prompts.
 *
 *     FOLDER/images/train/1f600/07.png   renderings of U+1F600
 *     FOLDER/images/test/042.png         pictures that the trainer never sees
 *     FOLDER/train.json                  records of all training pictures
 *     FOLDER/test.json                   the test's records with the true captions
 *     FOLDER/prompts.jsonl               the test's records without them
 *     FOLDER/dataset.json                what all this was made from (see manifest.h)
 *
 * An "image" in a record is relative to FOLDER/images. Two runs with the same options, font and
 * names give the same bytes.
 */
#ifndef MIMO_EXAMPLES_EMOJI_DATASET_H
#define MIMO_EXAMPLES_EMOJI_DATASET_H

#include "plan/error.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MIMO_DATASET_RENDERINGS_MAX 1000
#define MIMO_DATASET_TEST_MAX       10000

struct mimo_dataset_options {
    const char *font;    /* a colour bitmap font */
    const char *names;   /* emoji-test.txt */
    const char *folder;  /* is created; its parent exists */
    bool with_sequences; /* also emoji of several code points */
    unsigned renderings; /* training pictures of each emoji: 1 to MIMO_DATASET_RENDERINGS_MAX */
    unsigned test_count; /* test pictures, each of another emoji: 1 to MIMO_DATASET_TEST_MAX */
    unsigned side;       /* MIMO_PICTURE_SIDE_MIN to MIMO_PICTURE_SIDE_MAX pixels */
    uint64_t seed;       /* at most INT64_MAX */
    const volatile sig_atomic_t *stop; /* becomes non-zero to end the work early; may be NULL */
};

struct mimo_dataset_counts {
    size_t emoji, train_images, test_images;
    bool is_reused; /* the folder held this very set already */
};

/*
 * Makes the set in a folder beside its own and renames it at the end; a failure leaves nothing
 * behind. A folder that already holds the set with these options is left as it is; any other
 * folder is refused with MIMO_E_USAGE, as is a missing font or list of names.
 */
enum mimo_status mimo_dataset_make(const struct mimo_dataset_options *options,
                                   struct mimo_dataset_counts *out_counts, struct mimo_error *err);

#endif
