/*
 * template.h - how a conversation becomes one sequence of tokens.
 *
 *   plain   begin; for a human turn its images, and its text only where the record has no image (as
 *           in LLaVA's first stage, where the picture is the question); for an answer its text
 *           without white space around it, then end, both targets
 */
#ifndef MIMO_RUNTIME_DATA_TEMPLATE_H
#define MIMO_RUNTIME_DATA_TEMPLATE_H

#include "plan/plan.h"
#include "runtime/data/record.h"
#include "runtime/data/sequence.h"
#include "runtime/data/tokenizer.h"

/* What a template works with. */
struct mimo_template_context {
    const struct mimo_plan *plan;
    const struct mimo_tokenizer *tokenizer;
    int32_t *scratch; /* room for sequence_length + 1 tokens */
};

/* Fails with MIMO_E_WORLD where this version does not carry out the plan's template. */
enum mimo_status mimo_template_check(const struct mimo_plan *plan, struct mimo_error *err);

/* Puts a record without fault into `sequence`, from its begin to its end. As a prompt, it ends
 * where the first answer after the last human turn begins, and has no targets. */
void mimo_template_apply(const struct mimo_template_context *context,
                         const struct mimo_record *record, bool as_prompt,
                         struct mimo_sequence *sequence);

#endif
