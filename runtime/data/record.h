/*
 * record.h - one conversation record, made out of JSON or of a prompt.
 *
 *     {"id": "17", "image": "17.png", "conversations": [
 *         {"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": "A cat."}]}
 *
 * "image" may be a list, and may be called "images". The markers in the human turns and the images
 * correspond one to one, in order. Where prompts are read, {"id", "prompt", "image"} is a record
 * with one human turn.
 */
#ifndef MIMO_RUNTIME_DATA_RECORD_H
#define MIMO_RUNTIME_DATA_RECORD_H

#include "plan/arena.h"
#include "plan/plan.h"
#include "runtime/data/dataset.h"

#include <jansson.h>

struct mimo_turn {
    const char *text; /* UTF-8, NUL-terminated, without other NULs */
    size_t length;
    bool is_answer; /* else a human turn */
};

/* All memory belongs to the arena that the record was made with. */
struct mimo_record {
    const char *id; /* "" where it has none */
    const struct mimo_turn *turns;
    const struct mimo_image_ref *images;
    uint32_t turn_count;
    uint32_t image_count;
    const char *fault;     /* why the record cannot be used; NULL where nothing is wrong */
    uint32_t line;         /* of the file, from 1; 0 for a record that is in no file */
    bool is_prompt;        /* to be continued: it needs no answer */
    bool is_outside_media; /* its image paths do not lie under data.media */
};

/* Reads a record. A record of the wrong form has a `fault`. With `is_prompt` the form with "prompt"
 * is understood too, and no answer is asked for. */
struct mimo_record mimo_record_read(struct mimo_arena *arena, const struct mimo_plan *plan,
                                    const json_t *json, bool is_prompt);

/* A prompt of one human turn. Images that `text` has no marker for come first. */
struct mimo_record mimo_record_prompt(struct mimo_arena *arena, const struct mimo_plan *plan,
                                      const char *text, const char *const *images,
                                      uint32_t image_count);

#endif
