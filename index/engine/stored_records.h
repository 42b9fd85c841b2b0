// Refine records that are left on disk, read for the rows that need them.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "index/engine/snapshot.h"
#include "index/status.h"
#include "index/store/store.h"
#include "index/types.h"

namespace tessera::engine {

// Whether the refine records of a snapshot's rows have to be read from the store.
inline bool RefineIsOnDisk(const Snapshot& snapshot) { return snapshot.lists.layout().records_on_disk; }

// Of the candidates of one query; reused from query to query. Not thread-safe.
class StoredRecords {
 public:
  // Keeps no more memory than usual queries take.
  void Clear();

  // Reads those of the rows that it has not yet, as of the snapshot, all at once and in the order in which they stand on
  // disk. rows[i] is in lists[i]. Holds no lock. DataLoss names the posting that is damaged or missing.
  Status Read(const Snapshot& snapshot, const store::Store& store, const std::vector<ListId>& lists,
              const std::vector<RowId>& rows);

  // Of RowLayout::record_bytes. Valid until the next Read. Precondition: it was read.
  const uint8_t* record(RowId row) const { return bytes_.data() + slots_.find(row.value)->second; }

 private:
  struct Place {
    ListId list;
    RowId row;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  std::unordered_map<uint32_t, size_t> slots_;  // row -> where its record begins
  std::vector<uint8_t> bytes_;
  std::vector<Place> missing_;
  std::vector<ListId> lists_;
  std::vector<RowId> rows_;
};

}  // namespace tessera::engine
