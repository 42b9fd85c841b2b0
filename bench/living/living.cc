#include "bench/living/living.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <random>
#include <utility>

#include "index/vector_quantizer.h"

namespace tessera::bench {
namespace {

constexpr size_t kBatch = 8192;
constexpr uint32_t kK = 10;

}  // namespace

Status Living::Open(const LivingOptions& options) {
  CatalogOptions catalog;
  catalog.path = options.directory;
  catalog.compute = &compute_;
  catalog.io = &io_;
  if (options.background) catalog.background = &background_;
  TESSERA_ASSIGN_OR_RETURN(catalog_, Catalog::Open(catalog));
  CollectionSpec spec;
  spec.dim = static_cast<uint32_t>(base_.dim);
  spec.metric = options.metric;
  spec.auto_train = options.background;
  spec.sync_writes = false;
  TESSERA_ASSIGN_OR_RETURN(spec.quantizer, QuantizerSpec::Parse(options.quantizer));
  TESSERA_ASSIGN_OR_RETURN(collection_, catalog_->Create("living", spec));
  return OkStatus();
}

Status Living::Insert(const std::vector<Placed>& rows, bool payload) {
  Changed();
  for (size_t begin = 0; begin < rows.size(); begin += kBatch) {
    std::vector<PointInput> points;
    std::vector<std::string> payloads;
    const size_t end = std::min(begin + kBatch, rows.size());
    payloads.reserve(end - begin);
    for (size_t i = begin; i < end; ++i) {
      const std::string_view bytes(reinterpret_cast<const char*>(base_.row(rows[i].vector)), base_.dim * sizeof(float));
      points.push_back({PointId(rows[i].id), ElementType::kF32, bytes});
      if (!payload) continue;
      payloads.push_back("{\"n\":" + std::to_string(rows[i].id) + "}");
      points.back().payload = payloads.back();
    }
    TESSERA_RETURN_IF_ERROR(collection_->Upsert(points, {.atomic = true}).status());
  }
  return OkStatus();
}

Status Living::Delete(const std::vector<uint64_t>& ids) {
  Changed();
  for (size_t begin = 0; begin < ids.size(); begin += kBatch) {
    const std::vector<PointId> part(ids.begin() + static_cast<ptrdiff_t>(begin),
                                    ids.begin() + static_cast<ptrdiff_t>(std::min(begin + kBatch, ids.size())));
    TESSERA_RETURN_IF_ERROR(collection_->Delete(part).status());
  }
  return OkStatus();
}

Status Living::FindTruth() {
  QueryParams exact;
  exact.limit = kK;
  exact.exact = true;
  std::vector<QueryResult> results;
  TESSERA_RETURN_IF_ERROR(
      collection_->QueryBatch({queries_.data.data(), queries_.count(), queries_.dim}, exact, results));
  for (const QueryResult& result : results) {
    std::vector<uint64_t> ids;
    for (const Hit& hit : result.hits) ids.push_back(hit.id.number());
    truth_.push_back(std::move(ids));
  }
  return OkStatus();
}

StatusOr<double> Living::Recall(double share, RerankTier rerank) {
  if (truth_.empty()) TESSERA_RETURN_IF_ERROR(FindTruth());
  QueryParams params;
  params.limit = kK;
  params.rerank = rerank;
  params.nprobe = static_cast<uint32_t>(std::max(1.0, std::round(share * collection_->Stats().nlist)));
  std::vector<QueryResult> results;
  TESSERA_RETURN_IF_ERROR(
      collection_->QueryBatch({queries_.data.data(), queries_.count(), queries_.dim}, params, results));
  size_t found = 0;
  size_t wanted = 0;
  for (size_t q = 0; q < results.size(); ++q) {
    for (const Hit& hit : results[q].hits) found += std::ranges::count(truth_[q], hit.id.number());
    wanted += truth_[q].size();
  }
  return static_cast<double>(found) / static_cast<double>(std::max<size_t>(1, wanted));
}

StatusOr<std::vector<std::vector<size_t>>> ClusterRows(const FileRows& base, uint32_t clusters) {
  const size_t sampled = std::min<size_t>(base.count(), size_t{clusters} * 256);
  std::vector<float> sample;
  for (size_t i = 0; i < sampled; ++i) {
    const float* row = base.row(i * (base.count() / sampled));
    sample.insert(sample.end(), row, row + base.dim);
  }
  ThreadPoolExecutor executor(2);
  TrainingContext context;
  context.executor = &executor;
  KMeansOptions options;
  options.k = clusters;
  TESSERA_ASSIGN_OR_RETURN(const auto quantizer,
                           VectorQuantizer::Train({sample.data(), sampled, base.dim}, options, context));
  std::vector<uint32_t> codes(base.count());
  quantizer.Encode({base.data.data(), base.count(), base.dim}, codes.data(), nullptr, &executor);
  std::vector<uint32_t> order(clusters);
  std::iota(order.begin(), order.end(), 0u);
  std::shuffle(order.begin(), order.end(), std::mt19937(7));
  std::vector<std::vector<size_t>> rows(clusters);
  for (size_t i = 0; i < base.count(); ++i) rows[order[codes[i]]].push_back(i);
  return rows;
}

double StatusMiB(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":")) return std::atof(line.c_str() + field.size() + 1) / 1024;
  }
  return 0;
}

}  // namespace tessera::bench
