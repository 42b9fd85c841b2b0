#include "index/filter/lexer.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "index/filter/text_position.h"

namespace tessera::filter {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

void AppendUtf8(uint32_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

}  // namespace

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || IsDigit(c) ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool IsWord(std::string_view text, std::string_view word) {
  return std::equal(text.begin(), text.end(), word.begin(), word.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

Status Lexer::Error(size_t offset, const std::string& message) const {
  return InvalidArgument("filter: column " + std::to_string(ColumnOf(text_, offset)) + ": " +
                         message + CaretLine(text_, offset));
}

StatusOr<Token> Lexer::Next() {
  while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
  Token token;
  token.offset = token.end = at_;
  if (at_ == text_.size()) return token;
  const char c = text_[at_];
  if (c == '"' || c == '\'') return String(std::move(token));
  const size_t digit = at_ + (c == '-' || c == '+' ? 1 : 0);
  if (digit < text_.size() && IsDigit(text_[digit])) return NumberValue(std::move(token));
  if (c == '`' || IsWordByte(c)) return Name(std::move(token));
  token.kind = Token::Kind::kSymbol;
  for (const std::string_view symbol :
       {"!=", "<>", "<=", ">=", "==", "<", ">", "=", "(", ")", ","}) {
    if (!At(symbol)) continue;
    token.text = symbol;
    at_ += symbol.size();
    token.end = at_;
    return token;
  }
  std::string hint;
  if (c == '&') hint = "; write `and`";
  if (c == '|') hint = "; write `or`";
  if (c == '!') hint = "; write `not`";
  if (c == '-' || c == '.') hint = "; a name with it stands in backquotes";
  return Error(at_, "unexpected " + std::string("\"") + c + "\"" + hint);
}

StatusOr<Token> Lexer::Name(Token token) {
  token.kind = Token::Kind::kWord;
  for (;;) {
    if (at_ < text_.size() && text_[at_] == '`') {
      token.kind = Token::Kind::kQuotedName;
      TESSERA_RETURN_IF_ERROR(BackquotedName(token.text));
    } else {
      const size_t begin = at_;
      while (at_ < text_.size() && IsWordByte(text_[at_])) ++at_;
      if (at_ == begin) return Error(at_, "expected a name after \".\"");
      token.text += text_.substr(begin, at_ - begin);
    }
    token.end = at_;
    if (at_ == text_.size() || text_[at_] != '.') return token;
    token.text += '.';
    ++at_;
  }
}

Status Lexer::BackquotedName(std::string& out) {
  const size_t open = at_++;
  while (at_ < text_.size()) {
    const char c = text_[at_++];
    if (c != '`') {
      out += c;
    } else if (at_ < text_.size() && text_[at_] == '`') {
      out += c;
      ++at_;
    } else {
      if (at_ == open + 2) return Error(open, "expected a name within the backquotes");
      return OkStatus();
    }
  }
  return Error(open, "the backquote is not closed");
}

StatusOr<Token> Lexer::String(Token token) {
  const char quote = text_[at_++];
  token.kind = Token::Kind::kValue;
  while (at_ < text_.size()) {
    const char c = text_[at_++];
    if (c == quote) {
      token.end = at_;
      return token;
    }
    if (c == '\\') {
      TESSERA_RETURN_IF_ERROR(Escape(token.value.text));
    } else {
      token.value.text += c;
    }
  }
  return Error(token.offset, "the string is not closed");
}

Status Lexer::Escape(std::string& out) {
  constexpr std::string_view kLetters = "\"'\\/bfnrt", kMeanings = "\"'\\/\b\f\n\r\t";
  if (at_ == text_.size()) return Error(at_ - 1, "the string is not closed");
  const char c = text_[at_++];
  if (c == 'u') return UnicodeEscape(out);
  const size_t letter = kLetters.find(c);
  if (letter == std::string_view::npos) {
    return Error(at_ - 2,
                 "unknown escape, expected one of \\\" \\' \\\\ \\/ \\b \\f \\n \\r \\t \\u");
  }
  out += kMeanings[letter];
  return OkStatus();
}

bool Lexer::ReadHex4(uint32_t& unit) {
  const std::string_view digits = text_.substr(at_, 4);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), unit, 16);
  if (digits.size() < 4 || error != std::errc() || end != digits.data() + 4) return false;
  at_ += 4;
  return true;
}

// After \u: one unit of UTF-16, or the first of two.
Status Lexer::UnicodeEscape(std::string& out) {
  const size_t begin = at_ - 2;
  uint32_t code = 0, low = 0;
  if (!ReadHex4(code)) return Error(begin, "expected four hexadecimal digits after \\u");
  if (code >= 0xd800 && code < 0xe000) {
    const bool second = code < 0xdc00 && At("\\u");
    if (second) at_ += 2;
    if (!second || !ReadHex4(low) || low < 0xdc00 || low >= 0xe000) {
      return Error(begin, "half of a surrogate pair");
    }
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  AppendUtf8(code, out);
  return OkStatus();
}

StatusOr<Token> Lexer::NumberValue(Token token) {
  token.kind = Token::Kind::kValue;
  size_t end = at_ + 1;
  while (end < text_.size()) {
    const char c = text_[end], before = text_[end - 1];
    const bool sign = (c == '-' || c == '+') && (before == 'e' || before == 'E');
    if (!IsWordByte(c) && c != '.' && !sign) break;
    ++end;
  }
  std::string_view digits = text_.substr(at_, end - at_);
  if (digits[0] == '+') digits.remove_prefix(1);
  const char* last = digits.data() + digits.size();
  at_ = token.end = end;

  const bool whole =
      digits.find_first_not_of("0123456789", digits[0] == '-' ? 1 : 0) == std::string_view::npos;
  if (whole) {
    int64_t integer = 0;
    uint64_t large = 0;
    if (std::from_chars(digits.data(), last, integer).ec == std::errc()) {
      token.value = PayloadValue::Integer(integer);
    } else if (digits[0] != '-' && std::from_chars(digits.data(), last, large).ec == std::errc()) {
      token.value = PayloadValue::Unsigned(large);
    } else {
      return Error(token.offset,
                   "an integer of more than 64 bits; as a float it is written with .0");
    }
    return token;
  }
  double number = 0;
  const auto [stop, error] = std::from_chars(digits.data(), last, number);
  if (error != std::errc() || stop != last || !std::isfinite(number)) {
    return Error(token.offset, error == std::errc::result_out_of_range
                                   ? "no number that 64 bits hold"
                                   : "expected a number");
  }
  token.value = PayloadValue::Float(number);
  return token;
}

}  // namespace tessera::filter
