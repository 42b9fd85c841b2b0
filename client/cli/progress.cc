#include "client/cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#include <algorithm>

#include "client/cli/text.h"

namespace tessera::cli {
namespace {

constexpr int kBarWidth = 24;
constexpr std::chrono::milliseconds kTerminalInterval{100};
constexpr std::chrono::milliseconds kPipeInterval{5000};

std::string Bar(double fraction) {
  const int filled = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * kBarWidth);
  std::string bar(static_cast<size_t>(filled), '=');
  if (filled < kBarWidth) bar += '>';
  bar.resize(kBarWidth, ' ');
  return "[" + bar + "]";
}

std::string Percent(double fraction) {
  const std::string number = FormatFixed(std::clamp(fraction, 0.0, 1.0) * 100, 0);
  return std::string(3 - std::min<size_t>(3, number.size()), ' ') + number + " %";
}

}  // namespace

std::string ProgressLine(const ProgressState& state, bool bar) {
  std::string line = state.label;
  if (state.fraction) {
    if (bar) line += " " + Bar(*state.fraction);
    line += " " + Percent(*state.fraction);
  }
  line += "  " + FormatCount(state.rows) + " rows";
  line += "  " + FormatCount(static_cast<uint64_t>(state.rows_per_second)) + " rows/s";
  if (state.eta_seconds) line += "  ETA " + FormatDuration(*state.eta_seconds);
  if (!state.note.empty()) line += "  " + state.note;
  return line;
}

Progress::Progress(std::string label)
    : label_(std::move(label)),
      terminal_(isatty(STDERR_FILENO) == 1),
      begin_(Clock::now()),
      last_draw_(begin_) {}

bool Progress::Due() {
  const Clock::time_point now = Clock::now();
  if (now - last_draw_ < (terminal_ ? kTerminalInterval : kPipeInterval)) return false;
  last_draw_ = now;
  return true;
}

void Progress::Draw(const std::string& line) {
  if (terminal_) {
    fprintf(stderr, "\r%s\033[K", line.c_str());
    drawn_ = true;
  } else {
    fprintf(stderr, "%s\n", line.c_str());
  }
  fflush(stderr);
}

void Progress::Update(uint64_t rows, std::optional<double> fraction, const std::string& note) {
  if (!first_rows_) {
    first_rows_ = rows;
    first_fraction_ = fraction.value_or(0);
    begin_ = Clock::now();
  }
  if (!Due()) return;
  const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
  ProgressState state{label_, rows, fraction, 0, std::nullopt, note};
  state.rows_per_second = static_cast<double>(rows - std::min(rows, *first_rows_)) / seconds;
  if (fraction && *fraction > first_fraction_) {
    state.eta_seconds = seconds * (1 - *fraction) / (*fraction - first_fraction_);
  }
  Draw(ProgressLine(state, terminal_));
}

void Progress::UpdateStage(double fraction, const std::string& stage) {
  const bool new_stage = stage != last_stage_;
  last_stage_ = stage;
  if (!Due() && !(new_stage && !terminal_)) return;
  std::string line = label_;
  if (terminal_) line += " " + Bar(fraction);
  Draw(line + " " + Percent(fraction) + "  " + stage);
}

void Progress::Clear() {
  if (!drawn_) return;
  fputs("\r\033[K", stderr);
  fflush(stderr);
  drawn_ = false;
}

}  // namespace tessera::cli
