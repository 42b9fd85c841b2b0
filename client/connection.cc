#include "client/connection.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace tessera::client {
namespace {

std::shared_ptr<grpc::Channel> MakeChannel(const ClientOptions& options) {
  grpc::ChannelArguments args;
  args.SetMaxSendMessageSize(-1);  // the server's limit decides, and says so
  args.SetMaxReceiveMessageSize(static_cast<int>(
      std::min<size_t>(options.max_response_bytes, std::numeric_limits<int>::max())));
  // Retries are ours (backoff.h). gRPC's would keep a second copy of every request.
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // A server that restarts is back within seconds; gRPC's default would wait up to two minutes.
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  // A proxy of the environment is for web pages, not for a database next door.
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(options.address, grpc::InsecureChannelCredentials(), args);
}

// gRPC marks the statuses that a server sent; all others arose on this side of the wire.
bool CameFromServer(const grpc::ClientContext& context) {
  return context.debug_error_string().find("received from peer") != std::string::npos;
}

// "Connection refused" of the chain of causes that gRPC's message is.
std::string LastCause(const std::string& message) {
  const std::string before_cause = "remote host: ";
  const size_t found = message.rfind(before_cause);
  return found == std::string::npos ? message : message.substr(found + before_cause.size());
}

}  // namespace

std::optional<std::chrono::milliseconds> RetryHint(const grpc::ClientContext& context) {
  const auto& metadata = context.GetServerTrailingMetadata();
  const auto found = metadata.find("grpc-retry-pushback-ms");
  if (found == metadata.end()) return std::nullopt;
  const grpc::string_ref text = found->second;
  int64_t millis = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), millis);
  if (error != std::errc() || end != text.data() + text.size() || millis < 0) return std::nullopt;
  return std::chrono::milliseconds(millis);
}

Connection::Connection(ClientOptions options) : options_(std::move(options)) {
  const auto channel = MakeChannel(options_);
  collections_ = v1::Collections::NewStub(channel);
  points_ = v1::Points::NewStub(channel);
  training_ = v1::Training::NewStub(channel);
  quantizers_ = v1::Quantizers::NewStub(channel);
  backups_ = v1::Backups::NewStub(channel);
  upkeep_ = v1::Upkeep::NewStub(channel);
}

Clock::time_point Connection::DeadlineFromNow(std::chrono::milliseconds extra) const {
  if (options_.timeout.count() <= 0) return Clock::time_point::max();
  return Clock::now() + options_.timeout + extra;
}

Status Connection::FromGrpc(const grpc::Status& status, const grpc::ClientContext& context) const {
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  if (code == absl::StatusCode::kUnavailable && !CameFromServer(context)) {
    return Unavailable("cannot reach the server at " + options_.address + " (" +
                       LastCause(status.error_message()) + ")");
  }
  return Status(code, status.error_message());
}

}  // namespace tessera::client
