#include "lt_epilogue.h"

#include "lt_problem.h"

#include <cmath>

namespace emulation
{

namespace
{

/* The tanh form: x/2 * (1 + tanh(u)), u = sqrt(2/pi) * (x + 0.044715 x^3). */
constexpr float GELU_SCALE = 0.7978845608028654F, GELU_CUBIC = 0.044715F;

float gelu(float x)
{
    return 0.5F * x * (1 + std::tanh(GELU_SCALE * (x + GELU_CUBIC * x * x * x)));
}

float gelu_slope(float x)
{
    const float t = std::tanh(GELU_SCALE * (x + GELU_CUBIC * x * x * x));
    const float u_slope = GELU_SCALE * (1 + 3 * GELU_CUBIC * x * x);

    return 0.5F * (1 + t) + 0.5F * x * (1 - t * t) * u_slope;
}

/* The part of the epilogue that gives an element of D from an element of the scaled product. */
float transformed(const lt_call &call, size_t i, size_t j, float x)
{
    if (call.epilogue == CUBLASLT_EPILOGUE_DGELU || call.epilogue == CUBLASLT_EPILOGUE_DGELU_BGRAD)
        return x * gelu_slope(lt_read(call.aux, i, j));
    if (lt_adds_bias(call.epilogue))
        x += lt_read(call.bias, i, 0);
    if (lt_uses_aux(call.epilogue))
        lt_write(call.aux, i, j, x);
    return (call.epilogue & CUBLASLT_EPILOGUE_GELU) != 0 ? gelu(x) : x;
}

void store_row_sums(const lt_matrix &m, const lt_matrix &out)
{
    for (size_t i = 0; i < m.rows; i++) {
        float sum = 0;
        for (size_t j = 0; j < m.columns; j++)
            sum += lt_read(m, i, j);
        lt_write(out, i, 0, sum);
    }
}

void store_vector(const lt_matrix &out, const std::vector<float> &values)
{
    for (size_t i = 0; i < out.rows; i++)
        lt_write(out, i, 0, values[i]);
}

void spoil(const lt_matrix &m)
{
    for (size_t j = 0; j < m.columns; j++)
        for (size_t i = 0; i < m.rows; i++)
            lt_write(m, i, j, NAN);
}

} // namespace

void lt_spoil_outputs(const lt_call &call)
{
    const bool reads_aux = (call.epilogue & CUBLASLT_EPILOGUE_GELU) == 0;

    if (call.beta == 0 || call.c.data != call.d.data)
        spoil(call.d);
    if (call.aux.data != nullptr && !reads_aux)
        spoil(call.aux);
    if (lt_writes_bias(call.epilogue))
        spoil(call.bias);
}

void lt_store_product(const lt_call &call, const std::vector<float> &product)
{
    const lt_matrix &d = call.d;
    std::vector<float> sums(d.rows);

    for (size_t j = 0; j < d.columns; j++)
        for (size_t i = 0; i < d.rows; i++) {
            float x = call.alpha * product[j * d.rows + i];
            if (call.beta != 0)
                x += call.beta * lt_read(call.c, i, j);
            x = transformed(call, i, j, x);
            sums[i] += x;
            lt_write(d, i, j, x);
        }
    if (call.epilogue == CUBLASLT_EPILOGUE_DGELU_BGRAD)
        store_vector(call.bias, sums);
    if (call.epilogue == CUBLASLT_EPILOGUE_BGRADA)
        store_row_sums(call.a, call.bias);
    if (call.epilogue == CUBLASLT_EPILOGUE_BGRADB)
        store_row_sums(lt_transposed(call.b), call.bias);
}

} // namespace emulation
