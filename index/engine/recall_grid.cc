#include "index/engine/recall_grid.h"

#include <algorithm>
#include <cmath>

#include "index/base/bytes.h"
#include "index/base/format_version.h"

namespace tessera::engine {
namespace {

constexpr uint32_t kFormat = 1;
constexpr size_t kMostProbes = 128;
constexpr size_t kMostDepths = 64;
// Four a doubling, about: between them recall changes by a few thousandths.
constexpr uint32_t kDepths[] = {1,   2,   3,   4,   5,   6,   7,   8,   9,   10,  12,  14,  17,
                                20,  24,  28,  33,  40,  48,  57,  67,  80,  95,  113, 135, 160,
                                190, 226, 269, 320, 380, 452, 538, 640, 761, 905, 1076, 1280};

Status Damaged(const char* what) { return DataLoss(std::string("recall curve: ") + what); }

bool Ascend(const std::vector<uint32_t>& values) {
  return !values.empty() && values.front() > 0 &&
         std::adjacent_find(values.begin(), values.end(), std::greater_equal<>()) == values.end();
}

// Precondition: count is bounded.
std::vector<uint32_t> GetIntegers(ByteReader& in, size_t count) {
  std::vector<uint32_t> values;
  for (size_t i = 0; i < count && in.ok(); ++i) values.push_back(in.Get<uint32_t>());
  return values;
}

}  // namespace

RankForm RecallGrid::form(size_t i) const {
  if (i == 0) return {};
  const size_t at = i - 1;
  const bool first = at < depths.size();
  return {refine && first ? RerankTier::kRefine : RerankTier::kRaw,
          depths[first ? at : at - depths.size()]};
}

std::string EncodeGrid(const RecallGrid& grid) {
  std::string bytes;
  ByteWriter out(bytes);
  out.Put(kFormat);
  out.Put(grid.generation.value);
  out.Put(grid.rows);
  out.Put(grid.next_row);
  out.Put(grid.nlist);
  out.Put(static_cast<uint8_t>(grid.source));
  out.Put(static_cast<uint8_t>(grid.refine));
  out.Put(grid.queries);
  out.Put(grid.unix_ms);
  for (const double weight : grid.cost.weights) out.Put(weight);
  out.Put(static_cast<uint16_t>(grid.nprobe.size()));
  out.Put(static_cast<uint16_t>(grid.depths.size()));
  for (const uint32_t n : grid.nprobe) out.Put(n);
  for (const float rows : grid.rows_scanned) out.Put(rows);
  for (const uint32_t depth : grid.depths) out.Put(depth);
  for (const RecallGrid::Cell& cell : grid.cells) {
    out.Put(cell.recall);
    out.Put(cell.variance);
  }
  return bytes;
}

StatusOr<RecallGrid> DecodeGrid(const std::string& bytes) {
  ByteReader in(bytes);
  const auto format = in.Get<uint32_t>();
  if (in.ok()) TESSERA_RETURN_IF_ERROR(CheckFormatVersion("the recall curve", format, kFormat));
  RecallGrid grid;
  grid.generation = Generation{in.Get<uint32_t>()};
  grid.rows = in.Get<uint64_t>();
  grid.next_row = in.Get<uint32_t>();
  grid.nlist = in.Get<uint32_t>();
  const auto source = in.Get<uint8_t>();
  const auto refine = in.Get<uint8_t>();
  grid.queries = in.Get<uint32_t>();
  grid.unix_ms = in.Get<uint64_t>();
  for (double& weight : grid.cost.weights) {
    weight = in.Get<double>();
    if (!(weight >= 0 && weight < 1e12)) return Damaged("a weight of the cost is out of range");
  }
  const auto probes = in.Get<uint16_t>();
  const auto depths = in.Get<uint16_t>();
  if (!in.ok() || source > static_cast<uint8_t>(CalibrationSource::kGiven) || refine > 1 ||
      probes > kMostProbes || depths > kMostDepths || grid.queries == 0 || grid.nlist == 0) {
    return Damaged("the head is short or out of range");
  }
  grid.source = static_cast<CalibrationSource>(source);
  grid.refine = refine != 0;
  grid.nprobe = GetIntegers(in, probes);
  for (size_t i = 0; i < probes; ++i) {
    grid.rows_scanned.push_back(in.Get<float>());
    if (!(grid.rows_scanned.back() >= 0 && grid.rows_scanned.back() <= 0x1p32f)) {
      return Damaged("rows scanned are out of range");
    }
  }
  grid.depths = GetIntegers(in, depths);
  if (!in.ok() || !Ascend(grid.nprobe) || !Ascend(grid.depths)) {
    return Damaged("the axes are short or do not ascend");
  }
  const size_t cells = grid.forms() * grid.nprobe.size() * kRecallBuckets.size();
  if (in.remaining() != cells * 2 * sizeof(float)) return Damaged("the cells have a wrong length");
  grid.cells.resize(cells);
  for (RecallGrid::Cell& cell : grid.cells) {
    cell.recall = in.Get<float>();
    cell.variance = in.Get<float>();
    if (!(cell.recall >= 0 && cell.recall <= 1 && cell.variance >= 0 && cell.variance <= 1)) {
      return Damaged("a cell is out of range");
    }
  }
  return grid;
}

std::vector<uint32_t> ProbeGrid(uint32_t most) {
  std::vector<uint32_t> grid;
  for (double at = 1; at < most; at *= std::cbrt(2.0)) {
    const auto n = static_cast<uint32_t>(std::lround(at));
    if (n < most && (grid.empty() || n > grid.back())) grid.push_back(n);
  }
  grid.push_back(most);
  return grid;
}

std::vector<uint32_t> DepthGrid(uint64_t rows) {
  std::vector<uint32_t> grid;
  for (const uint32_t depth : kDepths) {
    grid.push_back(depth);
    if (depth >= rows) break;
  }
  return grid;
}

}  // namespace tessera::engine
