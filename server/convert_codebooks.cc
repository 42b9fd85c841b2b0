#include "server/convert_codebooks.h"

#include <string>

namespace tessera::server {
namespace {

v1::CodebookState ToProto(CodebookState state) {
  switch (state) {
    case CodebookState::kCandidate:
      return v1::CODEBOOK_STATE_CANDIDATE;
    case CodebookState::kActive:
      return v1::CODEBOOK_STATE_ACTIVE;
    case CodebookState::kPrevious:
      return v1::CODEBOOK_STATE_PREVIOUS;
  }
  return v1::CODEBOOK_STATE_UNSPECIFIED;
}

v1::DriftAdvice ToProto(DriftAdvice advice) {
  switch (advice) {
    case DriftAdvice::kNone:
      return v1::DRIFT_ADVICE_NONE;
    case DriftAdvice::kSplitLists:
      return v1::DRIFT_ADVICE_SPLIT_LISTS;
    case DriftAdvice::kRetrain:
      return v1::DRIFT_ADVICE_RETRAIN;
  }
  return v1::DRIFT_ADVICE_UNSPECIFIED;
}

}  // namespace

void ToProto(const CodebookInfo& info, v1::Codebook* out) {
  out->set_version(info.version);
  out->set_state(ToProto(info.state));
  out->set_asked(info.asked.ToString());
  out->set_quantizer(info.spec.ToString());
  out->set_bytes(info.bytes);
  out->set_checksum(info.checksum);
  out->mutable_create_time()->set_seconds(info.created_seconds);
  out->set_label(info.label);
  out->set_generation(info.generation.value);
  out->set_trained_rows(info.trained_rows);
  out->set_training_error(info.training_error);
  out->set_held_out_error(info.held_out_error);
  out->set_held_out_rows(info.held_out_rows);
  out->set_live_error(info.live_error);
  out->set_live_rows(info.live_rows);
}

void ToProto(const DriftReport& drift, v1::Drift* out) {
  out->set_training_error(drift.training_error);
  out->set_training_margin(drift.training_margin);
  out->set_training_measured(drift.training_measured);
  out->set_written_rows(drift.written_rows);
  out->set_written_error(drift.written_error);
  out->set_written_margin(drift.written_margin);
  out->set_written_measured(drift.written_measured);
  out->set_live_error(drift.live_error);
  out->set_live_margin(drift.live_margin);
  out->set_live_measured(drift.live_measured);
  out->set_list_imbalance(drift.list_imbalance);
  out->set_advice(ToProto(drift.advice));
  out->set_reason(drift.reason);
}

StatusOr<DriftAction> FromProto(v1::DriftAction action) {
  switch (action) {
    case v1::DRIFT_ACTION_UNSPECIFIED:
      return DriftAction::kDefault;
    case v1::DRIFT_ACTION_NONE:
      return DriftAction::kNone;
    case v1::DRIFT_ACTION_RETRAIN:
      return DriftAction::kRetrain;
    default:
      break;
  }
  return InvalidArgument("drift_action is " + std::to_string(static_cast<int>(action)) +
                         ", expected 0 to 2");
}

}  // namespace tessera::server
