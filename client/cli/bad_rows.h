// The rows that a load had to leave out, and why.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "index/status.h"

namespace tessera::cli {

// The first few go to standard error one by one, all of them to a file if one is named, and they
// are counted. One thread.
class BadRows {
 public:
  static constexpr uint64_t kShown = 10;

  // `before_print` runs before every line on standard error (to take a progress bar away).
  explicit BadRows(std::function<void()> before_print);
  ~BadRows();
  BadRows(const BadRows&) = delete;
  BadRows& operator=(const BadRows&) = delete;

  // Lines "file<TAB>row<TAB>reason", replacing the file, or going on in it.
  Status WriteTo(const std::string& path, bool append);
  // `reason` names file and row by itself, as readers of files do.
  void Add(const std::string& file, uint64_t row, const std::string& reason);
  // Says how many were not shown, and closes the file.
  Status Finish();

  uint64_t count() const { return count_; }

 private:
  std::function<void()> before_print_;
  std::FILE* file_ = nullptr;
  std::string path_;
  uint64_t count_ = 0;
};

// What the server says of a row of a request, without the row's number there, which means nothing
// to the reader: "points[17].vector[3] is NaN" becomes "vector[3] is NaN".
std::string WithoutRequestRow(const std::string& message);

}  // namespace tessera::cli
