// Confidence intervals of mean recall.
#pragma once

#include <cstdint>

#include "index/recall.h"

namespace tessera::engine {

inline constexpr double kTwoSided95 = 1.96;  // standard errors

// Wilson's score interval (Wilson 1927) of the mean of n values in [0, 1], `z` standard errors
// wide. Recall of a query is no coin: its variance is at most that of one with the same mean, so
// that n is raised to the number of coins that would vary as much, at most n * k. Without variance
// (all equal) it stays n: so an interval is never a point. Precondition: 0 <= mean <= 1, variance
// >= 0. n = 0 gives [0, 1].
RecallEstimate RecallInterval(double mean, double variance, uint64_t n, uint32_t k,
                              double z = kTwoSided95);

}  // namespace tessera::engine
