#include "runtime/data/utf8.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char REPLACEMENT[] = "\xEF\xBF\xBD";

/* The length that a lead byte announces and the range of the byte behind it, which excludes
 * overlong forms, surrogates and what lies beyond U+10FFFF. */
struct lead {
    unsigned char first, last;
    unsigned char second_min, second_max;
    size_t length;
};

static const struct lead LEADS[] = {
    {0x00, 0x7F, 0x00, 0x00, 1}, {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
    {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
    {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

/* The length of the well-formed sequence at `at`, which a NUL ends; 0 where there is none. */
static size_t sequence_length(const unsigned char *at)
{
    for (size_t i = 0; i < sizeof LEADS / sizeof *LEADS; i++) {
        const struct lead *lead = &LEADS[i];
        if (at[0] < lead->first || at[0] > lead->last)
            continue;
        if (lead->length > 1 && (at[1] < lead->second_min || at[1] > lead->second_max))
            return 0;
        for (size_t k = 2; k < lead->length; k++)
            if ((at[k] & 0xC0) != 0x80)
                return 0;
        return lead->length;
    }
    return 0;
}

char *mimo_utf8_repair(const char *text)
{
    const size_t replacement = sizeof REPLACEMENT - 1;
    char *repaired = malloc(strlen(text) * replacement + 1), *end = repaired;

    if (repaired == NULL)
        return NULL;
    while (*text != '\0') {
        const size_t length = sequence_length((const unsigned char *)text);
        const char *source = length > 0 ? text : REPLACEMENT;
        const size_t count = length > 0 ? length : replacement;

        memcpy(end, source, count);
        end += count;
        text += length > 0 ? length : 1;
    }
    *end = '\0';
    return repaired;
}
