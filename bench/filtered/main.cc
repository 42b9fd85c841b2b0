// Searches under filters of many selectivities: recall, latency beside searches without, exactly k.
//
// bench_filtered BASE QUERIES DIRECTORY [QUANTIZER] [METRIC] [NPROBE] [ROWS]
// DIRECTORY must not exist or be empty. Each row gets a number at random, `u`, and its rank by the distance to the first
// row, `near`: filters on the first have nothing to do with the vectors, those on the second are a ball of them. Truth
// is exact search under the same filter. Times are medians of single queries; filtered and unfiltered ones take turns.
// METRIC: l2 (default), ip, cosine; NPROBE: of 0 the default. Ends with 1 if an answer has fewer hits than there are.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "bench/report/file_rows.h"
#include "index/catalog.h"
#include "index/thread_pool.h"

namespace tessera {
namespace {

using bench::FileRows;
using bench::ReadRows;

using Clock = std::chrono::steady_clock;

constexpr uint32_t kK = 10;
constexpr size_t kQueries = 200;
constexpr size_t kBatch = 8192;

double MicrosSince(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

// Rank of each row by its distance to row 0.
std::vector<uint32_t> Ranks(const FileRows& rows) {
  std::vector<float> distances(rows.count());
  for (size_t i = 0; i < rows.count(); ++i) {
    for (size_t j = 0; j < rows.dim; ++j) {
      const float d = rows.row(i)[j] - rows.row(0)[j];
      distances[i] += d * d;
    }
  }
  std::vector<uint32_t> order(rows.count()), ranks(rows.count());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return distances[a] < distances[b]; });
  for (uint32_t i = 0; i < order.size(); ++i) ranks[order[i]] = i;
  return ranks;
}

Status Load(Collection& collection, const FileRows& rows) {
  std::mt19937 random(1);
  std::vector<uint32_t> numbers(rows.count());
  std::iota(numbers.begin(), numbers.end(), 0u);
  std::shuffle(numbers.begin(), numbers.end(), random);
  const std::vector<uint32_t> ranks = Ranks(rows);
  for (size_t begin = 0; begin < rows.count(); begin += kBatch) {
    std::vector<PointInput> points;
    std::vector<std::string> payloads;
    const size_t end = std::min(begin + kBatch, rows.count());
    payloads.reserve(end - begin);
    for (size_t i = begin; i < end; ++i) {
      payloads.push_back("{\"u\":" + std::to_string(numbers[i]) + ",\"near\":" + std::to_string(ranks[i]) + "}");
      const std::string_view bytes(reinterpret_cast<const char*>(rows.row(i)), rows.dim * sizeof(float));
      points.push_back({PointId(i), ElementType::kF32, bytes, {}, payloads.back()});
    }
    TESSERA_RETURN_IF_ERROR(collection.Upsert(points, {.atomic = true}).status());
  }
  return OkStatus();
}

struct Line {
  double recall = 0, micros = 0, plain_micros = 0, first_micros = 0;
  uint64_t passing = 0;
  double lists = 0;
  bool whole = true;  // every answer had min(k, passing) hits
};

StatusOr<Line> Measure(Collection& collection, const FileRows& queries, const std::string& text, QueryParams params) {
  Line line;
  TESSERA_ASSIGN_OR_RETURN(params.filter, ParseFilter(text));
  params.limit = kK;
  params.explain = true;
  QueryParams plain = params;
  plain.filter.reset();
  QueryParams exact = params;
  exact.exact = true;
  exact.rerank = RerankTier::kAuto;
  const MatrixView<const float> view(queries.data.data(), queries.count(), queries.dim);
  const auto begin = Clock::now();
  TESSERA_ASSIGN_OR_RETURN(line.passing, collection.Count(*params.filter));
  line.first_micros = MicrosSince(begin);
  TESSERA_ASSIGN_OR_RETURN(const auto truth, collection.QueryBatch(view, exact));
  std::vector<double> micros, plain_micros;
  size_t right = 0, wanted = 0;
  for (size_t q = 0; q < queries.count(); ++q) {
    const auto before = Clock::now();
    // Another query: the lists of this one would be in the caches for the next.
    const float* other = queries.row((q + queries.count() / 2) % queries.count());
    TESSERA_RETURN_IF_ERROR(collection.Query(other, static_cast<uint32_t>(queries.dim), plain).status());
    plain_micros.push_back(MicrosSince(before));
    const auto start = Clock::now();
    TESSERA_ASSIGN_OR_RETURN(const QueryResult result,
                             collection.Query(queries.row(q), static_cast<uint32_t>(queries.dim), params));
    micros.push_back(MicrosSince(start));
    line.lists += result.explain.lists_probed / static_cast<double>(queries.count());
    line.whole &= result.hits.size() == std::min<uint64_t>(kK, line.passing);
    std::set<uint64_t> best;
    for (const Hit& hit : truth[q].hits) best.insert(hit.id.number());
    for (const Hit& hit : result.hits) right += best.count(hit.id.number());
    wanted += best.size();
  }
  line.recall = static_cast<double>(right) / static_cast<double>(std::max<size_t>(1, wanted));
  line.micros = Median(micros);
  line.plain_micros = Median(plain_micros);
  return line;
}

StatusOr<bool> Run(const std::vector<std::string>& args) {
  const auto arg = [&](size_t i, const char* otherwise) { return i < args.size() ? args[i] : otherwise; };
  const std::string metric = arg(4, "l2");
  TESSERA_ASSIGN_OR_RETURN(const FileRows base, ReadRows(args[0], std::strtoull(arg(6, "100000000").c_str(), nullptr, 10)));
  TESSERA_ASSIGN_OR_RETURN(const FileRows queries, ReadRows(args[1], kQueries));
  ThreadPoolExecutor compute(2), io(2);
  CatalogOptions options;
  options.path = args[2];
  options.compute = &compute;
  options.io = &io;
  TESSERA_ASSIGN_OR_RETURN(const auto catalog, Catalog::Open(options));
  CollectionSpec spec;
  spec.dim = static_cast<uint32_t>(base.dim);
  spec.metric = metric == "cosine" ? Metric::kCosine : metric == "ip" ? Metric::kInnerProduct : Metric::kL2;
  spec.auto_train = false;
  TESSERA_ASSIGN_OR_RETURN(spec.quantizer, QuantizerSpec::Parse(arg(3, "IVF1024,PQ32x8,Refine(SQ8)")));
  TESSERA_ASSIGN_OR_RETURN(const auto collection, catalog->Create("filtered", spec));
  TESSERA_RETURN_IF_ERROR(Load(*collection, base));
  TESSERA_RETURN_IF_ERROR(collection->Train({}));
  const CollectionStats stats = collection->Stats();
  std::printf("%llu rows, %s, payload index %.1f bytes a row\n", static_cast<unsigned long long>(stats.rows),
              stats.quantizer.c_str(), static_cast<double>(stats.memory.payload_index) / static_cast<double>(stats.rows));
  std::printf("%-22s %9s %8s %7s %8s %9s %6s %9s\n", "filter", "passing", "recall", "lists", "us", "us plain", "ratio",
              "first us");
  QueryParams params;
  params.nprobe = static_cast<uint32_t>(std::strtoul(arg(5, "0").c_str(), nullptr, 10));
  bool whole = true;
  for (const char* field : {"u", "near"}) {
    for (const double share : {1.0, 0.1, 0.01, 0.001, 0.0001}) {
      const std::string text = std::string(field) + " < " +
                               std::to_string(static_cast<uint64_t>(share * static_cast<double>(base.count())));
      TESSERA_ASSIGN_OR_RETURN(const Line line, Measure(*collection, queries, text, params));
      std::printf("%-22s %9llu %8.4f %7.0f %8.1f %9.1f %6.2f %9.1f%s\n", text.c_str(),
                  static_cast<unsigned long long>(line.passing), line.recall, line.lists, line.micros,
                  line.plain_micros, line.micros / line.plain_micros, line.first_micros,
                  line.whole ? "" : "  FEWER THAN k");
      std::fflush(stdout);
      whole &= line.whole;
    }
  }
  return whole;
}

}  // namespace
}  // namespace tessera

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() < 3 || args.size() > 7) {
    std::fprintf(stderr, "usage: bench_filtered BASE QUERIES DIRECTORY [QUANTIZER] [METRIC] [NPROBE] [ROWS]\n");
    return 2;
  }
  const auto whole = tessera::Run(args);
  if (!whole.ok()) std::fprintf(stderr, "bench_filtered: %s\n", tessera::MessageOf(whole.status()).c_str());
  return whole.ok() && *whole ? 0 : 1;
}
