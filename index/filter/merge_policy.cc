#include "index/filter/merge_policy.h"

#include <algorithm>
#include <bit>

namespace tessera::filter {
namespace {

constexpr unsigned kTiers = 11;  // of 8^10 rows and more

// Tier t: 8^t to 8^(t + 1) - 1 rows.
unsigned Tier(const SegmentSize& segment) {
  return segment.rows == 0 ? 0 : (static_cast<unsigned>(std::bit_width(segment.rows)) - 1) / 3;
}

// As many from `begin` on, below `end`, as fit into one segment.
size_t EndOfFitting(std::span<const SegmentSize> segments, size_t begin, size_t end) {
  size_t bytes = 0, at = begin;
  for (; at < end; ++at) {
    bytes += segments[at].bytes;
    if (bytes > kMergedBytes || segments[at].end - segments[begin].begin > kMergedRange) break;
  }
  return at;
}

}  // namespace

std::pair<size_t, size_t> InlineMerge(std::span<const SegmentSize> segments) {
  if (segments.empty()) return {0, 0};
  const unsigned tier = Tier(segments.back());
  size_t begin = segments.size();
  uint64_t rows = 0;
  while (begin > 0 && Tier(segments[begin - 1]) <= tier) rows += segments[--begin].rows;
  const bool worth = segments.size() - begin >= kFanOut && rows <= kInlineMergeRows &&
                     EndOfFitting(segments, begin, segments.size()) == segments.size();
  return worth ? std::pair{begin, segments.size()} : std::pair{size_t{0}, size_t{0}};
}

std::pair<size_t, size_t> BackgroundMerge(std::span<const SegmentSize> segments) {
  for (unsigned tier = 0; tier < kTiers; ++tier) {
    for (size_t begin = 0; begin < segments.size();) {
      size_t end = begin, of_tier = 0;
      for (; end < segments.size() && Tier(segments[end]) <= tier; ++end) {
        of_tier += Tier(segments[end]) == tier ? 1 : 0;
      }
      if (of_tier >= kFanOut) {
        for (size_t from = begin; from + 1 < end; ++from) {
          const size_t to = EndOfFitting(segments, from, end);
          if (to >= from + 2) return {from, to};
        }
      }
      begin = end + 1;
    }
  }
  return {0, 0};
}

}  // namespace tessera::filter
