#include "index/store/ingested_files.h"

#include <utility>
#include <vector>

namespace tessera::store {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

IOStatus IngestedFiles::LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                                 IODebugContext* debug) {
  const IOStatus linked = target()->LinkFile(from, to, options, debug);
  if (linked.ok() && from.starts_with(staging_)) {
    std::lock_guard lock(mutex_);
    links_[to] = {from, false};
  }
  return linked;
}

IOStatus IngestedFiles::DeleteFile(const std::string& name, const IOOptions& options, IODebugContext* debug) {
  {
    std::lock_guard lock(mutex_);
    if (const auto found = links_.find(name); found != links_.end()) {
      found->second.kept = true;
      return IOStatus::OK();
    }
  }
  const IOStatus deleted = target()->DeleteFile(name, options, debug);
  if (name.starts_with(staging_) && deleted.ok()) {
    std::lock_guard lock(mutex_);
    std::erase_if(links_, [&](const auto& link) { return link.second.staged == name; });
  }
  return deleted;
}

IOStatus IngestedFiles::RemoveKept() {
  std::vector<std::string> kept;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [name, link] : links_) {
      if (link.kept) kept.push_back(name);
    }
    std::erase_if(links_, [](const auto& link) { return link.second.kept; });
  }
  for (const std::string& name : kept) {
    if (IOStatus deleted = target()->DeleteFile(name, {}, nullptr); !deleted.ok()) return deleted;
  }
  return IOStatus::OK();
}

}  // namespace tessera::store
