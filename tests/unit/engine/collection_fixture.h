// A catalog in a temporary directory, and vectors to put into it.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "index/catalog.h"
#include "index/thread_pool.h"
#include "tests/temp_dir.h"

namespace tessera {

// n x dim rows in clusters, so that lists and codes have something to find.
inline std::vector<float> ClusteredRows(size_t n, size_t dim, unsigned seed, float shift = 0) {
  std::mt19937 centers_random(99);
  std::normal_distribution<float> normal;
  std::vector<float> centers(32 * dim);
  for (float& c : centers) c = 3 * normal(centers_random) + shift;
  std::mt19937 random(seed);
  std::vector<float> rows(n * dim);
  for (size_t i = 0; i < n; ++i) {
    const float* center = centers.data() + (random() % 32) * dim;
    for (size_t j = 0; j < dim; ++j) rows[i * dim + j] = center[j] + normal(random);
  }
  return rows;
}

inline std::string_view Bytes(const float* v, size_t dim) {
  return {reinterpret_cast<const char*>(v), dim * sizeof(float)};
}

// Lists stay what they are unless a test wants otherwise: what it finds does not depend on the background's pace.
inline CatalogOptions WithoutRebalance() {
  CatalogOptions options;
  options.rebalance = false;
  return options;
}

class CollectionTest : public ::testing::Test {
 protected:
  void SetUp() override { Reopen(); }

  void Reopen() {
    collection_.reset();
    catalog_.reset();
    options_.path = directory_.path();
    options_.compute = &compute_;
    options_.io = &io_;
    options_.background = &background_;
    auto opened = Catalog::Open(options_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    catalog_ = *std::move(opened);
    if (auto found = catalog_->Get("c"); found.ok()) collection_ = *found;
  }

  void Create(uint32_t dim, Metric metric, bool auto_train = false) {
    Create(dim, metric, dim < 8 ? "IVF16,PQ1,Refine(SQ8)" : "IVF16,PQ8,Refine(SQ8)", auto_train);
  }
  // A literal would rather be a bool than a string.
  void Create(uint32_t dim, Metric metric, const char* quantizer) { Create(dim, metric, std::string(quantizer)); }
  void Create(uint32_t dim, Metric metric, const std::string& quantizer, bool auto_train = false) {
    CollectionSpec spec;
    spec.dim = dim;
    spec.metric = metric;
    spec.auto_train = auto_train;
    auto parsed = QuantizerSpec::Parse(quantizer);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    spec.quantizer = *parsed;
    auto made = catalog_->Create("c", spec);
    ASSERT_TRUE(made.ok()) << made.status();
    collection_ = *made;
  }

  // Ids first_id, first_id + 1, ...
  void Load(const std::vector<float>& rows, size_t dim, uint64_t first_id = 0) {
    std::vector<PointInput> points;
    for (size_t i = 0; i < rows.size() / dim; ++i) {
      points.push_back({PointId(first_id + i), ElementType::kF32, Bytes(rows.data() + i * dim, dim)});
    }
    const auto result = collection_->Upsert(points);
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_EQ(result->upserted, points.size());
  }

  std::vector<uint64_t> Ids(const QueryResult& result) {
    std::vector<uint64_t> ids;
    for (const Hit& hit : result.hits) ids.push_back(hit.id.number());
    return ids;
  }

  tessera::testing::TempDir directory_;
  ThreadPoolExecutor compute_{2};
  ThreadPoolExecutor io_{1};
  ThreadPoolExecutor background_{1};
  CatalogOptions options_ = WithoutRebalance();
  std::unique_ptr<Catalog> catalog_;
  std::shared_ptr<Collection> collection_;
};

}  // namespace tessera
