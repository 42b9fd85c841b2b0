// What a quantizer is wanted for, from which the planner chooses one by measurement.
#pragma once

#include <cstdint>

#include "index/status.h"

namespace tessera {

// None given, or exactly one of bytes_per_vector, memory_budget with expected_rows, target_recall. expected_rows may be
// given without: then it only says what has to fit into the memory limits when the collection is created.
// At each training the planner trains candidates on a sample of the collection's rows and measures
// recall@10 from memory (codes, and refine codes if there are any; no raw vectors) with all lists
// probed, of rows held out of the sample.
struct QuantizerGoal {
  // The best recall within so many bytes a vector: code, correction and, unless it is left on disk
  // (CollectionSpec::refine_on_disk), refine code. (Ids, lists, centroids and the model come on top.)
  double bytes_per_vector = 0;
  // The best recall within so many resident bytes at expected_rows (or the rows there are, if
  // more), counted as CollectionStats::memory counts: all in.
  uint64_t memory_budget = 0;
  uint64_t expected_rows = 0;
  // The fewest bytes a vector with this recall, 0 to 1: at the rows there are, by extrapolation
  // from the sample, less half the width of the 95 % interval.
  double target_recall = 0;

  bool given() const {
    return bytes_per_vector != 0 || memory_budget != 0 || target_recall != 0;
  }
  // InvalidArgument names the field; a budget that nothing fits, with the smallest that does.
  Status Validate(uint32_t dim) const;

  friend bool operator==(const QuantizerGoal&, const QuantizerGoal&) = default;
};

}  // namespace tessera
