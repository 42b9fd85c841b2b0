#include "index/engine/verify_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "index/engine/sample.h"
#include "index/engine/vector_data.h"
#include "index/payload.h"

namespace tessera::engine {
namespace {

constexpr const char* kRows = "rows";
constexpr const char* kIds = "ids";
constexpr const char* kVectors = "vectors";
constexpr const char* kPayload = "payload";
constexpr const char* kRequests = "requests";
constexpr float kNormSlack = 1e-4f;  // sums of squares are rounded differently by kind of component

bool IsDamage(const Status& status) { return status.code() == absl::StatusCode::kDataLoss; }

// Runs of row numbers whose records cannot be read, each one finding.
class UnreadableRows {
 public:
  explicit UnreadableRows(VerifyRun& run) : run_(run) {}

  void Add(RowId row, const Status& status) {
    run_.rows.unreadable.push_back(row);
    if (count_ > 0 && row.value == first_.value + count_ && MessageOf(status) == cause_) {
      ++count_;
      return;
    }
    Finish();
    first_ = row;
    count_ = 1;
    cause_ = MessageOf(status);
  }
  void Finish() {
    if (count_ == 0) return;
    const std::string from = std::to_string(first_.value);
    const std::string to = std::to_string(first_.value + count_ - 1);
    run_.Find(kRows, count_ == 1 ? "row " + from + ": " + cause_
                                 : "rows " + from + " to " + to + ", those of them that are points: " + cause_);
    count_ = 0;
  }

 private:
  VerifyRun& run_;
  RowId first_;
  uint32_t count_ = 0;
  std::string cause_;
};

void FindUnseen(VerifyRun& run, const char* where, const char* what) {
  for (size_t i = 0; i < run.rows.rows.size(); ++i) {
    if (!run.rows.seen[i]) run.FindRow(where, run.rows.rows[i], what);
  }
}

// Marks the row; false, with a finding, if no point has it.
bool MarkSeen(VerifyRun& run, const char* where, RowId row, size_t& position) {
  position = run.rows.Find(row);
  if (position != VerifiedRows::kAbsent) {
    run.rows.seen[position] = 1;
    return true;
  }
  // Of a row whose record is damaged nobody knows.
  const auto& lost = run.rows.unreadable;
  if (!std::binary_search(lost.begin(), lost.end(), row)) run.FindRow(where, row, "belongs to no point");
  return false;
}

void CheckVectorOf(VerifyRun& run, RowId row, size_t position, const store::VectorView& vector,
                   std::vector<float>& floats) {
  const VerifiedState& state = run.state();
  double norm = 0;
  if (const Status read = StoredFloats(state.dim, state.metric, row, vector, floats.data(), &norm); !read.ok()) {
    return run.FindRow(kVectors, row, MessageOf(read));
  }
  const float kept = run.rows.norms[position];
  if (!(std::abs(kept - static_cast<float>(norm)) <= kNormSlack * static_cast<float>(norm))) {
    run.FindRow(kVectors, row, "has a norm of " + std::to_string(norm) + ", family rows says " + std::to_string(kept));
  }
  if (!state.lists || state.generation.value > 0) return;
  const lists::List* list = state.lists->list(ListId{0});
  const lists::RowPlace place = list ? lists::FindRow(*list, row) : lists::RowPlace();
  if (!place.chunk) return run.FindRow("memory", row, "is not in memory");
  ++run.report().memory_rows;
  const uint8_t* record = place.chunk->record(state.lists->layout(), place.position);
  if (std::memcmp(record, floats.data(), floats.size() * sizeof(float)) != 0) {
    run.FindRow("memory", row, "has another vector in memory");
  }
}

Status CheckIdsOneByOne(VerifyRun& run) {
  const VerifiedState& state = run.state();
  for (size_t i = 0; i < run.rows.rows.size(); ++i) {
    if (run.rows.seen[i]) continue;
    const RowId row = run.rows.rows[i];
    const auto record = state.store->GetRows({row}, state.at);
    if (!record.ok()) return record.status();
    const PointId id = (*record)[0] ? (*record)[0]->id : PointId();
    const auto found = state.store->GetIds({&id}, state.at);
    if (!found.ok() && !IsDamage(found.status())) return found.status();
    if (!found.ok()) {
      run.FindPoint(kIds, id, MessageOf(found.status()));
    } else if (!(*found)[0]) {
      run.FindPoint(kIds, id, "is missing; row " + std::to_string(row.value) + " has it");
    } else if (*(*found)[0] != row) {
      run.FindPoint(kIds, id, "stands for row " + std::to_string((*found)[0]->value) + ", but row " +
                                  std::to_string(row.value) + " has it too");
    }
  }
  return OkStatus();
}

}  // namespace

Status VerifyRows(VerifyRun& run) {
  const VerifiedState& state = run.state();
  UnreadableRows unreadable(run);
  const auto visit = [&](RowId row, const store::RowRecord& record) {
    run.rows.rows.push_back(row);
    run.rows.id_hashes.push_back(HashOfId(record.id));
    run.rows.norms.push_back(record.norm);
    if (record.version > state.commit) {
      run.FindRow(kRows, row, "has version " + std::to_string(record.version) + ", the last commit is " +
                                  std::to_string(state.commit));
    }
    return run.Advance();
  };
  TESSERA_RETURN_IF_ERROR(VisitSurviving(
      state.next_row,
      [&](RowId begin, RowId end, const auto& next) { return state.store->ScanRows(begin, end, state.at, next); },
      [&](RowId row, const auto& next) -> Status {
        TESSERA_ASSIGN_OR_RETURN(const auto got, state.store->GetRows({row}, state.at));
        return got[0] ? next(row, *got[0]) : OkStatus();
      },
      visit,
      [&](RowId row, const Status& status) {
        unreadable.Add(row, status);
        return run.Advance();
      }));
  unreadable.Finish();
  TESSERA_RETURN_IF_ERROR(state.store->ScanRows(
      RowId{state.next_row}, RowId{UINT32_MAX}, state.at, [&](RowId row, const store::RowRecord&) {
        run.FindRow(kRows, row, "was never given out");
        return run.Advance();
      }));
  run.report().rows = run.rows.rows.size();
  run.rows.seen.assign(run.rows.rows.size(), 0);
  run.rows.lists.assign(run.rows.rows.size(), VerifiedRows::kNoList);
  return OkStatus();
}

Status VerifyIds(VerifyRun& run) {
  const VerifiedState& state = run.state();
  std::fill(run.rows.seen.begin(), run.rows.seen.end(), 0);
  const Status scanned = state.store->ScanIds(state.at, [&](const PointId& id, RowId row) {
    ++run.report().ids;
    const size_t position = run.rows.Find(row);
    if (position == VerifiedRows::kAbsent) {
      run.FindPoint(kIds, id, "stands for row " + std::to_string(row.value) + ", which has no record that can be read");
    } else if (run.rows.id_hashes[position] != HashOfId(id)) {
      run.FindPoint(kIds, id, "stands for row " + std::to_string(row.value) + ", which is another point's");
    } else {
      run.rows.seen[position] = 1;
    }
    return run.Advance();
  });
  if (!scanned.ok() && !IsDamage(scanned)) return scanned;
  if (!scanned.ok()) run.Find(kIds, MessageOf(scanned));
  return CheckIdsOneByOne(run);
}

Status VerifyVectors(VerifyRun& run) {
  const VerifiedState& state = run.state();
  std::fill(run.rows.seen.begin(), run.rows.seen.end(), 0);
  std::vector<float> floats(state.dim);
  TESSERA_RETURN_IF_ERROR(VisitSurviving(
      state.next_row,
      [&](RowId begin, RowId end, const auto& next) { return state.store->ScanVectors(begin, end, state.at, next); },
      [&](RowId row, const auto& next) -> Status {
        TESSERA_ASSIGN_OR_RETURN(const auto got, state.store->GetVectors({row}, state.at));
        return got[0] ? next(row, got[0]->view()) : OkStatus();
      },
      [&](RowId row, const store::VectorView& vector) {
        ++run.report().vectors;
        size_t position = 0;
        if (MarkSeen(run, kVectors, row, position)) CheckVectorOf(run, row, position, vector, floats);
        return run.Advance();
      },
      [&](RowId row, const Status& status) {
        const size_t position = run.rows.Find(row);
        if (position == VerifiedRows::kAbsent) return OkStatus();
        run.rows.seen[position] = 1;
        run.FindRow(kVectors, row, MessageOf(status));
        return run.Advance();
      }));
  FindUnseen(run, kVectors, "has no vector");
  if (state.lists && state.generation.value == 0 && state.lists->live_rows() != run.report().rows) {
    run.Find("memory", "has " + std::to_string(state.lists->live_rows()) + " rows, family rows " +
                           std::to_string(run.report().rows));
  }
  return OkStatus();
}

Status VerifyPayloads(VerifyRun& run) {
  const VerifiedState& state = run.state();
  std::fill(run.rows.seen.begin(), run.rows.seen.end(), 0);
  return VisitSurviving(
      state.next_row,
      [&](RowId begin, RowId end, const auto& next) { return state.store->ScanPayloads(begin, end, state.at, next); },
      [&](RowId row, const auto& next) -> Status {
        TESSERA_ASSIGN_OR_RETURN(const auto got, state.store->GetPayloads({row}, state.at));
        return got[0] ? next(row, std::string_view(*got[0])) : OkStatus();
      },
      [&](RowId row, std::string_view text) {
        ++run.report().payloads;
        size_t position = 0;
        if (!MarkSeen(run, kPayload, row, position)) return run.Advance();
        const auto canonical = CanonicalPayload(text);
        if (!canonical.ok()) {
          run.FindRow(kPayload, row, MessageOf(canonical.status()));
        } else if (const Status fits = state.schema->Validate(text); !fits.ok()) {
          run.FindRow(kPayload, row, MessageOf(fits));
        }
        return run.Advance();
      },
      [&](RowId row, const Status& status) {
        if (run.rows.Find(row) == VerifiedRows::kAbsent) return OkStatus();
        run.FindRow(kPayload, row, MessageOf(status));
        return run.Advance();
      });
}

Status VerifyRequests(VerifyRun& run) {
  const VerifiedState& state = run.state();
  uint64_t expected = 0;
  const Status scanned = state.store->ScanRequests(
      0, UINT64_MAX, state.at, [&](uint64_t place, int64_t, std::string_view id) -> Status {
        if (run.report().requests++ > 0 && place != expected) {
          run.Find(kRequests, "place " + std::to_string(expected) + " is missing");
        }
        expected = place + 1;
        const auto record = state.store->GetRequests({std::string(id)}, state.at);
        if (!record.ok()) return record.status();
        // An id that was used again stands at its later place.
        if (!(*record)[0] || (*record)[0]->sequence < place) {
          run.Find(kRequests, "place " + std::to_string(place) + " is that of a request without a reply");
        }
        return run.Advance();
      });
  if (!scanned.ok() && !IsDamage(scanned)) return scanned;
  if (!scanned.ok()) run.Find(kRequests, MessageOf(scanned));
  return OkStatus();
}

}  // namespace tessera::engine
