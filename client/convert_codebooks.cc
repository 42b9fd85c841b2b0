#include "client/convert.h"

namespace tessera::client {
namespace {

const char* StateName(v1::CodebookState state) {
  switch (state) {
    case v1::CODEBOOK_STATE_CANDIDATE:
      return "candidate";
    case v1::CODEBOOK_STATE_ACTIVE:
      return "active";
    case v1::CODEBOOK_STATE_PREVIOUS:
      return "previous";
    default:
      return "unknown";
  }
}

const char* AdviceName(v1::DriftAdvice advice) {
  switch (advice) {
    case v1::DRIFT_ADVICE_NONE:
      return "none";
    case v1::DRIFT_ADVICE_SPLIT_LISTS:
      return "split lists";
    case v1::DRIFT_ADVICE_RETRAIN:
      return "retrain";
    default:
      return "unknown";
  }
}

}  // namespace

CodebookInfo FromProto(const v1::Codebook& in) {
  CodebookInfo info;
  info.version = in.version();
  info.state = StateName(in.state());
  info.asked = in.asked();
  info.quantizer = in.quantizer();
  info.bytes = in.bytes();
  info.checksum = in.checksum();
  info.created_seconds = in.create_time().seconds();
  info.label = in.label();
  info.generation = in.generation();
  info.trained_rows = in.trained_rows();
  info.training_error = in.training_error();
  info.held_out_error = in.held_out_error();
  info.held_out_rows = in.held_out_rows();
  info.live_error = in.live_error();
  info.live_rows = in.live_rows();
  return info;
}

Drift FromProto(const v1::Drift& in) {
  Drift drift;
  drift.training_error = in.training_error();
  drift.training_margin = in.training_margin();
  drift.training_measured = in.training_measured();
  drift.written_rows = in.written_rows();
  drift.written_error = in.written_error();
  drift.written_margin = in.written_margin();
  drift.written_measured = in.written_measured();
  drift.live_error = in.live_error();
  drift.live_margin = in.live_margin();
  drift.live_measured = in.live_measured();
  drift.list_imbalance = in.list_imbalance();
  drift.advice = AdviceName(in.advice());
  drift.reason = in.reason();
  return drift;
}

}  // namespace tessera::client
