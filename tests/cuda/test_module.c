/*
 * test_module.c - what is in libmimo_cuda.so: test_cuda_module MODULE PROGRAM KERNELS, the program
 * that loads it and the number of its kernels' sources. Without arguments there is no module to
 * look at: exit status 77, skipped.
 *
 * Section .nv_fatbin holds an archive for each source: a header, then entries of machine code or
 * PTX, each with a header of its own. NVIDIA documents none of it; cuobjdump shows the same.
 */
#include "tests/cuda/elf_file.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SKIPPED = 77, ARCHIVE_MAGIC = (int)0xBA55ED50, KIND_PTX = 1, KIND_MACHINE_CODE = 2 };

struct archive {
    uint32_t magic;
    uint16_t version, header_size;
    uint64_t size; /* of all entries */
};

struct entry {
    uint16_t kind, version;
    uint32_t header_size;
    uint64_t size;
    uint32_t compressed_size, unknown;
    uint16_t minor, major;
    uint32_t architecture; /* 90 for sm_90 and compute_90 */
};

struct findings {
    unsigned sources;                  /* with all that is wanted */
    bool exports_module, exports_more; /* mimo_module; anything else */
    bool needs_driver, needs_runtime, needs_cublas, needs_nccl;
};

/* -- device code ------------------------------------------------------------------------------ */

struct codes {
    bool has_sm_80, has_sm_90, has_ptx_90;
};

static void note_entry(struct codes *codes, const struct entry *entry)
{
    if (entry->kind == KIND_MACHINE_CODE && entry->architecture == 80)
        codes->has_sm_80 = true;
    if (entry->kind == KIND_MACHINE_CODE && entry->architecture == 90)
        codes->has_sm_90 = true;
    if (entry->kind == KIND_PTX && entry->architecture == 90)
        codes->has_ptx_90 = true;
}

static struct codes read_archive(const unsigned char *bytes, size_t size)
{
    struct codes codes = {false, false, false};
    struct entry entry;

    for (size_t at = 0; size - at >= sizeof entry; at += entry.header_size + entry.size) {
        memcpy(&entry, bytes + at, sizeof entry);
        note_entry(&codes, &entry);
        if (entry.header_size < sizeof entry || entry.size > size - at - entry.header_size)
            break;
    }
    return codes;
}

static void read_archives(struct findings *findings, struct elf_section section)
{
    struct archive archive;

    for (size_t at = 0; section.size - at >= sizeof archive;) {
        memcpy(&archive, section.bytes + at, sizeof archive);
        if (archive.magic != (uint32_t)ARCHIVE_MAGIC) {
            at += sizeof(uint64_t); /* archives are aligned */
            continue;
        }
        at += archive.header_size;
        if (archive.size > section.size - at)
            return;
        const struct codes codes = read_archive(section.bytes + at, archive.size);
        findings->sources += codes.has_sm_80 && codes.has_sm_90 && codes.has_ptx_90;
        at += archive.size;
    }
}

/* -- linking ---------------------------------------------------------------------------------- */

static bool is_library(const char *name, const char *library)
{
    return strncmp(name, library, strlen(library)) == 0;
}

static void note_needed(const char *name, void *context)
{
    struct findings *const findings = context;

    findings->needs_driver |= is_library(name, "libcuda.so");
    findings->needs_runtime |= is_library(name, "libcudart.so");
    findings->needs_cublas |= is_library(name, "libcublasLt.so");
    findings->needs_nccl |= is_library(name, "libnccl.so");
}

static void note_export(const char *name, void *context)
{
    struct findings *const findings = context;

    if (strcmp(name, "mimo_module") == 0)
        findings->exports_module = true;
    else
        findings->exports_more = true;
}

/* -- what the program gives it ---------------------------------------------------------------- */

struct search {
    const struct elf_file *program;
    const char *name;
    bool is_found;
    unsigned missing;
};

static void compare(const char *name, void *context)
{
    struct search *const search = context;

    search->is_found |= strcmp(name, search->name) == 0;
}

static void note_import(const char *name, void *context)
{
    struct search *const search = context;

    if (strncmp(name, "mimo_", strlen("mimo_")) != 0)
        return;
    search->name = name;
    search->is_found = false;
    elf_each_export(search->program, compare, search);
    if (!search->is_found)
        (void)printf("%s is defined nowhere\n", name);
    search->missing += !search->is_found;
}

static unsigned missing_symbols(const struct elf_file *module, const char *program_path)
{
    struct elf_file program = elf_read(program_path);
    struct search search = {.program = &program};

    elf_each_import(module, note_import, &search);
    elf_release(&program);
    return search.missing;
}

/* -- verdict ---------------------------------------------------------------------------------- */

static int expect(bool is_so, const char *what)
{
    (void)printf("%s: %s\n", is_so ? "ok" : "FAILED", what);
    return is_so ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct findings f = {0};
    struct elf_file file;
    unsigned long kernels;
    int failures = 0;

    if (argc != 4) {
        (void)printf("skipped: this build has no CUDA module, for want of a toolkit or because of "
                     "sanitizers\n");
        return SKIPPED;
    }
    file = elf_read(argv[1]);
    kernels = strtoul(argv[3], NULL, 10);
    read_archives(&f, elf_section_of(&file, ".nv_fatbin"));
    elf_each_needed(&file, note_needed, &f);
    elf_each_export(&file, note_export, &f);
    (void)printf("%u of %lu sources have machine code for sm_80 and sm_90, and PTX\n", f.sources,
                 kernels);
    failures += expect(kernels > 0 && f.sources == kernels, "device code of every source");
    failures += expect(!f.needs_driver, "the driver, libcuda, is not linked");
    failures += expect(!f.needs_runtime, "the CUDA runtime is linked statically");
    failures += expect(f.needs_cublas && f.needs_nccl, "cuBLASLt and NCCL are linked");
    failures += expect(f.exports_module && !f.exports_more, "mimo_module is all that it exports");
    failures += expect(missing_symbols(&file, argv[2]) == 0, "the program has what it lacks");
    elf_release(&file);
    return failures == 0 ? 0 : 1;
}
