// The codebooks of a collection: every trained model, with its coarse centroids, is an object with a version. One
// is in force; others wait as candidates, or are kept to go back to.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "index/evaluation.h"
#include "index/quantizer_spec.h"
#include "index/status.h"
#include "index/training.h"
#include "index/types.h"

namespace tessera {

enum class CodebookState : uint8_t {
  kCandidate = 0,  // never in force
  kActive = 1,     // the rows of the collection are encoded with it
  kPrevious = 2,   // was in force, kept to go back to
};
const char* CodebookStateName(CodebookState state);  // "candidate", "active", "previous"

inline constexpr size_t kMaxCodebookLabelBytes = 128;

struct CodebookInfo {
  uint32_t version = 0;  // from 1, dense, never given out twice
  CodebookState state = CodebookState::kCandidate;
  QuantizerSpec asked;   // what was to be trained
  QuantizerSpec spec;    // with all choices made
  uint64_t bytes = 0;    // of its file
  uint32_t checksum = 0;  // crc32c of its file
  int64_t created_seconds = 0;  // since 1970
  std::string label;     // one with a label is never deleted by itself
  Generation generation;  // that it serves, or served last; 0 = none
  uint64_t trained_rows = 0;
  // Mean squared distance of rows (of unit length under cosine) to what their codes decode to: of the rows that
  // trained the codes; of rows of this collection that training did not see (after an import: of any rows), 0 of
  // them if there were none; of rows written since it is in force.
  double training_error = 0;
  double held_out_error = 0;
  uint64_t held_out_rows = 0;
  double live_error = 0;    // active only
  uint64_t live_rows = 0;   // that live_error was measured on
};

struct TrainOptions;

// All thread-safe. NotFound names an unknown version; DataLoss names one whose bytes are damaged, which hurts
// nothing else. AlreadyExists where a training or activation is running and another is asked for.
class Codebooks {
 public:
  virtual ~Codebooks() = default;

  virtual StatusOr<std::vector<CodebookInfo>> List() const = 0;  // ascending
  virtual StatusOr<CodebookInfo> Get(uint32_t version) const = 0;

  // Trains a candidate on a sample of the collection, with options.quantizer or the collection's own (a goal of
  // the collection is not planned for); nothing else changes. Blocks, as Activate and RollBack do;
  // searches and writes go on. The label (up to kMaxCodebookLabelBytes printable ASCII characters) may be empty.
  virtual StatusOr<CodebookInfo> Train(const TrainOptions& options, const std::string& label) = 0;
  // What searches with it would find: as Collection::Evaluate, with this codebook in place of those that it would
  // train, on a sample of the rows; queries are rows that no training of this collection saw, or
  // options.query_vectors. options.quantizers and byte range are left out.
  virtual StatusOr<EvaluateResult> Evaluate(uint32_t version, const EvaluateOptions& options) = 0;
  // Re-encodes all rows with it beside the old ones and switches atomically. After a failure, cancel or crash the
  // codebook before is in force. FailedPrecondition if it is active. The one before is kept; of older ones
  // without a label as many as CatalogOptions::kept_codebooks says.
  virtual Status Activate(uint32_t version, const TrainingContext& context) = 0;
  // Activates the one that was in force before the active one; FailedPrecondition if none is kept.
  virtual Status RollBack(const TrainingContext& context) = 0;

  // The bytes of a file that `tessera encode` and `decode` read too (index/quantizer.h).
  virtual StatusOr<std::string> Export(uint32_t version) const = 0;
  // Such a file becomes a candidate. InvalidArgument if it is damaged, or does not fit the collection's dimension
  // and metric; FailedPrecondition if a newer version wrote it.
  virtual StatusOr<CodebookInfo> Import(const std::string& bytes, const std::string& label) = 0;
  // FailedPrecondition if it is active.
  virtual Status Delete(uint32_t version) = 0;
};

}  // namespace tessera
