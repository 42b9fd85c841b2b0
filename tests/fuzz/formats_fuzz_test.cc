// Hostile vector files: mutations of valid ones by fixed seeds. Whatever the bytes are, a reader
// ends, returns no more rows than there can be, and allocates in proportion to what it was given.
// HDF5 is left out: its parser is a library's, which does not promise that.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "client/formats/json_reader.h"
#include "client/formats/neighbors.h"
#include "client/formats/vector_reader.h"
#include "tests/unit/formats/sample_files.h"

namespace {

std::atomic<size_t> largest_request{0};

void* TryAllocate(size_t n) {
  size_t seen = largest_request.load(std::memory_order_relaxed);
  while (n > seen && !largest_request.compare_exchange_weak(seen, n)) {
  }
  return std::malloc(n > 0 ? n : 1);
}

void* Allocate(size_t n) {
  void* p = TryAllocate(n);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

}  // namespace

void* operator new(size_t n) { return Allocate(n); }
void* operator new[](size_t n) { return Allocate(n); }
void* operator new(size_t n, const std::nothrow_t&) noexcept { return TryAllocate(n); }
void* operator new[](size_t n, const std::nothrow_t&) noexcept { return TryAllocate(n); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void operator delete[](void* p, size_t) noexcept { std::free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { std::free(p); }

namespace tessera::formats {
namespace {

// Window, gzip input and a row of the widest dim, with growth by doubling.
constexpr size_t kFixedBytes = 3 << 20;
// Growth by doubling, of items that widen from one byte to four.
constexpr size_t kBytesPerInputByte = 16;

struct Sample {
  const char* name;
  Format format;
  std::string bytes;
};

std::string SampleJson() {
  std::string text;
  for (int i = 0; i < 40; ++i) {
    text += "{\"id\": " +
            (i % 2 == 0 ? std::to_string(i) : "\"key \\u00e9" + std::to_string(i) + "\"") +
            ", \"vector\": [0.5, -1e3, 17, " + std::to_string(i) +
            "], \"more\": {\"a\": [null]}}\n";
  }
  return text;
}

std::vector<Sample> Samples() {
  const std::string idx_head = std::string("\0\0\x08\x03", 4);
  return {
      {"fvecs", Format::kFvecs, SampleVecs<float>(40, 9)},
      {"bvecs", Format::kBvecs, SampleVecs<uint8_t>(40, 9)},
      {"ivecs", Format::kIvecs, SampleVecs<int32_t>(40, 9)},
      {"fbin", Format::kFbin, Raw(uint32_t{40}) + Raw(uint32_t{9}) + SampleMatrix<float>(40, 9)},
      {"i8bin", Format::kI8bin, Raw(uint32_t{40}) + Raw(uint32_t{9}) + SampleMatrix<int8_t>(40, 9)},
      {"npy", Format::kNpy, Npy(NpyDictionary("<f4", "(40, 9)"), SampleMatrix<float>(40, 9))},
      {"npy", Format::kNpy, Npy(NpyDictionary("<i4", "(40, 9)"), SampleMatrix<int32_t>(40, 9))},
      {"idx", Format::kIdx,
       idx_head + BigEndian(40) + BigEndian(3) + BigEndian(3) + SampleMatrix<uint8_t>(40, 9)},
      {"jsonl", Format::kJsonLines, SampleJson()},
  };
}

// One to eight edits: bits, bytes, extreme words, cuts, doubled and inserted pieces.
std::string Mutate(std::string bytes, std::mt19937& random) {
  const auto below = [&random](size_t n) {
    return static_cast<size_t>(random()) % std::max<size_t>(n, 1);
  };
  const uint32_t extremes[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 65535, 65536, 0x0a7d5d22};
  for (size_t edits = 1 + below(8); edits > 0 && !bytes.empty(); --edits) {
    // Half of the edits meet the header.
    const size_t at = below(random() % 2 == 0 ? std::min<size_t>(bytes.size(), 128) : bytes.size());
    switch (below(6)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 1:
        bytes[at] = static_cast<char>(random());
        break;
      case 2:
        bytes.replace(at, 4, Raw(extremes[below(8)]));
        break;
      case 3:
        bytes.resize(at);
        break;
      case 4:
        bytes.insert(at, bytes.substr(below(bytes.size()), below(64)));
        break;
      default:
        bytes.erase(at, below(16));
        break;
    }
  }
  return bytes;
}

// Reads all of a file; `bytes` is how much it holds when decompressed.
void ExpectBounded(const OpenOptions& options, size_t bytes, size_t max_rows) {
  largest_request = 0;
  const Contents contents = ReadContents(options, max_rows);
  EXPECT_LE(contents.rows() + contents.bad.size(), bytes + 1);
  if (options.format == Format::kJsonLines) {
    EXPECT_TRUE(std::all_of(contents.values.begin(), contents.values.end(),
                            [](float value) { return std::isfinite(value); }));
  }
  EXPECT_LE(largest_request, kFixedBytes + kBytesPerInputByte * bytes);
}

TEST(FormatsFuzzTest, MutatedFiles) {
  TempDir dir;
  for (const Sample& sample : Samples()) {
    std::mt19937 random(20'000);
    for (int i = 0; i < 1500; ++i) {
      SCOPED_TRACE(std::string(sample.name) + " mutation " + std::to_string(i));
      const std::string bytes = Mutate(sample.bytes, random);
      OpenOptions options;
      options.path = dir.Write("fuzzed", bytes);
      options.format = sample.format;
      ExpectBounded(options, bytes.size(), 1 + static_cast<size_t>(i) % 50);
      if (i % 8 == 0) (void)ReadNeighbors(options.path, options.format);
      if (HasFailure()) return;
    }
  }
}

TEST(FormatsFuzzTest, MutatedGzip) {
  TempDir dir;
  for (const Sample& sample : Samples()) {
    std::mt19937 random(30'000);
    for (int i = 0; i < 300; ++i) {
      SCOPED_TRACE(std::string(sample.name) + " mutation " + std::to_string(i));
      // The damage is in the data before compression, or in the compressed data.
      const bool inside = i % 2 == 0;
      const std::string bytes =
          inside ? Gzip(Mutate(sample.bytes, random)) : Mutate(Gzip(sample.bytes), random);
      OpenOptions options;
      options.path = dir.Write("fuzzed.gz", bytes);
      options.format = sample.format;
      // A mutated stream may repeat much, at most 1032 times its size (deflate's best).
      ExpectBounded(options, 1032 * bytes.size() + 1024, 100);
      if (HasFailure()) return;
    }
  }
}

TEST(FormatsFuzzTest, FormatIsFoundInAnyBytes) {
  TempDir dir;
  std::mt19937 random(40'000);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(random() % 64, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % 3 == 0 ? 0 : random());
    OpenOptions options;
    options.path = dir.Write("anything", bytes);
    ExpectBounded(options, bytes.size(), 10);
  }
}

// Bytes that claim far more than they hold, made by hand.
TEST(FormatsFuzzTest, ClaimsWithoutData) {
  TempDir dir;
  const std::string most = Raw(uint32_t{0xffffffff});
  const std::string widest = Raw(uint32_t{65535});
  const std::vector<Sample> claims = {
      {"fvecs", Format::kFvecs, widest + "abc"},
      {"fvecs", Format::kFvecs, most + most},
      {"fvecs", Format::kFvecs, Raw(uint32_t{1}) + Raw(1.0f) + widest},
      {"fbin", Format::kFbin, most + widest + "abc"},
      {"fbin", Format::kFbin, most + most},
      {"u8bin", Format::kU8bin, most + Raw(uint32_t{1}) + "abc"},
      {"npy", Format::kNpy, Npy(NpyDictionary("<f8", "(9223372036854775807, 65535)"), "abc")},
      {"npy", Format::kNpy, Npy(NpyDictionary("<f8", "(1000000000000, 65535)"), "abc")},
      {"npy", Format::kNpy, std::string("\x93NUMPY\x03\x00", 8) + most + "{"},
      {"npy", Format::kNpy, Npy("{'descr':'<f4','fortran_order':False,'shape':(", "")},
      {"npy", Format::kNpy, Npy("{'descr':'", "")},
      {"idx", Format::kIdx,
       std::string("\0\0\x08\x03", 4) + most + BigEndian(255) + BigEndian(257)},
      {"idx", Format::kIdx, std::string("\0\0\x08\xff", 4) + std::string(2000, '\xff')},
      {"jsonl", Format::kJsonLines, std::string(100'000, '[')},
      {"jsonl", Format::kJsonLines, "{\"vector\": " + std::string(100'000, '[')},
      {"jsonl", Format::kJsonLines, "{\"x\": " + std::string(100'000, '{')},
      {"jsonl", Format::kJsonLines, "{\"vector\": [1" + std::string(100'000, '0') + "]}"},
      {"jsonl", Format::kJsonLines, std::string(1000, '\0')},
      {"jsonl", Format::kJsonLines, std::string(1000, '"')},
      {"jsonl", Format::kJsonLines, std::string("{\"id\": 1, \"vector\": [1]}\0\n", 26)},
  };
  for (const Sample& claim : claims) {
    SCOPED_TRACE(claim.bytes.substr(0, 60));
    OpenOptions options;
    options.path = dir.Write("claim", claim.bytes);
    options.format = claim.format;
    ExpectBounded(options, claim.bytes.size(), 1'000'000);
    (void)ReadNeighbors(options.path, options.format);
    EXPECT_LE(largest_request, kFixedBytes + kBytesPerInputByte * claim.bytes.size());
    const Contents contents = ReadContents(options);
    EXPECT_FALSE(contents.open.ok() && contents.end.ok() && contents.bad.empty());
  }
}

// A bomb: a small file that decompresses to 256 MiB in one line, or in rows.
TEST(FormatsFuzzTest, GzipBombsStayBounded) {
  TempDir dir;
  OpenOptions options;
  options.path = dir.Write("bomb", Gzip(std::string(size_t{256} << 20, ' ')));
  options.format = Format::kJsonLines;
  largest_request = 0;
  const Contents contents = ReadContents(options);
  EXPECT_EQ(contents.bad.size(), 1u);
  EXPECT_LE(largest_request, 4 * kMaxJsonLineBytes);
}

}  // namespace
}  // namespace tessera::formats
