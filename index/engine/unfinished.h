// A training or activation that was asked for, kept until it ends: one that a restart cut short is taken up again.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "index/engine/committer.h"
#include "index/engine/core.h"
#include "index/status.h"
#include "index/store/store.h"

namespace tessera::engine {

// What must be known to begin it anew.
struct Unfinished {
  uint32_t version = 0;    // of the codebook to be activated; 0 = one that is trained
  uint32_t attempts = 0;   // begun so often
  std::string quantizer;   // asked for by the training; empty = the collection's
  uint64_t sample_rows = 0;
  uint64_t seed = 0;

  Unfinished() = default;
  explicit Unfinished(const TrainOptions& options);
  TrainOptions Options() const;
};

inline constexpr const char* kUnfinishedRecord = "unfinished";

// Bytes are described in index/engine/README.md; DataLoss.
std::string EncodeUnfinished(const Unfinished& work);
StatusOr<Unfinished> DecodeUnfinished(const std::string& bytes);

// The work's record, durable when it is made; removed when it goes, unless the collection is being closed: that is
// no end of the work. (A switch to a new generation removes it in its own batch.)
class UnfinishedNote {
 public:
  // Not OK: the store cannot be written to, and the work is better not begun.
  static StatusOr<UnfinishedNote> Make(Core& core, const Unfinished& work);
  UnfinishedNote(UnfinishedNote&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  UnfinishedNote& operator=(UnfinishedNote&&) = delete;
  ~UnfinishedNote();

 private:
  explicit UnfinishedNote(Core& core) : core_(&core) {}
  Core* core_;
};

// At opening: whether there is work to take up. A damaged record is none.
bool HasUnfinished(const store::Store& store);
// Begins it again, if it has not been begun too often. Precondition: as TrainNow's. Blocks.
Status FinishWork(Core& core, Committer& committer);
// Of a restored collection: the work was the other one's.
Status ForgetWork(store::Store& store);

}  // namespace tessera::engine
