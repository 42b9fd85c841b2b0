// Progress on standard error: a bar on a terminal, a line every few seconds in a pipe.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace tessera::cli {

struct ProgressState {
  std::string label;               // "load"
  uint64_t rows = 0;               // done, for display
  std::optional<double> fraction;  // of the whole, if it is known
  double rows_per_second = 0;      // since this run began
  std::optional<double> eta_seconds;
  std::string note;                // "3 bad rows"; may be empty
};
// One line, without a line end: `load [=====>    ]  52 %  520,000 rows  41,200 rows/s  ETA 11.6 s`.
std::string ProgressLine(const ProgressState& state, bool bar);

// Draws at most ten times a second on a terminal, every five seconds otherwise. One thread.
class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Progress(std::string label);
  ~Progress() { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `rows` and `fraction` so far; those of the first call count as done before this run.
  void Update(uint64_t rows, std::optional<double> fraction, const std::string& note = "");
  // A stage with a fraction but no rows.
  void UpdateStage(double fraction, const std::string& stage);
  // Takes the bar away, so that other text can be printed.
  void Clear();

 private:
  bool Due();
  void Draw(const std::string& line);

  std::string label_;
  bool terminal_;
  bool drawn_ = false;
  std::string last_stage_;
  Clock::time_point begin_;
  Clock::time_point last_draw_;
  std::optional<uint64_t> first_rows_;
  double first_fraction_ = 0;
};

}  // namespace tessera::cli
