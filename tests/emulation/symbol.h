/*
 * symbol.h - the name of a function by its address, static ones included, for messages.
 */
#ifndef MIMO_EMULATION_SYMBOL_H
#define MIMO_EMULATION_SYMBOL_H

#include <string>

namespace emulation
{

/* Its C++ name from the symbol table of the file that holds it; the address in hexadecimal without
 * one. */
std::string symbol_name(const void *function);

} // namespace emulation

#endif
