// Payloads, modes, conditions, patches and request ids over the wire.
#include "tests/e2e/server_fixture.h"

namespace tessera::testing {
namespace {

using grpc::StatusCode;

class ServerWritesTest : public ServerTest {
 protected:
  void SetUp() override {
    config_.limits.batch_rows = 100;
    config_.limits.message_bytes = 1 << 20;
    Start();
    Create("a", 2);
  }
  v1::UpsertResponse TryUpsert(const v1::UpsertRequest& request, StatusCode code, const std::string& message) {
    return Call(&v1::Points::Stub::Upsert, request, code, message);
  }
  v1::PatchPointsResponse Patch(const v1::PatchPointsRequest& request, StatusCode code = StatusCode::OK,
                                const std::string& message = {}) {
    return Call(&v1::Points::Stub::Patch, request, code, message);
  }
  v1::DeletePointsResponse Delete(const v1::DeletePointsRequest& request, StatusCode code = StatusCode::OK,
                                  const std::string& message = {}) {
    return Call(&v1::Points::Stub::Delete, request, code, message);
  }
  v1::StoredPoint Get(uint64_t id, bool with_payload = true) {
    v1::GetPointsRequest request;
    request.set_collection("a");
    request.add_ids()->set_num(id);
    request.set_with_payload(with_payload);
    const auto response = Call(&v1::Points::Stub::Get, request);
    return response.points_size() == 1 ? response.points(0) : v1::StoredPoint();
  }

  static v1::UpsertRequest Point(uint64_t id, const std::string& payload) {
    v1::UpsertRequest request;
    request.set_collection("a");
    v1::Point* point = request.add_points();
    point->mutable_id()->set_num(id);
    point->mutable_vector()->set_u8("xy");
    point->set_payload(payload);
    return request;
  }
  static v1::PatchPointsRequest PatchOf(uint64_t id, const std::string& payload) {
    v1::PatchPointsRequest request;
    request.set_collection("a");
    request.add_points()->mutable_id()->set_num(id);
    request.set_payload(payload);
    return request;
  }
};

TEST_F(ServerWritesTest, PayloadsGoInAndComeBack) {
  Upsert(Point(1, R"({ "lang": "de", "n": 9007199254740993 })"));
  v1::UpsertRequest columns;
  columns.set_collection("a");
  columns.mutable_columns()->add_nums(2);
  columns.mutable_columns()->add_nums(3);
  columns.mutable_columns()->mutable_vectors()->set_u8("abcd");
  columns.mutable_columns()->add_payloads("");
  TryUpsert(columns, StatusCode::INVALID_ARGUMENT, "columns.payloads has 1 objects");
  columns.mutable_columns()->add_payloads(R"({"x":[1,2]})");
  Upsert(columns);
  EXPECT_EQ(Get(1).payload(), R"({"lang":"de","n":9007199254740993})");
  EXPECT_EQ(Get(1, false).payload(), "");
  EXPECT_GT(Get(1, false).version(), 0u);
  EXPECT_EQ(Get(2).payload(), "");
  EXPECT_EQ(Get(3).payload(), R"({"x":[1,2]})");

  v1::QueryRequest query;
  query.set_collection("a");
  query.mutable_vector()->set_u8("xy");
  query.set_limit(1);
  EXPECT_EQ(Query(query).hits(0).payload(), "");
  EXPECT_EQ(Query(query).hits(0).version(), 0u);
  query.set_with_payload(true);
  EXPECT_EQ(Query(query).hits(0).payload(), R"({"lang":"de","n":9007199254740993})");
  EXPECT_EQ(Query(query).hits(0).version(), Get(1).version());
  v1::QueryBatchRequest batch;
  batch.set_collection("a");
  batch.mutable_vectors()->set_u8("xycd");
  batch.set_limit(1);
  batch.set_with_payload(true);
  const auto results = Call(&v1::Points::Stub::QueryBatch, batch);
  EXPECT_EQ(results.results(1).hits(0).payload(), R"({"x":[1,2]})");
}

TEST_F(ServerWritesTest, BadPayloadsNameTheirRow) {
  v1::UpsertRequest request = Point(1, "{}");
  *request.add_points() = Point(2, R"({"a":})").points(0);
  const auto response = Upsert(request);
  EXPECT_EQ(response.upserted(), 1u);
  ASSERT_EQ(response.rejected_size(), 1);
  EXPECT_EQ(response.rejected(0).index(), 1u);
  EXPECT_EQ(response.rejected(0).message().find("points[1].payload: "), 0u) << response.rejected(0).message();
  request.set_atomic(true);
  TryUpsert(request, StatusCode::INVALID_ARGUMENT, "points[1].payload: ");
}

// Replies may outgrow a message by payloads, which no request can foresee.
TEST_F(ServerWritesTest, RepliesThatAreTooLargeAreRefused) {
  const std::string large = R"({"text":")" + std::string(60000, 'x') + "\"}";
  v1::GetPointsRequest get;
  get.set_collection("a");
  get.set_with_payload(true);
  for (uint64_t id = 0; id < 20; ++id) {
    Upsert(Point(id, large));
    get.add_ids()->set_num(id);
  }
  Call(&v1::Points::Stub::Get, get, StatusCode::RESOURCE_EXHAUSTED, "ask for fewer");
  v1::QueryRequest query;
  query.set_collection("a");
  query.mutable_vector()->set_u8("xy");
  query.set_limit(20);
  query.set_with_payload(true);
  Call(&v1::Points::Stub::Query, query, StatusCode::RESOURCE_EXHAUSTED, "ask for fewer");
  query.set_limit(10);
  EXPECT_EQ(Query(query).hits_size(), 10);
}

TEST_F(ServerWritesTest, ModesAndConditions) {
  v1::UpsertRequest request = Point(1, "{}");
  request.set_mode(v1::UPSERT_MODE_INSERT);
  const uint64_t version = Upsert(request).commit();
  EXPECT_EQ(Upsert(request).rejected(0).code(), StatusCode::ALREADY_EXISTS);
  request.set_mode(v1::UPSERT_MODE_UPDATE);
  request.mutable_points(0)->set_if_version(version + 7);
  const auto stale = Upsert(request);
  EXPECT_EQ(stale.rejected(0).code(), StatusCode::ABORTED);
  EXPECT_NE(stale.rejected(0).message().find("id 1 has version " + std::to_string(version)), std::string::npos);
  request.set_atomic(true);
  TryUpsert(request, StatusCode::ABORTED, "points[0].if_version is " + std::to_string(version + 7));
  request.mutable_points(0)->set_if_version(version);
  EXPECT_EQ(Upsert(request).upserted(), 1u);
  request.set_mode(static_cast<v1::UpsertMode>(9));
  TryUpsert(request, StatusCode::INVALID_ARGUMENT, "mode is 9");
  request.set_mode(v1::UPSERT_MODE_UPSERT);
  request.set_ack(static_cast<v1::Ack>(9));
  TryUpsert(request, StatusCode::INVALID_ARGUMENT, "ack is 9");
}

TEST_F(ServerWritesTest, PatchMergesReplacesAndClears) {
  Upsert(Point(1, R"({"a":1,"b":{"c":2}})"));
  v1::PatchPointsRequest request = PatchOf(1, R"({"b":{"d":3},"a":null})");
  request.add_points()->mutable_id()->set_num(8);
  request.add_points();
  const auto response = Patch(request);
  EXPECT_EQ(response.patched(), 1u);
  ASSERT_EQ(response.rejected_size(), 2);
  EXPECT_EQ(response.rejected(0).code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(response.rejected(1).message(), "points[2].id is missing");
  EXPECT_EQ(Get(1).payload(), R"({"b":{"c":2,"d":3}})");
  EXPECT_EQ(Get(1).version(), response.commit());
  EXPECT_EQ(Get(1).vector().u8(), "xy");
  request = PatchOf(1, R"({"shared":1})");
  request.mutable_points(0)->set_payload(R"({"own":1})");
  request.set_mode(v1::PATCH_MODE_REPLACE);
  Patch(request);
  EXPECT_EQ(Get(1).payload(), R"({"own":1})");
  request.set_mode(v1::PATCH_MODE_CLEAR);
  request.set_atomic(true);
  Patch(request, StatusCode::INVALID_ARGUMENT, "points[0].payload is given");
  request.clear_payload();
  request.mutable_points(0)->clear_payload();
  EXPECT_EQ(Patch(request).patched(), 1u);
  EXPECT_EQ(Get(1).payload(), "");
  request.set_mode(static_cast<v1::PatchMode>(4));
  Patch(request, StatusCode::INVALID_ARGUMENT, "mode is 4");
  Patch(v1::PatchPointsRequest(), StatusCode::INVALID_ARGUMENT, "");
  request.clear_points();
  Patch(request, StatusCode::INVALID_ARGUMENT, "points is empty");
}

TEST_F(ServerWritesTest, DeletesAreTriedAndConditional) {
  const uint64_t version = Upsert(Point(1, "{}")).commit();
  Upsert(Point(2, "{}"));
  v1::DeletePointsRequest request;
  request.set_collection("a");
  request.add_ids()->set_num(1);
  request.add_ids()->set_num(2);
  request.add_if_versions(version);
  Delete(request, StatusCode::INVALID_ARGUMENT, "if_versions has 1 versions, ids has 2 ids");
  request.add_if_versions(version);
  request.set_validate_only(true);
  EXPECT_EQ(Delete(request).deleted(), 1u);
  EXPECT_EQ(Get(1).version(), version);
  request.set_validate_only(false);
  const auto response = Delete(request);
  EXPECT_EQ(response.deleted(), 1u);
  ASSERT_EQ(response.rejected_size(), 1);
  EXPECT_EQ(response.rejected(0).code(), StatusCode::ABORTED);
  EXPECT_EQ(Get(1).version(), 0u);
}

TEST_F(ServerWritesTest, ARequestIdIsCarriedOutOnceEvenAfterARestart) {
  v1::UpsertRequest request = Point(1, "{}");
  request.set_mode(v1::UPSERT_MODE_INSERT);
  request.set_request_id("r1");
  const auto first = Upsert(request);
  EXPECT_EQ(first.upserted(), 1u);
  v1::PatchPointsRequest patch = PatchOf(1, R"({"a":1})");
  patch.set_request_id("r2");
  const uint64_t patched = Patch(patch).commit();
  Restart();
  EXPECT_EQ(Upsert(request).SerializeAsString(), first.SerializeAsString());
  EXPECT_EQ(Patch(patch).commit(), patched);
  EXPECT_EQ(Get(1).payload(), R"({"a":1})");
  v1::DeletePointsRequest other;
  other.set_collection("a");
  other.add_ids()->set_num(1);
  other.set_request_id("r1");
  Delete(other, StatusCode::INVALID_ARGUMENT, "\"r1\" was used for another request");
}

TEST_F(ServerWritesTest, AcceptedIsToldByCommitZero) {
  v1::UpsertRequest request = Point(1, "{}");
  request.set_ack(v1::ACK_ACCEPTED);
  EXPECT_EQ(Upsert(request).commit(), 0u);
  EXPECT_GT(Upsert(Point(2, "{}")).commit(), 1u) << "behind the accepted one";
  EXPECT_GT(Get(1).version(), 0u);
}

}  // namespace
}  // namespace tessera::testing
