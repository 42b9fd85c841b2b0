// Sends the rows of files to a collection, several requests in flight, and keeps account of what
// the server has acknowledged.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/bad_rows.h"
#include "client/cli/load_input.h"
#include "client/cli/load_state.h"
#include "client/cli/read_ahead.h"
#include "client/client.h"
#include "client/upsert_stream.h"

namespace tessera::cli {

struct LoaderOptions {
  std::string collection;
  size_t batch_rows = 0;  // a request; 0 = about 2 MiB of vectors
  // Enough that the server finds a large commit waiting whenever it has finished one.
  size_t in_flight = 8;
  uint64_t id_offset = 0;  // added to row numbers, not to ids that files give
  uint64_t max_rows = 0;   // bad ones included; 0 = all
  uint64_t max_bad = 1000;
  int64_t expire_at_ms = 0;  // of all rows; 0 = never
  // Called on every change, with what is acknowledged so far and how much of the input's bytes has
  // been read, if that is known; may be empty.
  std::function<void(const LoadState&, std::optional<double> fraction)> on_progress;
};

// Used by one thread; files are read in another, ahead of the sending. A row that the server
// refuses is reported and left out; a request that fails as a whole ends the load.
class Loader {
 public:
  // `state` is where to begin: its counts go on, and its position is that of `input`.
  Loader(client::Client& client, LoadInput& input, BadRows& bad, LoadState state,
         LoaderOptions options);

  // Sends all rows, beginning with those of `first` if it is not null (a batch read already), and
  // waits for every acknowledgement. On an error, and when an interrupt is requested (Cancelled),
  // what was sent is waited for too, and state() says how far the load came.
  Status Run(const ReadBatch* first);

  const LoadState& state() const { return state_; }

 private:
  // A batch on its way.
  struct Pending {
    std::vector<uint64_t> row_numbers;  // of its good rows, in its file
    LoadPosition end;                   // behind it
    std::optional<PointId> last_id;
    size_t outstanding = 0;  // requests
    bool failed = false;
    uint64_t loaded = 0;
    uint64_t rejected = 0;
    uint64_t commit = 0;
  };

  Status SendBatch(const ReadBatch& read);
  Status SendRows(const formats::VectorBatch& batch, uint64_t rows_before, uint64_t sequence);
  void OnAck(client::UpsertAck ack);
  void Settle();
  void CheckBad();

  client::Client& client_;
  LoadInput& input_;
  BadRows& bad_;
  LoadState state_;
  LoaderOptions options_;
  std::unique_ptr<client::UpsertStream> stream_;
  std::deque<Pending> pending_;     // in the order of the files
  uint64_t first_sequence_ = 0;     // of pending_.front()
  std::optional<double> fraction_;  // as of the last batch that was sent
  uint64_t rejected_before_;        // by earlier runs
  Status failure_;
};

}  // namespace tessera::cli
