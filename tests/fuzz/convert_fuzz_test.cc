// Hostile requests: random bytes and mutations of valid messages, by fixed seeds, parsed and
// converted. Whatever comes, a conversion ends with a value that keeps its contract or an
// InvalidArgument.
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "server/convert_collections.h"
#include "server/convert_filter.h"
#include "server/convert_points.h"

namespace tessera::server {
namespace {

constexpr size_t kMaxRows = 64;
const std::string kName = "a";
const Shape kShape{3, kName};

void ExpectInvalid(const Status& status) { EXPECT_TRUE(absl::IsInvalidArgument(status)) << status; }

// Every byte that a conversion hands on is read, so that sanitizers see it.
uint64_t Sum(std::string_view bytes) {
  uint64_t sum = 0;
  for (const char c : bytes) sum += static_cast<unsigned char>(c);
  return sum;
}

void ConvertUpsert(const std::string& bytes) {
  v1::UpsertRequest request;
  if (!request.ParseFromString(bytes)) return;
  const auto rows = FromProto(request, kShape, kMaxRows);
  if (!rows.ok()) return ExpectInvalid(rows.status());
  ASSERT_LE(rows->points.size(), kMaxRows);
  EXPECT_TRUE(!request.atomic() || rows->unreadable.empty());
  size_t good = 0;
  for (const PointInput& point : rows->points) {
    good += point.vector.size() == kShape.dim * ElementSize(point.type) ? 1 : 0;
    EXPECT_LE(Sum(point.vector), 255 * point.vector.size());
  }
  EXPECT_EQ(good + rows->unreadable.size(), rows->points.size());
}

template <typename Request>
void ConvertQuery(const std::string& bytes) {
  Request request;
  if (!request.ParseFromString(bytes)) return;
  const auto params = ParamsOf(request, Limits(), 2, kShape.dim);
  if (!params.ok()) return ExpectInvalid(params.status());
  EXPECT_GE(params->limit, 1u);
  EXPECT_LE(uint64_t{params->limit} + params->offset, kMaxLimit);
}

void ConvertVectors(const std::string& bytes) {
  v1::QueryBatchRequest request;
  if (!request.ParseFromString(bytes)) return;
  const auto rows = Rows(request.vectors(), kShape, "vectors", kMaxRows);
  if (!rows.ok()) return ExpectInvalid(rows.status());
  const FloatRows floats(*rows, kShape.dim);
  ASSERT_GE(floats.view().rows(), 1u);
  ASSERT_LE(floats.view().rows(), kMaxRows);
  double sum = 0;
  for (size_t i = 0; i < floats.view().rows(); ++i) {
    for (uint32_t j = 0; j < kShape.dim; ++j) sum += floats.view().row(i)[j];
  }
  static_cast<void>(sum);
}

void ConvertIds(const std::string& bytes) {
  v1::DeletePointsRequest request;
  if (!request.ParseFromString(bytes)) return;
  const auto ids = FromProto(request.ids(), kMaxRows);
  if (!ids.ok()) return ExpectInvalid(ids.status());
  for (const PointId& id : *ids)
    EXPECT_TRUE(id.is_number() || (!id.key().empty() && id.key().size() <= 256));
}

void ConvertCollection(const std::string& bytes) {
  v1::CreateCollectionRequest request;
  if (!request.ParseFromString(bytes)) return;
  const auto spec = FromProto(request.collection());
  if (!spec.ok()) return ExpectInvalid(spec.status());
  EXPECT_TRUE(spec->dim >= 1 && spec->dim <= kMaxDim);
}

void ConvertFilter(const std::string& bytes) {
  v1::CountRequest request;
  if (!request.ParseFromString(bytes)) return;
  const auto filter = FromProto(request.filter(), PayloadSchema());
  if (!filter.ok()) return ExpectInvalid(filter.status());
  const auto again = ParseFilter(ToString(*filter));
  ASSERT_TRUE(again.ok()) << again.status() << ToString(*filter);
  EXPECT_EQ(*again, NormalizeFilter(*filter));
}

class ConvertFuzzTest : public testing::Test {
 protected:
  // Protobuf prints a line of each message that it cannot parse.
  void SetUp() override { previous_ = google::protobuf::SetLogHandler(nullptr); }
  void TearDown() override { google::protobuf::SetLogHandler(previous_); }

 private:
  google::protobuf::LogHandler* previous_ = nullptr;
};

void ConvertAll(const std::string& bytes) {
  ConvertUpsert(bytes);
  ConvertQuery<v1::QueryRequest>(bytes);
  ConvertQuery<v1::QueryBatchRequest>(bytes);
  ConvertVectors(bytes);
  ConvertIds(bytes);
  ConvertCollection(bytes);
  ConvertFilter(bytes);
}

std::string ValidUpsert(bool columns) {
  v1::UpsertRequest request;
  request.set_collection("a");
  request.set_atomic(!columns);
  for (uint64_t i = 0; i < 4; ++i) {
    if (columns) {
      request.mutable_columns()->add_nums(i);
      continue;
    }
    v1::Point* point = request.add_points();
    point->mutable_id()->set_key("key" + std::to_string(i));
    for (float x : {1.f, 2.f, 3.f}) point->mutable_vector()->mutable_f32()->add_values(x);
  }
  if (columns) request.mutable_columns()->mutable_vectors()->set_f16_le(std::string(24, 'h'));
  return request.SerializeAsString();
}

std::string ValidQuery() {
  v1::QueryBatchRequest request;
  request.set_collection("a");
  request.mutable_vectors()->set_i8("123456");
  request.set_limit(3);
  request.mutable_params()->set_rerank(v1::RERANK_TIER_RAW);
  request.set_score_threshold(1);
  return request.SerializeAsString();
}

std::string ValidCollection() {
  v1::CreateCollectionRequest request;
  request.mutable_collection()->set_name("a");
  request.mutable_collection()->set_dim(3);
  request.mutable_collection()->set_metric(v1::METRIC_COSINE);
  request.mutable_collection()->set_quantizer("RR,IVF16,PQ3x4,Refine(SQ8S)");
  return request.SerializeAsString();
}

std::string ValidCount() {
  v1::CountRequest request;
  request.set_collection("a");
  v1::Filter* filter = request.mutable_filter();
  filter->add_must()->set_expression("a = 1 or b in (\"x\", true)");
  v1::Condition* range = filter->add_should()->mutable_condition();
  range->set_field("price");
  range->mutable_range()->mutable_gte()->set_number(2.5);
  filter->add_must_not()->add_must()->mutable_condition()->mutable_has_id()->add_ids()->set_key("k");
  return request.SerializeAsString();
}

void Mutate(std::string& bytes, std::mt19937& random) {
  switch (random() % 4) {
    case 0:
      bytes[random() % bytes.size()] = static_cast<char>(random());
      break;
    case 1:
      bytes[random() % bytes.size()] ^= static_cast<char>(1 << random() % 8);
      break;
    case 2:
      bytes.insert(random() % bytes.size(), 1, static_cast<char>(random()));
      break;
    default:
      bytes.erase(random() % bytes.size(), 1 + random() % 3);
      break;
  }
  if (bytes.empty()) bytes = "x";
}

TEST_F(ConvertFuzzTest, RandomBytes) {
  std::mt19937 random(20261123);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes(random() % 64, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    ConvertAll(bytes);
  }
}

TEST_F(ConvertFuzzTest, MutationsOfValidRequests) {
  std::mt19937 random(7700);
  for (const std::string& valid :
       {ValidUpsert(false), ValidUpsert(true), ValidQuery(), ValidCollection(), ValidCount()}) {
    ConvertAll(valid);
    for (int i = 0; i < 20000; ++i) {
      std::string bytes = valid;
      for (size_t n = 1 + random() % 4; n > 0; --n) Mutate(bytes, random);
      ConvertAll(bytes);
    }
  }
}

}  // namespace
}  // namespace tessera::server
