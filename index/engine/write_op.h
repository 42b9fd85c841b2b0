// Mutations on their way to the committer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "index/collection.h"
#include "index/engine/core.h"
#include "index/engine/request_log.h"
#include "index/quant/encoder.h"
#include "index/status.h"

namespace tessera::engine {

// kExpire: deletes rows, unless they have been replaced.
enum class WriteKind : uint8_t { kUpsert, kPatch, kDelete, kExpire };

// A validated row of a request. `vector` is borrowed from the caller, or from WriteOp::owned.
struct PreparedRow {
  size_t index = 0;  // into the request
  PointId id;
  std::optional<uint64_t> if_version;
  std::optional<int64_t> expire_at_ms;  // of upserts, and of patches that change it; 0 = never
  RowId expired_row;                    // of kExpire
  // Of upserts.
  ElementType type = ElementType::kF32;
  std::string_view vector;
  float norm = 0;
  ScalarParams quantization{};
  std::string payload;  // canonical, empty = none; of patches what is to be merged or put in place
};

// One request.
struct WriteOp {
  WriteKind kind = WriteKind::kUpsert;
  UpsertMode mode = UpsertMode::kUpsert;      // of upserts
  PatchMode patch_mode = PatchMode::kMerge;   // of patches
  bool atomic = false;
  bool conditional = false;  // a row has if_version
  std::string request_id;
  uint32_t fingerprint = 0;  // of what is asked, if there is a request_id

  std::vector<PreparedRow> rows;
  std::vector<RowError> rejected;  // rows that could not be prepared
  std::string owned;               // bytes of the vectors, if the caller's do not live long enough

  // Of upserts.
  Generation generation;        // that `encoded` belongs to
  std::shared_ptr<const quant::Model> model;      // and that it was made with, the scales of lists among it
  std::shared_ptr<const quant::ListTable> table;  // and whose centroids its codes are to be added to
  quant::EncodedRows encoded;   // generation > 0
  std::vector<float> floats;    // generation 0: rows x dim, normalised under cosine
  ErrorSums errors;             // of some of `encoded`

  std::function<void(StatusOr<WriteResult>)> done;
  size_t bytes = 0;  // for the queue's bound

  // False: every row is applied, whatever is there.
  bool needs_checks() const {
    return conditional || kind == WriteKind::kPatch ||
           (kind == WriteKind::kUpsert && mode != UpsertMode::kUpsert);
  }
};

// Check the request; of upserts also normalise and encode, with the model in force. Bad rows go to op->rejected, or
// with `atomic` are an error that names the first. InvalidArgument for options that are no such, or too long.
StatusOr<std::unique_ptr<WriteOp>> PrepareUpsert(Core& core, const std::vector<PointInput>& points,
                                                 const UpsertOptions& options);
StatusOr<std::unique_ptr<WriteOp>> PreparePatch(const Core& core, const std::vector<PatchInput>& patches,
                                                const PatchOptions& options);
StatusOr<std::unique_ptr<WriteOp>> PrepareDelete(const std::vector<PointId>& ids,
                                                 const DeleteOptions& options);

// Whether a row may be applied to what is there under its id: version 0 = nothing. `version` counts only if the row
// has a condition. AlreadyExists, NotFound or Aborted names row and id.
Status CheckState(const WriteOp& op, const PreparedRow& row, bool exists, uint64_t version,
                  const std::string& collection);

// What a delete would come to now, were it not for others; nothing changes.
StatusOr<WriteResult> TryDelete(const Core& core, const ReadView& view, const WriteOp& op);

// Copies what the vectors borrow, for an op that outlives its caller's bytes.
void OwnVectors(WriteOp& op);

// Encodes op's rows for `snapshot`.
void EncodeOp(Core& core, const Snapshot& snapshot, WriteOp& op);

// Whether op's codes still mean what they did when it was encoded: the same generation, and the centroids and
// scales of the rows' lists are the same.
bool FitsSnapshot(const WriteOp& op, const Snapshot& snapshot);

}  // namespace tessera::engine
