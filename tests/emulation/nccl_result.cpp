#include "nccl_result.h"

#include <mutex>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

namespace
{

constexpr size_t TEXT_BYTES = 256;

std::mutex text_lock;
char last_text[TEXT_BYTES];

} // namespace

ncclResult_t emulation::nccl_fail(ncclResult_t result, const char *format, ...)
{
    const std::lock_guard<std::mutex> guard(text_lock);
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(last_text, sizeof last_text, format, arguments);
    va_end(arguments);
    return result;
}

/* A copy for each thread, which no other thread's error can change while it is read. */
const char *ncclGetLastError(ncclComm_t)
{
    static thread_local char text[TEXT_BYTES];
    const std::lock_guard<std::mutex> guard(text_lock);

    memcpy(text, last_text, sizeof text);
    return text;
}

const char *ncclGetErrorString(ncclResult_t result)
{
    switch (result) {
    case ncclSuccess:
        return "no error";
    case ncclUnhandledCudaError:
        return "unhandled cuda error";
    case ncclSystemError:
        return "unhandled system error";
    case ncclInternalError:
        return "internal error";
    case ncclInvalidArgument:
        return "invalid argument";
    case ncclInvalidUsage:
        return "invalid usage";
    case ncclRemoteError:
        return "remote process exited or there was a network error";
    case ncclInProgress:
        return "NCCL operation in progress";
    case ncclNumResults:
        break;
    }
    return "unknown result code";
}

ncclResult_t ncclGetVersion(int *version)
{
    if (version == nullptr)
        return emulation::nccl_fail(ncclInvalidArgument, "ncclGetVersion: version is NULL");
    *version = NCCL_VERSION_CODE;
    return ncclSuccess;
}
