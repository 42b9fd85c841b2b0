// A collection of a data directory that nobody has open, by its files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "index/engine/data_directory.h"
#include "index/status.h"
#include "index/store/store.h"

namespace tessera::engine {

// Holds the directory's lock, as one who reads. Not thread-safe.
class OfflineData {
 public:
  // NotFound, FailedPrecondition: in use, or of another format.
  Status Open(const std::string& data);

  std::vector<std::string> Collections() const;  // ascending
  std::string PathOf(const std::string& collection) const;
  const std::string& data() const { return data_; }
  store::SharedResources& shared() { return shared_; }
  // For reading; salvage as in Store::Options. NotFound: no such collection. All else that keeps it from being opened is
  // DataLoss.
  StatusOr<std::unique_ptr<store::Store>> OpenStore(const std::string& collection, bool salvage);

 private:
  std::string data_;
  DirectoryLock lock_;
  store::SharedResources shared_{store::SharedResources::Options{}};
};

}  // namespace tessera::engine
