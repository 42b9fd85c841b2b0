// The queries of a run and their true neighbours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bench/ann/options.h"
#include "index/collection.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera::bench {

// A value. All queries of a run, or a part of them.
struct QuerySet {
  size_t dim = 0;
  std::vector<float> vectors;  // size() x dim
  size_t truth_k = 0;
  std::vector<int32_t> truth;  // size() x truth_k, row numbers of the base, -1 = none

  size_t size() const { return dim == 0 ? 0 : vectors.size() / dim; }
  MatrixView<const float> Rows(size_t begin, size_t count) const {
    return {vectors.data() + begin * dim, count, dim};
  }
  std::span<const int32_t> Truth(size_t query) const {
    return {truth.data() + query * truth_k, truth_k};
  }
  QuerySet Part(size_t begin, size_t count) const;
};

// The queries that options.query_begin and query_count choose, with truth if a file has it.
// InvalidArgument if the files do not fit each other, if a true neighbour is not below `base_rows`
// (a truth of other rows), or if there are no queries.
StatusOr<QuerySet> ReadQueries(const Options& options, uint64_t base_rows);

// Sets the truth by exact search in the collection, whose ids are row numbers.
Status ComputeTruth(Collection& collection, uint32_t k, QuerySet& queries);

}  // namespace tessera::bench
