// Which lists to probe: the nearest centroids of a query.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "index/quant/model.h"
#include "index/quant/query.h"

namespace tessera::quant {

// Reused between calls.
struct CoarseScratch {
  ByteVector query;
  std::vector<int8_t> vectors;
  std::vector<float> steps;
  std::vector<int32_t> products;
  std::vector<uint32_t> keys;
  std::vector<uint32_t> chosen;
  std::vector<uint32_t> blocks;  // of the groups that are looked into
  std::vector<float> zeros;
  std::vector<float> bases;
};

// The nprobe best lists by base, ascending, ties by list id. Many lists are first scored by bytes;
// of some more than nprobe so found, the bases are computed from the floats: a list is missed only
// if a quarter more of them seem nearer by bytes (measured: README). The bases are the same either
// way.
void CoarseSearch(const Model& model, const ListTable& lists, const TransformedQuery& query,
                  size_t nprobe, CoarseScratch& scratch, std::vector<ProbedList>& out);

// The same for several queries, whose products read the centroids once for some of them. out:
// queries.size().
void CoarseSearchBatch(const Model& model, const ListTable& lists,
                       std::span<const TransformedQuery* const> queries, size_t nprobe,
                       CoarseScratch& scratch, std::span<std::vector<ProbedList>* const> out);

}  // namespace tessera::quant
