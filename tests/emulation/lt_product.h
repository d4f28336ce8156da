/* lt_product.h - the product of two matrices in float32, fast enough for tests that train. */
#ifndef MIMO_EMULATION_LT_PRODUCT_H
#define MIMO_EMULATION_LT_PRODUCT_H

#include "lt_matrix.h"

#include <vector>

namespace emulation
{

/* a * b in columns without gaps. Each element is a sum of sums over DEPTH consecutive terms. */
std::vector<float> lt_product(const lt_matrix &a, const lt_matrix &b);

} // namespace emulation

#endif
