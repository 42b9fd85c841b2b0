#include "server/convert_points.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace tessera::server {
namespace {

const std::string kName = "a";
const Shape kShape{2, kName};

v1::UpsertRequest ThreePoints() {
  v1::UpsertRequest request;
  for (uint64_t i = 0; i < 3; ++i) {
    v1::Point* point = request.add_points();
    point->mutable_id()->set_num(10 + i);
    point->mutable_vector()->set_u8("xy");
  }
  return request;
}

TEST(ConvertPointsTest, PointsBorrowTheirBytes) {
  const v1::UpsertRequest request = ThreePoints();
  const auto rows = FromProto(request, kShape, 3);
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->points.size(), 3u);
  EXPECT_EQ(rows->points[2].id, PointId(12));
  EXPECT_EQ(rows->points[2].vector.data(), request.points(2).vector().u8().data());
  EXPECT_TRUE(absl::IsInvalidArgument(FromProto(request, kShape, 2).status()));
}

TEST(ConvertPointsTest, ColumnsBorrowTheirBytes) {
  v1::UpsertRequest request;
  request.mutable_columns()->add_nums(7);
  request.mutable_columns()->add_nums(8);
  request.mutable_columns()->mutable_vectors()->set_f16_le("12345678");
  const auto rows = FromProto(request, kShape, 2);
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->points.size(), 2u);
  EXPECT_EQ(rows->points[1].id, PointId(8));
  EXPECT_EQ(rows->points[1].type, ElementType::kF16);
  EXPECT_EQ(rows->points[1].vector.data(), request.columns().vectors().f16_le().data() + 4);
  EXPECT_TRUE(absl::IsInvalidArgument(FromProto(request, kShape, 1).status()));
}

TEST(ConvertPointsTest, ColumnsShareScaleAndZeroPoint) {
  v1::UpsertRequest request;
  request.mutable_columns()->add_nums(7);
  request.mutable_columns()->add_nums(8);
  v1::QuantizedVector& quantized =
      *request.mutable_columns()->mutable_vectors()->mutable_quantized();
  quantized.set_data("1234");
  quantized.set_scale(0.5f);
  quantized.set_zero_point(3);
  const auto rows = FromProto(request, kShape, 2);
  ASSERT_TRUE(rows.ok()) << rows.status();
  for (const PointInput& point : rows->points) {
    EXPECT_EQ(point.type, ElementType::kU8);
    EXPECT_EQ(point.quantization, (ScalarParams{0.5f, 3}));
  }
  quantized.set_zero_point(256);
  EXPECT_EQ(MessageOf(FromProto(request, kShape, 2).status()),
            "columns.vectors.quantized.zero_point is 256, expected 0 to 255 (u8)");
}

TEST(ConvertPointsTest, UnreadableRowsKeepTheirPlaceUnlessAtomic) {
  v1::UpsertRequest request = ThreePoints();
  request.mutable_points(1)->mutable_vector()->set_u8("xyz");
  request.set_atomic(true);
  EXPECT_EQ(FromProto(request, kShape, 3).status(),
            InvalidArgument("points[1].vector has 3 components, collection \"a\" has 2"));
  request.set_atomic(false);
  const auto rows = FromProto(request, kShape, 3);
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->points.size(), 3u);
  EXPECT_TRUE(rows->points[1].vector.empty());
  ASSERT_EQ(rows->unreadable.size(), 1u);

  // The engine refuses the placeholder and, say, the row after it.
  UpsertResult result;
  result.commit = 5;
  result.upserted = 1;
  result.rejected = {{1, InvalidArgument("points[1].id is empty")},
                     {2, InvalidArgument("points[2] is bad")}};
  v1::UpsertResponse response;
  ToProto(result, rows->unreadable, &response);
  EXPECT_EQ(response.upserted(), 1u);
  ASSERT_EQ(response.rejected_size(), 2);
  EXPECT_EQ(response.rejected(0).message(),
            "points[1].vector has 3 components, collection \"a\" has 2");
  EXPECT_EQ(response.rejected(1).message(), "points[2] is bad");
  EXPECT_EQ(response.rejected(1).index(), 2u);
  EXPECT_EQ(response.rejected(1).code(), 3);
}

TEST(ConvertPointsTest, PayloadsAndConditionsBorrowTheirBytes) {
  v1::UpsertRequest request = ThreePoints();
  request.mutable_points(1)->set_payload("{}");
  request.mutable_points(2)->set_if_version(0);
  request.set_mode(v1::UPSERT_MODE_UPDATE);
  request.set_request_id("r");
  request.set_ack(v1::ACK_ACCEPTED);
  const auto rows = FromProto(request, kShape, 3);
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(rows->points[1].payload.data(), request.points(1).payload().data());
  EXPECT_FALSE(rows->points[1].if_version.has_value());
  EXPECT_EQ(rows->points[2].if_version, 0u);
  const auto options = OptionsOf(request);
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->mode, UpsertMode::kUpdate);
  EXPECT_EQ(options->ack, Ack::kAccepted);
  EXPECT_EQ(options->request_id, "r");
  EXPECT_FALSE(options->atomic);
}

TEST(ConvertPointsTest, PatchesTakeTheRequestsPayloadUnlessTheyHaveOne) {
  v1::PatchPointsRequest request;
  EXPECT_EQ(FromProto(request, 3).status(), InvalidArgument("points is empty"));
  request.set_payload("{\"all\":1}");
  for (uint64_t i = 0; i < 3; ++i) request.add_points()->mutable_id()->set_num(i);
  request.mutable_points(1)->set_payload("{\"own\":1}");
  request.mutable_points(2)->clear_id();
  const auto rows = FromProto(request, 3);
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(rows->patches[0].payload, "{\"all\":1}");
  EXPECT_EQ(rows->patches[1].payload, "{\"own\":1}");
  ASSERT_EQ(rows->unreadable.size(), 1u);
  EXPECT_EQ(rows->unreadable[0].index, 2u);
  EXPECT_TRUE(absl::IsInvalidArgument(FromProto(request, 2).status()));
  request.set_atomic(true);
  EXPECT_EQ(FromProto(request, 3).status(), InvalidArgument("points[2].id is missing"));
}

TEST(ConvertPointsTest, ParamsDefaultsAndValues) {
  v1::QueryRequest request;
  auto params = ParamsOf(request, Limits(), 1, 2);
  ASSERT_TRUE(params.ok());
  EXPECT_EQ(params->limit, 10u);
  EXPECT_EQ(params->rerank, RerankTier::kAuto);
  EXPECT_FALSE(params->score_threshold);
  request.set_limit(5);
  request.set_offset(6);
  request.set_score_threshold(-1.5f);
  request.set_with_vector(true);
  request.set_explain(true);
  request.mutable_params()->set_exact(true);
  request.mutable_params()->set_nprobe(7);
  request.mutable_params()->set_rerank(v1::RERANK_TIER_RAW);
  request.mutable_params()->set_rerank_depth(8);
  params = ParamsOf(request, Limits(), 1, 2);
  ASSERT_TRUE(params.ok());
  EXPECT_EQ(params->limit, 5u);
  EXPECT_EQ(params->offset, 6u);
  EXPECT_EQ(params->score_threshold, -1.5f);
  EXPECT_TRUE(params->with_vector && params->explain && params->exact);
  EXPECT_EQ(params->nprobe, 7u);
  EXPECT_EQ(params->rerank, RerankTier::kRaw);
  EXPECT_EQ(params->rerank_depth, 8u);
}

TEST(ConvertPointsTest, RepliesMustFitIntoAMessage) {
  Limits limits;
  limits.message_bytes = 1 << 20;
  v1::QueryBatchRequest request;
  request.set_limit(100);
  EXPECT_TRUE(ParamsOf(request, limits, 400, 128).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(ParamsOf(request, limits, 500, 128).status()));
  request.set_with_vector(true);
  EXPECT_TRUE(absl::IsInvalidArgument(ParamsOf(request, limits, 400, 128).status()));
  request.set_limit(4000000000u);
  EXPECT_EQ(ParamsOf(request, limits, 1, 1).status(),
            InvalidArgument("limit is 4000000000, at most 16384 is allowed"));
}

TEST(ConvertPointsTest, QueryResultsSayWhatWasInEffect) {
  QueryResult result;
  result.hits.resize(1);
  result.hits[0].id = PointId("k");
  result.hits[0].score = 0.5f;
  result.hits[0].exact = true;
  result.hits[0].vector = "12345678";
  result.hits[0].version = 3;
  result.commit = 9;
  result.exhausted = true;
  result.generation = Generation(2);
  result.nprobe = 4;
  result.rerank = RerankTier::kRefine;
  result.explain.rows_scanned = 77;
  QueryParams params;
  v1::QueryResponse response;
  ToProto(result, params, 1.5, &response);
  EXPECT_EQ(response.hits(0).id().key(), "k");
  EXPECT_FALSE(response.hits(0).has_vector());
  EXPECT_EQ(response.hits(0).version(), 0u);
  EXPECT_FALSE(response.has_explain());
  EXPECT_FALSE(response.effective().exact());
  EXPECT_EQ(response.effective().rerank(), v1::RERANK_TIER_REFINE);
  EXPECT_TRUE(response.exhausted());
  EXPECT_EQ(response.commit(), 9u);

  params.with_vector = params.explain = params.exact = true;
  response.Clear();
  ToProto(result, params, 1.5, &response);
  EXPECT_EQ(response.hits(0).vector().f32_le(), "12345678");
  EXPECT_EQ(response.hits(0).version(), 3u);
  EXPECT_EQ(response.explain().queue_us(), 1.5);
  EXPECT_EQ(response.explain().rows_scanned(), 77u);
  EXPECT_TRUE(response.effective().exact());
}

TEST(ConvertPointsTest, QueriesAreNamedAsOnTheWire) {
  EXPECT_EQ(NameQueries(InvalidArgument("queries[0][3] is NaN"), true),
            InvalidArgument("vector[3] is NaN"));
  EXPECT_EQ(NameQueries(InvalidArgument("queries[4][3] is NaN"), false),
            InvalidArgument("vectors[4][3] is NaN"));
  EXPECT_EQ(NameQueries(Internal("other"), true), Internal("other"));
}

}  // namespace
}  // namespace tessera::server
