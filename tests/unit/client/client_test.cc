#include "client/client.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "tests/unit/client/fake_server.h"

namespace tessera::client {
namespace {

using std::chrono::milliseconds;

class ClientTest : public testing::Test {
 protected:
  ClientOptions Options() const {
    ClientOptions options;
    options.address = server_.address();
    options.retry.initial_backoff = milliseconds(1);
    options.retry.max_backoff = milliseconds(2);
    return options;
  }

  FakeServer server_;
};

VectorRows Rows(const std::vector<float>& data, size_t dim) {
  return VectorRows::Floats({data.data(), data.size() / dim, dim});
}

std::vector<uint64_t> Numbers(size_t n) {
  std::vector<uint64_t> numbers(n);
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

TEST_F(ClientTest, UpsertSplitsUnderTheMessageLimitAndCountsRowsOverAllRequests) {
  const std::vector<float> data(1000 * 16, 0.5f);
  const auto numbers = Numbers(1000);
  std::vector<uint64_t> seen;
  size_t largest = 0;
  server_.points.on_upsert = [&](grpc::ServerContext&, const v1::UpsertRequest& request,
                                 v1::UpsertResponse* response) {
    largest = std::max(largest, request.ByteSizeLong());
    const auto& nums = request.columns().nums();
    seen.insert(seen.end(), nums.begin(), nums.end());
    response->set_upserted(static_cast<uint32_t>(nums.size()) - 1);
    response->set_commit(seen.size());
    v1::RowError* error = response->add_rejected();
    error->set_index(1);
    error->set_code(3);
    error->set_message("points[1].vector[0] is NaN");
    return grpc::Status::OK;
  };
  ClientOptions options = Options();
  options.max_request_bytes = 20000;
  Client client(options);
  const auto result = client.Upsert("c", {.numbers = numbers, .ids = {}}, Rows(data, 16));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(seen, numbers);
  EXPECT_LE(largest, options.max_request_bytes);
  ASSERT_GT(result->rejected.size(), 3u);
  EXPECT_EQ(result->rejected[0].index, 1u);
  const uint64_t per_request = result->rejected[1].index - 1;
  EXPECT_EQ(result->rejected[2].index, 2 * per_request + 1);
  EXPECT_EQ(result->rejected[0].status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(result->upserted, 1000 - result->rejected.size());
  EXPECT_EQ(result->commit, 1000u);
}

TEST_F(ClientTest, BadArgumentsAreRefusedBeforeTheyTravel) {
  Client client(Options());
  const std::vector<float> data(8, 1.0f);
  const auto numbers = Numbers(3);
  EXPECT_EQ(client.Upsert("c", {.numbers = numbers, .ids = {}}, Rows(data, 4)).status(),
            InvalidArgument("3 ids for 2 vectors"));
  VectorRows torn = Rows(data, 4);
  torn.bytes = torn.bytes.first(31);
  EXPECT_EQ(client.QueryBatch("c", torn, {}).status(),
            InvalidArgument("vectors have 31 bytes, expected 2 rows of 16"));
  EXPECT_EQ(client.QueryBatch("c", {}, {}).status(), InvalidArgument("no vectors given"));
  EXPECT_EQ(client.Query("c", Rows(data, 4), {}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(client.Get("c", {PointId(1), PointId("a\xff")}).status(),
            InvalidArgument("ids[1]: id is a string that is not UTF-8"));
  EXPECT_EQ(client.Get("c", {PointId(std::string(257, 'x'))}).status(),
            InvalidArgument("ids[0]: id is a string of 257 bytes, expected 1 to 256"));
  EXPECT_FALSE(client.Get("c", {PointId("\xed\xa0\x80")}).ok()) << "a surrogate";
  EXPECT_FALSE(client.Get("c", {PointId("\xc0\xaf")}).ok()) << "an overlong form";
}

TEST_F(ClientTest, RetriesUnavailableAndGivesUpInTheEnd) {
  int calls = 0;
  int failures = 2;
  server_.points.on_get = [&](const v1::GetPointsRequest&, v1::GetPointsResponse* response) {
    if (++calls <= failures) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "read-only");
    response->add_missing()->set_key("k");
    return grpc::Status::OK;
  };
  Client client(Options());
  const auto found = client.Get("c", {PointId("k")});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->missing, std::vector<PointId>{PointId("k")});
  EXPECT_EQ(calls, 3);
  calls = 0;
  failures = 100;
  EXPECT_EQ(client.Get("c", {PointId(1)}).status(), Unavailable("read-only"));
  EXPECT_EQ(calls, 4);
}

TEST_F(ClientTest, TrainIsNotRepeated) {
  Client client(Options());
  EXPECT_EQ(client.Train("c", {}).status(), Unavailable("closing"));
  EXPECT_EQ(server_.training.trains, 1);
}

TEST_F(ClientTest, ResourceExhaustedIsRetriedWhenTheServerSaysWhen) {
  int calls = 0;
  bool hint = true;
  server_.points.on_upsert = [&](grpc::ServerContext& context, const v1::UpsertRequest&,
                                 v1::UpsertResponse* response) {
    if (++calls == 1) {
      if (hint) context.AddTrailingMetadata("grpc-retry-pushback-ms", "3");
      return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "queue is full");
    }
    response->set_upserted(1);
    return grpc::Status::OK;
  };
  Client client(Options());
  const std::vector<float> data(4, 1.0f);
  const auto numbers = Numbers(1);
  EXPECT_TRUE(client.Upsert("c", {.numbers = numbers, .ids = {}}, Rows(data, 4)).ok());
  EXPECT_EQ(calls, 2);
  calls = 0;
  hint = false;
  EXPECT_EQ(client.Upsert("c", {.numbers = numbers, .ids = {}}, Rows(data, 4)).status(),
            ResourceExhausted("queue is full"));
  EXPECT_EQ(calls, 1);
}

TEST(ClientAlone, AnUnreachableServerIsNamed) {
  ClientOptions options;
  options.address = "127.0.0.1:1";  // a reserved port
  options.retry.max_attempts = 1;
  Client client(options);
  const Status status = client.Count("c").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(MessageOf(status), "cannot reach the server at 127.0.0.1:1 (Connection refused)");
}

TEST_F(ClientTest, MixedIdsTravelAsPoints) {
  v1::UpsertRequest seen;
  server_.points.on_upsert = [&](grpc::ServerContext&, const v1::UpsertRequest& request,
                                 v1::UpsertResponse*) {
    seen = request;
    return grpc::Status::OK;
  };
  Client client(Options());
  const std::vector<float> data = {1, 2, 3, 4};
  std::vector<PointId> ids = {PointId(7), PointId("k")};
  ASSERT_TRUE(client.Upsert("c", {.numbers = {}, .ids = ids}, Rows(data, 2)).ok());
  ASSERT_EQ(seen.points_size(), 2);
  EXPECT_FALSE(seen.has_columns());
  EXPECT_EQ(seen.points(0).id().num(), 7u);
  EXPECT_EQ(seen.points(1).id().key(), "k");
  EXPECT_EQ(seen.points(1).vector().f32_le().size(), 8u);
  ids = {PointId("j"), PointId("k")};
  ASSERT_TRUE(client.Upsert("c", {.numbers = {}, .ids = ids}, Rows(data, 2)).ok());
  EXPECT_EQ(seen.points_size(), 0);
  EXPECT_EQ(seen.columns().keys_size(), 2);
}

TEST_F(ClientTest, QueryBatchSplitsAndKeepsTheOrder) {
  int calls = 0;
  server_.points.on_batch = [&](const v1::QueryBatchRequest& request,
                                v1::QueryBatchResponse* response) {
    ++calls;
    const std::string& bytes = request.vectors().f32_le();
    for (size_t i = 0; i < bytes.size(); i += 8) {
      float first;
      std::memcpy(&first, bytes.data() + i, sizeof first);
      response->add_results()->add_hits()->mutable_id()->set_num(static_cast<uint64_t>(first));
    }
    return grpc::Status::OK;
  };
  std::vector<float> data;
  for (int i = 0; i < 500; ++i) data.insert(data.end(), {static_cast<float>(i), 0.0f});
  ClientOptions options = Options();
  options.max_response_bytes = 100000;
  Client client(options);
  const auto results = client.QueryBatch("c", Rows(data, 2), {});
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_EQ(results->size(), 500u);
  for (size_t i = 0; i < 500; ++i) EXPECT_EQ((*results)[i].hits[0].id, PointId(i));
  EXPECT_GT(calls, 1);
}

TEST_F(ClientTest, AReplyOfTheWrongLengthIsAnError) {
  server_.points.on_batch = [](const v1::QueryBatchRequest&, v1::QueryBatchResponse* response) {
    response->add_results();
    return grpc::Status::OK;
  };
  Client client(Options());
  const std::vector<float> data(4, 0.0f);
  EXPECT_EQ(client.QueryBatch("c", Rows(data, 2), {}).status(),
            Internal("the server answered 1 of 2 queries"));
}

TEST(ToFloats, EveryElementType) {
  EXPECT_EQ(ToFloats({ElementType::kU8, std::string("\x00\xff", 2)}),
            (std::vector<float>{0, 255}));
  EXPECT_EQ(ToFloats({ElementType::kI8, "\x7f\x80"}), (std::vector<float>{127, -128}));
  // 1.0, -2.0, the smallest subnormal, the largest finite
  EXPECT_EQ(ToFloats({ElementType::kF16, std::string("\x00\x3c\x00\xc0\x01\x00\xff\x7b", 8)}),
            (std::vector<float>{1, -2, 5.9604645e-8f, 65504}));
  EXPECT_EQ(ToFloats({ElementType::kBf16, std::string("\x80\x3f\x00\xc0", 4)}), (std::vector<float>{1, -2}));
  EXPECT_EQ(ToFloats({ElementType::kI8, "\x7f\x80", {0.25f, -1}}), (std::vector<float>{32, -31.75f}));
}

}  // namespace
}  // namespace tessera::client
