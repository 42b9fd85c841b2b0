// A CSV file that grows spec by spec, so that a run that was cut short goes on where it stopped.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bench/report/row.h"
#include "index/status.h"

namespace tessera::bench {

// One thread at a time.
class ResultFile {
 public:
  // Reads what is there. InvalidArgument if the file has other columns than these: it is of another
  // version. `comments` go to the top of a new file.
  static StatusOr<ResultFile> Open(const std::string& path,
                                   const std::vector<std::string>& comments);

  // Whether `asked` was measured on `data`, with times if `speed`.
  bool Has(const std::string& data, const std::string& asked, bool speed) const;
  // All rows of one (data, asked) in one write. Unavailable if they cannot be written.
  Status Append(const std::vector<Row>& rows);

 private:
  explicit ResultFile(std::string path) : path_(std::move(path)) {}
  Status Read(const std::string& text);

  std::string path_;
  std::set<std::pair<std::string, std::string>> recall_;  // (data, asked)
  std::set<std::pair<std::string, std::string>> speed_;
};

}  // namespace tessera::bench
