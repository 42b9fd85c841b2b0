// Collections over the wire, and what a restart keeps.
#include <future>

#include "tests/e2e/server_fixture.h"

namespace tessera::testing {
namespace {

using grpc::StatusCode;

class ServerCollectionsTest : public ServerTest {
 protected:
  grpc::Status TryCreate(const v1::Collection& collection) {
    v1::CreateCollectionRequest request;
    *request.mutable_collection() = collection;
    grpc::ClientContext context;
    SetDeadline(context);
    v1::Collection created;
    return collections_->Create(&context, request, &created);
  }

  grpc::Status List(int page_size, const std::string& token,
                    v1::ListCollectionsResponse* response) {
    v1::ListCollectionsRequest request;
    request.set_page_size(page_size);
    request.set_page_token(token);
    grpc::ClientContext context;
    SetDeadline(context);
    response->Clear();
    return collections_->List(&context, request, response);
  }

  grpc::Status Get(const std::string& name, v1::Collection* collection) {
    v1::GetCollectionRequest request;
    request.set_name(name);
    grpc::ClientContext context;
    SetDeadline(context);
    return collections_->Get(&context, request, collection);
  }

  grpc::Status Drop(const std::string& name) {
    v1::DeleteCollectionRequest request;
    request.set_name(name);
    grpc::ClientContext context;
    SetDeadline(context);
    v1::DeleteCollectionResponse response;
    return collections_->Delete(&context, request, &response);
  }

  grpc::Status Stats(const std::string& name, v1::CollectionStats* stats) {
    v1::CollectionStatsRequest request;
    request.set_name(name);
    grpc::ClientContext context;
    SetDeadline(context);
    return collections_->Stats(&context, request, stats);
  }
};

TEST_F(ServerCollectionsTest, CreateGetAndDelete) {
  const v1::Collection created = Create("a", 8, v1::METRIC_COSINE, "IVF16,PQ4,Refine(SQ8)");
  EXPECT_EQ(created.state(), v1::COLLECTION_STATE_UNTRAINED);
  v1::Collection got;
  ASSERT_TRUE(Get("a", &got).ok());
  EXPECT_EQ(got.SerializeAsString(), created.SerializeAsString());
  EXPECT_EQ(got.dim(), 8u);
  EXPECT_EQ(got.metric(), v1::METRIC_COSINE);
  EXPECT_FALSE(got.auto_train());
  EXPECT_TRUE(got.sync_writes());
  EXPECT_NE(got.quantizer().find("IVF16"), std::string::npos);
  ASSERT_TRUE(Drop("a").ok());
  ExpectError(Get("a", &got), StatusCode::NOT_FOUND, "a");
  ExpectError(Drop("a"), StatusCode::NOT_FOUND, "a");
  EXPECT_EQ(Create("a", 4).dim(), 4u);
}

TEST_F(ServerCollectionsTest, BadOnesAreRefusedByField) {
  v1::Collection good;
  good.set_name("b");
  good.set_dim(8);
  good.set_metric(v1::METRIC_L2);
  v1::Collection bad = good;
  bad.clear_name();
  ExpectError(TryCreate(bad), StatusCode::INVALID_ARGUMENT, "collection.name is missing");
  bad.set_name("../etc");
  ExpectError(TryCreate(bad), StatusCode::INVALID_ARGUMENT, "name");
  bad.set_name(std::string(129, 'n'));
  ExpectError(TryCreate(bad), StatusCode::INVALID_ARGUMENT, "name");
  bad = good;
  bad.set_dim(0);
  ExpectError(TryCreate(bad), StatusCode::INVALID_ARGUMENT,
              "collection.dim is 0, expected 1 to 65535");
  bad.set_dim(65536);
  ExpectError(TryCreate(bad), StatusCode::INVALID_ARGUMENT, "collection.dim");
  bad = good;
  bad.clear_metric();
  ExpectError(TryCreate(bad), StatusCode::INVALID_ARGUMENT, "collection.metric is missing");
  bad.set_metric(static_cast<v1::Metric>(77));
  ExpectError(TryCreate(bad), StatusCode::INVALID_ARGUMENT, "collection.metric is 77");
  bad = good;
  bad.set_quantizer("PQfour");
  ExpectError(TryCreate(bad), StatusCode::INVALID_ARGUMENT, "collection.quantizer: ");
  ASSERT_TRUE(TryCreate(good).ok());
  ExpectError(TryCreate(good), StatusCode::ALREADY_EXISTS, "b");
  v1::Collection collection;
  ExpectError(Get("", &collection), StatusCode::INVALID_ARGUMENT, "name is missing");
}

TEST_F(ServerCollectionsTest, ListPagesInOrder) {
  for (const char* name : {"d", "b", "e", "a", "c"}) Create(name, 2);
  v1::ListCollectionsResponse page;
  ASSERT_TRUE(List(2, "", &page).ok());
  ASSERT_EQ(page.collections_size(), 2);
  EXPECT_EQ(page.collections(0).name(), "a");
  EXPECT_EQ(page.collections(1).name(), "b");
  const std::string token = page.next_page_token();
  ASSERT_TRUE(Drop("b").ok());  // the place is kept though the name is gone
  ASSERT_TRUE(List(2, token, &page).ok());
  ASSERT_EQ(page.collections_size(), 2);
  EXPECT_EQ(page.collections(0).name(), "c");
  EXPECT_EQ(page.collections(1).name(), "d");
  ASSERT_TRUE(List(2, page.next_page_token(), &page).ok());
  ASSERT_EQ(page.collections_size(), 1);
  EXPECT_TRUE(page.next_page_token().empty());
  ASSERT_TRUE(List(0, "", &page).ok());
  EXPECT_EQ(page.collections_size(), 4);
  ExpectError(List(-1, "", &page), StatusCode::INVALID_ARGUMENT, "page_size is -1");
  ExpectError(List(0, "nonsense!", &page), StatusCode::INVALID_ARGUMENT, "page_token");
  ExpectError(List(0, "b3BlcmF0aW9uczoxNw", &page), StatusCode::INVALID_ARGUMENT, "page_token");
}

TEST_F(ServerCollectionsTest, StatsCountBytes) {
  Create("a", 16);
  Load("a", 16, 1000);
  v1::CollectionStats stats;
  ASSERT_TRUE(Stats("a", &stats).ok());
  EXPECT_EQ(stats.rows(), 1000u);
  EXPECT_GE(stats.memory().codes(), 1000u * 16 * 4);
  EXPECT_EQ(stats.bytes_per_vector(), static_cast<double>(stats.memory().total()) / 1000);
  EXPECT_GT(stats.process_anonymous_bytes(), stats.memory().total());
  EXPECT_GE(stats.process_resident_bytes(), stats.process_anonymous_bytes());
  EXPECT_GE(stats.process_peak_resident_bytes(), stats.process_resident_bytes() * 9 / 10);
  EXPECT_FALSE(stats.isa().empty());
  ExpectError(Stats("b", &stats), StatusCode::NOT_FOUND, "b");
}

TEST_F(ServerCollectionsTest, RestartKeepsEverything) {
  Create("a", 8);
  Create("empty", 3, v1::METRIC_INNER_PRODUCT);
  Load("a", 8, 2000);
  ASSERT_EQ(Train("a", "IVF8,PQ4,Refine(SQ8)").error_code(), 0);
  Load("a", 8, 100, 2000);
  v1::QueryRequest query;
  query.set_collection("a");
  query.mutable_vector()->set_f32_le(F32Le(Row(2050, 8)));
  query.mutable_params()->set_rerank(v1::RERANK_TIER_RAW);
  const v1::QueryResponse before = Query(query);
  EXPECT_EQ(before.hits(0).id().num(), 2050u);
  Restart();
  const v1::QueryResponse after = Query(query);
  EXPECT_EQ(after.generation(), 1u);
  ASSERT_EQ(after.hits_size(), before.hits_size());
  for (int i = 0; i < after.hits_size(); ++i) {
    EXPECT_EQ(after.hits(i).id().num(), before.hits(i).id().num());
    EXPECT_EQ(after.hits(i).score(), before.hits(i).score());
  }
  v1::Collection collection;
  ASSERT_TRUE(Get("a", &collection).ok());
  EXPECT_EQ(collection.rows(), 2100u);
  EXPECT_EQ(collection.state(), v1::COLLECTION_STATE_SERVING);
  ASSERT_TRUE(Get("empty", &collection).ok());
  EXPECT_EQ(collection.metric(), v1::METRIC_INNER_PRODUCT);
}

// The last reference to a dropped collection is let go by whoever still works on it, its committer
// at last.
TEST_F(ServerCollectionsTest, DropWhileWritesAreUnderWay) {
  for (int round = 0; round < 5; ++round) {
    Create("a", 4);
    std::promise<void> first;
    auto writer = std::async(std::launch::async, [&] {
      grpc::Status status;
      for (size_t i = 0; status.ok(); ++i) {
        v1::UpsertRequest request;
        request.set_collection("a");
        request.mutable_columns()->add_nums(i);
        request.mutable_columns()->mutable_vectors()->set_f32_le(F32Le(Row(i, 4)));
        grpc::ClientContext context;
        SetDeadline(context);
        v1::UpsertResponse response;
        status = points_->Upsert(&context, request, &response);
        if (i == 0) first.set_value();
      }
      return status;
    });
    first.get_future().wait();
    ASSERT_TRUE(Drop("a").ok());
    // Unknown from now on; a write under way may find its files gone instead.
    const StatusCode code = writer.get().error_code();
    EXPECT_TRUE(code == StatusCode::NOT_FOUND || code == StatusCode::UNAVAILABLE) << code;
  }
}

TEST_F(ServerCollectionsTest, DataDirectoryInUseIsRefused) {
  const auto second = server::Server::Start(config_, Catalog::Open);
  ASSERT_FALSE(second.ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
  Create("still-served", 2);
}

TEST_F(ServerCollectionsTest, AddressInUseIsRefused) {
  server::Config other = config_;
  other.data = dir_.path() + "/other";
  other.listen = server_->address();
  const auto second = server::Server::Start(other, Catalog::Open);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(MessageOf(second.status()).find(server_->address()), std::string::npos)
      << second.status();
}

}  // namespace
}  // namespace tessera::testing
