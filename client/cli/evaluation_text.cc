#include "client/cli/evaluation_text.h"

#include <cstdio>

namespace tessera::cli {
namespace {

std::string Bytes(double bytes) { return FormatFixed(bytes, bytes == static_cast<uint64_t>(bytes) ? 0 : 1); }

std::string Rate(double per_second) {
  if (per_second >= 1e6) return FormatFixed(per_second / 1e6, 1) + " M";
  if (per_second >= 1e3) return FormatFixed(per_second / 1e3, 1) + " k";
  return FormatFixed(per_second, 0);
}

std::string PlusMinus(const client::MeasuredShare& share) {
  return FormatFixed(share.value, 3) + " +-" + FormatFixed(share.margin, 3);
}

void AddRecallRows(const client::EvaluatedQuantizer& row, Table& table) {
  const bool refines = row.refine_bytes > 0;
  bool first = true;
  for (const client::EvaluatedSearch& s : row.searches) {
    const auto once = [&](const std::string& text) { return first ? text : std::string(); };
    table.AddRow({once(row.quantizer), once(Bytes(row.code_bytes)),
                  once(refines ? "+" + Bytes(row.refine_bytes) : ""), once(PlusMinus(row.codes)),
                  once(refines ? PlusMinus(row.refine) : ""), std::to_string(s.nprobe),
                  FormatFixed(s.codes.value, 3), refines ? FormatFixed(s.refine.value, 3) : "",
                  PlusMinus(s.raw), FormatFixed(s.probe_loss, 3), FormatFixed(s.code_loss, 3)});
    first = false;
  }
}

std::vector<std::string> CostRow(const client::EvaluatedQuantizer& row) {
  return {row.quantizer,
          FormatFixed(row.resident_bytes, 1),
          FormatFixed(100 * row.relative_error, 1) + " %",
          Rate(row.encode_rows_per_second),
          Rate(row.scan_rows_per_second),
          row.searches.empty() ? "" : FormatFixed(row.searches.front().query_cpu_us, 0),
          FormatDuration(row.train_seconds)};
}

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

void WriteShare(const client::MeasuredShare& share, JsonWriter& json) {
  json.BeginObject().Key("value").Number(share.value).Key("margin").Number(share.margin);
  json.EndObject();
}

void WriteSearch(const client::EvaluatedSearch& s, JsonWriter& json) {
  json.BeginObject().Key("nprobe").Integer(s.nprobe);
  json.Key("codes");
  WriteShare(s.codes, json);
  json.Key("refine");
  WriteShare(s.refine, json);
  json.Key("raw");
  WriteShare(s.raw, json);
  json.Key("probe_loss").Number(s.probe_loss);
  json.Key("code_loss").Number(s.code_loss);
  json.Key("rerank_depth").Integer(s.rerank_depth);
  json.Key("query_cpu_us").Number(s.query_cpu_us);
  json.EndObject();
}

void WriteQuantizer(const client::EvaluatedQuantizer& row, JsonWriter& json) {
  json.BeginObject().Key("asked").String(row.asked);
  if (!row.error.ok()) {
    json.Key("error").String(MessageOf(row.error));
    json.EndObject();
    return;
  }
  json.Key("quantizer").String(row.quantizer);
  json.Key("nlist").Integer(row.nlist);
  json.Key("code_bytes").Number(row.code_bytes);
  json.Key("refine_bytes").Number(row.refine_bytes);
  json.Key("resident_bytes").Number(row.resident_bytes);
  json.Key("codes");
  WriteShare(row.codes, json);
  json.Key("refine");
  WriteShare(row.refine, json);
  json.Key("searches").BeginArray();
  for (const client::EvaluatedSearch& s : row.searches) WriteSearch(s, json);
  json.EndArray();
  json.Key("squared_error").Number(row.squared_error);
  json.Key("relative_error").Number(row.relative_error);
  json.Key("train_seconds").Number(row.train_seconds);
  json.Key("encode_rows_per_second").Number(row.encode_rows_per_second);
  json.Key("scan_rows_per_second").Number(row.scan_rows_per_second);
  json.EndObject();
}

constexpr const char* kLegend =
    "bytes: a vector's code with its correction, + its refine code. All lists: every list probed,\n"
    "so what is missing is lost by the codes; +- is the 95 % interval over the queries. At nprobe:\n"
    "codes alone, refine codes, raw vectors; codes + probe loss + code loss = 1.\n";
constexpr const char* kCostLegend =
    "all in: resident bytes a vector at this number of rows, ids, lists, centroids and model included.\n"
    "error: mean squared distance to the decoded vector, of that to the mean. Rates and query: CPU time\n"
    "of one thread, the first nprobe. train: wall clock.\n";

}  // namespace

std::string DescribeEvaluation(const client::EvaluateResult& result) {
  const std::string k = std::to_string(result.k);
  std::string out = "recall@" + k + " of " + FormatCount(result.queries) + " queries on " +
                    FormatCount(result.rows) + " rows, which none of them is\n\n";
  Table recall({"quantizer", "bytes", "refine", "all lists: codes", "refined", "nprobe", "codes",
                "refined", "raw", "probe loss", "code loss"});
  Table cost({"quantizer", "all in", "error", "encode rows/s", "scan rows/s", "query us", "train"});
  std::string failed;
  bool any = false;
  for (const client::EvaluatedQuantizer& row : result.quantizers) {
    if (!row.error.ok()) {
      failed += row.asked + ": " + MessageOf(row.error) + '\n';
      continue;
    }
    any = true;
    AddRecallRows(row, recall);
    cost.AddRow(CostRow(row));
  }
  if (any) out += recall.ToString() + '\n' + kLegend + '\n' + cost.ToString() + '\n' + kCostLegend;
  if (!failed.empty()) out += "\nnot measured\n" + failed;
  return out;
}

std::string EvaluationCsv(const client::EvaluateResult& result) {
  std::string out =
      "quantizer,error,rows,queries,k,code_bytes,refine_bytes,resident_bytes,codes_all_lists,"
      "codes_all_lists_margin,refine_all_lists,refine_all_lists_margin,nprobe,codes,codes_margin,"
      "refine,refine_margin,raw,raw_margin,probe_loss,code_loss,rerank_depth,query_cpu_us,"
      "squared_error,relative_error,train_seconds,encode_rows_per_second,scan_rows_per_second\n";
  const auto number = [](double x) {
    char text[40];
    std::snprintf(text, sizeof text, ",%.9g", x);
    return std::string(text);
  };
  const std::string counts = ',' + std::to_string(result.rows) + ',' +
                             std::to_string(result.queries) + ',' + std::to_string(result.k);
  for (const client::EvaluatedQuantizer& row : result.quantizers) {
    if (!row.error.ok()) {
      out += Quoted(row.asked) + ',' + Quoted(MessageOf(row.error)) + counts +
             std::string(23, ',') + '\n';
      continue;
    }
    for (const client::EvaluatedSearch& s : row.searches) {
      out += Quoted(row.quantizer) + ',' + counts;
      for (const double x :
           {row.code_bytes, row.refine_bytes, row.resident_bytes, row.codes.value, row.codes.margin,
            row.refine.value, row.refine.margin, double(s.nprobe), s.codes.value, s.codes.margin,
            s.refine.value, s.refine.margin, s.raw.value, s.raw.margin, s.probe_loss, s.code_loss,
            double(s.rerank_depth), s.query_cpu_us, row.squared_error, row.relative_error,
            row.train_seconds, row.encode_rows_per_second, row.scan_rows_per_second}) {
        out += number(x);
      }
      out += '\n';
    }
  }
  return out;
}

void WriteEvaluation(const client::EvaluateResult& result, JsonWriter& json) {
  json.BeginObject();
  json.Key("k").Integer(result.k);
  json.Key("rows").Integer(result.rows);
  json.Key("queries").Integer(result.queries);
  json.Key("seed").Integer(result.seed);
  json.Key("quantizers").BeginArray();
  for (const client::EvaluatedQuantizer& row : result.quantizers) WriteQuantizer(row, json);
  json.EndArray();
  json.EndObject();
}

}  // namespace tessera::cli
