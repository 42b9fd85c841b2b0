#include "index/engine/offline.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "index/base/format_version.h"
#include "index/engine/data_format.h"

namespace tessera::engine {

namespace fs = std::filesystem;

Status OfflineData::Open(const std::string& data) {
  data_ = data;
  TESSERA_RETURN_IF_ERROR(CheckPath(data));
  TESSERA_RETURN_IF_ERROR(CheckFormat(data));
  return lock_.TakeToRead(data);
}

std::vector<std::string> OfflineData::Collections() const {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(fs::path(data_) / "collections", ignored)) {
    const std::string name = entry.path().filename().string();
    if (name[0] != '.') names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string OfflineData::PathOf(const std::string& collection) const {
  return (fs::path(data_) / "collections" / collection).string();
}

StatusOr<std::unique_ptr<store::Store>> OfflineData::OpenStore(const std::string& collection, bool salvage) {
  TESSERA_RETURN_IF_ERROR(CheckName(collection, "collection"));
  const std::string path = PathOf(collection);
  if (!fs::is_directory(path)) return NotFound("no collection \"" + collection + "\" in " + data_);
  store::Store::Options options;
  options.shared = &shared_;
  options.read_only = true;
  options.salvage = salvage;
  auto store = store::Store::Open(path, options);
  if (store.ok() || store.status().code() == absl::StatusCode::kDataLoss || IsNewerFormat(store.status())) return store;
  return DataLoss(MessageOf(store.status()));
}

}  // namespace tessera::engine
