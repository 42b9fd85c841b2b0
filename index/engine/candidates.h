// Specs worth trying for a number of bytes a vector. The only place that knows which kinds of
// quantizer compete: a new kind is one line in candidates.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "index/quantizer_spec.h"

namespace tessera::engine {

struct Candidate {
  QuantizerSpec spec;
  double bytes = 0;  // a vector: code, correction and, where it is kept in memory, refine code
};

// Of each kind the spec that fills at most `bytes` a vector as far as the kind allows on `dim`
// dimensions; kinds that would leave half of it unused are left out where others do not. Empty if
// nothing fits. With refine_on_disk refine codes take none of it.
std::vector<Candidate> Candidates(uint32_t dim, double bytes, bool refine_on_disk = false);

// The smallest spec of each kind as text, those that training does not know yet included.
std::vector<std::string> CandidateKinds();

// The fewest bytes a vector for which there is a candidate.
inline constexpr double kSmallestCandidate = 2;
// The most that any kind can use.
double LargestCandidate(uint32_t dim);

// Budgets from min to max, both included, in equal steps of about 1.4 times.
std::vector<double> BudgetSteps(double min, double max);

}  // namespace tessera::engine
