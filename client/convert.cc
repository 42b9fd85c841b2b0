#include "client/convert.h"
#include "client/convert_filter.h"

#include <algorithm>
#include <cstring>

#include "index/elements.h"

namespace tessera::client {
namespace {

bool IsUtf8(const std::string& text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3
                        : lead < 0xF5 ? 4 : 0;
    if (length == 0 || i + length > text.size()) return false;
    uint32_t point = length == 1 ? lead : lead & (0x7Fu >> length);
    for (size_t j = 1; j < length; ++j) {
      const auto next = static_cast<uint8_t>(text[i + j]);
      if ((next & 0xC0) != 0x80) return false;
      point = point << 6 | (next & 0x3F);
    }
    const bool overlong = (length == 3 && point < 0x800) || (length == 4 && point < 0x10000);
    if (overlong || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) return false;
    i += length;
  }
  return true;
}

v1::Metric ToProto(Metric metric) {
  switch (metric) {
    case Metric::kL2: return v1::METRIC_L2;
    case Metric::kInnerProduct: return v1::METRIC_INNER_PRODUCT;
    case Metric::kCosine: return v1::METRIC_COSINE;
  }
  return v1::METRIC_UNSPECIFIED;
}

Metric FromProto(v1::Metric metric) {
  switch (metric) {
    case v1::METRIC_INNER_PRODUCT: return Metric::kInnerProduct;
    case v1::METRIC_COSINE: return Metric::kCosine;
    default: return Metric::kL2;
  }
}

CollectionState FromProto(v1::CollectionState state) {
  switch (state) {
    case v1::COLLECTION_STATE_UNTRAINED: return CollectionState::kUntrained;
    case v1::COLLECTION_STATE_SERVING: return CollectionState::kServing;
    case v1::COLLECTION_STATE_TRAINING: return CollectionState::kTraining;
    case v1::COLLECTION_STATE_READ_ONLY: return CollectionState::kReadOnly;
    case v1::COLLECTION_STATE_UNOPENED: return CollectionState::kUnopened;
    default: return CollectionState::kUnknown;
  }
}

RerankTier FromProto(v1::RerankTier tier) {
  switch (tier) {
    case v1::RERANK_TIER_NONE: return RerankTier::kNone;
    case v1::RERANK_TIER_REFINE: return RerankTier::kRefine;
    case v1::RERANK_TIER_RAW: return RerankTier::kRaw;
    default: return RerankTier::kAuto;
  }
}

MemoryUsage FromProto(const v1::MemoryUsage& in) {
  return {.codes = in.codes(),
          .corrections = in.corrections(),
          .refine = in.refine(),
          .row_ids = in.row_ids(),
          .external_ids = in.external_ids(),
          .padding = in.padding(),
          .headers = in.headers(),
          .centroids = in.centroids(),
          .model = in.model(),
          .payload_index = in.payload_index(),
          .filters = in.filters(),
          .expiry = in.expiry(),
          .total = in.total()};
}

MemoryBudget FromProto(const v1::MemoryBudget& in) {
  return {.limit = in.limit(),
          .used = in.used(),
          .reserved = in.reserved(),
          .refused = in.refused(),
          .last_refusal = in.last_refusal()};
}

Explain FromProto(const v1::Explain& in) {
  return {.lists_probed = in.lists_probed(),
          .rows_scanned = in.rows_scanned(),
          .rows_reranked = in.rows_reranked(),
          .rows_passing = in.rows_passing(),
          .plan = in.plan(),
          .queue_us = in.queue_us(),
          .coarse_us = in.coarse_us(),
          .tables_us = in.tables_us(),
          .scan_us = in.scan_us(),
          .rerank_us = in.rerank_us(),
          .filter_us = in.filter_us(),
          .fetch_us = in.fetch_us(),
          .isa = in.isa()};
}

SearchParams FromProto(const v1::SearchParams& in) {
  return {.exact = in.exact(),
          .nprobe = in.nprobe(),
          .rerank = FromProto(in.rerank()),
          .rerank_depth = in.rerank_depth(),
          .target_recall = in.target_recall()};
}

RecallEstimate FromProto(const v1::RecallEstimate& in) {
  return {in.value(), in.low(), in.high()};
}

LiveRecall FromProto(const v1::LiveRecall& in) {
  return {.queries = in.queries(),
          .recall = {in.recall(), in.low(), in.high()},
          .probe_loss = in.probe_loss(),
          .code_loss = in.code_loss(),
          .dropped = in.dropped(),
          .since_seconds = in.since().seconds()};
}

TuneResult FromProto(const v1::TuneResult& in) {
  TuneResult result{in.generation(), in.rows(), in.queries(), in.source(), {}};
  for (const v1::RecallPoint& point : in.points()) {
    result.points.push_back({point.k(), FromProto(point.params()), FromProto(point.recall()), point.cpu_us()});
  }
  return result;
}

}  // namespace

Status CheckText(const std::string& text, const std::string& what) {
  return IsUtf8(text) ? OkStatus() : InvalidArgument(what + " is not UTF-8");
}

Status CheckPayload(const std::string& payload) {
  return IsUtf8(payload) ? OkStatus() : InvalidArgument("payload is not UTF-8, which JSON is");
}

Status CheckId(const PointId& id) {
  if (id.is_number()) return OkStatus();
  if (id.key().empty() || id.key().size() > kMaxPointKeyBytes) {
    return InvalidArgument("id is a string of " + std::to_string(id.key().size()) +
                           " bytes, expected 1 to " + std::to_string(kMaxPointKeyBytes));
  }
  if (!IsUtf8(id.key())) return InvalidArgument("id is a string that is not UTF-8");
  return OkStatus();
}

Status CheckRows(const VectorRows& rows) {
  if (rows.rows == 0) return InvalidArgument("no vectors given");
  if (rows.dim == 0 || rows.dim > kMaxDim) {
    return InvalidArgument("dim is " + std::to_string(rows.dim) + ", expected 1 to " +
                           std::to_string(kMaxDim));
  }
  const size_t row_bytes = rows.dim * ElementSize(rows.type);
  if (rows.bytes.size() / row_bytes != rows.rows || rows.bytes.size() % row_bytes != 0) {
    return InvalidArgument("vectors have " + std::to_string(rows.bytes.size()) +
                           " bytes, expected " + std::to_string(rows.rows) + " rows of " +
                           std::to_string(row_bytes));
  }
  return Annotate(CheckQuantization(rows.type, rows.quantization), "vectors: ");
}

void ToProto(const CollectionConfig& config, v1::Collection* out) {
  out->set_name(config.name);
  out->set_dim(config.dim);
  out->set_metric(ToProto(config.metric));
  out->set_quantizer(config.quantizer);
  out->set_bytes_per_vector(config.bytes_per_vector);
  out->set_memory_budget(config.memory_budget);
  out->set_expected_rows(config.expected_rows);
  out->set_target_recall(config.target_recall);
  out->set_auto_train(config.auto_train);
  out->set_sync_writes(config.sync_writes);
  if (config.retrain_on_drift) {
    out->set_drift_action(*config.retrain_on_drift ? v1::DRIFT_ACTION_RETRAIN : v1::DRIFT_ACTION_NONE);
  }
  out->set_query_sample(config.query_sample);
  out->set_recall_sampling(config.recall_sampling);
  out->set_memory_limit_bytes(config.memory_limit);
  out->set_refine_on_disk(config.refine_on_disk);
  for (const PayloadField& field : config.payload_fields) {
    ToProto(field, out->add_payload_fields());
  }
}

void ToProto(const PointId& id, v1::PointId* out) {
  if (id.is_number()) {
    out->set_num(id.number());
  } else {
    out->set_key(id.key());
  }
}

void ToProto(const VectorRows& rows, v1::Vector* out) {
  const auto* data = reinterpret_cast<const char*>(rows.bytes.data());
  if (rows.quantization != ScalarParams()) {
    v1::QuantizedVector* quantized = out->mutable_quantized();
    quantized->set_data(data, rows.bytes.size());
    quantized->set_scale(rows.quantization.scale);
    quantized->set_zero_point(rows.quantization.zero_point);
    quantized->set_is_signed(rows.type == ElementType::kI8);
    return;
  }
  switch (rows.type) {
    case ElementType::kF32: out->set_f32_le(data, rows.bytes.size()); break;
    case ElementType::kF16: out->set_f16_le(data, rows.bytes.size()); break;
    case ElementType::kBf16: out->set_bf16_le(data, rows.bytes.size()); break;
    case ElementType::kI8: out->set_i8(data, rows.bytes.size()); break;
    case ElementType::kU8: out->set_u8(data, rows.bytes.size()); break;
  }
}

void ToProto(const SearchParams& params, v1::SearchParams* out) {
  out->set_exact(params.exact);
  out->set_nprobe(params.nprobe);
  out->set_rerank(static_cast<v1::RerankTier>(params.rerank));
  out->set_rerank_depth(params.rerank_depth);
  out->set_target_recall(params.target_recall);
}

Status ToProto(const IdRows& ids, const VectorRows& rows, std::span<const std::string> payloads,
               std::span<const std::optional<uint64_t>> if_versions,
               std::span<const int64_t> expire_at_ms, v1::UpsertRequest* out) {
  TESSERA_RETURN_IF_ERROR(CheckRows(rows));
  if (ids.size() != rows.rows) {
    return InvalidArgument(std::to_string(ids.size()) + " ids for " + std::to_string(rows.rows) +
                           " vectors");
  }
  for (size_t i = 0; i < payloads.size(); ++i) {
    TESSERA_RETURN_IF_ERROR(Annotate(CheckPayload(payloads[i]), "row " + std::to_string(i) + ": "));
  }
  out->clear_points();
  out->clear_columns();
  const bool columns_do = if_versions.empty();
  if (columns_do) {
    out->mutable_columns()->mutable_payloads()->Add(payloads.begin(), payloads.end());
    out->mutable_columns()->mutable_expire_at_ms()->Add(expire_at_ms.begin(), expire_at_ms.end());
  }
  if (columns_do && ids.ids.empty()) {
    ToProto(rows, out->mutable_columns()->mutable_vectors());
    out->mutable_columns()->mutable_nums()->Add(ids.numbers.begin(), ids.numbers.end());
    return OkStatus();
  }
  for (size_t i = 0; i < ids.ids.size(); ++i) {
    TESSERA_RETURN_IF_ERROR(Annotate(CheckId(ids.ids[i]), "row " + std::to_string(i) + ": "));
  }
  const bool numbers = ids.ids.empty() || ids.ids.front().is_number();
  const bool mixed = !std::ranges::all_of(
      ids.ids, [&](const PointId& id) { return id.is_number() == numbers; });
  if (mixed || !columns_do) {  // columns carry one kind of id, and no conditions
    out->clear_columns();
    for (size_t i = 0; i < rows.rows; ++i) {
      v1::Point* point = out->add_points();
      ToProto(ids.ids.empty() ? PointId(ids.numbers[i]) : ids.ids[i], point->mutable_id());
      ToProto(rows.Slice(i, 1), point->mutable_vector());
      if (!payloads.empty()) point->set_payload(payloads[i]);
      if (!columns_do && if_versions[i]) point->set_if_version(*if_versions[i]);
      if (!expire_at_ms.empty()) point->set_expire_at_ms(expire_at_ms[expire_at_ms.size() == 1 ? 0 : i]);
    }
    return OkStatus();
  }
  v1::PointColumns* columns = out->mutable_columns();
  ToProto(rows, columns->mutable_vectors());
  for (const PointId& id : ids.ids) {
    if (numbers) {
      columns->add_nums(id.number());
    } else {
      columns->add_keys(id.key());
    }
  }
  return OkStatus();
}

CollectionInfo FromProto(const v1::Collection& in) {
  CollectionInfo info;
  info.config = {.name = in.name(),
                 .dim = in.dim(),
                 .metric = FromProto(in.metric()),
                 .quantizer = in.quantizer(),
                 .bytes_per_vector = in.bytes_per_vector(),
                 .memory_budget = in.memory_budget(),
                 .expected_rows = in.expected_rows(),
                 .target_recall = in.target_recall(),
                 .auto_train = !in.has_auto_train() || in.auto_train(),
                 .sync_writes = !in.has_sync_writes() || in.sync_writes(),
                 .retrain_on_drift = in.drift_action() == v1::DRIFT_ACTION_RETRAIN,
                 .query_sample = in.query_sample(),
                 .recall_sampling = in.recall_sampling(),
                 .memory_limit = in.memory_limit_bytes(),
                 .refine_on_disk = in.refine_on_disk(),
                 .payload_fields = {}};
  for (const v1::PayloadField& field : in.payload_fields()) {
    info.config.payload_fields.push_back(FromProto(field));
  }
  info.state = FromProto(in.state());
  info.error = in.error();
  info.generation = in.generation();
  info.rows = in.rows();
  info.trained_quantizer = in.trained_quantizer();
  info.plan = in.plan();
  return info;
}

CollectionStats FromProto(const v1::CollectionStats& in) {
  return {.rows = in.rows(),
          .dead_rows = in.dead_rows(),
          .commit = in.commit(),
          .generation = in.generation(),
          .quantizer = in.quantizer(),
          .trained_rows = in.trained_rows(),
          .training_error = in.training_error(),
          .nlist = in.nlist(),
          .largest_list = in.largest_list(),
          .list_imbalance = in.list_imbalance(),
          .drift = FromProto(in.drift()),
          .memory = FromProto(in.memory()),
          .bytes_per_vector = in.bytes_per_vector(),
          .disk_bytes = in.disk_bytes(),
          .store_memory_bytes = in.store_memory_bytes(),
          .read_only = in.read_only(),
          .read_only_cause = in.read_only_cause(),
          .training = in.training(),
          .training_fraction = in.training_fraction(),
          .training_stage = in.training_stage(),
          .process_resident_bytes = in.process_resident_bytes(),
          .process_anonymous_bytes = in.process_anonymous_bytes(),
          .process_peak_resident_bytes = in.process_peak_resident_bytes(),
          .isa = in.isa(),
          .live_recall = in.has_live_recall() ? std::optional(FromProto(in.live_recall())) : std::nullopt,
          .tuned_queries = in.tuned_queries(),
          .tuning = in.tuning(),
          .accepted_rows_failed = in.accepted_rows_failed(),
          .list_upkeep = {.running = in.list_upkeep().running(),
                          .splits = in.list_upkeep().splits(),
                          .merges = in.list_upkeep().merges(),
                          .moved_rows = in.list_upkeep().moved_rows()},
          .reclaiming = in.reclaiming(),
          .memory_budget = FromProto(in.memory_budget()),
          .server_memory = {.budget = FromProto(in.server_memory().budget()),
                            .collections = in.server_memory().collections(),
                            .queues = in.server_memory().queues(),
                            .store = in.server_memory().store()},
          .refine_on_disk = in.refine_on_disk()};
}

PointId FromProto(const v1::PointId& in) {
  return in.id_case() == v1::PointId::kKey ? PointId(in.key()) : PointId(in.num());
}

StoredVector FromProto(v1::Vector* in) {
  switch (in->data_case()) {
    case v1::Vector::kF32Le: return {ElementType::kF32, std::move(*in->mutable_f32_le())};
    case v1::Vector::kF16Le: return {ElementType::kF16, std::move(*in->mutable_f16_le())};
    case v1::Vector::kBf16Le: return {ElementType::kBf16, std::move(*in->mutable_bf16_le())};
    case v1::Vector::kI8: return {ElementType::kI8, std::move(*in->mutable_i8())};
    case v1::Vector::kU8: return {ElementType::kU8, std::move(*in->mutable_u8())};
    case v1::Vector::kQuantized: {
      v1::QuantizedVector* quantized = in->mutable_quantized();
      return {quantized->is_signed() ? ElementType::kI8 : ElementType::kU8,
              std::move(*quantized->mutable_data()),
              {quantized->scale(), quantized->zero_point()}};
    }
    case v1::Vector::kF32: {
      const auto& values = in->f32().values();
      std::string bytes(static_cast<size_t>(values.size()) * sizeof(float), '\0');
      if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
      return {ElementType::kF32, std::move(bytes)};
    }
    case v1::Vector::DATA_NOT_SET: break;
  }
  return {};
}

Hit FromProto(v1::Hit* in) {
  StoredVector vector = in->has_vector() ? FromProto(in->mutable_vector()) : StoredVector();
  return {FromProto(in->id()), in->score(), in->exact(), std::move(vector), in->version(),
          std::move(*in->mutable_payload())};
}

QueryResult FromProto(v1::QueryResponse* in) {
  QueryResult result;
  result.hits.reserve(static_cast<size_t>(in->hits_size()));
  for (v1::Hit& hit : *in->mutable_hits()) result.hits.push_back(FromProto(&hit));
  result.exhausted = in->exhausted();
  result.commit = in->commit();
  result.generation = in->generation();
  result.effective = FromProto(in->effective());
  if (in->has_recall_estimate()) result.recall_estimate = FromProto(in->recall_estimate());
  if (in->has_explain()) result.explain = FromProto(in->explain());
  return result;
}

StoredPoint FromProto(v1::StoredPoint* in) {
  StoredVector vector = in->has_vector() ? FromProto(in->mutable_vector()) : StoredVector();
  return {FromProto(in->id()), std::move(vector), in->version(), std::move(*in->mutable_payload()),
          in->expire_at_ms()};
}

GetResult FromProto(v1::GetPointsResponse* in) {
  GetResult result;
  for (v1::StoredPoint& point : *in->mutable_points()) result.points.push_back(FromProto(&point));
  for (const v1::PointId& id : in->missing()) result.missing.push_back(FromProto(id));
  return result;
}

namespace {

template <typename Response>
std::vector<RowError> RejectedOf(const Response& in, uint64_t first_row) {
  std::vector<RowError> rejected;
  for (const v1::RowError& error : in.rejected()) {
    rejected.push_back({first_row + error.index(),
                        Status(static_cast<absl::StatusCode>(error.code()), error.message())});
  }
  return rejected;
}

}  // namespace

UpsertResult FromProto(const v1::UpsertResponse& in, uint64_t first_row) {
  return {in.commit(), in.upserted(), RejectedOf(in, first_row)};
}

PatchResult FromProto(const v1::PatchPointsResponse& in, uint64_t first_row) {
  return {in.commit(), in.patched(), RejectedOf(in, first_row)};
}

DeleteResult FromProto(const v1::DeletePointsResponse& in, uint64_t first_row) {
  return {in.commit(), in.deleted(), RejectedOf(in, first_row)};
}

BackupInfo FromProto(const v1::Backup& in) {
  BackupInfo info;
  info.collection = in.collection();
  info.id = in.id();
  info.damaged = in.damaged();
  info.format = in.format();
  info.commit = in.commit();
  info.rows = in.rows();
  info.created_seconds = in.create_time().seconds();
  info.dim = in.dim();
  info.metric = FromProto(in.metric());
  info.quantizer = in.quantizer();
  info.bytes = in.bytes();
  info.new_bytes = in.new_bytes();
  return info;
}

RestoreResult FromProto(const v1::RestoreResult& in) { return {in.collection(), in.commit(), in.rows()}; }

Operation FromProto(const v1::Operation& in) {
  Operation operation;
  operation.name = in.name();
  operation.collection = in.collection();
  operation.kind = in.kind();
  operation.done = in.done();
  operation.progress = in.progress();
  operation.stage = in.stage();
  if (in.error_code() != 0) {
    operation.error = Status(static_cast<absl::StatusCode>(in.error_code()), in.error_message());
  }
  if (in.has_train_result()) {
    const v1::TrainResult& result = in.train_result();
    operation.result = TrainResult{result.generation(), result.quantizer(), result.trained_rows(),
                                   result.training_error()};
  }
  if (in.has_codebook_result()) operation.codebook = FromProto(in.codebook_result().codebook());
  if (in.has_evaluate_result()) operation.evaluation = FromProto(in.evaluate_result());
  if (in.has_verify_result()) operation.verified = FromProto(in.verify_result());
  if (in.has_tune_result()) operation.tuned = FromProto(in.tune_result());
  if (in.has_backup_result()) operation.backup = FromProto(in.backup_result().backup());
  if (in.has_restore_result()) operation.restored = FromProto(in.restore_result());
  return operation;
}

}  // namespace tessera::client
