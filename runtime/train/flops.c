#include "runtime/train/flops.h"

#include "plan/work.h"

double mimo_flops_utilisation(const struct mimo_plan *plan, uint64_t tokens, uint64_t images,
                              double seconds)
{
    const double peak = plan->cluster->peak * plan->meta->world_size;
    const double modalities = plan->modality_count > 0 ? plan->modality_count : 1.0;
    const struct mimo_load load = {
        .tokens = (double)tokens,
        .images = (double)images / modalities,
    };

    return peak > 0.0 ? mimo_work_of_step(plan, &load) / (peak * seconds) : 0.0;
}
