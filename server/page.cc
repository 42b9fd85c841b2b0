#include "server/page.h"

#include <algorithm>

#include "absl/strings/escaping.h"

namespace tessera::server {

StatusOr<size_t> PageSize(int32_t asked) {
  if (asked < 0)
    return InvalidArgument("page_size is " + std::to_string(asked) + ", expected 0 or more");
  if (asked == 0) return static_cast<size_t>(kDefaultPageSize);
  return static_cast<size_t>(std::min(asked, kMaxPageSize));
}

std::string PageToken(const std::string& kind, const std::string& last) {
  return absl::WebSafeBase64Escape(kind + ':' + last);
}

StatusOr<std::string> ParsePageToken(const std::string& kind, const std::string& token) {
  if (token.empty()) return std::string();
  std::string text;
  const bool decoded = absl::WebSafeBase64Unescape(token, &text);
  if (!decoded || text.size() <= kind.size() + 1 ||
      text.compare(0, kind.size() + 1, kind + ':') != 0) {
    return InvalidArgument("page_token is not a next_page_token of this method");
  }
  return text.substr(kind.size() + 1);
}

}  // namespace tessera::server
