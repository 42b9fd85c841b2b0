// Data directories that may not be used, for whatever reason: each is refused with what is wrong, and left as it is.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>

#include "index/catalog.h"
#include "index/engine/data_directory.h"
#include "index/repair.h"
#include "index/verification.h"
#include "tests/temp_dir.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;

constexpr int kSkipped = 77;
constexpr uid_t kNobody = 65534;

class DataSafetyTest : public ::testing::Test {
 protected:
  void SetUp() override { chmod(directory_.path().c_str(), 0755); }
  void TearDown() override {
    // So that it can be removed.
    for (const auto& path : {data(), data() + "/FORMAT"}) chmod(path.c_str(), 0755);
  }

  std::string data() const { return directory_.path() + "/data"; }
  static Status Open(const std::string& path) {
    CatalogOptions options;
    options.path = path;
    return Catalog::Open(options).status();
  }
  // A directory with a collection.
  void Fill() const {
    CatalogOptions options;
    options.path = data();
    const auto catalog = Catalog::Open(options);
    ASSERT_TRUE(catalog.ok()) << catalog.status();
    CollectionSpec spec;
    spec.dim = 4;
    ASSERT_TRUE((*catalog)->Create("c", spec).ok());
  }
  // Sizes and times of all that is there; of an open catalog without the databases, in which RocksDB tidies up.
  std::map<std::string, std::string> Tree(bool open = false) const {
    std::map<std::string, std::string> tree;
    for (const auto& entry : fs::recursive_directory_iterator(directory_.path())) {
      if (open && entry.path().string().starts_with(data() + "/collections/c")) continue;
      struct stat about {};
      lstat(entry.path().c_str(), &about);
      tree[entry.path()] = std::to_string(about.st_size) + " at " + std::to_string(about.st_mtim.tv_sec) + "." +
                           std::to_string(about.st_mtim.tv_nsec);
    }
    return tree;
  }

  // What `call` says in a process of its own, which never gets as far as RocksDB.
  static Status InChild(const std::function<Status()>& call, bool& skipped) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = fork();
    if (child == 0) {
      const Status status = call();
      const std::string text = MessageOf(status);
      if (write(ends[1], text.data(), text.size()) != static_cast<ssize_t>(text.size())) _exit(1);
      _exit(text == "skipped" ? kSkipped : static_cast<int>(status.code()) + 100);
    }
    close(ends[1]);
    std::string text;
    char piece[512];
    for (ssize_t n = 0; (n = read(ends[0], piece, sizeof piece)) > 0;) text.append(piece, static_cast<size_t>(n));
    close(ends[0]);
    int ended = 0;
    EXPECT_EQ(waitpid(child, &ended, 0), child);
    EXPECT_TRUE(WIFEXITED(ended)) << ended;
    skipped = WEXITSTATUS(ended) == kSkipped;
    return Status(static_cast<absl::StatusCode>(WEXITSTATUS(ended) - 100), text);
  }
  // By a user whom permissions bind.
  static Status AsNobody(const std::function<Status()>& call) {
    bool skipped = false;
    return InChild([&] {
      if (geteuid() == 0 && (setgid(kNobody) != 0 || setuid(kNobody) != 0)) return Internal("skipped");
      return call();
    }, skipped);
  }
  static void ExpectRefused(const Status& status, absl::StatusCode code, const std::string& part) {
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_NE(MessageOf(status).find(part), std::string::npos) << status;
  }

  const testing::TempDir directory_;
};

TEST_F(DataSafetyTest, AnotherProcessHasIt) {
  Fill();
  CatalogOptions options;
  options.path = data();
  const auto catalog = Catalog::Open(options);
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  const auto before = Tree(true);
  bool skipped = false;
  const std::string in_use = data() + " is in use by another process";
  ExpectRefused(InChild([&] { return Open(data()); }, skipped), absl::StatusCode::kFailedPrecondition, in_use);
  ExpectRefused(InChild([&] { return VerifyData(data(), "", {}).status(); }, skipped), absl::StatusCode::kFailedPrecondition,
                in_use);
  ExpectRefused(InChild([&] { return RepairCollection(data(), "c", {}).status(); }, skipped),
                absl::StatusCode::kFailedPrecondition, in_use);
  EXPECT_EQ(Tree(true), before);
  EXPECT_TRUE((*catalog)->Get("c").ok());
}

TEST_F(DataSafetyTest, APathThatIsAFile) {
  std::ofstream(data()) << "mine";
  const auto before = Tree();
  ExpectRefused(Open(data()), absl::StatusCode::kFailedPrecondition, data() + " is a file");
  ExpectRefused(Open(data() + "/below"), absl::StatusCode::kUnavailable, "Not a directory");
  ExpectRefused(VerifyData(data(), "", {}).status(), absl::StatusCode::kNotFound, "no tessera data in " + data());
  EXPECT_EQ(Tree(), before);
}

TEST_F(DataSafetyTest, APathThatIsNone) {
  for (const std::string& path : {std::string(), data() + std::string("\0x", 2)}) {
    ExpectRefused(Open(path), absl::StatusCode::kInvalidArgument, "the path of the data directory");
    ExpectRefused(VerifyData(path, "", {}).status(), absl::StatusCode::kInvalidArgument, "the path of the data directory");
  }
  EXPECT_FALSE(fs::exists(data()));
}

TEST_F(DataSafetyTest, ADirectoryOfOthersIsNotWrittenInto) {
  fs::create_directory(data());
  std::ofstream(data() + "/notes.txt") << "mine";
  const auto before = Tree();
  ExpectRefused(Open(data()), absl::StatusCode::kFailedPrecondition, "not empty and holds no tessera data (notes.txt found");
  EXPECT_EQ(Tree(), before) << "not even a lock file";
  fs::remove(data() + "/notes.txt");
  std::ofstream(data() + "/FORMAT") << "tessera 2\n";
  const auto newer = Tree();
  ExpectRefused(Open(data()), absl::StatusCode::kFailedPrecondition, "written by a newer tessera");
  EXPECT_EQ(Tree(), newer);
}

TEST_F(DataSafetyTest, WithoutPermission) {
  Fill();
  chmod(data().c_str(), 0555);
  const auto before = Tree();
  const Status lock = AsNobody([&] { return Open(data()); });
  if (MessageOf(lock) == "skipped") GTEST_SKIP() << "no other user can be taken on";
  ExpectRefused(lock, absl::StatusCode::kFailedPrecondition, "cannot open " + data() + "/LOCK: Permission denied");
  ExpectRefused(AsNobody([&] { return Open(directory_.path() + "/new"); }), absl::StatusCode::kFailedPrecondition,
                "cannot create " + directory_.path() + "/new: Permission denied");
  chmod((data() + "/FORMAT").c_str(), 0);
  ExpectRefused(AsNobody([&] { return Open(data()); }), absl::StatusCode::kFailedPrecondition,
                "cannot read " + data() + "/FORMAT: Permission denied");
  chmod(data().c_str(), 0);
  ExpectRefused(AsNobody([&] { return Open(data()); }), absl::StatusCode::kFailedPrecondition, "Permission denied");
  chmod(data().c_str(), 0755);
  EXPECT_EQ(Tree(), before);
}

TEST_F(DataSafetyTest, OnAReadOnlyMount) {
  Fill();
  const auto before = Tree();
  bool skipped = false;
  const auto mounted = [&](const std::function<Status()>& call) {
    return InChild([&] {
      const std::string place = data();
      const char* path = place.c_str();
      if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
          mount(path, path, nullptr, MS_BIND, nullptr) != 0 ||
          mount(nullptr, path, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) != 0) {
        return Internal("skipped");
      }
      return call();
    }, skipped);
  };
  const Status opened = mounted([&] { return Open(data()); });
  if (skipped) GTEST_SKIP() << "no file system can be mounted here";
  ExpectRefused(opened, absl::StatusCode::kFailedPrecondition, data() + "/LOCK: Read-only file system");
  ExpectRefused(mounted([&] { return RepairCollection(data(), "c", {}).status(); }), absl::StatusCode::kFailedPrecondition,
                "Read-only file system");
  EXPECT_EQ(Tree(), before);
}

TEST_F(DataSafetyTest, NamesThatLeadOut) {
  Fill();
  CatalogOptions options;
  options.path = data();
  const auto catalog = Catalog::Open(options);
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  const auto before = Tree(true);
  CollectionSpec spec;
  spec.dim = 4;
  for (const std::string& name : {std::string(), std::string("."), std::string(".."), std::string("../c"), std::string("/c"),
                                  std::string("c/"), std::string("c/../c"), std::string("c\0", 2), std::string(129, 'c'),
                                  std::string("c\n")}) {
    const auto invalid = absl::StatusCode::kInvalidArgument;
    ExpectRefused((*catalog)->Create(name, spec).status(), invalid, "name: ");
    ExpectRefused((*catalog)->Get(name).status(), absl::StatusCode::kNotFound, "no collection");
    ExpectRefused((*catalog)->Drop(name), absl::StatusCode::kNotFound, "no collection");
    Backups& backups = (*catalog)->backups();
    ExpectRefused(backups.Create(name, {}).status(), invalid, "collection: ");
    ExpectRefused(backups.Delete(name, 1), invalid, "collection: ");
    ExpectRefused(backups.Verify(name, 1, {}), invalid, "collection: ");
    ExpectRefused(backups.Restore(name, 1, "d", {}).status(), invalid, "collection: ");
    if (name.empty()) continue;  // the name of the backup
    ExpectRefused(backups.Restore("c", 1, name, {}).status(), invalid, "name: ");
    ExpectRefused(backups.Upload(name).status(), invalid, "name: ");
  }
  EXPECT_EQ(Tree(true), before);
}

}  // namespace
}  // namespace tessera
