// write_released FOLDER: what this version writes, as FOLDER/<version>.tar.gz and, in words, FOLDER/<version>.txt.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/released/release_state.h"
#include "tests/temp_dir.h"

namespace tessera::released {
namespace {

namespace fs = std::filesystem;

// What nobody reads (index/store/README.md), and would be most of the bytes. A backup's are part of it.
void Strip(const fs::path& collections) {
  for (const auto& collection : fs::directory_iterator(collections)) {
    for (const auto& entry : fs::directory_iterator(collection)) {
      const std::string name = entry.path().filename();
      if (name.starts_with("OPTIONS-") || name.starts_with("LOG") || name == "LOCK") fs::remove(entry.path());
    }
  }
}

Status Write(const std::string& folder) {
  const testing::TempDir directory;
  const std::string data = directory.path() + "/data";
  std::string text;
  {
    TESSERA_ASSIGN_OR_RETURN(const auto catalog, Catalog::Open(Options(data)));
    TESSERA_RETURN_IF_ERROR(Fill(*catalog));
    TESSERA_ASSIGN_OR_RETURN(text, Describe(*catalog));
  }
  Strip(data + "/collections");
  fs::create_directories(folder);
  const std::string path = folder + "/" + TESSERA_VERSION;
  const std::string tar = "tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -C '" + directory.path() + "' -cf - data | gzip -9n > '" + path + ".tar.gz'";
  if (std::system(tar.c_str()) != 0) return Internal("tar failed");
  std::ofstream(path + ".txt") << text;
  return OkStatus();
}

}  // namespace
}  // namespace tessera::released

int main(int argc, char** argv) {
  if (argc != 2 || argv[1][0] == '-') {
    std::fprintf(stderr, "usage: write_released FOLDER\n");
    return 2;
  }
  const tessera::Status written = tessera::released::Write(argv[1]);
  if (written.ok()) return 0;
  std::fprintf(stderr, "write_released: %s\n", tessera::MessageOf(written).c_str());
  return 1;
}
