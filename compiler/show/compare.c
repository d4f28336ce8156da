#include "compiler/show/compare.h"

#include "compiler/output/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_SHOWN = 3 };

static const struct topic {
    const char *heading, *noun;
} TOPICS[MIMO_TOPIC_COUNT] = {
#define TOPIC_ROW(name, heading, noun) {heading, noun},
    MIMO_TOPICS(TOPIC_ROW)
#undef TOPIC_ROW
};

/* ---- finding changes ---- */

/* The facts of one side in the order of their names. */
struct index {
    const struct mimo_fact **facts;
    size_t count;
};

static int compare_names(const struct mimo_fact *a, const struct mimo_fact *b)
{
    int order;

    if (a->topic != b->topic)
        return a->topic < b->topic ? -1 : 1;
    order = strcmp(a->subject, b->subject);
    return order != 0 ? order : strcmp(a->field, b->field);
}

static int compare_entries(const void *a, const void *b)
{
    return compare_names(*(const struct mimo_fact *const *)a, *(const struct mimo_fact *const *)b);
}

static struct index index_facts(struct mimo_arena *arena, const struct mimo_description *side)
{
    struct index index = {MIMO_NEW_ARRAY(arena, const struct mimo_fact *, side->count),
                          side->count};

    for (size_t i = 0; i < side->count; i++)
        index.facts[i] = &side->facts[i];
    qsort(index.facts, index.count, sizeof *index.facts, compare_entries);
    return index;
}

static const struct mimo_fact *find(const struct index *index, const struct mimo_fact *fact)
{
    const struct mimo_fact *const *entry =
        bsearch(&fact, index->facts, index->count, sizeof *index->facts, compare_entries);

    return entry == NULL ? NULL : *entry;
}

static bool is_equal(const struct mimo_fact *a, const struct mimo_fact *b)
{
    return a->kind == b->kind && a->integer == b->integer && strcmp(a->text, b->text) == 0;
}

/* Walks over the facts of one side that belong to a topic. */
struct walk {
    const struct mimo_description *side;
    size_t at;
    const char *gone; /* the subject that the other side lacks, whose facts are passed over */
};

static void add(struct mimo_changes *changes, const struct mimo_fact *old_fact,
                const struct mimo_fact *new_fact, bool is_subject)
{
    const struct mimo_change change = {old_fact, new_fact, is_subject};

    MIMO_APPEND(changes->arena, changes->items, changes->count, changes->capacity, change);
}

/* The next fact of the topic; NULL behind its last. Of a subject that the other side lacks only
 * the first one is handed out; `*out_other` is the fact of its name on the other side, or NULL. */
static const struct mimo_fact *next_fact(struct walk *walk, enum mimo_topic topic,
                                         const struct index *other,
                                         const struct mimo_fact **out_other)
{
    while (walk->at < walk->side->count && walk->side->facts[walk->at].topic == topic) {
        const struct mimo_fact *fact = &walk->side->facts[walk->at++];
        if (!fact->begins_subject && walk->gone == fact->subject)
            continue;
        *out_other = find(other, fact);
        walk->gone = fact->begins_subject && *out_other == NULL ? fact->subject : NULL;
        return fact;
    }
    return NULL;
}

void mimo_compare(const struct mimo_description *old_side, const struct mimo_description *new_side,
                  struct mimo_arena *arena, struct mimo_changes *out_changes)
{
    const struct index old_index = index_facts(arena, old_side);
    const struct index new_index = index_facts(arena, new_side);
    struct walk in_old = {.side = old_side}, in_new = {.side = new_side};
    const struct mimo_fact *fact, *other;

    *out_changes = (struct mimo_changes){.arena = arena};
    for (int i = 0; i < MIMO_TOPIC_COUNT; i++) {
        const enum mimo_topic topic = (enum mimo_topic)i;
        while ((fact = next_fact(&in_old, topic, &new_index, &other)) != NULL) {
            if (other == NULL || !is_equal(fact, other))
                add(out_changes, fact, other, other == NULL && fact->begins_subject);
        }
        while ((fact = next_fact(&in_new, topic, &old_index, &other)) != NULL) {
            if (other == NULL)
                add(out_changes, NULL, fact, fact->begins_subject);
        }
    }
}

/* ---- text ---- */

static const struct mimo_fact *any_side(const struct mimo_change *change)
{
    return change->old_fact != NULL ? change->old_fact : change->new_fact;
}

/* Bytes that look equal with a prefix are printed in full. */
static const char *text_of(const struct mimo_changes *changes, const struct mimo_fact *fact,
                           const struct mimo_fact *other)
{
    if (fact->kind == MIMO_FACT_BYTES && other != NULL && strcmp(fact->text, other->text) == 0)
        return mimo_arena_printf(changes->arena, "%" PRIu64 " B", fact->integer);
    return fact->text;
}

/* "4 → 8"; of a fact that one side lacks, what the other says. */
static const char *values_of(const struct mimo_changes *changes, const struct mimo_change *change)
{
    const struct mimo_fact *old_fact = change->old_fact, *new_fact = change->new_fact;

    if (old_fact == NULL || new_fact == NULL)
        return any_side(change)->text;
    return mimo_arena_printf(changes->arena, "%s \xE2\x86\x92 %s",
                             text_of(changes, old_fact, new_fact),
                             text_of(changes, new_fact, old_fact));
}

static char sign_of(const struct mimo_change *change)
{
    if (change->new_fact == NULL)
        return '-';
    return change->old_fact == NULL ? '+' : ' ';
}

/* "llm.tensor_parallel", "clip to llm, columns"; of a whole subject only its name. */
static const char *name_of(const struct mimo_changes *changes, const struct mimo_change *change)
{
    const struct mimo_fact *fact = any_side(change);

    if (*fact->subject == '\0')
        return fact->field;
    if (change->is_subject)
        return fact->subject;
    return mimo_arena_printf(changes->arena, "%s%s%s", fact->subject,
                             strchr(fact->subject, ' ') != NULL ? ", " : ".", fact->field);
}

static void print_one(const struct mimo_changes *changes, const struct mimo_change *change,
                      FILE *file)
{
    const char *name = name_of(changes, change);

    (void)fprintf(file, "%c %s", sign_of(change), name);
    if (change->is_subject)
        (void)fprintf(file, " (%s: %s)\n", any_side(change)->field, values_of(changes, change));
    else
        (void)fprintf(file, ": %s\n", values_of(changes, change));
}

/* ---- many changes that are alike ---- */

/* Ranks move in as many ways as there are ranks: the way does not count. */
static int compare_alike(const struct mimo_change *a, const struct mimo_change *b)
{
    const struct mimo_fact *sides[2][2] = {{a->old_fact, b->old_fact}, {a->new_fact, b->new_fact}};
    int order = strcmp(any_side(a)->field, any_side(b)->field);

    for (int i = 0; i < 2 && order == 0; i++) {
        const struct mimo_fact *left = sides[i][0], *right = sides[i][1];
        if (left == NULL || right == NULL)
            order = (left != NULL) - (right != NULL);
        else if (a->old_fact != NULL && a->new_fact != NULL && left->topic != MIMO_TOPIC_RANKS)
            order = strcmp(left->text, right->text);
    }
    return order;
}

static int compare_changes(const void *a, const void *b)
{
    const struct mimo_change *left = *(const struct mimo_change *const *)a;
    const struct mimo_change *right = *(const struct mimo_change *const *)b;
    const int order = compare_alike(left, right);

    return order != 0 ? order : (left > right) - (left < right);
}

/* Changes that are alike, in order. */
struct bunch {
    const struct mimo_change **items;
    size_t count;
};

static int compare_bunches(const void *a, const void *b)
{
    const struct mimo_change *left = *((const struct bunch *)a)->items;
    const struct mimo_change *right = *((const struct bunch *)b)->items;

    return (left > right) - (left < right);
}

static void print_bunch(const struct mimo_changes *changes, const struct bunch *bunch,
                        const char *noun, FILE *file)
{
    const struct mimo_change *first = bunch->items[0];
    const struct mimo_fact *fact = any_side(first);
    const char *names = "";

    if (bunch->count == 1) {
        print_one(changes, first, file);
        return;
    }
    for (size_t i = 0; i < bunch->count && i < NAMES_SHOWN; i++)
        names = mimo_arena_printf(changes->arena, "%s%s%s", names, i == 0 ? "" : ", ",
                                  any_side(bunch->items[i])->subject);
    (void)fprintf(file, "%c ", sign_of(first));
    if (!first->is_subject)
        (void)fprintf(file, "%s of ", fact->field);
    (void)fprintf(file, "%zu %s", bunch->count, noun);
    if (first->old_fact != NULL && first->new_fact != NULL && fact->topic != MIMO_TOPIC_RANKS)
        (void)fprintf(file, ": %s", values_of(changes, first));
    (void)fprintf(file, " (%s%s)\n", names, bunch->count > NAMES_SHOWN ? ", ..." : "");
}

/* Changes first ... end - 1, those that are alike in one line, in the order of the first of them.
 */
static void print_bunches(const struct mimo_changes *changes, size_t first, size_t end,
                          const char *noun, FILE *file)
{
    const size_t count = end - first;
    const struct mimo_change **items =
        MIMO_NEW_ARRAY(changes->arena, const struct mimo_change *, count);
    struct bunch *bunches = MIMO_NEW_ARRAY(changes->arena, struct bunch, count);
    size_t bunch_count = 0;

    for (size_t i = 0; i < count; i++)
        items[i] = &changes->items[first + i];
    qsort(items, count, sizeof *items, compare_changes);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || compare_alike(items[i - 1], items[i]) != 0)
            bunches[bunch_count++].items = &items[i];
        bunches[bunch_count - 1].count++;
    }
    qsort(bunches, bunch_count, sizeof *bunches, compare_bunches);
    for (size_t i = 0; i < bunch_count; i++)
        print_bunch(changes, &bunches[i], noun, file);
}

void mimo_changes_print_text(const struct mimo_changes *changes, FILE *file)
{
    size_t end;

    for (size_t i = 0; i < changes->count; i = end) {
        const enum mimo_topic topic = any_side(&changes->items[i])->topic;
        for (end = i; end < changes->count && any_side(&changes->items[end])->topic == topic;)
            end++;
        (void)fprintf(file, "\n%s\n", TOPICS[topic].heading);
        if (*TOPICS[topic].noun != '\0') {
            print_bunches(changes, i, end, TOPICS[topic].noun, file);
            continue;
        }
        for (size_t k = i; k < end; k++)
            print_one(changes, &changes->items[k], file);
    }
}

/* ---- JSON ---- */

static void print_value(struct mimo_json *json, const char *key, const struct mimo_fact *fact)
{
    if (fact == NULL) {
        mimo_json_text(json, key, NULL);
        return;
    }
    switch (fact->kind) {
    case MIMO_FACT_TEXT:
        mimo_json_text(json, key, fact->text);
        break;
    case MIMO_FACT_NONE:
        mimo_json_text(json, key, NULL);
        break;
    case MIMO_FACT_BOOLEAN:
        mimo_json_boolean(json, key, fact->integer != 0);
        break;
    case MIMO_FACT_INTEGER:
    case MIMO_FACT_BYTES:
        mimo_json_integer(json, key, fact->integer);
        break;
    case MIMO_FACT_REAL:
        mimo_json_real(json, key, fact->real);
        break;
    }
}

void mimo_changes_print_json(const struct mimo_changes *changes, struct mimo_json *json)
{
    mimo_json_open_list(json, "changes");
    for (size_t i = 0; i < changes->count; i++) {
        const struct mimo_change *change = &changes->items[i];
        const struct mimo_fact *fact = any_side(change);
        mimo_json_open_object(json, NULL);
        mimo_json_text(json, "topic", TOPICS[fact->topic].heading);
        mimo_json_text(json, "subject", fact->subject);
        mimo_json_text(json, "field", fact->field);
        print_value(json, "old", change->old_fact);
        print_value(json, "new", change->new_fact);
        mimo_json_close(json);
    }
    mimo_json_close(json);
}
