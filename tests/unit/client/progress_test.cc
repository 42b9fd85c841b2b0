#include "client/cli/progress.h"

#include <gtest/gtest.h>

namespace tessera::cli {
namespace {

TEST(ProgressLine, BarOnATerminalPlainInAPipe) {
  const ProgressState state{"load", 520000, 0.52, 41200.7, 11.64, "3 bad"};
  EXPECT_EQ(ProgressLine(state, true),
            "load [============>           ]  52 %  520,000 rows  41,200 rows/s  ETA 11.6 s"
            "  3 bad");
  EXPECT_EQ(ProgressLine(state, false),
            "load  52 %  520,000 rows  41,200 rows/s  ETA 11.6 s  3 bad");
}

TEST(ProgressLine, WithoutATotalThereIsNoBarAndNoEta) {
  const ProgressState state{"load", 7, std::nullopt, 1, std::nullopt, ""};
  EXPECT_EQ(ProgressLine(state, true), "load  7 rows  1 rows/s");
}

TEST(ProgressLine, AFractionOutsideIsClamped) {
  const ProgressState state{"x", 1, 1.7, 1, std::nullopt, ""};
  EXPECT_EQ(ProgressLine(state, true), "x [========================] 100 %  1 rows  1 rows/s");
}

}  // namespace
}  // namespace tessera::cli
