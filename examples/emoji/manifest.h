/*
 * manifest.h - dataset.json: what a data set was made from, and how much there is of it.
 *
 * It holds digests of the font and of the list of names in place of their paths, so that equal
 * manifests mean equal data sets wherever they were made.
 */
#ifndef MIMO_EXAMPLES_EMOJI_MANIFEST_H
#define MIMO_EXAMPLES_EMOJI_MANIFEST_H

#include "plan/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MIMO_MANIFEST_NAME "dataset.json"

struct mimo_manifest {
    /* what decides every byte of the set */
    uint64_t font_digest, names_digest; /* XXH3 of the files */
    bool has_sequences;
    unsigned renderings, test_images, side;
    uint64_t seed; /* at most INT64_MAX */
    /* what came out */
    size_t emoji, train_images;
};

/* The manifest as JSON text that the caller frees with free(); NULL when out of memory. */
char *mimo_manifest_print(const struct mimo_manifest *manifest);

/* Reads `folder`/dataset.json. MIMO_E_USAGE where it is missing or not a manifest. */
enum mimo_status mimo_manifest_read(const char *folder, struct mimo_manifest *out_manifest,
                                    struct mimo_error *err);

/* Whether both sets are made from the same, and so are the same. */
bool mimo_manifest_matches(const struct mimo_manifest *a, const struct mimo_manifest *b);

#endif
