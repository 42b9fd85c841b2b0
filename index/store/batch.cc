#include "index/store/batch.h"

#include <array>
#include <utility>

#include "index/store/keys.h"
#include "index/store/records.h"
#include "index/store/rocks_status.h"

namespace tessera::store {
namespace {

rocksdb::Slice ToSlice(std::string_view s) { return {s.data(), s.size()}; }

template <size_t N>
rocksdb::SliceParts Parts(const std::array<rocksdb::Slice, N>& parts) {
  return {parts.data(), static_cast<int>(N)};
}

}  // namespace

std::unique_ptr<rocksdb::WriteBatch> BatchMemory::Take() {
  std::unique_ptr<rocksdb::WriteBatch> batch;
  {
    std::lock_guard lock(mutex_);
    batch = std::move(spare_);
  }
  if (batch == nullptr) batch = std::make_unique<rocksdb::WriteBatch>();
  return batch;
}

void BatchMemory::GiveBack(std::unique_ptr<rocksdb::WriteBatch> batch) {
  if (batch->Data().capacity() > kMaxKeptBytes) return;
  batch->Clear();
  std::lock_guard lock(mutex_);
  spare_ = std::move(batch);
}

RocksBatch::RocksBatch(FamiliesPtr families, std::shared_ptr<BatchMemory> memory)
    : families_(std::move(families)), memory_(std::move(memory)), batch_(memory_->Take()) {}

RocksBatch::~RocksBatch() { memory_->GiveBack(std::move(batch_)); }

void RocksBatch::Check(const Status& status, const std::string& where) {
  if (!status.ok() && status_.ok()) status_ = Annotate(status, where + ": ");
}

const GenerationFamilies* RocksBatch::Touch(Generation g) {
  for (const GenerationFamilies* known : generations_) {
    if (known->generation == g) return known;
  }
  const GenerationFamilies* found = families_->Find(g);
  if (found == nullptr) {
    Check(FailedPrecondition("no such generation"), "generation " + std::to_string(g.value));
  } else {
    generations_.push_back(found);
  }
  return found;
}

rocksdb::ColumnFamilyHandle* RocksBatch::Truth(const FamilyHandle& family) {
  touches_truth_ = true;
  return family.get();
}

void RocksBatch::Applied(const rocksdb::Status& status) {
  if (!status.ok()) Check(FromRocks(status, "batch"), "batch");
}

void RocksBatch::Put(rocksdb::ColumnFamilyHandle* family, std::string_view key,
                     std::string_view value) {
  Applied(batch_->Put(family, ToSlice(key), ToSlice(value)));
}

void RocksBatch::Delete(rocksdb::ColumnFamilyHandle* family, std::string_view key) {
  Applied(batch_->Delete(family, ToSlice(key)));
}

void RocksBatch::PutRecord(const std::string& name, std::string_view bytes) {
  value_.clear();
  EncodeRecord(bytes, value_);
  Put(Truth(families_->records), name, value_);
}

void RocksBatch::DeleteRecord(const std::string& name) { Delete(Truth(families_->records), name); }

void RocksBatch::PutId(const PointId& id, RowId row) {
  key_.clear();
  value_.clear();
  if (!AppendIdKey(id, key_)) {
    return Check(InvalidArgument("id is empty or too long"), "ids[" + id.ToString() + "]");
  }
  EncodeU32(row.value, value_);
  Put(Truth(families_->ids), key_, value_);
}

void RocksBatch::DeleteId(const PointId& id) {
  key_.clear();
  if (!AppendIdKey(id, key_)) {
    return Check(InvalidArgument("id is empty or too long"), "ids[" + id.ToString() + "]");
  }
  Delete(Truth(families_->ids), key_);
}

void RocksBatch::PutRow(RowId row, const RowRecord& record) {
  value_.clear();
  if (const Status status = EncodeRow(record, value_); !status.ok()) {
    return Check(status, "rows[" + std::to_string(row.value) + "]");
  }
  Put(Truth(families_->rows), View(RowKey(row)), value_);
}

void RocksBatch::DeleteRow(RowId row) { Delete(Truth(families_->rows), View(RowKey(row))); }

void RocksBatch::PutVector(RowId row, const VectorView& vector) {
  if (const Status status = CheckVector(vector); !status.ok()) {
    return Check(InvalidArgument(MessageOf(status)), "vectors[" + std::to_string(row.value) + "]");
  }
  const Key32 key = RowKey(row);
  value_.clear();
  EncodeVectorHead(vector, value_);
  const std::array<rocksdb::Slice, 1> keys = {ToSlice(View(key))};
  const std::array<rocksdb::Slice, 2> values = {ToSlice(value_), ToSlice(vector.bytes)};
  Applied(batch_->Put(Truth(families_->vectors), Parts(keys), Parts(values)));
}

void RocksBatch::DeleteVector(RowId row) { Delete(Truth(families_->vectors), View(RowKey(row))); }

void RocksBatch::PutPayload(RowId row, std::string_view text) {
  value_.clear();
  EncodePayload(text, value_);
  Put(Truth(families_->payload), View(RowKey(row)), value_);
}

void RocksBatch::DeletePayload(RowId row) { Delete(Truth(families_->payload), View(RowKey(row))); }

void RocksBatch::PutRequest(std::string_view id, const RequestRecord& record) {
  value_.clear();
  EncodeRequest(record, value_);
  Put(Truth(families_->requests), RequestIdKey(id), value_);
  value_.clear();
  EncodeRequestPlace(record.time_ms, id, value_);
  Put(Truth(families_->requests), View(RequestPlaceKey(record.sequence)), value_);
}

void RocksBatch::DeleteRequest(std::string_view id) {
  Delete(Truth(families_->requests), RequestIdKey(id));
}

void RocksBatch::DeleteRequestPlace(uint64_t sequence) {
  Delete(Truth(families_->requests), View(RequestPlaceKey(sequence)));
}

void RocksBatch::PutCentroid(Generation g, ListId list, const float* centroid, uint32_t dim) {
  const GenerationFamilies* families = Touch(g);
  if (families == nullptr) return;
  value_.clear();
  EncodeCentroid(centroid, dim, value_);
  Put(families->centroids(), View(ListKey(list)), value_);
}

void RocksBatch::DeleteCentroid(Generation g, ListId list) {
  if (const GenerationFamilies* families = Touch(g)) Delete(families->centroids(), View(ListKey(list)));
}

void RocksBatch::PutAssign(Generation g, RowId row, ListId list) {
  const GenerationFamilies* families = Touch(g);
  if (families == nullptr) return;
  value_.clear();
  EncodeU32(list.value, value_);
  Put(families->assign(), View(RowKey(row)), value_);
}

void RocksBatch::DeleteAssign(Generation g, RowId row) {
  if (const GenerationFamilies* families = Touch(g)) Delete(families->assign(), View(RowKey(row)));
}

void RocksBatch::PutPosting(Generation g, ListId list, RowId row, std::string_view code,
                            float correction, std::string_view refine) {
  const GenerationFamilies* families = Touch(g);
  if (families == nullptr) return;
  const Key64 key = PostingKey(list, row);
  const std::array<rocksdb::Slice, 1> keys = {ToSlice(View(key))};
  const std::array<rocksdb::Slice, 3> values = {
      ToSlice(code), rocksdb::Slice(reinterpret_cast<const char*>(&correction), sizeof(correction)),
      ToSlice(refine)};
  Applied(batch_->Put(families->postings(), Parts(keys), Parts(values)));
}

void RocksBatch::DeletePosting(Generation g, ListId list, RowId row) {
  if (const GenerationFamilies* families = Touch(g)) {
    Delete(families->postings(), View(PostingKey(list, row)));
  }
}

}  // namespace tessera::store
