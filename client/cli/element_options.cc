#include "client/cli/element_options.h"

#include <charconv>
#include <cmath>
#include <vector>

#include "client/cli/options.h"
#include "index/elements.h"

namespace tessera::cli {
namespace {

bool IsInteger(ElementType type) { return type == ElementType::kI8 || type == ElementType::kU8; }

}  // namespace

StatusOr<ElementType> ParseElementType(const std::string& text) {
  for (const ElementType type : {ElementType::kF32, ElementType::kF16, ElementType::kBf16,
                                 ElementType::kI8, ElementType::kU8}) {
    if (text == ElementTypeName(type)) return type;
  }
  return InvalidArgument("no type \"" + text + "\", expected f32, f16, bf16, i8 or u8");
}

StatusOr<float> ParseScale(const std::string& text) {
  float scale = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, scale);
  if (error == std::errc() && stop == end && std::isfinite(scale) && scale > 0) return scale;
  return InvalidArgument("\"" + text + "\" is no finite number above 0");
}

void AddElementOptions(CLI::App* command, formats::OpenOptions& open) {
  const auto type = [&open](const std::string& text) {
    StatusOr<ElementType> parsed = ParseElementType(text);
    if (!parsed.ok()) throw CLI::ValidationError("--dtype", MessageOf(parsed.status()));
    open.type = *parsed;
  };
  command->add_option_function<std::string>(
      "--dtype", type,
      "f32, f16, bf16, i8 or u8: what the numbers of the file are, where it does not say so itself (bin, raw, npy "
      "of bfloat16, JSON lines of integers); else it is compared");
  CLI::Option* scale =
      AddParsed(command, "--scale", open.quantization.scale, ParseScale,
                "Of i8 and u8: an integer stands for (integer - zero point) * scale");
  command
      ->add_option("--zero-point", open.quantization.zero_point,
                   "Of i8 (-128 to 127) and u8 (0 to 255); 0 unless given")
      ->needs(scale);
}

Status CheckConvertible(ElementType from, ElementType to) {
  if (!IsInteger(from) && !IsInteger(to)) return OkStatus();
  return InvalidArgument(std::string("vectors of ") + ElementTypeName(from) +
                         " are stored as they are, not as " + ElementTypeName(to));
}

Status ConvertBatch(ElementType type, formats::VectorBatch& batch) {
  TESSERA_RETURN_IF_ERROR(CheckConvertible(batch.type, type));
  if (batch.type == type) return OkStatus();
  std::vector<float> floats;
  formats::AppendFloats(batch, floats);
  batch.type = type;
  batch.data.resize(floats.size() * ElementSize(type));
  FromFloats(type, floats.data(), floats.size(), batch.data.data());
  return OkStatus();
}

}  // namespace tessera::cli
