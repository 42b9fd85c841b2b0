#include "client/upsert_stream.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "client/client.h"
#include "tests/unit/client/fake_server.h"

namespace tessera::client {
namespace {

using std::chrono::milliseconds;

class UpsertStreamTest : public testing::Test {
 protected:
  std::unique_ptr<UpsertStream> Start(size_t in_flight, const std::atomic<bool>* stop = nullptr,
                                      size_t max_request_bytes = 1 << 20) {
    ClientOptions options;
    options.address = server_.address();
    options.retry = {.max_attempts = 3,
                     .initial_backoff = milliseconds(1),
                     .max_backoff = milliseconds(2)};
    if (stop != nullptr) options.retry = {1000, milliseconds(1), milliseconds(2)};
    options.max_request_bytes = max_request_bytes;
    Client client(options);
    return client.StartUpserts("c", {.in_flight = in_flight,
                                     .stop = stop,
                                     .on_ack = [this](UpsertAck ack) {
                                       acks_[ack.tag] = std::move(ack);
                                     }});
  }

  Status SendOne(UpsertStream& stream, uint64_t id) {
    const std::vector<float> data = {1, 2};
    const uint64_t numbers[] = {id};
    return stream.Send(id, {.numbers = numbers, .ids = {}},
                       VectorRows::Floats({data.data(), 1, 2}));
  }

  FakeServer server_;
  std::map<uint64_t, UpsertAck> acks_;
};

TEST_F(UpsertStreamTest, KeepsTheWindowFullAndNeverOver) {
  std::mutex mutex;
  std::condition_variable changed;
  int now = 0;
  int most = 0;
  server_.points.on_upsert = [&](grpc::ServerContext&, const v1::UpsertRequest&,
                                 v1::UpsertResponse* response) {
    std::unique_lock lock(mutex);
    most = std::max(most, ++now);
    changed.notify_all();
    // Nobody leaves before the window was full once.
    changed.wait(lock, [&] { return most >= 3; });
    --now;
    response->set_upserted(1);
    return grpc::Status::OK;
  };
  auto stream = Start(3);
  for (uint64_t i = 0; i < 20; ++i) ASSERT_TRUE(SendOne(*stream, i).ok());
  stream->Drain();
  EXPECT_EQ(most, 3);
  ASSERT_EQ(acks_.size(), 20u);
  for (const auto& [tag, ack] : acks_) EXPECT_EQ(ack.result.upserted, 1u);
}

TEST_F(UpsertStreamTest, RetriesFailuresAndReportsTheLast) {
  std::mutex mutex;
  std::map<uint64_t, int> attempts;
  server_.points.on_upsert = [&](grpc::ServerContext&, const v1::UpsertRequest& request,
                                 v1::UpsertResponse* response) {
    std::lock_guard lock(mutex);
    const uint64_t id = request.columns().nums(0);
    const int attempt = ++attempts[id];
    if (id == 1 || (id == 2 && attempt < 3)) {
      return grpc::Status(grpc::StatusCode::UNAVAILABLE, "away");
    }
    if (id == 3) return grpc::Status(grpc::StatusCode::NOT_FOUND, "no collection");
    response->set_commit(id);
    return grpc::Status::OK;
  };
  auto stream = Start(2);
  for (uint64_t i = 0; i < 5; ++i) ASSERT_TRUE(SendOne(*stream, i).ok());
  stream->Drain();
  EXPECT_TRUE(acks_[0].status.ok());
  EXPECT_EQ(acks_[1].status, Unavailable("away"));
  EXPECT_EQ(attempts[1], 3);
  EXPECT_EQ(acks_[2].result.commit, 2u);
  EXPECT_EQ(acks_[3].status, NotFound("no collection"));
  EXPECT_EQ(attempts[3], 1);
  EXPECT_EQ(acks_[4].result.commit, 4u);
}

TEST_F(UpsertStreamTest, StopEndsTheRetries) {
  std::atomic<bool> stop = false;
  std::atomic<int> calls = 0;
  server_.points.on_upsert = [&](grpc::ServerContext&, const v1::UpsertRequest&,
                                 v1::UpsertResponse*) {
    if (++calls == 3) stop = true;
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "away");
  };
  auto stream = Start(1, &stop);
  ASSERT_TRUE(SendOne(*stream, 9).ok());
  stream->Drain();
  EXPECT_EQ(acks_[9].status, Unavailable("away"));
  EXPECT_LT(calls, 10);
}

TEST_F(UpsertStreamTest, TooLargeARequestIsRefusedAndTheStreamGoesOn) {
  server_.points.on_upsert = [](grpc::ServerContext&, const v1::UpsertRequest&,
                                v1::UpsertResponse*) { return grpc::Status::OK; };
  auto stream = Start(1, nullptr, 1000);
  const std::vector<float> data(1000, 0.0f);
  const uint64_t numbers[] = {1};
  EXPECT_EQ(stream->Send(1, {.numbers = numbers, .ids = {}},
                         VectorRows::Floats({data.data(), 1, 1000}))
                .code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(SendOne(*stream, 2).ok());
  stream->Drain();
  EXPECT_EQ(acks_.size(), 1u);
  EXPECT_TRUE(acks_[2].status.ok());
}

TEST_F(UpsertStreamTest, DestroyingItCancelsWhatIsInFlight) {
  std::mutex mutex;
  std::condition_variable changed;
  bool arrived = false;
  server_.points.on_upsert = [&](grpc::ServerContext& context, const v1::UpsertRequest&,
                                 v1::UpsertResponse*) {
    std::unique_lock lock(mutex);
    arrived = true;
    changed.notify_all();
    lock.unlock();
    while (!context.IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  };
  auto stream = Start(1);
  ASSERT_TRUE(SendOne(*stream, 1).ok());
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return arrived; });
  }
  stream.reset();  // returns although nobody answered
  EXPECT_TRUE(acks_.empty());
}

TEST(RowsPerRequest, LeavesRoomForIds) {
  const std::vector<uint8_t> bytes(100 * 512);
  const VectorRows rows{ElementType::kF32, 100, 128, bytes};
  EXPECT_EQ(RowsPerRequest(4096 + 536 * 10, {}, rows), 10u);
  EXPECT_EQ(RowsPerRequest(1, {}, rows), 1u);
  const std::vector<PointId> ids = {PointId(1), PointId(std::string(256, 'k'))};
  EXPECT_EQ(RowsPerRequest(4096 + 792 * 10, {.numbers = {}, .ids = ids}, rows), 10u);
  const std::vector<std::string> payloads = {"{}", std::string(192, 'p')};
  EXPECT_EQ(RowsPerRequest(4096 + 736 * 10, {}, rows, payloads), 10u);
}

}  // namespace
}  // namespace tessera::client
