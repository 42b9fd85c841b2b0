#include "client/cli/read_ahead.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

namespace tessera::cli {
namespace {

class ReadAheadTest : public testing::Test {
 protected:
  ReadAheadTest() : folder_(testing::TempDir() + "read_ahead_" + std::to_string(getpid()) + "/") {
    std::filesystem::create_directories(folder_);
  }
  ~ReadAheadTest() override { std::filesystem::remove_all(folder_); }

  // Rows of 2 floats, both the row's number from `first`.
  std::string Fvecs(const std::string& name, size_t rows, size_t first) {
    const uint32_t dim = 2;
    std::ofstream out(folder_ + name, std::ios::binary);
    for (size_t i = 0; i < rows; ++i) {
      const float row[2] = {static_cast<float>(first + i), static_cast<float>(first + i)};
      out.write(reinterpret_cast<const char*>(&dim), sizeof dim);
      out.write(reinterpret_cast<const char*>(row), sizeof row);
    }
    return folder_ + name;
  }

  // How many rows came, in order and each batch with its own place, until the end or an error.
  static uint64_t Drain(ReadAhead& reader, Status* status) {
    uint64_t rows = 0;
    for (;;) {
      const StatusOr<const ReadBatch*> read = reader.Next();
      *status = read.status();
      if (!read.ok() || *read == nullptr) return rows;
      const formats::VectorBatch& batch = (*read)->batch;
      for (size_t i = 0; i < batch.rows; ++i, ++rows) {
        float value;
        std::memcpy(&value, batch.data.data() + i * 8, sizeof value);
        EXPECT_EQ(value, static_cast<float>(rows));
        EXPECT_EQ((*read)->base + batch.row_numbers[i], rows);
      }
      EXPECT_EQ((*read)->end.total(), rows);
    }
  }

  std::string folder_;
};

TEST_F(ReadAheadTest, AllBatchesOfAllFilesInOrder) {
  auto input = *LoadInput::Open({Fvecs("a.fvecs", 100, 0), Fvecs("b.fvecs", 57, 100)}, {});
  ReadAhead reader(*input, 3, UINT64_MAX);
  Status status;
  EXPECT_EQ(Drain(reader, &status), 157u);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(*reader.Next(), nullptr);  // and stays at the end
}

TEST_F(ReadAheadTest, StopsAtTheLimit) {
  for (const uint64_t limit : {0u, 1u, 10u, 11u, 20u, 1000u}) {
    auto input = *LoadInput::Open({Fvecs("a.fvecs", 20, 0)}, {});
    ReadAhead reader(*input, 10, limit);
    Status status;
    EXPECT_EQ(Drain(reader, &status), std::min<uint64_t>(limit, 20));
    EXPECT_TRUE(status.ok()) << status;
  }
}

TEST_F(ReadAheadTest, ErrorsComeBehindTheRowsBefore) {
  constexpr size_t kRows = 200000;  // more than the reader has in memory when the file is cut
  auto input = *LoadInput::Open({Fvecs("a.fvecs", kRows, 0)}, {});
  std::filesystem::resize_file(folder_ + "a.fvecs", kRows * 12 - 5);
  ReadAhead reader(*input, 4096, UINT64_MAX);
  Status status;
  EXPECT_EQ(Drain(reader, &status), kRows - 1);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_FALSE(reader.Next().ok());  // and stay
}

TEST_F(ReadAheadTest, MayEndBeforeTheInput) {
  auto input = *LoadInput::Open({Fvecs("a.fvecs", 1000, 0)}, {});
  { ReadAhead untouched(*input, 1, UINT64_MAX); }
  auto again = *LoadInput::Open({folder_ + "a.fvecs"}, {});
  ReadAhead reader(*again, 1, UINT64_MAX);
  ASSERT_TRUE(reader.Next().ok());
  ASSERT_TRUE(reader.Next().ok());
}

}  // namespace
}  // namespace tessera::cli
