#include "client/cli/row_sample.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

namespace tessera::cli {
namespace {

class RowSampleTest : public testing::Test {
 protected:
  RowSampleTest() : path_(testing::TempDir() + "sample_" + std::to_string(getpid()) + ".fvecs") {}
  ~RowSampleTest() override { std::filesystem::remove(path_); }

  void Write(const std::vector<float>& column) {
    std::ofstream out(path_, std::ios::binary);
    for (const float value : column) {
      const uint32_t dim = 2;
      const float row[] = {value, value};
      out.write(reinterpret_cast<const char*>(&dim), sizeof dim);
      out.write(reinterpret_cast<const char*>(row), sizeof row);
    }
  }

  StatusOr<RowSample> Sample(size_t max_rows, Metric metric = Metric::kL2, uint64_t seed = 1) {
    formats::OpenOptions open;
    open.path = path_;
    auto reader = formats::OpenVectors(open);
    if (!reader.ok()) return reader.status();
    return SampleRows(**reader, max_rows, metric, seed);
  }

  std::string path_;
};

TEST_F(RowSampleTest, TakesAllWhereAllFit) {
  Write({1, 2, 3});
  const auto sample = Sample(10);
  ASSERT_TRUE(sample.ok());
  EXPECT_EQ(sample->data, (std::vector<float>{1, 1, 2, 2, 3, 3}));
  EXPECT_EQ(sample->dim, 2u);
}

TEST_F(RowSampleTest, LeavesBadRowsOutAndNamesTheFirst) {
  Write({1, NAN, INFINITY, 0, 2});
  const auto sample = Sample(10);
  EXPECT_EQ(sample->rows, 3u);
  EXPECT_EQ(sample->bad, 2u);
  EXPECT_EQ(sample->first_bad, "row 1: vector[0] is NaN");
  EXPECT_EQ(Sample(10, Metric::kCosine)->rows, 2u) << "a zero vector has no direction";
}

TEST_F(RowSampleTest, EveryRowHasTheSameChanceAndTheSeedDecides) {
  std::vector<float> column;
  for (int i = 0; i < 100; ++i) column.push_back(static_cast<float>(i));
  Write(column);
  std::map<float, int> drawn;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    const auto sample = Sample(10, Metric::kL2, seed);
    ASSERT_EQ(sample->rows, 10u);
    for (size_t i = 0; i < 10; ++i) ++drawn[sample->data[2 * i]];
  }
  // 50 expected each, standard deviation 6.7.
  for (const auto& [value, times] : drawn) EXPECT_NEAR(times, 50, 30) << value;
  EXPECT_EQ(drawn.size(), 100u);
  EXPECT_EQ(Sample(10, Metric::kL2, 5)->data, Sample(10, Metric::kL2, 5)->data);
}

}  // namespace
}  // namespace tessera::cli
