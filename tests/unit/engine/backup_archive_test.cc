// Archives: whole ones come through in pieces of any size, all others are refused and reach no file outside.
#include "index/engine/backup_archive.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>

#include "index/base/bytes.h"
#include "index/engine/backup_record.h"
#include "tests/temp_dir.h"

namespace tessera::engine {
namespace {

namespace fs = std::filesystem;

using Files = std::map<std::string, std::string>;

Files SomeFiles() {
  return {{"CURRENT", "MANIFEST-000004\n"}, {"MANIFEST-000004", ""}, {"000012.sst", std::string(700000, 's')},
          {"000013.blob", "blob"}};
}

std::string Archive(const Files& files, bool trailer = true) {
  std::string bytes;
  ArchiveWriter writer([&](std::string_view piece) {
    bytes.append(piece);
    return OkStatus();
  });
  BackupInfo info;
  info.collection = "docs";
  info.commit = 5;
  EXPECT_TRUE(writer.Header(info).ok());
  for (const auto& [name, content] : files) {
    EXPECT_TRUE(writer.Begin(name).ok());
    EXPECT_TRUE(writer.Append(content).ok());
    EXPECT_TRUE(writer.End().ok());
  }
  if (trailer) {
    EXPECT_TRUE(writer.Trailer().ok());
  }
  return bytes;
}

class BackupArchiveTest : public ::testing::Test {
 protected:
  void SetUp() override {
    inside_ = directory_.path() + "/inside";
    Clear();
  }
  void Clear() {
    fs::remove_all(inside_);
    fs::create_directory(inside_);
  }
  Status Read(std::string_view archive, size_t piece = SIZE_MAX) {
    Clear();
    ArchiveReader reader(inside_);
    for (; !archive.empty(); archive.remove_prefix(std::min(piece, archive.size()))) {
      TESSERA_RETURN_IF_ERROR(reader.Append(archive.substr(0, piece)));
    }
    commit_ = reader.info().commit;
    return reader.Finish();
  }
  Files Found() {
    Files found;
    for (const auto& entry : fs::directory_iterator(inside_)) {
      std::ifstream in(entry.path(), std::ios::binary);
      found[entry.path().filename()] = {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    }
    return found;
  }
  // Nothing was written anywhere else.
  bool NothingOutside() {
    return std::distance(fs::directory_iterator(directory_.path()), fs::directory_iterator()) == 1;
  }

  tessera::testing::TempDir directory_;
  std::string inside_;
  uint64_t commit_ = 0;
};

TEST_F(BackupArchiveTest, ComesThroughInPiecesOfAnySize) {
  const std::string archive = Archive(SomeFiles());
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{4096}, size_t{300000}, SIZE_MAX}) {
    ASSERT_TRUE(Read(archive, piece).ok()) << piece;
    EXPECT_EQ(commit_, 5u);
    EXPECT_EQ(Found(), SomeFiles());
  }
}

TEST_F(BackupArchiveTest, EveryLengthButTheWholeIsRefused) {
  const std::string archive = Archive({{"CURRENT", "x"}, {"000001.sst", "yy"}});
  for (size_t size = 0; size < archive.size(); ++size) {
    EXPECT_EQ(Read(archive.substr(0, size)).code(), absl::StatusCode::kDataLoss) << size;
  }
  EXPECT_EQ(Read(archive + "z").code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Read(archive + archive).code(), absl::StatusCode::kDataLoss);
}

TEST_F(BackupArchiveTest, AFlippedBitOfEveryByteIsRefused) {
  const std::string archive = Archive({{"CURRENT", "x"}, {"000001.sst", "yy"}});
  ASSERT_TRUE(Read(archive).ok());
  for (size_t i = 0; i < archive.size(); ++i) {
    std::string damaged = archive;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
    const Status status = Read(damaged);
    EXPECT_FALSE(status.ok()) << i;
    EXPECT_TRUE(NothingOutside());
  }
}

TEST_F(BackupArchiveTest, DamageIsNamedByItsFile) {
  std::string archive = Archive(SomeFiles());
  archive[archive.find("ssss") + 1000] = 'x';
  const Status status = Read(archive);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(MessageOf(status).find("000012.sst"), std::string::npos) << status;
}

TEST_F(BackupArchiveTest, NamesThatNoBackupHasAreRefused) {
  for (const std::string& name :
       {std::string("../000001.sst"), std::string("/etc/passwd"), std::string("a/000001.sst"), std::string(".."),
        std::string(""), std::string("LOCK"), std::string("CURRENT\0x", 9), std::string("MANIFEST-"),
        std::string("MANIFEST-../1"), std::string("1e5.sst"), std::string(30, '1') + ".sst", std::string(".sst"),
        std::string(200000, '1')}) {
    const Status status = Read(Archive({{name, "bytes"}}));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name.substr(0, 40) << ": " << status;
    EXPECT_TRUE(Found().empty());
    EXPECT_TRUE(NothingOutside());
    EXPECT_LT(MessageOf(status).size(), 200u);
  }
}

TEST_F(BackupArchiveTest, PiecesOutOfPlaceAreRefused) {
  std::string bytes;
  const auto begin = [&](ArchiveWriter& writer) { return writer.Header(BackupInfo()).ok(); };
  const auto take = [&](std::string_view piece) {
    bytes.append(piece);
    return OkStatus();
  };
  using Build = std::function<void(ArchiveWriter&)>;
  const Build builds[] = {
      [](ArchiveWriter& w) { (void)w.Append("bytes of no file"); },
      [](ArchiveWriter& w) { (void)w.End(); },
      [](ArchiveWriter& w) { (void)w.Begin("CURRENT"), (void)w.Begin("000001.sst"); },
      [](ArchiveWriter& w) { (void)w.Begin("CURRENT"), (void)w.Trailer(); },
      [](ArchiveWriter& w) { (void)w.Begin("CURRENT"), (void)w.End(), (void)w.Begin("CURRENT"); },
      [](ArchiveWriter& w) { (void)w.Header(BackupInfo()); },
  };
  for (const Build& build : builds) {
    bytes.clear();
    ArchiveWriter writer(take);
    ASSERT_TRUE(begin(writer));
    build(writer);
    EXPECT_EQ(Read(bytes).code(), absl::StatusCode::kDataLoss) << bytes.size();
  }
}

TEST_F(BackupArchiveTest, PiecesLeftOutOrSwappedAreRefused) {
  std::vector<std::string> pieces;
  ArchiveWriter writer([&](std::string_view piece) {
    pieces.emplace_back(piece);
    return OkStatus();
  });
  ASSERT_TRUE(writer.Header(BackupInfo()).ok());
  ASSERT_TRUE(writer.Begin("000001.sst").ok());
  ASSERT_TRUE(writer.Append("aa").ok());
  ASSERT_TRUE(writer.Append("bb").ok());
  ASSERT_TRUE(writer.End().ok());
  ASSERT_TRUE(writer.Trailer().ok());
  const auto joined = [&] {
    std::string all;
    for (const std::string& piece : pieces) all += piece;
    return all;
  };
  ASSERT_TRUE(Read(joined()).ok());
  std::swap(pieces[2], pieces[3]);  // the same size, each with a good checksum
  EXPECT_EQ(Read(joined()).code(), absl::StatusCode::kDataLoss);
  std::swap(pieces[2], pieces[3]);
  pieces.erase(pieces.begin() + 1, pieces.begin() + 5);  // the file with all its pieces
  EXPECT_EQ(Read(joined()).code(), absl::StatusCode::kDataLoss);
}

TEST_F(BackupArchiveTest, LengthsBeyondWhatIsThereAllocateNothing) {
  std::string archive = Archive({});
  std::string frame("D");
  ByteWriter(frame).Put(uint32_t{0xffffffff});
  const size_t header = archive.find('T', 8);
  ASSERT_NE(header, std::string::npos);
  EXPECT_EQ(Read(archive.substr(0, header) + frame).code(), absl::StatusCode::kDataLoss);
  std::string long_header("TSBACKUP");
  ByteWriter writer(long_header);
  writer.Put(kBackupFormat);
  writer.Put(uint32_t{0xfffffff0});
  EXPECT_EQ(Read(long_header).code(), absl::StatusCode::kDataLoss);
}

TEST_F(BackupArchiveTest, NewerFormatIsRefusedWithAdviceAndOtherBytesAtOnce) {
  std::string newer = Archive({});
  newer[8] = static_cast<char>(kBackupFormat + 1);
  const Status status = Read(newer);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(MessageOf(status).find("newer"), std::string::npos) << status;
  EXPECT_EQ(Read("G").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Read("\x1f\x8b gzip").code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(BackupArchiveTest, ErrorsOfTheSinkEndTheWriting) {
  ArchiveWriter writer([](std::string_view) { return Cancelled("gone"); });
  EXPECT_EQ(writer.Header(BackupInfo()).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(writer.Append("x").code(), absl::StatusCode::kCancelled);
}

TEST_F(BackupArchiveTest, AFileThatIsThereIsNotOverwritten) {
  const std::string archive = Archive({{"CURRENT", "x"}});
  const std::string target = directory_.path() + "/inside/target";
  Clear();
  std::ofstream(target) << "kept";
  fs::create_symlink(target, inside_ + "/CURRENT");
  ArchiveReader reader(inside_);
  EXPECT_FALSE(reader.Append(archive).ok());
  std::string kept;
  std::ifstream(target) >> kept;
  EXPECT_EQ(kept, "kept");
}

}  // namespace
}  // namespace tessera::engine
