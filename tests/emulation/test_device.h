/*
 * test_device.h - arrays on the emulated device and launches, for its tests.
 */
#ifndef MIMO_EMULATION_TEST_DEVICE_H
#define MIMO_EMULATION_TEST_DEVICE_H

#include <cuda_runtime.h>
#include <stdlib.h>
#include <vector>

/* Numbers in device memory; all transfers are synchronous. */
template <typename T> class device_array
{
  public:
    device_array(size_t count, T value) : count_(count)
    {
        if (cudaMalloc(&data_, count * sizeof(T)) != cudaSuccess)
            abort();
        set(std::vector<T>(count, value));
    }
    ~device_array()
    {
        (void)cudaFree(data_);
    }
    device_array(const device_array &) = delete;
    device_array &operator=(const device_array &) = delete;

    T *data()
    {
        return data_;
    }
    void set(const std::vector<T> &values)
    {
        (void)cudaMemcpy(data_, values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice);
    }
    std::vector<T> values() const
    {
        std::vector<T> copy(count_);
        (void)cudaMemcpy(copy.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost);
        return copy;
    }

  private:
    T *data_ = nullptr;
    size_t count_;
};

inline cudaLaunchConfig_t configuration(dim3 blocks, dim3 threads, size_t shared_size,
                                        cudaStream_t stream = nullptr)
{
    return cudaLaunchConfig_t{blocks, threads, shared_size, stream, nullptr, 0};
}

/* Launches on the legacy stream and waits for the device. */
template <typename... Parameters, typename... Arguments>
cudaError_t launch_and_wait(dim3 blocks, dim3 threads, size_t shared_size,
                            void (*kernel)(Parameters...), Arguments... arguments)
{
    const cudaLaunchConfig_t config = configuration(blocks, threads, shared_size);
    const cudaError_t status = cudaLaunchKernelEx(&config, kernel, arguments...);
    return status != cudaSuccess ? status : cudaDeviceSynchronize();
}

#endif
