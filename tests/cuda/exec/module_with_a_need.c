/* A module that needs a library which is not installed: as libmimo_cuda.so without NCCL. */
#include "runtime/backend/module.h"

extern const char mimo_needed[];

const struct mimo_module mimo_module = {.version = mimo_needed};
