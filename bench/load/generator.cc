#include "bench/load/generator.h"

#include <grpcpp/alarm.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "bench/load/process.h"

namespace tessera::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kConnectTime{10};
// A request that takes longer is an error: no run hangs.
constexpr std::chrono::seconds kDeadline{20};

Clock::duration Seconds(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

// One request under way. Owned by the completion queue's tag between Send and Receive.
struct InFlight {
  grpc::ClientContext context;
  grpc::ByteBuffer reply;
  grpc::Status status;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
  Clock::time_point intended;
};

class Generator {
 public:
  Generator(const Workload& workload, const LoadOptions& options)
      : workload_(workload), options_(options) {}

  Status Connect() {
    for (size_t i = 0; i < std::max<size_t>(options_.connections, 1); ++i) {
      grpc::ChannelArguments arguments;
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
      arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
      arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
      arguments.SetMaxReceiveMessageSize(-1);
      const auto channel = grpc::CreateCustomChannel(options_.address,
                                                     grpc::InsecureChannelCredentials(), arguments);
      if (!channel->WaitForConnected(std::chrono::system_clock::now() + kConnectTime)) {
        return Unavailable("cannot reach " + options_.address);
      }
      stubs_.push_back(std::make_unique<grpc::GenericStub>(channel));
    }
    return OkStatus();
  }

  StatusOr<LoadResult> Run() {
    start_ = Clock::now() + Seconds(options_.warmup);
    end_ = start_ + Seconds(options_.seconds);
    if (options_.rate > 0) {
      std::thread sender([this] { SendOnSchedule(); });
      Receive(false);
      sender.join();
    } else {
      for (size_t i = 0; i < std::max<size_t>(options_.outstanding, 1); ++i) Send(Clock::now());
      Receive(true);
    }
    TESSERA_RETURN_IF_ERROR(failed_);
    std::sort(result_.latency_us.begin(), result_.latency_us.end());
    return std::move(result_);
  }

 private:
  void Send(Clock::time_point intended) {
    auto call = std::make_unique<InFlight>();
    call->intended = intended;
    call->context.set_deadline(std::chrono::system_clock::now() + kDeadline);
    const size_t n = sent_++;
    call->reader = stubs_[n % stubs_.size()]->PrepareUnaryCall(
        &call->context, workload_.method, workload_.requests[n % workload_.requests.size()],
        &queue_);
    call->reader->StartCall();
    InFlight* tag = call.release();
    tag->reader->Finish(&tag->reply, &tag->status, tag);
  }

  void SendOnSchedule() {
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);  // of this thread: sleeps end in time
    const Clock::time_point first = Clock::now();
    for (uint64_t i = 0;; ++i) {
      const Clock::time_point intended = first + Seconds(static_cast<double>(i) / options_.rate);
      if (intended >= end_) break;
      std::this_thread::sleep_until(intended);
      Send(intended);
    }
    done_.Set(&queue_, std::chrono::system_clock::now(), nullptr);
  }

  // Until all that was sent is answered.
  void Receive(bool closed_loop) {
    void* tag = nullptr;
    bool ok = false;
    bool all_sent = false;  // of an open loop: a null tag says so
    uint64_t received = 0;
    while (queue_.Next(&tag, &ok)) {
      const Clock::time_point now = Clock::now();
      if (!begun_ && now >= start_) Begin(now);
      if (begun_ && !ended_ && now >= end_) End(now);
      if (tag == nullptr) {
        all_sent = true;
      } else {
        const std::unique_ptr<InFlight> call(static_cast<InFlight*>(tag));
        ++received;
        Count(*call, now);
        if (closed_loop && !ended_) Send(now);
      }
      if ((closed_loop ? ended_ : all_sent) && received == sent_) break;
    }
    // In an open loop the last replies may all come before the end.
    if (begun_ && !ended_) End(Clock::now());
  }

  void Count(const InFlight& call, Clock::time_point now) {
    if (begun_ && !ended_) ++result_.requests;
    if (!call.status.ok() && result_.errors++ == 0) {
      result_.first_error = call.status.error_message();
    }
    if (call.status.ok()) result_.reply_bytes = call.reply.Length();
    if (call.intended < start_ || call.intended >= end_) return;
    result_.latency_us.push_back(
        std::chrono::duration<double, std::micro>(now - call.intended).count());
  }

  void Begin(Clock::time_point now) {
    begun_ = true;
    begun_at_ = now;
    ReadCpu(-1);
  }
  void End(Clock::time_point now) {
    ended_ = true;
    result_.seconds = std::chrono::duration<double>(now - begun_at_).count();
    ReadCpu(1);
  }
  void ReadCpu(int sign) {
    const auto server = CpuSeconds(options_.server);
    const auto client = CpuSeconds(getpid());
    if (!server.ok() || !client.ok()) {
      failed_ = server.ok() ? client.status() : server.status();
      return;
    }
    result_.server_cpu += sign * *server;
    result_.client_cpu += sign * *client;
  }

  const Workload& workload_;
  const LoadOptions& options_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  grpc::CompletionQueue queue_;
  grpc::Alarm done_;   // hands the null tag to the receiver
  uint64_t sent_ = 0;  // by the one thread that sends; by others only after the null tag
  Clock::time_point start_, end_, begun_at_;
  bool begun_ = false;
  bool ended_ = false;
  LoadResult result_;
  Status failed_;
};

}  // namespace

double LoadResult::Percentile(double p) const {
  if (latency_us.empty()) return 0;
  const double last = static_cast<double>(latency_us.size() - 1);
  return latency_us[static_cast<size_t>(p * last + 0.5)];
}

StatusOr<LoadResult> RunLoad(const Workload& workload, const LoadOptions& options) {
  Generator generator(workload, options);
  TESSERA_RETURN_IF_ERROR(generator.Connect());
  return generator.Run();
}

}  // namespace tessera::bench
