#include "index/engine/live_recall.h"

#include <gtest/gtest.h>

namespace tessera::engine {
namespace {

constexpr Generation kOne{1};

AnsweredQuery Answered(Generation generation = kOne) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->generation = generation;
  AnsweredQuery query;
  query.snapshot = snapshot;
  return query;
}

class LiveRecallTest : public ::testing::Test {
 protected:
  void SetUp() override {
    watch_.Start(1);
    watch_.Reset(kOne);
  }
  LiveRecallWatch watch_;
};

TEST(LiveRecallDraw, DrawsItsShare) {
  for (const double share : {0.0, 0.001, 0.25, 1.0}) {
    LiveRecallWatch watch;
    watch.Start(share);
    EXPECT_EQ(watch.is_on(), share > 0);
    int drawn = 0;
    for (int i = 0; i < 100000; ++i) drawn += watch.Draw();
    EXPECT_NEAR(drawn, share * 100000, 4 * std::sqrt(share * 100000)) << share;
  }
}

TEST_F(LiveRecallTest, OneWorkerTakesAllThatWait) {
  EXPECT_TRUE(watch_.Add(Answered(), false));
  EXPECT_FALSE(watch_.Add(Answered(), false)) << "a worker is on its way";
  EXPECT_EQ(watch_.TakeAll().size(), 2u);
  EXPECT_FALSE(watch_.Add(Answered(), false)) << "it looks again";
  EXPECT_EQ(watch_.TakeAll().size(), 1u);
  EXPECT_EQ(watch_.TakeAll().size(), 0u);
  EXPECT_TRUE(watch_.Add(Answered(), false));
}

TEST_F(LiveRecallTest, AFullQueueAndABusyBackgroundDrop) {
  for (size_t i = 0; i < LiveRecallWatch::kQueue + 3; ++i) watch_.Add(Answered(), false);
  EXPECT_FALSE(watch_.Add(Answered(), true));
  EXPECT_FALSE(watch_.Add(Answered(Generation{2}), false)) << "of another model";
  EXPECT_EQ(watch_.Read().dropped, 5u);
  EXPECT_EQ(watch_.TakeAll().size(), LiveRecallWatch::kQueue);
}

TEST_F(LiveRecallTest, EstimatesOverTheWindow) {
  EXPECT_EQ(watch_.Read().queries, 0u);
  for (size_t i = 0; i < LiveRecallWatch::kWindow; ++i)
    watch_.Record(kOne, {0, 1, 0}, 10);  // pushed out
  for (size_t i = 0; i < LiveRecallWatch::kWindow; ++i) {
    watch_.Record(kOne, i % 2 ? QueryLoss{1, 0, 0} : QueryLoss{0.8f, 0.15f, 0.05f}, 10);
  }
  const LiveRecall live = watch_.Read();
  EXPECT_EQ(live.queries, LiveRecallWatch::kWindow);
  EXPECT_NEAR(live.recall.value, 0.9, 1e-6);
  EXPECT_NEAR(live.probe_loss, 0.075, 1e-6);
  EXPECT_NEAR(live.code_loss, 0.025, 1e-6);
  EXPECT_NEAR(live.recall.value + live.probe_loss + live.code_loss, 1, 1e-6);
  EXPECT_LT(live.recall.low, 0.9);
  EXPECT_GT(live.recall.high, 0.9);
  EXPECT_LT(live.recall.high - live.recall.low, 0.02);
}

TEST_F(LiveRecallTest, AnotherModelStartsAnew) {
  watch_.Record(kOne, {0.5f, 0.5f, 0}, 10);
  watch_.Add(Answered(), false);
  watch_.Reset(Generation{2});
  watch_.Record(kOne, {0.5f, 0.5f, 0}, 10);
  EXPECT_EQ(watch_.Read().queries, 0u);
  EXPECT_EQ(watch_.TakeAll().size(), 0u);
  watch_.Record(Generation{2}, {1, 0, 0}, 10);
  EXPECT_EQ(watch_.Read().queries, 1u);
}

}  // namespace
}  // namespace tessera::engine
