// Lists, groups, range searches, examples, expiry and patches by filter over the wire.
#include <map>
#include <set>

#include "tests/e2e/server_fixture.h"

namespace tessera::testing {
namespace {

using grpc::StatusCode;

class ServerSearchesTest : public ServerTest {
 protected:
  static constexpr uint32_t kDim = 8;
  static constexpr size_t kRows = 1500;

  void SetUp() override {
    now_ = 1000;
    open_ = [this](CatalogOptions options) {
      options.clock = [this] { return now_.load(); };
      return Catalog::Open(options);
    };
    Start();
    Create("a", kDim);
    v1::UpsertRequest request;
    request.set_collection("a");
    std::string vectors;
    for (size_t i = 0; i < kRows; ++i) {
      request.mutable_columns()->add_nums(i);
      vectors += F32Le(Row(i, kDim));
      request.mutable_columns()->add_payloads("{\"n\":" + std::to_string(i) + ",\"kind\":\"k" +
                                              std::to_string(i % 10) + "\"}");
    }
    request.mutable_columns()->mutable_vectors()->set_f32_le(vectors);
    EXPECT_EQ(Upsert(request).upserted(), kRows);
  }
  static void SetVector(size_t row, v1::Vector* out) { out->set_f32_le(F32Le(Row(row, kDim))); }
  static float DistanceOf(size_t a, size_t b) {
    float sum = 0;
    for (uint32_t j = 0; j < kDim; ++j) sum += (Component(a, j) - Component(b, j)) * (Component(a, j) - Component(b, j));
    return sum;
  }
  // All messages of a range search; the last has no hits.
  std::vector<v1::QueryRangeResponse> Range(const v1::QueryRangeRequest& request, grpc::Status* status) {
    grpc::ClientContext context;
    SetDeadline(context);
    const auto reader = points_->QueryRange(&context, request);
    std::vector<v1::QueryRangeResponse> messages;
    for (v1::QueryRangeResponse message; reader->Read(&message);) messages.push_back(message);
    *status = reader->Finish();
    return messages;
  }

  std::atomic<int64_t> now_{1000};
};

TEST_F(ServerSearchesTest, ListsPageByPage) {
  v1::ListPointsRequest request;
  request.set_collection("a");
  request.set_page_size(400);
  request.set_with_payload(true);
  std::set<uint64_t> ids;
  size_t pages = 0;
  do {
    const v1::ListPointsResponse page = Call(&v1::Points::Stub::List, request);
    for (const v1::StoredPoint& point : page.points()) {
      EXPECT_TRUE(ids.insert(point.id().num()).second);
      EXPECT_FALSE(point.has_vector());
      EXPECT_EQ(point.payload().substr(0, 5), "{\"n\":");
    }
    if (pages == 0) {
      v1::DeletePointsRequest remove;
      remove.set_collection("a");
      remove.mutable_filter()->set_expression("n >= 700");
      EXPECT_EQ(Call(&v1::Points::Stub::Delete, remove).deleted(), kRows - 700);
    }
    request.set_page_token(page.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(pages, 4u);
  EXPECT_EQ(ids.size(), kRows);
  request.mutable_filter()->set_expression("kind = \"k3\"");
  request.set_with_vector(true);
  const v1::ListPointsResponse few = Call(&v1::Points::Stub::List, request);
  EXPECT_EQ(few.points_size(), 70);
  EXPECT_EQ(few.points(0).vector().f32_le(), F32Le(Row(3, kDim)));
  request.set_page_token("nonsense");
  Call(&v1::Points::Stub::List, request, StatusCode::INVALID_ARGUMENT, "page_token");
  request.clear_page_token();
  request.set_page_size(-1);
  Call(&v1::Points::Stub::List, request, StatusCode::INVALID_ARGUMENT, "page_size is -1");
  request.set_page_size(0);
  request.mutable_filter()->set_expression("kind = ");
  Call(&v1::Points::Stub::List, request, StatusCode::INVALID_ARGUMENT, "column");
}

TEST_F(ServerSearchesTest, GroupsByAField) {
  v1::QueryGroupsRequest request;
  request.set_collection("a");
  request.set_field("kind");
  SetVector(kRows + 5, request.mutable_vector());
  request.set_limit(4);
  request.set_group_size(2);
  const v1::QueryGroupsResponse reply = Call(&v1::Points::Stub::QueryGroups, request);
  ASSERT_EQ(reply.groups_size(), 4);
  std::set<std::string> values;
  float last = 0;
  for (const v1::HitGroup& group : reply.groups()) {
    EXPECT_TRUE(values.insert(group.value().text()).second);
    ASSERT_EQ(group.hits_size(), 2);
    EXPECT_GE(group.hits(0).score(), last);
    last = group.hits(0).score();
    for (const v1::Hit& hit : group.hits()) {
      EXPECT_EQ("k" + std::to_string(hit.id().num() % 10), group.value().text());
      EXPECT_TRUE(hit.payload().empty());
    }
  }
  request.set_limit(20);
  request.mutable_filter()->set_expression("n < 7");
  request.set_with_payload(true);
  const v1::QueryGroupsResponse few = Call(&v1::Points::Stub::QueryGroups, request);
  EXPECT_EQ(few.groups_size(), 7);
  EXPECT_TRUE(few.exhausted());
  EXPECT_FALSE(few.groups(0).hits(0).payload().empty());
  request.clear_field();
  Call(&v1::Points::Stub::QueryGroups, request, StatusCode::INVALID_ARGUMENT, "field is missing");
  request.set_field("kind");
  request.set_group_size(0);
  Call(&v1::Points::Stub::QueryGroups, request, StatusCode::INVALID_ARGUMENT, "group_size");
  request.set_group_size(2);
  request.clear_vector();
  Call(&v1::Points::Stub::QueryGroups, request, StatusCode::INVALID_ARGUMENT, "query is missing");
  request.mutable_vector()->set_f32_le(F32Le({1, 2}));
  Call(&v1::Points::Stub::QueryGroups, request, StatusCode::INVALID_ARGUMENT, "vector has 2 components");
}

TEST_F(ServerSearchesTest, EveryPointWithinARadius) {
  for (const bool train : {false, true}) {
    if (train) Train("a", "IVF8,PQ4");
    std::vector<float> distances;
    for (size_t i = 0; i < kRows; ++i) distances.push_back(DistanceOf(i, kRows + 9));
    std::sort(distances.begin(), distances.end());
    for (const size_t at : {size_t{0}, size_t{700}, kRows - 1}) {
      v1::QueryRangeRequest request;
      request.set_collection("a");
      SetVector(kRows + 9, request.mutable_vector());
      request.set_radius(distances[at] + 1e-4f);
      request.set_with_payload(at > 0);
      grpc::Status status;
      const auto messages = Range(request, &status);
      ASSERT_TRUE(status.ok()) << status.error_message();
      std::map<uint64_t, float> found;
      for (const auto& message : messages) {
        for (const v1::Hit& hit : message.hits()) {
          EXPECT_TRUE(found.emplace(hit.id().num(), hit.score()).second);
          EXPECT_TRUE(hit.exact());
          EXPECT_NEAR(hit.score(), DistanceOf(hit.id().num(), kRows + 9), 1e-3);
          EXPECT_EQ(hit.payload().empty(), at == 0);
        }
      }
      size_t expected = 0;
      for (const float d : distances) expected += d <= request.radius();
      EXPECT_EQ(found.size(), expected);
      EXPECT_EQ(messages.back().total_hits(), expected);
      EXPECT_EQ(messages.back().rows_compared(), kRows);
      EXPECT_EQ(messages.back().hits_size(), 0);
    }
  }
  v1::QueryRangeRequest request;
  request.set_collection("a");
  request.mutable_id()->set_num(5);
  request.set_radius(-1);
  grpc::Status status;
  EXPECT_TRUE(Range(request, &status).empty());
  ExpectError(status, StatusCode::INVALID_ARGUMENT, "radius is -1");
  request.set_radius(1e9f);
  request.mutable_filter()->set_expression("n < 10");
  EXPECT_EQ(Range(request, &status).back().total_hits(), 9u);  // itself left out
  request.mutable_id()->set_num(kRows + 5);
  Range(request, &status);
  ExpectError(status, StatusCode::NOT_FOUND, "is not in collection");
  request.set_collection("b");
  Range(request, &status);
  ExpectError(status, StatusCode::NOT_FOUND, "b");
}

// A client that reads one message and goes leaves nothing behind: the next calls are answered.
TEST_F(ServerSearchesTest, ARangeSearchEndsWithItsClient) {
  v1::QueryRangeRequest request;
  request.set_collection("a");
  request.mutable_id()->set_num(5);
  request.set_radius(1e9f);
  for (int i = 0; i < 8; ++i) {
    grpc::ClientContext context;
    SetDeadline(context);
    const auto reader = points_->QueryRange(&context, request);
    v1::QueryRangeResponse message;
    EXPECT_TRUE(reader->Read(&message));
    context.TryCancel();
    while (reader->Read(&message)) {
    }
    EXPECT_EQ(reader->Finish().error_code(), StatusCode::CANCELLED);
  }
  grpc::Status status;
  EXPECT_EQ(Range(request, &status).back().total_hits(), kRows - 1);
}

TEST_F(ServerSearchesTest, ByExamples) {
  v1::QueryRequest request;
  request.set_collection("a");
  request.mutable_params()->set_exact(true);
  request.set_limit(3);
  request.mutable_examples()->add_positive()->set_num(5);
  v1::QueryRequest by_id = request;
  by_id.mutable_id()->set_num(5);
  EXPECT_EQ(Query(request).hits(0).SerializeAsString(), Query(by_id).hits(0).SerializeAsString());
  request.mutable_examples()->add_positive()->set_num(6);
  SetVector(kRows + 1, request.mutable_examples()->mutable_positive_vectors());
  request.mutable_examples()->add_negative()->set_num(7);
  const v1::QueryResponse reply = Query(request);
  ASSERT_EQ(reply.hits_size(), 3);
  for (const v1::Hit& hit : reply.hits()) {
    EXPECT_TRUE(hit.id().num() < 5 || hit.id().num() > 7);
  }
  std::vector<float> target(kDim);
  for (uint32_t j = 0; j < kDim; ++j) {
    const float mean = (Component(5, j) + Component(6, j) + Component(kRows + 1, j)) / 3;
    target[j] = 2 * mean - Component(7, j);
  }
  v1::QueryRequest direct = request;
  direct.mutable_vector()->set_f32_le(F32Le(target));
  direct.set_limit(6);
  const v1::QueryResponse all = Query(direct);
  std::vector<uint64_t> expected;
  for (const v1::Hit& hit : all.hits()) {
    if (hit.id().num() < 5 || hit.id().num() > 7) expected.push_back(hit.id().num());
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(reply.hits(i).id().num(), expected[static_cast<size_t>(i)]);
  request.mutable_examples()->add_negative()->set_num(kRows + 3);
  Call(&v1::Points::Stub::Query, request, StatusCode::NOT_FOUND, "is not in collection");
  request.mutable_examples()->clear_negative();
  request.mutable_examples()->mutable_negative_vectors()->set_f32_le(F32Le({1, NAN, 0, 0, 0, 0, 0, 0}));
  Call(&v1::Points::Stub::Query, request, StatusCode::INVALID_ARGUMENT, "examples.negative_vectors[0][1] is NaN");
  request.mutable_examples()->clear_negative_vectors();
  request.mutable_examples()->clear_positive();
  request.mutable_examples()->clear_positive_vectors();
  Call(&v1::Points::Stub::Query, request, StatusCode::INVALID_ARGUMENT, "no positive example");
}

TEST_F(ServerSearchesTest, PointsExpire) {
  v1::UpsertRequest request;
  request.set_collection("a");
  for (uint64_t id : {5000, 5001}) {
    v1::Point* point = request.add_points();
    point->mutable_id()->set_num(id);
    SetVector(id, point->mutable_vector());
    if (id == 5000) point->set_expire_at_ms(2000);
  }
  EXPECT_EQ(Upsert(request).upserted(), 2u);
  v1::PatchPointsRequest patch;
  patch.set_collection("a");
  patch.set_payload("{}");
  patch.add_points()->mutable_id()->set_num(5001);
  patch.set_expire_at_ms(3000);
  EXPECT_EQ(Call(&v1::Points::Stub::Patch, patch).patched(), 1u);
  v1::GetPointsRequest get;
  get.set_collection("a");
  get.add_ids()->set_num(5000);
  get.add_ids()->set_num(5001);
  const v1::GetPointsResponse both = Call(&v1::Points::Stub::Get, get);
  ASSERT_EQ(both.points_size(), 2);
  EXPECT_EQ(both.points(0).expire_at_ms(), 2000);
  EXPECT_EQ(both.points(1).expire_at_ms(), 3000);
  v1::CountRequest count;
  count.set_collection("a");
  for (const auto& [now, left] : std::vector<std::pair<int64_t, uint64_t>>{{1999, 2}, {2000, 1}, {3000, 0}}) {
    now_ = now;
    EXPECT_EQ(Call(&v1::Points::Stub::Count, count).count(), kRows + left);
    EXPECT_EQ(static_cast<uint64_t>(Call(&v1::Points::Stub::Get, get).points_size()), left);
  }
  // The server removes them without being asked.
  v1::CollectionStatsRequest ask;
  ask.set_name("a");
  v1::CollectionStats stats;
  do {
    grpc::ClientContext context;
    SetDeadline(context);
    ASSERT_TRUE(collections_->Stats(&context, ask, &stats).ok());
  } while (stats.rows() != kRows);
  request.mutable_points(0)->set_expire_at_ms(-5);
  const v1::UpsertResponse refused = Upsert(request);
  ASSERT_EQ(refused.rejected_size(), 1);
  EXPECT_NE(refused.rejected(0).message().find("points[0].expire_at_ms is -5"), std::string::npos);
}

TEST_F(ServerSearchesTest, PatchesByFilter) {
  v1::PatchPointsRequest patch;
  patch.set_collection("a");
  patch.mutable_filter()->set_expression("kind = \"k4\"");
  patch.set_payload("{\"kind\":null,\"sold\":true}");
  EXPECT_EQ(Call(&v1::Points::Stub::Patch, patch).patched(), kRows / 10);
  EXPECT_EQ(Call(&v1::Points::Stub::Patch, patch).patched(), 0u);
  v1::CountRequest count;
  count.set_collection("a");
  count.mutable_filter()->set_expression("sold = true and missing(kind) and n >= 0");
  EXPECT_EQ(Call(&v1::Points::Stub::Count, count).count(), kRows / 10);
  patch.add_points()->mutable_id()->set_num(4);
  Call(&v1::Points::Stub::Patch, patch, StatusCode::INVALID_ARGUMENT, "points and filter");
  patch.clear_points();
  patch.set_request_id("r");
  Call(&v1::Points::Stub::Patch, patch, StatusCode::INVALID_ARGUMENT, "request_id");
  patch.clear_request_id();
  patch.set_payload("{\"a\":1");
  Call(&v1::Points::Stub::Patch, patch, StatusCode::INVALID_ARGUMENT, "payload: ");
  patch.set_payload("{}");
  patch.set_expire_at_ms(-1);
  Call(&v1::Points::Stub::Patch, patch, StatusCode::INVALID_ARGUMENT, "expire_at_ms is -1");
  patch.clear_expire_at_ms();
  patch.mutable_filter()->set_expression(" ");
  Call(&v1::Points::Stub::Patch, patch, StatusCode::INVALID_ARGUMENT, "filter is empty");
}

}  // namespace
}  // namespace tessera::testing
