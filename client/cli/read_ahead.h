// Reads the batches of a load in a thread of its own, a few ahead, so that parsing and sending
// overlap.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "client/cli/load_input.h"
#include "client/cli/load_state.h"
#include "client/formats/vector_batch.h"
#include "index/status.h"

namespace tessera::cli {

// A batch and where the input stood behind it.
struct ReadBatch {
  formats::VectorBatch batch;
  LoadPosition end;
  uint64_t base = 0;               // rows of the files before
  std::optional<double> fraction;  // LoadInput::fraction()

  // Takes all but the batch itself from the input.
  void Note(const LoadInput& input) {
    end = input.position();
    base = input.base();
    fraction = input.fraction();
  }
};

// Next is for one thread. While this lives, of the input only what does not change (file, RowName)
// may be called by others. The destructor waits for the batch that is being read.
class ReadAhead {
 public:
  // Batches of `batch_rows` rows (0: about 2 MiB of vectors), `limit` rows in all.
  ReadAhead(LoadInput& input, size_t batch_rows, uint64_t limit);
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // The next batch, valid until the next call; null at the end. Errors come behind the batches
  // before them.
  StatusOr<const ReadBatch*> Next();

 private:
  static constexpr size_t kBatches = 4;  // one in the caller's hands, the others ahead

  void Read();
  // False: nothing more is wanted.
  bool TakeFree(ReadBatch** out);
  size_t RowsToRead(uint64_t left) const;

  LoadInput& input_;
  const size_t batch_rows_;
  const uint64_t limit_;
  std::vector<ReadBatch> batches_;
  ReadBatch* lent_ = nullptr;  // to the caller

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::vector<ReadBatch*> free_;
  std::deque<ReadBatch*> ready_;
  bool stop_ = false;
  bool ended_ = false;
  Status status_;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace tessera::cli
