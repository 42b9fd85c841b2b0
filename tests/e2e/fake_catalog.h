// A catalog of one collection "a" (dim 4) whose calls do what a test says: block, fail, take long.
#pragma once

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "index/catalog.h"

namespace tessera::testing {

class FakeCollection final : public Collection {
 public:
  std::function<void(const std::vector<PointInput>&, UpsertDone)> on_upsert;
  std::function<StatusOr<std::vector<QueryResult>>(MatrixView<const float>, const QueryParams&)>
      on_query;
  std::function<Status(const TrainOptions&)> on_train;
  std::function<StatusOr<EvaluateResult>(const EvaluateOptions&)> on_evaluate;

  const std::string& name() const override { return name_; }
  CollectionSpec spec() const override {
    CollectionSpec spec;
    spec.dim = 4;
    return spec;
  }
  void UpsertAsync(const std::vector<PointInput>& points, const UpsertOptions&,
                   UpsertDone done) override {
    on_upsert(points, std::move(done));
  }
  StatusOr<UpsertResult> Upsert(const std::vector<PointInput>&, const UpsertOptions&) override {
    return Unimplemented("fake");
  }
  void DeleteAsync(const std::vector<PointId>&, const DeleteOptions&, DeleteDone done) override {
    done(Unavailable("fake: disk gone"));
  }
  StatusOr<DeleteResult> Delete(const std::vector<PointId>&, const DeleteOptions&) override {
    return Unimplemented("fake");
  }
  void PatchAsync(const std::vector<PatchInput>&, const PatchOptions&, PatchDone done) override {
    done(Unavailable("fake: disk gone"));
  }
  StatusOr<PatchResult> Patch(const std::vector<PatchInput>&, const PatchOptions&) override {
    return Unimplemented("fake");
  }
  Status QueryBatch(MatrixView<const float> queries, const QueryParams& params,
                    std::vector<QueryResult>& results) override {
    TESSERA_ASSIGN_OR_RETURN(results, on_query(queries, params));
    return OkStatus();
  }
  StatusOr<QueryResult> QueryByExamples(const Examples&, const QueryParams&) override {
    return Internal("fake: bug");
  }
  StatusOr<GroupResult> QueryGroups(const Examples&, const GroupParams&, const QueryParams&) override {
    return Unimplemented("fake");
  }
  StatusOr<RangeResult> QueryRange(const Examples&, const RangeParams&, const RangeVisitor&) override {
    return Unimplemented("fake");
  }
  StatusOr<ListResult> List(const ListParams&) override { return Unimplemented("fake"); }
  StatusOr<std::vector<std::optional<StoredPoint>>> Get(const std::vector<PointId>&) override {
    return DataLoss("fake: torn row");
  }
  uint64_t Count() const override { return 0; }
  StatusOr<uint64_t> Count(const Filter&) const override { return 0; }
  StatusOr<std::vector<FacetCount>> Facet(std::string_view, const Filter*, size_t) const override {
    return Unimplemented("fake");
  }
  StatusOr<DeleteResult> DeleteByFilter(const Filter&, const DeleteOptions&) override {
    return Unimplemented("fake");
  }
  StatusOr<PatchResult> PatchByFilter(const Filter&, const PatchInput&, const PatchOptions&) override {
    return Unimplemented("fake");
  }
  StatusOr<uint64_t> RemoveExpired() override { return uint64_t{0}; }
  Status Train(const TrainOptions& options) override { return on_train(options); }
  StatusOr<EvaluateResult> Evaluate(const EvaluateOptions& options) const override {
    return on_evaluate(options);
  }
  Codebooks& codebooks() override { std::abort(); }
  StatusOr<TuneResult> Tune(const TuneOptions&) override { return Unimplemented("fake"); }
  StatusOr<RebalanceResult> Rebalance(const StopToken&) override { return Unimplemented("fake"); }
  Status Reclaim() override { return Unimplemented("fake"); }
  StatusOr<VerifyReport> Verify(const VerifyOptions&) const override { return Unimplemented("fake"); }
  StatusOr<EncodedVectors> Encode(MatrixView<const float>) override {
    return Aborted("fake: lost a race");
  }
  Status Decode(const std::vector<uint32_t>&, std::string_view, float*) override {
    return OkStatus();
  }
  CollectionStats Stats() const override { return {}; }
  StatusOr<DriftReport> Drift() override { return Unimplemented("fake"); }
  Status Update(const CollectionUpdate&) override { return Unimplemented("fake"); }

 private:
  const std::string name_ = "a";
};

class FakeCatalog final : public Catalog {
 public:
  explicit FakeCatalog(std::shared_ptr<FakeCollection> collection)
      : collection_(std::move(collection)) {}
  StatusOr<std::shared_ptr<Collection>> Create(const std::string&, const CollectionSpec&) override {
    throw std::bad_alloc();
  }
  StatusOr<std::shared_ptr<Collection>> Get(const std::string& name) const override {
    if (name != "a") return NotFound("no collection \"" + name + '"');
    return std::shared_ptr<Collection>(collection_);
  }
  std::vector<std::string> List() const override { return {"a"}; }
  std::map<std::string, Status> Unopened() const override { return {}; }
  Status Drop(const std::string&) override { return OkStatus(); }
  CatalogMemory Memory() const override { return {}; }
  Backups& backups() override { std::abort(); }
  Upkeep& upkeep() override { std::abort(); }
  void EndUpkeep() override {}

 private:
  std::shared_ptr<FakeCollection> collection_;
};

}  // namespace tessera::testing
