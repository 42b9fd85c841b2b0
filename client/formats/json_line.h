// One line of a JSON lines file, by simdjson.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "index/status.h"
#include "index/types.h"

namespace tessera::formats {

struct JsonRow {
  std::optional<PointId> id;  // none: the line has no id field
  std::vector<float> vector;  // 1 to kMaxDim finite values
  std::string payload;        // as it stands in the line; empty: none
};

// Keeps its buffers from line to line. One thread at a time.
class JsonLineParser {
 public:
  // payload_field: as in OpenOptions.
  JsonLineParser(std::string id_field, std::string vector_field, std::string payload_field = {});
  ~JsonLineParser();

  // `line` is followed by at least ByteSource::kPadding readable bytes. InvalidArgument names the
  // field: `vector[3] is a string, expected a number`; `row` then means nothing.
  Status Parse(std::span<const uint8_t> line, JsonRow& row);

 private:
  struct Impl;  // simdjson stays in the .cc file
  std::unique_ptr<Impl> impl_;
};

}  // namespace tessera::formats
