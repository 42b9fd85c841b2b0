#include <google/protobuf/stubs/logging.h>

#include <iterator>

#include "client/convert.h"
#include "client/convert_filter.h"
#include "tests/fuzz/targets/target.h"

namespace tessera::fuzz {
namespace {

// What a server says, as a client reads it: every message is taken, whatever its fields hold.
template <typename Message>
void Run(std::string_view bytes) {
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  if constexpr (requires { client::FromProto(message, 5); }) {
    (void)client::FromProto(message, 5);
  } else if constexpr (requires { client::FromProto(&message); }) {
    (void)client::FromProto(&message);
  } else {
    (void)client::FromProto(message);
  }
}

}  // namespace

void RunReplies(std::string_view bytes) {
  // Protobuf prints a line of each message that it cannot parse.
  static const auto* const silenced = [] {
    google::protobuf::SetLogHandler(nullptr);
    return "once";
  }();
  static_cast<void>(silenced);
  constexpr void (*kRuns[])(std::string_view) = {
      Run<v1::Collection>,      Run<v1::CollectionStats>,     Run<v1::QueryResponse>,        Run<v1::GetPointsResponse>,
      Run<v1::UpsertResponse>,  Run<v1::PatchPointsResponse>, Run<v1::DeletePointsResponse>, Run<v1::Operation>,
      Run<v1::Backup>,          Run<v1::RestoreResult>,       Run<v1::Codebook>,             Run<v1::Drift>,
      Run<v1::EvaluateResult>,  Run<v1::VerifyResult>,        Run<v1::FacetCount>,           Run<v1::PayloadField>};
  const auto run = kRuns[Choose(bytes, std::size(kRuns))];
  run(bytes);
}

}  // namespace tessera::fuzz
