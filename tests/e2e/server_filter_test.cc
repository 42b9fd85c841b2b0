// Filters and declared payload fields over the wire.
#include "client/convert_filter.h"
#include "server/convert_filter.h"
#include "tests/e2e/server_fixture.h"

namespace tessera::testing {
namespace {

using grpc::StatusCode;

class ServerFilterTest : public ServerTest {
 protected:
  static constexpr uint32_t kDim = 8;
  static constexpr size_t kRows = 1200;

  void SetUp() override {
    Start();
    Declare();
  }

  // "a": price is a float, shop the tenant key, note is kept without an index.
  void Declare() {
    v1::CreateCollectionRequest request;
    request.mutable_collection()->set_name("a");
    request.mutable_collection()->set_dim(kDim);
    request.mutable_collection()->set_metric(v1::METRIC_L2);
    request.mutable_collection()->set_auto_train(false);
    AddField(request, "price", v1::FIELD_TYPE_FLOAT);
    AddField(request, "shop", v1::FIELD_TYPE_KEYWORD)->set_partition(true);
    AddField(request, "note", v1::FIELD_TYPE_KEYWORD)->set_indexed(false);
    grpc::ClientContext context;
    SetDeadline(context);
    ASSERT_TRUE(collections_->Create(&context, request, &made_).ok());
  }
  static v1::PayloadField* AddField(v1::CreateCollectionRequest& request, const std::string& path,
                                    v1::FieldType type) {
    v1::PayloadField* field = request.mutable_collection()->add_payload_fields();
    field->set_path(path);
    field->set_type(type);
    return field;
  }

  // Row i costs i, is of shop s<i mod 3>, its color is red if i is even.
  void LoadRows() {
    v1::UpsertRequest request;
    request.set_collection("a");
    std::string vectors;
    for (size_t i = 0; i < kRows; ++i) {
      request.mutable_columns()->add_nums(i);
      vectors += F32Le(Row(i, kDim));
      request.mutable_columns()->add_payloads(
          "{\"price\":" + std::to_string(i) + ",\"shop\":\"s" + std::to_string(i % 3) +
          "\",\"color\":\"" + (i % 2 == 0 ? "red" : "blue") + "\",\"note\":\"n\"}");
    }
    request.mutable_columns()->mutable_vectors()->set_f32_le(vectors);
    EXPECT_EQ(Upsert(request).upserted(), kRows);
  }

  uint64_t Count(const std::string& expression, StatusCode code = StatusCode::OK, const std::string& message = {}) {
    v1::CountRequest request;
    request.set_collection("a");
    if (!expression.empty()) request.mutable_filter()->set_expression(expression);
    return Call(&v1::Points::Stub::Count, request, code, message).count();
  }
  v1::DeletePointsResponse Delete(const std::string& expression, bool validate_only = false) {
    v1::DeletePointsRequest request;
    request.set_collection("a");
    request.mutable_filter()->set_expression(expression);
    request.set_validate_only(validate_only);
    return Call(&v1::Points::Stub::Delete, request);
  }
  static v1::QueryRequest QueryOf(const std::string& expression) {
    v1::QueryRequest request;
    request.set_collection("a");
    request.mutable_vector()->set_f32_le(F32Le(Row(kRows + 1, kDim)));
    request.mutable_filter()->set_expression(expression);
    request.set_explain(true);
    return request;
  }

  v1::Collection made_;
};

TEST_F(ServerFilterTest, FieldsAreShownAndKeptTo) {
  ASSERT_EQ(made_.payload_fields_size(), 3);
  Restart();
  grpc::ClientContext context;
  v1::GetCollectionRequest get;
  get.set_name("a");
  v1::Collection found;
  ASSERT_TRUE(collections_->Get(&context, get, &found).ok());
  ASSERT_EQ(found.payload_fields_size(), 3);
  EXPECT_EQ(found.payload_fields(0).path(), "note");
  EXPECT_FALSE(found.payload_fields(0).indexed());
  EXPECT_EQ(found.payload_fields(1).type(), v1::FIELD_TYPE_FLOAT);
  EXPECT_TRUE(found.payload_fields(2).partition());
  v1::UpsertRequest request;
  request.set_collection("a");
  request.mutable_columns()->add_nums(1);
  request.mutable_columns()->mutable_vectors()->set_u8("abcdefgh");
  request.mutable_columns()->add_payloads(R"({"price":"cheap","shop":"s"})");
  request.set_atomic(true);
  Call(&v1::Points::Stub::Upsert, request, StatusCode::INVALID_ARGUMENT, "price");
  request.mutable_columns()->set_payloads(0, R"({"price":1})");
  Call(&v1::Points::Stub::Upsert, request, StatusCode::INVALID_ARGUMENT, "shop");
}

TEST_F(ServerFilterTest, QueriesFindWhatPasses) {
  LoadRows();
  for (const bool trained : {false, true}) {
    if (trained) {
      EXPECT_EQ(Train("a", "IVF16,PQ8x4,Refine(SQ8)").error_message(), "");
    }
    const auto result = Query(QueryOf("color = \"red\" and price < 30"));
    ASSERT_EQ(result.hits_size(), 10);
    for (const v1::Hit& hit : result.hits()) {
      EXPECT_TRUE(hit.id().num() < 30 && hit.id().num() % 2 == 0) << hit.id().num();
    }
    EXPECT_EQ(result.explain().rows_passing(), 15u);
    EXPECT_EQ(Query(QueryOf("price between 3 and 5")).hits_size(), 3);
    EXPECT_EQ(Query(QueryOf("false")).hits_size(), 0);
    EXPECT_EQ(Query(QueryOf("shop = \"s1\"")).hits_size(), 10);

    v1::QueryRequest by_id;
    by_id.set_collection("a");
    by_id.mutable_id()->set_num(4);
    by_id.mutable_filter()->set_expression("id in (4, 5, 6)");
    EXPECT_EQ(Query(by_id).hits_size(), 2) << "itself left out";

    v1::QueryBatchRequest batch;
    batch.set_collection("a");
    batch.mutable_vectors()->set_f32_le(F32Le(Row(1, kDim)) + F32Le(Row(2, kDim)));
    v1::Condition* condition = batch.mutable_filter()->mutable_condition();
    condition->set_field("price");
    condition->mutable_range()->mutable_lt()->set_integer(4);
    const auto results = Call(&v1::Points::Stub::QueryBatch, batch);
    ASSERT_EQ(results.results_size(), 2);
    EXPECT_EQ(results.results(0).hits_size(), 4);
    EXPECT_EQ(results.results(1).hits(0).id().num(), 2u);
  }
}

TEST_F(ServerFilterTest, CountsAndFacets) {
  LoadRows();
  EXPECT_EQ(Count(""), kRows);
  EXPECT_EQ(Count("color = \"red\""), kRows / 2);
  EXPECT_EQ(Count("shop != \"s0\" and price >= 600"), 400u);
  v1::FacetRequest request;
  request.set_collection("a");
  request.set_field("shop");
  request.mutable_filter()->set_expression("price < 4");
  const auto facet = Call(&v1::Points::Stub::Facet, request);
  ASSERT_EQ(facet.values_size(), 3);
  EXPECT_EQ(facet.values(0).value().text(), "s0");
  EXPECT_EQ(facet.values(0).count(), 2u);
  EXPECT_EQ(facet.values(1).count(), 1u);
  request.set_limit(1);
  request.clear_filter();
  EXPECT_EQ(Call(&v1::Points::Stub::Facet, request).values(0).count(), kRows / 3);
  request.set_limit(0);
  Call(&v1::Points::Stub::Facet, request, StatusCode::INVALID_ARGUMENT, "limit is 0");
  request.set_limit(1);
  request.set_field("note");
  Call(&v1::Points::Stub::Facet, request, StatusCode::INVALID_ARGUMENT, "\"note\"");
  request.clear_field();
  Call(&v1::Points::Stub::Facet, request, StatusCode::INVALID_ARGUMENT, "field is missing");

  grpc::ClientContext context;
  v1::CollectionStatsRequest stats_request;
  stats_request.set_name("a");
  v1::CollectionStats stats;
  ASSERT_TRUE(collections_->Stats(&context, stats_request, &stats).ok());
  EXPECT_GT(stats.memory().payload_index(), 0u);
  EXPECT_GT(stats.memory().filters(), 0u);
}

TEST_F(ServerFilterTest, DeletesWhatPasses) {
  LoadRows();
  EXPECT_EQ(Delete("shop = \"s1\" and price < 600", true).deleted(), 200u);
  EXPECT_EQ(Count(""), kRows) << "tried only";
  const auto deleted = Delete("shop = \"s1\" and price < 600");
  EXPECT_EQ(deleted.deleted(), 200u);
  EXPECT_GT(deleted.commit(), 0u);
  EXPECT_EQ(Count(""), kRows - 200);
  EXPECT_EQ(Count("shop = \"s1\""), 200u);
  EXPECT_EQ(Delete("shop = \"s1\" and price < 600").deleted(), 0u);
  EXPECT_EQ(Delete("true").deleted(), kRows - 200);
  EXPECT_EQ(Count(""), 0u);
}

TEST_F(ServerFilterTest, DeletionsThatMakeNoSenseAreRefused) {
  LoadRows();
  v1::DeletePointsRequest request;
  request.set_collection("a");
  request.mutable_filter();
  const auto refused = [&](const std::string& message) {
    Call(&v1::Points::Stub::Delete, request, StatusCode::INVALID_ARGUMENT, message);
  };
  refused("filter is empty");
  request.mutable_filter()->set_expression("  ");
  refused("filter is empty");
  request.mutable_filter()->set_expression("price < 5");
  request.add_ids()->set_num(1);
  refused("ids and filter are both given");
  request.clear_ids();
  request.set_atomic(true);
  refused("atomic does not go with a filter");
  request.set_atomic(false);
  request.set_request_id("r");
  refused("request_id does not go with a filter");
  EXPECT_EQ(Count(""), kRows);
  request.clear_request_id();
  request.set_collection("b");
  Call(&v1::Points::Stub::Delete, request, StatusCode::NOT_FOUND, "\"b\"");
}

TEST_F(ServerFilterTest, ErrorsNameThePlace) {
  LoadRows();
  Count("price < ", StatusCode::INVALID_ARGUMENT, "filter: column 9: ");
  Count("color = \"red\" and price = \"cheap\"", StatusCode::INVALID_ARGUMENT,
        "\ncolor = \"red\" and price = \"cheap\"\n                  ^");
  Count("note = \"n\"", StatusCode::INVALID_ARGUMENT, "filter: column 1: ");
  Call(&v1::Points::Stub::Query, QueryOf("price in"), StatusCode::INVALID_ARGUMENT, "column 9");
  v1::QueryBatchRequest batch;
  batch.set_collection("a");
  batch.mutable_vectors()->set_f32_le(F32Le(Row(1, kDim)));
  batch.mutable_filter()->add_must()->add_must_not()->mutable_condition();
  Call(&v1::Points::Stub::QueryBatch, batch, StatusCode::INVALID_ARGUMENT,
       "filter.must[0].must_not[0].condition.field is missing");
  // Deeper than protobuf parses: refused before anything of ours sees it.
  v1::CountRequest deep;
  deep.set_collection("a");
  v1::Filter* filter = deep.mutable_filter();
  for (int i = 0; i < 5000; ++i) filter = filter->add_must();
  grpc::ClientContext context;
  SetDeadline(context);
  v1::CountResponse response;
  EXPECT_FALSE(points_->Count(&context, deep, &response).ok());
  EXPECT_EQ(Count("true"), kRows) << "the server goes on";
}

// With joining on and of a kind that is cheap, a filtered query still is one of its own.
TEST_F(ServerFilterTest, IsNeitherJoinedNorTakenForAnotherKind) {
  Stop();
  config_.query_join_wait_us = 1000;
  Start();
  LoadRows();
  v1::QueryRequest plain = QueryOf("true");
  plain.clear_filter();
  plain.set_explain(false);
  v1::QueryRequest filtered = QueryOf("price < 5");
  filtered.set_explain(false);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Query(plain).hits_size(), 10);
    EXPECT_EQ(Query(filtered).hits_size(), 5);
  }
}

TEST(FilterConversion, ClientAndServerAgree) {
  for (const char* text :
       {"true", "a = 1", "a != \"x\" and b >= 2.5 and not c = true", "1 < a <= 5 or id in (1, \"k\")",
        "exists(a.b) and missing(c)", "prefix(a, \"x\") or geo_radius(g, 1.5, -2, 300)",
        "geo_box(g, -1, 170, 2.5, -170)", "t >= \"2024-02-29\" and n = 18446744073709551615"}) {
    const auto filter = ParseFilter(text);
    ASSERT_TRUE(filter.ok()) << filter.status();
    v1::Filter wire;
    ASSERT_TRUE(client::ToProto(*filter, &wire).ok());
    const auto schema = PayloadSchema::Make({{.path = "t", .type = FieldType::kDatetime}});
    const auto back = server::FromProto(wire, *schema);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, *filter) << text;
  }
}

}  // namespace
}  // namespace tessera::testing
