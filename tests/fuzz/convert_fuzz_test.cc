// Hostile requests: random bytes and mutations of valid messages, by fixed seeds, parsed and
// converted. Whatever comes, a conversion ends with a value that keeps its contract or an
// InvalidArgument.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tessera/v1/collections.pb.h"
#include "tessera/v1/points.pb.h"
#include "tests/fuzz/targets/target.h"

namespace tessera::server {
namespace {

// The bytes as each request in turn (targets/requests.cc, whose first byte chooses).
void ConvertAll(const std::string& bytes) {
  for (char choice = 0; choice < 13; ++choice) fuzz::RunRequests(choice + bytes);
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

TEST(ConvertFuzzTest, RandomBytes) {
  std::mt19937 random(20261123);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes(random() % 64, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    ConvertAll(bytes);
  }
}

TEST(ConvertFuzzTest, MutationsOfValidRequests) {
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
