// The reads of RocksStore that only checks and repairs make: whole families, and the files beneath them.
#include <rocksdb/db.h>
#include <rocksdb/metadata.h>
#include <rocksdb/sst_file_reader.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "index/store/records.h"
#include "index/store/scan.h"

namespace tessera::store {
namespace {

constexpr size_t kReadAhead = 2u << 20;

using Files = std::vector<rocksdb::LiveFileMetaData>;

Files LiveFiles(rocksdb::DB& db) {
  Files files;
  db.GetLiveFilesMetaData(&files);
  return files;
}

// All blocks of a sorted file.
rocksdb::Status CheckFile(rocksdb::DB& db, const std::string& path) {
  rocksdb::Options options;
  options.env = db.GetEnv();
  rocksdb::SstFileReader reader(options);
  const rocksdb::Status opened = reader.Open(path);
  if (!opened.ok()) return opened;
  rocksdb::ReadOptions reading;
  reading.readahead_size = kReadAhead;
  return reader.VerifyChecksum(reading);
}

}  // namespace

Status RocksStore::ScanRecords(const StoreSnapshot* at, const RecordVisitor& visit) const {
  const FamiliesPtr pinned = families();
  return Scan(*db_, pinned->records.get(), "", nullptr, at, [&](std::string_view key, std::string_view value) {
    std::string name(key);
    std::string_view inside;
    const Status decoded = DecodeRecord(value, inside);
    if (decoded.ok()) return visit(name, std::string(inside));
    return visit(name, Annotate(decoded, At("default", name)));
  });
}

Status RocksStore::ScanIds(const StoreSnapshot* at, const IdVisitor& visit) const {
  const FamiliesPtr pinned = families();
  PointId id;
  return Scan(*db_, pinned->ids.get(), "", nullptr, at, [&](std::string_view key, std::string_view value) {
    if (!ParseIdKey(key, id)) return MalformedKey(kIdsFamily, key);
    RowId row;
    const Status decoded = DecodeU32(value, row.value);
    return decoded.ok() ? visit(id, row) : Annotate(decoded, At(kIdsFamily, id.ToString()));
  });
}

Status RocksStore::ScanAssigns(Generation g, RowId begin, RowId end, const StoreSnapshot* at,
                               const AssignVisitor& visit) const {
  TESSERA_ASSIGN_OR_RETURN(const FamiliesPtr families, WithGeneration(g));
  rocksdb::ColumnFamilyHandle* family = families->Find(g)->assign();
  return ScanRowOrder(*db_, family, begin, end, at, [&](RowId row, std::string_view value) {
    ListId list;
    const Status decoded = DecodeU32(value, list.value);
    return decoded.ok() ? visit(row, list) : Annotate(decoded, At(family->GetName(), row.value));
  });
}

Status RocksStore::CheckFiles(const FileVisitor& checked) const {
  const FamiliesPtr pinned = families();
  const Files files = LiveFiles(*db_);
  CheckedFile report;
  for (const auto& file : files) report.bytes_total += file.size;
  for (const auto& file : files) {
    const std::string path = file.db_path + file.name;
    const rocksdb::Status status = CheckFile(*db_, path);
    report.bytes_done += file.size;
    report.family = file.column_family_name;
    report.name = file.name.substr(file.name.find_last_of('/') + 1);
    report.status = FromRocks(status, report.family + ": file " + report.name);
    if (!status.ok()) {
      // A compaction may have replaced the file meanwhile.
      const Files now = LiveFiles(*db_);
      const auto same = [&](const auto& other) { return other.name == file.name; };
      if (std::none_of(now.begin(), now.end(), same)) continue;
    }
    TESSERA_RETURN_IF_ERROR(checked(report));
  }
  return OkStatus();
}

}  // namespace tessera::store
