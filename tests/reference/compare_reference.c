/*
 * compare-reference EXPECTED METRICS RECORDS CHECKPOINT STEPS BOUND: what mimo-exec computed
 * against what another implementation did (README.md says what expected.json holds).
 *
 * METRICS is a file of --metrics, of which STEPS steps are compared, RECORDS the output of --eval
 * before the first step, CHECKPOINT the folder of the checkpoint after the first step. The
 * gradients of that step stand in its first moments, which are (1 - beta1) · min(1, clip_grad /
 * (norm + 1e-6)) times them.
 *
 * Prints the worst relative difference of each subject, and every number beyond BOUND; exits 1
 * where there is one. Counts and names must be the same.
 */
#include "runtime/checkpoint/safetensors.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct comparison {
    const json_t *expected;
    double bound;
    double worst; /* of the present subject */
    unsigned numbers, failures;
};

/* -- numbers ---------------------------------------------------------------------------------- */

static void compare(struct comparison *comparison, const char *what, const char *which,
                    double expected, double found, double scale)
{
    const double difference = fabs(expected - found) / (scale > 0.0 ? scale : 1.0);

    comparison->numbers++;
    if (difference <= comparison->bound) {
        comparison->worst = fmax(comparison->worst, difference);
        return;
    }
    comparison->failures++;
    (void)printf("%s %s: expected %.17g, found %.17g\n", what, which, expected, found);
}

static void fail(struct comparison *comparison, const char *what, const char *which)
{
    comparison->failures++;
    (void)printf("%s: %s\n", which, what);
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static void end_subject(struct comparison *comparison, const char *subject)
{
    (void)printf("%s: %u numbers, worst relative difference %.2e, bound %g\n", subject,
                 comparison->numbers, comparison->worst, comparison->bound);
    if (comparison->numbers == 0)
        fail(comparison, "nothing was compared", subject);
    comparison->numbers = 0;
    comparison->worst = 0.0;
}

/* -- JSON lines ------------------------------------------------------------------------------- */

/* Lines of a file that belong to the entries of a list. */
struct lines {
    const char *list;
    size_t count;            /* of lines that are compared */
    const char *const *near; /* keys whose numbers agree to the bound; ends with NULL */
    const char *same;        /* a key whose number is the same */
};

static void compare_line(struct comparison *comparison, const struct lines *lines,
                         const json_t *entry, const json_t *line, const char *which)
{
    for (const char *const *key = lines->near; *key != NULL; key++)
        compare(comparison, which, *key, number(entry, *key), number(line, *key),
                number(entry, *key));
    if (number(entry, lines->same) != number(line, lines->same))
        fail(comparison, "another number", which);
}

static void compare_lines(struct comparison *comparison, const struct lines *lines,
                          const char *path)
{
    const json_t *entries = json_object_get(comparison->expected, lines->list);
    FILE *file = fopen(path, "re");
    json_error_t error;

    for (size_t i = 0; file != NULL && i < lines->count; i++) {
        json_t *line = json_loadf(file, JSON_DISABLE_EOF_CHECK, &error);
        char which[32];

        (void)snprintf(which, sizeof which, "%s[%zu]", lines->list, i);
        compare_line(comparison, lines, json_array_get(entries, i), line, which);
        json_decref(line);
    }
    if (file == NULL)
        fail(comparison, "cannot be read", path);
    else
        (void)fclose(file);
    end_subject(comparison, lines->list);
}

/* -- tensors ---------------------------------------------------------------------------------- */

/* One of a checkpoint's files, and what its values are divided by. */
struct tensors {
    struct mimo_safetensors file;
    const char *suffix; /* of the names */
    double scale;
};

/* expected.json calls the parts by what they are, a checkpoint by the names of the declaration. */
static void name_in_checkpoint(const char *name, const char *suffix, char *text, size_t size)
{
    static const struct {
        const char *theirs, *ours;
    } parts[] = {{"language_model.", "llm."},
                 {"vision_tower.", "clip."},
                 {"multi_modal_projector.", "mm_projector."}};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const size_t length = strlen(parts[i].theirs);
        if (strncmp(name, parts[i].theirs, length) == 0)
            (void)snprintf(text, size, "%s%s%s", parts[i].ours, name + length, suffix);
    }
}

/* The gradient of a key bias is zero in exact arithmetic. */
static bool is_rounding(const char *name)
{
    return strstr(name, ".k_proj.bias") != NULL || strstr(name, ".attn.k.bias") != NULL;
}

static uint64_t element_count(const struct mimo_safetensors_tensor *tensor)
{
    return tensor->bytes / mimo_safetensors_element_bytes(tensor->type);
}

/* All values of a tensor, which the caller frees; NULL where that fails. */
static double *read_values(const struct tensors *tensors,
                           const struct mimo_safetensors_tensor *tensor)
{
    const uint64_t count = element_count(tensor);
    double *values = calloc(count + 1, sizeof *values);
    float *singles = calloc(count + 1, sizeof *singles);
    const bool is_double = tensor->type == MIMO_SAFETENSORS_F64;
    void *raw = is_double ? (void *)values : (void *)singles;
    struct mimo_error err = {0};

    if (values == NULL || singles == NULL || (!is_double && tensor->type != MIMO_SAFETENSORS_F32) ||
        mimo_disk_read(&tensors->file.file, tensor->begin, raw, tensor->bytes, &err) != MIMO_OK) {
        free(values);
        values = NULL;
    }
    for (uint64_t i = 0; values != NULL && i < count; i++)
        values[i] = (is_double ? values[i] : (double)singles[i]) / tensors->scale;
    free(singles);
    return values;
}

static double norm_of(const double *values, uint64_t count)
{
    double squares = 0.0;

    for (uint64_t i = 0; i < count; i++)
        squares += values[i] * values[i];
    return sqrt(squares);
}

/* The norm, and the elements whose flat indices are the keys of "elements", relative to the norm.
 */
static void compare_values(struct comparison *comparison, const char *name, json_t *entry,
                           const double *values, uint64_t count)
{
    const double norm = number(entry, "norm");
    const char *key;
    json_t *element;

    compare(comparison, name, "norm", norm, norm_of(values, count), norm);
    json_object_foreach(json_object_get(entry, "elements"), key, element)
    {
        const uint64_t index = strtoull(key, NULL, 10);
        if (index < count)
            compare(comparison, name, key, json_number_value(element), values[index], norm);
        else
            fail(comparison, "has fewer elements", name);
    }
}

/* Compares every entry of a list with the tensor of its name. */
static void compare_tensors(struct comparison *comparison, const char *list,
                            const struct tensors *tensors)
{
    json_t *entries = json_object_get(comparison->expected, list);
    const char *name;
    json_t *entry;

    json_object_foreach(entries, name, entry)
    {
        const struct mimo_safetensors_tensor *tensor;
        char text[256] = "";
        double *values;

        name_in_checkpoint(name, tensors->suffix, text, sizeof text);
        tensor = mimo_safetensors_find(&tensors->file, text);
        values = tensor != NULL ? read_values(tensors, tensor) : NULL;
        if (values == NULL)
            fail(comparison, "cannot be read from the checkpoint", text);
        else if (!is_rounding(name))
            compare_values(comparison, name, entry, values, element_count(tensor));
        free(values);
    }
    end_subject(comparison, list);
}

/* The checkpoint has all parameters of the model and no other. */
static void compare_counts(struct comparison *comparison, const struct mimo_safetensors *file)
{
    const json_t *names = json_object_get(comparison->expected, "parameters_after_step_1");
    uint64_t elements = 0;

    for (uint32_t i = 0; i < file->count; i++)
        elements += element_count(&file->tensors[i]);
    if (file->count != json_object_size(names))
        fail(comparison, "another number of tensors", "model.safetensors");
    if ((double)elements != number(comparison->expected, "parameter_count"))
        fail(comparison, "another number of parameters", "model.safetensors");
}

/* What the first moments of the first step are, relative to its gradients. */
static double moment_scale(const json_t *expected)
{
    const json_t *optimizer = json_object_get(expected, "optimizer");
    const json_t *betas = json_object_get(optimizer, "betas");
    const json_t *step = json_array_get(json_object_get(expected, "steps"), 0);
    const double clip = number(optimizer, "clip_grad") / (number(step, "grad_norm") + 1e-6);

    return (1.0 - json_number_value(json_array_get(betas, 0))) * fmin(1.0, clip);
}

static void compare_checkpoint(struct comparison *comparison, const char *folder)
{
    struct tensors model = {.suffix = "", .scale = 1.0};
    struct tensors moments = {.suffix = ".exp_avg", .scale = moment_scale(comparison->expected)};
    struct mimo_error err = {0};
    char path[4096];

    (void)snprintf(path, sizeof path, "%s/model.safetensors", folder);
    if (mimo_safetensors_open(&model.file, path, MIMO_E_CHECKPOINT, &err) == MIMO_OK) {
        compare_counts(comparison, &model.file);
        compare_tensors(comparison, "parameters_after_step_1", &model);
        mimo_safetensors_close(&model.file);
    }
    (void)snprintf(path, sizeof path, "%s/optimizer.safetensors", folder);
    if (mimo_safetensors_open(&moments.file, path, MIMO_E_CHECKPOINT, &err) == MIMO_OK) {
        compare_tensors(comparison, "gradients", &moments);
        mimo_safetensors_close(&moments.file);
    }
    if (err.status != MIMO_OK)
        fail(comparison, err.message, folder);
}

/* -- the whole -------------------------------------------------------------------------------- */

/* An entry without a line, or a line without an entry, compares as not a number. */
static void compare_all(struct comparison *comparison, char **paths, size_t steps)
{
    static const char *const of_steps[] = {"loss", "grad_norm", NULL};
    static const char *const with_balance[] = {"loss", "aux_loss", "grad_norm", NULL};
    static const char *const of_records[] = {"loss", NULL};
    const json_t *records = json_object_get(comparison->expected, "records");
    const json_t *first = json_array_get(json_object_get(comparison->expected, "steps"), 0);
    const bool has_balance = json_object_get(first, "aux_loss") != NULL;

    compare_lines(comparison,
                  &(struct lines){"steps", steps, has_balance ? with_balance : of_steps, "step"},
                  paths[0]);
    compare_lines(comparison,
                  &(struct lines){"records", json_array_size(records), of_records, "tokens"},
                  paths[1]);
    compare_checkpoint(comparison, paths[2]);
}

int main(int argc, char **argv)
{
    struct comparison comparison = {0};
    json_error_t error;
    json_t *expected;

    if (argc != 7)
        return 2;
    expected = json_load_file(argv[1], 0, &error);
    if (expected == NULL) {
        (void)fprintf(stderr, "%s:%d: %s\n", argv[1], error.line, error.text);
        return 2;
    }
    comparison.expected = expected;
    comparison.bound = strtod(argv[6], NULL);
    compare_all(&comparison, argv + 2, strtoul(argv[5], NULL, 10));
    json_decref(expected);
    return comparison.failures > 0;
}
