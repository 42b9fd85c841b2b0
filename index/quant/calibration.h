// The last step of training: the numbers of the estimator that are measured on the sample rather
// than derived.
#pragma once

#include <cstdint>
#include <vector>

#include "index/executor.h"
#include "index/quant/estimator.h"
#include "index/quant/model.h"

namespace tessera::quant {

// n sample rows (n = labels.size()), model.code_dim() floats each.
struct CalibrationInput {
  const std::vector<float>& residuals;
  const std::vector<float>& decoded;    // residuals after the product code
  const std::vector<uint32_t>& labels;  // their lists
  const std::vector<float>& norms;      // |x| before centring; empty unless inner product
  const std::vector<RowTail>& tails;    // with a truncation; else empty
  const ListTable& lists;
  Executor& executor;
};

// Sets model.training_error and, of table codes, ip_weight and the steps of corrections; model.mu keeps its
// value. The rest of the model is in place.
void Calibrate(const CalibrationInput& input, Model& model);

}  // namespace tessera::quant
