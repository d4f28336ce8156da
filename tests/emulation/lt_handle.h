/* lt_handle.h - the emulated cuBLASLt's handle. */
#ifndef MIMO_EMULATION_LT_HANDLE_H
#define MIMO_EMULATION_LT_HANDLE_H

struct cublasLtContext {
    int device; /* that was current when the handle was made */
};

#endif
