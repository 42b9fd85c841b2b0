#include "client/cli/bad_rows.h"

#include <errno.h>
#include <string.h>

#include <utility>

#include "client/cli/text.h"

namespace tessera::cli {

BadRows::BadRows(std::function<void()> before_print) : before_print_(std::move(before_print)) {}

BadRows::~BadRows() {
  if (file_ != nullptr) std::fclose(file_);
}

Status BadRows::WriteTo(const std::string& path, bool append) {
  path_ = path;
  file_ = std::fopen(path.c_str(), append ? "a" : "w");
  if (file_ == nullptr) return FailedPrecondition("cannot write " + path + ": " + strerror(errno));
  return OkStatus();
}

void BadRows::Add(const std::string& file, uint64_t row, const std::string& reason) {
  ++count_;
  if (file_ != nullptr) {
    std::fprintf(file_, "%s\t%llu\t%s\n", file.c_str(), static_cast<unsigned long long>(row),
                 reason.c_str());
  }
  if (count_ > kShown) return;
  before_print_();
  std::fprintf(stderr, "bad row: %s\n", reason.c_str());
}

Status BadRows::Finish() {
  if (count_ > kShown) {
    before_print_();
    std::fprintf(stderr, "bad rows: %s more%s%s\n", FormatCount(count_ - kShown).c_str(),
                 path_.empty() ? " (--bad-rows FILE writes all)" : ", all are in ", path_.c_str());
  }
  if (file_ == nullptr) return OkStatus();
  const bool failed = std::ferror(file_) != 0;
  const bool closed = std::fclose(std::exchange(file_, nullptr)) == 0;
  if (failed || !closed) return FailedPrecondition("cannot write " + path_);
  return OkStatus();
}

std::string WithoutRequestRow(const std::string& message) {
  const size_t bracket = message.find('[');
  const size_t close = message.find(']');
  const std::string name = message.substr(0, bracket == std::string::npos ? 0 : bracket);
  if (name != "points" && name != "rows" && name != "columns") return message;
  if (close == std::string::npos) return message;
  const size_t rest = message.find_first_not_of(".: ", close + 1);
  return rest == std::string::npos ? message : message.substr(rest);
}

}  // namespace tessera::cli
