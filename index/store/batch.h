// Changes collected in one RocksDB WriteBatch. Private to this folder.
#pragma once

#include <rocksdb/write_batch.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "index/store/families.h"
#include "index/store/store.h"

namespace tessera::store {

// Keeps the memory of one finished batch for the next: a fresh one would page in some MiB anew for
// every commit. Thread-safe.
class BatchMemory {
 public:
  std::unique_ptr<rocksdb::WriteBatch> Take();
  void GiveBack(std::unique_ptr<rocksdb::WriteBatch> batch);

 private:
  static constexpr size_t kMaxKeptBytes = 16u << 20;
  std::mutex mutex_;
  std::unique_ptr<rocksdb::WriteBatch> spare_;
};

// A mistake of the caller (a generation that does not exist, an id or vector that no record can
// hold) is remembered, and Write returns it.
class RocksBatch final : public Batch {
 public:
  RocksBatch(FamiliesPtr families, std::shared_ptr<BatchMemory> memory);
  ~RocksBatch() override;

  void PutRecord(const std::string& name, std::string_view bytes) override;
  void DeleteRecord(const std::string& name) override;
  void PutId(const PointId& id, RowId row) override;
  void DeleteId(const PointId& id) override;
  void PutRow(RowId row, const RowRecord& record) override;
  void DeleteRow(RowId row) override;
  void PutVector(RowId row, const VectorView& vector) override;
  void DeleteVector(RowId row) override;
  void PutPayload(RowId row, std::string_view text) override;
  void DeletePayload(RowId row) override;
  void PutRequest(std::string_view id, const RequestRecord& record) override;
  void DeleteRequest(std::string_view id) override;
  void DeleteRequestPlace(uint64_t sequence) override;
  void PutCentroid(Generation g, ListId list, const float* centroid, uint32_t dim) override;
  void DeleteCentroid(Generation g, ListId list) override;
  void PutAssign(Generation g, RowId row, ListId list) override;
  void DeleteAssign(Generation g, RowId row) override;
  void PutPosting(Generation g, ListId list, RowId row, std::string_view code, float correction,
                  std::string_view refine) override;
  void DeletePosting(Generation g, ListId list, RowId row) override;
  size_t bytes() const override { return batch_->GetDataSize(); }

  rocksdb::WriteBatch& rocks() { return *batch_; }
  const FamiliesPtr& families() const { return families_; }
  // OK, or the first mistake.
  const Status& status() const { return status_; }
  // Generations touched, each once.
  const std::vector<const GenerationFamilies*>& generations() const { return generations_; }
  // True if it changes a family that does not belong to a generation.
  bool touches_truth() const { return touches_truth_; }

 private:
  const GenerationFamilies* Touch(Generation g);
  rocksdb::ColumnFamilyHandle* Truth(const FamilyHandle& family);
  void Put(rocksdb::ColumnFamilyHandle* family, std::string_view key, std::string_view value);
  void Delete(rocksdb::ColumnFamilyHandle* family, std::string_view key);
  void Applied(const rocksdb::Status& status);
  void Check(const Status& status, const std::string& where);

  FamiliesPtr families_;
  std::shared_ptr<BatchMemory> memory_;
  std::unique_ptr<rocksdb::WriteBatch> batch_;
  std::vector<const GenerationFamilies*> generations_;
  std::string key_;    // reused between calls
  std::string value_;  // reused between calls
  Status status_;
  bool touches_truth_ = false;
};

}  // namespace tessera::store
