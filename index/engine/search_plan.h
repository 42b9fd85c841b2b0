// What a search was asked for with all choices made, and the state of one query on its way.
#pragma once

#include <cstdint>
#include <vector>

#include "index/collection.h"
#include "index/lists/record_scan.h"
#include "index/lists/scan.h"
#include "index/lists/top_k.h"
#include "index/quant/coarse.h"
#include "index/quant/query.h"

namespace tessera::engine {

// A result row, before ids and vectors are fetched.
struct RankedRow {
  float score = 0;
  RowId row;
  bool exact = false;
  bool string_id = true;  // the id has to be fetched
  uint64_t number = 0;    // else this is it
};

struct SearchPlan {
  uint32_t wanted = 10;  // limit + offset
  uint32_t nprobe = 1;
  RerankTier rerank = RerankTier::kNone;  // never kAuto
  uint32_t depth = 0;
  bool adaptive = false;  // rows that cannot enter by the bound on errors are not reranked
  // kNone of table codes: more candidates than wanted, scored again by the tables in float, since 7 bits for
  // the widest table and all others cost recall.
  bool float_tables = false;

  // The only rows that are looked at; null = all live ones. Borrowed.
  const lists::RowMask* mask = nullptr;
  uint32_t far_nprobe = 0;  // under a mask: at most so many lists for a query that is far from all that passes

  // Candidates that the tables in float score for so many results.
  static size_t TableCandidates(uint32_t wanted) { return 2 * size_t{wanted} + 32; }
  size_t candidates() const {
    if (float_tables) return TableCandidates(wanted);
    return depth > wanted ? depth : wanted;
  }
};

// One query from its transformation to its candidates. Memory is reused from query to query.
struct QueryState {
  quant::TransformedQuery query;
  quant::QueryTables tables;
  std::vector<quant::ProbedList> probed;
  lists::TopK top;
  lists::Scanner scanner;        // of table codes
  lists::RecordScanner records;  // of codes that are records
  lists::ScanCounts counts;
};

}  // namespace tessera::engine
