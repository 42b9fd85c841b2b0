#include "index/engine/metadata.h"

#include <gtest/gtest.h>

namespace tessera::engine {
namespace {

CollectionSpec SomeSpec() {
  CollectionSpec spec;
  spec.dim = 128;
  spec.metric = Metric::kCosine;
  spec.auto_train = false;
  spec.drift_action = DriftAction::kRetrain;
  spec.query_sample = 1000;
  spec.recall_sampling = 0.25;
  spec.quantizer = *QuantizerSpec::Parse("RR,IVF64,PQ16x4,Refine(SQ8S)");
  return spec;
}

TEST(Metadata, RoundTrips) {
  const auto spec = DecodeSpec(EncodeSpec(SomeSpec()));
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->dim, 128u);
  EXPECT_EQ(spec->metric, Metric::kCosine);
  EXPECT_FALSE(spec->auto_train);
  EXPECT_TRUE(spec->sync_writes);
  EXPECT_EQ(spec->drift_action, DriftAction::kRetrain);
  EXPECT_EQ(spec->query_sample, 1000u);
  EXPECT_EQ(spec->recall_sampling, 0.25);
  EXPECT_EQ(spec->quantizer, SomeSpec().quantizer);
  EXPECT_FALSE(spec->goal.given());
  CollectionSpec budget = SomeSpec();
  budget.goal = {.memory_budget = 1ull << 32, .expected_rows = 1000000};
  EXPECT_EQ(DecodeSpec(EncodeSpec(budget))->goal, budget.goal);
  budget.goal = {.target_recall = 0.95};
  EXPECT_EQ(DecodeSpec(EncodeSpec(budget))->goal, budget.goal);
  const auto progress = DecodeProgress(EncodeProgress({1ull << 40, 77, {300, {20, 1.5, 2.5}}}));
  ASSERT_TRUE(progress.ok());
  EXPECT_EQ(progress->commit, 1ull << 40);
  EXPECT_EQ(progress->next_row, 77u);
  EXPECT_EQ(progress->written.rows, 300u);
  EXPECT_EQ(progress->written.errors.rows, 20u);
  EXPECT_EQ(progress->written.errors.sum, 1.5);
  EXPECT_EQ(progress->written.errors.squares, 2.5);
  const auto active = DecodeActive(EncodeActive({Generation{3}, 256, 60000}));
  ASSERT_TRUE(active.ok());
  EXPECT_EQ(active->generation, Generation{3});
  EXPECT_EQ(active->nlist, 256u);
  EXPECT_EQ(active->rows, 60000u);
}

// A directory that a release wrote is read by the next: these bytes may not change without a new format.
TEST(Metadata, GoldenBytes) {
  EXPECT_EQ(EncodeActive({Generation{2}, 16, 5}),
            std::string("\x01\0\0\0\x02\0\0\0\x10\0\0\0\x05\0\0\0\0\0\0\0", 20));
  EXPECT_EQ(EncodeProgress({9, 4, {3, {2, 1, 0}}}),
            std::string("\x01\0\0\0\x09\0\0\0\0\0\0\0\x04\0\0\0", 16) +
                std::string("\x03\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0", 16) +
                std::string("\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\0", 16));
  EXPECT_EQ(EncodeSpec(SomeSpec()),
            std::string("\x01\0\0\0\x80\0\0\0\x02\0\x01\x01\xe8\x03\0\0\0\0\0\0\0\0\xd0\x3f\x1c\0\0\0", 28) + "RR,IVF64,PQ16x4,Refine(SQ8S)" +
                std::string(41, '\0') + std::string("\x05\0\0\0\x01\0\0\0\0", 9));
  CollectionSpec goal = SomeSpec();
  goal.goal.bytes_per_vector = 24;
  EXPECT_EQ(EncodeSpec(goal), EncodeSpec(SomeSpec()).substr(0, 28 + 28) +
                                  std::string("\0\0\0\0\0\0\x38\x40", 8) + std::string(33, '\0') +
                                  std::string("\x05\0\0\0\x01\0\0\0\0", 9));
  CollectionSpec limited = SomeSpec();
  limited.memory_limit_bytes = 0x1234;
  limited.refine_on_disk = true;
  EXPECT_EQ(EncodeSpec(limited), EncodeSpec(SomeSpec()).substr(0, 28 + 28 + 32) +
                                     std::string("\x34\x12\0\0\0\0\0\0\x01", 9) + std::string("\x05\0\0\0\x01\0\0\0\0", 9));
  EXPECT_EQ(DecodeSpec(EncodeSpec(limited))->memory_limit_bytes, 0x1234u);
  EXPECT_TRUE(DecodeSpec(EncodeSpec(limited))->refine_on_disk);
  EXPECT_EQ(ModelRecord(Generation{26}), "model/0000001a");
  EXPECT_EQ(CurveRecord(Generation{26}), "curve/0000001a");
}

template <typename Decode>
void ExpectRefused(const std::string& good, Decode decode) {
  for (size_t n = 0; n < good.size(); ++n) {
    EXPECT_EQ(decode(good.substr(0, n)).status().code(), absl::StatusCode::kDataLoss) << n;
  }
  EXPECT_EQ(decode(good + "x").status().code(), absl::StatusCode::kDataLoss);
  std::string newer = good;
  newer[0] = 2;
  EXPECT_EQ(decode(newer).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(Metadata, TruncatedLongerAndNewerBytesAreRefused) {
  ExpectRefused(EncodeSpec(SomeSpec()), DecodeSpec);
  ExpectRefused(EncodeProgress({9, 4, {}}), DecodeProgress);
  ExpectRefused(EncodeActive({Generation{2}, 16, 5}), DecodeActive);
}

TEST(Metadata, ImpossibleValuesAreRefused) {
  EXPECT_FALSE(DecodeActive(EncodeActive({Generation{2}, 0, 5})).ok()) << "no lists";
  CollectionSpec spec = SomeSpec();
  spec.dim = 0;
  EXPECT_FALSE(DecodeSpec(EncodeSpec(spec)).ok());
  spec = SomeSpec();
  spec.goal.target_recall = 2;
  spec.recall_sampling = 1.5;
  EXPECT_FALSE(DecodeSpec(EncodeSpec(spec)).ok());
  spec = SomeSpec();
  spec.query_sample = kMaxQuerySample + 1;
  EXPECT_FALSE(DecodeSpec(EncodeSpec(spec)).ok());
  std::string metric = EncodeSpec(SomeSpec());
  metric[8] = 3;
  EXPECT_FALSE(DecodeSpec(metric).ok());
  std::string action = EncodeSpec(SomeSpec());
  action[11] = 3;
  EXPECT_FALSE(DecodeSpec(action).ok());
  EXPECT_FALSE(DecodeProgress(EncodeProgress({9, 4, {3, {2, -1, 0}}})).ok());
}

}  // namespace
}  // namespace tessera::engine
