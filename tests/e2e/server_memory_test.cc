// Memory limits over the wire: refused, told, changed, kept over restarts.
#include "tests/e2e/server_fixture.h"

namespace tessera::testing {
namespace {

using grpc::StatusCode;

constexpr uint32_t kDim = 32;
constexpr uint64_t kMiB = 1u << 20;

class ServerMemoryTest : public ServerTest {
 protected:
  grpc::Status TryCreate(const std::string& name, uint64_t limit, uint64_t expected_rows = 0) {
    v1::CreateCollectionRequest request;
    request.mutable_collection()->set_name(name);
    request.mutable_collection()->set_dim(kDim);
    request.mutable_collection()->set_metric(v1::METRIC_L2);
    request.mutable_collection()->set_auto_train(false);
    request.mutable_collection()->set_memory_limit_bytes(limit);
    request.mutable_collection()->set_expected_rows(expected_rows);
    grpc::ClientContext context;
    SetDeadline(context);
    v1::Collection made;
    const grpc::Status status = collections_->Create(&context, request, &made);
    if (status.ok()) { EXPECT_EQ(made.memory_limit_bytes(), limit); }
    return status;
  }
  grpc::Status Update(const std::string& name, uint64_t limit, v1::Collection* updated) {
    v1::UpdateCollectionRequest request;
    request.set_name(name);
    request.set_memory_limit_bytes(limit);
    grpc::ClientContext context;
    SetDeadline(context);
    return collections_->Update(&context, request, updated);
  }
  grpc::Status TryUpsert(const std::string& name, size_t n, size_t first) {
    v1::UpsertRequest request;
    request.set_collection(name);
    std::string bytes;
    for (size_t i = first; i < first + n; ++i) {
      bytes += F32Le(Row(i, kDim));
      request.mutable_columns()->add_nums(i);
    }
    request.mutable_columns()->mutable_vectors()->set_f32_le(bytes);
    grpc::ClientContext context;
    SetDeadline(context);
    v1::UpsertResponse response;
    return points_->Upsert(&context, request, &response);
  }
};

TEST_F(ServerMemoryTest, ACollectionsLimitIsKeptToldAndRaised) {
  ASSERT_TRUE(TryCreate("a", 200000).ok());
  ASSERT_TRUE(TryUpsert("a", 1000, 0).ok());
  const grpc::Status refused = TryUpsert("a", 1000, 1000);
  ExpectError(refused, StatusCode::RESOURCE_EXHAUSTED, "of the collection's memory limit, 200000 bytes");
  const v1::CollectionStats stats = Stats("a");
  EXPECT_EQ(stats.rows(), 1000u);
  EXPECT_EQ(stats.memory_budget().limit(), 200000u);
  EXPECT_EQ(stats.memory_budget().used(), stats.memory().total());
  EXPECT_EQ(stats.memory_budget().refused(), 1u);
  EXPECT_EQ(stats.memory_budget().last_refusal(), refused.error_message());
  EXPECT_EQ(stats.server_memory().budget().limit(), 0u);
  EXPECT_EQ(stats.server_memory().collections(), stats.memory().total());
  v1::Collection updated;
  ASSERT_TRUE(Update("a", kMiB, &updated).ok());
  EXPECT_EQ(updated.memory_limit_bytes(), kMiB);
  EXPECT_TRUE(TryUpsert("a", 1000, 1000).ok());
  Restart();
  EXPECT_EQ(Stats("a").memory_budget().limit(), kMiB);
  ExpectError(Update("none", 1, &updated), StatusCode::NOT_FOUND, "none");
}

TEST_F(ServerMemoryTest, ExpectedRowsMustFit) {
  ExpectError(TryCreate("a", kMiB, 1000000), StatusCode::RESOURCE_EXHAUSTED, "raise the limit to at least");
  EXPECT_TRUE(TryCreate("a", 256 * kMiB, 1000000).ok());
}

TEST_F(ServerMemoryTest, TheServersLimitIsOfAllTogether) {
  config_.block_cache_bytes = config_.write_buffer_bytes = kMiB;
  config_.memory_limit_bytes = 4 * kMiB;
  Restart();
  ASSERT_TRUE(TryCreate("a", 0).ok());
  ASSERT_TRUE(TryCreate("b", 0).ok());
  ASSERT_TRUE(TryUpsert("a", 8000, 0).ok());
  ASSERT_TRUE(TryUpsert("b", 5000, 0).ok());
  ExpectError(TryUpsert("b", 8000, 5000), StatusCode::RESOURCE_EXHAUSTED, "memory limit of the server");
  const v1::ServerMemory memory = Stats("b").server_memory();
  EXPECT_EQ(memory.budget().limit(), 4 * kMiB);
  EXPECT_EQ(memory.store(), kMiB);
  EXPECT_EQ(memory.collections(), Stats("a").memory().total() + Stats("b").memory().total());
  EXPECT_EQ(memory.budget().used(), memory.collections() + memory.store() + memory.queues());
  EXPECT_EQ(memory.budget().refused(), 1u);
  // Less than there is: it is served.
  config_.memory_limit_bytes = 2 * kMiB;
  Restart();
  EXPECT_EQ(Stats("a").rows(), 8000u);
  EXPECT_GT(Stats("a").server_memory().budget().used(), 2 * kMiB);
  ExpectError(TryUpsert("b", 1, 9000), StatusCode::RESOURCE_EXHAUSTED, "memory limit of the server");
  v1::QueryRequest query;
  query.set_collection("a");
  query.set_limit(3);
  query.mutable_vector()->set_f32_le(F32Le(Row(5, kDim)));
  EXPECT_EQ(Query(query).hits_size(), 3);
}

}  // namespace
}  // namespace tessera::testing
