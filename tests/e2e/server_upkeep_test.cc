// Background work that waits over the wire, and over a restart, on the real engine.
#include <chrono>
#include <thread>

#include "tessera/v1/upkeep.grpc.pb.h"
#include "tests/e2e/server_fixture.h"

namespace tessera::testing {
namespace {

class ServerUpkeepTest : public ServerTest {
 protected:
  v1::UpkeepState Set(const v1::SetUpkeepRequest& request, grpc::StatusCode code = grpc::StatusCode::OK) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::UpkeepState state;
    const grpc::Status status = v1::Upkeep::NewStub(channel_)->Set(&context, request, &state);
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    return state;
  }
};

TEST_F(ServerUpkeepTest, FlagsSetItAndRequestsChangeIt) {
  Stop();
  config_.upkeep = {0.5, 1 << 20};
  Start();
  v1::SetUpkeepRequest request;
  EXPECT_EQ(Set(request).cpu_share(), 0.5);
  EXPECT_EQ(Set(request).bytes_per_second(), 1u << 20);
  EXPECT_FALSE(Set(request).paused());
  request.set_cpu_share(2);
  Set(request, grpc::StatusCode::INVALID_ARGUMENT);
  request.set_cpu_share(0.25);
  request.set_paused(true);
  EXPECT_EQ(Set(request).cpu_share(), 0.25);
  EXPECT_TRUE(Set({}).paused());
  EXPECT_EQ(Set({}).bytes_per_second(), 1u << 20);
  Restart();
  EXPECT_EQ(Set({}).cpu_share(), 0.5);
  EXPECT_FALSE(Set({}).paused());
}

TEST_F(ServerUpkeepTest, ATrainingThatARestartCutShortGoesOn) {
  Create("a", 16, v1::METRIC_L2, "IVF8,PQ8");
  Load("a", 16, 2000);
  v1::SetUpkeepRequest pause;
  pause.set_paused(true);
  Set(pause);
  {
    v1::TrainRequest request;
    request.set_collection("a");
    grpc::ClientContext context;
    SetDeadline(context);
    v1::Operation operation;
    ASSERT_TRUE(training_->Train(&context, request, &operation).ok());
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!Stats("a").training() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_EQ(Stats("a").generation(), 0u);
  Restart();  // does not wait for what is paused
  while (Stats("a").generation() == 0 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_EQ(Stats("a").generation(), 1u);
}

}  // namespace
}  // namespace tessera::testing
