#include "server/operations.h"

#include <algorithm>
#include <utility>

#include "index/busy.h"

namespace tessera::server {

Operations::Operations(size_t max_trainings, uint64_t first_id, Now now)
    : max_running_{max_trainings, kMaxBackups}, now_(std::move(now)), next_id_(first_id) {}

StatusOr<Operations::Begun> Operations::Begin(const std::string& collection,
                                             const std::string& kind, Lane lane) {
  std::lock_guard lock(mutex_);
  if (shut_down_) return Unavailable("the server is shutting down");
  for (const auto& [id, operation] : operations_) {
    const OperationInfo& info = operation.info;
    if (!info.done && info.collection == collection && info.kind == kind) {
      const std::string does = kind == "train"      ? " is training"
                               : kind == "evaluate" ? " is evaluating"
                                                    : " (" + kind + ") is at work on";
      return AlreadyExists(info.name() + does + " collection \"" + collection + '"');
    }
  }
  size_t& running = running_[static_cast<size_t>(lane)];
  if (running >= max_running_[static_cast<size_t>(lane)]) {
    return Busy(std::to_string(running) +
                             " operations are running, the server's limit");
  }
  Expire();
  Operation operation;
  operation.info.id = next_id_++;
  operation.info.collection = collection;
  operation.info.kind = kind;
  operation.info.lane = lane;
  operation.info.start = now_();
  operation.cancelled = std::make_shared<std::atomic<bool>>(false);
  Begun begun{operation.info.id, operation.cancelled};
  operations_.emplace(begun.id, std::move(operation));
  ++running;
  return begun;
}

void Operations::Progress(uint64_t id, double fraction, const std::string& stage) {
  std::lock_guard lock(mutex_);
  const auto it = operations_.find(id);
  if (it == operations_.end() || it->second.info.done) return;
  OperationInfo& info = it->second.info;
  // The comparison is false for NaN.
  if (fraction > info.progress) info.progress = std::min(fraction, 1.0);
  info.stage = stage;
}

void Operations::Finish(uint64_t id, const Status& status, const JobResult& result) {
  std::vector<Waiter> called;
  OperationInfo info;
  {
    std::lock_guard lock(mutex_);
    const auto it = operations_.find(id);
    if (it == operations_.end() || it->second.info.done) return;
    it->second.info.done = true;
    it->second.info.status = status;
    it->second.info.end = now_();
    if (status.ok()) {
      it->second.info.progress = 1;
      it->second.info.result = result;
    }
    info = it->second.info;
    --running_[static_cast<size_t>(info.lane)];
    finished_.push_back(id);
    for (auto waiting = waiters_.begin(); waiting != waiters_.end();) {
      if (waiting->second.operation != id) {
        ++waiting;
        continue;
      }
      called.push_back(std::move(waiting->second.waiter));
      waiting = waiters_.erase(waiting);
    }
    Expire();
  }
  for (const Waiter& waiter : called) waiter(info);
}

StatusOr<OperationInfo> Operations::Get(const std::string& name) {
  std::lock_guard lock(mutex_);
  TESSERA_ASSIGN_OR_RETURN(const Operation* operation, Find(name));
  return operation->info;
}

StatusOr<OperationInfo> Operations::Cancel(const std::string& name) {
  std::lock_guard lock(mutex_);
  TESSERA_ASSIGN_OR_RETURN(Operation * operation, Find(name));
  operation->cancelled->store(true);
  return operation->info;
}

std::vector<OperationInfo> Operations::List(size_t count, uint64_t before) {
  std::lock_guard lock(mutex_);
  Expire();
  std::vector<OperationInfo> page;
  for (auto it = operations_.lower_bound(before);
       it != operations_.begin() && page.size() < count;) {
    page.push_back((--it)->second.info);
  }
  return page;
}

StatusOr<uint64_t> Operations::Wait(const std::string& name, Waiter waiter) {
  OperationInfo done;
  {
    std::lock_guard lock(mutex_);
    if (shut_down_) return Unavailable("the server is shutting down");
    TESSERA_ASSIGN_OR_RETURN(const Operation* operation, Find(name));
    const uint64_t number = next_waiter_++;
    if (!operation->info.done) {
      if (waiters_.size() >= kMaxWaiters) {
        return Busy(std::to_string(kMaxWaiters) +
                                 " calls wait for operations, the server's limit");
      }
      waiters_.emplace(number, Waiting{operation->info.id, std::move(waiter)});
      return number;
    }
    done = operation->info;
  }
  waiter(std::move(done));
  return uint64_t{0};
}

bool Operations::Forget(uint64_t waiter) {
  std::lock_guard lock(mutex_);
  return waiters_.erase(waiter) > 0;
}

void Operations::CancelCollection(const std::string& collection) {
  std::lock_guard lock(mutex_);
  for (auto& [id, operation] : operations_) {
    const OperationInfo& info = operation.info;
    if (info.collection == collection && info.lane != Lane::kBackup) operation.cancelled->store(true);
  }
}

void Operations::Shutdown() {
  std::map<uint64_t, Waiting> waiters;
  {
    std::lock_guard lock(mutex_);
    shut_down_ = true;
    for (auto& [id, operation] : operations_) operation.cancelled->store(true);
    waiters.swap(waiters_);
  }
  for (const auto& [number, waiting] : waiters)
    waiting.waiter(Unavailable("the server is shutting down"));
}

StatusOr<Operations::Operation*> Operations::Find(const std::string& name) {
  Expire();
  const std::string prefix = "operations/";
  const std::string digits =
      name.compare(0, prefix.size(), prefix) == 0 ? name.substr(prefix.size()) : "";
  const bool number = !digits.empty() && digits.size() <= 19 && digits[0] != '0' &&
                      digits.find_first_not_of("0123456789") == std::string::npos;
  const auto it = number ? operations_.find(std::stoull(digits)) : operations_.end();
  if (it == operations_.end()) return NotFound("no operation \"" + name + '"');
  return &it->second;
}

void Operations::Expire() {
  const auto now = now_();
  while (!finished_.empty()) {
    const auto oldest = operations_.find(finished_.front());
    if (finished_.size() <= kMaxKept && now - oldest->second.info.end < kKeptFor) return;
    operations_.erase(oldest);
    finished_.pop_front();
  }
}

}  // namespace tessera::server
