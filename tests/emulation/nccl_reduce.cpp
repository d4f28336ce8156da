#include "nccl_reduce.h"

#include "cuda_bf16.h"

#include <cmath>
#include <stdint.h>
#include <type_traits>

namespace emulation
{

namespace
{

template <typename T> T sum(T a, T b)
{
    if constexpr (std::is_integral_v<T>) {
        using wrapping = std::make_unsigned_t<T>;
        return static_cast<T>(
            static_cast<wrapping>(static_cast<wrapping>(a) + static_cast<wrapping>(b)));
    } else {
        return a + b;
    }
}

template <typename T> T maximum(T a, T b)
{
    if constexpr (std::is_integral_v<T>)
        return a > b ? a : b;
    else
        return std::fmax(a, b);
}

__nv_bfloat16 sum(__nv_bfloat16 a, __nv_bfloat16 b)
{
    return __float2bfloat16_rn(__bfloat162float(a) + __bfloat162float(b));
}

__nv_bfloat16 maximum(__nv_bfloat16 a, __nv_bfloat16 b)
{
    return __float2bfloat16_rn(std::fmax(__bfloat162float(a), __bfloat162float(b)));
}

template <typename T> void combine(ncclRedOp_t op, void *into, const void *more, size_t count)
{
    T *const a = static_cast<T *>(into);
    const T *const b = static_cast<const T *>(more);

    for (size_t i = 0; i < count; i++)
        a[i] = op == ncclSum ? sum(a[i], b[i]) : maximum(a[i], b[i]);
}

struct arithmetic {
    ncclDataType_t type;
    size_t bytes;
    void (*combine)(ncclRedOp_t op, void *into, const void *more, size_t count);
};

constexpr arithmetic arithmetics[] = {
    {ncclInt8, sizeof(int8_t), combine<int8_t>},
    {ncclUint8, sizeof(uint8_t), combine<uint8_t>},
    {ncclInt32, sizeof(int32_t), combine<int32_t>},
    {ncclInt64, sizeof(int64_t), combine<int64_t>},
    {ncclUint64, sizeof(uint64_t), combine<uint64_t>},
    {ncclFloat32, sizeof(float), combine<float>},
    {ncclFloat64, sizeof(double), combine<double>},
    {ncclBfloat16, sizeof(__nv_bfloat16), combine<__nv_bfloat16>},
};

const arithmetic *find(ncclDataType_t type)
{
    for (const arithmetic &row : arithmetics)
        if (row.type == type)
            return &row;
    return nullptr;
}

} // namespace

size_t nccl_type_bytes(ncclDataType_t type)
{
    const arithmetic *row = find(type);

    return row == nullptr ? 0 : row->bytes;
}

bool nccl_is_reduction(ncclRedOp_t op)
{
    return op == ncclSum || op == ncclMax;
}

void nccl_combine(ncclDataType_t type, ncclRedOp_t op, void *into, const void *more, size_t count)
{
    find(type)->combine(op, into, more, count);
}

} // namespace emulation
