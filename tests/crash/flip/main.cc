// The process that is asked while its files are damaged. usage: flip_child make|add|ask DIRECTORY
//
// make: a data directory with a trained collection and an untrained one, in sorted files and blob files.
// add: some more points to both, which stay in the logs.
// ask: everything that can be asked, a line each on stdout: "<question> ok <hash of the answer>" or
// "<question> error <code> <message>".
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "index/catalog.h"
#include "index/thread_pool.h"

namespace {

using namespace tessera;

constexpr uint32_t kDim = 48;  // vectors are long enough for blob files
constexpr uint64_t kFiled = 700;
constexpr uint64_t kLogged = 150;
constexpr unsigned kPatience = 120;  // seconds, before a process that hangs is one that crashed

std::vector<float> Rows(size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> rows(n * kDim);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = normal(random) + static_cast<float>(i / kDim % 7);
  return rows;
}

PointId IdOf(uint64_t i) { return i % 5 == 0 ? PointId("key-" + std::to_string(i)) : PointId(i); }

Status Load(Collection& collection, uint64_t begin, uint64_t end) {
  const std::vector<float> rows = Rows(end, 1);
  std::vector<std::string> payloads;
  for (uint64_t i = begin; i < end; ++i) {
    payloads.push_back("{\"n\":" + std::to_string(i % 10) + ",\"text\":\"" + std::string(150, static_cast<char>('a' + i % 26)) + "\"}");
  }
  std::vector<PointInput> points;
  for (uint64_t i = begin; i < end; ++i) {
    const auto* bytes = reinterpret_cast<const char*>(rows.data() + i * kDim);
    points.push_back({IdOf(i), ElementType::kF32, {bytes, kDim * sizeof(float)}});
    if (i % 2 == 0) points.back().payload = payloads[i - begin];
  }
  // Some dozens a commit: the log has several records.
  for (size_t at = 0; at < points.size(); at += 50) {
    const std::vector<PointInput> some(points.begin() + static_cast<ptrdiff_t>(at),
                                       points.begin() + static_cast<ptrdiff_t>(std::min(at + 50, points.size())));
    UpsertOptions options;
    options.request_id = "request " + std::to_string(begin + at);
    TESSERA_RETURN_IF_ERROR(collection.Upsert(some, options).status());
  }
  return OkStatus();
}

Status Make(Catalog& catalog) {
  CollectionSpec spec;
  spec.dim = kDim;
  spec.auto_train = false;
  spec.quantizer = *QuantizerSpec::Parse("IVF16,PQ12,Refine(SQ8)");
  TESSERA_ASSIGN_OR_RETURN(const auto trained, catalog.Create("trained", spec));
  TESSERA_RETURN_IF_ERROR(Load(*trained, 0, kFiled));
  TESSERA_RETURN_IF_ERROR(trained->Train({}));
  TESSERA_RETURN_IF_ERROR(trained->Reclaim());
  TESSERA_ASSIGN_OR_RETURN(const auto raw, catalog.Create("raw", spec));
  TESSERA_RETURN_IF_ERROR(Load(*raw, 0, 120));
  return raw->Reclaim();
}

Status Add(Catalog& catalog) {
  TESSERA_ASSIGN_OR_RETURN(const auto trained, catalog.Get("trained"));
  TESSERA_RETURN_IF_ERROR(Load(*trained, kFiled, kFiled + kLogged));
  TESSERA_RETURN_IF_ERROR(trained->Delete({IdOf(3), IdOf(710)}).status());
  TESSERA_ASSIGN_OR_RETURN(const auto raw, catalog.Get("raw"));
  return Load(*raw, 120, 160);
}

// FNV-1a of what an answer says.
class Answer {
 public:
  void Add(const void* data, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) hash_ = (hash_ ^ static_cast<const uint8_t*>(data)[i]) * 1099511628211ULL;
  }
  void Add(const std::string& text) { Add(text.data(), text.size()); }
  void Add(uint64_t number) { Add(&number, sizeof(number)); }
  void Add(const Hit& hit) {
    Add(hit.id.ToString());
    Add(&hit.score, sizeof(hit.score));
    Add(hit.payload);
  }
  void Add(const StoredPoint& point) {
    Add(point.id.ToString());
    Add(point.vector);
    Add(point.payload);
    Add(point.version);
  }
  uint64_t hash() const { return hash_; }

 private:
  uint64_t hash_ = 1469598103934665603ULL;
};

void Ask(const std::string& question, const std::function<Status(Answer&)>& work) {
  Answer answer;
  const Status status = work(answer);
  if (status.ok()) {
    std::printf("%s ok %016llx\n", question.c_str(), static_cast<unsigned long long>(answer.hash()));
  } else {
    std::string message = MessageOf(status);
    for (char& c : message) c = c == '\n' ? ' ' : c;
    std::printf("%s error %d %s\n", question.c_str(), static_cast<int>(status.code()), message.c_str());
  }
  std::fflush(stdout);
}

void AskSearches(Collection& collection, const std::string& name) {
  const std::vector<float> queries = Rows(4, 77);
  const auto search = [&](const std::string& question, const QueryParams& params) {
    Ask(name + question, [&](Answer& answer) -> Status {
      for (size_t q = 0; q < 4; ++q) {
        TESSERA_ASSIGN_OR_RETURN(const QueryResult result, collection.Query(queries.data() + q * kDim, kDim, params));
        for (const Hit& hit : result.hits) answer.Add(hit);
      }
      return OkStatus();
    });
  };
  QueryParams params;
  params.nprobe = 6;
  for (const RerankTier tier : {RerankTier::kNone, RerankTier::kRefine, RerankTier::kRaw}) {
    params.rerank = tier;
    search(".search" + std::to_string(static_cast<int>(tier)), params);
  }
  params.with_payload = true;
  search(".payloads", params);
  params.with_payload = false;
  const auto filter = ParseFilter("n < 4");
  if (filter.ok()) params.filter = *filter;
  search(".filter", params);
  params = {};
  params.exact = true;
  search(".exact", params);
}

void AskPoints(Collection& collection, const std::string& name) {
  for (uint64_t i = 0; i < kFiled + kLogged; i += 17) {
    Ask(name + ".get" + std::to_string(i), [&](Answer& answer) -> Status {
      TESSERA_ASSIGN_OR_RETURN(const auto points, collection.Get({IdOf(i)}));
      if (points[0]) answer.Add(*points[0]);
      return OkStatus();
    });
  }
  Ask(name + ".list", [&](Answer& answer) -> Status {
    ListParams params;
    params.with_vector = true;
    params.with_payload = true;
    do {
      TESSERA_ASSIGN_OR_RETURN(const ListResult page, collection.List(params));
      for (const StoredPoint& point : page.points) answer.Add(point);
      params.after = page.next;
    } while (!params.after.empty());
    return OkStatus();
  });
  Ask(name + ".count", [&](Answer& answer) {
    answer.Add(collection.Count());
    return OkStatus();
  });
  Ask(name + ".facet", [&](Answer& answer) -> Status {
    TESSERA_ASSIGN_OR_RETURN(const auto counts, collection.Facet("n", nullptr, 100));
    for (const FacetCount& count : counts) answer.Add(count.count);
    return OkStatus();
  });
  Ask(name + ".codebook", [&](Answer& answer) -> Status {
    TESSERA_ASSIGN_OR_RETURN(const auto all, collection.codebooks().List());
    for (const CodebookInfo& info : all) {
      TESSERA_ASSIGN_OR_RETURN(const std::string file, collection.codebooks().Export(info.version));
      answer.Add(file);
    }
    return OkStatus();
  });
}

void AskWrite(Collection& collection, const std::string& name) {
  Ask(name + ".write", [&](Answer& answer) -> Status {
    const std::vector<float> row = Rows(1, 5);
    const std::string bytes(reinterpret_cast<const char*>(row.data()), kDim * sizeof(float));
    TESSERA_RETURN_IF_ERROR(collection.Upsert({{PointId(9999), ElementType::kF32, bytes}}).status());
    TESSERA_ASSIGN_OR_RETURN(const auto points, collection.Get({PointId(9999)}));
    answer.Add(points[0] ? points[0]->vector : std::string("nothing"));
    return OkStatus();
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  alarm(kPatience);
  ThreadPoolExecutor compute(1), io(1);
  CatalogOptions options;
  options.path = argv[2];
  options.compute = &compute;
  options.io = &io;
  options.ingest_rows = 300;
  auto catalog = Catalog::Open(options);
  if (std::strcmp(argv[1], "ask") != 0) {
    const bool make = std::strcmp(argv[1], "make") == 0;
    const Status made = !catalog.ok() ? catalog.status() : make ? Make(**catalog) : Add(**catalog);
    if (!made.ok()) std::fprintf(stderr, "flip_child: %s\n", made.ToString().c_str());
    return made.ok() ? 0 : 3;
  }
  Ask("catalog", [&](Answer&) { return catalog.status(); });
  if (!catalog.ok()) return 0;
  for (const std::string name : {"trained", "raw"}) {
    const auto collection = (*catalog)->Get(name);
    Ask(name, [&](Answer&) { return collection.status(); });
    if (!collection.ok()) continue;
    AskSearches(**collection, name);
    AskPoints(**collection, name);
    AskWrite(**collection, name);
  }
  return 0;
}
