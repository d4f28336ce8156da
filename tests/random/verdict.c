/* A set of findings. */
#include "tests/random/oracle.h"

#include <string.h>

void oracle_verdict_add(struct oracle_verdict *verdict, const char *code, struct sketch_place place)
{
    struct oracle_finding *finding = &verdict->items[verdict->count];

    for (int i = 0; i < verdict->count; i++) {
        const struct oracle_finding *other = &verdict->items[i];

        if (strcmp(other->code, code) == 0 && other->place.line == place.line &&
            other->place.column == place.column)
            return;
    }
    if (verdict->count == ORACLE_FINDINGS_MAX - 1) {
        verdict->is_too_large = true;
        return;
    }
    (void)snprintf(finding->code, sizeof finding->code, "%s", code);
    finding->place = place;
    verdict->count++;
}

bool oracle_stands_before(struct sketch_place a, struct sketch_place b)
{
    return a.line != b.line ? a.line < b.line : a.column < b.column;
}
