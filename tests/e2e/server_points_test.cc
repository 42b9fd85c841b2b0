// Points over the wire: every encoding, every form, every refusal.
#include <cmath>
#include <limits>

#include "tests/e2e/server_fixture.h"

namespace tessera::testing {
namespace {

using grpc::StatusCode;

class ServerPointsTest : public ServerTest {
 protected:
  void SetUp() override {
    config_.limits.batch_rows = 2000;
    config_.limits.message_bytes = 4 << 20;
    Start();
    Create("a", 4);
  }

  static v1::QueryRequest QueryOf(const std::vector<float>& vector) {
    v1::QueryRequest request;
    request.set_collection("a");
    request.mutable_vector()->mutable_f32()->mutable_values()->Add(vector.begin(), vector.end());
    return request;
  }

  v1::UpsertRequest OnePoint(uint64_t id, const std::vector<float>& vector) {
    v1::UpsertRequest request;
    request.set_collection("a");
    v1::Point* point = request.add_points();
    point->mutable_id()->set_num(id);
    point->mutable_vector()->set_f32_le(F32Le(vector));
    return request;
  }

  template <typename Request>
  grpc::Status Fails(const Request& request) {
    grpc::ClientContext context;
    SetDeadline(context);
    return Send(context, request);
  }

 private:
  grpc::Status Send(grpc::ClientContext& context, const v1::UpsertRequest& request) {
    v1::UpsertResponse response;
    return points_->Upsert(&context, request, &response);
  }
  grpc::Status Send(grpc::ClientContext& context, const v1::QueryRequest& request) {
    v1::QueryResponse response;
    return points_->Query(&context, request, &response);
  }
  grpc::Status Send(grpc::ClientContext& context, const v1::QueryBatchRequest& request) {
    v1::QueryBatchResponse response;
    return points_->QueryBatch(&context, request, &response);
  }
  grpc::Status Send(grpc::ClientContext& context, const v1::GetPointsRequest& request) {
    v1::GetPointsResponse response;
    return points_->Get(&context, request, &response);
  }
  grpc::Status Send(grpc::ClientContext& context, const v1::DeletePointsRequest& request) {
    v1::DeletePointsResponse response;
    return points_->Delete(&context, request, &response);
  }
  grpc::Status Send(grpc::ClientContext& context, const v1::CountRequest& request) {
    v1::CountResponse response;
    return points_->Count(&context, request, &response);
  }
};

// 1, 2, -3 and 0.5 as the given form can say them.
v1::Vector EncodedVector(int form, std::vector<float>* meant) {
  v1::Vector vector;
  const std::vector<float> values = {1, 2, -3, 0.5f};
  *meant = values;
  if (form == 0) vector.mutable_f32()->mutable_values()->Add(values.begin(), values.end());
  if (form == 1) vector.set_f32_le(F32Le(values));
  if (form == 2) vector.set_f16_le(std::string("\x00\x3c\x00\x40\x00\xc2\x00\x38", 8));
  if (form == 3) vector.set_i8(std::string("\x01\x02\xfd\x00", 4)), *meant = {1, 2, -3, 0};
  if (form == 4) vector.set_u8(std::string("\x01\x02\xfd\x00", 4)), *meant = {1, 2, 253, 0};
  if (form == 5) vector.set_bf16_le(std::string("\x80\x3f\x00\x40\x40\xc0\x00\x3f", 8));
  if (form >= 6) {
    v1::QuantizedVector& quantized = *vector.mutable_quantized();
    quantized.set_data(std::string("\x01\x02\xfd\x00", 4));
    quantized.set_scale(0.25f);
    quantized.set_is_signed(form == 6);
    quantized.set_zero_point(form == 6 ? -2 : 200);
    *meant = form == 6 ? std::vector<float>{0.75f, 1, -0.25f, 0.5f}
                       : std::vector<float>{-49.75f, -49.5f, 13.25f, -50};
  }
  return vector;
}

TEST_F(ServerPointsTest, EveryEncodingIsStoredFoundAndGivenBack) {
  for (int form = 0; form < 8; ++form) {
    SCOPED_TRACE(form);
    std::vector<float> meant;
    const v1::Vector vector = EncodedVector(form, &meant);
    v1::UpsertRequest upsert;
    upsert.set_collection("a");
    upsert.add_points()->mutable_id()->set_num(form);
    *upsert.mutable_points(0)->mutable_vector() = vector;
    EXPECT_EQ(Upsert(upsert).upserted(), 1u);

    // Asked for in the same encoding, and as plain floats.
    v1::QueryRequest query;
    query.set_collection("a");
    query.set_limit(1);
    *query.mutable_vector() = vector;
    EXPECT_EQ(Query(query).hits(0).score(), 0);
    query = QueryOf(meant);
    query.set_with_vector(true);
    const v1::QueryResponse found = Query(query);
    ASSERT_GT(found.hits_size(), 0);
    EXPECT_EQ(found.hits(0).score(), 0);
    EXPECT_TRUE(found.hits(0).exact());

    v1::GetPointsRequest get;
    get.set_collection("a");
    get.add_ids()->set_num(form);
    get.add_ids()->set_num(99);
    grpc::ClientContext context;
    SetDeadline(context);
    v1::GetPointsResponse got;
    ASSERT_TRUE(points_->Get(&context, get, &got).ok());
    ASSERT_EQ(got.points_size(), 1);
    ASSERT_EQ(got.missing_size(), 1);
    EXPECT_EQ(got.missing(0).num(), 99u);
    v1::Vector sent = vector;
    if (form == 0) sent.set_f32_le(F32Le(meant));  // packed floats come back as bytes
    EXPECT_EQ(got.points(0).vector().SerializeAsString(), sent.SerializeAsString());
  }
}

TEST_F(ServerPointsTest, StringIdsAndDelete) {
  v1::UpsertRequest upsert;
  upsert.set_collection("a");
  upsert.mutable_columns()->add_keys("left");
  upsert.mutable_columns()->add_keys("right");
  upsert.mutable_columns()->mutable_vectors()->set_u8(
      std::string("\x01\x01\x01\x01\x09\x09\x09\x09"));
  EXPECT_EQ(Upsert(upsert).upserted(), 2u);
  EXPECT_EQ(Query(QueryOf({9, 9, 9, 9})).hits(0).id().key(), "right");

  v1::DeletePointsRequest request;
  request.set_collection("a");
  request.add_ids()->set_key("right");
  request.add_ids()->set_key("nowhere");
  grpc::ClientContext context;
  SetDeadline(context);
  v1::DeletePointsResponse deleted;
  ASSERT_TRUE(points_->Delete(&context, request, &deleted).ok());
  EXPECT_EQ(deleted.deleted(), 1u);
  const v1::QueryResponse after = Query(QueryOf({9, 9, 9, 9}));
  ASSERT_EQ(after.hits_size(), 1);
  EXPECT_EQ(after.hits(0).id().key(), "left");
  EXPECT_TRUE(after.exhausted());
  EXPECT_GE(after.commit(), deleted.commit());
}

TEST_F(ServerPointsTest, QueryByIdLeavesItOut) {
  Load("a", 4, 10);
  v1::QueryRequest query;
  query.set_collection("a");
  query.mutable_id()->set_num(3);
  const v1::QueryResponse response = Query(query);
  EXPECT_EQ(response.hits_size(), 9);
  for (const v1::Hit& hit : response.hits()) EXPECT_NE(hit.id().num(), 3u);
  query.mutable_id()->set_num(77);
  ExpectError(Fails(query), StatusCode::NOT_FOUND, "77");
}

TEST_F(ServerPointsTest, LimitOffsetAndThreshold) {
  Load("a", 4, 30);
  v1::QueryRequest query = QueryOf(Row(5, 4));
  EXPECT_EQ(Query(query).hits_size(), 10);
  query.set_limit(3);
  const v1::QueryResponse first = Query(query);
  ASSERT_EQ(first.hits_size(), 3);
  EXPECT_EQ(first.hits(0).id().num(), 5u);
  query.set_offset(2);
  EXPECT_EQ(Query(query).hits(0).id().num(), first.hits(2).id().num());
  query.set_offset(0);
  query.set_score_threshold(first.hits(1).score());
  EXPECT_EQ(Query(query).hits_size(), 2);
}

TEST_F(ServerPointsTest, ExplainTellsWhatWasDone) {
  Load("a", 4, 50);
  v1::QueryRequest query = QueryOf(Row(5, 4));
  EXPECT_FALSE(Query(query).has_explain());
  query.set_explain(true);
  const v1::QueryResponse response = Query(query);
  EXPECT_EQ(response.explain().rows_scanned(), 50u);
  EXPECT_FALSE(response.explain().isa().empty());
  EXPECT_GT(response.explain().queue_us(), 0);
  EXPECT_TRUE(response.effective().exact());
}

TEST_F(ServerPointsTest, BatchAnswersAsSingleQueries) {
  Load("a", 4, 100);
  v1::QueryBatchRequest batch;
  batch.set_collection("a");
  batch.set_limit(5);
  std::string bytes;
  for (size_t i = 0; i < 20; ++i) bytes += F32Le(Row(1000 + i, 4));
  batch.mutable_vectors()->set_f32_le(bytes);
  grpc::ClientContext context;
  SetDeadline(context);
  v1::QueryBatchResponse response;
  ASSERT_TRUE(points_->QueryBatch(&context, batch, &response).ok());
  ASSERT_EQ(response.results_size(), 20);
  for (size_t i = 0; i < 20; ++i) {
    v1::QueryRequest query = QueryOf(Row(1000 + i, 4));
    query.set_limit(5);
    const v1::QueryResponse single = Query(query);
    ASSERT_EQ(response.results(i).hits_size(), 5);
    for (int k = 0; k < 5; ++k) {
      EXPECT_EQ(response.results(i).hits(k).id().num(), single.hits(k).id().num());
    }
  }
}

TEST_F(ServerPointsTest, CountFollowsWrites) {
  Load("a", 4, 12);
  v1::CountRequest request;
  request.set_collection("a");
  grpc::ClientContext context;
  SetDeadline(context);
  v1::CountResponse response;
  ASSERT_TRUE(points_->Count(&context, request, &response).ok());
  EXPECT_EQ(response.count(), 12u);
}

TEST_F(ServerPointsTest, BadRowsFailAnAtomicRequestAndAreNamed) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  v1::UpsertRequest request = OnePoint(1, {1, 2, 3, 4});
  request.set_atomic(true);
  *request.add_points() = OnePoint(2, {1, 2, nan, 4}).points(0);
  ExpectError(Fails(request), StatusCode::INVALID_ARGUMENT, "points[1].vector[2] is NaN");
  *request.mutable_points(1) = OnePoint(2, {inf, 2, 3, 4}).points(0);
  ExpectError(Fails(request), StatusCode::INVALID_ARGUMENT, "points[1].vector[0]");
  *request.mutable_points(1) = OnePoint(2, {1e30f, 2, 3, 4}).points(0);
  ExpectError(Fails(request), StatusCode::INVALID_ARGUMENT, "points[1].vector");
  *request.mutable_points(1) = OnePoint(2, {1, 2, 3}).points(0);
  ExpectError(Fails(request), StatusCode::INVALID_ARGUMENT,
              "points[1].vector has 3 components, collection \"a\" has 4");
  *request.mutable_points(1) = OnePoint(1, {1, 2, 3, 4}).points(0);
  ExpectError(Fails(request), StatusCode::INVALID_ARGUMENT, "points[1].id");
  request.mutable_points(1)->clear_id();
  ExpectError(Fails(request), StatusCode::INVALID_ARGUMENT, "points[1].id is missing");
  request.mutable_points(1)->mutable_id()->set_key("");
  ExpectError(Fails(request), StatusCode::INVALID_ARGUMENT, "points[1].id.key is empty");
  request.mutable_points(1)->mutable_id()->set_key(std::string(257, 'k'));
  ExpectError(Fails(request), StatusCode::INVALID_ARGUMENT, "points[1].id.key has 257 bytes");

  v1::CountRequest count;
  count.set_collection("a");
  grpc::ClientContext context;
  v1::CountResponse response;
  ASSERT_TRUE(points_->Count(&context, count, &response).ok());
  EXPECT_EQ(response.count(), 0u) << "nothing of a failed request is written";
}

TEST_F(ServerPointsTest, UpsertWritesTheGoodRowsAndListsTheBad) {
  v1::UpsertRequest request = OnePoint(1, {1, 2, 3, 4});
  *request.add_points() = OnePoint(2, {1, 2, 3}).points(0);
  *request.add_points() = OnePoint(3, {1, 2, std::nanf(""), 4}).points(0);
  *request.add_points() = OnePoint(1, {4, 3, 2, 1}).points(0);
  request.add_points()->mutable_vector()->set_u8("abcd");
  *request.add_points() = OnePoint(4, {9, 9, 9, 9}).points(0);
  const v1::UpsertResponse response = Upsert(request);
  EXPECT_EQ(response.upserted(), 2u);
  ASSERT_EQ(response.rejected_size(), 4);
  EXPECT_EQ(response.rejected(0).message(),
            "points[1].vector has 3 components, collection \"a\" has 4");
  EXPECT_EQ(response.rejected(1).message(), "points[2].vector[2] is NaN");
  EXPECT_EQ(response.rejected(2).index(), 3u);
  EXPECT_EQ(response.rejected(3).message(), "points[4].id is missing");
  for (const v1::RowError& error : response.rejected())
    EXPECT_EQ(error.code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Query(QueryOf({1, 2, 3, 4})).hits(0).id().num(), 1u);
}

TEST_F(ServerPointsTest, ColumnsMustAgree) {
  v1::UpsertRequest request;
  request.set_collection("a");
  ExpectError(Fails(request), StatusCode::INVALID_ARGUMENT, "points is empty");
  request.mutable_columns()->add_nums(1);
  ExpectError(Fails(request), StatusCode::INVALID_ARGUMENT, "columns.vectors is missing");
  request.mutable_columns()->mutable_vectors()->set_i8("12345678");
  ExpectError(Fails(request), StatusCode::INVALID_ARGUMENT, "columns.nums has 1 ids");
  request.mutable_columns()->add_keys("k");
  ExpectError(Fails(request), StatusCode::INVALID_ARGUMENT, "columns has both nums and keys");
  request.mutable_columns()->clear_keys();
  request.mutable_columns()->mutable_vectors()->set_f32_le("12345");
  ExpectError(Fails(request), StatusCode::INVALID_ARGUMENT, "columns.vectors has 5 bytes");
  request.mutable_columns()->mutable_vectors()->set_i8("12345");
  ExpectError(Fails(request), StatusCode::INVALID_ARGUMENT, "columns.vectors has 5 components");
  request.mutable_columns()->mutable_vectors()->set_i8("1234");
  *request.add_points() = OnePoint(1, {1, 2, 3, 4}).points(0);
  ExpectError(Fails(request), StatusCode::INVALID_ARGUMENT, "one form at a time");
}

TEST_F(ServerPointsTest, BadQueriesAreRefused) {
  v1::QueryRequest query;
  query.set_collection("a");
  ExpectError(Fails(query), StatusCode::INVALID_ARGUMENT, "query is missing");
  ExpectError(Fails(QueryOf({1, 2, 3})), StatusCode::INVALID_ARGUMENT,
              "vector has 3 components, collection \"a\" has 4");
  ExpectError(Fails(QueryOf({1, std::nanf(""), 3, 4})), StatusCode::INVALID_ARGUMENT,
              "vector[1] is NaN");
  query = QueryOf({1, 2, 3, 4});
  query.set_limit(0);
  ExpectError(Fails(query), StatusCode::INVALID_ARGUMENT, "limit must be at least 1");
  query.set_limit(1000000000);
  ExpectError(Fails(query), StatusCode::INVALID_ARGUMENT, "at most 16384");
  query.set_limit(16384);
  query.set_offset(1);
  ExpectError(Fails(query), StatusCode::INVALID_ARGUMENT, "limit + offset is 16385");
  query.set_offset(std::numeric_limits<uint32_t>::max());
  ExpectError(Fails(query), StatusCode::INVALID_ARGUMENT, "limit + offset is 4294983679");
  query = QueryOf({1, 2, 3, 4});
  query.set_score_threshold(std::nanf(""));
  ExpectError(Fails(query), StatusCode::INVALID_ARGUMENT, "score_threshold is NaN");
  query = QueryOf({1, 2, 3, 4});
  query.mutable_params()->set_rerank(static_cast<v1::RerankTier>(9));
  ExpectError(Fails(query), StatusCode::INVALID_ARGUMENT, "params.rerank is 9");
  query = QueryOf({1, 2, 3, 4});
  query.mutable_id();
  ExpectError(Fails(query), StatusCode::INVALID_ARGUMENT, "id is missing");

  v1::QueryBatchRequest batch;
  batch.set_collection("a");
  ExpectError(Fails(batch), StatusCode::INVALID_ARGUMENT, "vectors is missing");
  batch.mutable_vectors()->set_i8("");
  ExpectError(Fails(batch), StatusCode::INVALID_ARGUMENT, "vectors is empty");
  batch.mutable_vectors()->set_i8(std::string(4 * 2001, '1'));
  ExpectError(Fails(batch), StatusCode::INVALID_ARGUMENT, "vectors has 2001 rows, at most 2000");
  batch.mutable_vectors()->set_i8(std::string(4 * 2000, '1'));
  batch.set_limit(1000);
  ExpectError(Fails(batch), StatusCode::INVALID_ARGUMENT, "limit: the reply may have 2000000 hits");
  batch.mutable_vectors()->set_f32_le(F32Le({1, 2, 3, 4, 1, 2, std::nanf(""), 4}));
  batch.set_limit(1);
  ExpectError(Fails(batch), StatusCode::INVALID_ARGUMENT, "vectors[1][2] is NaN");
}

TEST_F(ServerPointsTest, ZeroVectorsAreRefusedUnderCosine) {
  Create("c", 4, v1::METRIC_COSINE);
  v1::UpsertRequest request = OnePoint(1, {0, 0, 0, 0});
  request.set_collection("c");
  request.set_atomic(true);
  ExpectError(Fails(request), StatusCode::INVALID_ARGUMENT, "points[0].vector");
  v1::QueryRequest query = QueryOf({0, 0, 0, 0});
  query.set_collection("c");
  ExpectError(Fails(query), StatusCode::INVALID_ARGUMENT, "vector");
}

TEST_F(ServerPointsTest, UnknownAndMissingCollections) {
  v1::QueryRequest query = QueryOf({1, 2, 3, 4});
  query.set_collection("nowhere");
  ExpectError(Fails(query), StatusCode::NOT_FOUND, "nowhere");
  query.clear_collection();
  ExpectError(Fails(query), StatusCode::INVALID_ARGUMENT, "collection is missing");
  v1::UpsertRequest upsert = OnePoint(1, {1, 2, 3, 4});
  upsert.set_collection("nowhere");
  ExpectError(Fails(upsert), StatusCode::NOT_FOUND, "nowhere");
  v1::DeletePointsRequest remove;
  remove.set_collection("nowhere");
  ExpectError(Fails(remove), StatusCode::NOT_FOUND, "nowhere");
  v1::GetPointsRequest get;
  get.set_collection("nowhere");
  ExpectError(Fails(get), StatusCode::NOT_FOUND, "nowhere");
  v1::CountRequest count;
  count.set_collection("nowhere");
  ExpectError(Fails(count), StatusCode::NOT_FOUND, "nowhere");
}

TEST_F(ServerPointsTest, TooMuchIsRefused) {
  v1::UpsertRequest upsert;
  upsert.set_collection("a");
  upsert.mutable_columns()->mutable_vectors()->set_u8(std::string(5 << 20, 'x'));
  ExpectError(Fails(upsert), StatusCode::RESOURCE_EXHAUSTED, "larger than max");
  v1::GetPointsRequest get;
  get.set_collection("a");
  for (int i = 0; i < 2001; ++i) get.add_ids()->set_num(i);
  ExpectError(Fails(get), StatusCode::INVALID_ARGUMENT, "ids has 2001 rows, at most 2000");
  Create("wide", 60000);
  get.set_collection("wide");
  get.mutable_ids()->RemoveLast();
  ExpectError(Fails(get), StatusCode::INVALID_ARGUMENT, "480000000 bytes of vectors");
  get.mutable_ids(7)->clear_id();
  get.set_collection("a");
  ExpectError(Fails(get), StatusCode::INVALID_ARGUMENT, "ids[7] is missing");
}

}  // namespace
}  // namespace tessera::testing
