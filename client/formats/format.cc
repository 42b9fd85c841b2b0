#include "client/formats/format.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace tessera::formats {
namespace {

constexpr std::array<std::pair<Format, const char*>, 13> kNames = {{
    {Format::kAuto, "auto"},
    {Format::kFvecs, "fvecs"},
    {Format::kBvecs, "bvecs"},
    {Format::kIvecs, "ivecs"},
    {Format::kFbin, "fbin"},
    {Format::kU8bin, "u8bin"},
    {Format::kI8bin, "i8bin"},
    {Format::kBin, "bin"},
    {Format::kRaw, "raw"},
    {Format::kNpy, "npy"},
    {Format::kIdx, "idx"},
    {Format::kHdf5, "hdf5"},
    {Format::kJsonLines, "jsonl"},
}};

constexpr std::array<std::pair<std::string_view, Format>, 14> kEndings = {{
    {".fvecs", Format::kFvecs},
    {".bvecs", Format::kBvecs},
    {".ivecs", Format::kIvecs},
    {".fbin", Format::kFbin},
    {".u8bin", Format::kU8bin},
    {".i8bin", Format::kI8bin},
    {".npy", Format::kNpy},
    {".idx", Format::kIdx},
    {"-ubyte", Format::kIdx},  // train-images-idx3-ubyte
    {".hdf5", Format::kHdf5},
    {".h5", Format::kHdf5},
    {".jsonl", Format::kJsonLines},
    {".ndjson", Format::kJsonLines},
    {".json", Format::kJsonLines},
}};

bool StartsWith(std::span<const uint8_t> head, std::string_view magic) {
  return head.size() >= magic.size() &&
         std::equal(magic.begin(), magic.end(), head.begin(),
                    [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; });
}

// Two zero bytes, a type code of 0x08 to 0x0e, a count of dimensions. No -vecs file begins so,
// since its dim would be a multiple of 65536.
bool LooksLikeIdx(std::span<const uint8_t> head) {
  return head.size() >= 4 && head[0] == 0 && head[1] == 0 && head[2] >= 0x08 && head[2] <= 0x0e &&
         head[3] >= 1 && head[3] <= 8;
}

// An object's brace, after white space or a byte order mark, and text behind it. The byte after the
// brace keeps an fvecs file of dim 123 ('{') out.
bool LooksLikeJson(std::span<const uint8_t> head) {
  size_t i = StartsWith(head, "\xef\xbb\xbf") ? 3 : 0;
  while (i < head.size() && (head[i] == ' ' || (head[i] >= '\t' && head[i] <= '\r'))) ++i;
  return i + 1 < head.size() && head[i] == '{' && head[i + 1] != 0;
}

}  // namespace

const char* FormatName(Format format) {
  for (const auto& [value, name] : kNames) {
    if (value == format) return name;
  }
  return "unknown";
}

StatusOr<Format> ParseFormat(const std::string& name) {
  std::string known;
  for (const auto& [value, known_name] : kNames) {
    if (name == known_name) return value;
    known += known.empty() ? "" : ", ";
    known += known_name;
  }
  return InvalidArgument("unknown format \"" + name + "\", expected one of " + known);
}

Format FormatOfName(const std::string& path) {
  std::string_view name = path;
  if (name.ends_with(".gz")) name.remove_suffix(3);
  for (const auto& [ending, format] : kEndings) {
    if (name.ends_with(ending)) return format;
  }
  return Format::kAuto;
}

Format FormatOfMagic(std::span<const uint8_t> head) {
  if (StartsWith(head, "\x93NUMPY")) return Format::kNpy;
  if (StartsWith(head, "\x89HDF\r\n\x1a\n")) return Format::kHdf5;
  if (LooksLikeIdx(head)) return Format::kIdx;
  if (LooksLikeJson(head)) return Format::kJsonLines;
  return Format::kAuto;
}

}  // namespace tessera::formats
