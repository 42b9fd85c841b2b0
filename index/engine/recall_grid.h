// What tuning measured: recall at a grid of parameters, and the model of a query's cost. A record
// of the generation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "index/engine/cost_model.h"
#include "index/recall.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera::engine {

// The k that recall is measured for.
inline constexpr std::array<uint32_t, 5> kRecallBuckets = {1, 3, 10, 30, 100};

// A way to rank candidates: codes alone, or a tier with a depth.
struct RankForm {
  RerankTier tier = RerankTier::kNone;
  uint32_t depth = 0;  // 0 exactly for kNone
  friend bool operator==(const RankForm&, const RankForm&) = default;
};

// Plain data. cells: forms x nprobe x buckets, row-major.
struct RecallGrid {
  struct Cell {
    float recall = 0;    // mean over queries; 0 where the depth is below k
    float variance = 0;  // of one query's recall
  };

  Generation generation;
  uint64_t rows = 0;      // live rows when measured
  uint32_t next_row = 0;  // row ids given out by then
  uint32_t nlist = 0;     // lists then
  CalibrationSource source = CalibrationSource::kRows;
  uint32_t queries = 0;
  uint64_t unix_ms = 0;
  std::vector<uint32_t> nprobe;     // ascending, from 1
  std::vector<float> rows_scanned;  // parallel to nprobe: mean rows of so many lists
  std::vector<uint32_t> depths;     // ascending
  bool refine = false;              // the model has refine codes
  CostModel cost;
  std::vector<Cell> cells;

  // Forms by index: codes alone, refine by depth (if there is one), raw by depth.
  size_t forms() const { return 1 + depths.size() * (refine ? 2 : 1); }
  RankForm form(size_t i) const;
  size_t index(size_t form, size_t probe, size_t bucket) const {
    return (form * nprobe.size() + probe) * kRecallBuckets.size() + bucket;
  }
};

// Bytes are described in README.md. The decoder returns DataLoss; what it allocates is bounded by
// the input.
std::string EncodeGrid(const RecallGrid& grid);
StatusOr<RecallGrid> DecodeGrid(const std::string& bytes);

// 1, 2, 3, 4, 5, 6, 8, 10, 13, 16, ... (three a doubling), the last one `most`. Precondition: most
// >= 1.
std::vector<uint32_t> ProbeGrid(uint32_t most);
// Depths worth measuring in a collection of so many rows: at most 1,280, ascending.
std::vector<uint32_t> DepthGrid(uint64_t rows);

}  // namespace tessera::engine
