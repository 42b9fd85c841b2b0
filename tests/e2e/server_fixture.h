// A real server in this process on a free loopback port, with real stubs.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "index/catalog.h"
#include "server/server.h"
#include "tessera/v1/collections.grpc.pb.h"
#include "tessera/v1/points.grpc.pb.h"
#include "tessera/v1/quantizers.grpc.pb.h"
#include "tessera/v1/training.grpc.pb.h"
#include "tests/temp_dir.h"

namespace tessera::testing {

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override { Start(); }
  void TearDown() override { Stop(); }

  // Tests set this before Start() where the defaults do not do.
  server::Config config_ = [] {
    server::Config config;
    config.listen = "127.0.0.1:0";
    config.threads = 2;
    config.log_level = "off";
    config.shutdown_grace_ms = 2000;
    return config;
  }();
  server::Server::OpenCatalog open_ = Catalog::Open;

  void Start();
  void Stop();
  void Restart() { Stop(), Start(); }

  // Every call ends: a test that hangs fails.
  static void SetDeadline(grpc::ClientContext& context, int seconds = 60);

  // One call of Points, which is to end with `code` and a message that has `message` in it.
  template <typename Request, typename Response>
  Response Call(grpc::Status (v1::Points::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                const Request& request, grpc::StatusCode code = grpc::StatusCode::OK,
                const std::string& message = {}) {
    grpc::ClientContext context;
    SetDeadline(context);
    Response response;
    const grpc::Status status = ((*points_).*method)(&context, request, &response);
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    EXPECT_NE(status.error_message().find(message), std::string::npos) << status.error_message();
    return response;
  }

  v1::Collection Create(const std::string& name, uint32_t dim, v1::Metric metric = v1::METRIC_L2,
                        const std::string& quantizer = "");
  // Rows `first` to `first + n` of RandomRows(dim, seed 1) under their numbers.
  void Load(const std::string& name, uint32_t dim, size_t n, size_t first = 0);
  v1::UpsertResponse Upsert(const v1::UpsertRequest& request);
  v1::QueryResponse Query(const v1::QueryRequest& request);
  v1::CollectionStats Stats(const std::string& name);
  // Trains and waits; the finished operation.
  v1::Operation Train(const std::string& name, const std::string& quantizer = "");

  TempDir dir_;
  std::unique_ptr<server::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Collections::Stub> collections_;
  std::unique_ptr<v1::Points::Stub> points_;
  std::unique_ptr<v1::Training::Stub> training_;
  std::unique_ptr<v1::Quantizers::Stub> quantizers_;
};

// Component j of row i, the same in every process.
float Component(size_t i, size_t j);
std::vector<float> Row(size_t i, uint32_t dim);
std::string F32Le(const std::vector<float>& values);

void ExpectError(const grpc::Status& status, grpc::StatusCode code,
                 const std::string& message_part);

}  // namespace tessera::testing
