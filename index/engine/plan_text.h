// What a planner tried, and its explanation in words and numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "index/engine/candidates.h"
#include "index/quantizer_goal.h"
#include "index/status.h"

namespace tessera::engine {

// A candidate and what was measured of it.
struct Tried {
  Candidate candidate;
  Status error;
  double recall = 0;  // that decides: of a finalist on all of the sample; for a target at the rows of the collection
  double margin = 0;
  double sample_recall = 0;  // on the few rows that all candidates are tried on
  double sample_margin = 0;
  uint64_t resident = 0;  // projected
  bool finalist = false;

  bool Reaches(double target) const { return error.ok() && recall - margin >= target; }
};

// Rows and queries that candidates, and finalists, are tried on. The latter are 0 if there are no finals.
struct PlanSample {
  size_t rows = 0;
  size_t queries = 0;
  size_t final_rows = 0;
  size_t final_queries = 0;
};

// `live` rows there are, `rows` are planned for.
std::string ExplainPlan(const QuantizerGoal& goal, uint64_t live, uint64_t rows, const PlanSample& sample,
                        const std::vector<Tried>& tried, size_t chosen);

}  // namespace tessera::engine
