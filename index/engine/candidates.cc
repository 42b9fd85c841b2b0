#include "index/engine/candidates.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>

namespace tessera::engine {
namespace {

// A kind of spec. "#" in its text stands for a number of units of unit_bits bits, which fills the
// budget; beside them it takes dim_bits a dimension and `fixed` bytes. Budgets below `from` bytes
// are left to other kinds.
struct Kind {
  std::string_view text;
  double unit_bits;
  double dim_bits;
  double fixed;
  double from;
};

constexpr double kUnlimited = 1e6;

// Fixed bytes: 1 for the correction, 8 for the scale and sum of a refine record.
constexpr Kind kKinds[] = {
    {"IVF,PQ#x8", 8, 0, 1, 0},
    {"OPQ,IVF,PQ#x8", 8, 0, 1, 0},
    {"OPQ,IVF,PQ#x6", 6, 0, 1, 12},
    {"IVF,PQ#x4", 4, 0, 1, 16},
    {"OPQ,IVF,PQ#x4", 4, 0, 1, 16},
    {"IVF,PQ#x4,Refine(SQ8)", 4, 8, 9, 0},
    {"IVF,PQ#x8,Refine(SQ8)", 8, 8, 9, 0},
};

double BytesOf(const Kind& kind, uint32_t dim, uint32_t units) {
  return std::ceil(units * kind.unit_bits / 8) + std::ceil(kind.dim_bits * dim / 8) + kind.fixed;
}

// False where the kind has no spec of so many units on so many dimensions.
bool Make(const Kind& kind, uint32_t dim, uint32_t units, Candidate& out) {
  std::string text(kind.text);
  if (const size_t mark = text.find('#'); mark != std::string::npos) {
    text.replace(mark, 1, std::to_string(units));
  }
  const StatusOr<QuantizerSpec> spec = QuantizerSpec::Parse(text);
  if (!spec.ok() || !spec->Validate(dim).ok()) return false;
  out = {*spec, BytesOf(kind, dim, units)};
  return true;
}

// The largest of the kind within `bytes`: validity in the number of units has no gaps.
bool Fill(const Kind& kind, uint32_t dim, double bytes, Candidate& out) {
  if (bytes < kind.from || BytesOf(kind, dim, 0) > bytes) return false;
  if (kind.text.find('#') == std::string_view::npos) return Make(kind, dim, 0, out);
  const double left = bytes - BytesOf(kind, dim, 0);
  uint32_t valid = 0;
  uint32_t units = static_cast<uint32_t>(std::min(std::floor(left) * 8 / kind.unit_bits, kUnlimited));
  if (units == 0) return false;
  if (Make(kind, dim, units, out)) return true;
  while (units - valid > 1) {
    const uint32_t middle = valid + (units - valid) / 2;
    Candidate found;
    if (Make(kind, dim, middle, found)) {
      valid = middle;
      out = found;
    } else {
      units = middle;
    }
  }
  return valid > 0;
}

}  // namespace

std::vector<Candidate> Candidates(uint32_t dim, double bytes) {
  std::vector<Candidate> all;
  double largest = 0;
  for (const Kind& kind : kKinds) {
    Candidate candidate;
    if (!Fill(kind, dim, bytes, candidate)) continue;
    all.push_back(candidate);
    largest = std::max(largest, candidate.bytes);
  }
  std::erase_if(all, [&](const Candidate& c) { return c.bytes < largest / 2; });
  return all;
}

double LargestCandidate(uint32_t dim) {
  double largest = 0;
  for (const Candidate& c : Candidates(dim, kUnlimited)) largest = std::max(largest, c.bytes);
  return largest;
}

std::vector<double> BudgetSteps(double min, double max) {
  const int steps = std::max(0, static_cast<int>(std::lround(std::log2(max / min) * 2)));
  std::vector<double> budgets;
  for (int i = 0; i < steps; ++i) budgets.push_back(min * std::pow(max / min, double(i) / steps));
  budgets.push_back(max);
  return budgets;
}

}  // namespace tessera::engine
