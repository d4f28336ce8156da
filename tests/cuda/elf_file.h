/*
 * elf_file.h - a 64-bit ELF file in memory: its sections, and what the loader would do with it.
 *
 * Functions end the program with a message where the file is not what they expect.
 */
#ifndef MIMO_TESTS_CUDA_ELF_FILE_H
#define MIMO_TESTS_CUDA_ELF_FILE_H

#include <elf.h>
#include <stddef.h>

struct elf_file {
    unsigned char *bytes;
    size_t size;
};

/* Bytes of the file; none where there is no such section. */
struct elf_section {
    const unsigned char *bytes;
    size_t size;
};

struct elf_file elf_read(const char *path);
void elf_release(struct elf_file *file);

struct elf_section elf_section_of(const struct elf_file *file, const char *name);

/* Calls `each` with the name of every library that the loader must find for this one. */
void elf_each_needed(const struct elf_file *file, void (*each)(const char *name, void *context),
                     void *context);
/* The same for every symbol that others can bind to, and for every one that others must define. */
void elf_each_export(const struct elf_file *file, void (*each)(const char *name, void *context),
                     void *context);
void elf_each_import(const struct elf_file *file, void (*each)(const char *name, void *context),
                     void *context);

#endif
