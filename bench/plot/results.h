// Rows of result files, as bench/report/row.h writes them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "index/status.h"

namespace tessera::bench {

// Fields by column name.
class Result {
 public:
  explicit Result(std::map<std::string, std::string> fields) : fields_(std::move(fields)) {}
  // Empty if there is no such column.
  const std::string& Text(const std::string& column) const;
  // None if the field is empty or no number.
  std::optional<double> Number(const std::string& column) const;

 private:
  std::map<std::string, std::string> fields_;
};

// Lines that begin with # and empty lines are passed over; the first other line names the columns.
// Fields may be quoted. InvalidArgument names `file` and the line where fields and columns differ
// in number, a quote is not closed, or the header lacks one of `needed`.
StatusOr<std::vector<Result>> ParseResults(const std::string& text, const std::string& file,
                                           const std::vector<std::string>& needed);

}  // namespace tessera::bench
