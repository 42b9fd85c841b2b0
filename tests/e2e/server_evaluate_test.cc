// Evaluations over the wire, on the real engine.
#include <limits>

#include "tests/e2e/server_fixture.h"

namespace tessera::testing {
namespace {

using grpc::StatusCode;

class ServerEvaluateTest : public ServerTest {
 protected:
  grpc::Status Start(const v1::EvaluateRequest& request, v1::Operation* operation) {
    grpc::ClientContext context;
    SetDeadline(context);
    return training_->Evaluate(&context, request, operation);
  }
  v1::Operation Wait(const std::string& name) {
    v1::WaitOperationRequest request;
    request.set_name(name);
    v1::Operation operation;
    grpc::ClientContext context;
    SetDeadline(context);
    EXPECT_TRUE(training_->WaitOperation(&context, request, &operation).ok());
    return operation;
  }
  v1::Operation Run(const v1::EvaluateRequest& request) {
    v1::Operation operation;
    const grpc::Status status = Start(request, &operation);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return status.ok() ? Wait(operation.name()) : operation;
  }
  void ExpectRefused(const v1::EvaluateRequest& request, StatusCode code,
                     const std::string& part) {
    v1::Operation operation;
    ExpectError(Start(request, &operation), code, part);
  }
  static v1::EvaluateRequest Request(const std::vector<std::string>& specs) {
    v1::EvaluateRequest request;
    request.set_collection("a");
    for (const std::string& spec : specs) request.add_quantizers(spec);
    return request;
  }
};

TEST_F(ServerEvaluateTest, MeasuresSpecsAndLeavesTheCollectionAsItIs) {
  Create("a", 16);
  Load("a", 16, 3000);
  v1::EvaluateRequest request = Request({"IVF8,PQ4", "IVF8,PQ8,Refine(SQ8)", "IVF3000,PQ4"});
  request.add_nprobe(1);
  request.add_nprobe(8);
  const v1::Operation operation = Run(request);
  EXPECT_TRUE(operation.done());
  EXPECT_EQ(operation.error_code(), 0) << operation.error_message();
  EXPECT_EQ(operation.kind(), "evaluate");
  EXPECT_FALSE(operation.has_train_result());
  const v1::EvaluateResult& result = operation.evaluate_result();
  EXPECT_EQ(result.k(), 10u);
  EXPECT_EQ(result.rows(), 2700u);
  EXPECT_EQ(result.queries(), 300u);
  ASSERT_EQ(result.quantizers_size(), 3);
  for (int i : {0, 1}) {
    const v1::EvaluatedQuantizer& row = result.quantizers(i);
    EXPECT_EQ(row.error_code(), 0) << row.error_message();
    EXPECT_EQ(row.nlist(), 8u);
    EXPECT_GT(row.codes().value(), 0.1);
    EXPECT_GT(row.codes().margin(), 0);
    EXPECT_GT(row.train_seconds(), 0);
    EXPECT_GT(row.relative_error(), 0);
    ASSERT_EQ(row.searches_size(), 2);
    EXPECT_EQ(row.searches(0).nprobe(), 1u);
    EXPECT_GT(row.searches(0).probe_loss(), 0);
    EXPECT_EQ(row.searches(1).probe_loss(), 0);
    EXPECT_NEAR(row.searches(0).codes().value() + row.searches(0).probe_loss() +
                    row.searches(0).code_loss(), 1, 1e-9);
  }
  EXPECT_EQ(result.quantizers(0).code_bytes(), 5);
  EXPECT_EQ(result.quantizers(1).refine_bytes(), 22);
  EXPECT_EQ(result.quantizers(2).error_code(), static_cast<int>(StatusCode::INVALID_ARGUMENT));
  EXPECT_NE(result.quantizers(2).error_message().find("3000 rows"), std::string::npos);

  v1::GetCollectionRequest get;
  get.set_name("a");
  v1::Collection collection;
  grpc::ClientContext context;
  SetDeadline(context);
  ASSERT_TRUE(collections_->Get(&context, get, &collection).ok());
  EXPECT_EQ(collection.generation(), 0u);
}

TEST_F(ServerEvaluateTest, QueriesFromElsewhereAndARangeOfBytes) {
  Create("a", 16);
  Load("a", 16, 2000);
  v1::EvaluateRequest request = Request({});
  request.set_min_bytes(3);
  request.set_max_bytes(3);
  request.set_k(3);
  std::string queries;
  for (size_t i = 0; i < 40; ++i) queries += F32Le(Row(5000 + i, 16));
  request.mutable_query_vectors()->set_f32_le(queries);
  const v1::Operation operation = Run(request);
  ASSERT_EQ(operation.error_code(), 0) << operation.error_message();
  EXPECT_EQ(operation.evaluate_result().rows(), 2000u);
  EXPECT_EQ(operation.evaluate_result().queries(), 40u);
  EXPECT_EQ(operation.evaluate_result().k(), 3u);
  ASSERT_GE(operation.evaluate_result().quantizers_size(), 2);
  for (const v1::EvaluatedQuantizer& row : operation.evaluate_result().quantizers()) {
    EXPECT_LE(row.code_bytes() + row.refine_bytes(), 3) << row.quantizer();
  }
}

TEST_F(ServerEvaluateTest, RefusesWhatCannotBe) {
  Create("a", 16);
  Load("a", 16, 999);
  ExpectRefused(Request({"PQ4"}), StatusCode::FAILED_PRECONDITION, "at least 1000 rows");
  Load("a", 16, 200, 999);
  ExpectRefused(Request({}), StatusCode::INVALID_ARGUMENT, "quantizers or min_bytes");
  ExpectRefused(Request({"PQ4", "PX4"}), StatusCode::INVALID_ARGUMENT, "quantizers[1]: ");
  v1::EvaluateRequest request = Request({"PQ4"});
  request.set_collection("b");
  ExpectRefused(request, StatusCode::NOT_FOUND, "b");
  request = Request({"PQ4"});
  request.set_k(0);
  ExpectRefused(request, StatusCode::INVALID_ARGUMENT, "k is 0");
  request = Request({"PQ4"});
  request.mutable_query_vectors()->set_f32_le("12345");
  ExpectRefused(request, StatusCode::INVALID_ARGUMENT, "query_vectors");
  request = Request({"PQ4"});
  request.set_queries(10001);
  ExpectRefused(request, StatusCode::INVALID_ARGUMENT, "queries is 10001");
  request = Request({});
  request.set_min_bytes(std::numeric_limits<double>::quiet_NaN());
  ExpectRefused(request, StatusCode::INVALID_ARGUMENT, "min_bytes");
  request = Request(std::vector<std::string>(257, "PQ4"));
  ExpectRefused(request, StatusCode::INVALID_ARGUMENT, "quantizers has 257 entries");
  // Refused calls leave no operation behind that would block the next.
  EXPECT_EQ(Run(Request({"PQ4"})).error_code(), 0);
}

TEST_F(ServerEvaluateTest, CanBeCancelledAndRunsBesideATraining) {
  Create("a", 16);
  Load("a", 16, 3000);
  v1::EvaluateRequest request = Request(std::vector<std::string>(100, "OPQ,IVF16,PQ8"));
  v1::Operation operation;
  ASSERT_TRUE(Start(request, &operation).ok());
  EXPECT_FALSE(operation.done());
  ExpectRefused(request, StatusCode::ALREADY_EXISTS, "is evaluating collection \"a\"");
  EXPECT_EQ(Train("a", "IVF8,PQ4").error_code(), 0);
  v1::CancelOperationRequest cancel;
  cancel.set_name(operation.name());
  grpc::ClientContext context;
  SetDeadline(context);
  ASSERT_TRUE(training_->CancelOperation(&context, cancel, &operation).ok());
  operation = Wait(operation.name());
  EXPECT_TRUE(operation.done());
  EXPECT_EQ(operation.error_code(), static_cast<int>(StatusCode::CANCELLED));
  EXPECT_FALSE(operation.has_evaluate_result());
}

}  // namespace
}  // namespace tessera::testing
