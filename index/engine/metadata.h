// The small records of a collection's database: what it is, which generation is in force, how far it got.
#pragma once

#include <cstdint>
#include <string>

#include "index/collection.h"
#include "index/engine/code_error.h"
#include "index/status.h"
#include "index/store/store.h"

namespace tessera::engine {

// Record names in the default family.
inline constexpr const char* kSpecRecord = "spec";
inline constexpr const char* kActiveRecord = "active";
inline constexpr const char* kProgressRecord = "progress";
inline constexpr const char* kExpiringRecord = "expiring";  // empty; there from the first point that expires on
inline constexpr const char* kPlanRecord = "plan";  // text: how the quantizer in force was chosen
std::string ModelRecord(Generation generation);  // "model/<be32 as 8 hex digits>"
std::string CurveRecord(Generation generation);  // "curve/<be32 as 8 hex digits>"

// Written with every commit, so that numbers are dense and never given out twice.
struct Progress {
  uint64_t commit = 0;
  uint32_t next_row = 0;
  WrittenRows written;
};

// Bytes are described in index/engine/README.md; decoders return DataLoss.
std::string EncodeSpec(const CollectionSpec& spec);
StatusOr<CollectionSpec> DecodeSpec(const std::string& bytes);
std::string EncodeProgress(const Progress& progress);
StatusOr<Progress> DecodeProgress(const std::string& bytes);
struct Active {
  Generation generation;
  uint32_t nlist = 1;
  uint64_t rows = 0;  // of the collection when this generation was trained: decides when to train again
};
std::string EncodeActive(const Active& active);
StatusOr<Active> DecodeActive(const std::string& bytes);

}  // namespace tessera::engine
