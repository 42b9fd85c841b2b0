// Filter expressions as tokens.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "index/payload.h"
#include "index/status.h"

namespace tessera::filter {

struct Token {
  enum class Kind : uint8_t { kEnd, kWord, kQuotedName, kValue, kSymbol };

  Kind kind = Kind::kEnd;
  size_t offset = 0;   // of its first byte in the text
  size_t end = 0;      // behind its last
  std::string text;    // a path of a word or quoted name, the characters of a symbol
  PayloadValue value;  // of kValue: a string or number
};

// Reads one token after another. `text` must live as long.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  StatusOr<Token> Next();
  // InvalidArgument: "filter: column N: message", the line, a caret.
  Status Error(size_t offset, const std::string& message) const;
  std::string_view text() const { return text_; }

 private:
  StatusOr<Token> Name(Token token);
  StatusOr<Token> String(Token token);
  StatusOr<Token> NumberValue(Token token);
  Status BackquotedName(std::string& out);
  Status Escape(std::string& out);
  Status UnicodeEscape(std::string& out);
  bool ReadHex4(uint32_t& unit);
  bool At(std::string_view prefix) const { return text_.substr(at_).starts_with(prefix); }

  std::string_view text_;
  size_t at_ = 0;
};

// What may stand in a path outside backquotes. A path begins with no digit.
bool IsWordByte(char c);
// True if `text`, of any case, is `word` (which is in lower case).
bool IsWord(std::string_view text, std::string_view word);

}  // namespace tessera::filter
