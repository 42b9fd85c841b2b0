// Projections lie above what there is in the end, and not far.
#include "index/engine/memory_projection.h"

#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

constexpr uint32_t kDim = 48;
constexpr uint64_t kRows = 12000;

class MemoryProjectionTest : public CollectionTest {
 protected:
  static CollectionSpec Spec(const std::string& quantizer) {
    CollectionSpec spec;
    spec.dim = kDim;
    spec.quantizer = *QuantizerSpec::Parse(quantizer);
    return spec;
  }
};

TEST_F(MemoryProjectionTest, LayoutsAreThoseOfModels) {
  for (const char* text : {"IVF16,PQ12x8", "IVF16,PQ12x4,Refine(SQ8)", "IVF16,PQ7x6,Refine(SQ4)", "IVF16,PQ12x4+4",
                           "IVF16,PQ9x2", "IVF16,RQ3x8", "IVF16,PRQ3x2x8,Refine(FP16)", "OPQ,IVF16,MPQ10",
                           "IVF16,RaBitQ2,Refine(SQ8S)", "IVF16,SQ6", "PCA16,IVF16,SQ8,Refine(SQ8)", "Binary"}) {
    Create(kDim, Metric::kL2, text);
    Load(ClusteredRows(2000, kDim, 1), kDim);
    const Status trained = collection_->Train({});
    ASSERT_TRUE(trained.ok()) << text << ": " << trained;
    const CollectionStats stats = collection_->Stats();
    const auto resolved = QuantizerSpec::Parse(stats.quantizer);
    ASSERT_TRUE(resolved.ok());
    const lists::RowLayout layout = engine::ProjectLayout(*resolved, Metric::kL2, kDim);
    EXPECT_EQ(stats.memory.codes, 2000u * layout.code_bytes) << text;
    EXPECT_EQ(stats.memory.refine, 2000u * layout.record_bytes) << text;
    EXPECT_EQ(stats.memory.corrections > 0, !layout.code_in_pages) << text;
    ASSERT_TRUE(catalog_->Drop("c").ok());
  }
}

TEST_F(MemoryProjectionTest, ResidentBytesAreAboveAndNear) {
  for (const char* text : {"IVF,PQ12x8", "OPQ,IVF32,PQ24x4,Refine(SQ8)", "IVF,SQ8"}) {
    Create(kDim, Metric::kL2, text);
    Load(ClusteredRows(kRows, kDim, 2), kDim);
    const uint64_t raw = collection_->Stats().memory.total();
    const uint64_t untrained = engine::ProjectUntrained(kDim, kRows, 0);
    EXPECT_GE(untrained, raw);
    EXPECT_LE(untrained, raw + raw / 10);
    const uint64_t projected = engine::ProjectTrained(*QuantizerSpec::Parse(text), Metric::kL2, kDim, kRows, 0, false);
    ASSERT_TRUE(collection_->Train({}).ok());
    const uint64_t resident = collection_->Stats().memory.total();
    EXPECT_GE(projected, resident) << text;
    EXPECT_LE(projected, resident + resident * 3 / 10) << text;
    ASSERT_TRUE(catalog_->Drop("c").ok());
  }
}

TEST_F(MemoryProjectionTest, RefineRecordsOnDiskAreNotResident) {
  for (const char* text : {"IVF,PQ12x8,Refine(SQ8)", "OPQ,IVF32,PQ24x4,Refine(FP16)", "IVF,RaBitQ2,Refine(SQ8)", "IVF,SQ8"}) {
    CollectionSpec spec = Spec(text);
    spec.refine_on_disk = true;
    spec.auto_train = false;
    collection_ = *catalog_->Create("c", spec);
    Load(ClusteredRows(kRows, kDim, 2), kDim);
    const uint64_t projected = engine::ProjectTrained(spec.quantizer, Metric::kL2, kDim, kRows, 0, true);
    EXPECT_EQ(engine::ProjectGoal(spec, kRows, 0), projected);
    ASSERT_TRUE(collection_->Train({}).ok());
    const uint64_t resident = collection_->Stats().memory.total();
    EXPECT_EQ(collection_->Stats().memory.refine, 0u);
    EXPECT_GE(projected, resident) << text;
    EXPECT_LE(projected, resident + resident * 3 / 10) << text;
    collection_.reset();
    ASSERT_TRUE(catalog_->Drop("c").ok());
  }
}

TEST_F(MemoryProjectionTest, GoalsAreProjectedByTheirBytes) {
  CollectionSpec spec = Spec("IVF,PQ12x8");
  spec.goal = {.memory_budget = 4000000, .expected_rows = 100000};
  EXPECT_EQ(engine::ProjectGoal(spec, 50000, 0), 2000000u);
  EXPECT_EQ(engine::ProjectGoal(spec, 200000, 0), 4000000u) << "a budget is kept";
  spec.goal = {.bytes_per_vector = 13};
  EXPECT_EQ(engine::ProjectGoal(spec, kRows, 0) / 1000, engine::ProjectGoal(Spec("IVF,PQ12x8"), kRows, 0) / 1000);
}

TEST_F(MemoryProjectionTest, TheFirstTrainingGrowsWithTheRows) {
  const CollectionSpec spec = Spec("IVF1024,PQ12x8,Refine(SQ8)");
  EXPECT_LT(engine::ProjectFirstTraining(spec, 1, 0), 600000u) << "centroids, not samples of rows that are not there";
  EXPECT_GT(engine::ProjectFirstTraining(spec, 100000, 0), engine::ProjectTrained(spec.quantizer, spec.metric, kDim, 100000, 0, false));
}

}  // namespace
}  // namespace tessera
