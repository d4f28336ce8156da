#include "symbol.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vector>

namespace emulation
{
namespace
{

std::vector<char> file_contents(const char *path)
{
    std::vector<char> bytes;
    char piece[4096];
    FILE *file = fopen(path, "rb");
    if (file == nullptr)
        return bytes;
    for (size_t n; (n = fread(piece, 1, sizeof piece, file)) > 0;)
        bytes.insert(bytes.end(), piece, piece + n);
    (void)fclose(file);
    bytes.push_back('\0'); /* whatever the file holds, its names end */
    return bytes;
}

template <typename T> T at(const std::vector<char> &file, size_t offset)
{
    T value{};
    if (offset + sizeof value <= file.size())
        memcpy(&value, file.data() + offset, sizeof value);
    return value;
}

ElfW(Shdr) section(const std::vector<char> &file, size_t i)
{
    return at<ElfW(Shdr)>(file, at<ElfW(Ehdr)>(file, 0).e_shoff + i * sizeof(ElfW(Shdr)));
}

/* The name of the function at `address`, counted from where the file is loaded, in one symbol
 * table. */
std::string name_in_table(const std::vector<char> &file, const ElfW(Shdr) & table,
                          uintptr_t address)
{
    const ElfW(Shdr) names = section(file, table.sh_link);
    for (size_t offset = 0; offset < table.sh_size; offset += sizeof(ElfW(Sym))) {
        const ElfW(Sym) symbol = at<ElfW(Sym)>(file, table.sh_offset + offset);
        const size_t name = names.sh_offset + symbol.st_name;
        if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_value == address &&
            name < file.size())
            return file.data() + name;
    }
    return "";
}

std::string name_in_file(const char *path, uintptr_t address)
{
    const std::vector<char> file = file_contents(path);
    for (size_t i = 0; i < at<ElfW(Ehdr)>(file, 0).e_shnum; i++) {
        const ElfW(Shdr) table = section(file, i);
        const std::string name =
            table.sh_type == SHT_SYMTAB ? name_in_table(file, table, address) : "";
        if (!name.empty())
            return name;
    }
    return "";
}

std::string demangled(const std::string &name)
{
    int status = 0;
    char *text = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status);
    const std::string result = status == 0 ? text : name;
    free(text);
    return result;
}

std::string hexadecimal(uintptr_t address)
{
    char text[32];
    (void)snprintf(text, sizeof text, "0x%zx", static_cast<size_t>(address));
    return text;
}

/* Addresses in a symbol table count from the load address, save in a program at a fixed place. */
uintptr_t address_in_file(const Dl_info &place, uintptr_t address)
{
    const ElfW(Ehdr) *header = static_cast<const ElfW(Ehdr) *>(place.dli_fbase);
    return header->e_type == ET_EXEC ? address : address - reinterpret_cast<uintptr_t>(header);
}

} // namespace

std::string symbol_name(const void *function)
{
    const uintptr_t address = reinterpret_cast<uintptr_t>(function);
    Dl_info place{};
    if (dladdr(function, &place) == 0)
        return hexadecimal(address);
    std::string name = name_in_file(place.dli_fname, address_in_file(place, address));
    if (name.empty()) /* dli_fname of the program is what it was called by */
        name = name_in_file("/proc/self/exe", address_in_file(place, address));
    return name.empty() ? hexadecimal(address) : demangled(name);
}

} // namespace emulation
