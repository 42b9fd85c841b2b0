#include "client/formats/byte_source.h"

#include <unistd.h>

#include "tests/unit/formats/sample_files.h"

namespace tessera::formats {
namespace {

std::string Numbers(size_t bytes) {
  std::string text;
  for (uint32_t i = 0; text.size() < bytes; ++i) text += Raw(i * 2654435761u);
  text.resize(bytes);
  return text;
}

std::string Drain(ByteSource& source, size_t want) {
  std::string all;
  for (;;) {
    std::span<const uint8_t> window = source.Window(want);
    if (window.empty()) return all;
    const size_t n = std::min(want, window.size());
    all.append(reinterpret_cast<const char*>(window.data()), n);
    source.Consume(n);
  }
}

std::unique_ptr<ByteSource> MustOpen(const std::string& path) {
  auto source = ByteSource::Open(path);
  EXPECT_TRUE(source.ok()) << source.status();
  return std::move(source).value();
}

TEST(ByteSourceTest, WindowsOfAnySizeGiveAllBytes) {
  TempDir dir;
  const std::string bytes = Numbers(1'000'003);
  const std::string plain = dir.Write("plain", bytes);
  const std::string packed = dir.Write("packed", Gzip(bytes));
  for (size_t want : {1000u, 65536u, 262144u, 262145u, 999'999u, 2'000'000u}) {
    EXPECT_TRUE(Drain(*MustOpen(plain), want) == bytes) << want;
    EXPECT_TRUE(Drain(*MustOpen(packed), want) == bytes) << want;
  }
}

TEST(ByteSourceTest, SkipPositionsPlainAndPackedAlike) {
  TempDir dir;
  const std::string bytes = Numbers(700'000);
  for (const std::string& path : {dir.Write("plain", bytes), dir.Write("packed", Gzip(bytes))}) {
    auto source = MustOpen(path);
    source->Window(10);
    source->Consume(10);
    EXPECT_EQ(source->Skip(600'000), 600'000u);
    EXPECT_EQ(source->offset(), 600'010u);
    std::span<const uint8_t> window = source->Window(4);
    EXPECT_EQ(std::string(window.begin(), window.begin() + 4), bytes.substr(600'010, 4));
    EXPECT_EQ(source->Skip(1'000'000), 99'990u);
    EXPECT_TRUE(source->Window(1).empty());
    EXPECT_TRUE(source->status().ok());
  }
}

TEST(ByteSourceTest, KnowsSizeOfPlainFilesOnly) {
  TempDir dir;
  EXPECT_EQ(MustOpen(dir.Write("plain", "12345"))->size(), 5u);
  auto packed = MustOpen(dir.Write("packed", Gzip("12345")));
  EXPECT_EQ(packed->size(), std::nullopt);
  EXPECT_TRUE(packed->compressed());
  EXPECT_EQ(packed->progress().total_bytes, Gzip("12345").size());
}

TEST(ByteSourceTest, JoinsGzipMembers) {
  TempDir dir;
  auto source = MustOpen(dir.Write("two", Gzip("first ") + Gzip("") + Gzip("second")));
  EXPECT_EQ(Drain(*source, 4), "first second");
  EXPECT_TRUE(source->status().ok()) << source->status();
}

TEST(ByteSourceTest, TruncatedGzipGivesWhatCameBefore) {
  TempDir dir;
  const std::string bytes = Numbers(600'000);
  const std::string packed = Gzip(bytes);
  auto source = MustOpen(dir.Write("cut", packed.substr(0, packed.size() / 2)));
  const std::string got = Drain(*source, 1);
  EXPECT_GT(got.size(), 200'000u);
  EXPECT_TRUE(bytes.starts_with(got));
  EXPECT_TRUE(IsDataLoss(source->status(), {"cut", "ends in the middle", "offset"}));
}

TEST(ByteSourceTest, CorruptGzipIsDataLoss) {
  TempDir dir;
  std::string packed = Gzip(Numbers(600'000));
  packed[packed.size() - 5] = static_cast<char>(packed[packed.size() - 5] ^ 1);  // in the checksum
  auto source = MustOpen(dir.Write("bad", packed));
  EXPECT_EQ(Drain(*source, 100).size(), 600'000u);
  EXPECT_TRUE(IsDataLoss(source->status(), {"bad", "corrupt gzip data"}));
}

TEST(ByteSourceTest, GarbageAfterGzipIsDataLossAfterTheData) {
  TempDir dir;
  auto source = MustOpen(dir.Write("tail", Gzip("all of it") + "xyz"));
  EXPECT_EQ(Drain(*source, 100), "all of it");
  EXPECT_TRUE(IsDataLoss(source->status(), {"tail", "after the end"}));
}

TEST(ByteSourceTest, ReadsAPipeOnStandardInput) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const std::string bytes = Gzip("through a pipe");
  ASSERT_EQ(write(ends[1], bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  close(ends[1]);
  const int saved = dup(STDIN_FILENO);
  dup2(ends[0], STDIN_FILENO);
  close(ends[0]);
  {
    auto source = MustOpen("-");
    EXPECT_EQ(source->name(), "standard input");
    EXPECT_EQ(Drain(*source, 5), "through a pipe");
    EXPECT_EQ(source->progress().total_bytes, std::nullopt);
  }
  char c;
  EXPECT_EQ(read(STDIN_FILENO, &c, 1), 0) << "standard input must stay open";
  if (saved >= 0) {
    dup2(saved, STDIN_FILENO);
    close(saved);
  }
}

TEST(ByteSourceTest, NamesWhyAFileCannotBeOpened) {
  TempDir dir;
  EXPECT_TRUE(Says(ByteSource::Open(dir.Path("none")).status(), absl::StatusCode::kNotFound,
                   {"none", "No such file"}));
  EXPECT_TRUE(Says(ByteSource::Open(dir.Path("")).status(), absl::StatusCode::kFailedPrecondition,
                   {"directory"}));
}

}  // namespace
}  // namespace tessera::formats
