// The reads of RocksStore: point lookups by one MultiGet each, scans by one iterator each.
#include <rocksdb/db.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "index/store/keys.h"
#include "index/store/records.h"
#include "index/store/scan.h"

namespace tessera::store {
namespace {

using Slices = std::vector<rocksdb::Slice>;

rocksdb::ReadOptions PointReads(const StoreSnapshot* at) {
  rocksdb::ReadOptions options;
  options.snapshot = SnapshotOf(at);
  return options;
}

std::string AtPosting(const std::string& family, ListId list, RowId row) {
  return At(family,
            "list " + std::to_string(list.value) + ", row " + std::to_string(row.value));
}

// Calls found(i, value) for each key that is there, in order; its status ends the lookup.
// describe(i) names key i in an error.
template <typename Found, typename Describe>
Status Lookup(rocksdb::DB& db, const rocksdb::ReadOptions& options,
              rocksdb::ColumnFamilyHandle* family, const Slices& keys, const Describe& describe,
              const Found& found) {
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  db.MultiGet(options, family, keys.size(), keys.data(), values.data(), statuses.data());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (statuses[i].IsNotFound()) continue;
    Status status = FromRocks(statuses[i], "read");
    if (status.ok()) status = found(i, ToView(values[i]));
    if (!status.ok()) return Annotate(status, describe(i));
    values[i].Reset();
  }
  return OkStatus();
}

// Rows as keys; `keys` keeps the bytes that the slices borrow.
Slices RowKeys(const std::vector<RowId>& rows, std::vector<Key32>& keys) {
  keys.resize(rows.size());
  Slices slices(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    keys[i] = RowKey(rows[i]);
    slices[i] = rocksdb::Slice(keys[i].data(), keys[i].size());
  }
  return slices;
}

// Postings as keys; rows[i] in lists[i].
Slices PostingKeys(const std::vector<ListId>& lists, const std::vector<RowId>& rows, std::vector<Key64>& keys) {
  keys.resize(rows.size());
  Slices slices(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    keys[i] = PostingKey(lists[i], rows[i]);
    slices[i] = rocksdb::Slice(keys[i].data(), keys[i].size());
  }
  return slices;
}

// Lookups by row: decode(value, result) fills one result.
template <typename Result, typename Decode>
StatusOr<std::vector<std::optional<Result>>> LookupRows(rocksdb::DB& db,
                                                        rocksdb::ColumnFamilyHandle* family,
                                                        const std::vector<RowId>& rows,
                                                        const StoreSnapshot* at,
                                                        const Decode& decode) {
  std::vector<Key32> keys;
  const Slices slices = RowKeys(rows, keys);
  std::vector<std::optional<Result>> results(rows.size());
  TESSERA_RETURN_IF_ERROR(Lookup(
      db, PointReads(at), family, slices,
      [&](size_t i) { return At(family->GetName(), rows[i].value); },
      [&](size_t i, std::string_view value) { return decode(value, results[i].emplace()); }));
  return results;
}

}  // namespace

StatusOr<std::optional<std::string>> RocksStore::GetRecord(const std::string& name) const {
  std::string value;
  const rocksdb::Status got =
      db_->Get(rocksdb::ReadOptions(), families()->records.get(), name, &value);
  if (got.IsNotFound()) return std::optional<std::string>();
  TESSERA_RETURN_IF_ERROR(FromRocks(got, "default[" + name + "]"));
  std::string_view payload;
  TESSERA_RETURN_IF_ERROR(Annotate(DecodeRecord(value, payload), At("default", name)));
  return std::optional<std::string>(payload);
}

StatusOr<std::vector<std::optional<RowId>>> RocksStore::GetIds(
    const std::vector<const PointId*>& ids, const StoreSnapshot* at) const {
  std::string bytes;
  bytes.reserve(ids.size() * 9);
  std::vector<size_t> ends(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!AppendIdKey(*ids[i], bytes)) {
      return InvalidArgument("ids[" + std::to_string(i) + "] is empty or too long");
    }
    ends[i] = bytes.size();
  }
  Slices keys(ids.size());
  for (size_t i = 0, begin = 0; i < ids.size(); begin = ends[i++]) {
    keys[i] = rocksdb::Slice(bytes.data() + begin, ends[i] - begin);
  }
  std::vector<std::optional<RowId>> rows(ids.size());
  TESSERA_RETURN_IF_ERROR(Lookup(
      *db_, PointReads(at), families()->ids.get(), keys,
      [&](size_t i) { return At(kIdsFamily, ids[i]->ToString()); },
      [&](size_t i, std::string_view value) { return DecodeU32(value, rows[i].emplace().value); }));
  return rows;
}

StatusOr<std::vector<std::optional<RowRecord>>> RocksStore::GetRows(const std::vector<RowId>& rows,
                                                                    const StoreSnapshot* at) const {
  return LookupRows<RowRecord>(
      *db_, families()->rows.get(), rows, at,
      [](std::string_view value, RowRecord& record) { return DecodeRow(value, record); });
}

StatusOr<std::vector<std::optional<RawVector>>> RocksStore::GetVectors(
    const std::vector<RowId>& rows, const StoreSnapshot* at) const {
  return LookupRows<RawVector>(*db_, families()->vectors.get(), rows, at,
                               [](std::string_view value, RawVector& vector) {
                                 VectorView view;
                                 TESSERA_RETURN_IF_ERROR(DecodeVector(value, view));
                                 vector.type = view.type;
                                 vector.bytes.assign(view.bytes);
                                 vector.quantization = view.quantization;
                                 return OkStatus();
                               });
}

StatusOr<std::vector<std::optional<std::string>>> RocksStore::GetPayloads(
    const std::vector<RowId>& rows, const StoreSnapshot* at) const {
  return LookupRows<std::string>(*db_, families()->payload.get(), rows, at,
                                 [](std::string_view value, std::string& text) {
                                   std::string_view inside;
                                   TESSERA_RETURN_IF_ERROR(DecodePayload(value, inside));
                                   text.assign(inside);
                                   return OkStatus();
                                 });
}

StatusOr<std::vector<std::optional<StoredPosting>>> RocksStore::GetPostings(
    Generation g, const std::vector<ListId>& lists, const std::vector<RowId>& rows,
    uint32_t code_bytes, uint32_t refine_bytes, const StoreSnapshot* at) const {
  TESSERA_ASSIGN_OR_RETURN(const FamiliesPtr families, WithGeneration(g));
  rocksdb::ColumnFamilyHandle* family = families->Find(g)->postings();
  std::vector<Key64> keys;
  const Slices slices = PostingKeys(lists, rows, keys);
  std::vector<std::optional<StoredPosting>> postings(rows.size());
  TESSERA_RETURN_IF_ERROR(Lookup(
      *db_, PointReads(at), family, slices,
      [&](size_t i) { return AtPosting(family->GetName(), lists[i], rows[i]); },
      [&](size_t i, std::string_view value) -> Status {
        PostingView view;
        TESSERA_RETURN_IF_ERROR(DecodePosting(value, code_bytes, refine_bytes, view));
        postings[i] = {std::string(view.code), view.correction, std::string(view.refine)};
        return OkStatus();
      }));
  return postings;
}

Status RocksStore::GetRefineRecords(const std::vector<ListId>& lists, const std::vector<RowId>& rows,
                                    uint32_t code_bytes, uint32_t refine_bytes, const StoreSnapshot& at,
                                    uint8_t* refine) const {
  rocksdb::ColumnFamilyHandle* family = static_cast<const RocksSnapshot&>(at).kept();
  if (family == nullptr) return FailedPrecondition("the snapshot keeps no generation");
  std::vector<Key64> keys;
  const Slices slices = PostingKeys(lists, rows, keys);
  std::vector<bool> found(rows.size());
  const auto describe = [&](size_t i) { return AtPosting(family->GetName(), lists[i], rows[i]); };
  TESSERA_RETURN_IF_ERROR(
      Lookup(*db_, PointReads(&at), family, slices, describe, [&](size_t i, std::string_view value) -> Status {
        PostingView view;
        TESSERA_RETURN_IF_ERROR(DecodePosting(value, code_bytes, refine_bytes, view));
        std::memcpy(refine + i * refine_bytes, view.refine.data(), refine_bytes);
        found[i] = true;
        return OkStatus();
      }));
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!found[i]) return DataLoss(describe(i) + "missing");
  }
  return OkStatus();
}

StatusOr<std::vector<std::optional<RequestRecord>>> RocksStore::GetRequests(
    const std::vector<std::string>& ids, const StoreSnapshot* at) const {
  std::vector<std::string> keys(ids.size());
  Slices slices(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    keys[i] = RequestIdKey(ids[i]);
    slices[i] = rocksdb::Slice(keys[i]);
  }
  std::vector<std::optional<RequestRecord>> records(ids.size());
  TESSERA_RETURN_IF_ERROR(Lookup(
      *db_, PointReads(at), families()->requests.get(), slices,
      [&](size_t i) { return At(kRequestsFamily, ids[i]); },
      [&](size_t i, std::string_view value) { return DecodeRequest(value, records[i].emplace()); }));
  return records;
}

StatusOr<std::vector<std::optional<ListId>>> RocksStore::GetAssigns(Generation g,
                                                                    const std::vector<RowId>& rows,
                                                                    const StoreSnapshot* at) const {
  TESSERA_ASSIGN_OR_RETURN(const FamiliesPtr families, WithGeneration(g));
  return LookupRows<ListId>(
      *db_, families->Find(g)->assign(), rows, at,
      [](std::string_view value, ListId& list) { return DecodeU32(value, list.value); });
}

Status RocksStore::ScanVectors(RowId begin, RowId end, const StoreSnapshot* at,
                               const VectorVisitor& visit) const {
  const FamiliesPtr pinned = families();
  return ScanRowOrder(*db_, pinned->vectors.get(), begin, end, at,
                      [&](RowId row, std::string_view value) {
                        VectorView vector;
                        const Status decoded = DecodeVector(value, vector);
                        if (!decoded.ok()) return Annotate(decoded, At(kVectorsFamily, row.value));
                        return visit(row, vector);
                      });
}

Status RocksStore::ScanRows(RowId begin, RowId end, const StoreSnapshot* at,
                            const RowVisitor& visit) const {
  const FamiliesPtr pinned = families();
  RowRecord record;
  return ScanRowOrder(*db_, pinned->rows.get(), begin, end, at,
                      [&](RowId row, std::string_view value) {
                        const Status decoded = DecodeRow(value, record);
                        if (!decoded.ok()) return Annotate(decoded, At(kRowsFamily, row.value));
                        return visit(row, record);
                      });
}

Status RocksStore::ScanPayloads(RowId begin, RowId end, const StoreSnapshot* at,
                                const PayloadVisitor& visit) const {
  const FamiliesPtr pinned = families();
  return ScanRowOrder(*db_, pinned->payload.get(), begin, end, at,
                      [&](RowId row, std::string_view value) {
                        std::string_view text;
                        const Status decoded = DecodePayload(value, text);
                        if (!decoded.ok()) return Annotate(decoded, At(kPayloadFamily, row.value));
                        return visit(row, text);
                      });
}

StatusOr<bool> RocksStore::HasPayloads() const {
  const FamiliesPtr pinned = families();
  const std::unique_ptr<rocksdb::Iterator> it(
      db_->NewIterator(ScanOptions(nullptr, nullptr), pinned->payload.get()));
  it->SeekToFirst();
  if (it->Valid()) return true;
  TESSERA_RETURN_IF_ERROR(FromRocks(it->status(), "scan payload"));
  return false;
}

Status RocksStore::ScanRequests(uint64_t begin, uint64_t end, const StoreSnapshot* at,
                                const RequestVisitor& visit) const {
  const FamiliesPtr pinned = families();
  const auto first = RequestPlaceKey(begin);
  const auto last = RequestPlaceKey(end);
  return Scan(*db_, pinned->requests.get(), View(first), View(last), at,
              [&](std::string_view key, std::string_view value) {
                uint64_t sequence = 0;
                if (!ParseRequestPlaceKey(key, sequence)) return MalformedKey(kRequestsFamily, key);
                int64_t time_ms = 0;
                std::string_view id;
                const Status decoded = DecodeRequestPlace(value, time_ms, id);
                if (decoded.ok()) return visit(sequence, time_ms, id);
                return Annotate(decoded, At(kRequestsFamily, "place " + std::to_string(sequence)));
              });
}

StatusOr<std::pair<uint64_t, uint64_t>> RocksStore::RequestPlaces() const {
  const FamiliesPtr pinned = families();
  const std::unique_ptr<rocksdb::Iterator> it(
      db_->NewIterator(ScanOptions(nullptr, nullptr), pinned->requests.get()));
  const auto read = [&](uint64_t& sequence) {
    return ParseRequestPlaceKey(ToView(it->key()), sequence)
               ? OkStatus()
               : MalformedKey(kRequestsFamily, ToView(it->key()));
  };
  std::pair<uint64_t, uint64_t> places;
  const auto lowest = RequestPlaceKey(0);
  it->Seek(rocksdb::Slice(lowest.data(), lowest.size()));
  if (it->Valid()) TESSERA_RETURN_IF_ERROR(read(places.first));
  if (it->Valid()) {
    it->SeekToLast();
    if (it->Valid()) TESSERA_RETURN_IF_ERROR(read(places.second));
    ++places.second;
  }
  TESSERA_RETURN_IF_ERROR(FromRocks(it->status(), "scan requests"));
  return places;
}

Status RocksStore::ScanPostings(Generation g, ListId begin, ListId end, uint32_t code_bytes,
                                uint32_t refine_bytes, const StoreSnapshot* at,
                                const PostingVisitor& visit) const {
  TESSERA_ASSIGN_OR_RETURN(const FamiliesPtr families, WithGeneration(g));
  rocksdb::ColumnFamilyHandle* family = families->Find(g)->postings();
  const Key32 first = ListKey(begin);
  const Key32 last = ListKey(end);
  PostingView posting;
  return Scan(
      *db_, family, View(first), View(last), at, [&](std::string_view key, std::string_view value) {
        if (!ParsePostingKey(key, posting.list, posting.row)) {
          return MalformedKey(family->GetName(), key);
        }
        const Status decoded = DecodePosting(value, code_bytes, refine_bytes, posting);
        if (decoded.ok()) return visit(posting);
        return Annotate(decoded, AtPosting(family->GetName(), posting.list, posting.row));
      });
}

StatusOr<std::vector<float>> RocksStore::ReadCentroids(Generation g, uint32_t dim, uint32_t nlist,
                                                       const StoreSnapshot* at) const {
  TESSERA_ASSIGN_OR_RETURN(const FamiliesPtr families, WithGeneration(g));
  rocksdb::ColumnFamilyHandle* family = families->Find(g)->centroids();
  std::vector<float> centroids;
  uint32_t next = 0;
  const Key32 first = ListKey(ListId(0));
  const Key32 last = ListKey(ListId(UINT32_MAX));
  TESSERA_RETURN_IF_ERROR(
      Scan(*db_, family, View(first), View(last), at,
           [&](std::string_view key, std::string_view value) {
             ListId list;
             if (!ParseListKey(key, list)) return MalformedKey(family->GetName(), key);
             const std::string where = At(family->GetName(), list.value);
             if (next == nlist) {
               return DataLoss(where + "one list too many, expected " + std::to_string(nlist));
             }
             if (list.value != next) {
               return DataLoss(where + "expected list " + std::to_string(next) + " before it");
             }
             centroids.resize(size_t{++next} * dim);
             return Annotate(DecodeCentroid(value, dim, centroids.data() + centroids.size() - dim),
                             where);
           }));
  if (next == nlist) return centroids;
  return DataLoss(At(family->GetName(), next) + "missing, expected " + std::to_string(nlist) +
                  " lists");
}

}  // namespace tessera::store
