// Long work and its state: who runs, how far it is, who waits for it.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "index/backup.h"
#include "index/codebook.h"
#include "index/evaluation.h"
#include "index/recall.h"
#include "index/status.h"
#include "index/verification.h"

namespace tessera::server {

// What a training left in force.
struct TrainOutcome {
  uint32_t generation = 0;
  std::string quantizer;
  uint64_t trained_rows = 0;
  double training_error = 0;
};

// The collection that a restore made.
struct RestoreOutcome {
  std::string collection;
  uint64_t commit = 0;
  uint64_t rows = 0;
};

// What an operation left, each of its own kind.
struct JobResult {
  TrainOutcome training;
  std::shared_ptr<const EvaluateResult> evaluation;
  std::shared_ptr<const CodebookInfo> codebook;
  std::shared_ptr<const TuneResult> tuned;
  std::shared_ptr<const BackupInfo> backup;
  std::shared_ptr<const RestoreOutcome> restored;
  std::shared_ptr<const VerifyReport> verified;
};

// What shares a limit, and threads: trainings and what measures for them; backups and their restores, which none of
// the others holds up.
enum class Lane : uint8_t { kTraining = 0, kBackup = 1 };

// A copy of the state of one operation.
struct OperationInfo {
  uint64_t id = 0;
  std::string collection;
  std::string kind;  // "train", "evaluate", "tune", "backup"
  Lane lane = Lane::kTraining;
  bool done = false;
  double progress = 0;  // 0 to 1, never falling
  std::string stage;
  Status status;  // meaningful when done
  std::chrono::system_clock::time_point start;
  std::chrono::system_clock::time_point end;  // when done
  JobResult result;                           // when done and OK

  std::string name() const { return "operations/" + std::to_string(id); }
};

// The long work of this process. Finished ones are kept for an hour, at most 1,000. Thread-safe;
// callbacks run without its lock, on the thread that causes them.
class Operations {
 public:
  using Now = std::function<std::chrono::system_clock::time_point()>;
  using Waiter = std::function<void(StatusOr<OperationInfo>)>;
  using CancelFlag = std::shared_ptr<const std::atomic<bool>>;

  // first_id: ids ascend from it. Milliseconds since 1970 keep names of an earlier process from
  // meaning another operation in this one.
  Operations(size_t max_trainings, uint64_t first_id, Now now = std::chrono::system_clock::now);

  struct Begun {
    uint64_t id = 0;
    CancelFlag cancelled;
  };
  // AlreadyExists names the one of this kind under way for this collection; ResourceExhausted if
  // the lane is full; Unavailable after Shutdown(). Finish() must follow.
  StatusOr<Begun> Begin(const std::string& collection, const std::string& kind = "train",
                        Lane lane = Lane::kTraining);
  void Progress(uint64_t id, double fraction, const std::string& stage);
  void Finish(uint64_t id, const Status& status, const JobResult& result);

  // All by name ("operations/17"); NotFound names it.
  StatusOr<OperationInfo> Get(const std::string& name);
  // Sets the cancel flag; without effect when done.
  StatusOr<OperationInfo> Cancel(const std::string& name);
  // Up to `count`, newest first, ids below `before`.
  std::vector<OperationInfo> List(size_t count, uint64_t before = UINT64_MAX);

  // Calls `waiter` once: when the operation is done (at once if it is), or with Unavailable on
  // Shutdown(). ResourceExhausted past kMaxWaiters. The number is for Forget().
  StatusOr<uint64_t> Wait(const std::string& name, Waiter waiter);
  // The waiter will not be called any more; false if it was called or is about to be.
  bool Forget(uint64_t waiter);

  // When it is deleted: its backups are not.
  void CancelCollection(const std::string& collection);
  // Cancels what runs, ends all waits, refuses new operations.
  void Shutdown();

  static constexpr size_t kMaxKept = 1000;
  static constexpr std::chrono::hours kKeptFor{1};
  static constexpr size_t kMaxWaiters = 1000;
  static constexpr size_t kMaxBackups = 2;

 private:
  struct Operation {
    OperationInfo info;
    std::shared_ptr<std::atomic<bool>> cancelled;
  };
  struct Waiting {
    uint64_t operation = 0;
    Waiter waiter;
  };

  StatusOr<Operation*> Find(const std::string& name);  // lock held
  void Expire();                                       // lock held

  const std::array<size_t, 2> max_running_;  // by lane
  const Now now_;
  std::mutex mutex_;
  uint64_t next_id_;
  uint64_t next_waiter_ = 1;
  std::array<size_t, 2> running_{};  // by lane
  bool shut_down_ = false;
  std::map<uint64_t, Operation> operations_;
  std::deque<uint64_t> finished_;  // in order of end
  std::map<uint64_t, Waiting> waiters_;
};

}  // namespace tessera::server
