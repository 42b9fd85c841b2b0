#include "tests/e2e/server_fixture.h"

#include <chrono>
#include <cmath>

#include "server/log.h"

namespace tessera::testing {

void ServerTest::Start() {
  server::InitLog(config_.log_level);
  config_.data = dir_.path() + "/data";
  auto started = server::Server::Start(config_, open_);
  ASSERT_TRUE(started.ok()) << started.status();
  server_ = *std::move(started);
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  channel_ =
      grpc::CreateCustomChannel(server_->address(), grpc::InsecureChannelCredentials(), arguments);
  collections_ = v1::Collections::NewStub(channel_);
  points_ = v1::Points::NewStub(channel_);
  training_ = v1::Training::NewStub(channel_);
  quantizers_ = v1::Quantizers::NewStub(channel_);
}

void ServerTest::Stop() {
  if (server_ != nullptr) server_->Stop();
  server_.reset();
}

void ServerTest::SetDeadline(grpc::ClientContext& context, int seconds) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(seconds));
}

v1::Collection ServerTest::Create(const std::string& name, uint32_t dim, v1::Metric metric,
                                  const std::string& quantizer) {
  v1::CreateCollectionRequest request;
  request.mutable_collection()->set_name(name);
  request.mutable_collection()->set_dim(dim);
  request.mutable_collection()->set_metric(metric);
  request.mutable_collection()->set_quantizer(quantizer);
  request.mutable_collection()->set_auto_train(false);
  grpc::ClientContext context;
  SetDeadline(context);
  v1::Collection created;
  const grpc::Status status = collections_->Create(&context, request, &created);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return created;
}

void ServerTest::Load(const std::string& name, uint32_t dim, size_t n, size_t first) {
  v1::UpsertRequest request;
  request.set_collection(name);
  std::string bytes;
  for (size_t i = first; i < first + n; ++i) {
    request.mutable_columns()->add_nums(i);
    bytes += F32Le(Row(i, dim));
  }
  request.mutable_columns()->mutable_vectors()->set_f32_le(bytes);
  EXPECT_EQ(Upsert(request).upserted(), n);
}

v1::UpsertResponse ServerTest::Upsert(const v1::UpsertRequest& request) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::UpsertResponse response;
  const grpc::Status status = points_->Upsert(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

v1::QueryResponse ServerTest::Query(const v1::QueryRequest& request) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::QueryResponse response;
  const grpc::Status status = points_->Query(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

v1::CollectionStats ServerTest::Stats(const std::string& name) {
  v1::CollectionStatsRequest request;
  request.set_name(name);
  grpc::ClientContext context;
  SetDeadline(context);
  v1::CollectionStats stats;
  const grpc::Status status = collections_->Stats(&context, request, &stats);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return stats;
}

v1::Operation ServerTest::Train(const std::string& name, const std::string& quantizer) {
  v1::TrainRequest request;
  request.set_collection(name);
  request.set_quantizer(quantizer);
  grpc::ClientContext context;
  SetDeadline(context);
  v1::Operation operation;
  const grpc::Status status = training_->Train(&context, request, &operation);
  EXPECT_TRUE(status.ok()) << status.error_message();
  v1::WaitOperationRequest wait;
  wait.set_name(operation.name());
  grpc::ClientContext wait_context;
  SetDeadline(wait_context);
  const grpc::Status waited = training_->WaitOperation(&wait_context, wait, &operation);
  EXPECT_TRUE(waited.ok()) << waited.error_message();
  return operation;
}

float Component(size_t i, size_t j) {
  // splitmix64 (Vigna) of the cell, scaled to [-1, 1).
  uint64_t x = (uint64_t{i} << 20 | j) + 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  x ^= x >> 31;
  return static_cast<float>(static_cast<double>(x >> 11) * 0x1p-52 - 1.0);
}

std::vector<float> Row(size_t i, uint32_t dim) {
  std::vector<float> row(dim);
  for (uint32_t j = 0; j < dim; ++j) row[j] = Component(i, j);
  return row;
}

std::string F32Le(const std::vector<float>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
}

void ExpectError(const grpc::Status& status, grpc::StatusCode code,
                 const std::string& message_part) {
  EXPECT_EQ(status.error_code(), code) << status.error_message();
  EXPECT_NE(status.error_message().find(message_part), std::string::npos) << status.error_message();
}

}  // namespace tessera::testing
