// Who holds how much memory, and whether there is room for more.
//
// A MemoryPool is a catalog's, a MemoryAccount a collection's. What an account holds: the index in force (of the
// current snapshot, known to the byte without counting, since each edit of the lists keeps their bytes up to date),
// caches that can be given up, writes in its queue, and reservations for what is under way. One lock for all accounts
// of a pool, so that two cannot take the same room.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "index/memory.h"
#include "index/status.h"

namespace tessera::engine {

class MemoryAccount;

// Why something does not fit.
struct MemoryShortage {
  bool of_pool = false;  // the catalog's limit, not the collection's
  uint64_t limit = 0;
  uint64_t used = 0;
  uint64_t reserved = 0;
  uint64_t wanted = 0;  // on top of both
  // What the index of the collection could have were it to take all that is left: the limit less what others hold.
  uint64_t room = 0;

  uint64_t needed() const { return used + reserved + wanted; }  // the least limit that it fits
};

// Thread-safe; its lock is a leaf.
class MemoryPool {
 public:
  // limit: 0 = none. store_bytes: of RocksDB's caches, held for ever.
  MemoryPool(uint64_t limit, uint64_t store_bytes) : limit_(limit), store_(store_bytes) {}

  CatalogMemory Read() const;
  void CountRefusal(const Status& status);

 private:
  friend class MemoryAccount;
  uint64_t used() const { return store_ + index_ + caches_ + queued_; }

  const uint64_t limit_;
  const uint64_t store_;
  mutable std::mutex mutex_;  // of this and of all accounts
  uint64_t index_ = 0;
  uint64_t caches_ = 0;
  uint64_t queued_ = 0;
  uint64_t reserved_ = 0;
  uint64_t refused_ = 0;
  std::string last_refusal_;
};

// Thread-safe.
class MemoryAccount {
 public:
  // Without a pool: nobody shares it.
  explicit MemoryAccount(std::shared_ptr<MemoryPool> pool = nullptr, uint64_t limit = 0);
  ~MemoryAccount();
  MemoryAccount(const MemoryAccount&) = delete;
  MemoryAccount& operator=(const MemoryAccount&) = delete;

  void SetLimit(uint64_t bytes);
  bool limited() const;  // by a limit of its own or of the pool

  // The index becomes `bytes`, if that and what is reserved, or `spare` where that is more, fit. What does not grow
  // always fits.
  std::optional<MemoryShortage> Change(uint64_t bytes, uint64_t spare);
  // The same, whether it fits or not: what is there is there.
  void Set(uint64_t bytes);
  void AddCaches(int64_t bytes);
  // Writes on their way; the pool alone limits them. Unless `forced` they may be refused.
  std::optional<MemoryShortage> Queue(uint64_t bytes, bool forced);
  void Unqueue(uint64_t bytes);

  // Why so many bytes more would not fit, if so.
  std::optional<MemoryShortage> Shortage(uint64_t more) const;
  uint64_t Room() const;          // bytes that fit beside all that is held; UINT64_MAX without a limit
  uint64_t RoomForIndex() const;  // the same, were the caches given up
  MemoryBudget Read() const;
  void CountRefusal(const Status& status);

 private:
  friend class MemoryReservation;
  std::optional<MemoryShortage> Resize(uint64_t from, uint64_t to);
  // Lock held. Whether `more` index, caches or reservations fit.
  std::optional<MemoryShortage> Check(uint64_t more) const;
  uint64_t RoomBeside(uint64_t caches) const;
  void SetLocked(uint64_t bytes);

  const std::shared_ptr<MemoryPool> pool_;
  // Guarded by pool_->mutex_.
  uint64_t limit_;
  uint64_t index_ = 0;
  uint64_t caches_ = 0;
  uint64_t queued_ = 0;
  uint64_t reserved_ = 0;
  uint64_t refused_ = 0;
  std::string last_refusal_;
};

// Room held for something under way. Not thread-safe; the account outlives it.
class MemoryReservation {
 public:
  explicit MemoryReservation(MemoryAccount& account) : account_(account) {}
  ~MemoryReservation() { account_.Resize(bytes_, 0); }
  MemoryReservation(const MemoryReservation&) = delete;
  MemoryReservation& operator=(const MemoryReservation&) = delete;

  // Unchanged where it does not fit. To give some back always does.
  std::optional<MemoryShortage> Resize(uint64_t bytes) {
    auto shortage = account_.Resize(bytes_, bytes);
    if (!shortage) bytes_ = bytes;
    return shortage;
  }
  uint64_t bytes() const { return bytes_; }

 private:
  MemoryAccount& account_;
  uint64_t bytes_ = 0;
};

}  // namespace tessera::engine
