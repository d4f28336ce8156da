#include "runtime/checkpoint/json_file.h"

#include "plan/file.h"

#include <stdlib.h>

enum mimo_status mimo_json_file_read(const char *path, size_t bytes_max, enum mimo_status failure,
                                     json_t **out_root, struct mimo_error *err)
{
    struct mimo_error cause = {0};
    json_error_t syntax;
    char *text = NULL;
    size_t size = 0;
    json_t *root;

    if (mimo_file_read(path, bytes_max, &text, &size, &cause) != MIMO_OK)
        return mimo_error_set(err, failure, "%s", cause.message);
    root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &syntax);
    free(text);
    if (root == NULL)
        return mimo_error_set(err, failure, "%s: line %d: %s", path, syntax.line, syntax.text);
    *out_root = root;
    return MIMO_OK;
}
