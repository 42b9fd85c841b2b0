// A server over a fake engine whose calls do what a test says.
#pragma once

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/fake_catalog.h"
#include "tests/e2e/server_fixture.h"

namespace tessera::testing {

// Opened once, by the test; waited for by the fake engine.
class Gate {
 public:
  void Open() { promise_.set_value(); }
  void Wait() const { opened_.wait(); }

 private:
  std::promise<void> promise_;
  std::shared_future<void> opened_ = promise_.get_future().share();
};

inline constexpr size_t kInFlight = 8;

class ServerFaultsTest : public ServerTest {
 protected:
  void SetUp() override {
    open_ = [this](const CatalogOptions&) -> StatusOr<std::unique_ptr<Catalog>> {
      return std::make_unique<FakeCatalog>(fake_);
    };
    fake_->on_query = [](MatrixView<const float> queries, const QueryParams&) {
      return std::vector<QueryResult>(queries.rows());
    };
    config_.limits.in_flight = kInFlight;
    Start();
  }

  // Runs until the token says stop.
  static Status RunUntilStopped(const StopToken& stop) {
    Status status;
    while (status.ok()) {
      std::this_thread::yield();
      status = stop.Check();
    }
    return status;
  }

  static v1::QueryRequest AnyQuery() {
    v1::QueryRequest request;
    request.set_collection("a");
    request.mutable_vector()->set_u8("1234");
    return request;
  }

  grpc::Status TryQuery(grpc::ClientContext& context) {
    v1::QueryResponse response;
    return points_->Query(&context, AnyQuery(), &response);
  }

  static v1::UpsertRequest AnyUpsert() {
    v1::UpsertRequest request;
    request.set_collection("a");
    request.add_points()->mutable_id()->set_num(1);
    request.mutable_points(0)->mutable_vector()->set_u8("1234");
    return request;
  }

  void ListCollections() {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::ListCollectionsResponse response;
    EXPECT_TRUE(collections_->List(&context, v1::ListCollectionsRequest(), &response).ok());
  }

  v1::Operation StartTraining() {
    v1::TrainRequest request;
    request.set_collection("a");
    grpc::ClientContext context;
    SetDeadline(context);
    v1::Operation operation;
    const grpc::Status status = training_->Train(&context, request, &operation);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return operation;
  }

  std::shared_ptr<FakeCollection> fake_ = std::make_shared<FakeCollection>();
};

}  // namespace tessera::testing
