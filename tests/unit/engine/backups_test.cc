// Backups of collections: what is restored answers as the original did at the backup's commit.
#include "index/backup.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "index/base/bytes.h"
#include "index/base/failpoint.h"
#include "index/engine/backup_archive.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kDim = 16;
constexpr size_t kRows = 1200;

class BackupsTest : public CollectionTest {
 protected:
  void TearDown() override { SetFailpoints(""); }

  Backups& backups() { return catalog_->backups(); }
  StatusOr<BackupInfo> Backup(const BackupContext& context = {}) { return backups().Create("c", context); }

  // Answers of both ways of searching, scores included.
  static std::vector<std::pair<uint64_t, float>> Answers(Collection& collection) {
    const std::vector<float> queries = ClusteredRows(20, kDim, 77);
    std::vector<std::pair<uint64_t, float>> answers;
    for (const bool exact : {false, true}) {
      QueryParams params;
      params.limit = 10;
      params.exact = exact;
      for (size_t q = 0; q < 20; ++q) {
        const auto result = collection.Query(queries.data() + q * kDim, kDim, params);
        EXPECT_TRUE(result.ok()) << result.status();
        if (!result.ok()) continue;
        for (const Hit& hit : result->hits) answers.emplace_back(hit.id.number(), hit.score);
      }
    }
    return answers;
  }
  // What stands in the catalog's directory, but for what RocksDB logs.
  std::set<std::string> Tree(const std::string& under) {
    std::set<std::string> tree;
    const fs::path root = fs::path(directory_.path()) / under;
    if (!fs::exists(root)) return tree;
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      tree.insert(fs::relative(entry.path(), root).string());
    }
    return tree;
  }
  std::set<std::string> Leftovers() {
    std::set<std::string> hidden;
    for (const auto& entry : fs::directory_iterator(directory_.path() + "/collections")) {
      const std::string name = entry.path().filename();
      if (name[0] == '.') hidden.insert(name);
    }
    return hidden;
  }
  fs::path LargestFile() {
    fs::path largest;
    for (const auto& entry : fs::recursive_directory_iterator(directory_.path() + "/backups")) {
      if (entry.is_regular_file() && (largest.empty() || entry.file_size() > fs::file_size(largest))) {
        largest = entry.path();
      }
    }
    return largest;
  }
  static void Flip(const fs::path& path, std::streamoff at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(at);
    file.put(byte);
  }
};

struct Kind {
  const char* name;
  const char* quantizer;  // empty: never trained
  std::vector<Metric> metrics;
};

class BackupKindTest : public BackupsTest, public ::testing::WithParamInterface<Kind> {};

TEST_P(BackupKindTest, AnswersAsItDidAtTheCommit) {
  const Kind& kind = GetParam();
  for (const Metric metric : kind.metrics) {
    const bool trained = *kind.quantizer != '\0';
    Create(kDim, metric, trained ? kind.quantizer : "IVF16,PQ8");
    Load(ClusteredRows(kRows, kDim, 1), kDim);
    if (trained) {
      ASSERT_TRUE(collection_->Train({}).ok());
      Load(ClusteredRows(100, kDim, 2), kDim, kRows - 50);  // some replaced, some new, encoded by this model
    }
    ASSERT_TRUE(collection_->Delete({PointId(3), PointId(4)}).ok());
    const auto expected = Answers(*collection_);
    const auto info = Backup();
    ASSERT_TRUE(info.ok()) << info.status();
    EXPECT_EQ(info->commit, collection_->Stats().commit);
    EXPECT_EQ(info->rows, collection_->Count());
    EXPECT_EQ(info->dim, kDim);
    EXPECT_EQ(info->metric, metric);
    EXPECT_EQ(info->quantizer.empty(), !trained);
    Load(ClusteredRows(300, kDim, 9, 1), kDim, 100);  // later
    EXPECT_NE(Answers(*collection_), expected);

    const auto restored = backups().Restore("c", info->id, "r", {});
    ASSERT_TRUE(restored.ok()) << restored.status();
    EXPECT_EQ((*restored)->Stats().commit, info->commit);
    EXPECT_EQ((*restored)->Count(), info->rows);
    EXPECT_EQ(Answers(**restored), expected);
    Reopen();
    EXPECT_EQ(Answers(**catalog_->Get("r")), expected);
    for (const char* name : {"c", "r"}) ASSERT_TRUE(catalog_->Drop(name).ok());
  }
}

const std::vector<Metric> kAll = {Metric::kL2, Metric::kInnerProduct, Metric::kCosine};
INSTANTIATE_TEST_SUITE_P(, BackupKindTest,
                         ::testing::Values(Kind{"Untrained", "", kAll}, Kind{"Pq", "IVF16,PQ8x8", kAll},
                                           Kind{"PqRefine", "IVF16,PQ8x4,Refine(SQ8)", kAll},
                                           Kind{"Opq", "OPQ,IVF16,PQ8x4", kAll},
                                           Kind{"Sq8", "IVF16,SQ8", kAll}, Kind{"Sq4", "IVF16,SQ4A", kAll},
                                           Kind{"RaBitQ", "IVF16,RaBitQ4", kAll},
                                           Kind{"Fp16", "IVF16,FP16", kAll}, Kind{"Rq", "IVF16,RQ4x8", kAll},
                                           Kind{"Binary", "IVF16,Binary,Refine(SQ8)",
                                                {Metric::kL2, Metric::kCosine}}),
                         [](const auto& kind) { return std::string(kind.param.name); });

TEST_F(BackupsTest, WhileWritingItIsTheStateAtOneCommit) {
  options_.ingest_rows = 64;  // every second write goes beside the log
  Reopen();
  Create(kDim, Metric::kL2);
  constexpr size_t kWriters = 2;
  struct Written {
    uint64_t commit;
    std::vector<PointId> ids;
  };
  std::vector<std::vector<Written>> written(kWriters);
  std::atomic<uint64_t> acknowledged{0};  // the highest commit
  std::atomic<bool> stop{false};
  std::atomic<bool> failed{false};
  std::vector<std::thread> writers;
  const std::vector<float> rows = ClusteredRows(200, kDim, 5);
  for (size_t w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      for (uint64_t next = w << 32, i = 0; !stop; ++i) {
        std::vector<PointInput> points;
        for (size_t r = 0, n = i % 2 == 0 ? 3 : 100; r < n; ++r) {
          points.push_back({PointId(next++), ElementType::kF32, Bytes(rows.data() + r * kDim, kDim)});
        }
        const auto result = collection_->Upsert(points);
        if (!result.ok()) {
          ADD_FAILURE() << result.status();
          failed = true;
          return;
        }
        Written& entry = written[w].emplace_back(result->commit, std::vector<PointId>());
        for (const PointInput& point : points) entry.ids.push_back(point.id);
        uint64_t seen = acknowledged;
        while (seen < result->commit && !acknowledged.compare_exchange_weak(seen, result->commit)) {
        }
      }
    });
  }
  std::vector<std::pair<BackupInfo, uint64_t>> made;  // and what was acknowledged before
  for (int i = 0; i < 3; ++i) {
    const uint64_t target = acknowledged + 4;
    while (acknowledged < target && !failed) std::this_thread::yield();
    const uint64_t before = acknowledged;
    const auto info = Backup();
    EXPECT_TRUE(info.ok()) << info.status();
    if (info.ok()) made.emplace_back(*info, before);
  }
  stop = true;
  for (std::thread& writer : writers) writer.join();
  ASSERT_EQ(made.size(), 3u);
  for (const auto& [info, before] : made) {
    EXPECT_GE(info.commit, before);
    const auto restored = backups().Restore("c", info.id, "r", {});
    ASSERT_TRUE(restored.ok()) << restored.status();
    EXPECT_EQ((*restored)->Stats().commit, info.commit);
    uint64_t expected_rows = 0;
    for (const auto& writer : written) {
      for (const Written& entry : writer) {
        const auto found = (*restored)->Get(entry.ids);
        ASSERT_TRUE(found.ok()) << found.status();
        for (const auto& point : *found) EXPECT_EQ(point.has_value(), entry.commit <= info.commit);
        if (entry.commit <= info.commit) expected_rows += entry.ids.size();
      }
    }
    EXPECT_EQ((*restored)->Count(), expected_rows);
    EXPECT_EQ(info.rows, expected_rows);
    ASSERT_TRUE(catalog_->Drop("r").ok());
  }
}

TEST_F(BackupsTest, ListsAndDeletesAndOutlivesTheCollection) {
  // Vectors so short that they stand in tables, which RocksDB rewrites soon after they were flushed: before the backup.
  constexpr uint32_t kWide = 16;
  Create(kWide, Metric::kL2);
  Load(ClusteredRows(8000, kWide, 1), kWide);
  EXPECT_TRUE(backups().List("c")->empty());
  const auto first = Backup();
  ASSERT_TRUE(first.ok()) << first.status();
  Load(ClusteredRows(12, kWide, 2), kWide);
  const auto second = Backup();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_GT(second->id, first->id);
  EXPECT_GT(second->commit, first->commit);
  EXPECT_LT(second->new_bytes, first->new_bytes / 4);
  const std::vector<float> query = ClusteredRows(1, kWide, 3);
  const auto ids = [&](Collection& collection) { return Ids(*collection.Query(query.data(), kWide, {})); };
  const std::vector<uint64_t> expected = ids(*collection_);
  collection_.reset();
  ASSERT_TRUE(catalog_->Drop("c").ok());
  Reopen();
  const auto all = backups().List("");
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ(all->at(1).collection, "c");
  EXPECT_EQ(all->at(1).commit, second->commit);
  EXPECT_EQ(all->at(1).new_bytes, second->new_bytes);
  EXPECT_GT(all->at(0).time_ms, 1600000000000);

  ASSERT_TRUE(backups().Delete("c", first->id).ok());
  EXPECT_EQ(backups().List("c")->size(), 1u);
  ASSERT_TRUE(backups().Verify("c", second->id, {}).ok());
  const auto restored = backups().Restore("c", second->id, "", {});  // the old name is free
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ((*restored)->name(), "c");
  EXPECT_EQ(ids(**restored), expected);
  ASSERT_TRUE(backups().Delete("c", second->id).ok());
  EXPECT_TRUE(backups().List("")->empty());
}

TEST_F(BackupsTest, WrongUseIsRefused) {
  Create(kDim, Metric::kL2);
  Load(ClusteredRows(100, kDim, 1), kDim);
  const uint32_t id = Backup()->id;
  for (const std::string& name : {std::string("../c"), std::string(".."), std::string("a/b"), std::string(".hidden"),
                                  std::string("c\0d", 3), std::string(200, 'x')}) {
    EXPECT_EQ(backups().Create(name, {}).status().code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(backups().List(name).status().code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(backups().Verify(name, id, {}).code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(backups().Delete(name, id).code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(backups().Restore(name, id, "r", {}).status().code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(backups().Restore("c", id, name, {}).status().code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(backups().Upload(name).status().code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(backups().Download(name, id, {}, {}).code(), absl::StatusCode::kInvalidArgument) << name;
  }
  EXPECT_EQ(backups().Create("nope", {}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(backups().Verify("c", 99, {}).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(backups().Delete("c", 99).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(backups().Delete("nope", 1).code(), absl::StatusCode::kNotFound);
  const Status unknown = backups().Restore("c", 99, "r", {}).status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(MessageOf(unknown).find("backup 99 of collection \"c\""), std::string::npos) << unknown;
  EXPECT_EQ(backups().Restore("c", id, "", {}).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(backups().Upload("c").status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(Leftovers().empty());
}

TEST_F(BackupsTest, OneAtATimeAndNoneIsDeletedWhileRead) {
  Create(kDim, Metric::kL2);
  Load(ClusteredRows(kRows, kDim, 1), kDim);
  std::vector<Status> inside;
  BackupContext context;
  context.progress = [&](double, const char* stage) {
    if (std::string(stage) == "copy" && inside.empty()) {
      inside = {Backup().status(), backups().Delete("c", 1)};
    }
  };
  const auto info = Backup(context);
  ASSERT_TRUE(info.ok()) << info.status();
  ASSERT_EQ(inside.size(), 2u);
  EXPECT_EQ(inside[0].code(), absl::StatusCode::kAlreadyExists) << inside[0];
  EXPECT_EQ(inside[1].code(), absl::StatusCode::kFailedPrecondition) << inside[1];
  // While one is read others are made, and none is deleted.
  inside.clear();
  context.progress = [&](double, const char*) {
    if (inside.empty()) inside = {Backup().status(), backups().Delete("c", info->id)};
  };
  ASSERT_TRUE(backups().Verify("c", info->id, context).ok());
  EXPECT_TRUE(inside[0].ok()) << inside[0];
  EXPECT_EQ(inside[1].code(), absl::StatusCode::kFailedPrecondition) << inside[1];
  EXPECT_TRUE(backups().Delete("c", info->id).ok());
}

TEST_F(BackupsTest, CancelledOnesLeaveNothing) {
  Create(kDim, Metric::kL2);
  Load(ClusteredRows(kRows, kDim, 1), kDim);
  const auto cancelled = std::make_shared<std::atomic<bool>>(false);
  BackupContext context;
  context.stop = StopToken(StopToken::Clock::time_point::max(), cancelled);
  context.progress = [&](double fraction, const char*) { *cancelled = fraction > 0.1; };
  EXPECT_EQ(Backup(context).status().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(backups().List("c")->empty());
  EXPECT_TRUE(Leftovers().empty());
  *cancelled = false;
  const auto info = Backup();
  ASSERT_TRUE(info.ok());
  const auto before = Tree("backups");
  EXPECT_EQ(backups().Restore("c", info->id, "r", context).status().code(), absl::StatusCode::kCancelled);
  *cancelled = false;
  EXPECT_EQ(backups().Verify("c", info->id, context).code(), absl::StatusCode::kCancelled);
  *cancelled = true;
  EXPECT_EQ(Backup(context).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(Tree("backups"), before);
  EXPECT_TRUE(Leftovers().empty());
  EXPECT_EQ(catalog_->List(), std::vector<std::string>{"c"});
  EXPECT_TRUE(backups().Restore("c", info->id, "r", {}).ok());  // the name is free again
}

// Less is free than is kept in reserve, before and in the middle.
TEST_F(BackupsTest, AFullDiskRefusesThemAndNothingIsLeft) {
  Create(kDim, Metric::kL2);
  Load(ClusteredRows(kRows, kDim, 1), kDim);
  const auto info = Backup();
  ASSERT_TRUE(info.ok()) << info.status();
  std::string archive;
  ASSERT_TRUE(backups().Download("c", info->id, [&](std::string_view bytes) {
    archive += bytes;
    return OkStatus();
  }, {}).ok());
  const auto before = Tree("backups");
  options_.disk_reserve_bytes = UINT64_MAX / 2;
  Reopen();
  EXPECT_EQ(Backup().status().code(), absl::StatusCode::kResourceExhausted);
  const Status restored = backups().Restore("c", info->id, "r", {}).status();
  EXPECT_EQ(restored.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(MessageOf(restored).find(std::to_string(info->bytes) + " more are needed"), std::string::npos) << restored;
  {
    const auto upload = backups().Upload("u");
    ASSERT_TRUE(upload.ok()) << upload.status();
    EXPECT_EQ((*upload)->Append(archive).code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ((*upload)->Finish().status().code(), absl::StatusCode::kResourceExhausted);
  }
  EXPECT_TRUE(backups().Verify("c", info->id, {}).ok());
  EXPECT_EQ(Tree("backups"), before);
  EXPECT_TRUE(Leftovers().empty());
  EXPECT_EQ(catalog_->List(), std::vector<std::string>{"c"});
}

TEST_F(BackupsTest, DamageIsNamedAndNothingIsRestored) {
  Create(kDim, Metric::kL2);
  Load(ClusteredRows(kRows, kDim, 1), kDim);
  const uint32_t id = Backup()->id;
  const fs::path largest = LargestFile();
  Flip(largest, 1000);
  const Status verified = backups().Verify("c", id, {});
  EXPECT_EQ(verified.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(MessageOf(verified).find(largest.filename().string()), std::string::npos) << verified;
  EXPECT_EQ(backups().Restore("c", id, "r", {}).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(catalog_->List(), std::vector<std::string>{"c"});
  EXPECT_TRUE(Leftovers().empty());
  fs::remove(largest);
  Reopen();
  EXPECT_TRUE(backups().List("c")->at(0).damaged);
  EXPECT_EQ(backups().Restore("c", id, "r", {}).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(Backup().ok());  // a new one does not build on what is gone
}

TEST_F(BackupsTest, OneOfANewerFormatIsRefusedWithAdvice) {
  Create(kDim, Metric::kL2);
  Load(ClusteredRows(50, kDim, 1), kDim);
  const uint32_t id = Backup()->id;
  // Format 2 and its checksum, as RocksDB's list of files holds them: in hexadecimal.
  const fs::path meta = directory_.path() + "/backups/c/meta/" + std::to_string(id);
  std::ifstream in(meta);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const size_t begin = text.find("metadata ") + 9;
  const size_t end = text.find('\n', begin);
  std::string newer("\2\0\0\0", 4);
  const uint32_t crc = Crc32c(newer);
  newer.append(reinterpret_cast<const char*>(&crc), 4);
  std::string hex;
  for (const unsigned char c : newer) {
    hex += "0123456789ABCDEF"[c >> 4];
    hex += "0123456789ABCDEF"[c & 15];
  }
  text.replace(begin, end - begin, hex);
  std::ofstream(meta) << text;
  EXPECT_EQ(backups().List("c")->at(0).format, 2u);
  const Status refused = backups().Restore("c", id, "r", {}).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(MessageOf(refused).find("newer"), std::string::npos) << refused;
  EXPECT_TRUE(backups().Verify("c", id, {}).ok());  // its bytes are what they were
}

TEST_F(BackupsTest, ArchiveGoesToAnotherCatalog) {
  Create(kDim, Metric::kCosine, "IVF16,PQ8x8,Refine(SQ8)");
  Load(ClusteredRows(kRows, kDim, 1), kDim);
  ASSERT_TRUE(collection_->Train({}).ok());
  const auto expected = Answers(*collection_);
  const uint32_t id = Backup()->id;
  std::string archive;
  const auto take = [&](std::string_view bytes) {
    archive.append(bytes);
    return OkStatus();
  };
  ASSERT_TRUE(backups().Download("c", id, take, {}).ok());

  tessera::testing::TempDir elsewhere;
  CatalogOptions options;
  options.path = elsewhere.path() + "/data";
  auto other = Catalog::Open(options).value();
  const auto upload = [&](std::string_view bytes) -> Status {
    auto begun = other->backups().Upload("copy");
    TESSERA_RETURN_IF_ERROR(begun.status());
    TESSERA_RETURN_IF_ERROR((*begun)->Append(bytes));
    return (*begun)->Finish().status();
  };
  // Not whole, or not as it was.
  EXPECT_EQ(upload(archive.substr(0, archive.size() - 1)).code(), absl::StatusCode::kDataLoss);
  std::string flipped = archive;
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 4);
  EXPECT_EQ(upload(flipped).code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(other->List().empty());
  const auto collections = options.path + "/collections";
  EXPECT_TRUE(fs::is_empty(collections));

  {
    auto held = other->backups().Upload("copy").value();  // given up
    EXPECT_EQ(other->backups().Upload("copy").status().code(), absl::StatusCode::kAlreadyExists);
    ASSERT_TRUE(held->Append(archive.substr(0, 5000)).ok());
  }
  EXPECT_TRUE(fs::is_empty(collections));
  const Status uploaded = upload(archive);
  ASSERT_TRUE(uploaded.ok()) << uploaded;
  EXPECT_EQ(Answers(**other->Get("copy")), expected);
  other.reset();
  other = Catalog::Open(options).value();
  EXPECT_EQ(Answers(**other->Get("copy")), expected);
}

TEST_F(BackupsTest, ADownloadEndsWithItsSinkAndTellsDamage) {
  Create(kDim, Metric::kL2);
  Load(ClusteredRows(kRows, kDim, 1), kDim);
  const uint32_t id = Backup()->id;
  size_t taken = 0;
  const auto little = [&](std::string_view bytes) {
    taken += bytes.size();
    return taken > 10000 ? Unavailable("the other side is gone") : OkStatus();
  };
  EXPECT_EQ(backups().Download("c", id, little, {}).code(), absl::StatusCode::kUnavailable);
  Flip(LargestFile(), 1000);
  const auto all = [](std::string_view) { return OkStatus(); };
  EXPECT_EQ(backups().Download("c", id, all, {}).code(), absl::StatusCode::kDataLoss);
}

TEST_F(BackupsTest, AnArchiveThatDoesNotOpenNeverHasItsName) {
  const auto upload = [&](const std::map<std::string, std::string>& files) {
    auto begun = backups().Upload("x").value();
    engine::ArchiveWriter writer([&](std::string_view bytes) { return begun->Append(bytes); });
    EXPECT_TRUE(writer.Header(BackupInfo()).ok());
    for (const auto& [name, bytes] : files) {
      EXPECT_TRUE(writer.Begin(name).ok());
      EXPECT_TRUE(writer.Append(bytes).ok());
      EXPECT_TRUE(writer.End().ok());
    }
    EXPECT_TRUE(writer.Trailer().ok());
    return begun->Finish().status();
  };
  EXPECT_FALSE(upload({}).ok());
  EXPECT_FALSE(upload({{"CURRENT", "MANIFEST-000001\n"}}).ok());
  EXPECT_FALSE(upload({{"CURRENT", "../../FORMAT\n"}}).ok());
  EXPECT_FALSE(upload({{"CURRENT", "MANIFEST-000001\n"}, {"MANIFEST-000001", std::string(5000, '\1')}}).ok());
  EXPECT_TRUE(catalog_->List().empty());
  EXPECT_TRUE(Leftovers().empty());
  Reopen();
  EXPECT_TRUE(catalog_->List().empty());
}

TEST_F(BackupsTest, AFailureBeforeTheRenameLeavesNothing) {
  Create(kDim, Metric::kL2);
  Load(ClusteredRows(50, kDim, 1), kDim);
  const uint32_t id = Backup()->id;
  for (const char* failpoint : {"backup.restored", "catalog.restore", "store.restore.copy"}) {
    SetFailpoints(std::string(failpoint) + "=error");
    EXPECT_EQ(backups().Restore("c", id, "x", {}).status().code(), absl::StatusCode::kUnavailable) << failpoint;
    EXPECT_EQ(catalog_->List(), std::vector<std::string>{"c"});
    EXPECT_TRUE(Leftovers().empty());
  }
  const auto before = Tree("backups");
  for (const char* failpoint : {"backup.checkpoint", "store.backup.copy"}) {
    Load(ClusteredRows(50, kDim, 2), kDim);
    SetFailpoints(std::string(failpoint) + "=error");
    EXPECT_EQ(Backup().status().code(), absl::StatusCode::kUnavailable) << failpoint;
    EXPECT_EQ(Tree("backups"), before);
    EXPECT_TRUE(Leftovers().empty());
  }
  SetFailpoints("");
  EXPECT_TRUE(Backup().ok());
}

}  // namespace
}  // namespace tessera
