#include "index/engine/match_writes.h"

#include <algorithm>
#include <string>
#include <utility>

#include "index/engine/filter_masks.h"
#include "index/engine/payload_upkeep.h"
#include "index/payload.h"

namespace tessera::engine {
namespace {

// Of one commit; with as many the committer writes sorted files, which spares the log.
constexpr size_t kBatchRows = 8192;

template <typename Options>
Status CheckOptions(const Options& options) {
  const char* field = options.atomic                ? "atomic"
                      : !options.request_id.empty()   ? "request_id"
                      : options.ack != Ack::kDurable  ? "ack"
                                                      : nullptr;
  if (!field) return OkStatus();
  return InvalidArgument(std::string(field) + " does not go with a filter: it is written in several commits");
}

// What is wrong with the patch whatever point it is for: told once, and not of each of them.
Status CheckPatch(const PatchInput& patch, PatchMode mode) {
  if (patch.if_version) return InvalidArgument("if_version does not go with a filter");
  if (patch.expire_at_ms.value_or(0) < 0) {
    return InvalidArgument("expire_at_ms is " + std::to_string(*patch.expire_at_ms) +
                           ", expected Unix milliseconds, or 0 for never");
  }
  if (mode == PatchMode::kClear || (mode == PatchMode::kReplace && patch.payload.empty())) {
    return patch.payload.empty() ? OkStatus()
                                 : InvalidArgument("payload is given, though all of it is to be removed");
  }
  return Annotate(CanonicalPayload(patch.payload).status(), "payload: ");
}

// Points that pass, as they were found.
struct Matches {
  std::vector<PointId> ids;
  std::vector<uint64_t> versions;
};

StatusOr<std::vector<RowId>> PassingRows(const Core& core, const ReadView& view, const Filter& filter) {
  TESSERA_ASSIGN_OR_RETURN(const FilteredRowsPtr passing,
                           core.filter_masks.Get(*view.snapshot, *core.store, filter));
  return passing->rows.And(LiveRows(view)).Rows();
}

// Calls write(matches) for some thousands at a time.
template <typename Write>
Status ForEachBatch(const Core& core, const ReadView& view, const std::vector<RowId>& rows, const StopToken& stop,
                    const Write& write) {
  for (size_t begin = 0; begin < rows.size(); begin += kBatchRows) {
    TESSERA_RETURN_IF_ERROR(stop.Check());
    const std::vector<RowId> part(rows.begin() + static_cast<ptrdiff_t>(begin),
                                  rows.begin() + static_cast<ptrdiff_t>(std::min(begin + kBatchRows, rows.size())));
    TESSERA_ASSIGN_OR_RETURN(auto records, core.store->GetRows(part, view.snapshot->store.get()));
    Matches matches;
    for (size_t i = 0; i < part.size(); ++i) {
      if (!records[i]) return DataLoss("row " + std::to_string(part[i].value) + " has no record");
      matches.ids.push_back(std::move(records[i]->id));
      matches.versions.push_back(records[i]->version);
    }
    TESSERA_RETURN_IF_ERROR(write(begin, matches));
  }
  return OkStatus();
}

}  // namespace

StatusOr<DeleteResult> DeleteMatches(const Core& core, const ReadView& view, const Filter& filter,
                                     const DeleteOptions& options, const DeleteSome& remove) {
  if (!options.if_versions.empty()) return InvalidArgument("if_versions does not go with a filter");
  TESSERA_RETURN_IF_ERROR(CheckOptions(options));
  TESSERA_ASSIGN_OR_RETURN(const std::vector<RowId> rows, PassingRows(core, view, filter));
  DeleteResult all{view.snapshot->commit, 0, {}};
  if (options.validate_only) {
    all.deleted = rows.size();
    return all;
  }
  TESSERA_RETURN_IF_ERROR(
      ForEachBatch(core, view, rows, options.stop, [&](size_t, const Matches& matches) -> Status {
        DeleteOptions some;
        some.if_versions = matches.versions;
        TESSERA_ASSIGN_OR_RETURN(const DeleteResult deleted, remove(matches.ids, some));
        all.commit = deleted.commit;
        all.deleted += deleted.deleted;
        return OkStatus();
      }));
  return all;
}

StatusOr<PatchResult> PatchMatches(const Core& core, const ReadView& view, const Filter& filter,
                                   const PatchInput& patch, const PatchOptions& options, const PatchSome& change) {
  TESSERA_RETURN_IF_ERROR(CheckPatch(patch, options.mode));
  TESSERA_RETURN_IF_ERROR(CheckOptions(options));
  TESSERA_ASSIGN_OR_RETURN(const std::vector<RowId> rows, PassingRows(core, view, filter));
  PatchResult all{view.snapshot->commit, 0, {}};
  TESSERA_RETURN_IF_ERROR(
      ForEachBatch(core, view, rows, options.stop, [&](size_t begin, const Matches& matches) -> Status {
        std::vector<PatchInput> patches(matches.ids.size(), patch);
        for (size_t i = 0; i < patches.size(); ++i) {
          patches[i].id = matches.ids[i];
          patches[i].if_version = matches.versions[i];
        }
        PatchOptions some;
        some.mode = options.mode;
        TESSERA_ASSIGN_OR_RETURN(PatchResult patched, change(patches, some));
        all.commit = patched.commit;
        all.patched += patched.patched;
        for (RowError& error : patched.rejected) {
          // A point that was written meanwhile stays as it is.
          const bool written = absl::IsAborted(error.status) || absl::IsNotFound(error.status);
          if (written || all.rejected.size() >= kMostRefused) continue;
          all.rejected.push_back({begin + error.index, std::move(error.status)});
        }
        return OkStatus();
      }));
  return all;
}

}  // namespace tessera::engine
