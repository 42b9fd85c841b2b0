#include "tests/released/release_state.h"

#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "index/base/bytes.h"
#include "index/elements.h"

namespace tessera::released {
namespace {

constexpr int64_t kNowMs = 1'795'651'200'000;  // 2026-11-26
constexpr size_t kTopK = 5;
constexpr size_t kQueries = 4;

// Numbers from -1 to 1 that every compiler agrees on.
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : state_(seed) {}
  float Next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<float>(static_cast<int32_t>(state_ >> 32)) * 0x1p-31f;
  }

 private:
  uint64_t state_;
};

// In eight clusters.
std::vector<float> Rows(size_t n, uint32_t dim, uint64_t seed) {
  Numbers centers(5);
  std::vector<float> middle(size_t{8} * dim);
  for (float& x : middle) x = centers.Next();
  Numbers numbers(seed);
  std::vector<float> rows(n * dim);
  for (size_t i = 0; i < n; ++i) {
    for (uint32_t j = 0; j < dim; ++j) rows[i * dim + j] = middle[i % 8 * dim + j] + .3f * numbers.Next();
  }
  return rows;
}

// Points with what they borrow.
struct Points {
  std::vector<std::string> vectors;
  std::vector<std::string> payloads;
  std::vector<PointInput> inputs;
};

// Row i is id first + i, of every third a key; integers stand for (integer - zero point) scale.
Points Make(size_t n, uint32_t dim, ElementType type, uint64_t first, bool payloads) {
  const std::vector<float> rows = Rows(n, dim, first + 1);
  Points points;
  const bool integers = type == ElementType::kI8 || type == ElementType::kU8;
  for (size_t i = 0; i < n; ++i) {
    std::string bytes(dim * ElementSize(type), 0);
    for (uint32_t j = 0; integers && j < dim; ++j) {
      const int whole = static_cast<int>(rows[i * dim + j] * 90) + (type == ElementType::kU8 ? 128 : 0);
      bytes[j] = static_cast<char>(std::max(type == ElementType::kU8 ? 0 : -128, std::min(whole, type == ElementType::kU8 ? 255 : 127)));
    }
    if (!integers) FromFloats(type, rows.data() + i * dim, dim, bytes.data());
    points.vectors.push_back(std::move(bytes));
    const std::string number = std::to_string(i % 7);
    points.payloads.push_back(i % 5 == 4 ? "" : R"({"kind":"k)" + number + R"(","price":)" + number + R"(.5,"stock":)" +
        std::to_string(i) + R"(,"sale":)" + (i % 2 == 0 ? "true" : "false") + R"(,"added":"2026-11-0)" + std::to_string(1 + i % 9) +
        R"(T10:00:00Z","place":{"lat":)" + std::to_string(i % 80) + R"(,"lon":1.5},"note":"n","deep":[{"tag":"t)" + number + R"("}]})");
  }
  for (size_t i = 0; i < n; ++i) {
    const uint64_t id = first + i;
    PointInput input{i % 3 == 2 ? PointId("key-" + std::to_string(id)) : PointId(id), type, points.vectors[i]};
    if (type == ElementType::kI8) input.quantization = {.scale = 1.f / 90, .zero_point = 0};
    if (type == ElementType::kU8) input.quantization = {.scale = 1.f / 90, .zero_point = 128};
    if (payloads) input.payload = points.payloads[i];
    if (payloads && i % 50 == 7) input.expire_at_ms = kNowMs + 1000 * static_cast<int64_t>(i);
    points.inputs.push_back(std::move(input));
  }
  return points;
}

StatusOr<PayloadSchema> Schema() {
  return PayloadSchema::Make({{"kind", FieldType::kKeyword},
                              {"price", FieldType::kFloat},
                              {"stock", FieldType::kInteger},
                              {"sale", FieldType::kBool},
                              {"added", FieldType::kDatetime},
                              {"place", FieldType::kGeo},
                              {"note", FieldType::kKeyword, false, false}});
}

struct Plan {
  const char* name;
  uint32_t dim;
  Metric metric;
  const char* quantizer;
  ElementType type;
  size_t rows;
};

constexpr Plan kPlans[] = {
    {"additive", 8, Metric::kL2, "IVF2,PQ2x4+4,Refine(RaBitQ2)", ElementType::kF32, 260},
    {"bits", 16, Metric::kCosine, "IVF4,RaBitQ4,Refine(SQ8)", ElementType::kF16, 120},
    {"fine-tuned", 4, Metric::kL2, "IVF2,PQ2x4,FT", ElementType::kU8, 1000},
    {"mixed", 8, Metric::kInnerProduct, "OPQ,IVF2,MPQ2,Refine(FP16)", ElementType::kBf16, 260},
    {"product", 16, Metric::kCosine, "RR,IVF4,PQ8x4,Refine(SQ8S)", ElementType::kF32, 240},
    {"residual", 8, Metric::kL2, "RQ2x4,Refine(SQ4)", ElementType::kF32, 100},
    {"scalar", 8, Metric::kInnerProduct, "IVF4,SQ8S", ElementType::kI8, 200},
    {"signs", 16, Metric::kCosine, "IVF2,Binary,Refine(BF16)", ElementType::kU8, 100},
    {"truncated", 12, Metric::kL2, "PCA8,IVF4,PQ4x4,Refine(SQ8)", ElementType::kF32, 120},
    {"untrained", 8, Metric::kL2, "IVF4,PQ4", ElementType::kF32, 60},
};

StatusOr<std::shared_ptr<Collection>> Create(Catalog& catalog, const Plan& plan, bool payloads) {
  CollectionSpec spec;
  spec.dim = plan.dim;
  spec.metric = plan.metric;
  spec.auto_train = false;
  TESSERA_ASSIGN_OR_RETURN(spec.quantizer, QuantizerSpec::Parse(plan.quantizer));
  if (payloads) {
    TESSERA_ASSIGN_OR_RETURN(spec.payload, Schema());
  }
  return catalog.Create(plan.name, spec);
}

Status Delete(Collection& collection, std::vector<PointId> ids) { return collection.Delete(ids).status(); }

Status FillOne(Catalog& catalog, const Plan& plan) {
  TESSERA_ASSIGN_OR_RETURN(const auto collection, Create(catalog, plan, false));
  const Points points = Make(plan.rows, plan.dim, plan.type, 1, false);
  TESSERA_RETURN_IF_ERROR(collection->Upsert(points.inputs).status());
  if (plan.name != std::string("untrained")) TESSERA_RETURN_IF_ERROR(Annotate(collection->Train({}), std::string(plan.name) + ": "));
  const Points more = Make(10, plan.dim, plan.type, 50, false);  // some are replaced
  TESSERA_RETURN_IF_ERROR(collection->Upsert(more.inputs).status());
  return Delete(*collection, {PointId(uint64_t{4}), PointId("key-6")});
}

// The one with payloads, codebooks, a curve, kept replies and backups.
Status FillProduct(Catalog& catalog, const Plan& plan) {
  TESSERA_ASSIGN_OR_RETURN(const auto collection, Create(catalog, plan, true));
  const Points points = Make(plan.rows, plan.dim, plan.type, 1, true);
  UpsertOptions named;
  named.request_id = "first load";
  TESSERA_RETURN_IF_ERROR(collection->Upsert(points.inputs, named).status());
  TESSERA_RETURN_IF_ERROR(collection->Train({}));
  TESSERA_RETURN_IF_ERROR(collection->Tune({}).status());
  TESSERA_RETURN_IF_ERROR(catalog.backups().Create(plan.name, {}).status());
  TrainOptions other;
  TESSERA_ASSIGN_OR_RETURN(other.quantizer, QuantizerSpec::Parse("IVF2,PQ4x4,Refine(SQ8)"));
  TESSERA_RETURN_IF_ERROR(collection->codebooks().Train(other, "candidate").status());
  TESSERA_RETURN_IF_ERROR(collection->codebooks().Activate(2, {}));
  TESSERA_RETURN_IF_ERROR(collection->Tune({}).status());
  PatchOptions patching;
  patching.request_id = "one patch";
  TESSERA_RETURN_IF_ERROR(collection->Patch({{PointId(uint64_t{1}), R"({"price":9,"new":[1,2]})"}, {PointId(uint64_t{2}), "{}"}},
                                            patching).status());
  TESSERA_ASSIGN_OR_RETURN(const Filter sixes, ParseFilter("kind = \"k6\""));
  TESSERA_RETURN_IF_ERROR(collection->DeleteByFilter(sixes).status());
  TESSERA_RETURN_IF_ERROR(catalog.backups().Create(plan.name, {}).status());
  const Points more = Make(10, plan.dim, plan.type, 1000, true);
  return collection->Upsert(more.inputs).status();
}

// Its quantizer is chosen for a goal, and the choice explained.
Status FillPlanned(Catalog& catalog) {
  CollectionSpec spec;
  spec.dim = 4;
  spec.auto_train = false;
  spec.goal.bytes_per_vector = 4;
  TESSERA_ASSIGN_OR_RETURN(const auto collection, catalog.Create("planned", spec));
  const Points points = Make(1000, spec.dim, ElementType::kU8, 1, false);
  TESSERA_RETURN_IF_ERROR(collection->Upsert(points.inputs).status());
  return collection->Train({});
}

void Add(std::string& text, const char* format, const std::vector<std::string>& words) {
  text += format;
  for (const std::string& word : words) text += " " + word;
  text += '\n';
}

std::string Score(float score) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.6g", static_cast<double>(score));
  return digits;
}

// The first ones in full, and a checksum of all: a page of them is enough to see what differs.
Status DescribePoints(Collection& collection, std::string& text) {
  constexpr uint64_t kInFull = 30;
  uint64_t points = 0;
  uint32_t crc = 0;
  ListParams params;
  params.with_vector = true;
  params.with_payload = true;
  do {
    TESSERA_ASSIGN_OR_RETURN(const ListResult page, collection.List(params));
    for (const StoredPoint& point : page.points) {
      std::string line;
      Add(line, "point",
          {point.id.ToString(), "version", std::to_string(point.version), ElementTypeName(point.type),
           std::to_string(Crc32c(point.vector)), Score(point.quantization.scale), std::to_string(point.quantization.zero_point),
           "expires", std::to_string(point.expire_at_ms), point.payload});
      crc = Crc32c(line, crc);
      if (points++ < kInFull) text += line;
    }
    params.after = page.next;
  } while (!params.after.empty());
  Add(text, "points", {std::to_string(points), std::to_string(crc)});
  return OkStatus();
}

Status DescribeAnswers(Collection& collection, std::string& text) {
  const uint32_t dim = collection.spec().dim;
  const std::vector<float> queries = Queries(kQueries, dim);
  QueryParams params;
  params.limit = kTopK;
  params.exact = true;
  TESSERA_ASSIGN_OR_RETURN(const auto results, collection.QueryBatch({queries.data(), kQueries, dim}, params));
  for (const QueryResult& result : results) {
    std::vector<std::string> words;
    for (const Hit& hit : result.hits) words.push_back(hit.id.ToString() + "=" + Score(hit.score));
    Add(text, "exact", words);
  }
  return OkStatus();
}

Status DescribeFilters(Collection& collection, std::string& text) {
  for (const char* expression :
       {"kind = \"k1\"", "price >= 2.5 and sale = true", "stock in (1, 2, 3, 70)", "added < \"2026-11-04T00:00:00Z\"",
        "geo_radius(place, 40, 1.5, 500000)", "deep.tag = \"t3\"", "missing(kind)", "id in (1, \"key-3\")", "new = 2"}) {
    TESSERA_ASSIGN_OR_RETURN(const Filter filter, ParseFilter(expression));
    TESSERA_ASSIGN_OR_RETURN(const uint64_t count, collection.Count(filter));
    Add(text, "filter", {expression, "passes", std::to_string(count)});
  }
  TESSERA_ASSIGN_OR_RETURN(const auto counts, collection.Facet("kind", nullptr, 10));
  for (const FacetCount& count : counts) Add(text, "facet", {count.value.ToString(), std::to_string(count.count)});
  return OkStatus();
}

Status DescribeCodebooks(Collection& collection, std::string& text) {
  TESSERA_ASSIGN_OR_RETURN(const auto codebooks, collection.codebooks().List());
  for (const CodebookInfo& info : codebooks) {
    TESSERA_ASSIGN_OR_RETURN(const std::string file, collection.codebooks().Export(info.version));
    Add(text, "codebook",
        {std::to_string(info.version), CodebookStateName(info.state), info.asked.ToString(), info.spec.ToString(),
         std::to_string(file.size()), std::to_string(Crc32c(file)), "rows", std::to_string(info.trained_rows), info.label});
  }
  return OkStatus();
}

}  // namespace

CatalogOptions Options(const std::string& path) {
  CatalogOptions options;
  options.path = path;
  options.rebalance = false;
  options.disk_reserve_bytes = 0;
  options.ingest_rows = 150;  // some commits are files beside the log
  options.clock = [] { return kNowMs; };
  return options;
}

std::vector<float> Queries(size_t n, uint32_t dim) { return Rows(n, dim, 4711); }

Status Fill(Catalog& catalog) {
  for (const Plan& plan : kPlans) {
    const bool product = plan.name == std::string("product");
    TESSERA_RETURN_IF_ERROR(product ? FillProduct(catalog, plan) : FillOne(catalog, plan));
  }
  return FillPlanned(catalog);
}

StatusOr<std::string> Describe(Collection& collection, const std::string& name) {
  const CollectionSpec spec = collection.spec();
  const CollectionStats stats = collection.Stats();
  std::string text;
  Add(text, "collection",
      {name, std::to_string(spec.dim), std::to_string(static_cast<int>(spec.metric)), spec.quantizer.ToString(), "goal",
       Score(static_cast<float>(spec.goal.bytes_per_vector)), "rows", std::to_string(stats.rows), "commit",
       std::to_string(stats.commit), "generation", std::to_string(stats.generation.value), stats.quantizer, "curve",
       std::to_string(stats.tuned_queries), "plan", std::to_string(Crc32c(stats.plan))});
  TESSERA_RETURN_IF_ERROR(DescribeCodebooks(collection, text));
  TESSERA_RETURN_IF_ERROR(DescribeAnswers(collection, text));
  if (!spec.payload.fields().empty()) TESSERA_RETURN_IF_ERROR(DescribeFilters(collection, text));
  TESSERA_RETURN_IF_ERROR(DescribePoints(collection, text));
  return text;
}

StatusOr<std::string> Describe(Catalog& catalog) {
  std::string text;
  for (const std::string& name : catalog.List()) {
    TESSERA_ASSIGN_OR_RETURN(const auto collection, catalog.Get(name));
    TESSERA_ASSIGN_OR_RETURN(const std::string one, Describe(*collection, name));
    text += one;
  }
  TESSERA_ASSIGN_OR_RETURN(const auto backups, catalog.backups().List(""));
  for (const BackupInfo& info : backups) {
    Add(text, "backup",
        {info.collection, std::to_string(info.id), info.damaged ? "damaged" : "whole", std::to_string(info.format), "commit",
         std::to_string(info.commit), "rows", std::to_string(info.rows), "at", std::to_string(info.time_ms),
         std::to_string(info.dim), std::to_string(static_cast<int>(info.metric)), info.quantizer});
    TESSERA_RETURN_IF_ERROR(catalog.backups().Verify(info.collection, info.id, {}));
    TESSERA_ASSIGN_OR_RETURN(auto restored, catalog.backups().Restore(info.collection, info.id, "restored", {}));
    TESSERA_ASSIGN_OR_RETURN(const std::string one, Describe(*restored, "restored"));
    text += one;
    restored.reset();
    TESSERA_RETURN_IF_ERROR(catalog.Drop("restored"));
  }
  return text;
}

}  // namespace tessera::released
