#include "server/convert_collections.h"

#include "server/convert_codebooks.h"
#include "server/convert_filter.h"
#include <google/protobuf/util/time_util.h>

namespace tessera::server {
namespace {

StatusOr<Metric> FromProto(v1::Metric metric) {
  switch (metric) {
    case v1::METRIC_L2:
      return Metric::kL2;
    case v1::METRIC_INNER_PRODUCT:
      return Metric::kInnerProduct;
    case v1::METRIC_COSINE:
      return Metric::kCosine;
    case v1::METRIC_UNSPECIFIED:
      return InvalidArgument("collection.metric is missing");
    default:
      break;
  }
  return InvalidArgument("collection.metric is " + std::to_string(static_cast<int>(metric)) +
                         ", expected 1 to 3");
}

v1::CollectionState StateOf(const CollectionStats& stats) {
  if (stats.read_only) return v1::COLLECTION_STATE_READ_ONLY;
  if (stats.training) return v1::COLLECTION_STATE_TRAINING;
  return stats.generation == Generation() ? v1::COLLECTION_STATE_UNTRAINED
                                          : v1::COLLECTION_STATE_SERVING;
}

void ToProto(const MemoryUsage& memory, v1::MemoryUsage* out) {
  out->set_codes(memory.codes);
  out->set_corrections(memory.corrections);
  out->set_refine(memory.refine);
  out->set_row_ids(memory.row_ids);
  out->set_external_ids(memory.external_ids);
  out->set_padding(memory.padding);
  out->set_headers(memory.headers);
  out->set_centroids(memory.centroids);
  out->set_model(memory.model);
  out->set_payload_index(memory.payload_index);
  out->set_filters(memory.filters);
  out->set_expiry(memory.expiry);
  out->set_total(memory.total());
}

void ToProto(const MemoryBudget& budget, v1::MemoryBudget* out) {
  out->set_limit(budget.limit);
  out->set_used(budget.used);
  out->set_reserved(budget.reserved);
  out->set_refused(budget.refused);
  out->set_last_refusal(budget.last_refusal);
}

void ToProto(const LiveRecall& live, v1::LiveRecall* out) {
  out->set_queries(live.queries);
  out->set_recall(live.recall.value);
  out->set_low(live.recall.low);
  out->set_high(live.recall.high);
  out->set_probe_loss(live.probe_loss);
  out->set_code_loss(live.code_loss);
  out->set_dropped(live.dropped);
  *out->mutable_since() = google::protobuf::util::TimeUtil::MillisecondsToTimestamp(
      static_cast<int64_t>(live.since_unix_ms));
}

}  // namespace

v1::Metric ToProto(Metric metric) {
  switch (metric) {
    case Metric::kL2:
      return v1::METRIC_L2;
    case Metric::kInnerProduct:
      return v1::METRIC_INNER_PRODUCT;
    case Metric::kCosine:
      return v1::METRIC_COSINE;
  }
  return v1::METRIC_UNSPECIFIED;
}

StatusOr<CollectionSpec> FromProto(const v1::Collection& collection) {
  CollectionSpec spec;
  if (collection.name().empty()) return InvalidArgument("collection.name is missing");
  if (collection.dim() == 0 || collection.dim() > kMaxDim) {
    return InvalidArgument("collection.dim is " + std::to_string(collection.dim()) +
                           ", expected 1 to " + std::to_string(kMaxDim));
  }
  spec.dim = collection.dim();
  TESSERA_ASSIGN_OR_RETURN(spec.metric, FromProto(collection.metric()));
  spec.goal = {collection.bytes_per_vector(), collection.memory_budget(),
               collection.expected_rows(), collection.target_recall()};
  if (spec.goal.given() && !collection.quantizer().empty()) {
    return InvalidArgument(
        "collection.quantizer and a goal (bytes_per_vector, memory_budget, target_recall) exclude "
        "each other");
  }
  TESSERA_RETURN_IF_ERROR(Annotate(spec.goal.Validate(spec.dim), "collection."));
  const std::string text =
      collection.quantizer().empty() ? kDefaultQuantizer : collection.quantizer();
  StatusOr<QuantizerSpec> quantizer = QuantizerSpec::Parse(text);
  if (!quantizer.ok()) return Annotate(quantizer.status(), "collection.quantizer: ");
  spec.quantizer = *quantizer;
  if (collection.has_auto_train()) spec.auto_train = collection.auto_train();
  if (collection.has_sync_writes()) spec.sync_writes = collection.sync_writes();
  StatusOr<DriftAction> drift_action = FromProto(collection.drift_action());
  if (!drift_action.ok()) return Annotate(drift_action.status(), "collection.");
  spec.drift_action = *drift_action;
  spec.query_sample = collection.query_sample();
  spec.memory_limit_bytes = collection.memory_limit_bytes();
  spec.refine_on_disk = collection.refine_on_disk();
  spec.recall_sampling = collection.recall_sampling();
  TESSERA_ASSIGN_OR_RETURN(spec.payload, FromProto(collection.payload_fields()));
  return spec;
}

void ToProto(const std::string& name, const CollectionSpec& spec, const CollectionStats& stats,
             v1::Collection* out) {
  out->set_name(name);
  out->set_dim(spec.dim);
  out->set_metric(ToProto(spec.metric));
  out->set_quantizer(spec.quantizer.ToString());
  out->set_bytes_per_vector(spec.goal.bytes_per_vector);
  out->set_memory_budget(spec.goal.memory_budget);
  out->set_expected_rows(spec.goal.expected_rows);
  out->set_target_recall(spec.goal.target_recall);
  out->set_plan(stats.plan);
  out->set_auto_train(spec.auto_train);
  out->set_sync_writes(spec.sync_writes);
  out->set_drift_action(spec.retrains_on_drift() ? v1::DRIFT_ACTION_RETRAIN : v1::DRIFT_ACTION_NONE);
  out->set_query_sample(spec.query_sample);
  out->set_recall_sampling(spec.recall_sampling);
  out->set_memory_limit_bytes(spec.memory_limit_bytes);
  out->set_refine_on_disk(spec.refine_on_disk);
  ToProto(spec.payload, out->mutable_payload_fields());
  out->set_state(StateOf(stats));
  out->set_generation(stats.generation.value);
  out->set_rows(stats.rows);
  out->set_trained_quantizer(stats.quantizer);
}

CollectionUpdate FromProto(const v1::UpdateCollectionRequest& request) {
  CollectionUpdate update;
  if (request.has_memory_limit_bytes()) update.memory_limit_bytes = request.memory_limit_bytes();
  if (request.has_refine_on_disk()) update.refine_on_disk = request.refine_on_disk();
  return update;
}

void ToProto(const CollectionStats& stats, const CatalogMemory& memory, const ProcessMemory& process,
             const std::string& isa, v1::CollectionStats* out) {
  out->set_rows(stats.rows);
  out->set_dead_rows(stats.dead_rows);
  out->set_commit(stats.commit);
  out->set_generation(stats.generation.value);
  out->set_quantizer(stats.quantizer);
  out->set_trained_rows(stats.trained_rows);
  out->set_training_error(stats.training_error);
  out->set_nlist(stats.nlist);
  out->set_largest_list(stats.largest_list);
  out->set_list_imbalance(stats.list_imbalance);
  ToProto(stats.drift, out->mutable_drift());
  ToProto(stats.memory, out->mutable_memory());
  if (stats.rows > 0) {
    out->set_bytes_per_vector(static_cast<double>(stats.memory.total()) /
                              static_cast<double>(stats.rows));
  }
  out->set_refine_on_disk(stats.refine_on_disk);
  ToProto(stats.budget, out->mutable_memory_budget());
  v1::ServerMemory* server = out->mutable_server_memory();
  ToProto(memory.budget, server->mutable_budget());
  server->set_collections(memory.collections);
  server->set_queues(memory.queues);
  server->set_store(memory.store);
  out->set_disk_bytes(stats.disk_bytes);
  out->set_store_memory_bytes(stats.store_memory_bytes);
  out->set_read_only(stats.read_only);
  out->set_read_only_cause(stats.read_only_cause);
  out->set_training(stats.training);
  out->set_training_fraction(stats.training_fraction);
  out->set_training_stage(stats.training_stage);
  out->set_process_resident_bytes(process.resident);
  out->set_process_anonymous_bytes(process.anonymous);
  out->set_process_peak_resident_bytes(process.peak_resident);
  out->set_isa(isa);
  out->set_tuned_queries(stats.tuned_queries);
  out->set_accepted_rows_failed(stats.accepted_rows_failed);
  v1::ListUpkeep* upkeep = out->mutable_list_upkeep();
  upkeep->set_running(stats.rebalancing);
  upkeep->set_splits(stats.list_splits);
  upkeep->set_merges(stats.list_merges);
  upkeep->set_moved_rows(stats.list_moves);
  out->set_reclaiming(stats.reclaiming);
  out->set_tuning(stats.tuning);
  if (stats.live_recall.since_unix_ms > 0) ToProto(stats.live_recall, out->mutable_live_recall());
}

}  // namespace tessera::server
