#include "client/cli/backup_text.h"

namespace tessera::cli {

std::string BackupLine(const client::BackupInfo& info) {
  return "backup " + std::to_string(info.id) + " of " + info.collection + ": " + FormatCount(info.rows) +
         " rows at commit " + FormatCount(info.commit) + ", " + FormatBytes(info.bytes) + ", " +
         FormatBytes(info.new_bytes) + " of it new";
}

std::string RestoreLine(const client::RestoreResult& restored) {
  return restored.collection + ": " + FormatCount(restored.rows) + " rows at commit " +
         FormatCount(restored.commit);
}

std::string BackupTable(const std::vector<client::BackupInfo>& all, int64_t now) {
  Table table({"collection", "id", "age", "commit", "rows", "bytes", "new", "quantizer"});
  for (const client::BackupInfo& info : all) {
    const std::string id = std::to_string(info.id);
    if (info.damaged) {
      table.AddRow({info.collection, id, "-", "-", "-", "-", "-", "damaged"});
      continue;
    }
    table.AddRow({info.collection, id, FormatAge(now - info.created_seconds), FormatCount(info.commit),
                  FormatCount(info.rows), FormatBytes(info.bytes), FormatBytes(info.new_bytes),
                  info.quantizer.empty() ? "untrained" : info.quantizer});
  }
  return table.ToString();
}

void WriteBackup(const client::BackupInfo& info, JsonWriter& json) {
  json.BeginObject();
  json.Key("collection").String(info.collection);
  json.Key("id").Integer(info.id);
  json.Key("damaged").Bool(info.damaged);
  if (!info.damaged) {
    json.Key("format").Integer(info.format);
    json.Key("commit").Integer(info.commit);
    json.Key("rows").Integer(info.rows);
    json.Key("created_seconds").Integer(static_cast<uint64_t>(info.created_seconds));
    json.Key("dim").Integer(info.dim);
    json.Key("metric").String(MetricName(info.metric));
    json.Key("quantizer").String(info.quantizer);
    json.Key("bytes").Integer(info.bytes);
    json.Key("new_bytes").Integer(info.new_bytes);
  }
  json.EndObject();
}

void WriteRestore(const client::RestoreResult& restored, JsonWriter& json) {
  json.BeginObject();
  json.Key("collection").String(restored.collection);
  json.Key("commit").Integer(restored.commit);
  json.Key("rows").Integer(restored.rows);
  json.EndObject();
}

}  // namespace tessera::cli
