#include <gtest/gtest.h>

#include <thread>

#include "index/base/failpoint.h"
#include "index/engine/codebook_table.h"
#include "index/engine/core.h"
#include "index/quantizer.h"
#include "index/store/store.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

constexpr uint32_t kDim = 16;
constexpr size_t kRows = 4000;

class CodebooksTest : public CollectionTest {
 protected:
  void SetUp() override {
    CollectionTest::SetUp();
    Create(kDim, Metric::kL2, "IVF16,PQ8x8,Refine(SQ8)");
    rows_ = ClusteredRows(kRows, kDim, 1);
    Load(rows_, kDim);
  }
  void TearDown() override { SetFailpoints(""); }

  Codebooks& books() { return collection_->codebooks(); }
  uint32_t TrainCandidate(uint64_t seed, const std::string& label = "") {
    TrainOptions options;
    options.context.seed = seed;
    const auto info = books().Train(options, label);
    EXPECT_TRUE(info.ok()) << info.status();
    return info.ok() ? info->version : 0;
  }
  std::vector<uint32_t> Versions() {
    std::vector<uint32_t> versions;
    const auto all = books().List();
    EXPECT_TRUE(all.ok()) << all.status();
    if (!all.ok()) return versions;
    for (const CodebookInfo& info : *all) versions.push_back(info.version);
    return versions;
  }
  CodebookState StateOf(uint32_t version) { return books().Get(version)->state; }
  // Each of some rows finds itself, whatever serves it.
  void ExpectRowsFound() {
    for (size_t i = 0; i < kRows; i += 397) {
      QueryParams params;
      params.limit = 1;
      const auto result = collection_->Query(rows_.data() + i * kDim, kDim, params);
      ASSERT_TRUE(result.ok()) << result.status();
      ASSERT_EQ(Ids(*result), (std::vector<uint64_t>{i}));
    }
  }
  template <typename T>
  void ExpectCode(const StatusOr<T>& result, absl::StatusCode code, const std::string& part) {
    ExpectCode(result.status(), code, part);
  }
  void ExpectCode(const Status& status, absl::StatusCode code, const std::string& part) {
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_NE(MessageOf(status).find(part), std::string::npos) << status;
  }

  std::vector<float> rows_;
};

TEST_F(CodebooksTest, TrainMakesAVersionInForce) {
  EXPECT_TRUE(Versions().empty());
  ASSERT_TRUE(collection_->Train({}).ok());
  const auto all = books().List();
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->size(), 1u);
  const CodebookInfo& info = (*all)[0];
  EXPECT_EQ(info.version, 1u);
  EXPECT_EQ(info.state, CodebookState::kActive);
  EXPECT_EQ(info.generation, Generation{1});
  EXPECT_EQ(info.asked.ToString(), "IVF16,PQ8x8,Refine(SQ8)");
  EXPECT_EQ(info.spec.ToString(), collection_->Stats().quantizer);
  EXPECT_EQ(info.training_error, collection_->Stats().training_error);
  EXPECT_GT(info.created_seconds, 1700000000);
  EXPECT_GT(info.held_out_rows, 50u);
  EXPECT_LT(info.trained_rows + info.held_out_rows, kRows + 1) << "no row is trained on and measured";
  EXPECT_GT(info.held_out_error, 0.5 * info.training_error);
  EXPECT_LT(info.held_out_error, 2 * info.training_error);
}

TEST_F(CodebooksTest, CandidatesChangeNothingUntilActivated) {
  ASSERT_TRUE(collection_->Train({}).ok());
  const auto before = collection_->Stats();
  const uint32_t candidate = TrainCandidate(7, "seed 7");
  EXPECT_EQ(candidate, 2u);
  EXPECT_EQ(StateOf(candidate), CodebookState::kCandidate);
  EXPECT_EQ(books().Get(candidate)->label, "seed 7");
  EXPECT_EQ(collection_->Stats().generation, before.generation);
  ASSERT_TRUE(books().Activate(candidate, {}).ok());
  EXPECT_EQ(collection_->Stats().generation, Generation{2});
  EXPECT_EQ(StateOf(1), CodebookState::kPrevious);
  EXPECT_EQ(StateOf(candidate), CodebookState::kActive);
  EXPECT_EQ(books().Get(1)->generation, Generation{1});
  ExpectRowsFound();
  // What is activated is what was exported: the same codes.
  const auto bytes = books().Export(candidate);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  const auto file = Quantizer::Parse(*bytes);
  ASSERT_TRUE(file.ok()) << file.status();
  std::vector<uint8_t> codes(100 * (*file)->code_bytes());
  ASSERT_TRUE((*file)->Encode({rows_.data(), 100, kDim}, codes.data(), nullptr).ok());
  const auto encoded = collection_->Encode({rows_.data(), 100, kDim});
  ASSERT_TRUE(encoded.ok());
  for (size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(std::memcmp(codes.data() + i * (*file)->code_bytes() + 4,
                          encoded->codes.data() + i * encoded->code_bytes, encoded->code_bytes), 0);
  }
}

TEST_F(CodebooksTest, EvaluatesWithoutChangingAnything) {
  TrainOptions coarse;
  coarse.quantizer = *QuantizerSpec::Parse("IVF16,PQ2x4");
  const auto poor = books().Train(coarse, "");
  ASSERT_TRUE(poor.ok()) << poor.status();
  const uint32_t good = TrainCandidate(7);
  EvaluateOptions options;
  const auto of_poor = books().Evaluate(poor->version, options);
  const auto of_good = books().Evaluate(good, options);
  ASSERT_TRUE(of_poor.ok()) << of_poor.status();
  ASSERT_TRUE(of_good.ok()) << of_good.status();
  ASSERT_EQ(of_good->quantizers.size(), 1u);
  EXPECT_GT(of_good->queries, 50u);
  EXPECT_LT(of_good->queries + of_good->rows, kRows + 1);
  const EvaluatedQuantizer& row = of_good->quantizers[0];
  EXPECT_EQ(row.spec, books().Get(good)->spec);
  EXPECT_GT(row.codes.value, of_poor->quantizers[0].codes.value + 0.1);
  EXPECT_LT(row.squared_error, of_poor->quantizers[0].squared_error);
  EXPECT_NEAR(row.squared_error, books().Get(good)->held_out_error, 0.5 * row.squared_error);
  EXPECT_EQ(collection_->Stats().generation, Generation());
  options.quantizers = {row.spec};
  ExpectCode(books().Evaluate(good, options), absl::StatusCode::kInvalidArgument, "quantizers");
  ExpectCode(books().Evaluate(99, {}), absl::StatusCode::kNotFound, "codebook 99");
}

TEST_F(CodebooksTest, RollsBackAndForth) {
  ExpectCode(books().RollBack({}), absl::StatusCode::kFailedPrecondition, "no codebook");
  ASSERT_TRUE(collection_->Train({}).ok());
  ExpectCode(books().RollBack({}), absl::StatusCode::kFailedPrecondition, "no codebook");
  TrainOptions other;
  other.quantizer = *QuantizerSpec::Parse("IVF8,PQ4x8");
  ASSERT_TRUE(collection_->Train(other).ok());
  EXPECT_EQ(collection_->spec().quantizer, *other.quantizer);
  ASSERT_TRUE(books().RollBack({}).ok());
  EXPECT_EQ(StateOf(1), CodebookState::kActive);
  EXPECT_EQ(StateOf(2), CodebookState::kPrevious);
  EXPECT_EQ(collection_->Stats().generation, Generation{3}) << "generations go on";
  EXPECT_EQ(collection_->spec().quantizer.ToString(), "IVF16,PQ8x8,Refine(SQ8)") << "the spec goes with it";
  ExpectRowsFound();
  ASSERT_TRUE(books().RollBack({}).ok());
  EXPECT_EQ(StateOf(2), CodebookState::kActive);
  EXPECT_EQ(collection_->Stats().nlist, 8u);
  ExpectRowsFound();
}

TEST_F(CodebooksTest, RecallIsMeasuredAnewAfterAnActivation) {
  ASSERT_TRUE(collection_->Train({}).ok());
  ASSERT_TRUE(books().Activate(TrainCandidate(7), {}).ok());
  // The curve counts only if it is of the generation in force; the background measures it.
  while (collection_->Stats().tuned_queries == 0) std::this_thread::yield();
  EXPECT_EQ(collection_->Stats().generation, Generation{2});
}

TEST_F(CodebooksTest, RestartBringsBackVersionsAndStates) {
  ASSERT_TRUE(collection_->Train({}).ok());
  ASSERT_TRUE(collection_->Train({}).ok());
  TrainCandidate(9, "later");
  const auto before = *books().List();
  Reopen();
  const auto after = books().List();
  ASSERT_TRUE(after.ok()) << after.status();
  ASSERT_EQ(after->size(), before.size());
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ((*after)[i].version, before[i].version);
    EXPECT_EQ((*after)[i].state, before[i].state);
    EXPECT_EQ((*after)[i].checksum, before[i].checksum);
    EXPECT_EQ((*after)[i].label, before[i].label);
    EXPECT_EQ((*after)[i].created_seconds, before[i].created_seconds);
    EXPECT_EQ((*after)[i].held_out_error, before[i].held_out_error);
  }
  ASSERT_TRUE(books().Activate(3, {}).ok());
  ExpectRowsFound();
}

TEST_F(CodebooksTest, KeepsTheLastTwoAndThoseWithALabel) {
  const uint32_t labelled = TrainCandidate(5, "pinned");
  ASSERT_TRUE(books().Activate(labelled, {}).ok());
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(collection_->Train({}).ok());
  EXPECT_EQ(Versions(), (std::vector<uint32_t>{1, 3, 4, 5}));
  EXPECT_EQ(books().Export(2).status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(books().Export(1).ok());
}

TEST_F(CodebooksTest, DeleteRefusesTheOneInForceAndVersionsAreNeverReused) {
  ASSERT_TRUE(collection_->Train({}).ok());
  ExpectCode(books().Delete(1), absl::StatusCode::kFailedPrecondition, "codebook 1");
  EXPECT_EQ(TrainCandidate(3), 2u);
  ASSERT_TRUE(books().Delete(2).ok());
  ExpectCode(books().Delete(2), absl::StatusCode::kNotFound, "codebook 2");
  ExpectCode(books().Get(2), absl::StatusCode::kNotFound, "codebook 2");
  ExpectCode(books().Activate(2, {}), absl::StatusCode::kNotFound, "codebook 2");
  Reopen();
  EXPECT_EQ(TrainCandidate(3), 3u);
}

TEST_F(CodebooksTest, ImportsWhatItExportedAndWhatFitMade) {
  ASSERT_TRUE(collection_->Train({}).ok());
  const auto bytes = books().Export(1);
  ASSERT_TRUE(bytes.ok());
  const auto again = books().Import(*bytes, "copy");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->version, 2u);
  EXPECT_EQ(again->state, CodebookState::kCandidate);
  EXPECT_EQ(again->checksum, books().Get(1)->checksum);
  const auto made = Quantizer::Train(*QuantizerSpec::Parse("RR,IVF4,PQ4x8"), Metric::kL2,
                                     {rows_.data(), kRows, kDim}, {});
  ASSERT_TRUE(made.ok()) << made.status();
  const auto imported = books().Import((*made)->Serialize(), "");
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_GT(imported->held_out_rows, 0u);
  ASSERT_TRUE(books().Activate(imported->version, {}).ok());
  EXPECT_EQ(collection_->Stats().quantizer, (*made)->spec().ToString());
  ExpectRowsFound();
}

TEST_F(CodebooksTest, ImportRefusesWhatDoesNotFit) {
  ASSERT_TRUE(collection_->Train({}).ok());
  const std::string good = *books().Export(1);
  const auto refused = absl::StatusCode::kInvalidArgument;
  for (const size_t length : {size_t{0}, size_t{1}, size_t{12}, good.size() / 2, good.size() - 1}) {
    ExpectCode(books().Import(good.substr(0, length), ""), refused, "codebook");
  }
  ExpectCode(books().Import(good + "x", ""), refused, "codebook");
  for (size_t at = 0; at < good.size(); at += 1 + good.size() / 200) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    ExpectCode(books().Import(bad, ""), refused, "codebook");
  }
  const auto train = [&](const char* spec, Metric metric, uint32_t dim) {
    const std::vector<float> rows = ClusteredRows(1000, dim, 4);
    return (*Quantizer::Train(*QuantizerSpec::Parse(spec), metric, {rows.data(), 1000, dim}, {}))->Serialize();
  };
  ExpectCode(books().Import(train("IVF4,PQ4x8", Metric::kL2, 8), ""), refused, "8 dimensions");
  ExpectCode(books().Import(train("IVF4,PQ4x8", Metric::kCosine, kDim), ""), refused, "cosine");
  ExpectCode(books().Import(train("VQ16", Metric::kL2, kDim), ""), refused, "codebook");
  ExpectCode(books().Import(good, "two\nlines"), refused, "label");
  EXPECT_EQ(Versions(), (std::vector<uint32_t>{1})) << "nothing refused is kept";
}

TEST_F(CodebooksTest, ActivationCanBeCancelledAndFail) {
  ASSERT_TRUE(collection_->Train({}).ok());
  const uint32_t candidate = TrainCandidate(8);
  ExpectCode(books().Activate(1, {}), absl::StatusCode::kFailedPrecondition, "in force");
  TrainingContext context;
  auto stop = std::make_shared<std::atomic<bool>>(true);
  context.stop = StopToken(StopToken::Clock::time_point::max(), stop);
  ExpectCode(books().Activate(candidate, context), absl::StatusCode::kCancelled, "");
  SetFailpoints("rebuild.switch=error");
  ExpectCode(books().Activate(candidate, {}), absl::StatusCode::kUnavailable, "rebuild.switch");
  SetFailpoints("");
  EXPECT_EQ(StateOf(1), CodebookState::kActive);
  EXPECT_EQ(StateOf(candidate), CodebookState::kCandidate);
  ExpectRowsFound();
  ASSERT_TRUE(books().Activate(candidate, {}).ok()) << "and then it works";
}

TEST_F(CodebooksTest, OneDeletedWhileItIsActivatedIsNotSwitchedTo) {
  ASSERT_TRUE(collection_->Train({}).ok());
  const uint32_t candidate = TrainCandidate(8);
  TrainingContext context;
  bool deleted = false;
  context.progress = [&](double, const char* stage) {
    if (std::string(stage) == "encode" && !std::exchange(deleted, true)) {
      EXPECT_TRUE(books().Delete(candidate).ok());
    }
  };
  ExpectCode(books().Activate(candidate, context), absl::StatusCode::kAborted, "deleted");
  EXPECT_TRUE(deleted);
  EXPECT_EQ(StateOf(1), CodebookState::kActive);
  ExpectRowsFound();
}

TEST_F(CodebooksTest, OnlyOneTrainingOrActivationAtATime) {
  ASSERT_TRUE(collection_->Train({}).ok());
  const uint32_t candidate = TrainCandidate(8);
  TrainingContext context;
  context.progress = [&](double, const char*) {
    EXPECT_EQ(collection_->Train({}).code(), absl::StatusCode::kAlreadyExists);
    EXPECT_EQ(books().Train({}, "").status().code(), absl::StatusCode::kAlreadyExists);
    EXPECT_EQ(books().RollBack({}).code(), absl::StatusCode::kAlreadyExists);
    EXPECT_TRUE(books().List().ok());
    EXPECT_TRUE(collection_->Stats().training);
  };
  ASSERT_TRUE(books().Activate(candidate, context).ok());
  EXPECT_FALSE(collection_->Stats().training);
}

// Opens the database beside the engine and changes a record.
void Overwrite(const std::string& directory, const std::string& record, const std::string& bytes) {
  store::SharedResources shared{{}};
  store::Store::Options options;
  options.shared = &shared;
  auto store = store::Store::Open(directory + "/collections/c", options);
  ASSERT_TRUE(store.ok()) << store.status();
  const auto batch = (*store)->NewBatch();
  batch->PutRecord(record, bytes);
  ASSERT_TRUE((*store)->Write(*batch, store::Durability::kSync).ok());
}

TEST_F(CodebooksTest, ADamagedCodebookHurtsOnlyItself) {
  ASSERT_TRUE(collection_->Train({}).ok());
  ASSERT_TRUE(collection_->Train({}).ok());
  collection_.reset();
  catalog_.reset();
  Overwrite(directory_.path(), engine::CodebookRecord(1), "nonsense");
  Reopen();
  ASSERT_TRUE(collection_);
  ExpectRowsFound();
  EXPECT_EQ(Versions(), (std::vector<uint32_t>{1, 2}));
  ExpectCode(books().Export(1), absl::StatusCode::kDataLoss, "codebook 1");
  ExpectCode(books().RollBack({}), absl::StatusCode::kDataLoss, "codebook 1");
  ExpectRowsFound();
  ASSERT_TRUE(books().Delete(1).ok());
  ASSERT_TRUE(collection_->Train({}).ok());
}

TEST_F(CodebooksTest, ADamagedTableLeavesTheCollectionServing) {
  ASSERT_TRUE(collection_->Train({}).ok());
  collection_.reset();
  catalog_.reset();
  Overwrite(directory_.path(), engine::kCodebooksRecord, "nonsense");
  Reopen();
  ASSERT_TRUE(collection_);
  ExpectRowsFound();
  Load(ClusteredRows(10, kDim, 5), kDim, kRows);
  ExpectCode(books().List(), absl::StatusCode::kDataLoss, "codebooks");
  ExpectCode(books().Train({}, ""), absl::StatusCode::kDataLoss, "codebooks");
  ExpectCode(collection_->Train({}), absl::StatusCode::kDataLoss, "codebooks");
}

}  // namespace
}  // namespace tessera
