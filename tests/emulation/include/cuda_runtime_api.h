/*
 * cuda_runtime_api.h - the part of the CUDA runtime's host interface that mimo uses, for C17 and
 * C++17.
 *
 * A stand-in for NVIDIA's header of the same name: names, types, values of enums and meanings are
 * those of the CUDA Runtime API reference (version 13), the text and what lies behind it are mimo's
 * own. A call that mimo does not use is absent, so that a new one is a conscious step.
 *
 * Devices are imitated on the host: MIMO_EMULATED_DEVICES of them (8 unless set), each with
 * MIMO_EMULATED_DEVICE_MEMORY bytes (16 GiB unless set). Device memory is host memory.
 */
#ifndef MIMO_EMULATION_CUDA_RUNTIME_API_H
#define MIMO_EMULATION_CUDA_RUNTIME_API_H

#include "vector_types.h"

#include <stddef.h>

#define CUDART_VERSION 13000

/* ---- errors ---- */

/* One row per error: its name less "cudaError", its value, its text. */
#define MIMO_EMULATED_CUDA_ERRORS(ROW)                                                             \
    ROW(InvalidValue, 1, "invalid argument")                                                       \
    ROW(MemoryAllocation, 2, "out of memory")                                                      \
    ROW(InitializationError, 3, "initialization error")                                            \
    ROW(InvalidConfiguration, 9, "invalid configuration argument")                                 \
    ROW(InvalidMemcpyDirection, 21, "invalid copy direction for memcpy")                           \
    ROW(InsufficientDriver, 35, "CUDA driver version is insufficient for CUDA runtime version")    \
    ROW(InvalidDeviceFunction, 98, "invalid device function")                                      \
    ROW(NoDevice, 100, "no CUDA-capable device is detected")                                       \
    ROW(InvalidDevice, 101, "invalid device ordinal")                                              \
    ROW(NoKernelImageForDevice, 209, "no kernel image is available for execution on the device")   \
    ROW(InvalidResourceHandle, 400, "invalid resource handle")                                     \
    ROW(IllegalState, 401, "the operation cannot be performed in the present state")               \
    ROW(NotReady, 600, "device not ready")                                                         \
    ROW(IllegalAddress, 700, "an illegal memory access was encountered")                           \
    ROW(LaunchOutOfResources, 701, "too many resources requested for launch")                      \
    ROW(LaunchFailure, 719, "unspecified launch failure")                                          \
    ROW(NotPermitted, 800, "operation not permitted")                                              \
    ROW(NotSupported, 801, "operation not supported")                                              \
    ROW(StreamCaptureUnsupported, 900, "operation not permitted when stream is capturing")         \
    ROW(StreamCaptureInvalidated, 901, "operation failed due to a previous error during capture")  \
    ROW(StreamCaptureMerge, 902,                                                                   \
        "operation would result in a merge of separate capture sequences")                         \
    ROW(StreamCaptureUnmatched, 903, "capture was not ended in the same stream as it began")       \
    ROW(StreamCaptureUnjoined, 904, "capturing stream has unjoined work")                          \
    ROW(StreamCaptureIsolation, 905, "dependency created on uncaptured work in another stream")    \
    ROW(StreamCaptureImplicit, 906,                                                                \
        "operation would make the legacy stream depend on a capturing blocking stream")            \
    ROW(CapturedEvent, 907,                                                                        \
        "operation not permitted on an event last recorded in a capturing stream")                 \
    ROW(StreamCaptureWrongThread, 908,                                                             \
        "attempt to terminate a thread-local capture sequence from another thread")                \
    ROW(Unknown, 999, "unknown error")

#define MIMO_EMULATED_CUDA_ERROR_VALUE(name, value, text) cudaError##name = value,
typedef enum cudaError {
    cudaSuccess = 0,
    MIMO_EMULATED_CUDA_ERRORS(MIMO_EMULATED_CUDA_ERROR_VALUE)
} cudaError_t;
#undef MIMO_EMULATED_CUDA_ERROR_VALUE

/* ---- handles and constants ---- */

typedef struct CUstream_st *cudaStream_t; /* NULL is the legacy default stream */
typedef struct CUevent_st *cudaEvent_t;
typedef struct CUgraph_st *cudaGraph_t;
typedef struct CUgraphExec_st *cudaGraphExec_t;

#define cudaStreamDefault      0x00
#define cudaStreamNonBlocking  0x01
#define cudaEventDefault       0x00
#define cudaEventBlockingSync  0x01
#define cudaEventDisableTiming 0x02
#define cudaEventRecordDefault 0x00
#define cudaEventWaitDefault   0x00
#define cudaHostAllocDefault   0x00
#define cudaHostAllocPortable  0x01

enum cudaMemcpyKind {
    cudaMemcpyHostToHost = 0,
    cudaMemcpyHostToDevice = 1,
    cudaMemcpyDeviceToHost = 2,
    cudaMemcpyDeviceToDevice = 3,
    cudaMemcpyDefault = 4
};

enum cudaStreamCaptureMode {
    cudaStreamCaptureModeGlobal = 0,
    cudaStreamCaptureModeThreadLocal = 1,
    cudaStreamCaptureModeRelaxed = 2
};

enum cudaStreamCaptureStatus {
    cudaStreamCaptureStatusNone = 0,
    cudaStreamCaptureStatusActive = 1,
    cudaStreamCaptureStatusInvalidated = 2
};

enum cudaDeviceAttr {
    cudaDevAttrMaxThreadsPerBlock = 1,
    cudaDevAttrWarpSize = 10,
    cudaDevAttrMultiProcessorCount = 16,
    cudaDevAttrComputeCapabilityMajor = 75,
    cudaDevAttrComputeCapabilityMinor = 76,
    cudaDevAttrMaxSharedMemoryPerBlockOptin = 97
};

enum cudaFuncAttribute {
    cudaFuncAttributeMaxDynamicSharedMemorySize = 8,
    cudaFuncAttributePreferredSharedMemoryCarveout = 9
};

struct cudaDeviceProp {
    char name[256];
    size_t totalGlobalMem;
    size_t sharedMemPerBlock;      /* without opting in */
    size_t sharedMemPerBlockOptin; /* at most, see cudaFuncSetAttribute */
    size_t sharedMemPerMultiprocessor;
    int regsPerBlock;
    int warpSize;
    int maxThreadsPerBlock;
    int maxThreadsDim[3];
    int maxGridSize[3];
    int major, minor; /* the compute capability */
    int multiProcessorCount;
    int maxThreadsPerMultiProcessor;
    int l2CacheSize;
    int memoryBusWidth; /* bits */
    int ECCEnabled;
    int pciBusID, pciDeviceID, pciDomainID;
};

/* Launch attributes exist as a type; a launch that carries any gives cudaErrorNotSupported. */
typedef struct cudaLaunchAttribute_st {
    unsigned id;
} cudaLaunchAttribute;

typedef struct cudaLaunchConfig_st {
    dim3 gridDim;
    dim3 blockDim;
    size_t dynamicSmemBytes;
    cudaStream_t stream;
    cudaLaunchAttribute *attrs;
    unsigned numAttrs;
} cudaLaunchConfig_t;

typedef void (*cudaHostFn_t)(void *user_data);

#ifdef __cplusplus
extern "C" {
#endif

/* ---- errors and versions ---- */

/* The last error of this host thread; the first form also forgets it, unless it is sticky. */
cudaError_t cudaGetLastError(void);
cudaError_t cudaPeekAtLastError(void);
const char *cudaGetErrorName(cudaError_t error);
const char *cudaGetErrorString(cudaError_t error);
cudaError_t cudaDriverGetVersion(int *version);
cudaError_t cudaRuntimeGetVersion(int *version);

/* ---- devices ---- */

cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDevice(int *device);
cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *properties, int device);
cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int device);
cudaError_t cudaDeviceGetPCIBusId(char *text, int length, int device);
cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest);
cudaError_t cudaDeviceSynchronize(void);

/* ---- memory ---- */

/* Fresh memory, of the device and of the host, holds bytes 0xFF: NaN as float and as bfloat16. */
cudaError_t cudaMalloc(void **memory, size_t size);
cudaError_t cudaFree(void *memory);
cudaError_t cudaMemGetInfo(size_t *free, size_t *total);
cudaError_t cudaMallocHost(void **memory, size_t size);
cudaError_t cudaHostAlloc(void **memory, size_t size, unsigned flags);
cudaError_t cudaFreeHost(void *memory);

cudaError_t cudaMemcpy(void *dst, const void *src, size_t count, enum cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t count, enum cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaMemcpy2DAsync(void *dst, size_t dst_pitch, const void *src, size_t src_pitch,
                              size_t width, size_t height, enum cudaMemcpyKind kind,
                              cudaStream_t stream);
cudaError_t cudaMemset(void *memory, int value, size_t count);
cudaError_t cudaMemsetAsync(void *memory, int value, size_t count, cudaStream_t stream);

/* ---- streams and events ---- */

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags);
cudaError_t cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned flags, int priority);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamQuery(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void *user_data);

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventQuery(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t start, cudaEvent_t end);
cudaError_t cudaEventDestroy(cudaEvent_t event);

/* ---- graphs ---- */

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph);
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, enum cudaStreamCaptureStatus *status);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph,
                                 unsigned long long flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);

/* ---- kernels ---- */

/* Sets a limit of one kernel; of more than 48 KiB of dynamic shared memory it must be told first.
 */
cudaError_t cudaFuncSetAttribute(const void *function, enum cudaFuncAttribute attribute, int value);

#ifdef __cplusplus
}
#endif

#endif
