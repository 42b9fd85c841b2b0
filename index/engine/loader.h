// Builds the in-memory mirror from the store: on open, and for a new generation. The only place that knows
// how rows on disk become lists in memory.
#pragma once

#include "index/engine/snapshot.h"
#include "index/executor.h"
#include "index/status.h"
#include "index/store/store.h"
#include "index/types.h"

namespace tessera::engine {

struct LoadRequest {
  const store::Store* store = nullptr;
  const store::StoreSnapshot* rows_at = nullptr;      // view of vectors and rows; null = latest
  const store::StoreSnapshot* postings_at = nullptr;  // a rebuild's postings are younger than its rows
  Generation generation;
  const quant::Model* model = nullptr;  // null for generation 0
  uint32_t nlist = 1;
  uint32_t dim = 0;
  Metric metric = Metric::kL2;
  uint32_t next_row = 0;
  bool refine_on_disk = false;  // records are left there
};

// Reads in parallel over ranges of rows and lists.
StatusOr<lists::ListSet> LoadLists(const LoadRequest& request, Executor& executor);

// A list's centroid, and its scale where the model has some.
void PutList(Generation generation, ListId list, const quant::Model& model, const quant::ListTable& table,
             store::Batch& batch);

// What PutList put: the centroids, and the scales into the model. The lists may be others than those that it was
// trained with.
StatusOr<std::shared_ptr<const quant::ListTable>> LoadTable(const store::Store& store, const store::StoreSnapshot* at,
                                                            Generation generation, uint32_t nlist,
                                                            quant::Model& model);

}  // namespace tessera::engine
