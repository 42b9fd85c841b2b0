#include "index/engine/metadata.h"

#include <cmath>
#include <cstdio>

#include "index/base/bytes.h"
#include "index/base/format_version.h"

namespace tessera::engine {
namespace {

constexpr uint32_t kFormat = 1;

StatusOr<ByteReader> Open(const std::string& bytes, const char* what) {
  ByteReader in(bytes);
  const uint32_t format = in.Get<uint32_t>();
  if (!in.ok()) return DataLoss(std::string("record \"") + what + "\" is too short");
  TESSERA_RETURN_IF_ERROR(CheckFormatVersion(std::string("record \"") + what + '"', format, kFormat));
  return in;
}

Status Damaged(const char* what) {
  return DataLoss(std::string("record \"") + what + "\" has a wrong length or value");
}

}  // namespace

std::string ModelRecord(Generation generation) {
  char name[32];
  std::snprintf(name, sizeof(name), "model/%08x", generation.value);
  return name;
}

std::string CurveRecord(Generation generation) {
  char name[32];
  std::snprintf(name, sizeof(name), "curve/%08x", generation.value);
  return name;
}

std::string EncodeSpec(const CollectionSpec& spec) {
  std::string bytes;
  ByteWriter out(bytes);
  out.Put(kFormat);
  out.Put(spec.dim);
  out.Put(static_cast<uint8_t>(spec.metric));
  out.Put(static_cast<uint8_t>(spec.auto_train));
  out.Put(static_cast<uint8_t>(spec.sync_writes));
  out.Put(static_cast<uint8_t>(spec.drift_action));
  out.Put(spec.query_sample);
  out.Put(spec.recall_sampling);
  out.PutString(spec.quantizer.ToString());
  out.Put(spec.goal.bytes_per_vector);
  out.Put(spec.goal.memory_budget);
  out.Put(spec.goal.expected_rows);
  out.Put(spec.goal.target_recall);
  out.Put(spec.memory_limit_bytes);
  out.Put(static_cast<uint8_t>(spec.refine_on_disk));
  out.PutString(spec.payload.Encode());
  return bytes;
}

StatusOr<CollectionSpec> DecodeSpec(const std::string& bytes) {
  TESSERA_ASSIGN_OR_RETURN(ByteReader in, Open(bytes, kSpecRecord));
  CollectionSpec spec;
  spec.dim = in.Get<uint32_t>();
  const auto metric = in.Get<uint8_t>();
  spec.auto_train = in.Get<uint8_t>() != 0;
  spec.sync_writes = in.Get<uint8_t>() != 0;
  const auto drift_action = in.Get<uint8_t>();
  spec.query_sample = in.Get<uint32_t>();
  spec.recall_sampling = in.Get<double>();
  const std::string quantizer(in.GetString());
  spec.goal.bytes_per_vector = in.Get<double>();
  spec.goal.memory_budget = in.Get<uint64_t>();
  spec.goal.expected_rows = in.Get<uint64_t>();
  spec.goal.target_recall = in.Get<double>();
  spec.memory_limit_bytes = in.Get<uint64_t>();
  spec.refine_on_disk = in.Get<uint8_t>() != 0;
  const std::string payload(in.GetString());
  if (!in.Finished() || metric > static_cast<uint8_t>(Metric::kCosine)) return Damaged(kSpecRecord);
  spec.metric = static_cast<Metric>(metric);
  if (drift_action > static_cast<uint8_t>(DriftAction::kDefault)) return Damaged(kSpecRecord);
  spec.drift_action = static_cast<DriftAction>(drift_action);
  StatusOr<QuantizerSpec> parsed = QuantizerSpec::Parse(quantizer);
  if (!parsed.ok()) return Damaged(kSpecRecord);
  spec.quantizer = *parsed;
  StatusOr<PayloadSchema> schema = PayloadSchema::Decode(payload);
  if (IsNewerFormat(schema.status())) return Annotate(schema.status(), std::string("record \"") + kSpecRecord + "\": ");
  if (!schema.ok()) return Damaged(kSpecRecord);
  spec.payload = *std::move(schema);
  if (!spec.Validate().ok()) return Damaged(kSpecRecord);
  return spec;
}

std::string EncodeProgress(const Progress& progress) {
  std::string bytes;
  ByteWriter out(bytes);
  out.Put(kFormat);
  out.Put(progress.commit);
  out.Put(progress.next_row);
  out.Put(progress.written.rows);
  out.Put(progress.written.errors.rows);
  out.Put(progress.written.errors.sum);
  out.Put(progress.written.errors.squares);
  return bytes;
}

StatusOr<Progress> DecodeProgress(const std::string& bytes) {
  TESSERA_ASSIGN_OR_RETURN(ByteReader in, Open(bytes, kProgressRecord));
  Progress progress;
  progress.commit = in.Get<uint64_t>();
  progress.next_row = in.Get<uint32_t>();
  progress.written.rows = in.Get<uint64_t>();
  progress.written.errors.rows = in.Get<uint64_t>();
  progress.written.errors.sum = in.Get<double>();
  progress.written.errors.squares = in.Get<double>();
  const ErrorSums& errors = progress.written.errors;
  const bool possible = errors.sum >= 0 && errors.squares >= 0 && std::isfinite(errors.sum + errors.squares);
  if (!in.Finished() || !possible) return Damaged(kProgressRecord);
  return progress;
}

std::string EncodeActive(const Active& active) {
  std::string bytes;
  ByteWriter out(bytes);
  out.Put(kFormat);
  out.Put(active.generation.value);
  out.Put(active.nlist);
  out.Put(active.rows);
  return bytes;
}

StatusOr<Active> DecodeActive(const std::string& bytes) {
  TESSERA_ASSIGN_OR_RETURN(ByteReader in, Open(bytes, kActiveRecord));
  Active active;
  active.generation = Generation{in.Get<uint32_t>()};
  active.nlist = in.Get<uint32_t>();
  active.rows = in.Get<uint64_t>();
  if (!in.Finished() || active.nlist == 0) return Damaged(kActiveRecord);
  return active;
}

}  // namespace tessera::engine
