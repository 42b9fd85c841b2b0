#include "client/cli/collection_text.h"

#include "client/cli/codebook_text.h"
#include "client/cli/filter_options.h"
#include "client/cli/goal_options.h"

namespace tessera::cli {

std::vector<std::pair<std::string, uint64_t>> MemoryComponents(const client::MemoryUsage& memory) {
  return {{"codes", memory.codes},
          {"corrections", memory.corrections},
          {"refine", memory.refine},
          {"row_ids", memory.row_ids},
          {"external_ids", memory.external_ids},
          {"padding", memory.padding},
          {"headers", memory.headers},
          {"centroids", memory.centroids},
          {"model", memory.model},
          {"payload_index", memory.payload_index},
          {"filters", memory.filters},
          {"expiry", memory.expiry}};
}

std::string DescribeMemory(const client::CollectionStats& stats, uint32_t dim) {
  if (stats.rows == 0) return "";
  Table table({"resident memory", "bytes/vector", "bytes"});
  const auto add = [&](const std::string& name, uint64_t bytes) {
    table.AddRow({name,
                  FormatFixed(static_cast<double>(bytes) / static_cast<double>(stats.rows), 2),
                  FormatCount(bytes)});
  };
  for (const auto& [name, bytes] : MemoryComponents(stats.memory)) {
    if (bytes > 0) add("  " + name, bytes);
  }
  add("total", stats.memory.total);
  add("(raw float vectors)", stats.rows * dim * sizeof(float));
  return table.ToString();
}

std::string DescribeBudget(const client::MemoryBudget& budget) {
  std::string out = FormatBytes(budget.used) + " used";
  if (budget.limit == 0) {
    out += ", no limit";
  } else {
    out += " of " + FormatBytes(budget.limit) + (budget.used > budget.limit ? ": writes are refused" : "");
  }
  if (budget.reserved > 0) out += ", " + FormatBytes(budget.reserved) + " reserved for what is under way";
  if (budget.refused > 0) out += ", " + FormatCount(budget.refused) + " refused, the last: " + budget.last_refusal;
  return out;
}

std::string DescribeLive(const client::LiveRecall& live) {
  if (live.queries == 0) return "no query run again yet";
  return FormatFixed(live.recall.value, 4) + " (" + FormatFixed(live.recall.low, 4) + " to " +
         FormatFixed(live.recall.high, 4) + ") over " + FormatCount(live.queries) +
         " queries; lost in lists not probed " + FormatFixed(live.probe_loss, 4) + ", by codes " +
         FormatFixed(live.code_loss, 4);
}

// Nothing where nothing was done.
std::string DescribeUpkeep(const client::ListUpkeep& upkeep) {
  std::string out;
  if (upkeep.splits + upkeep.merges + upkeep.moved_rows > 0) {
    out = "; " + FormatCount(upkeep.splits) + " split, " + FormatCount(upkeep.merges) + " merged, " +
          FormatCount(upkeep.moved_rows) + " rows moved since the server started";
  }
  return out + (upkeep.running ? "; being changed" : "");
}

namespace {

// Empty where they are in memory to stay, or there are none.
std::string DescribeRefine(const client::CollectionConfig& config, const client::CollectionStats& stats) {
  const std::string then = " from the next training or start of the server on";
  if (stats.refine_on_disk) return config.refine_on_disk ? "on disk" : "on disk, in memory" + then;
  if (config.refine_on_disk && stats.memory.refine > 0) return "in memory, on disk" + then;
  return {};
}

}  // namespace

std::string DescribeCollection(const client::CollectionInfo& info,
                               const client::CollectionStats& stats) {
  std::string out;
  const auto line = [&](const std::string& name, const std::string& value) {
    out += name + std::string(name.size() < 16 ? 16 - name.size() : 1, ' ') + value + '\n';
  };
  line("name", info.config.name);
  line("state", CollectionStateName(info.state));
  if (stats.read_only) line("read-only", stats.read_only_cause);
  if (stats.training) {
    line("training", FormatFixed(stats.training_fraction * 100, 0) + " %, " + stats.training_stage);
  }
  line("rows", FormatCount(stats.rows) +
                   (stats.dead_rows > 0 ? " (+ " + FormatCount(stats.dead_rows) + " erased)" : ""));
  line("dimensions", std::to_string(info.config.dim));
  line("metric", MetricName(info.config.metric));
  if (HasGoal(info.config)) line("goal", DescribeGoal(info.config));
  line("quantizer", info.config.quantizer);
  for (const PayloadField& field : info.config.payload_fields) line("field", DescribeField(field));
  if (stats.generation > 0) {
    line("model", stats.quantizer + ", generation " + std::to_string(stats.generation) +
                      ", from " + FormatCount(stats.trained_rows) + " rows, mean squared error " +
                      FormatFixed(stats.training_error, 6));
    line("lists", FormatCount(stats.nlist) + ", the largest " + FormatCount(stats.largest_list) +
                      " rows, imbalance " + FormatFixed(stats.list_imbalance, 2) +
                      DescribeUpkeep(stats.list_upkeep));
  }
  if (stats.generation > 0) {
    line("drift", DescribeDrift(stats.drift));
    line("recall curve", stats.tuned_queries > 0
                             ? "measured on " + FormatCount(stats.tuned_queries) + " queries"
                             : stats.tuning ? "being measured" : "not measured");
  }
  if (stats.live_recall) line("live recall", DescribeLive(*stats.live_recall));
  line("training at", std::string(info.config.auto_train ? "by itself" : "only when told to") +
                          (info.config.retrain_on_drift.value_or(false) ? ", and when rows drift" : ""));
  line("writes", info.config.sync_writes ? "on disk before they are acknowledged"
                                         : "acknowledged before they are on disk");
  line("disk", FormatBytes(stats.disk_bytes) + (stats.reclaiming ? ", being reclaimed" : ""));
  line("memory", DescribeBudget(stats.memory_budget));
  if (const std::string where = DescribeRefine(info.config, stats); !where.empty()) line("refine records", where);
  line("store memory", FormatBytes(stats.store_memory_bytes));
  line("server memory", FormatBytes(stats.process_resident_bytes) + ", of it anonymous " +
                            FormatBytes(stats.process_anonymous_bytes) + ", peak " +
                            FormatBytes(stats.process_peak_resident_bytes));
  const client::ServerMemory& server = stats.server_memory;
  if (server.budget.limit > 0) {
    line("memory limit", DescribeBudget(server.budget) + "; collections " + FormatBytes(server.collections) +
                             ", queues " + FormatBytes(server.queues) + ", store " + FormatBytes(server.store));
  }
  line("kernels", stats.isa);
  if (!info.plan.empty()) out += "\nplan: " + info.plan;
  const std::string memory = DescribeMemory(stats, info.config.dim);
  return memory.empty() ? out : out + '\n' + memory;
}

void WriteCollection(const client::CollectionInfo& info, JsonWriter& json) {
  json.BeginObject();
  json.Key("name").String(info.config.name);
  json.Key("dim").Integer(info.config.dim);
  json.Key("metric").String(MetricName(info.config.metric));
  json.Key("quantizer").String(info.config.quantizer);
  json.Key("bytes_per_vector").Number(info.config.bytes_per_vector);
  json.Key("memory_budget").Integer(info.config.memory_budget);
  json.Key("expected_rows").Integer(info.config.expected_rows);
  json.Key("target_recall").Number(info.config.target_recall);
  json.Key("memory_limit").Integer(info.config.memory_limit);
  json.Key("refine_on_disk").Bool(info.config.refine_on_disk);
  json.Key("auto_train").Bool(info.config.auto_train);
  json.Key("sync_writes").Bool(info.config.sync_writes);
  json.Key("retrain_on_drift").Bool(info.config.retrain_on_drift.value_or(false));
  json.Key("payload_fields").BeginArray();
  for (const PayloadField& field : info.config.payload_fields) {
    json.BeginObject().Key("path").String(field.path);
    json.Key("type").String(FieldTypeName(field.type));
    json.Key("partition").Bool(field.partition).Key("indexed").Bool(field.indexed).EndObject();
  }
  json.EndArray();
  json.Key("state").String(CollectionStateName(info.state));
  if (!info.error.empty()) json.Key("error").String(info.error);
  json.Key("generation").Integer(info.generation);
  json.Key("rows").Integer(info.rows);
  json.Key("trained_quantizer").String(info.trained_quantizer);
  json.Key("plan").String(info.plan);
  json.EndObject();
}

namespace {

void WriteBudget(const client::MemoryBudget& budget, JsonWriter& json) {
  json.BeginObject();
  json.Key("limit").Integer(budget.limit);
  json.Key("used").Integer(budget.used);
  json.Key("reserved").Integer(budget.reserved);
  json.Key("refused").Integer(budget.refused);
  json.Key("last_refusal").String(budget.last_refusal);
  json.EndObject();
}

}  // namespace

void WriteStats(const client::CollectionStats& stats, JsonWriter& json) {
  json.BeginObject();
  json.Key("rows").Integer(stats.rows);
  json.Key("dead_rows").Integer(stats.dead_rows);
  json.Key("commit").Integer(stats.commit);
  json.Key("generation").Integer(stats.generation);
  json.Key("quantizer").String(stats.quantizer);
  json.Key("trained_rows").Integer(stats.trained_rows);
  json.Key("training_error").Number(stats.training_error);
  json.Key("nlist").Integer(stats.nlist);
  json.Key("largest_list").Integer(stats.largest_list);
  json.Key("list_imbalance").Number(stats.list_imbalance);
  json.Key("drift");
  WriteDrift(stats.drift, json);
  json.Key("bytes_per_vector").Number(stats.bytes_per_vector);
  json.Key("refine_on_disk").Bool(stats.refine_on_disk);
  json.Key("memory").BeginObject();
  for (const auto& [name, bytes] : MemoryComponents(stats.memory)) json.Key(name).Integer(bytes);
  json.Key("total").Integer(stats.memory.total);
  json.EndObject();
  json.Key("memory_budget");
  WriteBudget(stats.memory_budget, json);
  json.Key("server_memory").BeginObject().Key("budget");
  WriteBudget(stats.server_memory.budget, json);
  json.Key("collections").Integer(stats.server_memory.collections);
  json.Key("queues").Integer(stats.server_memory.queues);
  json.Key("store").Integer(stats.server_memory.store).EndObject();
  json.Key("disk_bytes").Integer(stats.disk_bytes);
  json.Key("store_memory_bytes").Integer(stats.store_memory_bytes);
  json.Key("read_only").Bool(stats.read_only);
  json.Key("training").Bool(stats.training);
  json.Key("training_fraction").Number(stats.training_fraction);
  json.Key("training_stage").String(stats.training_stage);
  json.Key("process_resident_bytes").Integer(stats.process_resident_bytes);
  json.Key("process_anonymous_bytes").Integer(stats.process_anonymous_bytes);
  json.Key("process_peak_resident_bytes").Integer(stats.process_peak_resident_bytes);
  json.Key("isa").String(stats.isa);
  json.Key("tuned_queries").Integer(stats.tuned_queries);
  json.Key("list_upkeep").BeginObject();
  json.Key("running").Bool(stats.list_upkeep.running);
  json.Key("splits").Integer(stats.list_upkeep.splits);
  json.Key("merges").Integer(stats.list_upkeep.merges);
  json.Key("moved_rows").Integer(stats.list_upkeep.moved_rows);
  json.EndObject();
  json.Key("reclaiming").Bool(stats.reclaiming);
  json.Key("accepted_rows_failed").Integer(stats.accepted_rows_failed);
  if (stats.live_recall) {
    const client::LiveRecall& live = *stats.live_recall;
    json.Key("live_recall").BeginObject();
    json.Key("queries").Integer(live.queries);
    json.Key("recall").Number(live.recall.value);
    json.Key("low").Number(live.recall.low);
    json.Key("high").Number(live.recall.high);
    json.Key("probe_loss").Number(live.probe_loss);
    json.Key("code_loss").Number(live.code_loss);
    json.Key("dropped").Integer(live.dropped);
    json.Key("since").Integer(static_cast<uint64_t>(live.since_seconds));
    json.EndObject();
  }
  json.EndObject();
}

}  // namespace tessera::cli
