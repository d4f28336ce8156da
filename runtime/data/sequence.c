#include "runtime/data/sequence.h"

void mimo_sequence_begin(struct mimo_sequence *sequence, struct mimo_tokens *tokens, uint32_t limit)
{
    *sequence = (struct mimo_sequence){.tokens = tokens, .limit = limit};
}

void mimo_sequence_put(struct mimo_sequence *sequence, int32_t token, bool is_target)
{
    const uint64_t at = sequence->length++;

    if (at < sequence->limit) {
        sequence->tokens->ids[at] = token;
        sequence->tokens->labels[at] = -1;
    }
    if (is_target && at > 0 && at <= sequence->limit)
        sequence->tokens->labels[at - 1] = token;
    sequence->ends_in_target = is_target;
}

void mimo_sequence_put_image(struct mimo_sequence *sequence, uint32_t special_token, uint32_t count)
{
    for (uint32_t i = 0; i < count && sequence->length <= sequence->limit; i++)
        mimo_sequence_put(sequence, (int32_t)special_token, false);
    sequence->image_end = sequence->length;
}

uint32_t mimo_sequence_room(const struct mimo_sequence *sequence)
{
    return sequence->length > sequence->limit
               ? 0
               : (uint32_t)(sequence->limit + (uint64_t)1 - sequence->length);
}

void mimo_sequence_end(struct mimo_sequence *sequence)
{
    const uint64_t inputs = sequence->length - sequence->ends_in_target;
    struct mimo_tokens *tokens = sequence->tokens;

    tokens->length = inputs < sequence->limit ? (uint32_t)inputs : sequence->limit;
    tokens->targets = 0;
    for (uint32_t i = 0; i < tokens->length; i++)
        tokens->targets += tokens->labels[i] >= 0;
}
