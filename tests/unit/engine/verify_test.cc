// Collections that are whole verify clean, whatever was done to them, and while it is being done.
#include "index/engine/verify.h"

#include <atomic>
#include <thread>

#include "tests/unit/engine/verify_fixture.h"

namespace tessera {
namespace {

constexpr uint32_t kDim = kVerifyDim;

struct Case {
  Metric metric;
  const char* quantizer;
};

class VerifyCleanTest : public VerifyTest, public ::testing::WithParamInterface<Case> {};

TEST_P(VerifyCleanTest, AfterWritesTrainingRebalanceAndReopening) {
  Fill(1500, GetParam().metric, GetParam().quantizer);
  VerifyReport report = Verify();
  EXPECT_TRUE(report.clean()) << Text(report);
  EXPECT_EQ(report.rows, 1500u);
  EXPECT_EQ(report.encoded_rows, 1500u);

  // Rows elsewhere, so that lists are split; replaced, patched, deleted ones.
  Load(ClusteredRows(700, kDim, 2, 5), kDim, 1200);
  std::vector<PointId> gone;
  for (uint64_t id = 0; id < 300; ++id) gone.push_back(PointId(id));
  ASSERT_TRUE(collection_->Delete(gone).ok());
  ASSERT_TRUE(collection_->Patch({{PointId(400), R"({"a":1})"}}).ok());
  const std::vector<float> one = ClusteredRows(1, kDim, 3);
  UpsertOptions named;
  named.request_id = "once";
  ASSERT_TRUE(collection_->Upsert({{PointId("a string"), ElementType::kF32, Bytes(one.data(), kDim)}}, named).ok());
  ASSERT_TRUE(collection_->Rebalance().ok());
  for (const bool reopened : {false, true}) {
    if (reopened) Reopen();
    report = Verify();
    EXPECT_TRUE(report.clean()) << Text(report);
    EXPECT_EQ(report.rows, 1601u);
    EXPECT_EQ(report.ids, 1601u);
    EXPECT_EQ(report.vectors, 1601u);
    EXPECT_EQ(report.assignments, 1601u);
    EXPECT_EQ(report.postings, 1601u);
    EXPECT_EQ(report.memory_rows, 1601u);
    EXPECT_EQ(report.encoded_rows, 1601u);
    EXPECT_EQ(report.lists, collection_->Stats().nlist);
    EXPECT_EQ(report.requests, 1u);
    EXPECT_EQ(report.payloads, 301u);  // of 300, 303 ... 1197, and 400
    EXPECT_GE(report.files, 1u);
    EXPECT_EQ(report.commit, collection_->Stats().commit);
    // A few at most: where two codewords are as near.
    EXPECT_LE(report.tied_rows, report.encoded_rows / 50);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Quantizers, VerifyCleanTest,
    ::testing::Values(Case{Metric::kL2, "IVF8,PQ8,Refine(SQ8)"}, Case{Metric::kCosine, "OPQ,IVF8,PQ8x4"},
                      Case{Metric::kInnerProduct, "IVF8,PQ8,Refine(SQ8)"}, Case{Metric::kL2, "IVF8,RaBitQ4"},
                      Case{Metric::kL2, "IVF8,SQ8"}, Case{Metric::kL2, "IVF8,RQ4x8"},
                      Case{Metric::kCosine, "IVF8,PQ8,FT"}));

TEST_F(VerifyTest, UntrainedRowsAreComparedWithMemory) {
  Fill(300, Metric::kCosine, "IVF8,PQ8", false);
  const VerifyReport report = Verify();
  EXPECT_TRUE(report.clean()) << Text(report);
  EXPECT_EQ(report.memory_rows, 300u);
  EXPECT_EQ(report.postings, 0u);
  EXPECT_EQ(report.generation.value, 0u);
}

TEST_F(VerifyTest, AnEmptyCollectionIsClean) {
  Create(kDim, Metric::kL2);
  EXPECT_TRUE(Verify().clean());
}

TEST_F(VerifyTest, BesideWritesTrainingsAndListChanges) {
  Fill();
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (uint64_t round = 0; !done; ++round) {
      Load(ClusteredRows(50, kDim, 10 + static_cast<unsigned>(round)), kDim, round * 37 % 900);
      EXPECT_TRUE(collection_->Delete({PointId(round * 17 % 900)}).ok());
      if (round % 8 != 0) continue;
      EXPECT_TRUE(collection_->Rebalance().ok());
    }
  });
  std::thread trainer([&] {
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(collection_->Train({}).ok());
  });
  int verified = 0;
  for (int i = 0; i < 10; ++i) {
    const auto report = collection_->Verify({});
    // Trainings of small collections come fast.
    if (!report.ok()) {
      EXPECT_EQ(report.status().code(), absl::StatusCode::kAborted) << report.status();
      continue;
    }
    EXPECT_TRUE(report->clean()) << Text(*report);
    ++verified;
  }
  trainer.join();
  done = true;
  writer.join();
  EXPECT_GT(verified, 0);
  EXPECT_TRUE(Verify().clean());
}

TEST_F(VerifyTest, TellsHowFarItIsAndStops) {
  Fill(6000);
  double last = 0;
  std::string stages;
  VerifyOptions options;
  options.progress = [&](double fraction, const char* stage) {
    EXPECT_GE(fraction, last);
    last = fraction;
    if (stages.find(stage) == std::string::npos) stages += std::string(stage) + " ";
  };
  ASSERT_TRUE(collection_->Verify(options).ok());
  EXPECT_EQ(last, 1);
  EXPECT_EQ(stages, "files records rows ids vectors payloads requests assignments postings done ");

  auto flag = std::make_shared<std::atomic<bool>>(false);
  options.stop = StopToken(StopToken::Clock::time_point::max(), flag);
  options.progress = [&](double, const char* stage) { *flag = *flag || std::string(stage) == "vectors"; };
  EXPECT_EQ(collection_->Verify(options).status().code(), absl::StatusCode::kCancelled);
  // The verification that runs while it is closed gives way.
  options.stop = {};
  std::atomic<bool> begun{false};
  options.progress = [&](double, const char*) { begun = true; };
  const std::shared_ptr<Collection> held = collection_;
  std::thread verifier([&] {
    for (auto report = held->Verify(options); report.status().code() != absl::StatusCode::kNotFound;
         report = held->Verify(options)) {
      ASSERT_TRUE(report.ok() || report.status().code() == absl::StatusCode::kCancelled) << report.status();
    }
  });
  while (!begun) std::this_thread::yield();
  Close();
  verifier.join();
}

}  // namespace
}  // namespace tessera
