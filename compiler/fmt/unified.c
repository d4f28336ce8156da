#include "compiler/fmt/unified.h"

#include "plan/arena.h"
#include "plan/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Texts that are further apart than this many edits differ as a whole: no one reads such a list. */
enum { CONTEXT = 3, EDITS_MAX = 2000 };

struct line {
    const char *text;
    size_t length; /* with its line feed, which the last line may lack */
};

struct side {
    struct line *lines;
    size_t count, capacity;
    bool *is_changed; /* by line: deleted, or inserted */
};

struct difference {
    struct mimo_arena *arena;
    struct side old_side, new_side;
};

static void split(struct mimo_arena *arena, const struct mimo_unified_text *text,
                  struct side *out_side)
{
    const char *end = text->bytes + text->size;

    *out_side = (struct side){0};
    for (const char *begin = text->bytes; begin < end;) {
        const char *feed = memchr(begin, '\n', (size_t)(end - begin));
        const char *next = feed == NULL ? end : feed + 1;
        const struct line line = {begin, (size_t)(next - begin)};
        MIMO_APPEND(arena, out_side->lines, out_side->count, out_side->capacity, line);
        begin = next;
    }
    out_side->is_changed = MIMO_NEW_ARRAY(arena, bool, out_side->count + 1);
}

static bool is_equal(const struct difference *difference, size_t in_old, size_t in_new)
{
    const struct line *a = &difference->old_side.lines[in_old];
    const struct line *b = &difference->new_side.lines[in_new];

    return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

/* ---- which lines changed ---- */

/*
 * The greedy algorithm of Myers, "An O(ND) difference algorithm and its variations" (1986), on the
 * lines between a common head and a common tail. Diagonal k holds the points with x - y = k; after
 * d edits, reach[d][k] is the largest x on it. Only k = -d, -d + 2 ... d can be reached.
 */
struct search {
    const struct difference *difference;
    size_t first;       /* lines of the common head */
    long width, height; /* lines in between, old and new */
    long **reach;
};

static long slide(const struct search *search, long x, long k)
{
    while (x < search->width && x - k < search->height &&
           is_equal(search->difference, search->first + (size_t)x, search->first + (size_t)(x - k)))
        x++;
    return x;
}

/* True where the last of the d edits before diagonal k is an insertion: a step down, from k + 1. */
static bool comes_from_above(const long *last, long d, long k)
{
    return k == -d || (k != d && last[k - 1] < last[k + 1]);
}

/* Fills reach[d]; true where it holds the end of both texts. */
static bool advance(const struct search *search, long d)
{
    long *now = search->reach[d];

    for (long k = -d; k <= d; k += 2) {
        long x = 0;
        if (d > 0) {
            const long *last = search->reach[d - 1];
            x = comes_from_above(last, d, k) ? last[k + 1] : last[k - 1] + 1;
        }
        now[k] = slide(search, x, k);
        if (now[k] >= search->width && now[k] - k >= search->height)
            return true;
    }
    return false;
}

/* Walks back from the end, marking one line for each edit. */
static void mark_path(struct difference *difference, const struct search *search, long d)
{
    long k = search->width - search->height;

    for (; d > 0; d--) {
        const long *last = search->reach[d - 1];
        if (comes_from_above(last, d, k)) {
            k++;
            difference->new_side.is_changed[search->first + (size_t)(last[k] - k)] = true;
        } else {
            k--;
            difference->old_side.is_changed[search->first + (size_t)last[k]] = true;
        }
    }
}

static void mark_all(struct difference *difference, const struct search *search)
{
    memset(difference->old_side.is_changed + search->first, true, (size_t)search->width);
    memset(difference->new_side.is_changed + search->first, true, (size_t)search->height);
}

static void mark_between(struct difference *difference, struct search *search)
{
    search->reach = MIMO_NEW_ARRAY(difference->arena, long *, EDITS_MAX);
    for (long d = 0; d < EDITS_MAX; d++) {
        /* one more on either side: the next round looks there */
        search->reach[d] = MIMO_NEW_ARRAY(difference->arena, long, 2 * (size_t)d + 3) + d + 1;
        if (advance(search, d)) {
            mark_path(difference, search, d);
            return;
        }
    }
    mark_all(difference, search);
}

static void mark(struct difference *difference)
{
    size_t old_end = difference->old_side.count, new_end = difference->new_side.count;
    struct search search = {.difference = difference};

    while (search.first < old_end && search.first < new_end &&
           is_equal(difference, search.first, search.first))
        search.first++;
    while (old_end > search.first && new_end > search.first &&
           is_equal(difference, old_end - 1, new_end - 1)) {
        old_end--;
        new_end--;
    }
    search.width = (long)(old_end - search.first);
    search.height = (long)(new_end - search.first);
    mark_between(difference, &search);
}

/* ---- printing ---- */

/* Lines first ... end - 1 of either text. */
struct hunk {
    size_t old_first, old_end, new_first, new_end;
};

static bool is_changed(const struct side *side, size_t at)
{
    return at < side->count && side->is_changed[at];
}

/* Extends the hunk over the changes at its end; false where there are none. */
static bool take_changes(const struct difference *difference, struct hunk *hunk)
{
    const struct hunk before = *hunk;

    while (is_changed(&difference->old_side, hunk->old_end))
        hunk->old_end++;
    while (is_changed(&difference->new_side, hunk->new_end))
        hunk->new_end++;
    return hunk->old_end > before.old_end || hunk->new_end > before.new_end;
}

/* Extends the hunk over equal lines, at most `max`; returns how many. */
static size_t take_equal(const struct difference *difference, struct hunk *hunk, size_t max)
{
    size_t count = 0;

    while (count < max && hunk->old_end < difference->old_side.count &&
           !is_changed(&difference->old_side, hunk->old_end) &&
           !is_changed(&difference->new_side, hunk->new_end)) {
        hunk->old_end++;
        hunk->new_end++;
        count++;
    }
    return count;
}

/* The next hunk behind `*hunk`: changes that at most twice the context separates. */
static bool next_hunk(const struct difference *difference, struct hunk *hunk)
{
    const size_t skipped = take_equal(difference, hunk, SIZE_MAX);
    const size_t before = skipped < CONTEXT ? skipped : CONTEXT;
    struct hunk gap;

    hunk->old_first = hunk->old_end - before;
    hunk->new_first = hunk->new_end - before;
    if (!take_changes(difference, hunk))
        return false;
    do {
        gap = *hunk;
        (void)take_equal(difference, &gap, (size_t)2 * CONTEXT);
    } while (take_changes(difference, &gap) && (*hunk = gap, true));
    (void)take_equal(difference, hunk, CONTEXT);
    return true;
}

static void print_line(FILE *file, char sign, const struct line *line)
{
    (void)fputc(sign, file);
    (void)fwrite(line->text, 1, line->length, file);
    if (line->text[line->length - 1] != '\n')
        (void)fputs("\n\\ No newline at end of file\n", file);
}

/* "12,3": the first line, from 1, and how many; an empty range names the line before it. */
static void print_range(FILE *file, size_t first, size_t end)
{
    const size_t count = end - first;

    (void)fprintf(file, "%zu", count == 0 ? first : first + 1);
    if (count != 1)
        (void)fprintf(file, ",%zu", count);
}

static void print_hunk(const struct difference *difference, const struct hunk *hunk, FILE *file)
{
    size_t in_old = hunk->old_first, in_new = hunk->new_first;

    (void)fputs("@@ -", file);
    print_range(file, hunk->old_first, hunk->old_end);
    (void)fputs(" +", file);
    print_range(file, hunk->new_first, hunk->new_end);
    (void)fputs(" @@\n", file);
    while (in_old < hunk->old_end || in_new < hunk->new_end) {
        if (is_changed(&difference->old_side, in_old)) {
            print_line(file, '-', &difference->old_side.lines[in_old++]);
        } else if (is_changed(&difference->new_side, in_new)) {
            print_line(file, '+', &difference->new_side.lines[in_new++]);
        } else {
            print_line(file, ' ', &difference->old_side.lines[in_old++]);
            in_new++;
        }
    }
}

void mimo_unified_print(const struct mimo_unified_text *old_text,
                        const struct mimo_unified_text *new_text, FILE *file)
{
    struct mimo_arena arena = {0};
    struct difference difference = {.arena = &arena};
    struct hunk hunk = {0};

    split(&arena, old_text, &difference.old_side);
    split(&arena, new_text, &difference.new_side);
    mark(&difference);
    for (bool is_first = true; next_hunk(&difference, &hunk); is_first = false) {
        if (is_first)
            (void)fprintf(file, "--- %s\n+++ %s\n", old_text->name, new_text->name);
        print_hunk(&difference, &hunk, file);
    }
    mimo_arena_release(&arena);
}
