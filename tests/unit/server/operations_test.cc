#include "server/operations.h"

#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <string>

namespace tessera::server {
namespace {

using Clock = std::chrono::system_clock;

JobResult Trained() {
  JobResult result;
  result.training = {4, "PQ8", 100, 0.5};
  return result;
}

class OperationsTest : public testing::Test {
 protected:
  uint64_t Begin(const std::string& collection) {
    auto begun = operations_.Begin(collection);
    EXPECT_TRUE(begun.ok()) << begun.status();
    return begun->id;
  }

  Clock::time_point now_ = Clock::time_point(std::chrono::hours(1000));
  Operations operations_{2, 17, [this] { return now_; }};
};

TEST_F(OperationsTest, RunsFromBeginToFinish) {
  auto begun = operations_.Begin("a");
  ASSERT_TRUE(begun.ok());
  EXPECT_EQ(begun->id, 17u);
  operations_.Progress(17, 0.5, "centroids");
  operations_.Progress(17, 0.25, "codebooks");
  operations_.Progress(17, std::numeric_limits<double>::quiet_NaN(), "codebooks");
  auto info = operations_.Get("operations/17");
  ASSERT_TRUE(info.ok());
  EXPECT_FALSE(info->done);
  EXPECT_EQ(info->progress, 0.5);
  EXPECT_EQ(info->stage, "codebooks");
  EXPECT_EQ(info->start, now_);

  now_ += std::chrono::seconds(3);
  operations_.Finish(17, OkStatus(), Trained());
  operations_.Finish(17, Internal("a second end is ignored"), {});
  operations_.Progress(17, 0.1, "late");
  info = operations_.Get("operations/17");
  ASSERT_TRUE(info.ok());
  EXPECT_TRUE(info->done);
  EXPECT_TRUE(info->status.ok());
  EXPECT_EQ(info->progress, 1);
  EXPECT_EQ(info->end, now_);
  EXPECT_EQ(info->result.training.generation, 4u);
}

TEST_F(OperationsTest, FailureKeepsItsStatusAndProgress) {
  const uint64_t id = Begin("a");
  operations_.Progress(id, 0.5, "encode");
  operations_.Finish(id, DataLoss("torn"), Trained());
  const auto info = operations_.Get("operations/17");
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->status, DataLoss("torn"));
  EXPECT_EQ(info->progress, 0.5);
  EXPECT_EQ(info->result.training.generation, 0u);
}

TEST_F(OperationsTest, BackupsAreNotHeldUpByTrainingsNorEndedWithTheirCollection) {
  Begin("a");
  Begin("b");
  ASSERT_TRUE(absl::IsResourceExhausted(operations_.Begin("c").status()));
  const auto backup = operations_.Begin("a", "backup", Lane::kBackup);
  ASSERT_TRUE(backup.ok()) << backup.status();
  EXPECT_TRUE(absl::IsAlreadyExists(operations_.Begin("a", "backup", Lane::kBackup).status()));
  ASSERT_TRUE(operations_.Begin("b", "backup", Lane::kBackup).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(operations_.Begin("c", "backup", Lane::kBackup).status()));
  operations_.CancelCollection("a");
  EXPECT_FALSE(*backup->cancelled);
  operations_.Finish(backup->id, OkStatus(), {});
  EXPECT_TRUE(operations_.Begin("c", "backup", Lane::kBackup).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(operations_.Begin("c").status()));
}

TEST_F(OperationsTest, OneTrainingACollectionAndALimitForAll) {
  Begin("a");
  EXPECT_EQ(operations_.Begin("a").status(),
            AlreadyExists("operations/17 is training collection \"a\""));
  Begin("b");
  EXPECT_TRUE(absl::IsResourceExhausted(operations_.Begin("c").status()));
  operations_.Finish(17, OkStatus(), {});
  EXPECT_TRUE(operations_.Begin("a").ok());
}

TEST_F(OperationsTest, UnknownAndHostileNamesAreNotFound) {
  Begin("a");
  for (const char* name :
       {"", "17", "operations/", "operations/18", "operations/017", "operations/-1",
        "operations/17 ", "operations/1e1", "operations/99999999999999999999999"}) {
    EXPECT_TRUE(absl::IsNotFound(operations_.Get(name).status())) << name;
    EXPECT_TRUE(absl::IsNotFound(operations_.Cancel(name).status())) << name;
    EXPECT_TRUE(absl::IsNotFound(operations_.Wait(name, [](auto) {}).status())) << name;
  }
}

TEST_F(OperationsTest, CancelSetsTheFlagOnce) {
  auto begun = operations_.Begin("a");
  ASSERT_TRUE(begun.ok());
  EXPECT_FALSE(begun->cancelled->load());
  ASSERT_TRUE(operations_.Cancel("operations/17").ok());
  EXPECT_TRUE(begun->cancelled->load());
  operations_.Finish(17, Cancelled("cancelled"), {});
  const auto again = operations_.Cancel("operations/17");
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->done);
}

TEST_F(OperationsTest, CancelCollectionLeavesOthers) {
  auto a = operations_.Begin("a");
  auto b = operations_.Begin("b");
  ASSERT_TRUE(a.ok() && b.ok());
  operations_.CancelCollection("b");
  EXPECT_FALSE(a->cancelled->load());
  EXPECT_TRUE(b->cancelled->load());
}

TEST_F(OperationsTest, ListIsNewestFirstInPages) {
  for (int i = 0; i < 5; ++i) operations_.Finish(Begin("a"), OkStatus(), {});
  const auto first = operations_.List(2);
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[0].id, 21u);
  EXPECT_EQ(first[1].id, 20u);
  const auto rest = operations_.List(100, 20);
  ASSERT_EQ(rest.size(), 3u);
  EXPECT_EQ(rest[0].id, 19u);
  EXPECT_TRUE(operations_.List(10, 17).empty());
}

TEST_F(OperationsTest, FinishedOnesAreForgottenAfterAnHour) {
  operations_.Finish(Begin("a"), OkStatus(), {});
  const uint64_t running = Begin("b");
  now_ += Operations::kKeptFor - std::chrono::seconds(1);
  EXPECT_TRUE(operations_.Get("operations/17").ok());
  now_ += std::chrono::seconds(1);
  EXPECT_TRUE(absl::IsNotFound(operations_.Get("operations/17").status()));
  ASSERT_EQ(operations_.List(10).size(), 1u);
  EXPECT_EQ(operations_.List(10)[0].id, running);
}

TEST_F(OperationsTest, AtMostAThousandFinishedOnesAreKept) {
  for (size_t i = 0; i < Operations::kMaxKept + 3; ++i)
    operations_.Finish(Begin("a"), OkStatus(), {});
  EXPECT_EQ(operations_.List(5000).size(), Operations::kMaxKept);
  EXPECT_TRUE(absl::IsNotFound(operations_.Get("operations/19").status()));
  EXPECT_TRUE(operations_.Get("operations/20").ok());
}

TEST_F(OperationsTest, WaitersAreCalledOnceAtTheEnd) {
  const uint64_t id = Begin("a");
  int called = 0;
  const auto count = [&](StatusOr<OperationInfo> info) {
    EXPECT_TRUE(info.ok() && info->done);
    ++called;
  };
  ASSERT_TRUE(operations_.Wait("operations/17", count).ok());
  const auto forgotten = operations_.Wait("operations/17", count);
  ASSERT_TRUE(forgotten.ok());
  EXPECT_TRUE(operations_.Forget(*forgotten));
  EXPECT_FALSE(operations_.Forget(*forgotten));
  EXPECT_EQ(called, 0);
  operations_.Finish(id, OkStatus(), {});
  EXPECT_EQ(called, 1);
  ASSERT_TRUE(operations_.Wait("operations/17", count).ok());
  EXPECT_EQ(called, 2);
}

TEST_F(OperationsTest, WaitersMayCallBack) {
  const uint64_t id = Begin("a");
  std::optional<OperationInfo> seen;
  ASSERT_TRUE(
      operations_
          .Wait("operations/17",
                [&](StatusOr<OperationInfo> info) { seen = operations_.Get(info->name()).value(); })
          .ok());
  operations_.Finish(id, OkStatus(), {});
  ASSERT_TRUE(seen);
  EXPECT_TRUE(seen->done);
}

TEST_F(OperationsTest, WaitersAreLimited) {
  Begin("a");
  for (size_t i = 0; i < Operations::kMaxWaiters; ++i) {
    ASSERT_TRUE(operations_.Wait("operations/17", [](auto) {}).ok());
  }
  EXPECT_TRUE(absl::IsResourceExhausted(operations_.Wait("operations/17", [](auto) {}).status()));
}

TEST_F(OperationsTest, ShutdownCancelsAndEndsWaits) {
  auto begun = operations_.Begin("a");
  ASSERT_TRUE(begun.ok());
  Status seen;
  ASSERT_TRUE(operations_.Wait("operations/17", [&](auto info) { seen = info.status(); }).ok());
  operations_.Shutdown();
  EXPECT_TRUE(begun->cancelled->load());
  EXPECT_TRUE(absl::IsUnavailable(seen));
  EXPECT_TRUE(absl::IsUnavailable(operations_.Begin("b").status()));
  EXPECT_TRUE(absl::IsUnavailable(operations_.Wait("operations/17", [](auto) {}).status()));
  operations_.Finish(17, Cancelled("cancelled"), {});
}

}  // namespace
}  // namespace tessera::server
