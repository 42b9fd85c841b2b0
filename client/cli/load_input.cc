#include "client/cli/load_input.h"

#include <algorithm>
#include <filesystem>

#include "client/cli/element_options.h"

namespace tessera::cli {

LoadInput::LoadInput(std::vector<std::string> files, formats::OpenOptions options,
                     std::optional<ElementType> store_as)
    : files_(std::move(files)), options_(std::move(options)), store_as_(store_as) {
  for (const std::string& file : files_) {
    std::error_code failed;
    const uintmax_t size = file == "-" ? 0 : std::filesystem::file_size(file, failed);
    sizes_.push_back(failed ? 0 : size);
  }
}

StatusOr<std::unique_ptr<LoadInput>> LoadInput::Open(std::vector<std::string> files,
                                                     formats::OpenOptions options,
                                                     std::optional<ElementType> store_as,
                                                     const std::string& payload_file) {
  if (files.empty()) return InvalidArgument("no file given");
  std::unique_ptr<LoadInput> input(new LoadInput(std::move(files), std::move(options), store_as));
  if (!payload_file.empty()) {
    TESSERA_ASSIGN_OR_RETURN(input->payloads_, formats::PayloadFile::Open(payload_file));
  }
  TESSERA_RETURN_IF_ERROR(input->OpenFile(0));
  formats::OpenOptions look = input->options_;
  if (look.expected_dim == 0) look.expected_dim = input->reader_->dim();
  for (size_t i = 1; i < input->files_.size(); ++i) {
    if (input->files_[i] == "-") continue;
    look.path = input->files_[i];
    TESSERA_ASSIGN_OR_RETURN(auto reader, formats::OpenVectors(look));
    TESSERA_RETURN_IF_ERROR(input->CheckConversion(look.path, reader->type()));
  }
  return input;
}

Status LoadInput::OpenFile(size_t number) {
  formats::OpenOptions open = options_;
  if (open.expected_dim == 0 && reader_) open.expected_dim = reader_->dim();
  open.path = files_[number];
  TESSERA_ASSIGN_OR_RETURN(reader_, formats::OpenVectors(open));
  TESSERA_RETURN_IF_ERROR(CheckConversion(open.path, reader_->type()));
  current_ = number;
  return OkStatus();
}

Status LoadInput::CheckConversion(const std::string& file, ElementType type) const {
  if (!store_as_) return OkStatus();
  return Annotate(CheckConvertible(type, *store_as_), file + ": ");
}

// False after the last file. The rows of the file that ended stand in position_.row.
StatusOr<bool> LoadInput::NextFile() {
  if (current_ + 1 >= files_.size()) return false;
  position_ = {position_.file + 1, 0, position_.total()};
  TESSERA_RETURN_IF_ERROR(OpenFile(current_ + 1));
  return true;
}

Status LoadInput::SkipTo(const LoadPosition& position) {
  if (position.file >= files_.size()) {
    return InvalidArgument("file " + std::to_string(position.file) + " of " +
                           std::to_string(files_.size()));
  }
  if (position.file != 0) TESSERA_RETURN_IF_ERROR(OpenFile(position.file));
  TESSERA_RETURN_IF_ERROR(Annotate(reader_->Skip(position.row), files_[current_] + ": "));
  position_ = position;
  return payloads_ ? payloads_->Skip(position_.total()) : OkStatus();
}

Status LoadInput::SkipRows(uint64_t rows) {
  for (;;) {
    const auto total = reader_->total_rows();
    if (!total || rows <= *total) break;
    rows -= *total;
    position_.row = *total;
    TESSERA_ASSIGN_OR_RETURN(bool more, NextFile());
    if (!more) {
      return InvalidArgument("cannot skip that many rows: all files have " +
                             std::to_string(position_.total()));
    }
  }
  TESSERA_RETURN_IF_ERROR(Annotate(reader_->Skip(rows), files_[current_] + ": "));
  position_.row = rows;
  return payloads_ ? payloads_->Skip(position_.total()) : OkStatus();
}

StatusOr<bool> LoadInput::Next(size_t max_rows, formats::VectorBatch& out) {
  for (;;) {
    TESSERA_ASSIGN_OR_RETURN(bool more, reader_->Next(max_rows, out));
    position_.row = std::max(position_.row, out.end_row);
    if (more) {
      if (payloads_) TESSERA_RETURN_IF_ERROR(payloads_->Fill(out));
      if (store_as_) TESSERA_RETURN_IF_ERROR(ConvertBatch(*store_as_, out));
      return true;
    }
    TESSERA_ASSIGN_OR_RETURN(bool another, NextFile());
    if (!another) return false;
  }
}

std::string LoadInput::RowName(size_t file, uint64_t row) const {
  const std::string& name = files_[file];
  const bool lines = options_.format == formats::Format::kJsonLines ||
                     formats::FormatOfName(name) == formats::Format::kJsonLines;
  return (name == "-" ? "standard input" : name) +
         (lines ? " line " + std::to_string(row + 1) : " row " + std::to_string(row));
}

std::optional<double> LoadInput::fraction() const {
  double done = 0;
  double all = 0;
  for (size_t i = 0; i < files_.size(); ++i) {
    if (sizes_[i] == 0) return std::nullopt;
    all += static_cast<double>(sizes_[i]);
    if (i < current_) done += static_cast<double>(sizes_[i]);
  }
  const auto read = static_cast<double>(reader_->progress().bytes_read);
  return (done + std::min(read, static_cast<double>(sizes_[current_]))) / all;
}

}  // namespace tessera::cli
