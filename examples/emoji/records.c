#include "examples/emoji/records.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>

/* The picture alone is the question. */
#define QUESTION "<image>"

enum mimo_status mimo_records_init(struct mimo_records *records, enum mimo_records_form form,
                                   struct mimo_error *err)
{
    *records = (struct mimo_records){.form = form};
    records->stream = open_memstream(&records->text, &records->size);
    if (records->stream == NULL)
        return mimo_error_errno(err, MIMO_E_FAILED, "cannot collect records");
    return MIMO_OK;
}

/* Takes over `record`, which is NULL where one of its texts is not UTF-8. */
static enum mimo_status record_add(struct mimo_records *records, json_t *record, const char *id,
                                   struct mimo_error *err)
{
    if (record == NULL)
        return mimo_error_set(err, MIMO_E_DATA, "record %s: a text is not UTF-8", id);
    if (records->form == MIMO_RECORDS_ARRAY)
        (void)fputs(records->count == 0 ? "[\n" : ",\n", records->stream);
    (void)json_dumpf(record, records->stream, 0);
    if (records->form == MIMO_RECORDS_LINES)
        (void)fputc('\n', records->stream);
    json_decref(record);
    records->count++;
    return MIMO_OK;
}

enum mimo_status mimo_records_add_conversation(struct mimo_records *records, const char *id,
                                               const char *image, const char *answer,
                                               struct mimo_error *err)
{
    json_t *record = json_pack("{s:s, s:s, s:[{s:s, s:s}, {s:s, s:s}]}", "id", id, "image", image,
                               "conversations", "from", "human", "value", QUESTION, "from", "gpt",
                               "value", answer);

    return record_add(records, record, id, err);
}

enum mimo_status mimo_records_add_prompt(struct mimo_records *records, const char *id,
                                         const char *image, struct mimo_error *err)
{
    json_t *record = json_pack("{s:s, s:s, s:s}", "id", id, "image", image, "prompt", QUESTION);

    return record_add(records, record, id, err);
}

enum mimo_status mimo_records_finish(struct mimo_records *records, struct mimo_error *err)
{
    FILE *stream = records->stream;
    bool has_failed;

    if (records->form == MIMO_RECORDS_ARRAY)
        (void)fputs(records->count == 0 ? "[]\n" : "\n]\n", stream);
    has_failed = ferror(stream) != 0;
    records->stream = NULL;
    if (fclose(stream) != 0 || has_failed)
        return mimo_error_set(err, MIMO_E_FAILED, "out of memory for %zu records", records->count);
    return MIMO_OK;
}

void mimo_records_release(struct mimo_records *records)
{
    if (records->stream != NULL)
        (void)fclose(records->stream);
    free(records->text);
    *records = (struct mimo_records){0};
}
