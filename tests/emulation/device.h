/*
 * device.h - the emulated devices and the state of calls of the runtime.
 */
#ifndef MIMO_EMULATION_DEVICE_H
#define MIMO_EMULATION_DEVICE_H

#include "cuda_runtime_api.h"

#include <mutex>

namespace emulation
{

/* Every call of the runtime holds this lock, through a `guard`; functions named _locked expect it.
 */
using guard = std::unique_lock<std::mutex>;
std::mutex &runtime_lock();

/* Makes the status the thread's last error where it is one; the sticky error comes before all
 * others. */
cudaError_t report(cudaError_t status);

int device_count();
size_t device_memory_size();
constexpr size_t shared_memory_max = size_t{227} * 1024; /* per block, having opted in: sm_90's */
constexpr size_t shared_memory_without_opting = size_t{48} * 1024;

/* The device that this host thread has chosen. */
int current_device();

} // namespace emulation

#endif
