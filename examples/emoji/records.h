/*
 * records.h - the data set's JSON: LLaVA's conversation records, and prompts without the answer.
 *
 * https://github.com/haotian-liu/LLaVA/blob/main/docs/Finetune_Custom_Data.md describes the format.
 */
#ifndef MIMO_EXAMPLES_EMOJI_RECORDS_H
#define MIMO_EXAMPLES_EMOJI_RECORDS_H

#include "plan/error.h"

#include <stddef.h>
#include <stdio.h>

enum mimo_records_form {
    MIMO_RECORDS_ARRAY, /* one JSON array, one record a line */
    MIMO_RECORDS_LINES, /* JSON lines */
};

/* Records on their way into one text. */
struct mimo_records {
    enum mimo_records_form form;
    size_t count;
    FILE *stream;
    char *text;  /* the stream's memory; settled by mimo_records_finish */
    size_t size; /* likewise */
};

enum mimo_status mimo_records_init(struct mimo_records *records, enum mimo_records_form form,
                                   struct mimo_error *err);

/* Adds {"id", "image", "conversations": [what is asked, "answer"]}. MIMO_E_DATA where a text is
 * not UTF-8. */
enum mimo_status mimo_records_add_conversation(struct mimo_records *records, const char *id,
                                               const char *image, const char *answer,
                                               struct mimo_error *err);

/* Adds {"id", "image", "prompt"}: the same question, without the answer. */
enum mimo_status mimo_records_add_prompt(struct mimo_records *records, const char *id,
                                         const char *image, struct mimo_error *err);

/* Ends the text: `records->text` and `records->size` are it until mimo_records_release. */
enum mimo_status mimo_records_finish(struct mimo_records *records, struct mimo_error *err);

/* Frees the text; a zeroed `struct mimo_records` is allowed. */
void mimo_records_release(struct mimo_records *records);

#endif
