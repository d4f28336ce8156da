#include "compiler/declaration/suggest.h"

#include "compiler/schema/schema.h"
#include "compiler/text/source.h"

#include <string.h>
#include <strings.h>

enum { WORD_BYTES_MAX = 64, LISTED_MAX = 8, CERTAIN_BYTES_MIN = 4 };

void mimo_candidates_add(struct mimo_candidates *candidates, const char *name)
{
    for (size_t i = 0; i < candidates->count; i++) {
        if (strcmp(candidates->items[i], name) == 0)
            return;
    }
    MIMO_APPEND(candidates->arena, candidates->items, candidates->count, candidates->capacity,
                name);
}

void mimo_candidates_add_list(struct mimo_candidates *candidates, const char *list)
{
    const char *item;
    size_t length;

    for (size_t i = 0; (item = mimo_word_list_item(list, i, &length)) != NULL; i++)
        mimo_candidates_add(candidates, mimo_arena_copy(candidates->arena, item, length));
}

static size_t smallest(size_t a, size_t b, size_t c)
{
    const size_t least = a < b ? a : b;

    return least < c ? least : c;
}

/* Three rows of the usual table suffice: a swap looks two rows back. */
size_t mimo_word_distance(const char *a, const char *b)
{
    const size_t rows = strlen(a), columns = strlen(b);
    size_t table[3][WORD_BYTES_MAX + 1];

    if (rows > WORD_BYTES_MAX || columns > WORD_BYTES_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= columns; j++)
        table[0][j] = j;
    for (size_t i = 1; i <= rows; i++) {
        size_t *row = table[i % 3];
        const size_t *above = table[(i + 2) % 3], *before = table[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            const size_t replaced = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = smallest(above[j] + 1, row[j - 1] + 1, replaced);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
    }
    return table[rows % 3][columns];
}

const char *mimo_join_words(struct mimo_arena *arena, const char *const *words, size_t count,
                            const char *quote, const char *conjunction)
{
    const char *text = "";

    for (size_t i = 0; i < count; i++) {
        const char *separator = i == 0 ? "" : i + 1 < count ? ", " : conjunction;
        text = mimo_arena_printf(arena, "%s%s%s%s%s", text, separator, quote, words[i], quote);
    }
    return text;
}

/* Adds the candidates at exactly this distance; at distance 0 those that are equal but for case. */
static size_t collect(const struct mimo_candidates *candidates, const char *word, size_t distance,
                      const char **out_words, size_t count)
{
    for (size_t i = 0; i < candidates->count && count < MIMO_SUGGESTIONS_MAX; i++) {
        const char *item = candidates->items[i];
        const bool is_equal = strcasecmp(item, word) == 0;
        if (distance == 0 ? is_equal : !is_equal && mimo_word_distance(item, word) == distance)
            out_words[count++] = item;
    }
    return count;
}

/* "heads" of num_attention_heads. */
static bool has_part(const char *name, const char *part)
{
    const size_t length = strlen(part);

    if (length == 0)
        return false;
    for (const char *at = strstr(name, part); at != NULL; at = strstr(at + 1, part)) {
        if ((at == name || at[-1] == '_') && (at[length] == '_' || at[length] == '\0'))
            return true;
    }
    return false;
}

static size_t collect_longer(const struct mimo_candidates *candidates, const char *word,
                             const char **out_words)
{
    size_t count = 0;

    for (size_t i = 0; i < candidates->count; i++) {
        if (!has_part(candidates->items[i], word))
            continue;
        if (count == MIMO_SUGGESTIONS_MAX)
            return 0; /* too many to be a help */
        out_words[count++] = candidates->items[i];
    }
    return count;
}

size_t mimo_closest(const char *word, const struct mimo_candidates *candidates,
                    const char *out_words[MIMO_SUGGESTIONS_MAX])
{
    const size_t length = strlen(word);
    const size_t farthest = length / 3 > 1 ? length / 3 : 1;
    size_t count = collect(candidates, word, 0, out_words, 0);

    if (count == 0) {
        for (size_t distance = 1; distance <= farthest; distance++)
            count = collect(candidates, word, distance, out_words, count);
    }
    return count > 0 ? count : collect_longer(candidates, word, out_words);
}

/* For words at distance 1 of each other. */
static bool is_swap(const char *a, const char *b)
{
    size_t differences = 0;

    if (strlen(a) != strlen(b))
        return false;
    for (size_t i = 0; a[i] != '\0'; i++)
        differences += a[i] != b[i];
    return differences == 2;
}

static bool is_closed(const struct mimo_candidates *candidates, const char *item)
{
    for (size_t i = 0; i < candidates->closed_count; i++) {
        if (candidates->items[i] == item)
            return true;
    }
    return false;
}

const char *mimo_certain(const char *word, const struct mimo_candidates *candidates)
{
    const char *words[MIMO_SUGGESTIONS_MAX];

    if (mimo_closest(word, candidates, words) != 1 || strlen(word) < CERTAIN_BYTES_MIN ||
        strlen(words[0]) < CERTAIN_BYTES_MIN)
        return NULL;
    if (strcasecmp(word, words[0]) == 0)
        return words[0];
    if (mimo_word_distance(word, words[0]) == 1 &&
        (is_closed(candidates, words[0]) || is_swap(word, words[0])))
        return words[0];
    return NULL;
}

void mimo_suggest(struct mimo_diagnostics *diagnostics, struct mimo_diagnostic *diagnostic,
                  const char *word, const struct mimo_candidates *candidates)
{
    const char *words[MIMO_SUGGESTIONS_MAX];
    const size_t count = mimo_closest(word, candidates, words);
    const char *meant = mimo_certain(word, candidates);

    if (diagnostic == &diagnostics->unrecorded)
        return;
    /* the diagnostic may stand at another place, such as the block around the word */
    if (meant != NULL && mimo_source_reads(diagnostics->sources, diagnostic->span, word))
        mimo_diagnose_fix(diagnostics, diagnostic, diagnostic->span, meant, "write '%s'", meant);
    if (count > 0)
        mimo_diagnose_help(diagnostics, diagnostic, "did you mean %s?",
                           mimo_join_words(candidates->arena, words, count, "'", " or "));
    else if (candidates->count > 0 && candidates->count <= LISTED_MAX)
        mimo_diagnose_help(
            diagnostics, diagnostic, "valid here: %s",
            mimo_join_words(candidates->arena, candidates->items, candidates->count, "", ", "));
}
