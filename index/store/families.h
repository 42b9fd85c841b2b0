// The open column families of one database. Private to this folder.
#pragma once

#include <rocksdb/db.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "index/store/keys.h"
#include "index/types.h"

namespace tessera::store {

// Keeps the database open; destroyed before it, as RocksDB demands.
using FamilyHandle = std::shared_ptr<rocksdb::ColumnFamilyHandle>;
FamilyHandle MakeFamilyHandle(std::shared_ptr<rocksdb::DB> db, rocksdb::ColumnFamilyHandle* handle);

// The prefixes of a generation's families, in the order in which they are created.
inline constexpr std::array<const char*, 3> kGenerationPrefixes = {kCentroidsPrefix, kAssignPrefix,
                                                                   kPostingsPrefix};

struct GenerationFamilies {
  Generation generation;
  std::array<FamilyHandle, kGenerationPrefixes.size()> handles;  // parallel to kGenerationPrefixes

  rocksdb::ColumnFamilyHandle* centroids() const { return handles[0].get(); }
  rocksdb::ColumnFamilyHandle* assign() const { return handles[1].get(); }
  rocksdb::ColumnFamilyHandle* postings() const { return handles[2].get(); }
  const FamilyHandle& postings_handle() const { return handles[2]; }
  bool complete() const { return handles[0] && handles[1] && handles[2]; }
};

// Immutable once published: a change makes a copy.
struct Families {
  FamilyHandle records;  // "default"
  FamilyHandle ids;
  FamilyHandle rows;
  FamilyHandle vectors;
  FamilyHandle payload;
  FamilyHandle requests;
  std::vector<GenerationFamilies> generations;  // ascending

  // Null if there is no such generation.
  const GenerationFamilies* Find(Generation g) const;
  std::vector<rocksdb::ColumnFamilyHandle*> All() const;
};
using FamiliesPtr = std::shared_ptr<const Families>;

}  // namespace tessera::store
