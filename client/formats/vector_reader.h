// Streaming readers of vector files: one interface over all formats, memory bounded by the batch.
//
//   OpenOptions options;
//   options.path = "base.fvecs";
//   TESSERA_ASSIGN_OR_RETURN(auto reader, OpenVectors(options));
//   VectorBatch batch;
//   for (;;) {
//     TESSERA_ASSIGN_OR_RETURN(bool more, reader->Next(4096, batch));
//     if (!more) break;
//     ...
//   }
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "client/formats/format.h"
#include "client/formats/vector_batch.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera::formats {

// A batch ends at this many bytes of vectors (or one row), however many rows were asked for.
inline constexpr size_t kMaxBatchBytes = size_t{64} << 20;

inline constexpr char kAllOtherFields[] = "*";

struct OpenOptions {
  std::string path;  // "-" = standard input
  Format format = Format::kAuto;
  // Where known, e.g. the collection's. A file whose header says otherwise is refused at once; a
  // JSON line of another dim is a bad row. 0 = the first row decides.
  size_t expected_dim = 0;
  // What the components are: needed where the format leaves it open (raw; bin; npy items that are
  // 16 bits of something), of JSON lines i8 or u8 for whole numbers, else compared with what the file says.
  std::optional<ElementType> type;
  // What the integers of i8 and u8 stand for, if not for themselves.
  ScalarParams quantization{};
  std::string dataset = "train";        // HDF5 only: path of the data set
  std::string id_field = "id";          // JSON lines only
  std::string vector_field = "vector";  // JSON lines only
  // JSON lines only: the field that is the payload, or kAllOtherFields. Empty: payloads are passed over.
  std::string payload_field{};
};

// How far a reader is in its file, for a progress bar. Bytes are those on disk, thus compressed
// ones of a .gz.
struct ReadProgress {
  uint64_t bytes_read = 0;
  std::optional<uint64_t> total_bytes;  // unknown of a pipe
};

// One thread at a time. Values of NaN and infinity pass through (JSON cannot carry them): whoever
// takes the vectors judges them.
class VectorReader {
 public:
  virtual ~VectorReader() = default;
  VectorReader(const VectorReader&) = delete;
  VectorReader& operator=(const VectorReader&) = delete;

  // Replaces `out` with the next rows of the file: at most `max_rows` (> 0, else InvalidArgument)
  // counting bad ones, at most kMaxBatchBytes, fewer where the reader likes, never none. False,
  // with an empty batch, at the end of the file. A bad row goes to out.bad and reading goes on. A
  // damaged file is DataLoss (truncated, sizes that disagree, corrupt gzip data), naming offset or
  // row, what was expected and what was found. All whole rows before the damage are delivered
  // first; then this and every later call returns the error.
  StatusOr<bool> Next(size_t max_rows, VectorBatch& out);

  // Passes over `rows` rows, bad and blank ones included, so that Skip(batch.end_row) on a newly
  // opened file resumes after that batch. InvalidArgument if the file has fewer. Cheap where rows
  // have one size and the file can be positioned.
  Status Skip(uint64_t rows);

  // Of every row delivered. dim is known from the start, except for JSON lines: there it is 0 until
  // the first good row.
  ElementType type() const { return type_; }
  size_t dim() const { return dim_; }
  // As header or file size say, whole rows that are really there; unknown for JSON lines, and for a
  // compressed -vecs file.
  virtual std::optional<uint64_t> total_rows() const = 0;
  virtual ReadProgress progress() const = 0;

 protected:
  VectorReader() = default;
  // Appends up to `max_rows` rows, advancing next_row_. Returns OK with nothing appended at the end
  // of the file. On error what was appended before it counts. May stop early at any row.
  virtual Status Fill(size_t max_rows, VectorBatch& out) = 0;
  // Advances next_row_ by up to `rows`; less at the end of the file.
  virtual Status SkipRows(uint64_t rows) = 0;

  ElementType type_ = ElementType::kF32;
  size_t dim_ = 0;
  uint64_t next_row_ = 0;  // the file row that comes next

 private:
  friend StatusOr<std::unique_ptr<VectorReader>> OpenVectors(const OpenOptions& options);
  // Compares with what the options say of the components.
  Status CheckType(const OpenOptions& options) const;

  ScalarParams quantization_;
  Status failed_;
};

// Opens a file, decompressing gzip by its magic bytes whatever the name. Errors: NotFound (no such
// file), FailedPrecondition (not readable), InvalidArgument (zero bytes long, format not told by
// name or content, or a header that is not of the format, of dim 0 or above kMaxDim, of sizes that
// overflow, of another dim or type than expected; a quantization that does not suit the type), DataLoss (header cut off, corrupt gzip data).
StatusOr<std::unique_ptr<VectorReader>> OpenVectors(const OpenOptions& options);

}  // namespace tessera::formats
