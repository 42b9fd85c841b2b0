#include "index/store/families.h"

#include <utility>

namespace tessera::store {

FamilyHandle MakeFamilyHandle(std::shared_ptr<rocksdb::DB> db,
                              rocksdb::ColumnFamilyHandle* handle) {
  return FamilyHandle(handle, [db = std::move(db)](rocksdb::ColumnFamilyHandle* h) {
    db->DestroyColumnFamilyHandle(h).PermitUncheckedError();
  });
}

const GenerationFamilies* Families::Find(Generation g) const {
  for (const GenerationFamilies& families : generations) {
    if (families.generation == g) return &families;
  }
  return nullptr;
}

std::vector<rocksdb::ColumnFamilyHandle*> Families::All() const {
  std::vector<rocksdb::ColumnFamilyHandle*> all = {records.get(), ids.get(), rows.get(),
                                                   vectors.get(), payload.get(), requests.get()};
  for (const GenerationFamilies& g : generations) {
    for (const FamilyHandle& handle : g.handles) all.push_back(handle.get());
  }
  return all;
}

}  // namespace tessera::store
