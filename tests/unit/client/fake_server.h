// A server that answers as it is told, in the test's own process, on a free loopback port.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tessera/v1/points.grpc.pb.h"
#include "tessera/v1/training.grpc.pb.h"

namespace tessera::client {

class FakePoints final : public v1::Points::Service {
 public:
  using UpsertHandler = std::function<grpc::Status(grpc::ServerContext&, const v1::UpsertRequest&,
                                                   v1::UpsertResponse*)>;
  UpsertHandler on_upsert;
  std::function<grpc::Status(const v1::QueryBatchRequest&, v1::QueryBatchResponse*)> on_batch;
  std::function<grpc::Status(const v1::GetPointsRequest&, v1::GetPointsResponse*)> on_get;
  std::function<grpc::Status(const v1::PatchPointsRequest&, v1::PatchPointsResponse*)> on_patch;
  std::function<grpc::Status(const v1::DeletePointsRequest&, v1::DeletePointsResponse*)> on_delete;

  grpc::Status Upsert(grpc::ServerContext* context, const v1::UpsertRequest* request,
                      v1::UpsertResponse* response) override {
    return on_upsert(*context, *request, response);
  }
  grpc::Status QueryBatch(grpc::ServerContext*, const v1::QueryBatchRequest* request,
                          v1::QueryBatchResponse* response) override {
    return on_batch(*request, response);
  }
  grpc::Status Get(grpc::ServerContext*, const v1::GetPointsRequest* request,
                   v1::GetPointsResponse* response) override {
    return on_get(*request, response);
  }
  grpc::Status Patch(grpc::ServerContext*, const v1::PatchPointsRequest* request,
                     v1::PatchPointsResponse* response) override {
    return on_patch(*request, response);
  }
  grpc::Status Delete(grpc::ServerContext*, const v1::DeletePointsRequest* request,
                      v1::DeletePointsResponse* response) override {
    return on_delete(*request, response);
  }
};

class FakeTraining final : public v1::Training::Service {
 public:
  int trains = 0;
  grpc::Status Train(grpc::ServerContext*, const v1::TrainRequest*, v1::Operation*) override {
    ++trains;
    return {grpc::StatusCode::UNAVAILABLE, "closing"};
  }
};

class FakeServer {
 public:
  FakeServer() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&points);
    builder.RegisterService(&training);
    server_ = builder.BuildAndStart();
  }
  ~FakeServer() { server_->Shutdown(); }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  FakePoints points;
  FakeTraining training;

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace tessera::client
