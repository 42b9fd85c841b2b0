// Scales of lists: codes of one codebook for lists of unlike spread.
#pragma once

#include <cstdint>
#include <vector>

#include "index/types.h"

namespace tessera::quant {

// Of each of nlist lists the root mean square length of its residuals over that of all, drawn to 1 as if ten
// average rows more were in the list; > 0 and finite. Residuals over these are alike in all lists, so that codes
// of them err in proportion to how far apart a list's rows are: what ranks there is a smaller difference.
// residuals: n x dim, labels: their lists.
std::vector<float> MeasureListScales(MatrixView<const float> residuals,
                                     const std::vector<uint32_t>& labels, uint32_t nlist);

// The same of one list: squares, the sum of its residuals' squares over the mean of all, and their number.
float ListScale(double squares, double count);

// Row i of `rows` (n x dim, dense) over the scale of list labels[i].
std::vector<float> DivideByScales(MatrixView<const float> rows, const std::vector<uint32_t>& labels,
                                  const std::vector<float>& scales);

}  // namespace tessera::quant
