/*
 * emulated_tensor_core.h - matrix instructions of a warp and asynchronous copies to shared memory.
 *
 * What runtime/backend/cuda/kernels/tensor_core.cuh writes in PTX for the real device, with the
 * register layouts of the PTX ISA (sections on mma.m16n8k16, ldmatrix and cp.async). The first five
 * functions are collective: all 32 lanes of a warp call them, or the program ends with a message.
 *
 * In the layouts below lane = 4 * group + member, 8 groups of 4 members; a register of 32 bits
 * holds two bfloat16, the one of lower column (of A), row (of B) or column (of a loaded row) in its
 * lower half.
 */
#ifndef MIMO_EMULATION_TENSOR_CORE_H
#define MIMO_EMULATION_TENSOR_CORE_H

#include <stdint.h>

/*
 * D[16 x 8] = A[16 x 16] B[16 x 8] + C[16 x 8], bfloat16 factors, float32 sums. Of a lane
 *   a[0..3] hold A[group + 8 * (i % 2)][2 * member + 8 * (i / 2) + 0..1],
 *   b[0..1] hold B[2 * member + 8 * i + 0..1][group],
 *   c and d hold [group + 8 * (i / 2)][2 * member + i % 2].
 * d may be c.
 */
void mma_m16n8k16_bf16(float d[4], const uint32_t a[4], const uint32_t b[2], const float c[4]);

/*
 * Loads 4 (2) matrices of 8 rows of 8 16-bit numbers. Lane 8 * i + j gives the address of row j of
 * matrix i (those of lanes 16..31 are ignored by x2): in shared memory, 16-byte aligned. A lane
 * gets in r[i] the numbers 2 * member + 0..1 of row `group` of matrix i; of its transpose by
 * _trans.
 */
void ldmatrix_x4(uint32_t r[4], const void *row);
void ldmatrix_x4_trans(uint32_t r[4], const void *row);
void ldmatrix_x2(uint32_t r[2], const void *row);
void ldmatrix_x2_trans(uint32_t r[2], const void *row);

/*
 * Starts to copy 16 bytes from global to shared memory, zeros where not valid (global is not read
 * then); both addresses are 16-byte aligned. The bytes land at any moment up to the end of the wait
 * that covers them, and are read from global at that moment.
 */
void copy_async_16(void *shared, const void *global, bool is_valid);

/* Makes a group of this thread's copies since its last commit. */
void copy_async_commit();

namespace emulation
{
void copy_async_wait(unsigned groups_pending);
} // namespace emulation

/* Waits until at most the Pending most recent groups of this thread have not landed. */
template <int Pending> inline void copy_async_wait()
{
    static_assert(Pending >= 0, "a count of groups");
    emulation::copy_async_wait(static_cast<unsigned>(Pending));
}

#endif
