// Single queries that run joined, over the wire.
#include <cmath>

#include "tests/e2e/fault_fixture.h"

namespace tessera::testing {
namespace {

using grpc::StatusCode;

class ServerJoinTest : public ServerTest {
 protected:
  static constexpr uint32_t kDim = 8;
  static constexpr size_t kRows = 2000;
  static constexpr size_t kQueries = 24;

  void SetUp() override {
    Start();
    Create("a", kDim);
    Load("a", kDim, kRows);
    EXPECT_EQ(Train("a", "IVF16,PQ8x4,Refine(SQ8)").error_message(), "");
  }

  static v1::QueryRequest QueryOf(size_t i) {
    v1::QueryRequest request;
    request.set_collection("a");
    request.mutable_vector()->set_f32_le(F32Le(Row(kRows + i, kDim)));
    request.set_limit(i % 3 == 0 ? 3 : 7);
    return request;
  }

  // All at once, each on a thread of its own; replies as text.
  std::vector<std::string> AskAll() {
    std::vector<std::future<v1::QueryResponse>> answers;
    for (size_t i = 0; i < kQueries; ++i) {
      answers.push_back(std::async(std::launch::async, [this, i] { return Query(QueryOf(i)); }));
    }
    std::vector<std::string> texts;
    for (auto& answer : answers) texts.push_back(answer.get().ShortDebugString());
    return texts;
  }
};

TEST_F(ServerJoinTest, AnswersAreThoseOfQueriesThatRunAlone) {
  const std::vector<std::string> alone = AskAll();
  EXPECT_NE(alone[0].find("hits"), std::string::npos);
  Stop();
  config_.query_join_wait_us = 2000;
  config_.query_join_max = 8;
  Start();
  EXPECT_EQ(AskAll(), alone);
  EXPECT_EQ(AskAll(), alone);
}

class ServerJoinFaultsTest : public ServerFaultsTest {
 protected:
  void SetUp() override {
    config_.query_join_wait_us = 100000;
    config_.query_join_max = 2;
    ServerFaultsTest::SetUp();
  }

  std::future<grpc::Status> Ask(const std::vector<float>& vector, uint32_t limit = 10) {
    return std::async(std::launch::async, [this, vector, limit] {
      v1::QueryRequest request;
      request.set_collection("a");
      request.set_limit(limit);
      request.mutable_vector()->set_f32_le(F32Le(vector));
      grpc::ClientContext context;
      SetDeadline(context);
      v1::QueryResponse response;
      return points_->Query(&context, request, &response);
    });
  }
};

TEST_F(ServerJoinFaultsTest, BadOnesFailAloneAndAreNamedAsOnTheWire) {
  fake_->on_query = [](MatrixView<const float> queries,
                       const QueryParams&) -> StatusOr<std::vector<QueryResult>> {
    for (size_t i = 0; i < queries.rows(); ++i) {
      if (std::isnan(queries.row(i)[2])) {
        return InvalidArgument("queries[" + std::to_string(i) + "][2] is NaN");
      }
    }
    return std::vector<QueryResult>(queries.rows());
  };
  auto good = Ask({1, 2, 3, 4});
  auto bad = Ask({1, 2, std::nanf(""), 4});
  auto short_one = Ask({1, 2});
  EXPECT_TRUE(good.get().ok());
  ExpectError(bad.get(), StatusCode::INVALID_ARGUMENT, "vector[2] is NaN");
  ExpectError(short_one.get(), StatusCode::INVALID_ARGUMENT, "vector has 2 components");
}

TEST_F(ServerJoinFaultsTest, WhatCannotJoinRunsAlone) {
  std::atomic<size_t> most{0};
  fake_->on_query = [&](MatrixView<const float> queries, const QueryParams&) {
    if (queries.rows() > most) most = queries.rows();
    return std::vector<QueryResult>(queries.rows());
  };
  for (int i = 0; i < 2; ++i) {
    v1::QueryRequest request = AnyQuery();
    request.mutable_params()->set_exact(true);
    Query(request);
    request.mutable_params()->set_exact(false);
    request.set_explain(true);
    Query(request);
  }
  EXPECT_EQ(most, 1u);
}

TEST_F(ServerJoinFaultsTest, WaitingGroupsAreDrainedAtShutdown) {
  std::vector<std::future<grpc::Status>> answers;
  for (uint32_t limit = 1; limit <= 4; ++limit) answers.push_back(Ask({1, 2, 3, 4}, limit));
  ListCollections();
  Stop();
  for (auto& answer : answers) {
    const grpc::Status status = answer.get();
    // Only one that came after the stop is turned away.
    EXPECT_TRUE(status.ok() || status.error_code() == StatusCode::UNAVAILABLE)
        << status.error_message();
  }
}

}  // namespace
}  // namespace tessera::testing
