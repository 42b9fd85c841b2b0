#include "client/cli/result_text.h"

#include <cstdio>

namespace tessera::cli {
namespace {

std::string ScoreText(float score) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", static_cast<double>(score));
  return text;
}

std::string DescribeExplain(const client::Explain& explain) {
  std::string out = "plan: " + explain.plan + "; lists probed " + FormatCount(explain.lists_probed) + ", rows scanned " +
                    FormatCount(explain.rows_scanned) + ", reranked " +
                    FormatCount(explain.rows_reranked) + ", kernels " + explain.isa + "\n";
  if (explain.filter_us > 0 || explain.rows_passing > 0) {
    out += "filter: " + FormatCount(explain.rows_passing) + " rows pass, found in " +
           FormatFixed(explain.filter_us, 1) + " microseconds\n";
  }
  out += "microseconds: queue " + FormatFixed(explain.queue_us, 1) + ", coarse " +
         FormatFixed(explain.coarse_us, 1) + ", tables " + FormatFixed(explain.tables_us, 1) +
         ", scan " + FormatFixed(explain.scan_us, 1) + ", rerank " +
         FormatFixed(explain.rerank_us, 1) + ", fetch " + FormatFixed(explain.fetch_us, 1) + "\n";
  return out;
}

// What was done for the recall that was asked for.
std::string DescribeTarget(const client::QueryResult& result) {
  const client::SearchParams& used = result.effective;
  std::string out = "recall " + FormatFixed(used.target_recall, 3) + " asked: ";
  if (used.exact) return out + "searched exactly\n";
  out += "nprobe " + FormatCount(used.nprobe) + ", rerank " + RerankTierName(used.rerank);
  if (used.rerank_depth > 0) out += ":" + std::to_string(used.rerank_depth);
  if (!result.recall_estimate) return out + ", recall not measured yet (tessera tune)\n";
  const client::RecallEstimate& e = *result.recall_estimate;
  return out + ", estimate " + FormatFixed(e.value, 3) + " (" + FormatFixed(e.low, 3) + " to " +
         FormatFixed(e.high, 3) + ")\n";
}

void WriteExplain(const client::Explain& explain, JsonWriter& json) {
  json.BeginObject();
  json.Key("lists_probed").Integer(explain.lists_probed);
  json.Key("rows_scanned").Integer(explain.rows_scanned);
  json.Key("rows_reranked").Integer(explain.rows_reranked);
  json.Key("rows_passing").Integer(explain.rows_passing);
  json.Key("plan").String(explain.plan);
  json.Key("queue_us").Number(explain.queue_us);
  json.Key("coarse_us").Number(explain.coarse_us);
  json.Key("tables_us").Number(explain.tables_us);
  json.Key("scan_us").Number(explain.scan_us);
  json.Key("rerank_us").Number(explain.rerank_us);
  json.Key("filter_us").Number(explain.filter_us);
  json.Key("fetch_us").Number(explain.fetch_us);
  json.Key("isa").String(explain.isa);
  json.EndObject();
}

}  // namespace

std::string DescribeResult(const client::QueryResult& result) {
  bool vectors = false;
  bool payloads = false;
  for (const client::Hit& hit : result.hits) {
    vectors |= !hit.vector.bytes.empty();
    payloads |= !hit.payload.empty();
  }
  std::vector<std::string> head{"rank", "id", "score", "exact"};
  if (payloads) head.emplace_back("payload");
  if (vectors) head.emplace_back("vector");
  Table table(std::move(head));
  for (size_t i = 0; i < result.hits.size(); ++i) {
    const client::Hit& hit = result.hits[i];
    std::vector<std::string> row = {std::to_string(i + 1), hit.id.ToString(),
                                    ScoreText(hit.score), hit.exact ? "yes" : "no"};
    if (payloads) row.push_back(hit.payload);
    if (vectors) {
      JsonWriter json;
      WriteFloats(ToFloats(hit.vector), json);
      row.push_back(json.text());
    }
    table.AddRow(std::move(row));
  }
  std::string out = table.ToString();
  if (result.exhausted) out += "(these are all there are)\n";
  if (result.effective.target_recall > 0) out += DescribeTarget(result);
  if (result.explain) out += DescribeExplain(*result.explain);
  return out;
}

void WritePointId(const PointId& id, JsonWriter& json) {
  if (id.is_number()) {
    json.Integer(id.number());
  } else {
    json.String(id.key());
  }
}

void WriteFloats(const std::vector<float>& values, JsonWriter& json) {
  json.BeginArray();
  for (const float value : values) json.Number(value);
  json.EndArray();
}

void WriteVector(const client::StoredVector& vector, JsonWriter& json) {
  json.Key("vector");
  WriteFloats(ToFloats(vector), json);
  if (vector.type != ElementType::kF32) json.Key("dtype").String(ElementTypeName(vector.type));
  if (vector.quantization == ScalarParams()) return;
  json.Key("scale").Number(vector.quantization.scale);
  json.Key("zero_point").Number(static_cast<double>(vector.quantization.zero_point));
  json.Key("integers");
  WriteFloats(client::ToFloats({vector.type, vector.bytes, {}}), json);
}

void WriteParams(const client::SearchParams& params, JsonWriter& json) {
  json.BeginObject();
  json.Key("exact").Bool(params.exact);
  json.Key("nprobe").Integer(params.nprobe);
  json.Key("rerank").String(RerankTierName(params.rerank));
  json.Key("rerank_depth").Integer(params.rerank_depth);
  if (params.target_recall > 0) json.Key("target_recall").Number(params.target_recall);
  json.EndObject();
}

void WriteEstimate(const client::RecallEstimate& estimate, JsonWriter& json) {
  json.BeginObject();
  json.Key("value").Number(estimate.value);
  json.Key("low").Number(estimate.low);
  json.Key("high").Number(estimate.high);
  json.EndObject();
}

std::string ValueText(const PayloadValue& value) {
  return value.kind == PayloadValue::Kind::kKeyword ? value.text : value.ToString();
}

void WriteValue(const PayloadValue& value, JsonWriter& json) {
  if (value.kind == PayloadValue::Kind::kKeyword) {
    json.String(value.text);
  } else {
    json.Raw(value.ToString());
  }
}

void WriteHit(const client::Hit& hit, JsonWriter& json) {
  json.BeginObject().Key("id");
  WritePointId(hit.id, json);
  json.Key("score").Number(hit.score);
  json.Key("exact").Bool(hit.exact);
  if (!hit.vector.bytes.empty()) WriteVector(hit.vector, json);
  if (!hit.payload.empty()) json.Key("payload").Raw(hit.payload);
  if (hit.version > 0) json.Key("version").Integer(hit.version);
  json.EndObject();
}

std::string DescribeGroups(const client::GroupResult& result, const std::string& field) {
  bool payloads = false;
  for (const client::HitGroup& group : result.groups) {
    for (const client::Hit& hit : group.hits) payloads |= !hit.payload.empty();
  }
  std::vector<std::string> head{field, "id", "score", "exact"};
  if (payloads) head.emplace_back("payload");
  Table table(std::move(head));
  for (const client::HitGroup& group : result.groups) {
    for (const client::Hit& hit : group.hits) {
      const bool first = &hit == &group.hits.front();
      std::vector<std::string> row = {first ? ValueText(group.value) : "", hit.id.ToString(), ScoreText(hit.score),
                                      hit.exact ? "yes" : "no"};
      if (payloads) row.push_back(hit.payload);
      table.AddRow(std::move(row));
    }
  }
  return table.ToString() + (result.exhausted ? "(these are all there are)\n" : "");
}

void WriteGroups(const client::GroupResult& result, JsonWriter& json) {
  json.BeginObject().Key("groups").BeginArray();
  for (const client::HitGroup& group : result.groups) {
    json.BeginObject().Key("value");
    WriteValue(group.value, json);
    json.Key("hits").BeginArray();
    for (const client::Hit& hit : group.hits) WriteHit(hit, json);
    json.EndArray().EndObject();
  }
  json.EndArray();
  json.Key("exhausted").Bool(result.exhausted);
  json.Key("commit").Integer(result.commit);
  json.Key("generation").Integer(result.generation);
  json.EndObject();
}

void WriteResult(const client::QueryResult& result, JsonWriter& json) {
  json.BeginObject().Key("hits").BeginArray();
  for (const client::Hit& hit : result.hits) WriteHit(hit, json);
  json.EndArray();
  json.Key("exhausted").Bool(result.exhausted);
  json.Key("commit").Integer(result.commit);
  json.Key("generation").Integer(result.generation);
  json.Key("effective");
  WriteParams(result.effective, json);
  if (result.recall_estimate) {
    json.Key("recall_estimate");
    WriteEstimate(*result.recall_estimate, json);
  }
  if (result.explain) {
    json.Key("explain");
    WriteExplain(*result.explain, json);
  }
  json.EndObject();
}

}  // namespace tessera::cli
