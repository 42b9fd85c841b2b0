// The file formats this folder knows, and how one is recognized.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "index/status.h"

namespace tessera::formats {

enum class Format {
  kAuto,       // by the file's name, else by its first bytes
  kFvecs,      // rows of: u32 dim, dim x f32          (little-endian, as all of the -vecs and -bin)
  kBvecs,      // rows of: u32 dim, dim x u8
  kIvecs,      // rows of: u32 dim, dim x i32
  kFbin,       // u32 rows, u32 dim, rows x dim x f32
  kU8bin,      // u32 rows, u32 dim, rows x dim x u8
  kI8bin,      // u32 rows, u32 dim, rows x dim x i8
  kBin,        // u32 rows, u32 dim, rows x dim x a type that the caller names
  kRaw,        // rows x dim x a type, both named by the caller; no header
  kNpy,        // NumPy array of two dimensions
  kIdx,        // MNIST's format: big-endian header, u8, i8 or f32 items
  kHdf5,       // a two-dimensional data set of an HDF5 file
  kJsonLines,  // {"id": 17, "vector": [...]} on each line
};

// "fvecs", "npy", "jsonl", ...; "auto" for kAuto.
const char* FormatName(Format format);
// The inverse of FormatName. InvalidArgument lists the known names.
StatusOr<Format> ParseFormat(const std::string& name);

// By the ending of the name, a last ".gz" aside; kAuto if it tells nothing.
Format FormatOfName(const std::string& path);
// By the first bytes (16 are enough); kAuto if they tell nothing. The -vecs and -bin formats have
// no signature. bin and raw are never guessed.
Format FormatOfMagic(std::span<const uint8_t> head);

}  // namespace tessera::formats
