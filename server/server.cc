#include "server/server.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <utility>
#include <vector>

#include "index/simd/kernels.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/process_memory.h"
#include "server/services.h"
#include "server/sweeper.h"
#include "server/transport.h"

namespace tessera::server {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kTrimInterval{5};
// For replies on their way out after the last call is done.
constexpr std::chrono::milliseconds kReplyGrace{500};

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string Seconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3f s", seconds);
  return text;
}

// gRPC prints on its own else.
void GrpcLog(gpr_log_func_args* args) {
  if (args->severity == GPR_LOG_SEVERITY_ERROR) LogWarning(std::string("grpc: ") + args->message);
}

// The file is whole or not there: a waiting script never reads half an address.
Status WriteFileAtomically(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".tmp" + std::to_string(getpid());
  std::ofstream file(temporary);
  file << text;
  file.close();
  if (!file || std::rename(temporary.c_str(), path.c_str()) != 0) {
    std::remove(temporary.c_str());
    return Unavailable("cannot write " + path);
  }
  return OkStatus();
}

uint64_t UnixMilliseconds() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// "host:port" with the port that was bound; unix sockets as they are.
std::string WithPort(const std::string& listen, int port) {
  if (listen.compare(0, 5, "unix:") == 0) return listen;
  return listen.substr(0, listen.rfind(':') + 1) + std::to_string(port);
}

class ServerImpl final : public Server {
 public:
  explicit ServerImpl(const Config& config)
      : config_(config),
        runtime_({config.threads, config.io_threads, config.limits.trainings}),
        admission_(config.limits.in_flight, config.limits.in_flight_bytes),
        operations_(config.limits.trainings, UnixMilliseconds()),
        state_{config_, runtime_, admission_, operations_, simd::ActiveKernels().name} {}

  ~ServerImpl() override { Stop(); }

  Status Open(const OpenCatalog& open) {
    LogStart();
    TESSERA_RETURN_IF_ERROR(Listen());
    TESSERA_RETURN_IF_ERROR(ListenForMetrics());
    TESSERA_RETURN_IF_ERROR(OpenData(open));
    grpc_->GetHealthCheckService()->SetServingStatus(true);
    LogInfo("listening on " + address_);
    ScheduleTrim(0, 0);
    sweeper_.Start();
    return WritePortFile();
  }

  const std::string& address() const override { return address_; }
  std::string metrics_address() const override { return metrics_ ? metrics_->address() : ""; }

  void Stop() override {
    std::call_once(stopped_, [this] {
      const auto start = Clock::now();
      admission_.Close();
      // First: a training that this cuts short, and no client, is taken up by the next start.
      if (catalog_) catalog_->EndUpkeep();
      operations_.Shutdown();
      StopListening();
      metrics_.reset();
      {
        std::lock_guard lock(trim_mutex_);
        trim_timer_.reset();
        trim_stopped_ = true;
      }
      sweeper_.Stop();
      runtime_.JoinBackups();
      // The catalog drains its committers on pools that still run.
      state_.catalog = nullptr;
      catalog_.reset();
      runtime_.Join();
      LogInfo("stopped after " + Seconds(SecondsSince(start)));
    });
  }

 private:
  void LogStart() const {
    const Limits& limits = config_.limits;
    LogInfo(std::string("tesserad ") + kVersion + ", kernels " + state_.isa + ", " +
            std::to_string(state_.runtime.compute().Concurrency()) + " compute and " +
            std::to_string(config_.io_threads) + " io threads");
    LogInfo("limits: message " + std::to_string(limits.message_bytes >> 20) + " MiB, limit " +
            std::to_string(limits.limit) + ", batch " + std::to_string(limits.batch_rows) +
            " rows, in flight " + std::to_string(limits.in_flight) + " requests and " +
            std::to_string(limits.in_flight_bytes >> 20) + " MiB, trainings " +
            std::to_string(limits.trainings));
  }

  Status Listen() {
    gpr_set_log_function(GrpcLog);
    // Of each message that it cannot parse protobuf prints a line; the caller gets the error
    // anyway.
    google::protobuf::SetLogHandler(nullptr);
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(config_.listen, grpc::InsecureServerCredentials(), &port);
    ConfigureTransport(config_.limits, builder);
    for (auto make :
         {MakeCollectionsService, MakePointsService, MakeTrainingService, MakeQuantizersService,
          MakeBackupsService, MakeUpkeepService}) {
      services_.push_back(make(state_));
      builder.RegisterService(services_.back().get());
    }
    grpc_ = builder.BuildAndStart();
    if (grpc_ == nullptr || port == 0) return Unavailable("cannot listen on " + config_.listen);
    grpc_->GetHealthCheckService()->SetServingStatus(false);
    address_ = WithPort(config_.listen, port);
    return OkStatus();
  }

  Status ListenForMetrics() {
    if (config_.metrics_listen.empty()) return OkStatus();
    TESSERA_ASSIGN_OR_RETURN(metrics_, MetricsEndpoint::Start(state_, config_.metrics_listen));
    LogInfo("metrics on http://" + metrics_->address() + "/metrics");
    return OkStatus();
  }

  Status OpenData(const OpenCatalog& open) {
    const auto start = Clock::now();
    CatalogOptions options;
    options.path = config_.data;
    options.compute = &runtime_.compute();
    options.upkeep = &runtime_.upkeep();
    options.io = &runtime_.io();
    options.background = &runtime_.background();
    options.block_cache_bytes = config_.block_cache_bytes;
    options.write_buffer_bytes = config_.write_buffer_bytes;
    options.disk_reserve_bytes = config_.disk_reserve_bytes;
    options.upkeep_limits = config_.upkeep;
    options.memory_limit_bytes = config_.memory_limit_bytes;
    TESSERA_ASSIGN_OR_RETURN(catalog_, open(options));
    uint64_t rows = 0;
    const std::vector<std::string> names = catalog_->List();
    for (const std::string& name : names) {
      const auto collection = catalog_->Get(name);
      if (!collection.ok()) continue;
      rows += (*collection)->Count();
      LogInfo("collection \"" + name + "\": " + std::to_string((*collection)->Count()) +
              " rows of " + std::to_string((*collection)->spec().dim));
    }
    for (const auto& [name, status] : catalog_->Unopened()) LogError(MessageOf(status));
    LogInfo("data directory " + config_.data + ": " + std::to_string(names.size()) +
            " collections, " + std::to_string(rows) + " rows, opened in " +
            Seconds(SecondsSince(start)));
    LogMemory();
    state_.catalog.store(catalog_.get(), std::memory_order_release);
    return OkStatus();
  }

  void LogMemory() const {
    const MemoryBudget memory = catalog_->Memory().budget;
    if (memory.limit == 0) return;
    const std::string text = "memory: " + std::to_string(memory.used >> 20) + " of at most " +
                             std::to_string(memory.limit >> 20) + " MiB in use";
    memory.exceeded() ? LogWarning(text + ": all is served, writes are refused until it fits") : LogInfo(text);
  }

  // gRPC answers calls that arrive after its own shutdown with CANCELLED, so that comes last: as
  // long as calls are under way, new ones are told UNAVAILABLE.
  void StopListening() {
    if (grpc_ == nullptr) return;
    grpc_->GetHealthCheckService()->Shutdown();
    admission_.WaitUntilIdle(std::chrono::milliseconds(config_.shutdown_grace_ms));
    grpc_->Shutdown(std::chrono::system_clock::now() + kReplyGrace);
    // Only if written here: it may be that of the server that holds the data directory.
    if (port_file_written_) std::remove(config_.port_file.c_str());
  }

  Status WritePortFile() {
    if (config_.port_file.empty()) return OkStatus();
    const Status written = WriteFileAtomically(config_.port_file, address_ + '\n');
    port_file_written_ = written.ok();
    return written;
  }

  // When requests came since the last trim and now none do, free heap pages go back to the system.
  void ScheduleTrim(uint64_t seen, uint64_t trimmed) {
    std::lock_guard lock(trim_mutex_);
    if (trim_stopped_) return;
    trim_timer_ = runtime_.After(kTrimInterval, [this, seen, trimmed] {
      const uint64_t total = admission_.admitted_total();
      const bool idle = total == seen && admission_.requests() == 0;
      const bool trim = idle && total != trimmed;
      if (trim) runtime_.io().Post(TrimHeap);
      ScheduleTrim(total, trim ? total : trimmed);
    });
  }

  const Config config_;
  Runtime runtime_;
  Admission admission_;
  Operations operations_;
  ServiceState state_;
  Sweeper sweeper_{state_};
  std::unique_ptr<Catalog> catalog_;
  std::vector<std::unique_ptr<grpc::Service>> services_;
  std::unique_ptr<MetricsEndpoint> metrics_;
  std::unique_ptr<grpc::Server> grpc_;  // before the services that it calls
  std::string address_;
  bool port_file_written_ = false;
  std::once_flag stopped_;
  std::mutex trim_mutex_;
  std::unique_ptr<Runtime::Timer> trim_timer_;
  bool trim_stopped_ = false;
};

}  // namespace

StatusOr<std::unique_ptr<Server>> Server::Start(const Config& config, const OpenCatalog& open) {
  TESSERA_RETURN_IF_ERROR(simd::InitKernels());
  auto server = std::make_unique<ServerImpl>(config);
  TESSERA_RETURN_IF_ERROR(server->Open(open));
  return server;
}

}  // namespace tessera::server
