/*
 * memory.h - which memory an address belongs to.
 */
#ifndef MIMO_EMULATION_MEMORY_H
#define MIMO_EMULATION_MEMORY_H

namespace emulation
{

/* Whether a kernel would reach the address as global memory: of a device or pinned on the host. */
bool memory_is_global(const void *address);

} // namespace emulation

#endif
