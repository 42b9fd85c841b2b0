// A trained model and its centroids as one file: kind 0 of TSQQ (README.md describes the bytes).
#pragma once

#include <string>

#include "index/base/bytes.h"
#include "index/quant/model.h"
#include "index/status.h"

namespace tessera::quant {

inline constexpr uint32_t kQuantizerMagic = 0x51515354;  // "TSQQ"
inline constexpr uint32_t kQuantizerVersion = 2;

std::string SerializeTrained(const TrainedModel& trained);
// What follows the kind in a file of kind 0, to its end. DataLoss says what is wrong.
StatusOr<TrainedModel> ReadTrained(ByteReader& in);
// A whole file. DataLoss if it is damaged; FailedPrecondition if it is of another kind.
StatusOr<TrainedModel> ParseTrained(const std::string& bytes);

}  // namespace tessera::quant
