// The scan of codes that are records: each live row of the probed lists is scored by itself.
#pragma once

#include <cstdint>
#include <span>

#include "index/deadline.h"
#include "index/lists/list.h"
#include "index/lists/scan.h"
#include "index/lists/top_k.h"
#include "index/quant/model.h"
#include "index/quant/query.h"

namespace tessera::lists {

// Scores and their order do not depend on the order of lists. Not thread-safe; reused query by
// query.
class RecordScanner {
 public:
  // Borrows model, table, top and mask (null = all live rows) until the last Scan.
  void Start(const quant::Model& model, const quant::ListTable& table,
             const quant::TransformedQuery& query, TopK& top, const RowMask* mask = nullptr);

  // Scans probed[first, last) of `lists`; a candidate's place names its index in `probed`. `stop`
  // is asked for each chunk.
  Status Scan(const ListSet& lists, std::span<const quant::ProbedList> probed, size_t first,
              size_t last, const StopToken& stop, ScanCounts& counts);

 private:
  void ScanChunk(const Chunk& chunk, const uint64_t* live, const RowLayout& layout, float base,
                 Place place);

  const quant::RecordCode* code_ = nullptr;
  const quant::ListTable* table_ = nullptr;
  const RowMask* mask_ = nullptr;
  TopK* top_ = nullptr;
  quant::RecordQuery query_;
};

}  // namespace tessera::lists
