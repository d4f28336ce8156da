/*
 * vectors.cuh - neighbouring elements that a thread reads or writes with one instruction.
 *
 * Kernels that memory bounds are templates over N, the elements of a thread at a time. They run
 * with N > 1 where all of their tensors lie, and all of their rows start, at multiples of N
 * elements, and with N = 1 elsewhere.
 */
#ifndef MIMO_RUNTIME_BACKEND_CUDA_KERNELS_VECTORS_CUH
#define MIMO_RUNTIME_BACKEND_CUDA_KERNELS_VECTORS_CUH

#include "runtime/backend/cuda/kernels/kernels.cuh"

/* Elements of 16 bytes, the most that one instruction moves. */
template <typename T> constexpr int CHUNK = 16 / static_cast<int>(sizeof(T));

/* For kernels that go over tensors of both types at once. */
constexpr int MIXED_CHUNK = CHUNK<float>;

constexpr size_t vector_alignment(size_t bytes)
{
    return bytes < 16 ? bytes : 16;
}

template <typename T, int N>
struct alignas(vector_alignment(sizeof(T) * static_cast<size_t>(N))) vector {
    T at[N];
};

template <int N, typename T> static __device__ __forceinline__ vector<T, N> load(const T *from)
{
    return *static_cast<const vector<T, N> *>(static_cast<const void *>(from));
}

template <int N, typename T>
static __device__ __forceinline__ void store(T *to, const vector<T, N> &values)
{
    *static_cast<vector<T, N> *>(static_cast<void *>(to)) = values;
}

template <typename T, int N>
static __device__ __forceinline__ vector<float, N> widen(const vector<T, N> &values)
{
    vector<float, N> wide;
#pragma unroll
    for (int e = 0; e < N; e++)
        wide.at[e] = widen(values.at[e]);
    return wide;
}

template <typename T, int N>
static __device__ __forceinline__ vector<T, N> narrow(const vector<float, N> &wide)
{
    vector<T, N> values;
#pragma unroll
    for (int e = 0; e < N; e++)
        values.at[e] = narrow<T>(wide.at[e]);
    return values;
}

template <int N, typename T>
static __device__ __forceinline__ vector<float, N> load_wide(const T *from)
{
    return widen(load<N>(from));
}

template <int N, typename T>
static __device__ __forceinline__ void store_narrow(T *to, const vector<float, N> &wide)
{
    store<N>(to, narrow<T, N>(wide));
}

/* The distance of `tensor` from the multiple of N elements before it. */
template <int N, typename T> static inline int64_t misalignment(const T *tensor)
{
    return static_cast<int64_t>(reinterpret_cast<uintptr_t>(tensor) / sizeof(T) % N);
}

/* Whether tensors with rows of such widths and strides can be gone over by N elements. NULL lies
 * well. */
template <int N, typename... T>
static inline bool is_aligned(std::initializer_list<int64_t> widths, const T *...tensors)
{
    bool result = ((misalignment<N>(tensors) == 0) && ...);
    for (const int64_t width : widths)
        result = result && width % N == 0;
    return result;
}

#endif
