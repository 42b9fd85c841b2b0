// The channel to one server and how a call is made on it. Internal: pulls in gRPC.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "client/backoff.h"
#include "client/client.h"
#include "tessera/v1/backups.grpc.pb.h"
#include "tessera/v1/upkeep.grpc.pb.h"
#include "tessera/v1/collections.grpc.pb.h"
#include "tessera/v1/points.grpc.pb.h"
#include "tessera/v1/quantizers.grpc.pb.h"
#include "tessera/v1/training.grpc.pb.h"

namespace tessera::client {

using Clock = std::chrono::system_clock;  // what gRPC deadlines are made of

// What the server asked for with grpc-retry-pushback-ms, after the call has ended.
std::optional<std::chrono::milliseconds> RetryHint(const grpc::ClientContext& context);

struct CallOptions {
  bool repeatable = true;  // repeating does no harm
  std::chrono::milliseconds extra_time{0};
};

// Thread-safe.
class Connection {
 public:
  explicit Connection(ClientOptions options);

  const ClientOptions& options() const { return options_; }
  v1::Collections::Stub& collections() { return *collections_; }
  v1::Points::Stub& points() { return *points_; }
  v1::Training::Stub& training() { return *training_; }
  v1::Quantizers::Stub& quantizers() { return *quantizers_; }
  v1::Backups::Stub& backups() { return *backups_; }
  v1::Upkeep::Stub& upkeep() { return *upkeep_; }

  // Of a call that begins now, `extra` longer than usual.
  Clock::time_point DeadlineFromNow(std::chrono::milliseconds extra = {}) const;
  // Same code; a lost or unmade connection says which server.
  Status FromGrpc(const grpc::Status& status, const grpc::ClientContext& context) const;

  // One unary call with its retries: method is e.g. &v1::Points::Stub::Get.
  template <typename Stub, typename Request, typename Response>
  StatusOr<Response> Call(Stub& stub,
                          grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                       Response*),
                          const Request& request, CallOptions call = {}) const {
    const Clock::time_point deadline = DeadlineFromNow(call.extra_time);
    for (int attempt = 1;; ++attempt) {
      grpc::ClientContext context;
      if (deadline != Clock::time_point::max()) context.set_deadline(deadline);
      Response response;
      const grpc::Status status = (stub.*method)(&context, request, &response);
      if (status.ok()) return response;
      const Status failure = FromGrpc(status, context);
      const auto delay = RetryDelay(
          options_.retry, {failure.code(), RetryHint(context), attempt, call.repeatable});
      if (!delay || Clock::now() + *delay >= deadline) return failure;
      std::this_thread::sleep_for(*delay);
    }
  }

 private:
  ClientOptions options_;
  std::unique_ptr<v1::Collections::Stub> collections_;
  std::unique_ptr<v1::Points::Stub> points_;
  std::unique_ptr<v1::Training::Stub> training_;
  std::unique_ptr<v1::Quantizers::Stub> quantizers_;
  std::unique_ptr<v1::Backups::Stub> backups_;
  std::unique_ptr<v1::Upkeep::Stub> upkeep_;
};

}  // namespace tessera::client
