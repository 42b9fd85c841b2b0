// Several vector files as one sequence of rows.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/load_state.h"
#include "client/formats/payload_file.h"
#include "client/formats/vector_reader.h"
#include "index/status.h"

namespace tessera::cli {

// One thread.
class LoadInput {
 public:
  // Opens the first file, and looks at the others, so that a file that is missing or of another dim
  // is known before a row is sent. `options` but for its path holds for all. With `store_as` (f32, f16,
  // bf16) rows of floats come converted to it, and files of integers are InvalidArgument. `payload_file` has a line
  // for each row of all files.
  static StatusOr<std::unique_ptr<LoadInput>> Open(
      std::vector<std::string> files, formats::OpenOptions options,
      std::optional<ElementType> store_as = std::nullopt, const std::string& payload_file = {});

  // Goes to a place that an earlier run has reached. Before any Next.
  Status SkipTo(const LoadPosition& position);
  // Passes over rows from the start, files included. Before any Next.
  Status SkipRows(uint64_t rows);

  // As VectorReader::Next, over all files: a batch is of one file.
  StatusOr<bool> Next(size_t max_rows, formats::VectorBatch& out);

  uint64_t base() const { return position_.base; }  // of the last batch: rows of the files before
  const std::string& file(size_t number) const { return files_[number]; }
  // "base.fvecs row 17", "words.jsonl line 18".
  std::string RowName(size_t file, uint64_t row) const;

  const LoadPosition& position() const { return position_; }  // after the last batch
  size_t dim() const { return reader_->dim(); }  // 0: not known before the first row (JSON lines)
  // Of all bytes, as far as is known. Regular files only.
  std::optional<double> fraction() const;

 private:
  LoadInput(std::vector<std::string> files, formats::OpenOptions options,
            std::optional<ElementType> store_as);
  Status OpenFile(size_t number);
  Status CheckConversion(const std::string& file, ElementType type) const;
  StatusOr<bool> NextFile();

  std::vector<std::string> files_;
  formats::OpenOptions options_;
  std::optional<ElementType> store_as_;
  std::vector<uint64_t> sizes_;  // bytes of each file, 0 if not known
  std::unique_ptr<formats::VectorReader> reader_;
  std::unique_ptr<formats::PayloadFile> payloads_;
  size_t current_ = 0;  // file that reader_ reads
  LoadPosition position_;
};

}  // namespace tessera::cli
