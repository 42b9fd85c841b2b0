// The small records of a damaged collection, and the model that serves it again.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "index/collection.h"
#include "index/engine/metadata.h"
#include "index/quant/model.h"
#include "index/status.h"
#include "index/store/store.h"

namespace tessera::engine {

struct SalvagedRecords {
  std::map<std::string, std::string> bytes;  // by name, those that can be read
  CollectionSpec spec;
  Active active;
  Progress progress;  // next_row is 0 if it is not known
  bool was_trained = false;
  std::shared_ptr<const quant::Model> model;  // null: none can be read
  std::shared_ptr<const quant::ListTable> table;
  bool keeps_lists = false;  // the table is the one that rows were assigned by
};

// Appends to `notes` what is not as it was. DataLoss if not even the collection's description can be read.
// FailedPrecondition: a newer version wrote some of it.
StatusOr<SalvagedRecords> ReadSalvagedRecords(const store::Store& store, const store::StoreSnapshot& at,
                                              uint64_t durable, std::vector<std::string>& notes);

// What makes the rows a collection, centroids too, in one synced batch: written last.
Status WriteSalvagedRecords(const SalvagedRecords& records, bool expiring, store::Store& store,
                            std::vector<std::string>& notes);

}  // namespace tessera::engine
