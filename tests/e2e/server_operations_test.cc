// Operations and shutdown while the engine is busy.
#include <atomic>

#include "tests/e2e/fault_fixture.h"

namespace tessera::testing {
namespace {

using grpc::StatusCode;
using std::chrono::milliseconds;

using ServerOperationsTest = ServerFaultsTest;

TEST_F(ServerOperationsTest, TrainingIsCancelledByName) {
  fake_->on_train = [](const TrainOptions& options) {
    options.context.progress(0, "sample");
    options.context.progress(0.25, "centroids");
    return RunUntilStopped(options.context.stop);
  };
  const v1::Operation started = StartTraining();
  EXPECT_FALSE(started.done());
  EXPECT_EQ(started.progress(), 0.25);
  EXPECT_EQ(started.stage(), "centroids");

  grpc::ClientContext again;
  v1::TrainRequest same;
  same.set_collection("a");
  v1::Operation operation;
  ExpectError(training_->Train(&again, same, &operation), StatusCode::ALREADY_EXISTS,
              started.name());

  v1::WaitOperationRequest wait;
  wait.set_name(started.name());
  wait.set_timeout_seconds(0.02);
  grpc::ClientContext short_wait;
  ASSERT_TRUE(training_->WaitOperation(&short_wait, wait, &operation).ok());
  EXPECT_FALSE(operation.done());

  wait.set_timeout_seconds(0);  // until the deadline of the call: the state comes just before it
  grpc::ClientContext deadline_wait;
  deadline_wait.set_deadline(std::chrono::system_clock::now() + milliseconds(300));
  ASSERT_TRUE(training_->WaitOperation(&deadline_wait, wait, &operation).ok());
  EXPECT_FALSE(operation.done());

  v1::CancelOperationRequest cancel;
  cancel.set_name(started.name());
  grpc::ClientContext cancel_context;
  ASSERT_TRUE(training_->CancelOperation(&cancel_context, cancel, &operation).ok());
  wait.set_timeout_seconds(60);
  grpc::ClientContext long_wait;
  ASSERT_TRUE(training_->WaitOperation(&long_wait, wait, &operation).ok());
  EXPECT_TRUE(operation.done());
  EXPECT_EQ(operation.error_code(), static_cast<int>(StatusCode::CANCELLED));
  EXPECT_FALSE(operation.has_train_result());
}

TEST_F(ServerOperationsTest, TrainingIsCancelledWithItsCollection) {
  fake_->on_train = [](const TrainOptions& options) {
    options.context.progress(0, "sample");
    options.context.progress(0.1, "centroids");
    return RunUntilStopped(options.context.stop);
  };
  const v1::Operation started = StartTraining();
  v1::DeleteCollectionRequest remove;
  remove.set_name("a");
  grpc::ClientContext context;
  v1::DeleteCollectionResponse removed;
  ASSERT_TRUE(collections_->Delete(&context, remove, &removed).ok());
  v1::WaitOperationRequest wait;
  wait.set_name(started.name());
  grpc::ClientContext wait_context;
  SetDeadline(wait_context);
  v1::Operation operation;
  ASSERT_TRUE(training_->WaitOperation(&wait_context, wait, &operation).ok());
  EXPECT_EQ(operation.error_code(), static_cast<int>(StatusCode::CANCELLED));
}

TEST_F(ServerOperationsTest, TrainingThatCannotStartFailsTheCall) {
  fake_->on_train = [](const TrainOptions& options) {
    options.context.progress(0, "sample");
    return FailedPrecondition("too few rows");
  };
  v1::TrainRequest request;
  request.set_collection("a");
  grpc::ClientContext context;
  v1::Operation operation;
  ExpectError(training_->Train(&context, request, &operation), StatusCode::FAILED_PRECONDITION,
              "too few rows");
}

TEST_F(ServerOperationsTest, TrainingThatFailsLaterIsAnOperationWithAnError) {
  Gate gate;
  fake_->on_train = [&](const TrainOptions& options) {
    EXPECT_EQ(options.context.seed, 5u);
    EXPECT_EQ(options.sample_rows, 123u);
    options.context.progress(0, "sample");
    options.context.progress(0.5, "encode");
    gate.Wait();
    return Unavailable("no space left");
  };
  v1::TrainRequest request;
  request.set_collection("a");
  request.set_seed(5);
  request.set_sample_rows(123);
  grpc::ClientContext context;
  v1::Operation operation;
  ASSERT_TRUE(training_->Train(&context, request, &operation).ok());
  gate.Open();
  v1::WaitOperationRequest wait;
  wait.set_name(operation.name());
  grpc::ClientContext wait_context;
  SetDeadline(wait_context);
  ASSERT_TRUE(training_->WaitOperation(&wait_context, wait, &operation).ok());
  EXPECT_EQ(operation.error_code(), static_cast<int>(StatusCode::UNAVAILABLE));
  EXPECT_EQ(operation.error_message(), "no space left");
}

TEST_F(ServerOperationsTest, ShutdownFinishesWhatIsUnderWayAndCancelsTraining) {
  Gate running;
  Gate gate;
  std::atomic<bool> first{true};
  fake_->on_query = [&](auto, const QueryParams&) -> StatusOr<std::vector<QueryResult>> {
    if (first.exchange(false)) {
      running.Open();
      gate.Wait();
    }
    return std::vector<QueryResult>(1);
  };
  fake_->on_train = [&](const TrainOptions& options) {
    options.context.progress(0, "sample");
    options.context.progress(0.1, "centroids");
    return RunUntilStopped(options.context.stop);
  };
  StartTraining();
  auto query = std::async(std::launch::async, [this] {
    grpc::ClientContext context;
    SetDeadline(context);
    return TryQuery(context);
  });
  running.Wait();
  auto stopped = std::async(std::launch::async, [this] { server_->Stop(); });
  // As long as a call is under way, new ones are told so.
  grpc::Status refused;
  while (refused.ok()) {
    grpc::ClientContext context;
    SetDeadline(context);
    refused = TryQuery(context);
  }
  ExpectError(refused, StatusCode::UNAVAILABLE, "shutting down");
  gate.Open();
  EXPECT_TRUE(query.get().ok());
  stopped.wait();
  grpc::ClientContext late;
  SetDeadline(late, 5);
  EXPECT_EQ(TryQuery(late).error_code(), StatusCode::UNAVAILABLE);
}

TEST_F(ServerOperationsTest, ShutdownEndsWaits) {
  fake_->on_train = [](const TrainOptions& options) {
    options.context.progress(0, "sample");
    options.context.progress(0.1, "centroids");
    return RunUntilStopped(options.context.stop);
  };
  v1::WaitOperationRequest wait;
  wait.set_name(StartTraining().name());
  auto waiter = std::async(std::launch::async, [&] {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::Operation operation;
    return training_->WaitOperation(&context, wait, &operation);
  });
  Stop();
  // UNAVAILABLE if the wait was there before the stop or found the server gone, CANCELLED if it
  // came in between.
  const StatusCode code = waiter.get().error_code();
  EXPECT_TRUE(code == StatusCode::UNAVAILABLE || code == StatusCode::CANCELLED) << code;
}

TEST_F(ServerOperationsTest, ShutdownCancelsWhatOutlivesTheGrace) {
  Gate running;
  Stop();
  config_.shutdown_grace_ms = 50;
  Start();
  fake_->on_query = [&](auto, const QueryParams& params) -> StatusOr<std::vector<QueryResult>> {
    running.Open();
    return RunUntilStopped(params.stop);
  };
  auto query = std::async(std::launch::async, [this] {
    grpc::ClientContext context;
    return TryQuery(context);
  });
  running.Wait();
  server_->Stop();
  EXPECT_FALSE(query.get().ok());
}

}  // namespace
}  // namespace tessera::testing
