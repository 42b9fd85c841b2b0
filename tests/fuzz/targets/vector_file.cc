#include <sys/mman.h>
#include <unistd.h>

#include <iterator>

#include "client/formats/neighbors.h"
#include "client/formats/payload_file.h"
#include "client/formats/vector_reader.h"
#include "tests/fuzz/targets/target.h"

namespace tessera::fuzz {
namespace {

using namespace formats;  // NOLINT(google-build-using-namespace)

void ReadAll(const OpenOptions& options, uint64_t skipped, size_t most_rows) {
  const auto reader = OpenVectors(options);
  if (!reader.ok() || !(*reader)->Skip(skipped).ok()) return;
  (void)(*reader)->total_rows();
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

void ReadPayloads(const std::string& path) {
  const auto payloads = PayloadFile::Open(path);
  if (!payloads.ok() || !(*payloads)->Skip(1).ok()) return;
  VectorBatch batch;
  batch.rows = 3;
  batch.first_row = 1;
  batch.end_row = 5;
  batch.row_numbers = {1, 2, 4};
  const Status filled = (*payloads)->Fill(batch);
  Require(!filled.ok() || batch.payloads.size() == batch.rows, "each good row has its line");
}

}  // namespace

MemoryFile::MemoryFile(std::string_view bytes) : fd_(memfd_create("fuzzed", MFD_CLOEXEC)) {
  Require(write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), "the bytes are written");
}

MemoryFile::~MemoryFile() { close(fd_); }

// The first byte chooses the format, the second the rest. HDF5 is left out: a library parses it, which promises nothing.
void RunVectorFile(std::string_view bytes) {
  constexpr Format kFormats[] = {Format::kAuto,  Format::kFvecs, Format::kBvecs, Format::kIvecs, Format::kFbin,
                                 Format::kU8bin, Format::kI8bin, Format::kNpy,   Format::kIdx,   Format::kJsonLines,
                                 Format::kBin,   Format::kRaw};
  OpenOptions options;
  options.format = kFormats[Choose(bytes, std::size(kFormats))];
  const size_t how = Choose(bytes, 8);
  if (how % 2 == 1) options.expected_dim = 3;
  if (how % 4 == 2) options.payload_field = kAllOtherFields;
  if (how % 4 == 3) options.payload_field = "payload";
  constexpr ElementType kTypes[] = {ElementType::kF16, ElementType::kU8, ElementType::kI8, ElementType::kBf16};
  if (how >= 4) options.type = kTypes[how - 4];
  const bool hdf5 = bytes.starts_with("\x89HDF");
  const bool gzip = bytes.starts_with("\x1f\x8b");
  if (hdf5) return;
  const MemoryFile file(bytes);
  options.path = file.path();
  // Deflate packs 1032 to one at best.
  const size_t most_rows = (gzip ? 1032 : 1) * bytes.size() + 1;
  ReadAll(options, 0, most_rows);
  ReadAll(options, 2, most_rows);
  if (how == 0) (void)ReadNeighbors(options.path, options.format);
  if (how == 1) ReadPayloads(options.path);
}

}  // namespace tessera::fuzz
