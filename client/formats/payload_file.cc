#include "client/formats/payload_file.h"

#include <cstring>
#include <span>

#include "client/formats/json_reader.h"

namespace tessera::formats {

StatusOr<std::unique_ptr<PayloadFile>> PayloadFile::Open(const std::string& path) {
  TESSERA_ASSIGN_OR_RETURN(auto source, ByteSource::Open(path));
  return std::unique_ptr<PayloadFile>(new PayloadFile(std::move(source)));
}

Status PayloadFile::NextLine(std::string* line) {
  const std::string where = source_->name() + " line " + std::to_string(next_line_ + 1);
  size_t searched = 0;
  for (;;) {
    const std::span<const uint8_t> window = source_->Window(searched + 1);
    const bool ended = window.size() == searched;
    if (ended && !source_->status().ok()) return source_->status();
    if (ended && window.empty()) return InvalidArgument(where + " is missing: there is a row for it");
    const void* newline = std::memchr(window.data() + searched, '\n', window.size() - searched);
    if (newline != nullptr || ended) {
      const auto* end = newline ? static_cast<const uint8_t*>(newline) : window.data() + window.size();
      const auto length = static_cast<size_t>(end - window.data());
      if (line != nullptr) line->assign(reinterpret_cast<const char*>(window.data()), length);
      source_->Consume(length + (newline != nullptr ? 1 : 0));
      ++next_line_;
      return OkStatus();
    }
    searched = window.size();
    if (searched > kMaxJsonLineBytes) {
      return InvalidArgument(where + " is longer than " + std::to_string(kMaxJsonLineBytes) + " bytes");
    }
  }
}

Status PayloadFile::Skip(uint64_t lines) {
  for (; lines > 0; --lines) TESSERA_RETURN_IF_ERROR(NextLine(nullptr));
  return OkStatus();
}

Status PayloadFile::Fill(VectorBatch& batch) {
  batch.payloads.clear();
  std::string line;
  for (uint64_t row = batch.first_row; row < batch.end_row; ++row) {
    const size_t good = batch.payloads.size();
    TESSERA_RETURN_IF_ERROR(NextLine(&line));
    if (good == batch.row_numbers.size() || batch.row_numbers[good] != row) continue;
    if (line.find_first_not_of(" \t\r") == std::string::npos) line.clear();
    batch.payloads.push_back(line);
  }
  return OkStatus();
}

}  // namespace tessera::formats
