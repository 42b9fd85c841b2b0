// Settings that change while a collection serves.
#include "index/engine/collection_update.h"

#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

using CollectionUpdateTest = CollectionTest;

TEST_F(CollectionUpdateTest, LimitsAreInForceAtOnceAndAfterReopening) {
  Create(8, Metric::kL2);
  Load(ClusteredRows(1000, 8, 1), 8);
  ASSERT_TRUE(collection_->Update({.memory_limit_bytes = 1000}).ok());
  const std::vector<float> more = ClusteredRows(1, 8, 2);
  const std::vector<PointInput> point = {{PointId(5000), ElementType::kF32, Bytes(more.data(), 8)}};
  EXPECT_EQ(collection_->Upsert(point).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(collection_->spec().memory_limit_bytes, 1000u);
  Reopen();
  EXPECT_EQ(collection_->spec().memory_limit_bytes, 1000u);
  EXPECT_EQ(collection_->Stats().budget.limit, 1000u);
  EXPECT_EQ(collection_->Upsert(point).status().code(), absl::StatusCode::kResourceExhausted);
  ASSERT_TRUE(collection_->Update({.memory_limit_bytes = 0}).ok());
  EXPECT_TRUE(collection_->Upsert(point).ok());
}

TEST_F(CollectionUpdateTest, WhatIsAbsentStays) {
  Create(8, Metric::kL2);
  ASSERT_TRUE(collection_->Update({.memory_limit_bytes = 1u << 20}).ok());
  ASSERT_TRUE(collection_->Update({}).ok());
  EXPECT_EQ(collection_->spec().memory_limit_bytes, 1u << 20);
  // A training writes the spec, too.
  Load(ClusteredRows(1000, 8, 1), 8);
  ASSERT_TRUE(collection_->Train({}).ok());
  Reopen();
  EXPECT_EQ(collection_->spec().memory_limit_bytes, 1u << 20);
}

TEST_F(CollectionUpdateTest, AClosedCollectionIsNotFound) {
  Create(8, Metric::kL2);
  ASSERT_TRUE(catalog_->Drop("c").ok());
  EXPECT_TRUE(absl::IsNotFound(collection_->Update({})));
}

}  // namespace
}  // namespace tessera
