#include "index/engine/recall_grid.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <random>

#include "index/base/bytes.h"
#include "tests/unit/engine/recall_grids.h"

namespace tessera::engine {
namespace {

TEST(RecallGrid, AxesAscendToTheMost) {
  for (const uint32_t most : {1u, 2u, 3u, 16u, 17u, 1000u, 65536u}) {
    const auto grid = ProbeGrid(most);
    EXPECT_EQ(grid.front(), 1u);
    EXPECT_EQ(grid.back(), most);
    for (size_t i = 1; i < grid.size(); ++i) EXPECT_GT(grid[i], grid[i - 1]);
    EXPECT_LE(grid.size(), 52u);
  }
  EXPECT_EQ(DepthGrid(1000000).back(), 1280u);
  EXPECT_EQ(DepthGrid(15).back(), 17u);
  EXPECT_EQ(DepthGrid(1).back(), 1u);
}

TEST(RecallGrid, FormsAreCodesThenTiers) {
  const RecallGrid both = ExampleGrid(true);
  EXPECT_EQ(both.form(0), (RankForm{RerankTier::kNone, 0}));
  EXPECT_EQ(both.form(1), (RankForm{RerankTier::kRefine, 1}));
  EXPECT_EQ(both.form(both.depths.size()), (RankForm{RerankTier::kRefine, 1280}));
  EXPECT_EQ(both.form(both.depths.size() + 1), (RankForm{RerankTier::kRaw, 1}));
  EXPECT_EQ(both.form(both.forms() - 1), (RankForm{RerankTier::kRaw, 1280}));
  EXPECT_EQ(ExampleGrid(false).form(1), (RankForm{RerankTier::kRaw, 1}));
}

TEST(RecallGrid, RoundTrip) {
  const RecallGrid grid = ExampleGrid();
  const std::string bytes = EncodeGrid(grid);
  const auto back = DecodeGrid(bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(EncodeGrid(*back), bytes);
  EXPECT_EQ(back->generation, grid.generation);
  EXPECT_EQ(back->cost, grid.cost);
  EXPECT_EQ(back->nprobe, grid.nprobe);
}

TEST(RecallGrid, GoldenBytes) {
  RecallGrid grid;
  grid.generation = Generation{2};
  grid.rows = 7;
  grid.next_row = 9;
  grid.nlist = 5;
  grid.source = CalibrationSource::kSample;
  grid.queries = 5;
  grid.unix_ms = 11;
  grid.nprobe = {1};
  grid.rows_scanned = {7};
  grid.depths = {1};
  grid.cost.weights[0] = 1;
  grid.cells.resize(grid.forms() * kRecallBuckets.size(), {0.5f, 0.25f});
  std::string expected;
  ByteWriter out(expected);
  for (const uint32_t v : {1u, 2u, 7u, 0u, 9u, 5u}) out.Put(v);
  out.PutBytes("\1\0", 2);
  for (const uint32_t v : {5u, 11u, 0u}) out.Put(v);
  out.Put(1.0);
  for (int i = 0; i < 8; ++i) out.Put(0.0);
  out.PutBytes("\1\0\1\0", 4);
  out.Put(1u);
  out.Put(7.0f);
  out.Put(1u);
  for (int i = 0; i < 10; ++i) out.Put(0.5f), out.Put(0.25f);
  EXPECT_EQ(EncodeGrid(grid), expected);
}

TEST(RecallGrid, EveryTruncationIsRefused) {
  const std::string bytes = EncodeGrid(ExampleGrid());
  for (size_t n = 0; n < bytes.size(); n += n < 400 ? 1 : 97) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeGrid(bytes.substr(0, n)).status())) << n;
  }
  EXPECT_TRUE(absl::IsDataLoss(DecodeGrid(bytes + '\0').status()));
}

TEST(RecallGrid, ANewerFormatSaysSo) {
  std::string bytes = EncodeGrid(ExampleGrid());
  bytes[0] = 2;
  EXPECT_TRUE(absl::IsFailedPrecondition(DecodeGrid(bytes).status()));
}

TEST(RecallGrid, HostileValuesAreRefused) {
  const auto refused = [](const RecallGrid& grid) {
    return absl::IsDataLoss(DecodeGrid(EncodeGrid(grid)).status());
  };
  RecallGrid grid = ExampleGrid();
  grid.cells[5].recall = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(refused(grid));
  grid.cells[5].recall = 1.5f;
  EXPECT_TRUE(refused(grid));
  grid = ExampleGrid();
  grid.cost.weights[3] = -1;
  EXPECT_TRUE(refused(grid));
  grid = ExampleGrid();
  std::swap(grid.nprobe[1], grid.nprobe[2]);
  EXPECT_TRUE(refused(grid));
  grid = ExampleGrid();
  grid.depths[0] = 0;
  EXPECT_TRUE(refused(grid));
  grid = ExampleGrid();
  grid.rows_scanned[0] = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(refused(grid));
  grid = ExampleGrid();
  grid.queries = 0;
  EXPECT_TRUE(refused(grid));
}

// Whatever bits flip: refused, or a grid that encodes to the same bytes.
TEST(RecallGrid, FlippedBitsDoNoHarm) {
  const std::string bytes = EncodeGrid(ExampleGrid());
  std::mt19937 random(5);
  for (int i = 0; i < 3000; ++i) {
    std::string bad = bytes;
    for (int j = 0; j < 3; ++j)
      bad[random() % (i % 2 ? 300 : bad.size())] ^= static_cast<char>(1 << random() % 8);
    const auto grid = DecodeGrid(bad);
    if (grid.ok()) {
      EXPECT_EQ(EncodeGrid(*grid), bad);
    }
  }
}

}  // namespace
}  // namespace tessera::engine
