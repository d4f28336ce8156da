#include "emulated_tensor_core.h"

#include "block.h"
#include "cuda_bf16.h"
#include "warp.h"

namespace
{

using emulation::meeting_requests;
using emulation::warp_meet;

constexpr unsigned all_lanes = 0xffffffffu;

/* ---- mma ---- */

struct product_request {
    float *d;
    const uint32_t *a, *b;
    const float *c;
};

struct tile {
    float a[16][16], b[16][8], c[16][8];
};

const product_request &request_of(const meeting_requests &requests, unsigned lane)
{
    return *static_cast<const product_request *>(requests.of_lane[lane]);
}

/* Half 0 is the lower one. */
float number_in(uint32_t pair, unsigned half)
{
    return __bfloat162float(__ushort_as_bfloat16(static_cast<unsigned short>(pair >> (16 * half))));
}

void gather(tile &whole, const product_request &request, unsigned lane)
{
    const unsigned group = lane / 4, member = lane % 4;
    for (unsigned i = 0; i < 4; i++)
        for (unsigned half = 0; half < 2; half++)
            whole.a[group + 8 * (i % 2)][2 * member + 8 * (i / 2) + half] =
                number_in(request.a[i], half);
    for (unsigned i = 0; i < 2; i++)
        for (unsigned half = 0; half < 2; half++)
            whole.b[2 * member + 8 * i + half][group] = number_in(request.b[i], half);
    for (unsigned i = 0; i < 4; i++)
        whole.c[group + 8 * (i / 2)][2 * member + i % 2] = request.c[i];
}

float dot(const tile &whole, unsigned row, unsigned column)
{
    float sum = whole.c[row][column];
    for (unsigned k = 0; k < 16; k++)
        sum += whole.a[row][k] * whole.b[k][column];
    return sum;
}

void multiply(const meeting_requests &requests)
{
    tile whole;
    for (unsigned lane = 0; lane < 32; lane++)
        gather(whole, request_of(requests, lane), lane);
    for (unsigned lane = 0; lane < 32; lane++)
        for (unsigned i = 0; i < 4; i++)
            request_of(requests, lane).d[i] =
                dot(whole, lane / 4 + 8 * (i / 2), 2 * (lane % 4) + i % 2);
}

/* ---- ldmatrix ---- */

struct load_request {
    uint32_t *r;
    const void *row;
};

/* Number `column` of row `row` of matrix `matrix`. */
uint32_t element(const meeting_requests &requests, unsigned matrix, unsigned row, unsigned column)
{
    const load_request *request =
        static_cast<const load_request *>(requests.of_lane[8 * matrix + row]);
    return static_cast<const uint16_t *>(request->row)[column];
}

template <unsigned Count, bool IsTransposed> void load(const meeting_requests &requests)
{
    for (unsigned lane = 0; lane < 32; lane++) {
        const unsigned group = lane / 4, first = 2 * (lane % 4);
        uint32_t *r = static_cast<load_request *>(requests.of_lane[lane])->r;
        for (unsigned i = 0; i < Count; i++) {
            const uint32_t low = IsTransposed ? element(requests, i, first, group)
                                              : element(requests, i, group, first);
            const uint32_t high = IsTransposed ? element(requests, i, first + 1, group)
                                               : element(requests, i, group, first + 1);
            r[i] = low | high << 16;
        }
    }
}

template <unsigned Count, bool IsTransposed>
void ldmatrix(const char *function, uint32_t *r, const void *row)
{
    load_request request{r, row};
    if (emulation::current_lane() < 8 * Count)
        emulation::check_shared_row(function, row);
    warp_meet(function, all_lanes, load<Count, IsTransposed>, &request);
}

} // namespace

void mma_m16n8k16_bf16(float d[4], const uint32_t a[4], const uint32_t b[2], const float c[4])
{
    product_request request{d, a, b, c};
    warp_meet("mma_m16n8k16_bf16", all_lanes, multiply, &request);
}

void ldmatrix_x4(uint32_t r[4], const void *row)
{
    ldmatrix<4, false>("ldmatrix_x4", r, row);
}

void ldmatrix_x4_trans(uint32_t r[4], const void *row)
{
    ldmatrix<4, true>("ldmatrix_x4_trans", r, row);
}

void ldmatrix_x2(uint32_t r[2], const void *row)
{
    ldmatrix<2, false>("ldmatrix_x2", r, row);
}

void ldmatrix_x2_trans(uint32_t r[2], const void *row)
{
    ldmatrix<2, true>("ldmatrix_x2_trans", r, row);
}
