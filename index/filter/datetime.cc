#include "index/filter/datetime.h"

#include <chrono>
#include <cstdio>

namespace tessera::filter {
namespace {

constexpr int64_t kMicros = 1000000;

// Reads off the front of a text; false once something did not fit.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  int Digits(size_t count) {
    int value = 0;
    for (size_t i = 0; i < count; ++i) {
      if (text_.empty() || text_[0] < '0' || text_[0] > '9') {
        ok_ = false;
        return 0;
      }
      value = value * 10 + (text_[0] - '0');
      text_.remove_prefix(1);
    }
    return value;
  }
  // The character taken, one of `allowed`; 0 if it is none of them.
  char Take(std::string_view allowed) {
    if (text_.empty() || allowed.find(text_[0]) == std::string_view::npos) return 0;
    const char c = text_[0];
    text_.remove_prefix(1);
    return c;
  }
  void Expect(std::string_view allowed) {
    if (Take(allowed) == 0) ok_ = false;
  }
  void Require(bool condition) { ok_ = ok_ && condition; }
  bool at_digit() const { return !text_.empty() && text_[0] >= '0' && text_[0] <= '9'; }
  bool ended() const { return text_.empty(); }
  bool ok() const { return ok_; }

 private:
  std::string_view text_;
  bool ok_ = true;
};

int64_t Fraction(Cursor& in) {
  int64_t micros = 0, unit = kMicros / 10;
  in.Require(in.at_digit());
  for (; in.at_digit(); unit /= 10) micros += in.Digits(1) * unit;
  return micros;
}

// Seconds east of UTC.
int64_t Offset(Cursor& in) {
  if (in.Take("Zz") != 0) return 0;
  const char sign = in.Take("+-");
  in.Require(sign != 0);
  const int hours = in.Digits(2);
  in.Expect(":");
  const int minutes = in.Digits(2);
  in.Require(hours < 24 && minutes < 60);
  const int64_t seconds = hours * 3600 + minutes * 60;
  return sign == '-' ? -seconds : seconds;
}

}  // namespace

std::optional<int64_t> ParseDatetime(std::string_view text) {
  Cursor in(text);
  const int year = in.Digits(4);
  in.Expect("-");
  const int month = in.Digits(2);
  in.Expect("-");
  const int day = in.Digits(2);
  if (!in.ok()) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  const int64_t midnight = int64_t{std::chrono::sys_days(date).time_since_epoch().count()} * 86400;
  if (in.ended()) return midnight * kMicros;

  in.Expect("Tt ");
  const int hour = in.Digits(2);
  in.Expect(":");
  const int minute = in.Digits(2);
  in.Expect(":");
  const int second = in.Digits(2);
  in.Require(hour < 24 && minute < 60 && second <= 60);
  const int64_t micros = in.Take(".") != 0 ? Fraction(in) : 0;
  const int64_t utc = midnight + hour * 3600 + minute * 60 + second - Offset(in);
  if (second == 60) in.Require(utc % 86400 == 0);  // leap seconds end a day of UTC
  if (!in.ok() || !in.ended()) return std::nullopt;
  return utc * kMicros + micros;
}

std::string FormatDatetime(int64_t microseconds) {
  const std::chrono::sys_time<std::chrono::microseconds> time{
      std::chrono::microseconds(microseconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const int64_t in_day = (time - day).count();
  const int64_t seconds = in_day / kMicros;
  char text[64];
  std::snprintf(text, sizeof(text), "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(seconds / 3600), static_cast<int>(seconds / 60 % 60),
                static_cast<int>(seconds % 60));
  std::string out = text;
  if (const int64_t fraction = in_day % kMicros; fraction != 0) {
    std::snprintf(text, sizeof(text), ".%06d", static_cast<int>(fraction));
    out += text;
    out.erase(out.find_last_not_of('0') + 1);
  }
  return out + "Z";
}

}  // namespace tessera::filter
