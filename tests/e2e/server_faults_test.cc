// Blocked, failing and endless work behind the wire.
#include <atomic>
#include <filesystem>
#include <mutex>

#include "index/busy.h"
#include "tests/e2e/fault_fixture.h"

namespace tessera::testing {
namespace {

using grpc::StatusCode;
using std::chrono::milliseconds;

TEST_F(ServerFaultsTest, EngineErrorsKeepTheirCode) {
  grpc::ClientContext contexts[5];
  v1::DeletePointsRequest remove;
  remove.set_collection("a");
  v1::DeletePointsResponse removed;
  ExpectError(points_->Delete(&contexts[0], remove, &removed), StatusCode::UNAVAILABLE,
              "fake: disk gone");
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
  ExpectError(quantizers_->Encode(&contexts[3], encode, &encoded), StatusCode::ABORTED,
              "fake: lost a race");
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
  // Only what passes by itself asks to be tried again.
  for (const bool busy : {true, false}) {
    fake_->on_upsert = [&](const std::vector<PointInput>& points, Collection::UpsertDone done) {
      EXPECT_EQ(points.size(), 1u);
      done(busy ? Busy("the commit queue is full") : ResourceExhausted("the commit queue has no memory"));
    };
    grpc::ClientContext context;
    v1::UpsertResponse response;
    ExpectError(points_->Upsert(&context, AnyUpsert(), &response), StatusCode::RESOURCE_EXHAUSTED,
                "the commit queue");
    EXPECT_EQ(context.GetServerTrailingMetadata().count("grpc-retry-pushback-ms"), busy ? 1u : 0u);
  }
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
  // The server counts the deadline from when the call arrived, which was before this one on its
  // connection.
  ListCollections();
  const auto passed = std::chrono::steady_clock::now() + milliseconds(100);
  while (std::chrono::steady_clock::now() < passed) ListCollections();
  gate.Open();
  for (auto& call : blockers) EXPECT_TRUE(call.get().ok());
  Stop();
  EXPECT_FALSE(late);
}

TEST_F(ServerFaultsTest, CheapQueriesNeedNoComputeThread) {
  Gate gate;
  std::atomic<int> started{0};
  std::promise<void> both;
  fake_->on_query = [&](auto, const QueryParams& params) -> StatusOr<std::vector<QueryResult>> {
    if (params.limit == 7) return std::vector<QueryResult>(1);
    if (started.fetch_add(1) == 1) both.set_value();
    gate.Wait();
    return std::vector<QueryResult>(1);
  };
  v1::QueryRequest cheap = AnyQuery();
  cheap.set_limit(7);
  v1::QueryRequest exact = cheap;
  exact.mutable_params()->set_exact(true);
  Query(cheap);  // runs on the compute pool, since nothing is known of its kind
  Query(exact);
  std::vector<std::future<grpc::Status>> blockers;
  for (int i = 0; i < 2; ++i) {  // one a compute thread
    blockers.push_back(std::async(std::launch::async, [this] {
      grpc::ClientContext context;
      return TryQuery(context);
    }));
  }
  both.get_future().wait();
  Query(cheap);
  // Exact ones wait for their pool, however cheap they were.
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + milliseconds(50));
  v1::QueryResponse response;
  ExpectError(points_->Query(&context, exact, &response), StatusCode::DEADLINE_EXCEEDED, "");
  gate.Open();
  for (auto& call : blockers) EXPECT_TRUE(call.get().ok());
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
    return server::Server::Start(config,
                                 [&](const CatalogOptions&) -> StatusOr<std::unique_ptr<Catalog>> {
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
  const auto failed = server::Server::Start(
      config, [](const CatalogOptions&) -> StatusOr<std::unique_ptr<Catalog>> {
        return FailedPrecondition("format 9 is newer than this program");
      });
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.status(), FailedPrecondition("format 9 is newer than this program"));
}

}  // namespace
}  // namespace tessera::testing
