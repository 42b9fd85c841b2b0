#include "client/cli/codebook_text.h"

#include <cstdio>
#include <ctime>

namespace tessera::cli {
namespace {

std::string FormatError(double error) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", error);
  return text;
}

// An error on some rows; "-" on none.
std::string ErrorOn(double error, uint64_t rows) { return rows > 0 ? FormatError(error) : "-"; }

std::string FormatTime(int64_t seconds) {
  const auto time = static_cast<time_t>(seconds);
  tm utc{};
  char text[32];
  if (gmtime_r(&time, &utc) == nullptr ||
      std::strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &utc) == 0) {
    return std::to_string(seconds);
  }
  return text;
}

std::string Checksum(uint32_t checksum) {
  char text[16];
  std::snprintf(text, sizeof(text), "%08x", checksum);
  return text;
}

}  // namespace

std::string CodebookLine(const std::string& collection, const client::CodebookInfo& info) {
  return "codebook " + std::to_string(info.version) + " of " + collection + " is " + info.state +
         ": " + info.quantizer + " from " + FormatCount(info.trained_rows) +
         " rows, mean squared error " + FormatError(info.training_error) +
         (info.held_out_rows > 0 ? ", on rows left out " + FormatError(info.held_out_error) : "");
}

std::string CodebookTable(const std::vector<client::CodebookInfo>& all, int64_t now) {
  Table table({"version", "state", "quantizer", "bytes", "rows", "training error", "left-out error",
               "live error", "age", "label"});
  for (const client::CodebookInfo& info : all) {
    table.AddRow({std::to_string(info.version), info.state, info.quantizer, FormatCount(info.bytes),
                  FormatCount(info.trained_rows), FormatError(info.training_error),
                  ErrorOn(info.held_out_error, info.held_out_rows),
                  ErrorOn(info.live_error, info.live_rows), FormatAge(now - info.created_seconds),
                  info.label});
  }
  return table.ToString();
}

std::string DescribeCodebook(const client::CodebookInfo& info, int64_t now) {
  std::string out;
  const auto line = [&](const std::string& name, const std::string& value) {
    out += name + std::string(name.size() < 16 ? 16 - name.size() : 1, ' ') + value + '\n';
  };
  const auto error = [](double value, uint64_t rows) {
    return FormatError(value) + " on " + FormatCount(rows) + " rows";
  };
  line("version", std::to_string(info.version));
  line("state", info.state);
  line("quantizer", info.quantizer);
  if (info.asked != info.quantizer) line("asked for", info.asked);
  if (!info.label.empty()) line("label", info.label);
  if (info.generation > 0) line("generation", std::to_string(info.generation));
  line("created", FormatTime(info.created_seconds) + ", " + FormatAge(now - info.created_seconds) +
                      " ago");
  line("file", FormatCount(info.bytes) + " bytes, crc32c " + Checksum(info.checksum));
  line("training error", error(info.training_error, info.trained_rows));
  line("left-out error", info.held_out_rows > 0 ? error(info.held_out_error, info.held_out_rows)
                                                : "not measured: too few rows");
  if (info.live_rows > 0) line("live error", error(info.live_error, info.live_rows) + " written since");
  return out;
}

void WriteCodebook(const client::CodebookInfo& info, JsonWriter& json) {
  json.BeginObject();
  json.Key("version").Integer(info.version);
  json.Key("state").String(info.state);
  json.Key("asked").String(info.asked);
  json.Key("quantizer").String(info.quantizer);
  json.Key("label").String(info.label);
  json.Key("generation").Integer(info.generation);
  json.Key("created_seconds").Integer(static_cast<uint64_t>(info.created_seconds));
  json.Key("bytes").Integer(info.bytes);
  json.Key("checksum").String(Checksum(info.checksum));
  json.Key("trained_rows").Integer(info.trained_rows);
  json.Key("training_error").Number(info.training_error);
  json.Key("held_out_error").Number(info.held_out_error);
  json.Key("held_out_rows").Integer(info.held_out_rows);
  json.Key("live_error").Number(info.live_error);
  json.Key("live_rows").Integer(info.live_rows);
  json.EndObject();
}

std::string DescribeDrift(const client::Drift& drift) { return drift.advice + ": " + drift.reason; }

void WriteDrift(const client::Drift& drift, JsonWriter& json) {
  json.BeginObject();
  json.Key("advice").String(drift.advice);
  json.Key("reason").String(drift.reason);
  json.Key("training_error").Number(drift.training_error);
  json.Key("training_margin").Number(drift.training_margin);
  json.Key("training_measured").Integer(drift.training_measured);
  json.Key("written_rows").Integer(drift.written_rows);
  json.Key("written_error").Number(drift.written_error);
  json.Key("written_margin").Number(drift.written_margin);
  json.Key("written_measured").Integer(drift.written_measured);
  json.Key("live_error").Number(drift.live_error);
  json.Key("live_margin").Number(drift.live_margin);
  json.Key("live_measured").Integer(drift.live_measured);
  json.Key("list_imbalance").Number(drift.list_imbalance);
  json.EndObject();
}

}  // namespace tessera::cli
