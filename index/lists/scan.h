// Scans probed lists with a query's integer tables into a TopK.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "index/deadline.h"
#include "index/lists/list.h"
#include "index/lists/row_mask.h"
#include "index/lists/top_k.h"
#include "index/quant/query.h"
#include "index/simd/kernels.h"

namespace tessera::lists {

// What stays the same for all lists of a query.
struct ScanQuery {
  const simd::Kernels* kernels = nullptr;
  const quant::QueryTables* tables = nullptr;
  uint32_t code_bytes = 0;
  uint32_t bits = 8;          // of a sub-quantizer: 8, 6 or 4
  float correction_step = 1;  // of the model
  const RowMask* mask = nullptr;  // of the lists: no other rows are looked at; null = all live ones
};

struct ScanCounts {
  uint64_t rows_scanned = 0;  // of lists that were looked into
  uint64_t live_rows = 0;     // of all lists passed, also of those that could be skipped
  uint64_t lists_skipped = 0;
};

// A block and what a scan needs beside it. Borrows from the list.
struct BlockRef {
  const CodeBlock* block = nullptr;
  const uint64_t* live = nullptr;
  uint32_t position = 0;  // of its first row in the list
  bool few = false;  // of its rows the mask lets through: they are scored one by one
};
// Appends the blocks of a list that have rows alive, and let through by the mask if there is one.
void ListBlocks(const List& list, ListId id, const RowMask* mask, std::vector<BlockRef>& out);

// Estimate of a row: base + s * scale * (sum + part) in floats, where s is the list's scale, base = list base
// + s * (tables.offset + origin * s_q * step) and part, of a correction of u steps from the origin, (u * F) >> 8 with F =
// 256 * s_q * step / scale rounded; of an outlier floor(u * F / 256), F not rounded. It follows from query, list and row alone:
// neither the order of visits nor where the row is packed shows in the result. Of a block of which few rows are let
// through these are scored one by one, as outliers are, to the same estimates. A list whose least possible estimate
// cannot enter is skipped: the result is the same as without.
class Scanner {
 public:
  // Borrows both; reusable for another query by Start. Not thread-safe.
  void Start(const ScanQuery& query, TopK& top);

  // Scans probed[first, last) of `lists`; a candidate's place names its index in `probed`, whose
  // bases ascend. `stop` is asked every few lists.
  Status Scan(const ListSet& lists, std::span<const quant::ProbedList> probed, size_t first,
              size_t last, const StopToken& stop, ScanCounts& counts);
  // No row of a list with that lowest correction can enter.
  bool CanSkip(const quant::ProbedList& list, int32_t lowest_correction) const;
  // Scans some blocks of one list.
  void ScanBlocks(std::span<const BlockRef> blocks, uint32_t probe, const quant::ProbedList& list);

 private:
  // A block of one of several lists.
  struct Item {
    BlockRef block;
    uint32_t probe;
    float base;   // of estimates
    float scale;  // the list's and the tables'
  };

  void Collect(const ListSet& lists, std::span<const quant::ProbedList> probed, size_t first,
               size_t last, ScanCounts& counts);
  Status ScanItems(const StopToken& stop);
  // Asks for the cache lines of single rows.
  void FetchRows(const BlockRef& at) const;
  float Base(const quant::ProbedList& list) const;
  void ScanBlock(const Item& item);
  // Pushes those that are let through; `rest` becomes the other rows that are.
  void PushOutliers(const Item& item, const simd::ScanInput& in, uint64_t* rest);
  // What a correction adds to the sum.
  double OutlierPart(int32_t correction) const;
  // The kernel's selection, of single rows.
  size_t ScanRows(const simd::ScanInput& in);
  // The slow way, for blocks whose sums do not fit 16 bits or which have many outliers.
  void ScanWide(const Item& item, const simd::ScanInput& in);

  ScanQuery query_;
  TopK* top_ = nullptr;
  simd::ScanFn scan_ = nullptr;
  double offset_ = 0;  // of the tables
  double step_ = 1;    // of corrections in an estimate
  double exact_factor_ = 0;  // 256 * step / scale
  uint16_t factor_ = 0;      // the same, rounded
  float scale_ = 1;
  uint32_t largest_sum_ = 0;  // of table entries
  std::vector<BlockRef> blocks_;
  std::vector<Item> items_;
  simd::ScanOutput out_;
};

}  // namespace tessera::lists
