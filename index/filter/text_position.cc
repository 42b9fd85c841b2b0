#include "index/filter/text_position.h"

#include <algorithm>

namespace tessera::filter {
namespace {

constexpr size_t kExcerptBytes = 40;
constexpr size_t kBefore = 60, kAfter = 40;  // bytes shown of a long line

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// Without control characters, which would move the caret or worse.
std::string Printable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = ' ';
  }
  return out;
}

}  // namespace

size_t ColumnOf(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  return 1 + before.size() -
         static_cast<size_t>(std::count_if(before.begin(), before.end(), IsContinuation));
}

size_t OffsetOfColumn(std::string_view text, size_t column) {
  size_t offset = 0;
  for (size_t at = 1; offset < text.size(); ++offset) {
    if (IsContinuation(text[offset])) continue;
    if (at++ >= column) break;
  }
  return offset;
}

std::string CaretLine(std::string_view text, size_t offset) {
  offset = std::min(offset, text.size());
  size_t begin = offset == 0 ? 0 : text.rfind('\n', offset - 1) + 1;  // npos + 1 is 0
  size_t end = std::min(text.find('\n', offset), text.size());
  if (offset - begin > kBefore) begin = offset - kBefore;
  if (end - offset > kAfter) end = offset + kAfter;
  while (begin < offset && IsContinuation(text[begin])) ++begin;
  while (end > offset && end < text.size() && IsContinuation(text[end])) --end;
  const size_t indent = ColumnOf(text.substr(begin), offset - begin) - 1;
  return "\n" + Printable(text.substr(begin, end - begin)) + "\n" + std::string(indent, ' ') + "^";
}

std::string Excerpt(std::string_view text) {
  if (text.size() <= kExcerptBytes) return Printable(text);
  size_t end = kExcerptBytes;
  while (end > 0 && IsContinuation(text[end])) --end;
  return Printable(text.substr(0, end)) + "...";
}

}  // namespace tessera::filter
