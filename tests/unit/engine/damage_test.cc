// What single damaged bytes cost, and what they do not.
#include <filesystem>
#include <fstream>

#include "index/repair.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kDim = 48;  // vectors are long enough for blob files, and so are payloads
constexpr uint64_t kRows = 300;

std::string Read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

class DamageTest : public CollectionTest {
 protected:
  void Fill() {
    Create(kDim, Metric::kL2, "IVF4,PQ8,Refine(SQ8)");
    const std::vector<float> rows = ClusteredRows(kRows, kDim, 1);
    const std::string payload = "{\"text\":\"" + std::string(200, 'p') + "\",\"n\":1}";
    std::vector<PointInput> points;
    for (uint64_t i = 0; i < kRows; ++i) {
      points.push_back({PointId(i), ElementType::kF32, Bytes(rows.data() + i * kDim, kDim), {}, payload});
    }
    ASSERT_TRUE(collection_->Upsert(points).ok());
    ASSERT_TRUE(collection_->Train({}).ok());
  }
  void Close() {
    collection_.reset();
    catalog_.reset();
  }
  fs::path Path() const { return directory_.path() + "/collections/c"; }
  static void Flip(const fs::path& path, size_t at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
  }
  // A byte in the middle of the blob file of payloads, or of vectors.
  void FlipBlob(bool payloads) {
    int flipped = 0;
    for (const auto& entry : fs::directory_iterator(Path())) {
      if (entry.path().extension() != ".blob") continue;
      const std::string bytes = Read(entry.path());
      if ((bytes.find("pppppppp") != std::string::npos) != payloads) continue;
      Flip(entry.path(), bytes.size() / 2);
      ++flipped;
    }
    ASSERT_EQ(flipped, 1);
  }
  // Ids whose point cannot be got; the error of one of them.
  std::vector<uint64_t> Ungettable(std::string& message) {
    std::vector<uint64_t> ids;
    for (uint64_t id = 0; id < kRows; ++id) {
      const auto got = collection_->Get({PointId(id)});
      if (got.ok()) {
        EXPECT_TRUE((*got)[0]) << id;
        continue;
      }
      EXPECT_EQ(got.status().code(), absl::StatusCode::kDataLoss) << got.status();
      message = MessageOf(got.status());
      ids.push_back(id);
    }
    return ids;
  }
  Status Search(RerankTier tier, bool exact, bool filtered) {
    const std::vector<float> query = ClusteredRows(1, kDim, 9);
    QueryParams params;
    params.rerank = tier;
    params.exact = exact;
    params.limit = kRows;
    params.nprobe = 4;
    params.rerank_depth = kRows;
    if (filtered) params.filter = *ParseFilter("n = 1");
    return collection_->Query(query.data(), kDim, params).status();
  }
};

TEST_F(DamageTest, APayloadCostsItselfAndFilters) {
  Fill();
  ASSERT_TRUE(collection_->Reclaim().ok());
  Close();
  FlipBlob(true);
  Reopen();
  ASSERT_TRUE(collection_) << catalog_->Get("c").status();
  EXPECT_TRUE(Search(RerankTier::kRefine, false, false).ok());
  EXPECT_TRUE(Search(RerankTier::kAuto, true, false).ok());
  const Status filtered = Search(RerankTier::kRefine, false, true);
  EXPECT_EQ(filtered.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(MessageOf(filtered).find("filters need every payload"), std::string::npos) << filtered;
  EXPECT_NE(MessageOf(filtered).find("scan payload"), std::string::npos) << filtered;
  EXPECT_EQ(collection_->Count(*ParseFilter("n = 1")).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(collection_->Facet("n", nullptr, 10).status().code(), absl::StatusCode::kDataLoss);
  std::string message;
  const std::vector<uint64_t> lost = Ungettable(message);
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_NE(message.find("payload[" + std::to_string(lost[0]) + "]"), std::string::npos) << message;
  const auto report = collection_->Verify({});
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_EQ(report->found, 1u);
  EXPECT_EQ(report->findings[0].where, "payload");
  EXPECT_EQ(report->findings[0].point, PointId(lost[0]));
  // Points are written and deleted, the damaged one too.
  ASSERT_TRUE(collection_->Delete({PointId(lost[0])}).ok());
  Reopen();
  EXPECT_TRUE(Search(RerankTier::kRefine, false, true).ok());
}

TEST_F(DamageTest, AVectorCostsTheSearchesThatReadIt) {
  Fill();
  ASSERT_TRUE(collection_->Reclaim().ok());
  Close();
  FlipBlob(false);
  Reopen();
  ASSERT_TRUE(collection_) << catalog_->Get("c").status();
  EXPECT_TRUE(Search(RerankTier::kNone, false, false).ok());
  EXPECT_TRUE(Search(RerankTier::kRefine, false, true).ok());
  EXPECT_EQ(Search(RerankTier::kRaw, false, false).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Search(RerankTier::kAuto, true, false).code(), absl::StatusCode::kDataLoss);
  std::string message;
  const std::vector<uint64_t> lost = Ungettable(message);
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_NE(message.find("vectors[" + std::to_string(lost[0]) + "]"), std::string::npos) << message;
  const auto report = collection_->Verify({});
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_EQ(report->found, 1u);
  EXPECT_EQ(report->findings[0].where, "vectors");
  EXPECT_EQ(report->findings[0].point, PointId(lost[0]));
  EXPECT_EQ(collection_->Train({}).code(), absl::StatusCode::kDataLoss);
  Close();
  const auto repaired = RepairCollection(directory_.path(), "c", {});
  ASSERT_TRUE(repaired.ok()) << repaired.status();
  EXPECT_EQ(repaired->lost, std::vector<std::string>{std::to_string(lost[0])});
  EXPECT_EQ(repaired->kept_codes, kRows - 1);
  Reopen();
  EXPECT_EQ(collection_->Count(), kRows - 1);
  EXPECT_TRUE(Search(RerankTier::kRaw, false, false).ok());
}

TEST_F(DamageTest, LostCommitsAreNoticedAndNothingIsChanged) {
  Fill();
  Reopen();  // a store that wrote past the log, as trainings do, has an empty one when it was closed
  for (uint64_t i = 0; i < 20; ++i) Load(ClusteredRows(5, kDim, 2), kDim, 1000 + 5 * i);
  const uint64_t commit = collection_->Stats().commit;
  Close();
  fs::path log;
  for (const auto& entry : fs::directory_iterator(Path())) {
    if (entry.path().extension() == ".log" && entry.file_size() > 10000) log = entry.path();
  }
  ASSERT_FALSE(log.empty());
  const std::string whole = Read(log);
  for (const size_t at : {whole.size() / 2, whole.size() - 10}) {  // among others, and in the last record
    Flip(log, at);
    const std::string flipped = Read(log);
    Reopen();
    const Status closed = catalog_->Get("c").status();
    EXPECT_EQ(closed.code(), absl::StatusCode::kDataLoss) << closed;
    EXPECT_NE(MessageOf(closed).find(" to " + std::to_string(commit) + " were durable and are not there"),
              std::string::npos)
        << closed;
    Close();
    EXPECT_EQ(Read(log), flipped);
    const auto reports = VerifyData(directory_.path(), "c", {});
    ASSERT_TRUE(reports.ok()) << reports.status();
    ASSERT_FALSE((*reports)[0].clean());
    EXPECT_EQ((*reports)[0].findings[0].where, "log");
    Flip(log, at);
  }
  Flip(log, whole.size() / 2);
  const auto repaired = RepairCollection(directory_.path(), "c", {});
  ASSERT_TRUE(repaired.ok()) << repaired.status();
  // All before the damaged record.
  EXPECT_GE(repaired->rows, kRows + 45);
  EXPECT_LT(repaired->rows, kRows + 100);
  ASSERT_EQ(repaired->notes.size(), 1u);
  EXPECT_NE(repaired->notes[0].find(" to " + std::to_string(commit) + " wrote and deleted is lost"), std::string::npos)
      << repaired->notes[0];
  Reopen();
  ASSERT_TRUE(collection_) << catalog_->Get("c").status();
  EXPECT_EQ(collection_->Count(), repaired->rows);
  EXPECT_TRUE(collection_->Verify({})->clean());
  EXPECT_GE(collection_->Stats().commit, commit);
}

TEST_F(DamageTest, ATornEndOfALogIsNoDamage) {
  Fill();
  const uint64_t commit = collection_->Stats().commit;
  Close();
  for (const auto& entry : fs::directory_iterator(Path())) {
    // Of a write that was not acknowledged.
    if (entry.path().extension() == ".log") std::ofstream(entry.path(), std::ios::app | std::ios::binary) << "begun";
  }
  Reopen();
  ASSERT_TRUE(collection_) << catalog_->Get("c").status();
  EXPECT_EQ(collection_->Stats().commit, commit);
  EXPECT_TRUE(collection_->Verify({})->clean());
}

}  // namespace
}  // namespace tessera
