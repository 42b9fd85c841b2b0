#include "index/engine/memory_budget.h"

#include <algorithm>

namespace tessera::engine {
namespace {

uint64_t Less(uint64_t a, uint64_t b) { return a - std::min(a, b); }

}  // namespace

CatalogMemory MemoryPool::Read() const {
  std::lock_guard lock(mutex_);
  return {{limit_, used(), reserved_, refused_, last_refusal_}, index_ + caches_, queued_, store_};
}

void MemoryPool::CountRefusal(const Status& status) {
  std::string text = MessageOf(status);
  std::lock_guard lock(mutex_);
  ++refused_;
  last_refusal_.swap(text);
}

MemoryAccount::MemoryAccount(std::shared_ptr<MemoryPool> pool, uint64_t limit)
    : pool_(pool ? std::move(pool) : std::make_shared<MemoryPool>(0, 0)), limit_(limit) {}

MemoryAccount::~MemoryAccount() {
  std::lock_guard lock(pool_->mutex_);
  pool_->index_ -= index_;
  pool_->caches_ -= caches_;
  pool_->queued_ -= queued_;
  pool_->reserved_ -= reserved_;
}

void MemoryAccount::SetLimit(uint64_t bytes) {
  std::lock_guard lock(pool_->mutex_);
  limit_ = bytes;
}

bool MemoryAccount::limited() const {
  std::lock_guard lock(pool_->mutex_);
  return limit_ > 0 || pool_->limit_ > 0;
}

std::optional<MemoryShortage> MemoryAccount::Check(uint64_t more) const {
  if (limit_ > 0 && index_ + caches_ + reserved_ + more > limit_) {
    return MemoryShortage{false, limit_, index_ + caches_, reserved_, more, Less(limit_, caches_ + reserved_)};
  }
  if (pool_->limit_ > 0 && pool_->used() + pool_->reserved_ + more > pool_->limit_) {
    return MemoryShortage{true, pool_->limit_, pool_->used(), pool_->reserved_, more,
                          Less(pool_->limit_, pool_->used() + pool_->reserved_ - index_)};
  }
  return std::nullopt;
}

void MemoryAccount::SetLocked(uint64_t bytes) {
  pool_->index_ += bytes - index_;
  index_ = bytes;
}

std::optional<MemoryShortage> MemoryAccount::Change(uint64_t bytes, uint64_t spare) {
  std::lock_guard lock(pool_->mutex_);
  if (bytes > index_) {
    if (auto shortage = Check(bytes - index_ + Less(spare, reserved_))) return shortage;
  }
  SetLocked(bytes);
  return std::nullopt;
}

void MemoryAccount::Set(uint64_t bytes) {
  std::lock_guard lock(pool_->mutex_);
  SetLocked(bytes);
}

void MemoryAccount::AddCaches(int64_t bytes) {
  std::lock_guard lock(pool_->mutex_);
  caches_ += static_cast<uint64_t>(bytes);
  pool_->caches_ += static_cast<uint64_t>(bytes);
}

std::optional<MemoryShortage> MemoryAccount::Queue(uint64_t bytes, bool forced) {
  std::lock_guard lock(pool_->mutex_);
  if (!forced && pool_->limit_ > 0 && pool_->used() + pool_->reserved_ + bytes > pool_->limit_) {
    return MemoryShortage{true, pool_->limit_, pool_->used(), pool_->reserved_, bytes,
                          Less(pool_->limit_, pool_->used() + pool_->reserved_ - index_)};
  }
  queued_ += bytes;
  pool_->queued_ += bytes;
  return std::nullopt;
}

void MemoryAccount::Unqueue(uint64_t bytes) {
  std::lock_guard lock(pool_->mutex_);
  queued_ -= bytes;
  pool_->queued_ -= bytes;
}

std::optional<MemoryShortage> MemoryAccount::Resize(uint64_t from, uint64_t to) {
  std::lock_guard lock(pool_->mutex_);
  if (to > from) {
    if (auto shortage = Check(to - from)) return shortage;
  }
  reserved_ += to - from;
  pool_->reserved_ += to - from;
  return std::nullopt;
}

std::optional<MemoryShortage> MemoryAccount::Shortage(uint64_t more) const {
  std::lock_guard lock(pool_->mutex_);
  return Check(more);
}

uint64_t MemoryAccount::RoomBeside(uint64_t caches) const {
  uint64_t room = UINT64_MAX;
  if (limit_ > 0) room = Less(limit_, index_ + caches + reserved_);
  if (pool_->limit_ > 0) {
    room = std::min(room, Less(pool_->limit_, pool_->used() + pool_->reserved_ - (caches_ - caches)));
  }
  return room;
}

uint64_t MemoryAccount::Room() const {
  std::lock_guard lock(pool_->mutex_);
  return RoomBeside(caches_);
}

uint64_t MemoryAccount::RoomForIndex() const {
  std::lock_guard lock(pool_->mutex_);
  return RoomBeside(0);
}

MemoryBudget MemoryAccount::Read() const {
  std::lock_guard lock(pool_->mutex_);
  return {limit_, index_ + caches_, reserved_, refused_, last_refusal_};
}

void MemoryAccount::CountRefusal(const Status& status) {
  pool_->CountRefusal(status);
  std::string text = MessageOf(status);
  std::lock_guard lock(pool_->mutex_);
  ++refused_;
  last_refusal_.swap(text);
}

}  // namespace tessera::engine
