/*
 * safetensors.h - the headers of safetensors files: 8 bytes length, JSON, data.
 *
 * The format: https://huggingface.co/docs/safetensors (format section), little-endian. A file is
 * untrusted: whatever it holds, opening it either succeeds, and then every tensor lies within the
 * file and has the size that its shape and type say, or fails with a message that names the file.
 */
#ifndef MIMO_RUNTIME_CHECKPOINT_SAFETENSORS_H
#define MIMO_RUNTIME_CHECKPOINT_SAFETENSORS_H

#include "plan/arena.h"
#include "runtime/checkpoint/checkpoint.h"
#include "runtime/checkpoint/disk.h"

enum {
    MIMO_SAFETENSORS_HEADER_BYTES_MAX = 100 * 1000 * 1000, /* as the reference reader */
    MIMO_SAFETENSORS_DIMENSIONS_MAX = 8,
    MIMO_SAFETENSORS_TENSORS_MAX = 1000 * 1000,
    MIMO_SAFETENSORS_NAME_BYTES_MAX = 512,
};

/* X(enumerator, the format's word, bytes of an element) */
#define MIMO_SAFETENSORS_TYPES(X)                                                                  \
    X(F64, "F64", 8)                                                                               \
    X(F32, "F32", 4)                                                                               \
    X(F16, "F16", 2)                                                                               \
    X(BF16, "BF16", 2)                                                                             \
    X(I64, "I64", 8)                                                                               \
    X(I32, "I32", 4)                                                                               \
    X(I16, "I16", 2)                                                                               \
    X(I8, "I8", 1)                                                                                 \
    X(U64, "U64", 8)                                                                               \
    X(U32, "U32", 4)                                                                               \
    X(U16, "U16", 2)                                                                               \
    X(U8, "U8", 1)                                                                                 \
    X(BOOL, "BOOL", 1)                                                                             \
    X(F8_E4M3, "F8_E4M3", 1)                                                                       \
    X(F8_E5M2, "F8_E5M2", 1)                                                                       \
    X(F8_E8M0, "F8_E8M0", 1)                                                                       \
    X(C64, "C64", 8)

enum mimo_safetensors_type {
#define MIMO_SAFETENSORS_ROW(name, word, bytes) MIMO_SAFETENSORS_##name,
    MIMO_SAFETENSORS_TYPES(MIMO_SAFETENSORS_ROW)
#undef MIMO_SAFETENSORS_ROW
};

/* The format's word for a type ("BF16"), and the bytes of one element. */
const char *mimo_safetensors_word(enum mimo_safetensors_type type);
uint32_t mimo_safetensors_element_bytes(enum mimo_safetensors_type type);

struct mimo_safetensors_tensor {
    const char *name;
    enum mimo_safetensors_type type;
    uint32_t dimensions;
    uint64_t shape[MIMO_SAFETENSORS_DIMENSIONS_MAX];
    uint64_t begin, bytes; /* in the file */
};

/* An open file; its memory belongs to `arena`. */
struct mimo_safetensors {
    struct mimo_disk_file file;
    struct mimo_arena arena;
    const struct mimo_safetensors_tensor *tensors; /* ascending by name */
    uint32_t count;
};

/*
 * Opens and checks a file: sizes of header, names and shapes within the limits above, no name
 * twice, known types, data ranges that match shape and type and follow one another from the end of
 * the header to the end of the file without gap or overlap. Fails with the status `failure`.
 */
enum mimo_status mimo_safetensors_open(struct mimo_safetensors *out_safetensors, const char *path,
                                       enum mimo_status failure, struct mimo_error *err);
void mimo_safetensors_close(struct mimo_safetensors *safetensors);

/* The tensor of that name, or NULL. */
const struct mimo_safetensors_tensor *
mimo_safetensors_find(const struct mimo_safetensors *safetensors, const char *name);

/* "[32, 64]" in `text`, cut if too long; returns it. */
const char *mimo_safetensors_shape(const uint64_t *shape, uint32_t dimensions, char *text,
                                   size_t size);

/* A file to be written. */
struct mimo_safetensors_layout {
    const char *head; /* length and header, to be written at 0 */
    uint64_t head_bytes;
    const uint64_t *begins; /* of each tensor's data, in the file */
    uint64_t bytes;         /* of the whole file */
};

/* Lays the tensors out one after another in their order, behind a header that is padded with spaces
 * to a multiple of 64 bytes. Pure: equal lists give equal layouts. Fails with MIMO_E_CHECKPOINT for
 * names that the format cannot hold (twice, not UTF-8, too long) and lists beyond the limits. */
enum mimo_status mimo_safetensors_lay_out(struct mimo_arena *arena,
                                          const struct mimo_tensor_info *tensors, uint32_t count,
                                          struct mimo_safetensors_layout *out_layout,
                                          struct mimo_error *err);

#endif
