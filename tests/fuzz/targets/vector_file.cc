#include <sys/mman.h>
#include <unistd.h>

#include <iterator>

#include "client/formats/neighbors.h"
#include "client/formats/vector_reader.h"
#include "tests/fuzz/targets/target.h"

namespace tessera::fuzz {
namespace {

using namespace formats;  // NOLINT(google-build-using-namespace)

// A file without a disk.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : fd_(memfd_create("fuzzed", MFD_CLOEXEC)) {
    Require(write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), "the bytes are written");
    lseek(fd_, 0, SEEK_SET);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { close(fd_); }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

void ReadAll(const OpenOptions& options, size_t most_rows) {
  const auto reader = OpenVectors(options);
  if (!reader.ok()) return;
  VectorBatch batch;
  size_t rows = 0;
  for (;;) {
    const auto more = (*reader)->Next(100, batch);
    if (!more.ok() || !*more) return;
    Require(batch.rows <= 100, "a batch has no more rows than were asked for");
    rows += batch.rows;
    Require(rows <= most_rows, "there are no more rows than bytes");
  }
}

}  // namespace

// The first byte chooses the format, the second the rest. HDF5 is left out: a library parses it, which promises nothing.
void RunVectorFile(std::string_view bytes) {
  constexpr Format kFormats[] = {Format::kAuto,  Format::kFvecs, Format::kBvecs, Format::kIvecs, Format::kFbin,
                                 Format::kU8bin, Format::kI8bin, Format::kNpy,   Format::kIdx,   Format::kJsonLines};
  OpenOptions options;
  options.format = kFormats[Choose(bytes, std::size(kFormats))];
  const size_t how = Choose(bytes, 4);
  if (how == 1) options.expected_dim = 3;
  if (how == 2) options.payload_field = kAllOtherFields;
  if (how == 3) options.payload_field = "payload";
  const bool hdf5 = bytes.starts_with("\x89HDF");
  const bool gzip = bytes.starts_with("\x1f\x8b");
  if (hdf5) return;
  const MemoryFile file(bytes);
  options.path = file.path();
  // Deflate packs 1032 to one at best.
  ReadAll(options, (gzip ? 1032 : 1) * bytes.size() + 1);
  if (how == 0) (void)ReadNeighbors(options.path, options.format);
}

}  // namespace tessera::fuzz
