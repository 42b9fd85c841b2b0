// Codebooks and drift over the wire, on the real engine.
#include "tests/e2e/server_fixture.h"

namespace tessera::testing {
namespace {

using grpc::StatusCode;

class ServerCodebooksTest : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    Create("a", 16, v1::METRIC_L2, "IVF8,PQ8,Refine(SQ8)");
    Load("a", 16, 3000);
  }

  // Calls `method` of the quantizers service.
  template <typename Request, typename Response>
  grpc::Status Call(grpc::Status (v1::Quantizers::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response* response) {
    grpc::ClientContext context;
    SetDeadline(context);
    return (quantizers_.get()->*method)(&context, request, response);
  }
  // Waits for the operation that the call began.
  template <typename Request>
  v1::Operation Finish(grpc::Status (v1::Quantizers::Stub::*method)(grpc::ClientContext*, const Request&,
                                                                   v1::Operation*),
                       const Request& request) {
    v1::Operation operation;
    const grpc::Status status = Call(method, request, &operation);
    EXPECT_TRUE(status.ok()) << status.error_message();
    v1::WaitOperationRequest wait;
    wait.set_name(operation.name());
    wait.set_timeout_seconds(60);
    grpc::ClientContext context;
    SetDeadline(context, 90);
    EXPECT_TRUE(training_->WaitOperation(&context, wait, &operation).ok());
    EXPECT_TRUE(operation.done());
    EXPECT_EQ(operation.error_code(), 0) << operation.error_message();
    return operation;
  }
  template <typename Request>
  static Request Of(uint32_t version) {
    Request request;
    request.set_collection("a");
    request.set_version(version);
    return request;
  }
  v1::Operation TrainCandidate(const std::string& quantizer, const std::string& label) {
    v1::TrainCodebookRequest request;
    request.set_collection("a");
    request.set_quantizer(quantizer);
    request.set_label(label);
    return Finish(&v1::Quantizers::Stub::TrainCodebook, request);
  }
  v1::ListCodebooksResponse List() {
    v1::ListCodebooksRequest request;
    request.set_collection("a");
    v1::ListCodebooksResponse response;
    EXPECT_TRUE(Call(&v1::Quantizers::Stub::ListCodebooks, request, &response).ok());
    return response;
  }
};

TEST_F(ServerCodebooksTest, TrainEvaluateActivateAndRollBack) {
  ASSERT_EQ(Train("a").error_code(), 0);
  const v1::Operation trained = TrainCandidate("IVF8,PQ4x8", "small");
  EXPECT_EQ(trained.kind(), "train codebook");
  const v1::Codebook candidate = trained.codebook_result().codebook();
  EXPECT_EQ(candidate.version(), 2u);
  EXPECT_EQ(candidate.state(), v1::CODEBOOK_STATE_CANDIDATE);
  EXPECT_EQ(candidate.quantizer(), "IVF8,PQ4x8");
  EXPECT_EQ(candidate.label(), "small");
  EXPECT_GT(candidate.create_time().seconds(), 1700000000);
  EXPECT_GT(candidate.held_out_rows(), 0u);

  v1::EvaluateCodebookRequest evaluate;
  evaluate.set_version(2);
  evaluate.mutable_options()->set_collection("a");
  const v1::Operation measured = Finish(&v1::Quantizers::Stub::EvaluateCodebook, evaluate);
  ASSERT_EQ(measured.evaluate_result().quantizers_size(), 1);
  EXPECT_EQ(measured.evaluate_result().quantizers(0).quantizer(), "IVF8,PQ4x8");
  EXPECT_GT(measured.evaluate_result().quantizers(0).codes().value(), 0);

  const v1::Operation activated =
      Finish(&v1::Quantizers::Stub::ActivateCodebook, Of<v1::ActivateCodebookRequest>(2));
  EXPECT_EQ(activated.kind(), "activate codebook");
  EXPECT_EQ(activated.codebook_result().codebook().version(), 2u);
  EXPECT_EQ(activated.codebook_result().codebook().state(), v1::CODEBOOK_STATE_ACTIVE);
  EXPECT_EQ(activated.codebook_result().codebook().generation(), 2u);

  v1::RollBackCodebookRequest back;
  back.set_collection("a");
  const v1::Operation rolled = Finish(&v1::Quantizers::Stub::RollBackCodebook, back);
  EXPECT_EQ(rolled.codebook_result().codebook().version(), 1u);
  Restart();
  const v1::ListCodebooksResponse all = List();
  ASSERT_EQ(all.codebooks_size(), 2);
  EXPECT_EQ(all.codebooks(0).state(), v1::CODEBOOK_STATE_ACTIVE);
  EXPECT_EQ(all.codebooks(1).state(), v1::CODEBOOK_STATE_PREVIOUS);
}

TEST_F(ServerCodebooksTest, ExportsInPartsAndImports) {
  ASSERT_EQ(Train("a").error_code(), 0);
  std::string file;
  v1::ExportCodebookResponse part;
  do {
    auto request = Of<v1::ExportCodebookRequest>(1);
    request.set_offset(file.size());
    request.set_max_bytes(10000);
    ASSERT_TRUE(Call(&v1::Quantizers::Stub::ExportCodebook, request, &part).ok());
    ASSERT_LE(part.data().size(), 10000u);
    ASSERT_FALSE(part.data().empty());
    file += part.data();
  } while (file.size() < part.file_bytes());
  EXPECT_EQ(file.size(), List().codebooks(0).bytes());
  v1::ImportCodebookRequest import;
  import.set_collection("a");
  import.set_file(file);
  import.set_label("copy");
  v1::Codebook imported;
  ASSERT_TRUE(Call(&v1::Quantizers::Stub::ImportCodebook, import, &imported).ok());
  EXPECT_EQ(imported.version(), 2u);
  EXPECT_EQ(imported.checksum(), List().codebooks(0).checksum());
  import.mutable_file()->at(file.size() / 2) ^= 1;
  ExpectError(Call(&v1::Quantizers::Stub::ImportCodebook, import, &imported), StatusCode::INVALID_ARGUMENT,
              "codebook");
  auto beyond = Of<v1::ExportCodebookRequest>(1);
  beyond.set_offset(file.size() + 1);
  ExpectError(Call(&v1::Quantizers::Stub::ExportCodebook, beyond, &part), StatusCode::INVALID_ARGUMENT, "offset");
  beyond.set_offset(0);
  beyond.set_max_bytes(UINT32_MAX);
  ExpectError(Call(&v1::Quantizers::Stub::ExportCodebook, beyond, &part), StatusCode::INVALID_ARGUMENT,
              "max_bytes");
}

TEST_F(ServerCodebooksTest, WhatCannotBeIsRefused) {
  v1::Operation operation;
  v1::Codebook codebook;
  v1::DeleteCodebookResponse deleted;
  ExpectError(Call(&v1::Quantizers::Stub::GetCodebook, Of<v1::GetCodebookRequest>(7), &codebook),
              StatusCode::NOT_FOUND, "codebook 7");
  ExpectError(Call(&v1::Quantizers::Stub::ActivateCodebook, Of<v1::ActivateCodebookRequest>(7), &operation),
              StatusCode::NOT_FOUND, "codebook 7");
  v1::RollBackCodebookRequest back;
  back.set_collection("a");
  ExpectError(Call(&v1::Quantizers::Stub::RollBackCodebook, back, &operation), StatusCode::FAILED_PRECONDITION,
              "no codebook");
  ASSERT_EQ(Train("a").error_code(), 0);
  ExpectError(Call(&v1::Quantizers::Stub::ActivateCodebook, Of<v1::ActivateCodebookRequest>(1), &operation),
              StatusCode::FAILED_PRECONDITION, "in force");
  ExpectError(Call(&v1::Quantizers::Stub::DeleteCodebook, Of<v1::DeleteCodebookRequest>(1), &deleted),
              StatusCode::FAILED_PRECONDITION, "in force");
  v1::TrainCodebookRequest train;
  train.set_collection("a");
  train.set_quantizer("PQzero");
  ExpectError(Call(&v1::Quantizers::Stub::TrainCodebook, train, &operation), StatusCode::INVALID_ARGUMENT,
              "quantizer: ");
  train.set_quantizer("");
  train.set_label("two\nlines");
  ExpectError(Call(&v1::Quantizers::Stub::TrainCodebook, train, &operation), StatusCode::INVALID_ARGUMENT,
              "label");
  v1::EvaluateCodebookRequest evaluate;
  evaluate.set_version(1);
  ExpectError(Call(&v1::Quantizers::Stub::EvaluateCodebook, evaluate, &operation), StatusCode::INVALID_ARGUMENT,
              "options.collection is missing");
  evaluate.mutable_options()->set_collection("a");
  evaluate.mutable_options()->add_quantizers("PQ8");
  ExpectError(Call(&v1::Quantizers::Stub::EvaluateCodebook, evaluate, &operation), StatusCode::INVALID_ARGUMENT,
              "options.quantizers");
}

TEST_F(ServerCodebooksTest, DriftIsReported) {
  ASSERT_EQ(Train("a").error_code(), 0);
  Load("a", 16, 1000, 3000);
  v1::GetDriftRequest request;
  request.set_name("a");
  v1::Drift drift;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(collections_->GetDrift(&context, request, &drift).ok());
  }
  EXPECT_EQ(drift.written_rows(), 1000u);
  EXPECT_GT(drift.live_measured(), 0u);
  EXPECT_NE(drift.advice(), v1::DRIFT_ADVICE_UNSPECIFIED);
  EXPECT_FALSE(drift.reason().empty());
  v1::CreateCollectionRequest create;
  create.mutable_collection()->set_name("b");
  create.mutable_collection()->set_dim(4);
  create.mutable_collection()->set_metric(v1::METRIC_L2);
  create.mutable_collection()->set_drift_action(v1::DRIFT_ACTION_RETRAIN);
  v1::Collection made;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(collections_->Create(&context, create, &made).ok());
  }
  EXPECT_EQ(made.drift_action(), v1::DRIFT_ACTION_RETRAIN);
  create.mutable_collection()->clear_drift_action();
  for (const bool auto_train : {true, false}) {
    create.mutable_collection()->set_name(auto_train ? "trains" : "waits");
    create.mutable_collection()->set_auto_train(auto_train);
    grpc::ClientContext context;
    ASSERT_TRUE(collections_->Create(&context, create, &made).ok());
    EXPECT_EQ(made.drift_action(), auto_train ? v1::DRIFT_ACTION_RETRAIN : v1::DRIFT_ACTION_NONE);
  }
  create.mutable_collection()->set_name("c");
  create.mutable_collection()->set_drift_action(static_cast<v1::DriftAction>(9));
  grpc::ClientContext context;
  ExpectError(collections_->Create(&context, create, &made), StatusCode::INVALID_ARGUMENT,
              "collection.drift_action");
}

}  // namespace
}  // namespace tessera::testing
