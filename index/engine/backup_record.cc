#include "index/engine/backup_record.h"

#include "index/base/bytes.h"
#include "index/base/format_version.h"

namespace tessera::engine {

std::string EncodeBackup(const BackupInfo& info) {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.Put(kBackupFormat);
  writer.PutString(info.collection);
  writer.Put(info.commit);
  writer.Put(info.rows);
  writer.Put(info.time_ms);
  writer.Put(info.dim);
  writer.Put(static_cast<uint8_t>(info.metric));
  writer.PutString(info.quantizer);
  writer.Put(static_cast<uint8_t>(info.refine_on_disk));
  writer.Put(Crc32c(bytes));
  return bytes;
}

Status DecodeBackup(std::string_view bytes, BackupInfo& info) {
  const Status damaged = DataLoss("the backup's description is damaged");
  if (bytes.size() < 2 * sizeof(uint32_t)) return damaged;
  const std::string_view content = bytes.substr(0, bytes.size() - sizeof(uint32_t));
  if (ByteReader(bytes.substr(content.size())).Get<uint32_t>() != Crc32c(content)) return damaged;
  ByteReader reader(content);
  info.format = reader.Get<uint32_t>();
  if (info.format > kBackupFormat) return OkStatus();
  info.collection = std::string(reader.GetString());
  info.commit = reader.Get<uint64_t>();
  info.rows = reader.Get<uint64_t>();
  info.time_ms = reader.Get<int64_t>();
  info.dim = reader.Get<uint32_t>();
  const uint8_t metric = reader.Get<uint8_t>();
  info.quantizer = std::string(reader.GetString());
  const uint8_t refine_on_disk = reader.Get<uint8_t>();
  if (!reader.Finished() || info.format == 0 || metric > static_cast<uint8_t>(Metric::kCosine) || refine_on_disk > 1) {
    return damaged;
  }
  info.refine_on_disk = refine_on_disk == 1;
  info.metric = static_cast<Metric>(metric);
  return OkStatus();
}

Status CheckBackupFormat(uint32_t format) {
  return CheckFormatVersion("the backup", format, kBackupFormat);
}

}  // namespace tessera::engine
