// What the engine cannot be made to do at will: blocked, failing and endless work behind the wire.
#include <atomic>
#include <future>
#include <mutex>
#include <thread>

#include "tests/e2e/fake_catalog.h"
#include "tests/e2e/server_fixture.h"

namespace tessera::testing {
namespace {

using grpc::StatusCode;
using std::chrono::milliseconds;

// Opened once, by the test; waited for by the fake engine.
class Gate {
 public:
  void Open() { promise_.set_value(); }
  void Wait() const { opened_.wait(); }

 private:
  std::promise<void> promise_;
  std::shared_future<void> opened_ = promise_.get_future().share();
};

constexpr size_t kInFlight = 8;

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

TEST_F(ServerFaultsTest, EngineErrorsKeepTheirCode) {
  grpc::ClientContext contexts[5];
  v1::DeletePointsRequest remove;
  remove.set_collection("a");
  v1::DeletePointsResponse removed;
  ExpectError(points_->Delete(&contexts[0], remove, &removed), StatusCode::UNAVAILABLE, "fake: disk gone");
  v1::GetPointsRequest get;
  get.set_collection("a");
  v1::GetPointsResponse got;
  ExpectError(points_->Get(&contexts[1], get, &got), StatusCode::DATA_LOSS, "fake: torn row");
  v1::QueryRequest query;
  query.set_collection("a");
  query.mutable_id()->set_num(1);
  v1::QueryResponse found;
  ExpectError(points_->Query(&contexts[2], query, &found), StatusCode::INTERNAL, "fake: bug");
  v1::EncodeRequest encode;
  encode.set_collection("a");
  encode.mutable_vectors()->set_u8("1234");
  v1::EncodeResponse encoded;
  ExpectError(quantizers_->Encode(&contexts[3], encode, &encoded), StatusCode::ABORTED, "fake: lost a race");
  v1::CreateCollectionRequest create;
  create.mutable_collection()->set_name("b");
  create.mutable_collection()->set_dim(1);
  create.mutable_collection()->set_metric(v1::METRIC_L2);
  v1::Collection created;
  ExpectError(collections_->Create(&contexts[4], create, &created), StatusCode::RESOURCE_EXHAUSTED,
              "out of memory");
}

TEST_F(ServerFaultsTest, LongMessagesStillArrive) {
  fake_->on_query = [](auto, auto&) -> StatusOr<std::vector<QueryResult>> {
    return Internal(std::string(100000, 'm'));
  };
  grpc::ClientContext context;
  ExpectError(TryQuery(context), StatusCode::INTERNAL, "mmmm");
}

TEST_F(ServerFaultsTest, TooManyInFlightAreRefusedWithARetryHint) {
  Gate gate;
  std::vector<Collection::UpsertDone> held;
  std::mutex mutex;
  std::promise<void> all_held;
  fake_->on_upsert = [&](const std::vector<PointInput>&, Collection::UpsertDone done) {
    std::lock_guard lock(mutex);
    held.push_back(std::move(done));
    if (held.size() == kInFlight) all_held.set_value();
  };
  std::vector<std::future<grpc::Status>> calls;
  for (size_t i = 0; i < kInFlight; ++i) {
    calls.push_back(std::async(std::launch::async, [this] {
      grpc::ClientContext context;
      SetDeadline(context);
      v1::UpsertResponse response;
      return points_->Upsert(&context, AnyUpsert(), &response);
    }));
  }
  all_held.get_future().wait();
  grpc::ClientContext context;
  ExpectError(TryQuery(context), StatusCode::RESOURCE_EXHAUSTED, "busy with 8 requests");
  EXPECT_EQ(context.GetServerTrailingMetadata().count("grpc-retry-pushback-ms"), 1u);
  for (auto& done : held) done(UpsertResult{7, 1, {}});
  for (auto& call : calls) EXPECT_TRUE(call.get().ok());
  grpc::ClientContext again;
  EXPECT_TRUE(TryQuery(again).ok());
}

TEST_F(ServerFaultsTest, UpsertMayFinishAtOnceOrFail) {
  fake_->on_upsert = [](const std::vector<PointInput>& points, Collection::UpsertDone done) {
    EXPECT_EQ(points.size(), 1u);
    done(ResourceExhausted("the commit queue is full"));
  };
  grpc::ClientContext context;
  v1::UpsertResponse response;
  ExpectError(points_->Upsert(&context, AnyUpsert(), &response), StatusCode::RESOURCE_EXHAUSTED, "commit queue");
  EXPECT_EQ(context.GetServerTrailingMetadata().count("grpc-retry-pushback-ms"), 1u);
}

TEST_F(ServerFaultsTest, DeadlineReachesTheEngine) {
  std::promise<Status> seen;
  fake_->on_query = [&](auto, const QueryParams& params) -> StatusOr<std::vector<QueryResult>> {
    const Status status = RunUntilStopped(params.stop);
    seen.set_value(status);
    return status;
  };
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + milliseconds(100));
  ExpectError(TryQuery(context), StatusCode::DEADLINE_EXCEEDED, "");
  EXPECT_FALSE(seen.get_future().get().ok());
}

TEST_F(ServerFaultsTest, CancellationReachesTheEngine) {
  Gate running;
  std::promise<Status> seen;
  fake_->on_query = [&](auto, const QueryParams& params) -> StatusOr<std::vector<QueryResult>> {
    running.Open();
    const Status status = RunUntilStopped(params.stop);
    seen.set_value(status);
    return status;
  };
  grpc::ClientContext context;
  auto call = std::async(std::launch::async, [&] { return TryQuery(context); });
  running.Wait();
  context.TryCancel();
  EXPECT_EQ(call.get().error_code(), StatusCode::CANCELLED);
  EXPECT_TRUE(absl::IsCancelled(seen.get_future().get()));
}

TEST_F(ServerFaultsTest, ExpiredInTheQueueIsNotRun) {
  Gate gate;
  std::atomic<int> started{0};
  std::promise<void> both;
  std::atomic<bool> late{false};
  fake_->on_query = [&](auto, const QueryParams& params) -> StatusOr<std::vector<QueryResult>> {
    if (params.limit == 7) late = true;
    if (started.fetch_add(1) == 1) both.set_value();
    gate.Wait();
    return std::vector<QueryResult>(1);
  };
  std::vector<std::future<grpc::Status>> blockers;
  for (int i = 0; i < 2; ++i) {  // one a compute thread
    blockers.push_back(std::async(std::launch::async, [this] {
      grpc::ClientContext context;
      return TryQuery(context);
    }));
  }
  both.get_future().wait();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + milliseconds(50));
  v1::QueryRequest query = AnyQuery();
  query.set_limit(7);
  v1::QueryResponse response;
  ExpectError(points_->Query(&context, query, &response), StatusCode::DEADLINE_EXCEEDED, "");
  // The server counts the deadline from when the call arrived, which was before this one on its connection.
  ListCollections();
  const auto passed = std::chrono::steady_clock::now() + milliseconds(100);
  while (std::chrono::steady_clock::now() < passed) ListCollections();
  gate.Open();
  for (auto& call : blockers) EXPECT_TRUE(call.get().ok());
  Stop();
  EXPECT_FALSE(late);
}

TEST_F(ServerFaultsTest, TrainingIsCancelledByName) {
  fake_->on_train = [](const TrainOptions& options) {
    options.context.progress(0, "sample");
    options.context.progress(0.25, "centroids");
    return RunUntilStopped(options.context.stop);
  };
  const v1::Operation started = StartTraining();
  EXPECT_FALSE(started.done());
  EXPECT_EQ(started.progress(), 0.25);
  EXPECT_EQ(started.stage(), "centroids");

  grpc::ClientContext again;
  v1::TrainRequest same;
  same.set_collection("a");
  v1::Operation operation;
  ExpectError(training_->Train(&again, same, &operation), StatusCode::ALREADY_EXISTS, started.name());

  v1::WaitOperationRequest wait;
  wait.set_name(started.name());
  wait.set_timeout_seconds(0.02);
  grpc::ClientContext short_wait;
  ASSERT_TRUE(training_->WaitOperation(&short_wait, wait, &operation).ok());
  EXPECT_FALSE(operation.done());

  wait.set_timeout_seconds(0);  // until the deadline of the call: the state comes just before it
  grpc::ClientContext deadline_wait;
  deadline_wait.set_deadline(std::chrono::system_clock::now() + milliseconds(300));
  ASSERT_TRUE(training_->WaitOperation(&deadline_wait, wait, &operation).ok());
  EXPECT_FALSE(operation.done());

  v1::CancelOperationRequest cancel;
  cancel.set_name(started.name());
  grpc::ClientContext cancel_context;
  ASSERT_TRUE(training_->CancelOperation(&cancel_context, cancel, &operation).ok());
  wait.set_timeout_seconds(60);
  grpc::ClientContext long_wait;
  ASSERT_TRUE(training_->WaitOperation(&long_wait, wait, &operation).ok());
  EXPECT_TRUE(operation.done());
  EXPECT_EQ(operation.error_code(), static_cast<int>(StatusCode::CANCELLED));
  EXPECT_FALSE(operation.has_train_result());
}

TEST_F(ServerFaultsTest, TrainingIsCancelledWithItsCollection) {
  fake_->on_train = [](const TrainOptions& options) {
    options.context.progress(0, "sample");
    options.context.progress(0.1, "centroids");
    return RunUntilStopped(options.context.stop);
  };
  const v1::Operation started = StartTraining();
  v1::DeleteCollectionRequest remove;
  remove.set_name("a");
  grpc::ClientContext context;
  v1::DeleteCollectionResponse removed;
  ASSERT_TRUE(collections_->Delete(&context, remove, &removed).ok());
  v1::WaitOperationRequest wait;
  wait.set_name(started.name());
  grpc::ClientContext wait_context;
  SetDeadline(wait_context);
  v1::Operation operation;
  ASSERT_TRUE(training_->WaitOperation(&wait_context, wait, &operation).ok());
  EXPECT_EQ(operation.error_code(), static_cast<int>(StatusCode::CANCELLED));
}

TEST_F(ServerFaultsTest, TrainingThatCannotStartFailsTheCall) {
  fake_->on_train = [](const TrainOptions& options) {
    options.context.progress(0, "sample");
    return FailedPrecondition("too few rows");
  };
  v1::TrainRequest request;
  request.set_collection("a");
  grpc::ClientContext context;
  v1::Operation operation;
  ExpectError(training_->Train(&context, request, &operation), StatusCode::FAILED_PRECONDITION, "too few rows");
}

TEST_F(ServerFaultsTest, TrainingThatFailsLaterIsAnOperationWithAnError) {
  Gate gate;
  fake_->on_train = [&](const TrainOptions& options) {
    EXPECT_EQ(options.context.seed, 5u);
    EXPECT_EQ(options.sample_rows, 123u);
    options.context.progress(0, "sample");
    options.context.progress(0.5, "encode");
    gate.Wait();
    return Unavailable("no space left");
  };
  v1::TrainRequest request;
  request.set_collection("a");
  request.set_seed(5);
  request.set_sample_rows(123);
  grpc::ClientContext context;
  v1::Operation operation;
  ASSERT_TRUE(training_->Train(&context, request, &operation).ok());
  gate.Open();
  v1::WaitOperationRequest wait;
  wait.set_name(operation.name());
  grpc::ClientContext wait_context;
  SetDeadline(wait_context);
  ASSERT_TRUE(training_->WaitOperation(&wait_context, wait, &operation).ok());
  EXPECT_EQ(operation.error_code(), static_cast<int>(StatusCode::UNAVAILABLE));
  EXPECT_EQ(operation.error_message(), "no space left");
}

TEST_F(ServerFaultsTest, ShutdownFinishesWhatIsUnderWayAndCancelsTraining) {
  Gate running;
  Gate gate;
  std::atomic<bool> first{true};
  fake_->on_query = [&](auto, const QueryParams&) -> StatusOr<std::vector<QueryResult>> {
    if (first.exchange(false)) {
      running.Open();
      gate.Wait();
    }
    return std::vector<QueryResult>(1);
  };
  fake_->on_train = [&](const TrainOptions& options) {
    options.context.progress(0, "sample");
    options.context.progress(0.1, "centroids");
    return RunUntilStopped(options.context.stop);
  };
  StartTraining();
  auto query = std::async(std::launch::async, [this] {
    grpc::ClientContext context;
    SetDeadline(context);
    return TryQuery(context);
  });
  running.Wait();
  auto stopped = std::async(std::launch::async, [this] { server_->Stop(); });
  // As long as a call is under way, new ones are told so.
  grpc::Status refused;
  while (refused.ok()) {
    grpc::ClientContext context;
    SetDeadline(context);
    refused = TryQuery(context);
  }
  ExpectError(refused, StatusCode::UNAVAILABLE, "shutting down");
  gate.Open();
  EXPECT_TRUE(query.get().ok());
  stopped.wait();
  grpc::ClientContext late;
  SetDeadline(late, 5);
  EXPECT_EQ(TryQuery(late).error_code(), StatusCode::UNAVAILABLE);
}

TEST_F(ServerFaultsTest, ShutdownEndsWaits) {
  fake_->on_train = [](const TrainOptions& options) {
    options.context.progress(0, "sample");
    options.context.progress(0.1, "centroids");
    return RunUntilStopped(options.context.stop);
  };
  v1::WaitOperationRequest wait;
  wait.set_name(StartTraining().name());
  auto waiter = std::async(std::launch::async, [&] {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::Operation operation;
    return training_->WaitOperation(&context, wait, &operation);
  });
  Stop();
  // UNAVAILABLE if the wait was there before the stop or found the server gone, CANCELLED if it came in between.
  const StatusCode code = waiter.get().error_code();
  EXPECT_TRUE(code == StatusCode::UNAVAILABLE || code == StatusCode::CANCELLED) << code;
}

TEST_F(ServerFaultsTest, ShutdownCancelsWhatOutlivesTheGrace) {
  Gate running;
  Stop();
  config_.shutdown_grace_ms = 50;
  Start();
  fake_->on_query = [&](auto, const QueryParams& params) -> StatusOr<std::vector<QueryResult>> {
    running.Open();
    return RunUntilStopped(params.stop);
  };
  auto query = std::async(std::launch::async, [this] {
    grpc::ClientContext context;
    return TryQuery(context);
  });
  running.Wait();
  server_->Stop();
  EXPECT_FALSE(query.get().ok());
}

TEST_F(ServerFaultsTest, NotServingUntilOpen) {
  Stop();
  Gate gate;
  std::promise<std::string> address;
  server::Config config = config_;
  config.port_file = dir_.path() + "/port";
  // A port known beforehand: that of a server that has just stopped would race, so a unix socket.
  config.listen = "unix:" + dir_.path() + "/socket";
  auto starting = std::async(std::launch::async, [&] {
    return server::Server::Start(config, [&](const CatalogOptions&) -> StatusOr<std::unique_ptr<Catalog>> {
      gate.Wait();
      return std::make_unique<FakeCatalog>(fake_);
    });
  });
  auto channel = grpc::CreateChannel(config.listen, grpc::InsecureChannelCredentials());
  points_ = v1::Points::NewStub(channel);
  grpc::ClientContext early;
  early.set_wait_for_ready(true);
  SetDeadline(early);
  ExpectError(TryQuery(early), StatusCode::UNAVAILABLE, "starting");
  EXPECT_FALSE(std::filesystem::exists(config.port_file));
  gate.Open();
  auto started = starting.get();
  ASSERT_TRUE(started.ok()) << started.status();
  grpc::ClientContext ready;
  EXPECT_TRUE(TryQuery(ready).ok());
  EXPECT_TRUE(std::filesystem::exists(config.port_file));
  (*started)->Stop();
  EXPECT_FALSE(std::filesystem::exists(config.port_file));
}

TEST_F(ServerFaultsTest, CatalogThatCannotBeOpenedIsTheErrorOfStart) {
  server::Config config = config_;
  const auto failed = server::Server::Start(config, [](const CatalogOptions&) -> StatusOr<std::unique_ptr<Catalog>> {
    return FailedPrecondition("format 9 is newer than this program");
  });
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.status(), FailedPrecondition("format 9 is newer than this program"));
}

}  // namespace
}  // namespace tessera::testing
