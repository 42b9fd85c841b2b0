#include "index/engine/memory_advice.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "index/engine/candidates.h"
#include "index/engine/memory_projection.h"
#include "index/engine/statistics.h"

namespace tessera::engine {
namespace {

constexpr int kTries = 40;  // each a twentieth smaller than the last: an eighth of the first guess at least

uint64_t Less(uint64_t a, uint64_t b) { return a - std::min(a, b); }

std::string Bytes(uint64_t bytes) { return std::to_string(bytes) + " bytes"; }

FittingSpec Projected(const RowsToFit& rows, const QuantizerSpec& spec) {
  return {spec, ProjectTrained(spec, rows.metric, rows.dim, rows.rows, rows.external_id_bytes, false)};
}

// The candidates are in order of preference.
std::optional<FittingSpec> Largest(const RowsToFit& rows, double bytes_per_vector) {
  const std::vector<Candidate> candidates = Candidates(rows.dim, bytes_per_vector);
  if (candidates.empty()) return std::nullopt;
  return Projected(rows, candidates.front().spec);
}

RowsToFit RowsOf(const Core& core, const Snapshot& snapshot, uint64_t rows) {
  RowsToFit fit{rows, core.dim, core.metric, 0};
  if (snapshot.lists.rows() > 0) {
    fit.external_id_bytes = static_cast<double>(snapshot.lists.Bytes().external_ids) /
                            static_cast<double>(snapshot.lists.rows());
  }
  return fit;
}

Status Reserve(const Core& core, const Snapshot& snapshot, uint64_t index, uint64_t encoding, uint64_t beside,
               MemoryReservation& memory) {
  const auto shortage = memory.Resize(std::max(beside, index + encoding));
  if (!shortage) return OkStatus();
  const uint64_t rows = snapshot.lists.live_rows();
  const std::string what = "encoding all " + std::to_string(rows) + " rows anew beside what is in force";
  return OutOfMemory(core, snapshot, what, *shortage, rows,
                     Less(shortage->limit, shortage->used + Less(shortage->reserved, beside) + encoding));
}

std::optional<QuantizerSpec> RefinedInMemory(const CollectionSpec& spec) {
  if (spec.refine_on_disk || spec.goal.given() || spec.quantizer.refine.kind == RecordKind::kNone) return std::nullopt;
  return spec.quantizer;
}

// Empty if that would not do.
std::string RefineAdvice(const RowsToFit& rows, uint64_t room) {
  if (!rows.refined) return {};
  const uint64_t bytes =
      ProjectTrained(*rows.refined, rows.metric, rows.dim, rows.rows, rows.external_id_bytes, true);
  if (bytes > room) return {};
  return "with refine records left on disk (refine_on_disk) they take about " + Bytes(bytes) + "; ";
}

std::string Advice(const RowsToFit& rows, uint64_t room, uint64_t limit) {
  std::string text = RefineAdvice(rows, room);
  if (const auto fits = LargestFitting(rows, room)) {
    const FittingSpec smallest = SmallestFitting(rows);
    const std::string count = std::to_string(rows.rows) + " rows";
    text += "quantizer \"" + fits->spec.ToString() + "\" holds " + count + " in about " + Bytes(fits->bytes);
    if (!(smallest.spec == fits->spec)) {
      text += ", the smallest, \"" + smallest.spec.ToString() + "\", in about " + Bytes(smallest.bytes);
    }
    return text + "; as it is, a limit of at least " + Bytes(limit) + " is needed";
  }
  return text + "no quantizer is small enough: delete points, or raise the limit to at least " + Bytes(limit);
}

}  // namespace

FittingSpec SmallestFitting(const RowsToFit& rows) { return *Largest(rows, kSmallestCandidate); }

std::optional<FittingSpec> LargestFitting(const RowsToFit& rows, uint64_t bytes) {
  const FittingSpec smallest = SmallestFitting(rows);
  if (rows.rows == 0 || smallest.bytes > bytes) return std::nullopt;
  const double spare = static_cast<double>(bytes - smallest.bytes) / static_cast<double>(rows.rows);
  double guess = std::min(kSmallestCandidate + spare, LargestCandidate(rows.dim));
  for (int i = 0; i < kTries && guess > kSmallestCandidate; ++i, guess -= guess / 20) {
    const auto found = Largest(rows, guess);
    if (found && found->bytes <= bytes) return found;
  }
  return smallest;
}

Status OutOfMemory(const std::string& collection, const std::string& what, const MemoryShortage& shortage,
                   const RowsToFit& rows, uint64_t room) {
  std::string text = "collection \"" + collection + "\": " + what + " needs " + Bytes(shortage.wanted) + ", but of the ";
  text += shortage.of_pool ? "memory limit of the server, " : "collection's memory limit, ";
  text += Bytes(shortage.limit) + ", " + std::to_string(shortage.used) + " are used";
  if (shortage.reserved > 0) text += " and " + std::to_string(shortage.reserved) + " reserved for what is under way";
  return ResourceExhausted(text + "; " + Advice(rows, room, shortage.needed()));
}

Status OutOfMemory(const Core& core, const Snapshot& snapshot, const std::string& what, const MemoryShortage& shortage,
                   uint64_t rows, uint64_t room) {
  const MemoryUsage usage = ReadMemoryUsage(core, snapshot);
  RowsToFit fit = RowsOf(core, snapshot, rows);
  {
    std::lock_guard lock(core.spec_mutex);
    fit.refined = RefinedInMemory(core.spec);
  }
  const Status status = OutOfMemory(core.name, what, shortage, fit,
                                    Less(room, usage.payload_index + usage.expiry));
  core.memory->CountRefusal(status);
  return status;
}

StatusOr<uint64_t> ReserveSample(const Core& core, const Snapshot& snapshot, const std::string& what, uint64_t least,
                                 uint64_t wanted, MemoryReservation& memory) {
  const uint64_t row_bytes = kSampleCopies * core.dim * sizeof(float);
  const uint64_t rows = std::min(wanted, std::max(least, core.memory->Room() / row_bytes));
  const auto shortage = memory.Resize(rows * row_bytes);
  if (!shortage) return rows;
  return OutOfMemory(core, snapshot, what + ", a sample of " + std::to_string(rows) + " rows,", *shortage,
                     snapshot.lists.live_rows(), Less(shortage->room, shortage->wanted));
}

Status ReserveGeneration(const Core& core, const Snapshot& snapshot, const QuantizerSpec& spec, uint64_t beside,
                         MemoryReservation& memory) {
  const uint64_t rows = snapshot.lists.live_rows();
  const double id_bytes = RowsOf(core, snapshot, rows).external_id_bytes;
  const QuantizerSpec resolved = ResolveForRows(spec, core.dim, rows);
  const uint64_t encoding =
      ProjectEncoding(core.dim, rows, snapshot.next_row, ProjectLayout(resolved, core.metric, core.dim));
  const uint64_t index = ProjectTrained(spec, core.metric, core.dim, rows, id_bytes, core.RefineOnDisk());
  return Reserve(core, snapshot, index, encoding, beside, memory);
}

Status ReserveGeneration(const Core& core, const Snapshot& snapshot, const quant::Model& model,
                         const quant::ListTable& lists, MemoryReservation& memory) {
  const uint64_t rows = snapshot.lists.live_rows();
  const lists::RowLayout layout = LayoutOf(&model, core.dim, core.RefineOnDisk());
  const uint64_t index = ProjectResident(rows, core.dim, lists.nlist(), layout, model.bytes(),
                                         RowsOf(core, snapshot, rows).external_id_bytes);
  return Reserve(core, snapshot, index, ProjectEncoding(core.dim, rows, snapshot.next_row, layout), 0, memory);
}

uint64_t RoomForTraining(const Core& core, const Snapshot& snapshot) {
  if (snapshot.trained()) return 0;
  const uint64_t rows = snapshot.lists.live_rows();
  const double id_bytes = RowsOf(core, snapshot, rows).external_id_bytes;
  std::lock_guard lock(core.spec_mutex);
  return core.spec.auto_train ? ProjectFirstTraining(core.spec, rows, id_bytes) : 0;
}

Status RefuseWrite(const Core& core, const Snapshot& after, uint64_t points, const MemoryShortage& shortage) {
  std::string what = "a write of " + std::to_string(points) + " points";
  if (!after.trained()) what += " to be kept as raw vectors, with room to train it,";
  return OutOfMemory(core, after, what, shortage, after.lists.live_rows(), shortage.room);
}

Status CheckRoomForWrite(const Core& core, const Snapshot& snapshot, uint64_t points) {
  const lists::RowLayout& layout = snapshot.lists.layout();
  const uint64_t least = points * (uint64_t{layout.block_code_bytes()} + layout.page_row_bytes());
  const uint64_t room = core.memory->RoomForIndex();
  if (room > 0 && least <= room) return OkStatus();
  // What is told is from above: with a limit that has room for so much they fit.
  const auto nlist = static_cast<uint32_t>(std::min<uint64_t>(points, snapshot.lists.nlist()));
  const auto shortage = core.memory->Shortage(lists::ProjectBytes(points, nlist, layout).total());
  if (!shortage) return OkStatus();
  const std::string what = "a write of " + std::to_string(points) + " points";
  return OutOfMemory(core, snapshot, what, *shortage, snapshot.lists.live_rows() + points, shortage->room);
}

Status CheckExpectedRows(const std::string& name, const CollectionSpec& spec, const std::shared_ptr<MemoryPool>& pool) {
  if (spec.goal.expected_rows == 0) return OkStatus();
  // Numbers from 0 on take no bytes, others up to 8: not known yet.
  const uint64_t needed = ProjectGoal(spec, spec.goal.expected_rows, 0);
  MemoryAccount account(pool, spec.memory_limit_bytes);
  MemoryReservation reservation(account);
  const auto shortage = reservation.Resize(needed);
  if (!shortage) return OkStatus();
  const RowsToFit rows{spec.goal.expected_rows, spec.dim, spec.metric, 0, RefinedInMemory(spec)};
  const Status status = OutOfMemory(name, "holding the expected_rows of " + std::to_string(rows.rows), *shortage, rows,
                                    shortage->room);
  account.CountRefusal(status);
  return status;
}

}  // namespace tessera::engine
