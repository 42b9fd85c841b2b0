#include "client/cli/load_state.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace tessera::cli {
namespace {

constexpr const char* kMagic = "tessera-load 1";
constexpr const char* kEndOfIdentity = "--";

std::string Hex(const std::string& bytes) {
  std::string out;
  for (const char c : bytes) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(static_cast<uint8_t>(c)));
    out += digits;
  }
  return out;
}

std::optional<std::string> Unhex(const std::string& text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  for (size_t i = 0; i < text.size(); i += 2) {
    uint8_t byte = 0;
    const char* end = text.data() + i + 2;
    const auto [stop, error] = std::from_chars(text.data() + i, end, byte, 16);
    if (error != std::errc() || stop != end) return std::nullopt;
    out += static_cast<char>(byte);
  }
  return out;
}

// "name 17"
bool ParseField(const std::string& line, const std::string& name, uint64_t& out) {
  if (!line.starts_with(name + " ")) return false;
  const char* begin = line.data() + name.size() + 1;
  const char* end = line.data() + line.size();
  const auto [stop, error] = std::from_chars(begin, end, out);
  return error == std::errc() && stop == end;
}

// "last-number 17", "last-key 6b6579" or "last-none"
bool ParseLastId(const std::string& line, std::optional<PointId>& out) {
  uint64_t number = 0;
  if (line == "last-none") return true;
  if (ParseField(line, "last-number", number)) {
    out = PointId(number);
    return true;
  }
  const std::string prefix = "last-key ";
  if (!line.starts_with(prefix)) return false;
  const auto key = Unhex(line.substr(prefix.size()));
  if (!key || key->empty() || key->size() > kMaxPointKeyBytes) return false;
  out = PointId(*key);
  return true;
}

// FNV-1a: names a file, no more.
uint64_t Hash(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  return hash;
}

}  // namespace

std::string FormatLoadState(const LoadState& state) {
  std::ostringstream out;
  out << kMagic << '\n' << state.identity << kEndOfIdentity << '\n';
  out << "file " << state.position.file << "\nrow " << state.position.row << "\nbase "
      << state.position.base << "\nloaded " << state.loaded << "\nrejected " << state.rejected
      << "\ncommit " << state.commit << '\n';
  if (!state.last_id) {
    out << "last-none\n";
  } else if (state.last_id->is_number()) {
    out << "last-number " << state.last_id->number() << '\n';
  } else {
    out << "last-key " << Hex(state.last_id->key()) << '\n';
  }
  out << "end\n";
  return out.str();
}

StatusOr<LoadState> ParseLoadState(const std::string& text) {
  std::istringstream in(text);
  std::string line;
  LoadState state;
  if (!std::getline(in, line) || line != kMagic) {
    return InvalidArgument("not the state of a load");
  }
  while (std::getline(in, line) && line != kEndOfIdentity) state.identity += line + '\n';
  const std::pair<const char*, uint64_t*> fields[] = {
      {"file", &state.position.file}, {"row", &state.position.row},
      {"base", &state.position.base}, {"loaded", &state.loaded},
      {"rejected", &state.rejected},  {"commit", &state.commit}};
  for (const auto& [name, value] : fields) {
    if (!std::getline(in, line) || !ParseField(line, name, *value)) {
      return InvalidArgument(std::string("the state of a load lacks \"") + name + "\"");
    }
  }
  if (!std::getline(in, line) || !ParseLastId(line, state.last_id) || !std::getline(in, line) ||
      line != "end") {
    return InvalidArgument("the state of a load is cut off");
  }
  return state;
}

StatusOr<LoadState> ReadLoadState(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    const std::string why = path + ": " + strerror(errno);
    return errno == ENOENT ? NotFound(why) : FailedPrecondition(why);
  }
  std::ostringstream text;
  text << in.rdbuf();
  StatusOr<LoadState> state = ParseLoadState(text.str());
  if (!state.ok()) return Annotate(state.status(), path + ": ");
  return state;
}

Status WriteLoadState(const std::string& path, const LoadState& state) {
  std::error_code ignored;
  const auto folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, ignored);
  const std::string tmp = path + ".tmp";
  {
    std::ofstream out(tmp, std::ios::binary | std::ios::trunc);
    out << FormatLoadState(state);
    out.flush();
    if (!out) return FailedPrecondition("cannot write " + tmp + ": " + strerror(errno));
  }
  if (std::rename(tmp.c_str(), path.c_str()) != 0) {
    return FailedPrecondition("cannot write " + path + ": " + strerror(errno));
  }
  return OkStatus();
}

void RemoveLoadState(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
}

std::string LoadIdentity(const std::vector<std::string>& what,
                         const std::vector<std::string>& files) {
  std::vector<std::string> lines = what;
  for (const std::string& file : files) {
    struct stat info {};
    if (file == "-" || stat(file.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return "";
    std::error_code failed;
    const auto real = std::filesystem::canonical(file, failed);
    lines.push_back("input " + (failed ? file : real.string()) + " bytes " +
                    std::to_string(info.st_size) + " modified " +
                    std::to_string(info.st_mtim.tv_sec) + "." +
                    std::to_string(info.st_mtim.tv_nsec));
  }
  std::string identity;
  for (std::string& line : lines) {
    std::ranges::replace(line, '\n', '?');
    identity += line + '\n';
  }
  return identity;
}

std::string DefaultLoadStatePath(const std::string& identity) {
  const char* state_home = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  std::string folder;
  if (state_home != nullptr && state_home[0] == '/') {
    folder = state_home;
  } else if (home != nullptr && home[0] == '/') {
    folder = std::string(home) + "/.local/state";
  } else {
    return "";
  }
  char name[32];
  std::snprintf(name, sizeof name, "load-%016llx",
                static_cast<unsigned long long>(Hash(identity)));
  return folder + "/tessera/" + name;
}

}  // namespace tessera::cli
