// Upserts with several requests in flight, for loading: the round trip and the server's fsync of
// one request overlap with the making of the next.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "client/client_types.h"
#include "index/status.h"

namespace tessera::client {

// One request of the stream has ended.
struct UpsertAck {
  uint64_t tag = 0;  // as given to Send
  // OK: every row is durable or listed in result.rejected. Otherwise the whole request failed,
  // after all retries.
  Status status;
  UpsertResult result;
};

struct UpsertStreamOptions {
  size_t in_flight = 4;  // requests at once, >= 1
  int64_t expire_at_ms = 0;  // of all rows: Unix milliseconds, 0 = never
  // Once set, by any thread or signal handler, nothing is tried again: failures come as they are.
  const std::atomic<bool>* stop = nullptr;
  // Called inside Send, Poll and Drain, on their thread; not in the order of sending. Must not
  // call the stream.
  std::function<void(UpsertAck)> on_ack;
};

// One thread at a time. Retries as the client's policy says, inside the calls below. The destructor
// cancels what is in flight; call Drain before for a clean end.
class UpsertStream {
 public:
  virtual ~UpsertStream() = default;

  // Copies the rows into a request and sends it, first waiting while `in_flight` requests are out.
  // Never splits: a request above the client's max_request_bytes is InvalidArgument, as are rows
  // that do not fit each other. Failures of requests go to on_ack.
  virtual Status Send(uint64_t tag, IdRows ids, VectorRows rows,
                      std::span<const std::string> payloads = {}) = 0;
  // Delivers the acknowledgements that are there, without waiting.
  virtual void Poll() = 0;
  // Waits until nothing is in flight.
  virtual void Drain() = 0;
};

// How many of these rows surely fit one request of max_request_bytes, at least 1.
size_t RowsPerRequest(size_t max_request_bytes, const IdRows& ids, const VectorRows& rows,
                      std::span<const std::string> payloads = {});

}  // namespace tessera::client
