#include <gtest/gtest.h>

#include <cmath>

#include "bench/plot/axis.h"
#include "bench/plot/chart.h"
#include "bench/plot/results.h"
#include "bench/plot/series.h"
#include "bench/report/row.h"

namespace tessera::bench {
namespace {

TEST(AxisTest, LinearEndsAreRoundAndCoverTheValues) {
  const Axis axis = Axis::Linear({0.613, 0.987}, 10);
  EXPECT_NEAR(axis.low(), 0.60, 1e-12);
  EXPECT_NEAR(axis.high(), 1.00, 1e-12);
  EXPECT_NEAR(axis.Place(0.8), 0.5, 1e-12);
  const auto ticks = axis.Ticks();
  ASSERT_EQ(ticks.size(), 9u);  // steps of 0.05
  EXPECT_EQ(TickText(ticks[1]), "0.65");
  EXPECT_EQ(TickText(ticks[8]), "1");
}

TEST(AxisTest, ARecallAxisEndsAtOne) {
  EXPECT_NEAR(Axis::LinearUpTo({0.2, 0.999}, 1, 3).high(), 1, 1e-12);
  EXPECT_GT(Axis::Linear({0.2, 1.001}, 3).high(), 1);
  EXPECT_NEAR(Axis::LinearUpTo({0.2, 1.001}, 1, 3).high(), 1, 1e-12);
}

TEST(AxisTest, LogTicksAreOneTwoFive) {
  const Axis axis = Axis::Log({1300, 41000});
  EXPECT_NEAR(axis.low(), 1000, 1e-6);
  EXPECT_NEAR(axis.high(), 50000, 1e-6);
  std::string texts;
  for (const double tick : axis.Ticks()) texts += TickText(tick) + " ";
  EXPECT_EQ(texts, "1k 2k 5k 10k 20k 50k ");
  EXPECT_NEAR(axis.Place(1000), 0, 1e-12);
  EXPECT_NEAR(axis.Place(std::sqrt(1000.0 * 50000)), 0.5, 1e-12);
}

TEST(AxisTest, LogCoversAnyRange) {
  for (double low = 0.013; low < 1e7; low *= 1.37) {
    for (const double times : {1.0, 1.2, 3.0, 40.0}) {
      const Axis axis = Axis::Log({low, low * times});
      EXPECT_LE(axis.low(), low * (1 + 1e-6));
      EXPECT_GE(axis.high(), low * times * (1 - 1e-6));
      EXPECT_LT(axis.low(), axis.high());
      EXPECT_GT(axis.low(), low / 2.6) << "no wider than a step";
      EXPECT_GE(axis.Ticks().size(), 2u);
    }
  }
}

TEST(AxisTest, OneValueAndNoValueHaveARange) {
  for (const auto& values : std::vector<std::vector<double>>{{}, {5}, {0}, {3, 3}}) {
    const Axis axis = Axis::Linear(values, 5);
    EXPECT_LT(axis.low(), axis.high());
    for (const double value : values) EXPECT_TRUE(axis.low() <= value && value <= axis.high());
  }
  EXPECT_LT(Axis::Log({}).low(), Axis::Log({}).high());
}

TEST(AxisTest, TextsAreShort) {
  EXPECT_EQ(TickText(0), "0");
  EXPECT_EQ(TickText(1e-17), "0");
  EXPECT_EQ(TickText(0.15), "0.15");
  EXPECT_EQ(TickText(500), "500");
  EXPECT_EQ(TickText(1000), "1k");
  EXPECT_EQ(TickText(200000), "200k");
  EXPECT_EQ(TickText(5e6), "5M");
}

TEST(FrontierTest, KeepsWhatNoOtherBeatsInBoth) {
  std::vector<Point> line, faint;
  SplitFrontier({{0.9, 100, ""}, {0.8, 90, ""}, {0.5, 300, ""}, {0.95, 100, ""}, {0.6, 300, ""}},
                line, faint);
  ASSERT_EQ(line.size(), 2u);
  EXPECT_EQ(line[0].x, 0.6);
  EXPECT_EQ(line[1].x, 0.95);
  EXPECT_EQ(faint.size(), 3u);
  SplitFrontier({{1, 1, ""}, {1, 1, ""}}, line, faint);
  EXPECT_EQ(line.size(), 1u);
}

TEST(ResultsTest, ReadsWhatTheReportWrites) {
  Row row;
  row.data = "a \"set\", quoted";
  row.quantizer = "IVF16,PQ8x4";
  row.recall_at_10 = 0.5;
  const auto results = ParseResults(ToCsv({"one, two"}, {row, row}), "f.csv", {"engine"});
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_EQ(results->size(), 2u);
  EXPECT_EQ(results->at(1).Text("data"), row.data);
  EXPECT_EQ(results->at(1).Text("quantizer"), row.quantizer);
  EXPECT_EQ(results->at(0).Number("recall_at_10"), 0.5);
  EXPECT_EQ(results->at(0).Number("recall_at_100"), std::nullopt);
  EXPECT_EQ(results->at(0).Number("quantizer"), std::nullopt);
  EXPECT_EQ(results->at(0).Text("no_such"), "");
}

TEST(ResultsTest, ErrorsNameFileAndLine) {
  const auto error = [](const std::string& text) {
    const auto results = ParseResults(text, "f.csv", {"a"});
    return results.ok() ? "" : MessageOf(results.status());
  };
  EXPECT_EQ(error("# c\na,b\n1,2\n3\n"), "f.csv line 4: 1 fields, the header has 2");
  EXPECT_EQ(error("b,c\n"), "f.csv line 1: no column a");
  EXPECT_EQ(error("a\n\"x\n"), "f.csv line 2: a quote is not closed");
  EXPECT_EQ(error("# only comments\n"), "f.csv line 1: no header");
}

std::vector<Result> SomeResults() {
  std::vector<Row> rows;
  for (const char* rerank : {"none", "refine"}) {
    for (int i = 1; i <= 3; ++i) {
      Row row;
      row.data = "words & more";
      row.quantizer = "IVF16,PQ8x4";
      row.mode = "single";
      row.rerank = rerank;
      row.nprobe = static_cast<uint64_t>(i);
      row.recall_at_10 = 0.5 + 0.1 * i;
      row.qps_wall = 30000.0 / i;
      row.bytes_total = 40;
      rows.push_back(row);
    }
  }
  return *ParseResults(ToCsv({}, rows), "f.csv", {});
}

size_t CountOf(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++count;
  return count;
}

TEST(SeriesTest, SpeedHasASeriesForEachRerankAndAllItsMarkers) {
  const auto chart = SpeedChart(SomeResults(), {});
  ASSERT_TRUE(chart.ok()) << chart.status();
  ASSERT_EQ(chart->series.size(), 2u);
  EXPECT_EQ(chart->series[0].name, "tessera IVF16,PQ8x4, codes alone");
  EXPECT_EQ(chart->series[1].name, "tessera IVF16,PQ8x4, refine rerank");
  EXPECT_EQ(chart->series[0].line.size(), 3u);
  const std::string svg = ToSvg(*chart);
  EXPECT_EQ(CountOf(svg, "<polyline"), 2u);
  EXPECT_EQ(CountOf(svg, "<title>"), 6u);
  EXPECT_NE(svg.find("words &amp; more"), std::string::npos);
  EXPECT_EQ(svg.find("words & more"), std::string::npos);
  EXPECT_EQ(CountOf(svg, "<g "), CountOf(svg, "</g>"));
  EXPECT_EQ(svg, ToSvg(*chart));
}

TEST(SeriesTest, BytesTakeTheBestRecallOfEachIndex) {
  const auto chart = BytesChart(SomeResults(), {});
  ASSERT_TRUE(chart.ok()) << chart.status();
  ASSERT_EQ(chart->series.size(), 2u);
  ASSERT_EQ(chart->series[0].line.size(), 1u);
  EXPECT_DOUBLE_EQ(chart->series[0].line[0].y, 0.8);
  EXPECT_DOUBLE_EQ(chart->series[0].line[0].x, 40);
}

TEST(SeriesTest, FrontsJoinWhatNoOtherIndexBeats) {
  std::vector<Row> rows;
  const auto add = [&](const char* index, const char* rerank, double codes, double recall) {
    Row row;
    row.data = "words";
    row.mode = "single";
    row.quantizer = index;
    row.rerank = rerank;
    row.bytes_codes = codes;
    row.bytes_corrections = 1;
    row.bytes_refine = 100;
    row.recall_at_10 = recall;
    row.qps_wall = 1000 / codes;
    rows.push_back(row);
  };
  add("PQ8", "none", 8, 0.4);
  add("PQ12", "none", 12, 0.3);  // more bytes, less recall
  add("PQ16", "none", 16, 0.6);
  add("PQ8", "refine", 8, 0.9);
  PlotChoice choice;
  choice.fronts = true;
  const auto results = ParseResults(ToCsv({}, rows), "f.csv", {});
  const auto bytes = BytesChart(*results, choice);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  ASSERT_EQ(bytes->series.size(), 2u);
  ASSERT_EQ(bytes->series[0].line.size(), 2u);
  EXPECT_DOUBLE_EQ(bytes->series[0].line[0].x, 9);
  EXPECT_DOUBLE_EQ(bytes->series[0].line[1].x, 17);
  ASSERT_EQ(bytes->series[0].faint.size(), 1u);
  EXPECT_DOUBLE_EQ(bytes->series[0].faint[0].x, 13);
  EXPECT_DOUBLE_EQ(bytes->series[1].line[0].x, 109);
  const auto speed = SpeedChart(*results, choice);
  ASSERT_TRUE(speed.ok()) << speed.status();
  ASSERT_EQ(speed->series.size(), 2u);
  EXPECT_EQ(speed->series[0].name, "tessera, codes alone");
  EXPECT_EQ(speed->series[0].line.size(), 2u);
}

TEST(SeriesTest, ChoicesThatFitNothingAreErrors) {
  PlotChoice choice;
  choice.mode = "batch";
  EXPECT_NE(MessageOf(SpeedChart(SomeResults(), choice).status()).find("no row has mode batch"),
            std::string::npos);
  std::vector<Result> results = SomeResults();
  std::map<std::string, std::string> other = {
      {"data", "other"}, {"mode", "single"}, {"threads", "1"}, {"recall_at_10", "0.5"}};
  results.emplace_back(other);
  EXPECT_NE(MessageOf(BytesChart(results, {}).status()).find("other, words & more"),
            std::string::npos);
  choice = {};
  choice.data = "words & more";
  EXPECT_TRUE(BytesChart(results, choice).ok());
}

}  // namespace
}  // namespace tessera::bench
