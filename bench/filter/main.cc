// Filters over a million rows: bytes a row, and CPU time of building, of evaluating and of asking
// rows.
//   bench_filter [rows]
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "index/filter/payload_index.h"

namespace tessera::filter {
namespace {

using IndexPtr = std::shared_ptr<const PayloadIndex>;

double CpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// One of ten categories, a price of 0 to 100, a number and a key that no other row has.
std::string Payload(uint32_t row, std::mt19937_64& random, const std::string& only) {
  char price[32];
  std::snprintf(price, sizeof(price), "%.2f", static_cast<double>(random() % 10000) / 100);
  std::string text = "{";
  const auto add = [&](const char* name, const std::string& value) {
    if (!only.empty() && only != name) return;
    text += std::string(text.size() > 1 ? "," : "") + "\"" + name + "\":" + value;
  };
  add("category", "\"c" + std::to_string(random() % 10) + "\"");
  add("price", price);
  add("serial", std::to_string(uint64_t{row} * 7919 % 100000007));
  add("sku", "\"sku-" + std::to_string(10000000 + row) + "\"");
  return text + "}";
}

struct Built {
  IndexPtr index;
  double build_seconds = 0, merge_seconds = 0;
  size_t segments_before = 0;
};

Built Build(uint32_t rows, const std::string& only) {
  std::mt19937_64 random(1);
  Built built;
  built.index = PayloadIndex::Make({}, {.cache_bytes = 0});
  for (uint32_t row = 0; row < rows;) {
    std::vector<std::string> payloads;
    std::vector<PayloadRow> batch;
    const uint32_t end = std::min(rows, row + 65536);
    for (uint32_t r = row; r < end; ++r) payloads.push_back(Payload(r, random, only));
    for (; row < end; ++row) batch.push_back({RowId(row), payloads[payloads.size() - (end - row)]});
    const double begin = CpuSeconds();
    auto next = built.index->With(batch);
    built.build_seconds += CpuSeconds() - begin;
    if (!next.ok()) {
      std::fprintf(stderr, "%s\n", MessageOf(next.status()).c_str());
      std::exit(1);
    }
    built.index = *next;
  }
  built.segments_before = built.index->segments();
  const double begin = CpuSeconds();
  while (auto merged = built.index->Merge()) built.index = built.index->Apply(merged);
  built.merge_seconds = CpuSeconds() - begin;
  return built;
}

void Evaluate(const PayloadIndex& index, uint32_t rows, const char* text) {
  const Filter filter = ParseFilter(text).value();
  constexpr int kRuns = 20;
  double begin = CpuSeconds();
  RowSet set;
  for (int run = 0; run < kRuns; ++run) set = index.Evaluate(filter, RowId(rows)).value();
  const double evaluate = (CpuSeconds() - begin) / kRuns;
  std::vector<RowId> asked;
  std::mt19937_64 random(2);
  for (int i = 0; i < 512; ++i) asked.emplace_back(static_cast<uint32_t>(random() % rows));
  uint64_t mask[8], sum = 0;
  begin = CpuSeconds();
  for (int run = 0; run < 2000; ++run) {
    set.FillMask(asked, mask);
    sum += mask[run % 8];
  }
  const double mask_seconds = (CpuSeconds() - begin) / 2000 / 512;
  std::printf("%-40s %8llu rows %10.1f us, mask %.2f ns a row%s\n", text,
              static_cast<unsigned long long>(set.cardinality()), evaluate * 1e6,
              mask_seconds * 1e9, sum == 1 ? " " : "");
}

void Run(uint32_t rows) {
  const auto per_row = [&](const Built& built) {
    return static_cast<double>(built.index->bytes()) / rows;
  };
  for (const char* field : {"category", "price", "serial", "sku"}) {
    std::printf("bytes a row, %-10s %6.2f\n", field, per_row(Build(rows, field)));
  }
  const Built all = Build(rows, "");
  std::printf("bytes a row, %-10s %6.2f\n", "all", per_row(all));
  std::printf("build %.2f us a row; merge of %zu segments to %zu: %.2f us a row\n",
              all.build_seconds / rows * 1e6, all.segments_before, all.index->segments(),
              all.merge_seconds / rows * 1e6);
  for (const char* text :
       {"category = \"c3\"", "20 <= price < 30", "20.5 <= price < 20.6", "not category = \"c3\"",
        "category = \"c3\" and price < 50", "sku = \"sku-10000777\"", "prefix(sku, \"sku-1001\")",
        "serial < 10000000"}) {
    Evaluate(*all.index, rows, text);
  }
}

}  // namespace
}  // namespace tessera::filter

int main(int argc, char** argv) {
  tessera::filter::Run(argc > 1 ? static_cast<uint32_t>(std::strtoul(argv[1], nullptr, 10))
                                : 1000000);
}
