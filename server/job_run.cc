#include "server/job_run.h"

#include <google/protobuf/util/time_util.h>

#include <chrono>

#include "server/convert_backups.h"
#include "server/convert_codebooks.h"
#include "server/convert_evaluation.h"
#include "server/convert_points.h"
#include "server/convert_verification.h"

namespace tessera::server {
namespace {

google::protobuf::Timestamp ToProto(std::chrono::system_clock::time_point time) {
  return google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(
      std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count());
}

void ToProto(const TuneResult& tuned, v1::TuneResult* out) {
  out->set_generation(tuned.generation.value);
  out->set_rows(tuned.rows);
  out->set_queries(tuned.queries);
  out->set_source(CalibrationSourceName(tuned.source));
  *out->mutable_time() = google::protobuf::util::TimeUtil::MillisecondsToTimestamp(
      static_cast<int64_t>(tuned.unix_ms));
  for (const RecallPoint& point : tuned.points) {
    v1::RecallPoint* p = out->add_points();
    p->set_k(point.k);
    p->mutable_params()->set_nprobe(point.nprobe);
    p->mutable_params()->set_rerank(TierToProto(point.rerank));
    p->mutable_params()->set_rerank_depth(point.rerank_depth);
    server::ToProto(point.recall, p->mutable_recall());
    p->set_cpu_us(point.cpu_us);
  }
}

}  // namespace

void ToProto(const OperationInfo& info, v1::Operation* out) {
  out->set_name(info.name());
  out->set_collection(info.collection);
  out->set_kind(info.kind);
  out->set_done(info.done);
  out->set_progress(info.progress);
  out->set_stage(info.stage);
  *out->mutable_start_time() = ToProto(info.start);
  if (!info.done) return;
  *out->mutable_end_time() = ToProto(info.end);
  out->set_error_code(static_cast<int>(info.status.code()));
  out->set_error_message(MessageOf(info.status));
  if (!info.status.ok()) return;
  if (info.result.evaluation) {
    return ToProto(*info.result.evaluation, out->mutable_evaluate_result());
  }
  if (info.result.backup) {
    return ToProto(*info.result.backup, out->mutable_backup_result()->mutable_backup());
  }
  if (info.result.restored) return ToProto(*info.result.restored, out->mutable_restore_result());
  if (info.result.verified) return ToProto(*info.result.verified, out->mutable_verify_result());
  if (info.result.tuned) return ToProto(*info.result.tuned, out->mutable_tune_result());
  if (info.result.codebook) {
    return ToProto(*info.result.codebook, out->mutable_codebook_result()->mutable_codebook());
  }
  v1::TrainResult* result = out->mutable_train_result();
  result->set_generation(info.result.training.generation);
  result->set_quantizer(info.result.training.quantizer);
  result->set_trained_rows(info.result.training.trained_rows);
  result->set_training_error(info.result.training.training_error);
}

void JobRun::Post(Executor& executor) {
  executor.Post([self = shared_from_this()] { self->Run(); });
}

void JobRun::Run() {
  const ProgressFn progress = [this](double fraction, const char* stage) {
    state_.operations.Progress(id_, fraction, stage);
    // The first report only says that the engine took it up; it checks the rows after that.
    if (std::exchange(taken_up_, true)) Answer(OkStatus());
  };
  JobResult result;
  const Status status = Guarded([&]() -> Status {
    TESSERA_ASSIGN_OR_RETURN(result, work_(progress));
    return OkStatus();
  });
  work_ = nullptr;  // it holds the collection
  state_.operations.Finish(id_, status, result);
  Answer(status);
}

void JobRun::Answer(const Status& status) {
  if (call_ == nullptr) return;
  const auto info = state_.operations.Get("operations/" + std::to_string(id_));
  if (status.ok() && info.ok()) ToProto(*info, response_);
  std::exchange(call_, nullptr)->Complete(status);
}

}  // namespace tessera::server
