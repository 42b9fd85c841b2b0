// A search allocates nothing once its thread is warm: every allocation of the process is counted.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <vector>

#include "tests/unit/engine/collection_fixture.h"

namespace {

thread_local bool counting = false;
thread_local size_t allocations = 0;

void* Allocate(size_t bytes, size_t alignment) {
  if (counting) ++allocations;
  void* p = alignment <= alignof(std::max_align_t)
                ? std::malloc(bytes)
                : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

void* AllocateOrNull(size_t bytes) {
  if (counting) ++allocations;
  return std::malloc(bytes);
}

}  // namespace

void* operator new(size_t bytes) { return Allocate(bytes, 1); }
void* operator new[](size_t bytes) { return Allocate(bytes, 1); }
void* operator new(size_t bytes, std::align_val_t alignment) {
  return Allocate(bytes, static_cast<size_t>(alignment));
}
void* operator new[](size_t bytes, std::align_val_t alignment) {
  return Allocate(bytes, static_cast<size_t>(alignment));
}
// Those that do not throw as well: a sanitizer's own would not go with these deletes.
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return AllocateOrNull(bytes); }
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept { return AllocateOrNull(bytes); }
void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void operator delete[](void* p, size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, size_t, std::align_val_t) noexcept { std::free(p); }

namespace tessera {
namespace {

constexpr uint32_t kDim = 24;

class Allocations : public CollectionTest, public ::testing::WithParamInterface<RerankTier> {};

TEST_P(Allocations, NoneInAWarmSearch) {
  Create(kDim, Metric::kCosine, "RR,IVF128,PQ6x8,Refine(SQ8)");
  Load(ClusteredRows(6000, kDim, 1), kDim);
  ASSERT_TRUE(collection_->Train({}).ok());
  const auto queries = ClusteredRows(200, kDim, 2);
  QueryParams params;
  params.nprobe = 8;
  params.rerank = GetParam();
  std::vector<QueryResult> results;
  const auto search_all = [&] {
    for (size_t i = 0; i < 200; ++i) {
      ASSERT_TRUE(
          collection_->QueryBatch({queries.data() + i * kDim, 1, kDim}, params, results).ok());
    }
  };
  search_all();
  allocations = 0;
  counting = true;
  search_all();
  counting = false;
  EXPECT_EQ(allocations, 0u);
  EXPECT_EQ(results[0].hits.size(), 10u);
}

// What is asked for by recall is chosen without an allocation, too.
TEST_F(CollectionTest, NoneInAWarmSearchForRecall) {
  Create(kDim, Metric::kCosine, "RR,IVF128,PQ6x8,Refine(SQ8)");
  Load(ClusteredRows(6000, kDim, 1), kDim);
  ASSERT_TRUE(collection_->Train({}).ok());
  const auto queries = ClusteredRows(400, kDim, 2);
  TuneOptions tune;
  tune.queries = {queries.data(), 400, kDim};
  while (absl::IsAlreadyExists(collection_->Tune(tune).status())) {
  }
  QueryParams params;
  params.target_recall = 0.9f;
  std::vector<QueryResult> results;
  const auto search_all = [&] {
    for (size_t i = 0; i < 200; ++i) {
      ASSERT_TRUE(
          collection_->QueryBatch({queries.data() + i * kDim, 1, kDim}, params, results).ok());
    }
  };
  search_all();
  ASSERT_TRUE(results[0].recall_estimate.has_value());
  ASSERT_NE(results[0].rerank, RerankTier::kRaw) << "reads of the store allocate";
  allocations = 0;
  counting = true;
  search_all();
  counting = false;
  EXPECT_EQ(allocations, 0u);
}

TEST(AllocationCounter, Counts) {
  allocations = 0;
  counting = true;
  std::vector<int> v(100);
  counting = false;
  EXPECT_EQ(allocations, 1u);
}

INSTANTIATE_TEST_SUITE_P(Tiers, Allocations,
                         ::testing::Values(RerankTier::kNone, RerankTier::kRefine),
                         [](const auto& tier) { return tier.index == 0 ? "Codes" : "Refined"; });

}  // namespace
}  // namespace tessera
