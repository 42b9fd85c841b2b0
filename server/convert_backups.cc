#include "server/convert_backups.h"

#include <google/protobuf/util/time_util.h>

#include "server/convert_collections.h"

namespace tessera::server {

void ToProto(const BackupInfo& info, v1::Backup* out) {
  out->set_collection(info.collection);
  out->set_id(info.id);
  out->set_damaged(info.damaged);
  if (info.damaged) return;
  out->set_format(info.format);
  out->set_bytes(info.bytes);
  out->set_new_bytes(info.new_bytes);
  if (info.format > kBackupFormat) return;
  out->set_commit(info.commit);
  out->set_rows(info.rows);
  *out->mutable_create_time() = google::protobuf::util::TimeUtil::MillisecondsToTimestamp(info.time_ms);
  out->set_dim(info.dim);
  out->set_metric(ToProto(info.metric));
  out->set_quantizer(info.quantizer);
}

void ToProto(const RestoreOutcome& restored, v1::RestoreResult* out) {
  out->set_collection(restored.collection);
  out->set_commit(restored.commit);
  out->set_rows(restored.rows);
}

}  // namespace tessera::server
