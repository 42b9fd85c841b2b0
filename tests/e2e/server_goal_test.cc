// Collections created for a goal instead of a quantizer, over the wire, on the real engine.
#include "tests/e2e/server_fixture.h"

namespace tessera::testing {
namespace {

using grpc::StatusCode;

class ServerGoalTest : public ServerTest {
 protected:
  static v1::CreateCollectionRequest Request(uint32_t dim = 16) {
    v1::CreateCollectionRequest request;
    request.mutable_collection()->set_name("a");
    request.mutable_collection()->set_dim(dim);
    request.mutable_collection()->set_metric(v1::METRIC_L2);
    request.mutable_collection()->set_auto_train(false);
    return request;
  }
  grpc::Status TryCreate(const v1::CreateCollectionRequest& request, v1::Collection* made) {
    grpc::ClientContext context;
    SetDeadline(context);
    return collections_->Create(&context, request, made);
  }
  void ExpectRefused(const v1::CreateCollectionRequest& request, const std::string& part) {
    v1::Collection made;
    ExpectError(TryCreate(request, &made), StatusCode::INVALID_ARGUMENT, part);
  }
  v1::Collection Get() {
    v1::GetCollectionRequest request;
    request.set_name("a");
    v1::Collection found;
    grpc::ClientContext context;
    SetDeadline(context);
    EXPECT_TRUE(collections_->Get(&context, request, &found).ok());
    return found;
  }
};

TEST_F(ServerGoalTest, BytesPerVectorIsPlannedAtTrainingAndTold) {
  v1::CreateCollectionRequest request = Request();
  request.mutable_collection()->set_bytes_per_vector(6);
  v1::Collection made;
  ASSERT_TRUE(TryCreate(request, &made).ok());
  EXPECT_EQ(made.bytes_per_vector(), 6);
  EXPECT_EQ(made.plan(), "");
  Load("a", 16, 2000);
  const v1::Operation operation = Train("a");
  ASSERT_EQ(operation.error_code(), 0) << operation.error_message();
  const v1::Collection found = Get();
  EXPECT_EQ(found.bytes_per_vector(), 6);
  EXPECT_EQ(found.plan().find("bytes_per_vector 6: " + found.quantizer()), 0u) << found.plan();
  Restart();
  EXPECT_EQ(Get().plan(), found.plan());
  // A quantizer asked for by name takes the goal's place.
  ASSERT_EQ(Train("a", "IVF8,PQ4").error_code(), 0);
  EXPECT_EQ(Get().bytes_per_vector(), 0);
  EXPECT_EQ(Get().plan(), "");
}

TEST_F(ServerGoalTest, GoalsThatContradictOrCannotBeMetAreRefused) {
  v1::CreateCollectionRequest request = Request();
  request.mutable_collection()->set_bytes_per_vector(1);
  ExpectRefused(request, "collection.bytes_per_vector must be at least 2");
  request.mutable_collection()->set_bytes_per_vector(8);
  request.mutable_collection()->set_quantizer("PQ4");
  ExpectRefused(request, "exclude each other");
  request = Request();
  request.mutable_collection()->set_memory_budget(1 << 20);
  ExpectRefused(request, "expected_rows is missing");
  request.mutable_collection()->set_expected_rows(1000000);
  ExpectRefused(request, "memory_budget is 1048576, but 1000000 rows of 16 dimensions take at least");
  request = Request();
  request.mutable_collection()->set_target_recall(1.5);
  ExpectRefused(request, "target_recall must be above 0 and below 1");
}

}  // namespace
}  // namespace tessera::testing
