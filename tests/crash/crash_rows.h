// What the killed process writes, known to both sides.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace tessera::crash {

inline constexpr uint32_t kDim = 16;
inline constexpr uint64_t kBatch = 100;

inline std::vector<float> BatchRows(uint64_t batch) {
  std::mt19937_64 random(batch + 1);
  std::normal_distribution<float> normal;
  std::vector<float> rows(kBatch * kDim);
  for (float& x : rows) x = normal(random) + static_cast<float>(batch % 5);
  return rows;
}

inline std::string PayloadOf(uint64_t id) { return "{\"n\":" + std::to_string(id) + "}"; }
// Of the batch's second row; PatchedOf is what it has then.
inline std::string PatchOf(uint64_t batch) { return "{\"batch\":" + std::to_string(batch) + ",\"n\":null}"; }
inline std::string PatchedOf(uint64_t batch) { return "{\"batch\":" + std::to_string(batch) + "}"; }
inline std::string RequestOf(uint64_t batch) { return "patch " + std::to_string(batch); }

}  // namespace tessera::crash
