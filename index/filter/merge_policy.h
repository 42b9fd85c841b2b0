// Which neighbouring segments to merge: by tiers of about equal size, so that a row is rewritten
// once a tier.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace tessera::filter {

struct SegmentSize {
  uint32_t begin = 0, end = 0;  // row ids
  uint64_t rows = 0;
  size_t bytes = 0;
};

inline constexpr size_t kFanOut = 8;
inline constexpr uint64_t kInlineMergeRows = 4096;  // merged at once, within With
inline constexpr uint64_t kMergedRange = 1 << 20;   // row ids of a merged segment
inline constexpr size_t kMergedBytes = size_t{1} << 30;

// The run [first, second) at the end to be merged within With, empty if none: at least kFanOut
// segments no larger in tier than the last, of at most kInlineMergeRows together.
std::pair<size_t, size_t> InlineMerge(std::span<const SegmentSize> segments);
// The run to be merged in the background, empty if none: neighbours with at least kFanOut of one
// tier, the smallest such tier, and what is smaller among them; as many as the limits allow.
std::pair<size_t, size_t> BackgroundMerge(std::span<const SegmentSize> segments);

}  // namespace tessera::filter
