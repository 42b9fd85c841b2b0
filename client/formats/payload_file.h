// A file of payloads beside a file of vectors: one JSON object a line, line i for row i.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "client/formats/byte_source.h"
#include "client/formats/vector_batch.h"
#include "index/status.h"

namespace tessera::formats {

// One thread at a time. gzip is read too. A blank line is no payload; what else a line holds is not looked at.
class PayloadFile {
 public:
  // Errors as OpenVectors of a file that is missing or not readable.
  static StatusOr<std::unique_ptr<PayloadFile>> Open(const std::string& path);

  // Passes over `lines` lines. InvalidArgument if there are fewer.
  Status Skip(uint64_t lines);
  // Reads a line for each row of [batch.first_row, batch.end_row) and gives those of its good rows to it.
  // InvalidArgument if a line is longer than kMaxJsonLineBytes, or the file ends before.
  Status Fill(VectorBatch& batch);

 private:
  explicit PayloadFile(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}
  // Null: the line is passed over.
  Status NextLine(std::string* line);

  std::unique_ptr<ByteSource> source_;
  uint64_t next_line_ = 0;
};

}  // namespace tessera::formats
