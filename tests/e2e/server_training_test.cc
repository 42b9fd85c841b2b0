// Training and its operations over the wire, on the real engine.
#include <thread>

#include "tests/e2e/server_fixture.h"

namespace tessera::testing {
namespace {

using grpc::StatusCode;

class ServerTrainingTest : public ServerTest {
 protected:
  grpc::Status TryTrain(const std::string& name, const std::string& quantizer,
                        v1::Operation* operation) {
    v1::TrainRequest request;
    request.set_collection(name);
    request.set_quantizer(quantizer);
    grpc::ClientContext context;
    SetDeadline(context);
    return training_->Train(&context, request, operation);
  }

  grpc::Status Get(const std::string& name, v1::Operation* operation) {
    v1::GetOperationRequest request;
    request.set_name(name);
    grpc::ClientContext context;
    SetDeadline(context);
    return training_->GetOperation(&context, request, operation);
  }

  grpc::Status Wait(const std::string& name, double seconds, v1::Operation* operation) {
    v1::WaitOperationRequest request;
    request.set_name(name);
    request.set_timeout_seconds(seconds);
    grpc::ClientContext context;
    SetDeadline(context);
    return training_->WaitOperation(&context, request, operation);
  }
};

TEST_F(ServerTrainingTest, TrainsEncodesAndDecodes) {
  Create("a", 16);
  Load("a", 16, 3000);
  const v1::Operation operation = Train("a", "IVF8,PQ8,Refine(SQ8)");
  EXPECT_TRUE(operation.done());
  EXPECT_EQ(operation.error_code(), 0) << operation.error_message();
  EXPECT_EQ(operation.progress(), 1);
  EXPECT_EQ(operation.kind(), "train");
  EXPECT_EQ(operation.collection(), "a");
  EXPECT_EQ(operation.train_result().generation(), 1u);
  EXPECT_GT(operation.train_result().trained_rows(), 0u);
  EXPECT_GT(operation.train_result().training_error(), 0);
  EXPECT_LE(operation.start_time().seconds(), operation.end_time().seconds());

  v1::EncodeRequest encode;
  encode.set_collection("a");
  encode.mutable_vectors()->set_f32_le(F32Le(Row(1, 16)) + F32Le(Row(2, 16)));
  grpc::ClientContext encode_context;
  SetDeadline(encode_context);
  v1::EncodeResponse encoded;
  ASSERT_TRUE(quantizers_->Encode(&encode_context, encode, &encoded).ok());
  EXPECT_EQ(encoded.generation(), 1u);
  EXPECT_EQ(encoded.lists_size(), 2);
  EXPECT_EQ(encoded.codes().size(), 2u * encoded.code_bytes());

  v1::DecodeRequest decode;
  decode.set_collection("a");
  decode.set_generation(encoded.generation());
  *decode.mutable_lists() = encoded.lists();
  decode.set_codes(encoded.codes());
  grpc::ClientContext decode_context;
  SetDeadline(decode_context);
  v1::DecodeResponse decoded;
  ASSERT_TRUE(quantizers_->Decode(&decode_context, decode, &decoded).ok());
  ASSERT_EQ(decoded.vectors_f32_le().size(), 2u * 16 * sizeof(float));
  const float* values = reinterpret_cast<const float*>(decoded.vectors_f32_le().data());
  double error = 0;
  double norm = 0;
  for (uint32_t j = 0; j < 16; ++j) {
    error += (values[j] - Component(1, j)) * (values[j] - Component(1, j));
    norm += Component(1, j) * Component(1, j);
  }
  EXPECT_LT(error, norm);
}

TEST_F(ServerTrainingTest, QuantizersRefuseWhatCannotBe) {
  Create("a", 4);
  v1::EncodeRequest encode;
  encode.set_collection("a");
  encode.mutable_vectors()->set_f32_le(F32Le(Row(1, 4)));
  v1::EncodeResponse encoded;
  {
    grpc::ClientContext context;
    ExpectError(quantizers_->Encode(&context, encode, &encoded), StatusCode::FAILED_PRECONDITION,
                "not trained");
  }
  Load("a", 4, 2000);
  ASSERT_EQ(Train("a", "IVF4,PQ2").error_code(), 0);
  encode.mutable_vectors()->set_f32_le("123");
  {
    grpc::ClientContext context;
    ExpectError(quantizers_->Encode(&context, encode, &encoded), StatusCode::INVALID_ARGUMENT,
                "vectors has 3 bytes");
  }
  v1::DecodeRequest decode;
  decode.set_collection("a");
  decode.set_generation(7);
  v1::DecodeResponse decoded;
  {
    grpc::ClientContext context;
    ExpectError(quantizers_->Decode(&context, decode, &decoded), StatusCode::FAILED_PRECONDITION,
                "generation is 7");
  }
  decode.set_generation(1);
  decode.add_lists(0);
  decode.set_codes("x");
  {
    grpc::ClientContext context;
    ExpectError(quantizers_->Decode(&context, decode, &decoded), StatusCode::INVALID_ARGUMENT,
                "codes has 1 bytes");
  }
  decode.set_codes("xy");
  decode.set_lists(0, 4000000000u);
  {
    grpc::ClientContext context;
    ExpectError(quantizers_->Decode(&context, decode, &decoded), StatusCode::INVALID_ARGUMENT,
                "lists[0]");
  }
}

TEST_F(ServerTrainingTest, WhatCannotStartFailsTheCall) {
  Create("a", 8);
  Load("a", 8, 3);
  v1::Operation operation;
  ExpectError(TryTrain("a", "", &operation), StatusCode::FAILED_PRECONDITION, "");
  ExpectError(TryTrain("a", "PQzero", &operation), StatusCode::INVALID_ARGUMENT, "quantizer: ");
  ExpectError(TryTrain("a", "VQ16", &operation), StatusCode::INVALID_ARGUMENT, "quantizer");
  ExpectError(TryTrain("nowhere", "", &operation), StatusCode::NOT_FOUND, "nowhere");
  ExpectError(TryTrain("", "", &operation), StatusCode::INVALID_ARGUMENT, "collection is missing");
}

TEST_F(ServerTrainingTest, UnknownOperationsAndBadTimeouts) {
  v1::Operation operation;
  ExpectError(Get("operations/1", &operation), StatusCode::NOT_FOUND, "operations/1");
  ExpectError(Wait("operations/1", 1, &operation), StatusCode::NOT_FOUND, "operations/1");
  ExpectError(Wait("operations/1", -1, &operation), StatusCode::INVALID_ARGUMENT,
              "timeout_seconds");
  ExpectError(Wait("operations/1", 3601, &operation), StatusCode::INVALID_ARGUMENT,
              "timeout_seconds");
  ExpectError(Wait("operations/1", std::numeric_limits<double>::quiet_NaN(), &operation),
              StatusCode::INVALID_ARGUMENT, "timeout_seconds");
  v1::CancelOperationRequest request;
  request.set_name("a");
  grpc::ClientContext context;
  ExpectError(training_->CancelOperation(&context, request, &operation), StatusCode::NOT_FOUND,
              "a");
}

TEST_F(ServerTrainingTest, OperationsAreListedNewestFirst) {
  Create("a", 4);
  Load("a", 4, 2000);
  const std::string first = Train("a", "IVF4,PQ2").name();
  const std::string second = Train("a", "IVF4,PQ2").name();
  v1::ListOperationsRequest request;
  request.set_page_size(1);
  v1::ListOperationsResponse page;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(training_->ListOperations(&context, request, &page).ok());
  }
  ASSERT_EQ(page.operations_size(), 1);
  EXPECT_EQ(page.operations(0).name(), second);
  request.set_page_token(page.next_page_token());
  {
    grpc::ClientContext context;
    ASSERT_TRUE(training_->ListOperations(&context, request, &page).ok());
  }
  ASSERT_EQ(page.operations_size(), 1);
  EXPECT_EQ(page.operations(0).name(), first);
  EXPECT_TRUE(page.next_page_token().empty());
  for (const char* token : {"x", "b3BlcmF0aW9uczp4", "Y29sbGVjdGlvbnM6MQ"}) {
    grpc::ClientContext context;
    request.set_page_token(token);
    ExpectError(training_->ListOperations(&context, request, &page), StatusCode::INVALID_ARGUMENT,
                "page_token");
  }
}

}  // namespace
}  // namespace tessera::testing
