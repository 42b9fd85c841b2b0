// Every answer, score by score, is what it was: after a restart, in a restored backup, and when codes and lists were
// made anew from raw vectors. With rows deleted and replaced beside others in the lists, rows far from all others,
// and commits of one row, since what is in memory then is packed otherwise than what is read from disk.
#include <bit>
#include <cctype>
#include <string>
#include <vector>

#include "index/backup.h"
#include "index/repair.h"
#include "tests/unit/engine/verify_fixture.h"

namespace tessera {
namespace {

using store::Batch;
using store::Store;

constexpr size_t kRows = 1200;
constexpr size_t kSingle = 40;  // rows of commits of their own
constexpr size_t kQueries = 20;

struct Kind {
  const char* quantizer;
  std::vector<Metric> metrics;
};

void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.quantizer; }

const std::vector<Metric> kAll = {Metric::kL2, Metric::kInnerProduct, Metric::kCosine};

const Kind kKinds[] = {{"PQ8", kAll},
                       {"IVF16,PQ4", kAll},
                       {"OPQ,IVF16,PQ8x4,Refine(SQ8)", kAll},
                       {"RR,IVF16,PQ8x6,Refine(SQ4)", kAll},
                       {"IVF16,PQ8x4+4", kAll},
                       {"IVF16,RQ4x8,Refine(SQ8A)", kAll},
                       {"IVF16,PRQ2x2x8", kAll},
                       {"IVF16,MPQ8,Refine(FP16)", kAll},
                       {"PCA12,IVF16,PQ4,Refine(SQ8S)", kAll},
                       {"IVF16,PQ4,FT", {Metric::kL2, Metric::kCosine}},
                       {"IVF16,SQ8", kAll},
                       {"IVF16,SQ4P,Refine(BF16)", kAll},
                       {"IVF16,RaBitQ2,Refine(SQ8)", kAll},
                       {"IVF16,FP16", kAll},
                       {"IVF16,Binary,Refine(SQ8)", {Metric::kCosine}}};

bool Refines(const Kind& kind) { return std::string(kind.quantizer).find("Refine") != std::string::npos; }

class SameAnswersTest : public VerifyTest, public ::testing::WithParamInterface<Kind> {
 protected:
  // Every 50th row is far away: its correction is no byte.
  std::vector<float> Rows(size_t n, unsigned seed) {
    std::vector<float> rows = ClusteredRows(n, kVerifyDim, seed);
    for (size_t i = 0; i < n; i += 50) {
      for (size_t j = 0; j < kVerifyDim; ++j) rows[i * kVerifyDim + j] *= 3;
    }
    return rows;
  }

  void Fill(Metric metric, bool refine_on_disk = false) {
    CollectionSpec spec;
    spec.dim = kVerifyDim;
    spec.metric = metric;
    spec.auto_train = false;
    spec.quantizer = *QuantizerSpec::Parse(GetParam().quantizer);
    spec.refine_on_disk = refine_on_disk;
    const auto made = catalog_->Create("c", spec);
    ASSERT_TRUE(made.ok()) << made.status();
    collection_ = *made;
    Load(Rows(kRows, 1), kVerifyDim);
    ASSERT_TRUE(collection_->Train({}).ok());
    Load(Rows(kRows / 3, 2), kVerifyDim, kRows / 2);  // replaced
    std::vector<PointId> deleted;
    for (uint64_t id = 0; id < kRows; id += 7) deleted.emplace_back(id);
    ASSERT_TRUE(collection_->Delete(deleted).ok());
    const std::vector<float> single = Rows(kSingle, 3);
    for (size_t i = 0; i < kSingle; ++i) {
      const float* row = single.data() + i * kVerifyDim;
      Load({row, row + kVerifyDim}, kVerifyDim, 10000 + i);
    }
  }

  // Codes and lists of all rows are lost, and made anew from vectors.
  void LoseCodesAndRepair() {
    const uint32_t nlist = collection_->Stats().nlist;
    Close();
    Tamper([&](Store& store, Batch& batch) {  // of all rows neither codes nor lists are left
      for (uint32_t row = 0; row < 2 * kRows; ++row) {
        const auto assigned = store.GetAssigns(kFirst, {RowId{row}}, nullptr);
        if (!assigned.ok() || !(*assigned)[0]) continue;
        batch.DeleteAssign(kFirst, RowId{row});
        for (uint32_t list = 0; list < nlist; ++list) batch.DeletePosting(kFirst, ListId{list}, RowId{row});
      }
    });
    const auto report = RepairCollection(directory_.path(), "c", {});
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->kept_codes, 0u);
    EXPECT_EQ(report->encoded_rows, report->rows);
    EXPECT_FALSE(report->trained);
    Reopen();
    ASSERT_TRUE(collection_) << catalog_->Get("c").status();
  }

  // Ids and the bits of scores.
  std::vector<std::string> Answers(Collection& collection) {
    std::vector<std::string> answers;
    const std::vector<float> queries = ClusteredRows(kQueries, kVerifyDim, 77);
    std::vector<QueryResult> results;
    for (const RerankTier tier : {RerankTier::kNone, Refines(GetParam()) ? RerankTier::kRefine : RerankTier::kAuto, RerankTier::kRaw}) {
      for (const uint32_t nprobe : {2u, 100u}) {
        QueryParams params;
        params.limit = 20;
        params.nprobe = nprobe;
        params.rerank = tier;
        const Status status = collection.QueryBatch({queries.data(), kQueries, kVerifyDim}, params, results);
        EXPECT_TRUE(status.ok()) << status;
        for (const QueryResult& result : results) {
          for (const Hit& hit : result.hits) {
            answers.push_back(hit.id.ToString() + " " + std::to_string(std::bit_cast<uint32_t>(hit.score)));
          }
        }
      }
    }
    return answers;
  }
};

TEST_P(SameAnswersTest, AfterRestartRestoreAndRepair) {
  for (const Metric metric : GetParam().metrics) {
    SCOPED_TRACE(MetricName(metric));
    Fill(metric);
    const std::vector<std::string> before = Answers(*collection_);
    ASSERT_GT(before.size(), 4 * kQueries * 20);
    Reopen();
    ASSERT_TRUE(collection_);
    EXPECT_EQ(Answers(*collection_), before) << "after a restart";

    const auto backup = catalog_->backups().Create("c", {});
    ASSERT_TRUE(backup.ok()) << backup.status();
    const auto restored = catalog_->backups().Restore("c", backup->id, "elsewhere", {});
    ASSERT_TRUE(restored.ok()) << restored.status();
    EXPECT_EQ(Answers(**restored), before) << "restored";

    LoseCodesAndRepair();
    EXPECT_EQ(Answers(*collection_), before) << "repaired";
    ASSERT_TRUE(catalog_->Drop("c").ok());
    ASSERT_TRUE(catalog_->Drop("elsewhere").ok());
  }
}

class RefineOnDiskTest : public SameAnswersTest {};

// Whether refine records are in memory or on disk changes no answer, whatever happens to the collection.
TEST_P(RefineOnDiskTest, AnswersAreThoseOfRecordsInMemory) {
  // Each quantizer with one of its metrics, each metric with several quantizers.
  const std::vector<Metric>& metrics = GetParam().metrics;
  const Metric metric = metrics[std::string(GetParam().quantizer).size() % metrics.size()];
  SCOPED_TRACE(MetricName(metric));
  Fill(metric);
  const std::vector<std::string> before = Answers(*collection_);
  ASSERT_GT(before.size(), 4 * kQueries * 20);
  ASSERT_GT(collection_->Stats().memory.refine, 0u);
  ASSERT_TRUE(catalog_->Drop("c").ok());
  Fill(metric, true);
  const auto expect_same = [&](Collection& collection, const char* when) {
    EXPECT_EQ(Answers(collection), before) << when;
    EXPECT_EQ(collection.Stats().memory.refine, 0u) << when;
    EXPECT_TRUE(collection.Stats().refine_on_disk) << when;
  };
  expect_same(*collection_, "written");
  Reopen();
  ASSERT_TRUE(collection_);
  expect_same(*collection_, "after a restart");
  const auto backup = catalog_->backups().Create("c", {});
  ASSERT_TRUE(backup.ok()) << backup.status();
  const auto restored = catalog_->backups().Restore("c", backup->id, "elsewhere", {});
  ASSERT_TRUE(restored.ok()) << restored.status();
  expect_same(**restored, "restored");
  ASSERT_TRUE(collection_->Reclaim().ok());
  expect_same(*collection_, "packed");
  LoseCodesAndRepair();
  expect_same(*collection_, "repaired");
}

std::vector<Kind> Refining() {
  std::vector<Kind> kinds;
  for (const Kind& kind : kKinds) {
    if (Refines(kind)) kinds.push_back(kind);
  }
  return kinds;
}

std::string NameOf(const ::testing::TestParamInfo<Kind>& kind) {
  std::string name;
  for (const char* c = kind.param.quantizer; *c != 0; ++c) {
    if (std::isalnum(static_cast<unsigned char>(*c))) name += *c;
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(, SameAnswersTest, ::testing::ValuesIn(kKinds), NameOf);
INSTANTIATE_TEST_SUITE_P(, RefineOnDiskTest, ::testing::ValuesIn(Refining()), NameOf);

}  // namespace
}  // namespace tessera
