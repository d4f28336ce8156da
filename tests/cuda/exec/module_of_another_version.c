/* A module of the CUDA backend's name, by an older version of the project. */
#include "runtime/backend/module.h"

const struct mimo_module mimo_module = {.version = "0.0.9"};
