#include "index/engine/unfinished.h"

#include <chrono>
#include <future>
#include <thread>

#include "tests/unit/engine/verify_fixture.h"

namespace tessera {
namespace {

using engine::DecodeUnfinished;
using engine::EncodeUnfinished;
using engine::Unfinished;
using store::Batch;
using store::Store;

TEST(Unfinished, GoldenBytesComeBack) {
  Unfinished work;
  work.version = 3;
  work.attempts = 2;
  work.quantizer = "IVF8,PQ4";
  work.sample_rows = 500;
  work.seed = 7;
  const std::string bytes = EncodeUnfinished(work);
  EXPECT_EQ(bytes, std::string("\1\0\0\0\3\0\0\0\2\0\0\0\10\0\0\0IVF8,PQ4\364\1\0\0\0\0\0\0\7\0\0\0\0\0\0\0", 40));
  const auto back = DecodeUnfinished(bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(EncodeUnfinished(*back), bytes);
  for (size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_EQ(DecodeUnfinished(bytes.substr(0, n)).status().code(), absl::StatusCode::kDataLoss) << n;
  }
  work.quantizer = "no such thing";
  EXPECT_EQ(DecodeUnfinished(EncodeUnfinished(work)).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(DecodeUnfinished("\2" + bytes.substr(1)).status().code(), absl::StatusCode::kFailedPrecondition);
}

class UnfinishedTest : public VerifyTest {
 protected:
  bool Noted() {
    bool noted = false;
    Tamper([&](Store& store, Batch&) { noted = engine::HasUnfinished(store); });
    return noted;
  }
  // A training by itself begins on a thread; it ends.
  void AwaitGeneration(uint32_t generation) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (collection_->Stats().generation.value < generation && std::chrono::steady_clock::now() < end) {
      std::this_thread::yield();
    }
    EXPECT_EQ(collection_->Stats().generation.value, generation);
  }
  // A training that waits, and the end of the catalog.
  Status CutShort(const TrainOptions& options) {
    catalog_->upkeep().Pause();
    auto training = std::async(std::launch::async, [=, collection = collection_] { return collection->Train(options); });
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!collection_->Stats().training && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    catalog_->EndUpkeep();
    const Status status = training.get();
    Close();
    return status;
  }
};

TEST_F(UnfinishedTest, ATrainingThatARestartCutShortIsTakenUpAgain) {
  Fill(600, Metric::kL2, "IVF8,PQ8", false);
  TrainOptions options;
  options.quantizer = *QuantizerSpec::Parse("IVF4,PQ4");
  EXPECT_EQ(CutShort(options).code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(Noted());
  Reopen();
  AwaitGeneration(1);
  EXPECT_EQ(collection_->Stats().quantizer.substr(0, 8), "IVF4,PQ4");
  Close();
  EXPECT_FALSE(Noted());
}

TEST_F(UnfinishedTest, OneThatEndedOrWasCancelledIsNot) {
  Fill(600, Metric::kL2, "IVF8,PQ8");
  Close();
  EXPECT_FALSE(Noted());
  Reopen();
  TrainOptions options;
  options.context.stop = StopToken(StopToken::Clock::time_point::min());
  EXPECT_EQ(collection_->Train(options).code(), absl::StatusCode::kDeadlineExceeded);
  Close();
  EXPECT_FALSE(Noted());
}

TEST_F(UnfinishedTest, AnActivationToo) {
  Fill(600, Metric::kL2, "IVF8,PQ8");
  ASSERT_TRUE(collection_->codebooks().Train({}, "other").ok());
  Close();
  Tamper([](Store&, Batch& batch) {
    Unfinished work;
    work.version = 2;
    batch.PutRecord(engine::kUnfinishedRecord, EncodeUnfinished(work));
  });
  Reopen();
  AwaitGeneration(2);
}

TEST_F(UnfinishedTest, WorkThatEndsTheProcessEachTimeIsGivenUp) {
  Fill(600, Metric::kL2, "IVF8,PQ8");
  Close();
  Tamper([](Store&, Batch& batch) {
    Unfinished work;
    work.attempts = 3;
    batch.PutRecord(engine::kUnfinishedRecord, EncodeUnfinished(work));
  });
  Reopen();
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (collection_->Stats().training && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_EQ(collection_->Stats().generation.value, 1u);
  Close();
  EXPECT_FALSE(Noted());
}

TEST_F(UnfinishedTest, ARestoredCopyHasNone) {
  Fill(600, Metric::kL2, "IVF8,PQ8", false);
  EXPECT_EQ(CutShort({}).code(), absl::StatusCode::kCancelled);
  CatalogOptions still = options_;
  still.background = nullptr;  // nothing begins by itself
  auto opened = Catalog::Open(still);
  ASSERT_TRUE(opened.ok()) << opened.status();
  const auto backup = (*opened)->backups().Create("c", {});
  ASSERT_TRUE(backup.ok()) << backup.status();
  ASSERT_TRUE((*opened)->backups().Restore("c", backup->id, "r", {}).ok());
  opened->reset();
  Reopen();
  AwaitGeneration(1);
  EXPECT_FALSE((*catalog_->Get("r"))->Stats().generation.value);
}

}  // namespace
}  // namespace tessera
