#include "index/quant/training_size.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "index/quant/model.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::quant {
namespace {

TEST(TrainingSize, RowsNeededAndWanted) {
  EXPECT_EQ(MinTrainingRows(Spec("IVF,PQx8"), 128), 256u);
  EXPECT_EQ(MinTrainingRows(Spec("IVF,PQx6"), 128), 64u);
  EXPECT_EQ(MinTrainingRows(Spec("IVF,PQx4"), 128), 16u);
  EXPECT_EQ(MinTrainingRows(Spec("IVF1000,PQ8x4"), 128), 1000u);
  EXPECT_EQ(MinTrainingRows(Spec("VQ300"), 128), 300u);
  EXPECT_EQ(MinTrainingRows(Spec("IVF16,PQ8,FT"), 128), 1000u);
  EXPECT_EQ(MinTrainingRows(Spec("IVF1000,SQ8"), 128), 1000u);
  EXPECT_EQ(MinTrainingRows(Spec("RaBitQ2"), 128), 1u);
  constexpr uint64_t kPlenty = uint64_t{1} << 40;
  EXPECT_EQ(TrainingSampleRows(Spec("IVF1000,PQ8"), 128, 10'000'000, kPlenty), 256'000u);
  EXPECT_EQ(TrainingSampleRows(Spec("PQ8"), 128, 10'000'000, kPlenty), 65'536u);
  EXPECT_EQ(TrainingSampleRows(Spec("IVF,PQ8"), 128, 60'000, kPlenty), 60'000u);
  EXPECT_EQ(TrainingSampleRows(Spec("IVF1000,PQ8"), 128, 10'000'000, 512 * 5000), 5000u);
  EXPECT_EQ(TrainingSampleRows(Spec("IVF1000,PQ8"), 128, 10'000'000, 0), 1000u);
  EXPECT_EQ(TrainingSampleRows(Spec("IVF1000,PQ8"), 128, 300, kPlenty), 300u);
  EXPECT_EQ(TrainingSampleRows(Spec("OPQ,PQ8x4"), 128, 10'000'000, kPlenty), 65'536u);
  EXPECT_EQ(TrainingSampleRows(Spec("PQ8x4,FT"), 128, 10'000'000, kPlenty), 65'536u);
}

TEST(TrainingSize, ResolvedSpecsLeaveNothingOpen) {
  const QuantizerSpec resolved = Resolve(Spec("OPQ,IVF,PQx8"), 128, 1'000'000, 100'000);
  EXPECT_EQ(resolved.ToString(), "OPQ,IVF2000,PQ32x8");
  EXPECT_EQ(Resolve(resolved, 128, 1'000'000, 100'000), resolved);
  EXPECT_EQ(Resolve(Spec("IVF,PQ8x8"), 1024, 1'000'000, 1'000'000).nlist, 2000u);
  EXPECT_EQ(Resolve(Spec("IVF,PQ8x8"), 4096, 1'000'000, 1'000'000).nlist, 976u);  // 16 bytes a row for centroids
  EXPECT_EQ(Resolve(Spec("PQ8x8"), 128, 1'000'000, 1'000'000).nlist, 1u);
}

}  // namespace
}  // namespace tessera::quant
