#include "client/cli/load_input.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

namespace tessera::cli {
namespace {

class LoadInputTest : public testing::Test {
 protected:
  LoadInputTest() : folder_(testing::TempDir() + "load_input_" + std::to_string(getpid()) + "/") {
    std::filesystem::create_directories(folder_);
  }
  ~LoadInputTest() override { std::filesystem::remove_all(folder_); }

  // Rows of `dim` floats, all of them the row's number from `first`.
  std::string Fvecs(const std::string& name, uint32_t dim, size_t rows, size_t first) {
    std::ofstream out(folder_ + name, std::ios::binary);
    for (size_t i = 0; i < rows; ++i) {
      const std::vector<float> row(dim, static_cast<float>(first + i));
      out.write(reinterpret_cast<const char*>(&dim), sizeof dim);
      out.write(reinterpret_cast<const char*>(row.data()),
                static_cast<std::streamsize>(dim * sizeof(float)));
    }
    return folder_ + name;
  }

  // base + row of every row that is left.
  static std::vector<uint64_t> Drain(LoadInput& input, size_t step) {
    std::vector<uint64_t> rows;
    formats::VectorBatch batch;
    for (;;) {
      const auto more = input.Next(step, batch);
      EXPECT_TRUE(more.ok()) << more.status();
      if (!more.ok() || !*more) return rows;
      for (size_t i = 0; i < batch.rows; ++i) {
        float value;
        std::memcpy(&value, batch.data.data() + i * batch.dim * sizeof value, sizeof value);
        EXPECT_EQ(value, static_cast<float>(input.base() + batch.row_numbers[i]));
        rows.push_back(input.base() + batch.row_numbers[i]);
      }
    }
  }

  std::string folder_;
};

TEST_F(LoadInputTest, RowsGoOnOverFiles) {
  const auto a = Fvecs("a.fvecs", 4, 10, 0);
  const auto b = Fvecs("b.fvecs", 4, 7, 10);
  auto input = *LoadInput::Open({a, b}, {});
  const auto rows = Drain(*input, 4);
  ASSERT_EQ(rows.size(), 17u);
  for (size_t i = 0; i < 17; ++i) EXPECT_EQ(rows[i], i);
  EXPECT_EQ(input->position(), (LoadPosition{1, 7, 10}));
  EXPECT_DOUBLE_EQ(*input->fraction(), 1.0);
}

TEST_F(LoadInputTest, EveryPositionResumesWhereItStood) {
  const auto a = Fvecs("a.fvecs", 4, 10, 0);
  const auto b = Fvecs("b.fvecs", 4, 7, 10);
  auto input = *LoadInput::Open({a, b}, {});
  formats::VectorBatch batch;
  while (*input->Next(3, batch)) {
    auto resumed = *LoadInput::Open({a, b}, {});
    ASSERT_TRUE(resumed->SkipTo(input->position()).ok());
    const auto rest = Drain(*resumed, 4);
    ASSERT_EQ(rest.size(), 17 - input->position().total());
    if (!rest.empty()) {
      EXPECT_EQ(rest.front(), input->position().total());
    }
  }
}

TEST_F(LoadInputTest, SkipRowsPassesOverWholeFiles) {
  const auto a = Fvecs("a.fvecs", 4, 10, 0);
  const auto b = Fvecs("b.fvecs", 4, 7, 10);
  for (uint64_t skip : {3, 10, 12, 17}) {
    auto input = *LoadInput::Open({a, b}, {});
    ASSERT_TRUE(input->SkipRows(skip).ok());
    EXPECT_EQ(Drain(*input, 5).size(), 17 - skip);
  }
  auto input = *LoadInput::Open({a, b}, {});
  EXPECT_FALSE(input->SkipRows(18).ok());
}

TEST_F(LoadInputTest, AMissingOrDifferentLaterFileIsKnownAtOnce) {
  const auto a = Fvecs("a.fvecs", 4, 10, 0);
  const auto wide = Fvecs("wide.fvecs", 5, 10, 0);
  EXPECT_TRUE(absl::IsNotFound(LoadInput::Open({a, folder_ + "none.fvecs"}, {}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(LoadInput::Open({a, wide}, {}).status()));
  EXPECT_FALSE(LoadInput::Open({}, {}).ok());
}

TEST_F(LoadInputTest, APositionBeyondTheFilesIsRefused) {
  const auto a = Fvecs("a.fvecs", 4, 10, 0);
  EXPECT_FALSE((*LoadInput::Open({a}, {}))->SkipTo({5, 0, 0}).ok());
  EXPECT_FALSE((*LoadInput::Open({a}, {}))->SkipTo({0, 11, 0}).ok());
}

TEST_F(LoadInputTest, NamesRowsAsTheirFormatCountsThem) {
  const auto a = Fvecs("a.fvecs", 4, 1, 0);
  EXPECT_EQ((*LoadInput::Open({a}, {}))->RowName(0, 17), a + " row 17");
  std::ofstream(folder_ + "b.jsonl") << R"({"id": 1, "vector": [1, 2]})" << "\n";
  EXPECT_EQ((*LoadInput::Open({folder_ + "b.jsonl"}, {}))->RowName(0, 17),
            folder_ + "b.jsonl line 18");
}

}  // namespace
}  // namespace tessera::cli
