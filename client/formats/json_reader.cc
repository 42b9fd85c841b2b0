#include "client/formats/json_reader.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "client/formats/json_line.h"
#include "index/scalar_type.h"

namespace tessera::formats {
namespace {

bool IsBlank(std::span<const uint8_t> line) {
  return std::all_of(line.begin(), line.end(),
                     [](uint8_t c) { return c == ' ' || c == '\t' || c == '\r'; });
}

class JsonReader final : public VectorReader {
 public:
  JsonReader(std::unique_ptr<ByteSource> source, const OpenOptions& options)
      : source_(std::move(source)), parser_(options.id_field, options.vector_field, options.payload_field),
        has_payloads_(!options.payload_field.empty()) {
    expected_dim_ = options.expected_dim;
    if (options.type == ElementType::kI8 || options.type == ElementType::kU8) type_ = *options.type;
  }

  std::optional<uint64_t> total_rows() const override { return std::nullopt; }
  ReadProgress progress() const override { return source_->progress(); }

 protected:
  Status Fill(size_t max_rows, VectorBatch& out) override;
  Status SkipRows(uint64_t rows) override;

 private:
  enum class Line { kEnd, kWhole, kTooLong };
  Line NextLine();
  void DropLine();
  Status ParseRow();
  Status CheckAgainstFirst() const;
  Status CheckIntegers() const;
  void TakeRow(VectorBatch& out);
  bool decided() const { return dim_ > 0; }

  std::unique_ptr<ByteSource> source_;
  JsonLineParser parser_;
  const bool has_payloads_;
  JsonRow row_;
  std::span<const uint8_t> line_;  // in the source's window, without the newline
  size_t line_bytes_ = 0;          // with it
  size_t expected_dim_ = 0;
  bool has_ids_ = false;  // once decided()
};

// Finds the next line; leaves it in the window for DropLine to pass over. A line that the source's
// error cut off is the end.
JsonReader::Line JsonReader::NextLine() {
  size_t searched = 0;
  for (;;) {
    const std::span<const uint8_t> window = source_->Window(searched + 1);
    const bool ended = window.size() == searched;
    if (ended && (window.empty() || !source_->status().ok())) return Line::kEnd;
    const uint8_t* from = window.data() + searched;
    const void* newline = std::memchr(from, '\n', window.size() - searched);
    if (newline != nullptr || ended) {
      const size_t length =
          newline != nullptr
              ? static_cast<size_t>(static_cast<const uint8_t*>(newline) - window.data())
              : window.size();
      line_ = window.first(length);
      line_bytes_ = length + (newline != nullptr ? 1 : 0);
      return length > kMaxJsonLineBytes ? Line::kTooLong : Line::kWhole;
    }
    searched = window.size();
    if (searched > kMaxJsonLineBytes) {
      line_bytes_ = 0;  // DropLine looks for its end
      return Line::kTooLong;
    }
  }
}

// Passes over the line that NextLine found.
void JsonReader::DropLine() {
  ++next_row_;
  if (line_bytes_ > 0) return source_->Consume(line_bytes_);
  for (;;) {
    const std::span<const uint8_t> window = source_->Window(1);
    if (window.empty()) return;
    const void* newline = std::memchr(window.data(), '\n', window.size());
    if (newline != nullptr) {
      const auto* end = static_cast<const uint8_t*>(newline) + 1;
      return source_->Consume(static_cast<size_t>(end - window.data()));
    }
    source_->Consume(window.size());
  }
}

Status JsonReader::CheckAgainstFirst() const {
  const size_t dim = decided() ? dim_ : expected_dim_;
  if (dim != 0 && row_.vector.size() != dim) {
    return InvalidArgument("vector has " + std::to_string(row_.vector.size()) +
                           " numbers, expected " + std::to_string(dim));
  }
  if (decided() && row_.id.has_value() != has_ids_) {
    return InvalidArgument(has_ids_ ? "id is missing"
                                    : "there is an id, but the first line has none");
  }
  return OkStatus();
}

// Of whole numbers: that they are, and fit their type.
Status JsonReader::CheckIntegers() const {
  if (type_ == ElementType::kF32) return OkStatus();
  const ScalarType type{8, type_ == ElementType::kI8};
  for (size_t i = 0; i < row_.vector.size(); ++i) {
    const float value = row_.vector[i];
    if (value >= static_cast<float>(type.lowest()) && value <= static_cast<float>(type.highest()) &&
        value == std::trunc(value)) {
      continue;
    }
    return InvalidArgument("vector[" + std::to_string(i) + "] is " + std::to_string(value) +
                           ", expected a whole number from " + std::to_string(type.lowest()) + " to " +
                           std::to_string(type.highest()) + " (" + type.Name() + ")");
  }
  return OkStatus();
}

// Parses the line into row_; the first good one decides what the others must be like.
Status JsonReader::ParseRow() {
  std::span<const uint8_t> text = line_;
  constexpr uint8_t kByteOrderMark[] = {0xef, 0xbb, 0xbf};
  if (next_row_ == 0 && text.size() >= 3 && std::memcmp(text.data(), kByteOrderMark, 3) == 0) {
    text = text.subspan(3);
  }
  Status status = parser_.Parse(text, row_);
  if (status.ok()) status = CheckAgainstFirst();
  if (status.ok()) status = CheckIntegers();
  if (status.ok() && !decided()) {
    dim_ = row_.vector.size();
    has_ids_ = row_.id.has_value();
  }
  return Annotate(status, source_->name() + " line " + std::to_string(next_row_ + 1) + ": ");
}

void JsonReader::TakeRow(VectorBatch& out) {
  out.dim = dim_;
  const size_t row_bytes = dim_ * ElementSize(type_);
  const size_t begin = out.rows * row_bytes;
  if (out.data.size() < begin + row_bytes) out.data.resize(begin + row_bytes);
  uint8_t* to = out.data.data() + begin;
  if (type_ == ElementType::kF32) {
    std::memcpy(to, row_.vector.data(), row_bytes);
  } else {
    for (size_t i = 0; i < dim_; ++i) to[i] = static_cast<uint8_t>(static_cast<int32_t>(row_.vector[i]));
  }
  if (has_ids_) out.ids.push_back(std::move(*row_.id));
  if (has_payloads_) out.payloads.push_back(row_.payload);
  out.row_numbers.push_back(next_row_);
  ++out.rows;
}

Status JsonReader::Fill(size_t max_rows, VectorBatch& out) {
  size_t payload_bytes = 0;
  while (out.rows + out.bad.size() < max_rows &&
         (out.rows + 1) * out.dim * ElementSize(type_) + payload_bytes <= kMaxBatchBytes) {
    const Line line = NextLine();
    if (line == Line::kEnd) return source_->status();
    if (line == Line::kTooLong) {
      out.bad.push_back(
          {next_row_,
           InvalidArgument(source_->name() + " line " + std::to_string(next_row_ + 1) +
                           ": longer than " + std::to_string(kMaxJsonLineBytes) + " bytes")});
    } else if (!IsBlank(line_)) {
      Status status = ParseRow();
      if (status.ok()) {
        TakeRow(out);
        payload_bytes += row_.payload.size();
      } else {
        out.bad.push_back({next_row_, std::move(status)});
      }
    }
    DropLine();
  }
  return OkStatus();
}

Status JsonReader::SkipRows(uint64_t rows) {
  for (; rows > 0; --rows) {
    const Line line = NextLine();
    if (line == Line::kEnd) return source_->status();
    // The first good line decides even if it was delivered by an earlier run.
    if (!decided() && line == Line::kWhole && !IsBlank(line_)) (void)ParseRow();
    DropLine();
  }
  return OkStatus();
}

}  // namespace

StatusOr<std::unique_ptr<VectorReader>> OpenJsonLines(std::unique_ptr<ByteSource> source,
                                                      const OpenOptions& options) {
  return std::unique_ptr<VectorReader>(new JsonReader(std::move(source), options));
}

}  // namespace tessera::formats
