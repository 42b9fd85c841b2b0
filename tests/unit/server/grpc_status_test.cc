#include "server/grpc_status.h"

#include <gtest/gtest.h>

#include <string>

namespace tessera::server {
namespace {

TEST(GrpcStatusTest, EveryCodeKeepsItsNumberAndMessage) {
  for (int code = 1; code <= 16; ++code) {
    const grpc::Status status = ToGrpc(Status(static_cast<absl::StatusCode>(code), "why"));
    EXPECT_EQ(static_cast<int>(status.error_code()), code);
    EXPECT_EQ(status.error_message(), "why");
  }
  EXPECT_TRUE(ToGrpc(OkStatus()).ok());
  EXPECT_EQ(ToGrpc(Status(static_cast<absl::StatusCode>(99), "odd")).error_code(),
            grpc::StatusCode::UNKNOWN);
}

TEST(GrpcStatusTest, LongMessagesAreCut) {
  const grpc::Status status = ToGrpc(Internal(std::string(5000, 'x')));
  EXPECT_EQ(status.error_message(), std::string(1024, 'x') + "...");
}

}  // namespace
}  // namespace tessera::server
