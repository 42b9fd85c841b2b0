#include "index/quant/bit_allocation.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

namespace tessera::quant {
namespace {

constexpr uint32_t kStep = 2;

// Expected squared error of a sub-space at some bits.
class SubSpaceError {
 public:
  explicit SubSpaceError(const double* variances, size_t dims) : dims_(static_cast<double>(dims)) {
    double logarithms = 0;
    for (size_t j = 0; j < dims; ++j) {
      sum_ += variances[j];
      logarithms += std::log(std::max(variances[j], 1e-30));
    }
    level_ = dims_ * std::exp(logarithms / dims_);
  }
  double At(uint32_t bits) const {
    return bits == 0 ? sum_ : std::min(sum_, level_ * std::exp2(-2.0 * bits / dims_));
  }

 private:
  double dims_;
  double sum_ = 0;
  double level_;
};

size_t Count(const std::vector<uint8_t>& bits, uint8_t value) {
  return static_cast<size_t>(std::count(bits.begin(), bits.end(), value));
}

// A byte holds 6 bits beside 2 only: two of 6 become 8 and 4 where there are too few of 2. Sums of bytes leave
// an even number of them over.
void PairSixes(const std::vector<SubSpaceError>& errors, std::vector<uint8_t>& bits) {
  while (Count(bits, 6) > Count(bits, 2)) {
    size_t most = bits.size();
    size_t least = bits.size();
    for (size_t s = 0; s < bits.size(); ++s) {
      if (bits[s] != 6) continue;
      if (most == bits.size() || errors[s].At(6) > errors[most].At(6)) most = s;
      if (least == bits.size() || errors[s].At(6) <= errors[least].At(6)) least = s;
    }
    bits[most] = 8;
    bits[least] = 4;
  }
}

}  // namespace

uint32_t MixedSubSpaces(uint32_t dim, uint32_t bytes) {
  const uint32_t width = std::clamp(dim / (2 * bytes), 1u, 8u);
  return (dim + width - 1) / width;
}

std::vector<uint8_t> DealBits(const std::vector<double>& variances, uint32_t sub_spaces,
                              uint32_t bytes) {
  const std::vector<uint32_t> bounds =
      SubSpaceBounds(static_cast<uint32_t>(variances.size()), sub_spaces);
  std::vector<SubSpaceError> errors;
  for (uint32_t s = 0; s < sub_spaces; ++s) {
    errors.emplace_back(variances.data() + bounds[s], bounds[s + 1] - bounds[s]);
  }
  std::vector<uint8_t> bits(sub_spaces);
  for (uint32_t given = 0; given < 8 * bytes; given += kStep) {
    size_t to = sub_spaces;
    double most = 0;
    for (size_t s = 0; s < sub_spaces; ++s) {
      if (bits[s] == 8) continue;
      const double gain = errors[s].At(bits[s]) - errors[s].At(bits[s] + kStep);
      if (to == sub_spaces || gain > most) {
        most = gain;
        to = s;
      }
    }
    bits[to] = static_cast<uint8_t>(bits[to] + kStep);
  }
  PairSixes(errors, bits);
  return bits;
}

Status CheckMixedBits(const std::vector<uint8_t>& bits, uint32_t dim, uint32_t bytes) {
  if (bits.size() != MixedSubSpaces(dim, bytes)) {
    return InvalidArgument("mixed bits: of " + std::to_string(bits.size()) + " sub-spaces, expected " +
                           std::to_string(MixedSubSpaces(dim, bytes)));
  }
  for (const uint8_t b : bits) {
    if (b > 8 || b % kStep != 0) return InvalidArgument("mixed bits: " + std::to_string(b));
  }
  if (std::accumulate(bits.begin(), bits.end(), 0u) != 8 * bytes || Count(bits, 6) > Count(bits, 2)) {
    return InvalidArgument("mixed bits do not fill " + std::to_string(bytes) + " bytes");
  }
  return OkStatus();
}

TableLayout MixedLayout(uint32_t dim, std::vector<uint8_t> bits) {
  const std::vector<uint32_t> bounds = SubSpaceBounds(dim, static_cast<uint32_t>(bits.size()));
  std::vector<TablePart> of_bits[9];
  for (uint32_t s = bits.size(); s-- > 0;) {  // taken from the back
    of_bits[bits[s]].push_back({bounds[s], bounds[s + 1], bits[s]});
  }
  TableLayout layout;
  layout.dim = dim;
  layout.scan_bits = 8;
  layout.mixed_bits = std::move(bits);
  const auto take = [&](uint32_t b) {
    if (of_bits[b].empty()) return false;
    layout.parts.push_back(of_bits[b].back());
    of_bits[b].pop_back();
    return true;
  };
  while (take(8)) {
  }
  while (take(6)) take(2);
  while (take(4)) {
    if (take(4)) continue;
    take(2);
    take(2);
  }
  while (take(2)) {
  }
  return layout;
}

}  // namespace tessera::quant
