// Replies to requests with ids, kept so that a request that comes again gets the first reply and changes nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "index/collection.h"
#include "index/status.h"
#include "index/store/store.h"

namespace tessera::engine {

// What a request comes to, whatever its kind.
struct WriteResult {
  uint64_t commit = 0;
  size_t rows = 0;  // written, or deleted
  std::vector<RowError> rejected;
};

// The bytes of a reply (README); the decoder returns DataLoss.
std::string EncodeReply(const WriteResult& result);
StatusOr<WriteResult> DecodeReply(std::string_view bytes);

// Numbers the kept replies and lets the oldest go. Nothing of it is in memory but where they begin and end. Owned by
// whoever has the commit turn.
class RequestLog {
 public:
  // How many, and how long.
  void Bound(uint64_t most, int64_t retention_ms) {
    most_ = most;
    retention_ms_ = retention_ms;
  }
  // Where an earlier process stopped.
  Status Open(const store::Store& store);

  // The kept replies of some ids, parallel to them.
  StatusOr<std::vector<std::optional<store::RequestRecord>>> Find(const store::Store& store,
                                                                  const std::vector<std::string>& ids,
                                                                  int64_t now_ms) const;
  // Puts a reply into the batch of the commit that it is the reply of.
  void Keep(const std::string& id, uint32_t fingerprint, const WriteResult& result, int64_t now_ms,
            store::Batch& batch);
  // Drops some of what is too old or too much; more of it with each call than a call to Keep adds.
  Status Expire(const store::Store& store, int64_t now_ms, store::Batch& batch);

 private:
  uint64_t most_ = 0;
  int64_t retention_ms_ = 0;
  uint64_t begin_ = 0;  // places taken
  uint64_t end_ = 0;
};

}  // namespace tessera::engine
