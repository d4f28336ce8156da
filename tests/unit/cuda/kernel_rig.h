/*
 * kernel_rig.h - an emulated GPU for single operations of the backend, without the rest of it.
 */
#ifndef MIMO_TESTS_UNIT_CUDA_KERNEL_RIG_H
#define MIMO_TESTS_UNIT_CUDA_KERNEL_RIG_H

#include "runtime/backend/cuda/cuda.h"

#include <cuda_bf16.h>
#include <stdint.h>
#include <string.h>
#include <type_traits>
#include <vector>

/* A backend whose operations are those that `enter` enters, on a stream of its own. */
class kernel_rig
{
  public:
    kernel_rig(void (*enter)(struct mimo_backend_ops *ops, bool is_bf16), bool is_bf16);
    ~kernel_rig();
    kernel_rig(const kernel_rig &) = delete;
    kernel_rig &operator=(const kernel_rig &) = delete;

    struct mimo_backend *be()
    {
        return &be_;
    }
    const struct mimo_backend_ops *operator->() const
    {
        return be_.ops;
    }
    /* Waits for the stream; the first failure so far, "" where there is none. */
    const char *finish();

  private:
    struct mimo_cuda cuda_;
    struct mimo_backend be_;
};

/* Elements in device memory, `shift` of them after a multiple of 256 bytes. Those not given a value
 * are NaN of a certain pattern, by which is_untouched knows them. */
template <typename T> class device_rows
{
  public:
    explicit device_rows(int64_t count, int64_t shift = 0)
        : bits_(static_cast<size_t>(count), static_cast<bits>(-1))
    {
        if (cudaMalloc(&memory_, bytes() + static_cast<size_t>(shift + 1) * sizeof(T)) !=
            cudaSuccess)
            abort();
        first_ = memory_ + shift;
        upload();
    }
    ~device_rows()
    {
        (void)cudaFree(memory_);
    }
    device_rows(const device_rows &) = delete;
    device_rows &operator=(const device_rows &) = delete;

    T *data()
    {
        return first_;
    }
    void upload()
    {
        (void)cudaMemcpy(first_, bits_.data(), bytes(), cudaMemcpyHostToDevice);
    }
    void download()
    {
        (void)cudaMemcpy(bits_.data(), first_, bytes(), cudaMemcpyDeviceToHost);
    }
    /* Of the host's copy. */
    double get(int64_t i) const
    {
        const T value = element(i);
        if constexpr (std::is_same<T, float>::value)
            return static_cast<double>(value);
        else
            return static_cast<double>(__bfloat162float(value));
    }
    void set(int64_t i, double value)
    {
        T rounded;
        if constexpr (std::is_same<T, float>::value)
            rounded = static_cast<float>(value);
        else
            rounded = __float2bfloat16_rn(static_cast<float>(value));
        memcpy(&bits_[static_cast<size_t>(i)], &rounded, sizeof rounded);
    }
    bool is_untouched(int64_t i) const
    {
        return bits_[static_cast<size_t>(i)] == static_cast<bits>(-1);
    }
    bool equals(const device_rows &other) const
    {
        return bits_ == other.bits_;
    }
    int64_t count() const
    {
        return static_cast<int64_t>(bits_.size());
    }

  private:
    using bits = typename std::conditional<sizeof(T) == 2, uint16_t, uint32_t>::type;

    size_t bytes() const
    {
        return bits_.size() * sizeof(T);
    }
    T element(int64_t i) const
    {
        T value;
        memcpy(&value, &bits_[static_cast<size_t>(i)], sizeof value);
        return value;
    }

    std::vector<bits> bits_;
    T *memory_ = nullptr, *first_ = nullptr;
};

/* The next of a sequence of numbers in [-1, 1). */
double draw(uint32_t &state);

#endif
