// NumPy's .npy, versions 1 to 3: magic, version, length of the header, and the header itself, a
// Python dictionary such as {'descr': '<f4', 'fortran_order': False, 'shape': (60000, 784), }.
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>

#include "client/formats/matrix_header.h"

namespace tessera::formats {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kMaxDictionaryBytes = 64 << 10;  // what version 1 can say; NumPy writes 118

Status NotNpy(const ByteSource& source, const std::string& why) {
  return InvalidArgument(source.name() + ": not a supported npy file: " + why);
}

std::string_view TrimLeft(std::string_view text) {
  while (!text.empty() && (text[0] == ' ' || text[0] == '\n')) text.remove_prefix(1);
  return text;
}

// The text behind 'key':, or nothing.
std::string_view ValueOf(std::string_view dictionary, const std::string& key) {
  for (const char quote : {'\'', '"'}) {
    const size_t at = dictionary.find(quote + key + quote);
    if (at == std::string_view::npos) continue;
    const std::string_view rest = TrimLeft(dictionary.substr(at + key.size() + 2));
    if (rest.starts_with(':')) return TrimLeft(rest.substr(1));
  }
  return {};
}

StatusOr<ItemType> ItemOfDescr(const ByteSource& source, std::string_view descr,
                               std::optional<ElementType> type) {
  const std::string_view name = descr.empty() ? descr : descr.substr(1, 3);
  if (descr.size() < 5 || descr[4] != descr[0]) return NotNpy(source, "items are no plain numbers");
  if (name == "<f4") return ItemType::kF32;
  if (name == "<f2") return ItemType::kF16;
  if (name == "<f8") return ItemType::kF64;
  if (name == "<i4") return ItemType::kI32;
  if (name == ">f4") return ItemType::kF32Big;
  if (name == "|i1") return ItemType::kI8;
  if (name == "|u1") return ItemType::kU8;
  if (name == "<V2" || name == "|V2" || name == "<u2") {  // what NumPy makes of bfloat16
    if (type == ElementType::kF16 || type == ElementType::kBf16) return ItemOf(*type);
    return NotNpy(source, "items are '" + std::string(name) + "', 16 bits of what? Name the type, f16 or bf16");
  }
  return NotNpy(source, "items are '" + std::string(name) + "', expected <f4, <f2, <f8, |i1, |u1");
}

// Parses "digits[ ],"; false if there is no such thing or it does not fit.
bool TakeNumber(std::string_view& text, uint64_t& number) {
  text = TrimLeft(text);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text = TrimLeft(text.substr(static_cast<size_t>(end - text.data())));
  return true;
}

// "(rows, dim)"
bool ParseShape(std::string_view text, MatrixHeader& header) {
  if (!text.starts_with('(')) return false;
  text.remove_prefix(1);
  if (!TakeNumber(text, header.rows) || !text.starts_with(',')) return false;
  text.remove_prefix(1);
  if (!TakeNumber(text, header.dim)) return false;
  if (text.starts_with(',')) text = TrimLeft(text.substr(1));
  return text.starts_with(')');
}

StatusOr<MatrixHeader> ParseDictionary(const ByteSource& source, std::string_view dictionary,
                                       std::optional<ElementType> type) {
  MatrixHeader header;
  TESSERA_ASSIGN_OR_RETURN(header.item, ItemOfDescr(source, ValueOf(dictionary, "descr"), type));
  if (!ValueOf(dictionary, "fortran_order").starts_with("False")) {
    return NotNpy(source, "expected C order ('fortran_order': False)");
  }
  const std::string_view shape = ValueOf(dictionary, "shape");
  if (!ParseShape(shape, header)) {
    return NotNpy(source, "shape is " + std::string(shape.substr(0, shape.find(')') + 1)) +
                              ", expected two dimensions");
  }
  TESSERA_RETURN_IF_ERROR(CheckShape(header, source.name()));
  return header;
}

}  // namespace

StatusOr<MatrixHeader> ReadNpyHeader(ByteSource& source, std::optional<ElementType> type) {
  constexpr size_t kShortPrefix = 10;  // magic, version, u16 length
  constexpr size_t kLongPrefix = 12;   // from version 2 on, a u32 length
  std::span<const uint8_t> window = source.Window(kLongPrefix);
  if (window.size() < kLongPrefix ||
      std::memcmp(window.data(), kMagic.data(), kMagic.size()) != 0) {
    TESSERA_RETURN_IF_ERROR(source.status());
    return NotNpy(source, "it does not begin with \\x93NUMPY and a version");
  }
  const uint8_t version = window[kMagic.size()];
  if (version < 1 || version > 3) {
    return NotNpy(source, "version " + std::to_string(version) + ", expected 1 to 3");
  }
  const size_t prefix = version == 1 ? kShortPrefix : kLongPrefix;
  uint32_t length = 0;
  std::memcpy(&length, window.data() + 8, prefix - 8);
  if (length > kMaxDictionaryBytes) {
    return NotNpy(source, "its header has " + std::to_string(length) + " bytes, expected at most " +
                              std::to_string(kMaxDictionaryBytes));
  }
  window = source.Window(prefix + length);
  if (window.size() < prefix + length) {
    TESSERA_RETURN_IF_ERROR(source.status());
    return DataLoss(source.name() + ": header cut off: expected " +
                    std::to_string(prefix + length) + " bytes, found " +
                    std::to_string(window.size()));
  }
  auto header =
      ParseDictionary(source, {reinterpret_cast<const char*>(window.data()) + prefix, length}, type);
  if (header.ok()) source.Consume(prefix + length);
  return header;
}

}  // namespace tessera::formats
