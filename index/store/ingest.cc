#include "index/store/ingest.h"

#include <rocksdb/env.h>
#include <rocksdb/sst_file_writer.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "index/base/failpoint.h"
#include "index/store/rocks_status.h"

namespace tessera::store {
namespace {

constexpr int kMostTries = 100;

// Borrows the batch's bytes.
struct Change {
  uint64_t prefix = 0;  // the first 8 bytes of the key as a number: decides nearly every comparison
  rocksdb::Slice key;
  rocksdb::Slice value;
  bool deleted = false;
};
using Changes = std::vector<Change>;

uint64_t PrefixOf(const rocksdb::Slice& key) {
  uint64_t big = 0;
  std::memcpy(&big, key.data(), std::min(key.size(), sizeof(big)));
  return __builtin_bswap64(big);
}

bool Before(const Change& a, const Change& b) {
  if (a.prefix != b.prefix) return a.prefix < b.prefix;
  return a.key.compare(b.key) < 0;
}

// The changes of a batch by family, in the batch's order.
class ByFamily final : public rocksdb::WriteBatch::Handler {
 public:
  rocksdb::Status PutCF(uint32_t family, const rocksdb::Slice& key,
                        const rocksdb::Slice& value) override {
    Of(family).push_back({PrefixOf(key), key, value, false});
    return rocksdb::Status::OK();
  }
  rocksdb::Status DeleteCF(uint32_t family, const rocksdb::Slice& key) override {
    Of(family).push_back({PrefixOf(key), key, {}, true});
    return rocksdb::Status::OK();
  }
  std::map<uint32_t, Changes>& all() { return changes_; }

 private:
  Changes& Of(uint32_t family) { return changes_[family]; }

  std::map<uint32_t, Changes> changes_;
};

// Ascending by key, of each key the last change only.
void Sort(Changes& changes) {
  if (std::is_sorted(changes.begin(), changes.end(), Before)) {
    const auto equal = [](const Change& a, const Change& b) { return a.key == b.key; };
    if (std::adjacent_find(changes.begin(), changes.end(), equal) == changes.end()) return;
  } else {
    std::stable_sort(changes.begin(), changes.end(), Before);
  }
  size_t kept = 0;
  for (size_t i = 0; i < changes.size(); ++i) {
    if (i + 1 < changes.size() && changes[i].key == changes[i + 1].key) continue;
    changes[kept++] = changes[i];
  }
  changes.resize(kept);
}

rocksdb::Status WriteFile(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family,
                          const Changes& changes, const std::string& path) {
  const rocksdb::Options options = db.GetOptions(family);
  // Its pages stay in the page cache: lookups and the next merge read them.
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(options), options, family, false);
  rocksdb::Status status = writer.Open(path);
  for (size_t i = 0; i < changes.size() && status.ok(); ++i) {
    const Change& change = changes[i];
    status = change.deleted ? writer.Delete(change.key) : writer.Put(change.key, change.value);
  }
  return status.ok() ? writer.Finish() : status;
}

// A name that no other ingest of this process uses.
std::string StagingFile(const std::string& directory) {
  static std::atomic<uint64_t> next{0};
  return directory + "/" + std::to_string(next++) + ".sst";
}

rocksdb::IngestExternalFileOptions IngestOptions() {
  rocksdb::IngestExternalFileOptions options;
  options.move_files = true;
  // No version of RocksDB that needs the number in the file will ever read it.
  options.write_global_seqno = false;
  return options;
}

// RocksDB asks to be tried again where a flush that it waited for has not been taken note of yet: nothing was changed then.
rocksdb::Status TakeIn(rocksdb::DB& db, IngestedFiles& files, const std::vector<rocksdb::IngestExternalFileArg>& args) {
  rocksdb::Status status = db.IngestExternalFiles(args);
  for (int tries = 1; status.IsTryAgain() && tries < kMostTries; ++tries) {
    if (const rocksdb::Status removed = files.RemoveKept(); !removed.ok()) return removed;
    status = db.IngestExternalFiles(args);
  }
  return status;
}

}  // namespace

std::string StagingDirectory(const std::string& database) { return database + "/ingest"; }

Status ClearStaging(rocksdb::Env* env, const std::string& database) {
  const std::string directory = StagingDirectory(database);
  std::vector<std::string> names;
  const rocksdb::Status listed = env->GetChildren(directory, &names);
  if (listed.IsNotFound()) return OkStatus();
  TESSERA_RETURN_IF_ERROR(FromRocks(listed, directory));
  for (const std::string& name : names) {
    if (name == "." || name == "..") continue;
    TESSERA_RETURN_IF_ERROR(FromRocks(env->DeleteFile(directory + "/" + name), directory));
  }
  return OkStatus();
}

Status IngestBatch(rocksdb::DB& db, IngestedFiles& files, RocksBatch& batch) {
  ByFamily changes;
  TESSERA_RETURN_IF_ERROR(FromRocks(batch.rocks().Iterate(&changes), "ingest"));
  const std::string directory = StagingDirectory(db.GetName());
  TESSERA_RETURN_IF_ERROR(FromRocks(db.GetEnv()->CreateDirIfMissing(directory), directory));
  std::vector<rocksdb::IngestExternalFileArg> args;
  for (rocksdb::ColumnFamilyHandle* family : batch.families()->All()) {
    const auto found = changes.all().find(family->GetID());
    if (found == changes.all().end()) continue;
    Sort(found->second);
    const std::string path = StagingFile(directory);
    TESSERA_RETURN_IF_ERROR(FromRocks(WriteFile(db, family, found->second, path),
                                      "ingest: write " + family->GetName()));
    args.emplace_back();
    args.back().column_family = family;
    args.back().external_files = {path};
    args.back().options = IngestOptions();
    TESSERA_RETURN_IF_ERROR(Failpoint("store.ingest.file"));
  }
  if (args.empty()) return OkStatus();
  TESSERA_RETURN_IF_ERROR(FromRocks(db.FlushWAL(true), "ingest: sync the log"));
  TESSERA_RETURN_IF_ERROR(Failpoint("store.ingest.before"));
  return FromRocks(TakeIn(db, files, args), "ingest");
}

}  // namespace tessera::store
