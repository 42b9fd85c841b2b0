// Client calls that write points, against a server that counts tries.
#include <gtest/gtest.h>

#include "client/client.h"
#include "tests/unit/client/fake_server.h"

namespace tessera::client {
namespace {

using std::chrono::milliseconds;

class WritesTest : public testing::Test {
 protected:
  // Every call is UNAVAILABLE, its requests are kept.
  WritesTest() {
    server_.points.on_upsert = [this](grpc::ServerContext&, const v1::UpsertRequest& request,
                                      v1::UpsertResponse* response) {
      upserts_.push_back(request);
      response->set_upserted(1);
      return answer_;
    };
    server_.points.on_patch = [this](const v1::PatchPointsRequest& request, v1::PatchPointsResponse* response) {
      patches_.push_back(request);
      response->set_patched(static_cast<uint32_t>(request.points_size()) - 1);
      response->add_rejected()->set_index(0);
      return answer_;
    };
    server_.points.on_delete = [this](const v1::DeletePointsRequest& request, v1::DeletePointsResponse*) {
      deletes_.push_back(request);
      return answer_;
    };
  }

  Client Connect(size_t max_request_bytes = 1 << 20) {
    ClientOptions options;
    options.address = server_.address();
    options.retry = {.max_attempts = 3, .initial_backoff = milliseconds(1), .max_backoff = milliseconds(2)};
    options.max_request_bytes = max_request_bytes;
    return Client(options);
  }
  VectorRows Rows(size_t count) {
    data_.assign(count * 2, 1.0f);
    return VectorRows::Floats({data_.data(), count, 2});
  }

  FakeServer server_;
  grpc::Status answer_{grpc::StatusCode::UNAVAILABLE, "closing"};
  std::vector<v1::UpsertRequest> upserts_;
  std::vector<v1::PatchPointsRequest> patches_;
  std::vector<v1::DeletePointsRequest> deletes_;
  std::vector<float> data_;
};

TEST_F(WritesTest, OnlyWhatMayBeRepeatedIs) {
  Client client = Connect();
  const uint64_t numbers[] = {7};
  const std::optional<uint64_t> versions[] = {3};
  const uint64_t plain_versions[] = {3};
  const auto tries = [](auto& seen) { return std::exchange(seen, {}).size(); };
  const auto upsert = [&](const UpsertOptions& options) {
    EXPECT_FALSE(client.Upsert("c", {.numbers = numbers, .ids = {}}, Rows(1), options).ok());
    return tries(upserts_);
  };
  EXPECT_EQ(upsert({}), 3u);
  EXPECT_EQ(upsert({.mode = UpsertMode::kUpdate}), 3u);
  EXPECT_EQ(upsert({.mode = UpsertMode::kInsert}), 1u) << "the second would find the first one's row";
  EXPECT_EQ(upsert({.if_versions = versions}), 1u);
  EXPECT_EQ(upsert({.request_id = "r", .if_versions = versions}), 3u);
  const std::vector<std::string> payload{"{}"};
  EXPECT_FALSE(client.Patch("c", {PointId(7)}, payload).ok());
  EXPECT_EQ(tries(patches_), 3u);
  EXPECT_FALSE(client.Patch("c", {PointId(7)}, payload, {.if_versions = versions}).ok());
  EXPECT_EQ(tries(patches_), 1u);
  EXPECT_FALSE(client.Delete("c", {PointId(7)}).ok());
  EXPECT_EQ(tries(deletes_), 3u);
  EXPECT_FALSE(client.Delete("c", {PointId(7)}, {.if_versions = plain_versions}).ok());
  EXPECT_EQ(tries(deletes_), 1u);
}

TEST_F(WritesTest, PayloadsAndConditionsReachTheirRows) {
  answer_ = grpc::Status::OK;
  Client client = Connect();
  const uint64_t numbers[] = {7, 8};
  const std::vector<std::string> payloads{"{\"a\":1}", ""};
  const std::optional<uint64_t> versions[] = {std::nullopt, 0};
  ASSERT_TRUE(client.Upsert("c", {.numbers = numbers, .ids = {}}, Rows(2), {.payloads = payloads}).ok());
  EXPECT_EQ(upserts_[0].columns().payloads(0), "{\"a\":1}");
  EXPECT_EQ(upserts_[0].columns().payloads_size(), 2);
  ASSERT_TRUE(client
                  .Upsert("c", {.numbers = numbers, .ids = {}}, Rows(2),
                          {.mode = UpsertMode::kInsert, .atomic = true, .request_id = "r", .ack = Ack::kAccepted,
                           .payloads = payloads, .if_versions = versions})
                  .ok());
  const v1::UpsertRequest& request = upserts_[1];
  EXPECT_FALSE(request.has_columns());
  ASSERT_EQ(request.points_size(), 2);
  EXPECT_EQ(request.points(0).id().num(), 7u);
  EXPECT_EQ(request.points(0).payload(), "{\"a\":1}");
  EXPECT_FALSE(request.points(0).has_if_version());
  EXPECT_TRUE(request.points(1).has_if_version());
  EXPECT_EQ(request.mode(), v1::UPSERT_MODE_INSERT);
  EXPECT_EQ(request.ack(), v1::ACK_ACCEPTED);
  EXPECT_TRUE(request.atomic());
  EXPECT_EQ(request.request_id(), "r");
}

TEST_F(WritesTest, PatchesShareAPayloadAndAreCountedOverRequests) {
  answer_ = grpc::Status::OK;
  Client client = Connect(2048);
  std::vector<PointId> ids;
  for (uint64_t i = 0; i < 40; ++i) ids.emplace_back(i);
  const auto patched = client.Patch("c", ids, std::vector<std::string>{"{\"a\":1}"}, {.mode = PatchMode::kReplace});
  ASSERT_TRUE(patched.ok()) << patched.status();
  ASSERT_GT(patches_.size(), 1u);
  EXPECT_EQ(patched->patched, 40 - patches_.size());
  EXPECT_EQ(patched->rejected[1].index, static_cast<uint64_t>(patches_[0].points_size()));
  EXPECT_EQ(patches_[0].payload(), "{\"a\":1}");
  EXPECT_EQ(patches_[0].mode(), v1::PATCH_MODE_REPLACE);
  EXPECT_EQ(patches_[1].points(0).payload(), "");
  EXPECT_EQ(client.Patch("c", ids, {}, {.atomic = true}).status(),
            InvalidArgument("more than fits one request, so it cannot be atomic nor have a request_id"));
}

TEST_F(WritesTest, BadArgumentsAreRefusedBeforeTheyTravel) {
  Client client = Connect(8192);
  std::vector<uint64_t> numbers(2);
  const std::vector<std::string> one{"{}"};
  const std::vector<std::string> latin1{"{\"a\":\"\xe9\"}", ""};
  const auto upsert = [&](size_t rows, const UpsertOptions& options) {
    numbers.resize(rows);
    return client.Upsert("c", {.numbers = numbers, .ids = {}}, Rows(rows), options).status();
  };
  EXPECT_EQ(upsert(2, {.payloads = one}), InvalidArgument("1 payloads for 2 rows"));
  EXPECT_EQ(upsert(2, {.payloads = latin1}),
            InvalidArgument("row 0: payload is not UTF-8, which JSON is"));
  EXPECT_EQ(upsert(5000, {.request_id = "r"}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(client.Patch("c", {PointId(1)}, latin1).status(), InvalidArgument("2 payloads for 1 rows"));
  EXPECT_TRUE(upserts_.empty());
}

}  // namespace
}  // namespace tessera::client
