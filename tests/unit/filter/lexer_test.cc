#include "index/filter/lexer.h"

#include <gtest/gtest.h>

#include <vector>

namespace tessera::filter {
namespace {

std::vector<Token> Tokens(std::string_view text) {
  Lexer lexer(text);
  std::vector<Token> tokens;
  for (;;) {
    auto token = lexer.Next();
    EXPECT_TRUE(token.ok()) << token.status();
    if (!token.ok() || token->kind == Token::Kind::kEnd) return tokens;
    tokens.push_back(*token);
  }
}

std::string ErrorOf(std::string_view text) {
  Lexer lexer(text);
  for (;;) {
    auto token = lexer.Next();
    if (!token.ok()) return MessageOf(token.status());
    if (token->kind == Token::Kind::kEnd) return "none";
  }
}

PayloadValue ValueOf(std::string_view text) {
  const auto tokens = Tokens(text);
  EXPECT_EQ(tokens.size(), 1u) << text;
  EXPECT_EQ(tokens.at(0).kind, Token::Kind::kValue) << text;
  return tokens.at(0).value;
}

TEST(Lexer, NamesArePaths) {
  const auto tokens = Tokens("a.b_2  `x-y`.z.`q``r`");
  ASSERT_EQ(tokens.size(), 2u);
  EXPECT_EQ(tokens[0].text, "a.b_2");
  EXPECT_EQ(tokens[0].kind, Token::Kind::kWord);
  EXPECT_EQ(tokens[1].text, "x-y.z.q`r");
  EXPECT_EQ(tokens[1].kind, Token::Kind::kQuotedName);
  EXPECT_EQ(tokens[1].offset, 7u);
}

TEST(Lexer, Numbers) {
  EXPECT_EQ(ValueOf("5"), PayloadValue::Integer(5));
  EXPECT_EQ(ValueOf("-9223372036854775808"), PayloadValue::Integer(INT64_MIN));
  EXPECT_EQ(ValueOf("18446744073709551615"), PayloadValue::Unsigned(UINT64_MAX));
  EXPECT_EQ(ValueOf("+1.5e-3"), PayloadValue::Float(1.5e-3));
  EXPECT_EQ(ValueOf("2e3"), PayloadValue::Float(2000));
}

TEST(Lexer, Strings) {
  EXPECT_EQ(ValueOf("'it\\'s \"'"), PayloadValue::Keyword("it's \""));
  EXPECT_EQ(ValueOf(R"("\u00e9\ud83d\ude00\n\/\u0041")"),
            PayloadValue::Keyword("\xc3\xa9\xf0\x9f\x98\x80\n/A"));
  EXPECT_EQ(ValueOf("\"\""), PayloadValue::Keyword(""));
}

TEST(Lexer, Symbols) {
  std::string all;
  for (const Token& token : Tokens("= == != <> < <= > >= ( ) ,")) all += token.text + " ";
  EXPECT_EQ(all, "= == != <> < <= > >= ( ) , ");
}

TEST(Lexer, Errors) {
  EXPECT_EQ(ErrorOf("x = \"abc"), "filter: column 5: the string is not closed\nx = \"abc\n    ^");
  EXPECT_EQ(ErrorOf("`abc"), "filter: column 1: the backquote is not closed\n`abc\n^");
  for (const char* text : {"``",
                           "\"\\",
                           "\"\\x\"",
                           "\"\\u12g4\"",
                           "\"\\ud800\"",
                           "\"\\udc00\"",
                           "\"\\ud800\\u0041\"",
                           "18446744073709551616",
                           "-9223372036854775809",
                           "1e999",
                           "1.2.3",
                           "5abc",
                           "a.",
                           "a..b",
                           "a & b",
                           "a | b",
                           "a ! b",
                           "a-b",
                           "#",
                           ";",
                           "\"\\u00",
                           "1e+"}) {
    EXPECT_NE(ErrorOf(text), "none") << text;
  }
  EXPECT_NE(ErrorOf("a && b").find("write `and`"), std::string::npos);
  EXPECT_NE(ErrorOf("a-b = 1").find("stands in backquotes"), std::string::npos);
}

TEST(Lexer, WordsOfAnyCase) {
  EXPECT_TRUE(IsWord("AnD", "and"));
  EXPECT_FALSE(IsWord("an", "and"));
  EXPECT_FALSE(IsWord("andy", "and"));
}

}  // namespace
}  // namespace tessera::filter
