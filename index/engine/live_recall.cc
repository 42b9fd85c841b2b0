#include "index/engine/live_recall.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "index/engine/recall_interval.h"

namespace tessera::engine {
namespace {

uint64_t UnixMillis() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count());
}

}  // namespace

void LiveRecallWatch::Start(double share) {
  every_ = share <= 0 ? 0 : share >= 1 ? UINT64_MAX : static_cast<uint64_t>(std::ldexp(share, 64));
  since_unix_ms_ = UnixMillis();
}

bool LiveRecallWatch::Draw() {
  if (every_ == 0) return false;
  uint64_t x = (seen_.fetch_add(1, std::memory_order_relaxed) + 1) * 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  x ^= x >> 31;
  return x <= every_;
}

bool LiveRecallWatch::Add(AnsweredQuery query, bool busy) {
  std::lock_guard lock(mutex_);
  if (busy || waiting_.size() >= kQueue || query.snapshot->generation != generation_) {
    ++dropped_;
    return false;
  }
  waiting_.push_back(std::move(query));
  return !std::exchange(working_, true);
}

std::vector<AnsweredQuery> LiveRecallWatch::TakeAll() {
  std::lock_guard lock(mutex_);
  if (waiting_.empty()) working_ = false;
  return std::exchange(waiting_, {});
}

void LiveRecallWatch::Record(Generation generation, const QueryLoss& loss, uint32_t k) {
  std::lock_guard lock(mutex_);
  if (generation != generation_) return;
  if (window_.size() < kWindow) {
    window_.push_back(loss);
    ks_.push_back(k);
    return;
  }
  window_[next_] = loss;
  ks_[next_] = k;
  next_ = (next_ + 1) % kWindow;
}

void LiveRecallWatch::Reset(Generation generation) {
  std::vector<AnsweredQuery> forgotten;  // their snapshots go outside the lock
  std::lock_guard lock(mutex_);
  generation_ = generation;
  forgotten.swap(waiting_);
  window_.clear();
  ks_.clear();
  next_ = 0;
  dropped_ = 0;
  since_unix_ms_ = UnixMillis();
}

LiveRecall LiveRecallWatch::Read() const {
  std::lock_guard lock(mutex_);
  LiveRecall out;
  if (!is_on()) return out;
  out.queries = window_.size();
  out.dropped = dropped_;
  out.since_unix_ms = since_unix_ms_;
  if (window_.empty()) return out;
  const auto n = static_cast<double>(window_.size());
  double sum = 0, squares = 0;
  for (const QueryLoss& loss : window_) {
    sum += loss.recall;
    squares += static_cast<double>(loss.recall) * loss.recall;
    out.probe_loss += loss.probe_loss / n;
    out.code_loss += loss.code_loss / n;
  }
  const double mean = std::min(1.0, sum / n);
  const uint32_t k = *std::max_element(ks_.begin(), ks_.end());
  out.recall = RecallInterval(mean, std::max(0.0, squares / n - mean * mean), window_.size(), k);
  return out;
}

}  // namespace tessera::engine
