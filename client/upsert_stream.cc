#include "client/upsert_stream.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

#include "client/connection.h"
#include "client/convert.h"

namespace tessera::client {
namespace {

constexpr size_t kMaxRows = 32768;  // below the server's limit of rows, however small they are
constexpr size_t kRequestOverhead = 4096;  // collection name, tags and lengths, gRPC's own

// One request on its way, kept until it has succeeded or will not be tried again.
struct Flight {
  uint64_t tag = 0;
  int attempt = 0;
  Clock::time_point deadline;
  Clock::time_point next_attempt;  // while it waits to be sent again
  bool waiting = false;
  v1::UpsertRequest request;
  v1::UpsertResponse response;
  std::unique_ptr<grpc::ClientContext> context;  // of the last attempt
  grpc::Status outcome;
};

// gRPC's threads do no more than put finished flights into `finished_`; all decisions are made on
// the caller's thread.
class Stream final : public UpsertStream {
 public:
  Stream(std::shared_ptr<Connection> connection, std::string collection,
         UpsertStreamOptions options)
      : connection_(std::move(connection)), options_(std::move(options)) {
    for (size_t i = 0; i < std::max<size_t>(1, options_.in_flight); ++i) {
      flights_.push_back(std::make_unique<Flight>());
      flights_.back()->request.set_collection(collection);
      idle_.push_back(flights_.back().get());
    }
  }

  ~Stream() override {
    for (const auto& flight : flights_) {
      if (flight->context) flight->context->TryCancel();
    }
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return running_ == 0; });
  }

  Status Send(uint64_t tag, IdRows ids, VectorRows rows,
              std::span<const std::string> payloads) override {
    while (idle_.empty()) WaitAndHandle();
    Flight* flight = idle_.back();
    const auto expiry = std::span(&options_.expire_at_ms, options_.expire_at_ms != 0 ? 1 : 0);
    TESSERA_RETURN_IF_ERROR(ToProto(ids, rows, payloads, {}, expiry, &flight->request));
    const size_t bytes = flight->request.ByteSizeLong();
    if (bytes > connection_->options().max_request_bytes) {
      return InvalidArgument("a request of " + std::to_string(bytes) + " bytes, at most " +
                             std::to_string(connection_->options().max_request_bytes) +
                             " allowed: send fewer rows at once");
    }
    idle_.pop_back();
    flight->tag = tag;
    flight->attempt = 0;
    flight->deadline = connection_->DeadlineFromNow();
    Start(flight);
    Poll();
    return OkStatus();
  }

  void Poll() override {
    SendDue();
    for (Flight* flight : TakeFinished()) Handle(flight);
  }

  void Drain() override {
    while (idle_.size() < flights_.size()) WaitAndHandle();
  }

 private:
  bool Stopped() const { return options_.stop && options_.stop->load(std::memory_order_relaxed); }

  void Start(Flight* flight) {
    ++flight->attempt;
    flight->waiting = false;
    flight->response.Clear();
    flight->context = std::make_unique<grpc::ClientContext>();
    if (flight->deadline != Clock::time_point::max()) {
      flight->context->set_deadline(flight->deadline);
    }
    {
      std::lock_guard lock(mutex_);
      ++running_;
    }
    connection_->points().async()->Upsert(flight->context.get(), &flight->request,
                                          &flight->response, [this, flight](grpc::Status status) {
                                            flight->outcome = std::move(status);
                                            std::lock_guard lock(mutex_);
                                            --running_;
                                            finished_.push_back(flight);
                                            changed_.notify_all();
                                          });
  }

  std::vector<Flight*> TakeFinished() {
    std::lock_guard lock(mutex_);
    return std::exchange(finished_, {});
  }

  // Waits until a request ends or one is due to be sent again, and deals with it.
  void WaitAndHandle() {
    Clock::time_point wake = Clock::time_point::max();
    for (const auto& flight : flights_) {
      if (flight->waiting) wake = std::min(wake, flight->next_attempt);
    }
    {
      std::unique_lock lock(mutex_);
      const auto ready = [&] { return !finished_.empty(); };
      if (wake == Clock::time_point::max()) {
        changed_.wait(lock, ready);
      } else {
        // In slices, so that a stop is noticed soon.
        const auto slice = Clock::now() + std::chrono::milliseconds(100);
        changed_.wait_until(lock, std::min(wake, slice), ready);
      }
    }
    Poll();
  }

  void SendDue() {
    for (const auto& flight : flights_) {
      if (!flight->waiting) continue;
      if (Stopped()) {
        flight->waiting = false;
        Deliver(flight.get());
      } else if (flight->next_attempt <= Clock::now()) {
        Start(flight.get());
      }
    }
  }

  void Handle(Flight* flight) {
    if (!flight->outcome.ok() && !Stopped()) {
      const auto code = static_cast<absl::StatusCode>(flight->outcome.error_code());
      const auto delay = RetryDelay(connection_->options().retry,
                                    {code, RetryHint(*flight->context), flight->attempt, true});
      if (delay && Clock::now() + *delay < flight->deadline) {
        flight->next_attempt = Clock::now() + *delay;
        flight->waiting = true;
        return;
      }
    }
    Deliver(flight);
  }

  void Deliver(Flight* flight) {
    UpsertAck ack;
    ack.tag = flight->tag;
    if (flight->outcome.ok()) {
      ack.result = FromProto(flight->response, 0);
    } else {
      ack.status = connection_->FromGrpc(flight->outcome, *flight->context);
    }
    idle_.push_back(flight);
    if (options_.on_ack) options_.on_ack(std::move(ack));
  }

  std::shared_ptr<Connection> connection_;
  UpsertStreamOptions options_;
  std::vector<std::unique_ptr<Flight>> flights_;
  std::vector<Flight*> idle_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::vector<Flight*> finished_;
  size_t running_ = 0;
};

}  // namespace

size_t RowsPerRequest(size_t max_request_bytes, const IdRows& ids, const VectorRows& rows,
                      std::span<const std::string> payloads) {
  // The mixed form of ids costs most: a message with its tags for every row.
  size_t id_bytes = 24;
  for (const PointId& id : ids.ids) {
    if (!id.is_number()) id_bytes = std::max(id_bytes, id.key().size() + 24);
  }
  size_t payload_bytes = 0;
  for (const std::string& payload : payloads) payload_bytes = std::max(payload_bytes, payload.size() + 8);
  const size_t row_bytes = rows.dim * ElementSize(rows.type) + id_bytes + payload_bytes;
  const size_t room = max_request_bytes - std::min(max_request_bytes, kRequestOverhead);
  return std::clamp<size_t>(room / row_bytes, 1, kMaxRows);
}

std::unique_ptr<UpsertStream> Client::StartUpserts(const std::string& collection,
                                                   UpsertStreamOptions options) {
  return std::make_unique<Stream>(connection_, collection, std::move(options));
}

}  // namespace tessera::client
