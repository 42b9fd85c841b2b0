// Prints the ids and scores that a trained collection answers, for comparison between instruction sets.
// usage: recall_ids DIRECTORY
#include <cstdio>

#include "index/catalog.h"
#include "tests/unit/engine/collection_fixture.h"

int main(int argc, char** argv) {
  using namespace tessera;
  if (argc != 2) return 2;
  CatalogOptions options;
  options.path = argv[1];
  const auto catalog = Catalog::Open(options);
  if (!catalog.ok()) return 3;
  constexpr size_t kDim = 40;
  const auto queries = ClusteredRows(100, kDim, 2);
  for (const auto& name : (*catalog)->List()) {
    const auto collection = *(*catalog)->Get(name);
    for (const RerankTier tier : {RerankTier::kNone, RerankTier::kRefine, RerankTier::kRaw}) {
      QueryParams params;
      params.rerank = tier;
      params.nprobe = 6;
      const auto results = collection->QueryBatch({queries.data(), 100, kDim}, params);
      if (!results.ok()) return 3;
      for (const QueryResult& result : *results) {
        for (const Hit& hit : result.hits) {
          std::printf("%llu:%a ", static_cast<unsigned long long>(hit.id.number()), hit.score);
        }
        std::printf("\n");
      }
    }
  }
  return 0;
}
