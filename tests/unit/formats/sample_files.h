// Builds small vector files, whole and broken, for the tests of the readers.
#pragma once

#include <zlib.h>

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "client/formats/vector_reader.h"

namespace tessera::formats {

// A directory of its own for each test, removed with it.
class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "formats-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  std::string Path(const std::string& name) const { return path_ + "/" + name; }
  // A file written anew, not over the old one: some file systems flush the latter to disk at once.
  std::string Write(const std::string& name, std::string_view bytes) const {
    std::filesystem::remove(Path(name));
    std::ofstream(Path(name), std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return Path(name);
  }

 private:
  std::string path_;
};

inline std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// The bytes of a value as they lie in memory.
template <typename T>
std::string Raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

template <typename T>
std::string RawAll(const std::vector<T>& values) {
  std::string bytes;
  for (T value : values) bytes += Raw(value);
  return bytes;
}

inline std::string BigEndian(uint32_t value) { return Raw(__builtin_bswap32(value)); }

// One row of a -vecs file.
template <typename T>
std::string VecsRow(const std::vector<T>& values) {
  return Raw(static_cast<uint32_t>(values.size())) + RawAll(values);
}

// Row r has the values 100 r, 100 r + 1, ...: no two rows or columns can be mixed up.
template <typename T>
std::vector<T> SampleRow(size_t row, size_t dim) {
  std::vector<T> values;
  for (size_t i = 0; i < dim; ++i) values.push_back(static_cast<T>(100 * row + i));
  return values;
}

template <typename T>
std::string SampleVecs(size_t rows, size_t dim) {
  std::string bytes;
  for (size_t r = 0; r < rows; ++r) bytes += VecsRow(SampleRow<T>(r, dim));
  return bytes;
}

template <typename T>
std::string SampleMatrix(size_t rows, size_t dim) {
  std::string bytes;
  for (size_t r = 0; r < rows; ++r) bytes += RawAll(SampleRow<T>(r, dim));
  return bytes;
}

inline std::string Npy(const std::string& dictionary, const std::string& data) {
  return std::string("\x93NUMPY\x01\x00", 8) + Raw(static_cast<uint16_t>(dictionary.size())) +
         dictionary + data;
}

inline std::string NpyDictionary(const std::string& descr, const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }\n";
}

inline std::string Gzip(std::string_view bytes) {
  z_stream z = {};
  EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&z, bytes.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  z.avail_in = static_cast<uInt>(bytes.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

// All that a file gives, batch by batch.
struct Contents {
  Status open;  // of OpenVectors; the rest is empty unless OK
  Status end;   // OK, or the error after the last row
  ElementType type = ElementType::kF32;
  size_t dim = 0;
  std::vector<float> values;  // good rows x dim
  std::vector<uint64_t> row_numbers;
  std::vector<PointId> ids;
  std::vector<BadRow> bad;
  std::vector<size_t> batch_rows;

  size_t rows() const { return row_numbers.size(); }
  std::vector<float> row(size_t i) const {
    const auto begin = values.begin() + static_cast<ptrdiff_t>(i * dim);
    return {begin, begin + static_cast<ptrdiff_t>(dim)};
  }
};

inline Contents Drain(VectorReader& reader, size_t max_rows) {
  Contents contents;
  VectorBatch batch;
  uint64_t next = 0;
  for (bool first = true;; first = false) {
    StatusOr<bool> more = reader.Next(max_rows, batch);
    if (!more.ok()) contents.end = more.status();
    if (!more.ok() || !*more) break;
    if (!first) {
      EXPECT_EQ(batch.first_row, next);
    }
    next = batch.end_row;
    EXPECT_LE(batch.rows + batch.bad.size(), max_rows);
    EXPECT_EQ(batch.data.size(), batch.rows * batch.dim * ElementSize(batch.type));
    EXPECT_EQ(batch.row_numbers.size(), batch.rows);
    EXPECT_TRUE(batch.ids.empty() || batch.ids.size() == batch.rows);
    AppendFloats(batch, contents.values);
    contents.row_numbers.insert(contents.row_numbers.end(), batch.row_numbers.begin(),
                                batch.row_numbers.end());
    contents.ids.insert(contents.ids.end(), batch.ids.begin(), batch.ids.end());
    contents.bad.insert(contents.bad.end(), batch.bad.begin(), batch.bad.end());
    contents.batch_rows.push_back(batch.rows);
  }
  contents.type = reader.type();
  contents.dim = reader.dim();
  return contents;
}

inline Contents ReadContents(const OpenOptions& options, size_t max_rows = 3) {
  StatusOr<std::unique_ptr<VectorReader>> reader = OpenVectors(options);
  if (reader.ok()) return Drain(**reader, max_rows);
  Contents contents;
  contents.open = reader.status();
  return contents;
}

inline Contents ReadContents(const std::string& path, size_t max_rows = 3) {
  OpenOptions options;
  options.path = path;
  return ReadContents(options, max_rows);
}

// The file must hold rows x dim of SampleRow, and nothing wrong.
inline void ExpectSample(const Contents& contents, size_t rows, size_t dim) {
  ASSERT_TRUE(contents.open.ok()) << contents.open;
  EXPECT_TRUE(contents.end.ok()) << contents.end;
  EXPECT_TRUE(contents.bad.empty());
  ASSERT_EQ(contents.dim, dim);
  ASSERT_EQ(contents.rows(), rows);
  for (size_t r = 0; r < rows; ++r) {
    EXPECT_EQ(contents.row_numbers[r], r);
    EXPECT_EQ(contents.row(r), SampleRow<float>(r, dim)) << "row " << r;
  }
}

// The code and words that the message must have.
inline ::testing::AssertionResult Says(const Status& status, absl::StatusCode code,
                                       const std::vector<std::string>& words) {
  if (status.code() != code) return ::testing::AssertionFailure() << "status is " << status;
  for (const std::string& word : words) {
    if (MessageOf(status).find(word) == std::string::npos) {
      return ::testing::AssertionFailure() << "no \"" << word << "\" in " << status;
    }
  }
  return ::testing::AssertionSuccess();
}

inline ::testing::AssertionResult IsInvalid(const Status& s,
                                            const std::vector<std::string>& words) {
  return Says(s, absl::StatusCode::kInvalidArgument, words);
}
inline ::testing::AssertionResult IsDataLoss(const Status& s,
                                             const std::vector<std::string>& words) {
  return Says(s, absl::StatusCode::kDataLoss, words);
}

}  // namespace tessera::formats
