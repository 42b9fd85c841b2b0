// ParseFilter of index/filter.h: recursive descent over the lexer's tokens.
#include <algorithm>
#include <array>
#include <utility>

#include "index/filter.h"
#include "index/filter/flatten.h"
#include "index/filter/json.h"
#include "index/filter/lexer.h"
#include "index/filter/text_position.h"

namespace tessera::filter {
namespace {

// Of parentheses and `not`s: more than a filter within the limits needs, far less than a stack
// holds.
constexpr size_t kMaxNesting = 64;

using Kind = Condition::Kind;

class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text) {}

  StatusOr<Filter> Parse() {
    TESSERA_RETURN_IF_ERROR(Advance());
    if (AtEnd()) return Filter{};
    TESSERA_ASSIGN_OR_RETURN(Filter filter, ParseOr());
    if (!AtEnd()) return Expected("`and`, `or` or the end");
    return filter;
  }

 private:
  // The current token.
  bool AtEnd() const { return token_.kind == Token::Kind::kEnd; }
  bool AtSymbol(std::string_view symbol) const {
    return token_.kind == Token::Kind::kSymbol && token_.text == symbol;
  }
  bool AtWord(std::string_view word) const {
    return token_.kind == Token::Kind::kWord && IsWord(token_.text, word);
  }
  bool AtName() const {
    return token_.kind == Token::Kind::kWord || token_.kind == Token::Kind::kQuotedName;
  }
  bool AtValue() const {
    return token_.kind == Token::Kind::kValue || AtWord("true") || AtWord("false");
  }

  Status Advance() {
    last_ = {token_.offset, token_.end};
    TESSERA_ASSIGN_OR_RETURN(token_, lexer_.Next());
    return OkStatus();
  }
  std::string Quoted(size_t begin, size_t end) const {
    return "\"" + Excerpt(lexer_.text().substr(begin, end - begin)) + "\"";
  }
  // "expected WHAT, found X", at the current token.
  Status Expected(const std::string& what) const {
    return lexer_.Error(token_.offset,
                        "expected " + what + ", found " +
                            (AtEnd() ? "the end" : Quoted(token_.offset, token_.end)));
  }
  // The same, with the token before: `expected a value after "<"`.
  Status ExpectedAfter(const std::string& what) const {
    return Expected(what + " after " + Quoted(last_.first, last_.second));
  }
  Status TakeSymbol(const char* symbol) {
    if (!AtSymbol(symbol)) return Expected(std::string("\"") + symbol + "\"");
    return Advance();
  }
  // Peeks one token ahead.
  StatusOr<Token> Peek() const {
    Lexer ahead = lexer_;
    return ahead.Next();
  }

  StatusOr<Filter> ParseOr();
  StatusOr<Filter> ParseAnd();
  StatusOr<Filter> ParseUnary();
  StatusOr<Filter> ParseCondition();
  StatusOr<Filter> ParseFunction(Kind kind);
  StatusOr<Filter> ParseFieldFirst();
  StatusOr<Filter> ParseValueFirst();
  StatusOr<Filter> ParseIds();
  Status ParseRangeOrEqual(Condition& condition);
  Status ParseBetween(Condition& condition);
  Status ParseValues(std::vector<PayloadValue>& values);
  Status ParseIdList(std::vector<PointId>& ids);
  Status TakeValue(PayloadValue& value);
  Status TakeId(std::vector<PointId>& ids);
  Status TakeField(Condition& condition);
  Status TakeNumber(double& number);
  Status TakeArgument(double& number);
  // = == != <> < <= > >=, as = != < <= > >=; empty if the current token is none of them.
  std::string Comparison() const;

  Lexer lexer_;
  Token token_;
  std::pair<size_t, size_t> last_{0, 0};
  size_t nesting_ = 0;
};

Filter Leaf(Condition condition) {
  Filter filter;
  filter.condition = std::move(condition);
  return filter;
}

Filter Not(Filter filter) {
  Filter outer;
  outer.must_not.push_back(std::move(filter));
  return outer;
}

void SetBound(Condition& condition, const std::string& op, PayloadValue value) {
  condition.kind = Kind::kRange;
  RangeBound& bound = op[0] == '<' ? condition.upper : condition.lower;
  bound.present = true;
  bound.inclusive = op.size() == 2;
  bound.value = std::move(value);
}

std::string Parser::Comparison() const {
  if (token_.kind != Token::Kind::kSymbol) return "";
  if (token_.text == "==") return "=";
  if (token_.text == "<>") return "!=";
  const bool other = token_.text == "(" || token_.text == ")" || token_.text == ",";
  return other ? "" : token_.text;
}

StatusOr<Filter> Parser::ParseOr() {
  TESSERA_ASSIGN_OR_RETURN(Filter first, ParseAnd());
  if (!AtWord("or")) return first;
  Filter group;
  group.should.push_back(std::move(first));
  while (AtWord("or")) {
    TESSERA_RETURN_IF_ERROR(Advance());
    TESSERA_ASSIGN_OR_RETURN(Filter next, ParseAnd());
    group.should.push_back(std::move(next));
  }
  return group;
}

StatusOr<Filter> Parser::ParseAnd() {
  TESSERA_ASSIGN_OR_RETURN(Filter first, ParseUnary());
  if (!AtWord("and")) return first;
  Filter group;
  group.must.push_back(std::move(first));
  while (AtWord("and")) {
    TESSERA_RETURN_IF_ERROR(Advance());
    TESSERA_ASSIGN_OR_RETURN(Filter next, ParseUnary());
    group.must.push_back(std::move(next));
  }
  return group;
}

StatusOr<Filter> Parser::ParseUnary() {
  const bool negated = AtWord("not");
  if (!negated && !AtSymbol("(")) return ParseCondition();
  if (nesting_ == kMaxNesting) {
    return lexer_.Error(token_.offset, "nested deeper than " + std::to_string(kMaxNesting));
  }
  ++nesting_;
  TESSERA_RETURN_IF_ERROR(Advance());
  StatusOr<Filter> inner = negated ? ParseUnary() : ParseOr();
  if (!inner.ok()) return inner;
  --nesting_;
  if (negated) return Not(std::move(*inner));
  TESSERA_RETURN_IF_ERROR(TakeSymbol(")"));
  return inner;
}

StatusOr<Filter> Parser::ParseCondition() {
  if (AtValue()) return ParseValueFirst();
  if (!AtName() || AtWord("and") || AtWord("or")) {
    return last_.second == 0 ? Expected("a condition") : ExpectedAfter("a condition");
  }
  constexpr std::array<std::pair<const char*, Kind>, 5> kFunctions = {
      {{"exists", Kind::kExists},
       {"missing", Kind::kMissing},
       {"prefix", Kind::kPrefix},
       {"geo_radius", Kind::kGeoRadius},
       {"geo_box", Kind::kGeoBox}}};
  for (const auto& [name, kind] : kFunctions) {
    if (!AtWord(name)) continue;
    TESSERA_ASSIGN_OR_RETURN(const Token next, Peek());
    if (next.kind == Token::Kind::kSymbol && next.text == "(") return ParseFunction(kind);
  }
  if (token_.kind == Token::Kind::kWord && token_.text == "id") return ParseIds();
  return ParseFieldFirst();
}

StatusOr<Filter> Parser::ParseFunction(Kind kind) {
  Condition condition;
  condition.kind = kind;
  const auto column = static_cast<uint32_t>(ColumnOf(lexer_.text(), token_.offset));
  TESSERA_RETURN_IF_ERROR(Advance());
  TESSERA_RETURN_IF_ERROR(TakeSymbol("("));
  TESSERA_RETURN_IF_ERROR(TakeField(condition));
  condition.column = column;
  if (kind == Kind::kPrefix) {
    TESSERA_RETURN_IF_ERROR(TakeSymbol(","));
    const bool is_string =
        token_.kind == Token::Kind::kValue && token_.value.kind == PayloadValue::Kind::kKeyword;
    if (!is_string) return ExpectedAfter("a string");
    condition.prefix = token_.value.text;
    TESSERA_RETURN_IF_ERROR(Advance());
  } else if (kind == Kind::kGeoRadius) {
    for (double* number : {&condition.center.lat, &condition.center.lon, &condition.radius}) {
      TESSERA_RETURN_IF_ERROR(TakeArgument(*number));
    }
  } else if (kind == Kind::kGeoBox) {
    for (double* number :
         {&condition.box.south, &condition.box.west, &condition.box.north, &condition.box.east}) {
      TESSERA_RETURN_IF_ERROR(TakeArgument(*number));
    }
  }
  TESSERA_RETURN_IF_ERROR(TakeSymbol(")"));
  return Leaf(std::move(condition));
}

StatusOr<Filter> Parser::ParseFieldFirst() {
  Condition condition;
  TESSERA_RETURN_IF_ERROR(TakeField(condition));
  if (!Comparison().empty()) {
    TESSERA_RETURN_IF_ERROR(ParseRangeOrEqual(condition));
  } else if (AtWord("between")) {
    TESSERA_RETURN_IF_ERROR(ParseBetween(condition));
  } else if (AtWord("in")) {
    condition.kind = Kind::kAnyOf;
    TESSERA_RETURN_IF_ERROR(ParseValues(condition.values));
  } else if (AtWord("not")) {
    condition.kind = Kind::kNoneOf;
    TESSERA_RETURN_IF_ERROR(Advance());
    if (!AtWord("in")) return ExpectedAfter("`in`");
    TESSERA_RETURN_IF_ERROR(ParseValues(condition.values));
  } else {
    return ExpectedAfter("=, !=, <, <=, >, >=, in, not in or between");
  }
  return Leaf(std::move(condition));
}

// The current token is a comparison, the field was before it.
Status Parser::ParseRangeOrEqual(Condition& condition) {
  const std::string op = Comparison();
  TESSERA_RETURN_IF_ERROR(Advance());
  PayloadValue value;
  TESSERA_RETURN_IF_ERROR(TakeValue(value));
  if (op == "=" || op == "!=") {
    condition.kind = op == "=" ? Kind::kAnyOf : Kind::kNoneOf;
    condition.values.push_back(std::move(value));
  } else {
    SetBound(condition, op, std::move(value));
  }
  return OkStatus();
}

Status Parser::ParseBetween(Condition& condition) {
  TESSERA_RETURN_IF_ERROR(Advance());
  PayloadValue value;
  TESSERA_RETURN_IF_ERROR(TakeValue(value));
  SetBound(condition, ">=", std::move(value));
  if (!AtWord("and")) return ExpectedAfter("`and`");
  TESSERA_RETURN_IF_ERROR(Advance());
  TESSERA_RETURN_IF_ERROR(TakeValue(value));
  SetBound(condition, "<=", std::move(value));
  return OkStatus();
}

// true, false, or 5 < price [<= 9].
StatusOr<Filter> Parser::ParseValueFirst() {
  const bool is_word = token_.kind == Token::Kind::kWord;
  PayloadValue first, second;
  TESSERA_RETURN_IF_ERROR(TakeValue(first));
  std::string op = Comparison();
  if (op.empty()) {
    if (!is_word) return ExpectedAfter("=, !=, <, <=, > or >=");
    return first.boolean ? Filter{} : Not(Filter{});
  }
  TESSERA_RETURN_IF_ERROR(Advance());
  if (!AtName()) return ExpectedAfter("a field");
  Condition condition;
  TESSERA_RETURN_IF_ERROR(TakeField(condition));
  if (op == "=" || op == "!=") {
    condition.kind = op == "=" ? Kind::kAnyOf : Kind::kNoneOf;
    condition.values.push_back(std::move(first));
    return Leaf(std::move(condition));
  }
  const char direction = op[0];
  op[0] = direction == '<' ? '>' : '<';  // as seen from the field
  SetBound(condition, op, std::move(first));
  const std::string then = Comparison();
  if (then.empty()) return Leaf(std::move(condition));
  if (then[0] != direction) return Expected(direction == '<' ? "< or <=" : "> or >=");
  TESSERA_RETURN_IF_ERROR(Advance());
  TESSERA_RETURN_IF_ERROR(TakeValue(second));
  SetBound(condition, then, std::move(second));
  return Leaf(std::move(condition));
}

StatusOr<Filter> Parser::ParseIds() {
  Condition condition;
  condition.kind = Kind::kHasId;
  condition.column = static_cast<uint32_t>(ColumnOf(lexer_.text(), token_.offset));
  TESSERA_RETURN_IF_ERROR(Advance());
  const std::string op = Comparison();
  bool negated = op == "!=";
  if (op == "=" || op == "!=") {
    TESSERA_RETURN_IF_ERROR(Advance());
    TESSERA_RETURN_IF_ERROR(TakeId(condition.ids));
    return negated ? Not(Leaf(std::move(condition))) : Leaf(std::move(condition));
  }
  if (AtWord("not")) {
    negated = true;
    TESSERA_RETURN_IF_ERROR(Advance());
  }
  if (!AtWord("in"))
    return ExpectedAfter("=, !=, in or not in (a payload field `id` stands in backquotes)");
  TESSERA_RETURN_IF_ERROR(ParseIdList(condition.ids));
  return negated ? Not(Leaf(std::move(condition))) : Leaf(std::move(condition));
}

// in (a, b, ...), the current token being `in`.
Status Parser::ParseValues(std::vector<PayloadValue>& values) {
  TESSERA_RETURN_IF_ERROR(Advance());
  TESSERA_RETURN_IF_ERROR(TakeSymbol("("));
  while (!AtSymbol(")")) {
    if (!values.empty()) {
      if (!AtSymbol(",")) return Expected("\",\" or \")\"");
      TESSERA_RETURN_IF_ERROR(Advance());
    }
    TESSERA_RETURN_IF_ERROR(TakeValue(values.emplace_back()));
  }
  return Advance();
}

Status Parser::ParseIdList(std::vector<PointId>& ids) {
  TESSERA_RETURN_IF_ERROR(Advance());
  TESSERA_RETURN_IF_ERROR(TakeSymbol("("));
  while (!AtSymbol(")")) {
    if (!ids.empty()) {
      if (!AtSymbol(",")) return Expected("\",\" or \")\"");
      TESSERA_RETURN_IF_ERROR(Advance());
    }
    TESSERA_RETURN_IF_ERROR(TakeId(ids));
  }
  return Advance();
}

Status Parser::TakeValue(PayloadValue& value) {
  if (!AtValue()) return ExpectedAfter("a value");
  value = token_.kind == Token::Kind::kValue ? std::move(token_.value)
                                             : PayloadValue::Bool(AtWord("true"));
  return Advance();
}

Status Parser::TakeId(std::vector<PointId>& ids) {
  const PayloadValue& value = token_.value;
  const bool is_value = token_.kind == Token::Kind::kValue;
  if (is_value && value.kind == PayloadValue::Kind::kUnsigned) {
    ids.emplace_back(value.unsigned_integer);
  } else if (is_value && value.kind == PayloadValue::Kind::kInteger && value.integer >= 0) {
    ids.emplace_back(static_cast<uint64_t>(value.integer));
  } else if (is_value && value.kind == PayloadValue::Kind::kKeyword && !value.text.empty() &&
             value.text.size() <= kMaxPointKeyBytes) {
    ids.emplace_back(value.text);
  } else {
    return ExpectedAfter("an id (an unsigned integer, or a string of 1 to 256 bytes)");
  }
  return Advance();
}

Status Parser::TakeField(Condition& condition) {
  if (!AtName()) return ExpectedAfter("a field");
  Status path = CheckPath(token_.text);
  if (!path.ok()) return lexer_.Error(token_.offset, MessageOf(path));
  condition.field = token_.text;
  condition.column = static_cast<uint32_t>(ColumnOf(lexer_.text(), token_.offset));
  return Advance();
}

Status Parser::TakeNumber(double& number) {
  const bool is_value =
      token_.kind == Token::Kind::kValue && token_.value.kind != PayloadValue::Kind::kKeyword;
  if (!is_value) return ExpectedAfter("a number");
  const PayloadValue& value = token_.value;
  number = value.kind == PayloadValue::Kind::kFloat ? value.number
           : value.kind == PayloadValue::Kind::kInteger
               ? static_cast<double>(value.integer)
               : static_cast<double>(value.unsigned_integer);
  return Advance();
}

Status Parser::TakeArgument(double& number) {
  TESSERA_RETURN_IF_ERROR(TakeSymbol(","));
  return TakeNumber(number);
}

}  // namespace
}  // namespace tessera::filter

namespace tessera {

StatusOr<Filter> ParseFilter(std::string_view text) {
  if (text.size() > kMaxFilterTextBytes) {
    return InvalidArgument("filter: " + std::to_string(text.size()) + " bytes, expected at most " +
                           std::to_string(kMaxFilterTextBytes));
  }
  if (!filter::IsUtf8(text)) return InvalidArgument("filter: not UTF-8");
  return filter::Parser(text).Parse();
}

}  // namespace tessera
