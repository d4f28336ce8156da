#include "tests/cuda/elf_file.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void demand(bool condition, const char *what)
{
    if (condition)
        return;
    (void)fprintf(stderr, "the ELF file: %s\n", what);
    exit(1);
}

struct elf_file elf_read(const char *path)
{
    struct elf_file file = {NULL, 0};
    FILE *const stream = fopen(path, "rb");
    long size = 0;

    demand(stream != NULL, "cannot be opened");
    demand(fseek(stream, 0, SEEK_END) == 0 && (size = ftell(stream)) > 0, "has no size");
    rewind(stream);
    file.size = (size_t)size;
    file.bytes = malloc(file.size);
    demand(file.bytes != NULL && fread(file.bytes, 1, file.size, stream) == file.size,
           "cannot be read");
    (void)fclose(stream);
    demand(file.size > sizeof(Elf64_Ehdr) && memcmp(file.bytes, ELFMAG, SELFMAG) == 0 &&
               file.bytes[EI_CLASS] == ELFCLASS64,
           "is none of 64 bits");
    return file;
}

void elf_release(struct elf_file *file)
{
    free(file->bytes);
}

static const void *at(const struct elf_file *file, size_t offset, size_t size)
{
    demand(offset <= file->size && size <= file->size - offset, "ends too early");
    return file->bytes + offset;
}

/* -- sections --------------------------------------------------------------------------------- */

static Elf64_Shdr header_of(const struct elf_file *file, size_t index)
{
    Elf64_Ehdr elf;
    Elf64_Shdr section;

    memcpy(&elf, file->bytes, sizeof elf);
    memcpy(&section, at(file, elf.e_shoff + index * sizeof section, sizeof section),
           sizeof section);
    return section;
}

static size_t header_count(const struct elf_file *file)
{
    Elf64_Ehdr elf;

    memcpy(&elf, file->bytes, sizeof elf);
    return elf.e_shnum;
}

static struct elf_section content_of(const struct elf_file *file, const Elf64_Shdr *header)
{
    return (struct elf_section){at(file, header->sh_offset, header->sh_size), header->sh_size};
}

static const char *text_at(const struct elf_section *texts, size_t offset)
{
    const char *const text = (const char *)texts->bytes + offset;

    demand(offset < texts->size && memchr(text, '\0', texts->size - offset) != NULL,
           "has a text without an end");
    return text;
}

struct elf_section elf_section_of(const struct elf_file *file, const char *name)
{
    Elf64_Ehdr elf;
    Elf64_Shdr names;
    struct elf_section texts;

    memcpy(&elf, file->bytes, sizeof elf);
    names = header_of(file, elf.e_shstrndx);
    texts = content_of(file, &names);
    for (size_t i = 0; i < header_count(file); i++) {
        const Elf64_Shdr header = header_of(file, i);
        if (strcmp(text_at(&texts, header.sh_name), name) == 0)
            return content_of(file, &header);
    }
    return (struct elf_section){NULL, 0};
}

/* -- what the loader sees --------------------------------------------------------------------- */

void elf_each_needed(const struct elf_file *file, void (*each)(const char *name, void *context),
                     void *context)
{
    const struct elf_section entries = elf_section_of(file, ".dynamic");
    const struct elf_section texts = elf_section_of(file, ".dynstr");

    for (size_t i = 0; i < entries.size / sizeof(Elf64_Dyn); i++) {
        Elf64_Dyn entry;
        memcpy(&entry, entries.bytes + i * sizeof entry, sizeof entry);
        if (entry.d_tag == DT_NEEDED)
            each(text_at(&texts, entry.d_un.d_val), context);
    }
}

static bool is_exported(const Elf64_Sym *symbol)
{
    return symbol->st_shndx != SHN_UNDEF && ELF64_ST_BIND(symbol->st_info) != STB_LOCAL &&
           ELF64_ST_VISIBILITY(symbol->st_other) == STV_DEFAULT;
}

static bool is_imported(const Elf64_Sym *symbol)
{
    return symbol->st_shndx == SHN_UNDEF && ELF64_ST_BIND(symbol->st_info) == STB_GLOBAL;
}

static void each_symbol(const struct elf_file *file, bool (*is_meant)(const Elf64_Sym *symbol),
                        void (*each)(const char *name, void *context), void *context)
{
    const struct elf_section symbols = elf_section_of(file, ".dynsym");
    const struct elf_section texts = elf_section_of(file, ".dynstr");

    for (size_t i = 0; i < symbols.size / sizeof(Elf64_Sym); i++) {
        Elf64_Sym symbol;
        memcpy(&symbol, symbols.bytes + i * sizeof symbol, sizeof symbol);
        if (is_meant(&symbol))
            each(text_at(&texts, symbol.st_name), context);
    }
}

void elf_each_export(const struct elf_file *file, void (*each)(const char *name, void *context),
                     void *context)
{
    each_symbol(file, is_exported, each, context);
}

void elf_each_import(const struct elf_file *file, void (*each)(const char *name, void *context),
                     void *context)
{
    each_symbol(file, is_imported, each, context);
}
