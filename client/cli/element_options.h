// Options that say what the numbers of a vector file are.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "client/formats/vector_reader.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera::cli {

StatusOr<ElementType> ParseElementType(const std::string& text);  // f32, f16, bf16, i8, u8
// A finite number above 0.
StatusOr<float> ParseScale(const std::string& text);

// --dtype, --scale and --zero-point, into `open`, which must live as long as the command.
void AddElementOptions(CLI::App* command, formats::OpenOptions& open);

// InvalidArgument unless both are f32, f16 or bf16.
Status CheckConvertible(ElementType from, ElementType to);
// Widens or narrows the rows of `batch`, of f32, f16 or bf16, to `type`, one of these; from f32 to the nearest.
// Errors as CheckConvertible.
Status ConvertBatch(ElementType type, formats::VectorBatch& batch);

}  // namespace tessera::cli
