#include "bench/report/row.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>

namespace tessera::bench {
namespace {

std::vector<std::string> Lines(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

Row Example() {
  Row row;
  row.data = "words";
  row.quantizer = "IVF16,PQ8x4";
  row.mode = "single";
  row.nprobe = 8;
  row.recall_at_10 = 0.91234;
  row.qps_wall = 12345.67;
  return row;
}

TEST(RowTest, CsvHasCommentsMeaningsHeaderAndRows) {
  const auto lines = Lines(ToCsv({"cpu: some", "cores: 2"}, {Example(), Example()}));
  ASSERT_EQ(lines.size(), 2 + Columns().size() + 1 + 2);
  EXPECT_EQ(lines[0], "# cpu: some");
  EXPECT_EQ(lines[1], "# cores: 2");
  EXPECT_EQ(lines[2], "# engine: engine that was measured");
  EXPECT_TRUE(lines[2 + Columns().size()].starts_with("engine,data,metric,quantizer,"));
  EXPECT_TRUE(lines.back().starts_with("tessera,words,,\"IVF16,PQ8x4\",")) << lines.back();
  EXPECT_EQ(lines.back(), lines[lines.size() - 2]);
}

TEST(RowTest, WhatWasNotMeasuredIsAnEmptyField) {
  const Row row = Example();
  std::map<std::string, std::string> fields;
  for (const Column& column : Columns()) fields[column.name] = column.value(row);
  EXPECT_EQ(fields.at("recall_at_10"), "0.9123");
  EXPECT_EQ(fields.at("qps_wall"), "12345.7");
  EXPECT_EQ(fields.at("recall_at_100"), "");
  EXPECT_EQ(fields.at("scan_us"), "");
}

TEST(RowTest, ColumnNamesAreDistinctAndMeaningsFitALine) {
  std::set<std::string> names;
  for (const Column& column : Columns()) {
    EXPECT_TRUE(names.insert(column.name).second) << column.name;
    EXPECT_EQ(std::string(column.meaning).find('\n'), std::string::npos);
  }
}

TEST(RowTest, QuotesAreDoubled) {
  Row row = Example();
  row.data = "a \"b\"";
  EXPECT_NE(ToCsv({}, {row}).find(",\"IVF16,PQ8x4\","), std::string::npos);
  EXPECT_NE(ToCsv({}, {row}).find("tessera,\"a \"\"b\"\"\","), std::string::npos);
}

TEST(RowTest, TheTableNamesOnceWhatAllRowsShare) {
  Row other = Example();
  other.nprobe = 128;
  other.qps_wall = 99.0;
  const auto lines = Lines(ToTable({Example(), other}));
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0],
            "engine tessera, quantizer IVF16,PQ8x4, mode single, threads 1, rerank none, "
            "recall@10 0.9123");
  EXPECT_EQ(lines[1], "nprobe  QPS wall");
  EXPECT_EQ(lines[2], "     8   12345.7");
  EXPECT_EQ(lines[3], "   128      99.0");
}

TEST(RowTest, ATableOfOneRowHasAllItsColumns) {
  const auto lines = Lines(ToTable({Example()}));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[0].find("recall@10"), std::string::npos);
  EXPECT_NE(lines[1].find("0.9123"), std::string::npos);
}

}  // namespace
}  // namespace tessera::bench
