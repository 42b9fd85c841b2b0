#include "index/engine/unfinished.h"

#include <memory>
#include <utility>

#include "index/base/bytes.h"
#include "index/base/format_version.h"
#include "index/engine/rebuild.h"

namespace tessera::engine {
namespace {

constexpr uint32_t kFormat = 1;
// Work that ends the process each time must not do so for ever.
constexpr uint32_t kMostAttempts = 3;

Status Damaged() { return DataLoss("record \"unfinished\" has a wrong length or value"); }

}  // namespace

Unfinished::Unfinished(const TrainOptions& options)
    : quantizer(options.quantizer ? options.quantizer->ToString() : ""),
      sample_rows(options.sample_rows),
      seed(options.context.seed) {}

TrainOptions Unfinished::Options() const {
  TrainOptions options;
  if (!quantizer.empty()) options.quantizer = QuantizerSpec::Parse(quantizer).value();
  options.sample_rows = sample_rows;
  options.context.seed = seed;
  return options;
}

std::string EncodeUnfinished(const Unfinished& work) {
  std::string bytes;
  ByteWriter out(bytes);
  out.Put(kFormat);
  out.Put(work.version);
  out.Put(work.attempts);
  out.PutString(work.quantizer);
  out.Put(work.sample_rows);
  out.Put(work.seed);
  return bytes;
}

StatusOr<Unfinished> DecodeUnfinished(const std::string& bytes) {
  ByteReader in(bytes);
  const auto format = in.Get<uint32_t>();
  if (!in.ok()) return Damaged();
  TESSERA_RETURN_IF_ERROR(CheckFormatVersion("record \"unfinished\"", format, kFormat));
  Unfinished work;
  work.version = in.Get<uint32_t>();
  work.attempts = in.Get<uint32_t>();
  work.quantizer = in.GetString();
  work.sample_rows = in.Get<uint64_t>();
  work.seed = in.Get<uint64_t>();
  if (!in.Finished()) return Damaged();
  if (!work.quantizer.empty() && !QuantizerSpec::Parse(work.quantizer).ok()) return Damaged();
  return work;
}

StatusOr<UnfinishedNote> UnfinishedNote::Make(Core& core, const Unfinished& work) {
  const std::unique_ptr<store::Batch> batch = core.store->NewBatch();
  batch->PutRecord(kUnfinishedRecord, EncodeUnfinished(work));
  TESSERA_RETURN_IF_ERROR(core.store->Write(*batch, store::Durability::kSync));
  return UnfinishedNote(core);
}

UnfinishedNote::~UnfinishedNote() {
  // What cannot be removed is begun once more, some time.
  if (core_ && !core_->closing) (void)ForgetWork(*core_->store);
}

bool HasUnfinished(const store::Store& store) {
  const auto bytes = store.GetRecord(kUnfinishedRecord);
  return bytes.ok() && *bytes && DecodeUnfinished(**bytes).ok();
}

Status FinishWork(Core& core, Committer& committer) {
  TESSERA_ASSIGN_OR_RETURN(const auto bytes, core.store->GetRecord(kUnfinishedRecord));
  if (!bytes) return OkStatus();
  TESSERA_ASSIGN_OR_RETURN(Unfinished work, DecodeUnfinished(*bytes));
  if (++work.attempts > kMostAttempts) return ForgetWork(*core.store);
  TESSERA_ASSIGN_OR_RETURN(const UnfinishedNote note, UnfinishedNote::Make(core, work));
  if (work.version > 0) return RebuildWith(core, committer, work.version, work.Options().context);
  return RebuildCollection(core, committer, work.Options());
}

Status ForgetWork(store::Store& store) {
  const std::unique_ptr<store::Batch> batch = store.NewBatch();
  batch->DeleteRecord(kUnfinishedRecord);
  return store.Write(*batch, store::Durability::kSync);
}

}  // namespace tessera::engine
