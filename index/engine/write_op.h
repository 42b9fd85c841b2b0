// Mutations on their way to the committer.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "index/collection.h"
#include "index/engine/core.h"
#include "index/quant/encoder.h"
#include "index/status.h"

namespace tessera::engine {

// A validated row of an upsert; borrows the caller's bytes.
struct PreparedRow {
  PointId id;
  ElementType type = ElementType::kF32;
  std::string_view vector;
  float norm = 0;
  ScalarParams quantization{};
};

// One request. Either an upsert (rows) or a delete (ids).
struct WriteOp {
  std::vector<PreparedRow> rows;
  Generation generation;            // that `encoded` belongs to
  quant::EncodedRows encoded;       // generation > 0
  std::vector<float> floats;        // generation 0: rows x dim, normalised under cosine
  ErrorSums errors;                 // of some of `encoded`
  std::vector<RowError> rejected;
  Collection::UpsertDone upsert_done;

  std::vector<PointId> deletes;
  Collection::DeleteDone delete_done;

  size_t bytes = 0;  // for the queue's bound
  bool is_upsert() const { return static_cast<bool>(upsert_done); }
  size_t size() const { return is_upsert() ? rows.size() : deletes.size(); }
  void Finish(const Status& status) {
    if (is_upsert()) {
      upsert_done(status);
    } else {
      delete_done(status);
    }
  }
};

// Checks, normalises and encodes points with the model in force. Bad rows: an error that names the first
// (partial = false), or entries of op->rejected.
StatusOr<std::unique_ptr<WriteOp>> PrepareUpsert(Core& core, const std::vector<PointInput>& points,
                                                 const UpsertOptions& options);

// Encodes op's rows for `snapshot`'s generation (again, when training switched meanwhile).
void EncodeOp(Core& core, const Snapshot& snapshot, WriteOp& op);

}  // namespace tessera::engine
