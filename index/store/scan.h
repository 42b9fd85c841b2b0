// One pass over a range of a family's keys. Private to this folder.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/iterator.h>

#include <memory>
#include <string>
#include <string_view>

#include "index/store/keys.h"
#include "index/store/options.h"
#include "index/store/rocks_status.h"
#include "index/store/rocks_store.h"

namespace tessera::store {

inline std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

inline const rocksdb::Snapshot* SnapshotOf(const StoreSnapshot* at) {
  return at == nullptr ? nullptr : static_cast<const RocksSnapshot*>(at)->get();
}

// "rows[17]: "
inline std::string At(const std::string& family, const std::string& key) { return family + "[" + key + "]: "; }
inline std::string At(const std::string& family, uint32_t key) { return At(family, std::to_string(key)); }

// Calls visit(key, value) for the keys of [begin, end), or up to the last one where there is no end, until one fails.
template <typename Visit>
Status Scan(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, std::string_view begin, const std::string_view* end,
            const StoreSnapshot* at, const Visit& visit) {
  if (end != nullptr && begin >= *end) return OkStatus();
  const rocksdb::Slice upper = end == nullptr ? rocksdb::Slice() : rocksdb::Slice(end->data(), end->size());
  const std::unique_ptr<rocksdb::Iterator> it(
      db.NewIterator(ScanOptions(SnapshotOf(at), end == nullptr ? nullptr : &upper), family));
  for (it->Seek(rocksdb::Slice(begin.data(), begin.size())); it->Valid(); it->Next()) {
    TESSERA_RETURN_IF_ERROR(visit(ToView(it->key()), ToView(it->value())));
  }
  return FromRocks(it->status(), "scan " + family->GetName());
}

template <typename Visit>
Status Scan(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, std::string_view begin, std::string_view end,
            const StoreSnapshot* at, const Visit& visit) {
  return Scan(db, family, begin, &end, at, visit);
}

inline Status MalformedKey(const std::string& family, std::string_view key) {
  return DataLoss(family + ": a key of " + std::to_string(key.size()) + " bytes is malformed");
}

// Scans by row: visit(row, value).
template <typename Visit>
Status ScanRowOrder(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, RowId begin, RowId end,
                    const StoreSnapshot* at, const Visit& visit) {
  const Key32 first = RowKey(begin);
  const Key32 last = RowKey(end);
  return Scan(db, family, View(first), View(last), at, [&](std::string_view key, std::string_view value) {
    RowId row;
    if (!ParseRowKey(key, row)) return MalformedKey(family->GetName(), key);
    return visit(row, value);
  });
}

}  // namespace tessera::store
