/* nccl_result.h - errors of the emulated NCCL, with a text for ncclGetLastError. */
#ifndef MIMO_EMULATION_NCCL_RESULT_H
#define MIMO_EMULATION_NCCL_RESULT_H

#include "nccl.h"

namespace emulation
{

/* Notes the text, printf-like, as the process's last error; gives `result` back. */
__attribute__((format(printf, 2, 3))) ncclResult_t nccl_fail(ncclResult_t result,
                                                             const char *format, ...);

} // namespace emulation

#endif
