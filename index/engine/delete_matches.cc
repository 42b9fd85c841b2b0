#include "index/engine/delete_matches.h"

#include <algorithm>
#include <string>
#include <utility>

#include "index/engine/filter_masks.h"
#include "index/engine/payload_upkeep.h"

namespace tessera::engine {
namespace {

// Of one commit; with as many the committer writes sorted files, which spares the log.
constexpr size_t kBatchRows = 8192;

Status CheckOptions(const DeleteOptions& options) {
  const char* field = !options.if_versions.empty()    ? "if_versions"
                      : options.atomic                ? "atomic"
                      : !options.request_id.empty()   ? "request_id"
                      : options.ack != Ack::kDurable  ? "ack"
                                                      : nullptr;
  if (!field) return OkStatus();
  return InvalidArgument(std::string(field) + " does not go with a filter: it is deleted in several commits");
}

}  // namespace

StatusOr<DeleteResult> DeleteMatches(const Core& core, const SnapshotPtr& snapshot, const Filter& filter,
                                     const DeleteOptions& options, const DeleteSome& remove) {
  TESSERA_RETURN_IF_ERROR(CheckOptions(options));
  TESSERA_ASSIGN_OR_RETURN(const FilteredRowsPtr passing,
                           core.filter_masks.Get(*snapshot, *core.store, filter));
  DeleteResult all{snapshot->commit, 0, {}};
  if (options.validate_only) {
    all.deleted = passing->mask.rows();
    return all;
  }
  const std::vector<RowId> rows = passing->rows.And(LiveRows(snapshot->lists)).Rows();
  for (size_t begin = 0; begin < rows.size(); begin += kBatchRows) {
    const std::vector<RowId> part(rows.begin() + static_cast<ptrdiff_t>(begin),
                                  rows.begin() + static_cast<ptrdiff_t>(std::min(begin + kBatchRows, rows.size())));
    TESSERA_ASSIGN_OR_RETURN(auto records, core.store->GetRows(part, snapshot->store.get()));
    std::vector<PointId> ids;
    DeleteOptions some;
    for (size_t i = 0; i < part.size(); ++i) {
      if (!records[i]) return DataLoss("row " + std::to_string(part[i].value) + " has no record");
      ids.push_back(std::move(records[i]->id));
      some.if_versions.push_back(records[i]->version);
    }
    TESSERA_ASSIGN_OR_RETURN(const DeleteResult deleted, remove(ids, some));
    all.commit = deleted.commit;
    all.deleted += deleted.deleted;
  }
  return all;
}

}  // namespace tessera::engine
