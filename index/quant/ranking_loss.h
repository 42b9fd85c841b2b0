// The ranking loss that codes are fine-tuned to: the squared error of estimates near the decision threshold.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "index/quant/model.h"
#include "index/status.h"
#include "index/training.h"
#include "index/types.h"

namespace tessera::quant {

struct RankingSample {
  MatrixView<const float> residuals;    // r of the sample's rows, rotated, dense
  const std::vector<uint32_t>& labels;  // their lists
  const ListTable& lists;
  // Sample queries R (q - m0), or no rows: rows of the sample are the queries then.
  MatrixView<const float> queries;
  float mu;  // of the estimator
  std::span<const float> scales = {};  // of the lists, where codes are of residuals over these; or none
};

// Rows that MeasureRankingLoss takes at least.
inline constexpr uint64_t kMinRankingRows = 1000;

// The loss of a code is the mean of e^T W e over rows; W = E[v v^T], v = y - c - mu r (over its list's scale: so
// are the errors that count alike), over up to 1,024 queries y
// and the 16 sampled rows nearest to each of them (itself excluded), brought to trace dim, and three tenths
// of it the identity: no error is free. For L2 and cosine. dim x dim floats, symmetric. InvalidArgument below
// kMinRankingRows rows. The same bytes at any thread count. Memory: a copy of at most 32,768 rows, and 16 of
// them a query.
StatusOr<std::vector<float>> MeasureRankingLoss(const RankingSample& sample,
                                                const TrainingContext& context);

}  // namespace tessera::quant
