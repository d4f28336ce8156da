/*
 * presets.h - the declarations that ship with mimoc (presets/), where this machine has them.
 */
#ifndef MIMO_COMPILER_COMMAND_PRESETS_H
#define MIMO_COMPILER_COMMAND_PRESETS_H

#include "plan/arena.h"

/*
 * The folder of the presets: `../share/mimo/presets` seen from the running program, so that an
 * installation may be moved or unpacked anywhere; where that is no folder, the one that the build
 * was configured to install to (it need not exist). The text lives in the arena or for ever.
 */
const char *mimo_presets_find(struct mimo_arena *arena);

#endif
