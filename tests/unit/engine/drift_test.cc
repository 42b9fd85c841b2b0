#include "index/engine/drift.h"

#include <gtest/gtest.h>

#include <cmath>

#include <thread>

#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

constexpr uint32_t kDim = 16;
constexpr size_t kRows = 4000;

class DriftTest : public CollectionTest {
 protected:
  void CreateTrained(DriftAction action = DriftAction::kNone) {
    CollectionSpec spec;
    spec.dim = kDim;
    spec.auto_train = false;
    spec.drift_action = action;
    spec.quantizer = *QuantizerSpec::Parse("IVF16,PQ8,Refine(SQ8)");
    auto made = catalog_->Create("c", spec);
    ASSERT_TRUE(made.ok()) << made.status();
    collection_ = *made;
    Load(ClusteredRows(kRows, kDim, 1), kDim);
    ASSERT_TRUE(collection_->Train({}).ok());
  }
  // Rows that the clusters of the training do not describe.
  void LoadStrangers(size_t n, uint64_t first_id) { Load(ClusteredRows(n, kDim, 5, 8), kDim, first_id); }
};

TEST_F(DriftTest, UntrainedHasNone) {
  Create(kDim, Metric::kL2);
  const auto drift = collection_->Drift();
  ASSERT_TRUE(drift.ok()) << drift.status();
  EXPECT_EQ(drift->advice, DriftAdvice::kNone);
  EXPECT_EQ(drift->reason, "not trained");
}

TEST_F(DriftTest, RowsAsThoseOfTheTrainingDriftNot) {
  CreateTrained();
  EXPECT_EQ(collection_->Stats().drift.written_rows, 0u);
  EXPECT_NE(collection_->Stats().drift.reason.find("too few rows were written"), std::string::npos);
  Load(ClusteredRows(2000, kDim, 2), kDim, 10000);
  const auto drift = collection_->Drift();
  ASSERT_TRUE(drift.ok()) << drift.status();
  EXPECT_EQ(drift->advice, DriftAdvice::kNone) << drift->reason;
  EXPECT_GT(drift->training_measured, 50u);
  EXPECT_EQ(drift->written_rows, 2000u);
  EXPECT_EQ(drift->written_measured, 125u) << "one of sixteen";
  EXPECT_EQ(drift->live_measured, 2000u);
  // Both are means over rows that the codebook has not seen: equal but for chance, 3.3 standard deviations of the
  // difference (a margin is 1.96).
  EXPECT_NEAR(drift->written_error, drift->training_error,
              1.7 * std::hypot(drift->written_margin, drift->training_margin));
  // Half or more of the live rows trained the codebook. Of n rows a mean of m is off by 1/m of their variance, to its
  // own rows' advantage, to others' loss: with 256 codewords of n rows their errors are as 1 - 256 / n to 1 + 256 / n.
  const double n = static_cast<double>(collection_->codebooks().Get(1)->trained_rows);
  EXPECT_GT(drift->live_error, drift->training_error * (1 - 256 / n) / (1 + 256 / n) - drift->training_margin);
  EXPECT_LT(drift->live_error, drift->training_error + drift->training_margin + drift->live_margin);
  EXPECT_GT(drift->list_imbalance, 1);
  EXPECT_EQ(collection_->Stats().drift.live_measured, 0u) << "statistics read no rows";
}

TEST_F(DriftTest, SingleRowsAreMeasuredToo) {
  CreateTrained();
  const std::vector<float> rows = ClusteredRows(64, kDim, 2);
  for (size_t i = 0; i < 64; ++i) {
    ASSERT_TRUE(collection_->Upsert({{PointId(i), ElementType::kF32, Bytes(rows.data() + i * kDim, kDim)}}).ok());
  }
  EXPECT_EQ(collection_->Stats().drift.written_rows, 64u);
  EXPECT_EQ(collection_->Stats().drift.written_measured, 4u);
}

TEST_F(DriftTest, StrangersAreToldAndRememberedAndGoneAfterATraining) {
  CreateTrained();
  LoadStrangers(1600, 10000);
  const DriftReport before = collection_->Stats().drift;
  EXPECT_EQ(before.advice, DriftAdvice::kRetrain) << before.reason;
  EXPECT_GT(before.written_error, 1.5 * before.training_error);
  EXPECT_NE(before.reason.find("rows written since"), std::string::npos) << before.reason;
  EXPECT_NE(before.reason.find("1.15"), std::string::npos) << before.reason;
  Reopen();
  const DriftReport after = collection_->Stats().drift;
  EXPECT_EQ(after.advice, DriftAdvice::kRetrain);
  EXPECT_EQ(after.written_rows, before.written_rows);
  EXPECT_EQ(after.written_error, before.written_error);
  EXPECT_EQ(after.training_error, before.training_error);
  EXPECT_EQ(collection_->codebooks().Get(1)->live_error, before.written_error);
  ASSERT_TRUE(collection_->Train({}).ok());
  EXPECT_EQ(collection_->Stats().generation, Generation{2}) << "no training by itself: nobody asked";
  EXPECT_EQ(collection_->Stats().drift.written_rows, 0u);
  const auto drift = collection_->Drift();
  ASSERT_TRUE(drift.ok());
  EXPECT_NE(drift->advice, DriftAdvice::kRetrain) << drift->reason;
}

TEST_F(DriftTest, UnequalListsAreTold) {
  CreateTrained();
  // Copies of one row fill one list and are encoded as well as it is.
  const std::vector<float> one = ClusteredRows(1, kDim, 1);
  std::vector<float> copies;
  for (int i = 0; i < 4000; ++i) copies.insert(copies.end(), one.begin(), one.end());
  Load(copies, kDim, 10000);
  const DriftReport drift = collection_->Stats().drift;
  EXPECT_GT(drift.list_imbalance, kDriftImbalance);
  if (drift.advice != DriftAdvice::kRetrain) {
    EXPECT_EQ(drift.advice, DriftAdvice::kSplitLists) << drift.reason;
    EXPECT_NE(drift.reason.find("3.00"), std::string::npos) << drift.reason;
  }
}

TEST_F(DriftTest, RetrainsByItselfWhereAsked) {
  CreateTrained(DriftAction::kRetrain);
  Load(ClusteredRows(1500, kDim, 2), kDim, 10000);
  const std::vector<float> one = ClusteredRows(1, kDim, 3);
  ASSERT_TRUE(collection_->Upsert({{PointId(1), ElementType::kF32, Bytes(one.data(), kDim)}}).ok());
  EXPECT_EQ(collection_->Stats().generation, Generation{1}) << "no drift, no training";
  EXPECT_FALSE(collection_->Stats().training);
  LoadStrangers(2000, 20000);
  while (collection_->Stats().training) std::this_thread::yield();
  EXPECT_EQ(collection_->Stats().generation, Generation{2});
  ASSERT_TRUE(collection_->Upsert({{PointId(3), ElementType::kF32, Bytes(one.data(), kDim)}}).ok());
  EXPECT_FALSE(collection_->Stats().training) << "once, not at every write";
}

}  // namespace
}  // namespace tessera
