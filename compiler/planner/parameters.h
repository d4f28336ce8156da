/*
 * parameters.h - the table of all tensors of a model, from the shapes and layouts of its modules.
 *
 * A weight is called after its module (or projector) and the name that it has in a Hugging Face
 * folder of that architecture: "llm.model.layers.3.mlp.up_proj.weight". gpt stores q, k and v apart
 * ("transformer.h.3.attn.q.weight"), each matrix as [output, input]; its folders have them side by
 * side, as [input, output].
 */
#ifndef MIMO_COMPILER_PLANNER_PARAMETERS_H
#define MIMO_COMPILER_PLANNER_PARAMETERS_H

#include "compiler/planner/draft.h"

/*
 * Builds section PARM and sets the modules' parameter_first, parameter_count and elements. Modules,
 * projectors, stages and draft->owners are there already. A projector that several encoders share
 * is listed with the first of them. Tied heads have an entry only where pp > 1, and do not count as
 * elements.
 */
void mimo_parameters_build(struct mimo_draft *draft);

#endif
