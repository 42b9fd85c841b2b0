#include "index/status.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace tessera {
namespace {

TEST(StatusTest, EachMakerItsCode) {
  const std::vector<std::pair<Status, absl::StatusCode>> all = {
      {InvalidArgument("m"), absl::StatusCode::kInvalidArgument},
      {NotFound("m"), absl::StatusCode::kNotFound},
      {AlreadyExists("m"), absl::StatusCode::kAlreadyExists},
      {FailedPrecondition("m"), absl::StatusCode::kFailedPrecondition},
      {ResourceExhausted("m"), absl::StatusCode::kResourceExhausted},
      {Aborted("m"), absl::StatusCode::kAborted},
      {DeadlineExceeded("m"), absl::StatusCode::kDeadlineExceeded},
      {Cancelled("m"), absl::StatusCode::kCancelled},
      {Unavailable("m"), absl::StatusCode::kUnavailable},
      {DataLoss("m"), absl::StatusCode::kDataLoss},
      {Internal("m"), absl::StatusCode::kInternal},
      {Unimplemented("m"), absl::StatusCode::kUnimplemented}};
  for (const auto& [status, code] : all) {
    EXPECT_EQ(status.code(), code);
    EXPECT_EQ(MessageOf(status), "m");
  }
  EXPECT_TRUE(OkStatus().ok());
}

TEST(StatusTest, AnnotateKeepsTheCode) {
  const Status status = Annotate(NotFound("row"), "rows[3]: ");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(MessageOf(status), "rows[3]: row");
  EXPECT_TRUE(Annotate(OkStatus(), "x").ok());
}

StatusOr<std::unique_ptr<int>> Make(bool ok) {
  if (ok) return std::make_unique<int>(5);
  return Aborted("no");
}

StatusOr<int> Twice(bool first, bool second) {
  TESSERA_ASSIGN_OR_RETURN(const std::unique_ptr<int> a, Make(first));
  TESSERA_ASSIGN_OR_RETURN(const std::unique_ptr<int> b, Make(second));
  TESSERA_RETURN_IF_ERROR(*a == *b ? OkStatus() : Internal("differ"));
  return *a + *b;
}

TEST(StatusTest, MacrosReturnEarly) {
  EXPECT_EQ(Twice(true, true).value(), 10);
  EXPECT_EQ(Twice(false, true).status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(Twice(true, false).status().code(), absl::StatusCode::kAborted);
}

}  // namespace
}  // namespace tessera
