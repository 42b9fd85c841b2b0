#include "index/engine/candidates.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>

#include "index/quant/model.h"
#include "index/quant/record_code.h"

namespace tessera::engine {
namespace {

// A kind of spec. "#" in its text stands for a number of units of unit_bits bits, which fills the
// budget. Budgets outside [from, to] bytes are left to other kinds.
struct Kind {
  std::string_view text;
  double unit_bits;
  double from;
  double to;
};

constexpr double kUnlimited = 1e6;

// In order of preference where recall is the same. Kinds that training does not know yet are passed
// over.
constexpr Kind kKinds[] = {
    {"IVF,PQ#x8", 8, 0, kUnlimited},
    {"OPQ,IVF,PQ#x8", 8, 0, kUnlimited},
    {"OPQ,IVF,PQ#x6", 6, 12, kUnlimited},
    {"IVF,PQ#x4", 4, 16, kUnlimited},
    {"OPQ,IVF,PQ#x4", 4, 16, kUnlimited},
    {"OPQ,IVF,MPQ#", 8, 12, 96},
    {"IVF,RQ#x8", 8, 0, 18},
    {"OPQ,IVF,PRQ#x2x8", 16, 8, 64},
    {"OPQ,IVF,PRQ#x3x8", 24, 8, 64},
    {"OPQ,IVF,PRQ#x5x8", 40, 12, 64},
    {"IVF,RaBitQ1", 0, 0, kUnlimited},
    {"IVF,RaBitQ2", 0, 0, kUnlimited},
    {"IVF,RaBitQ4", 0, 0, kUnlimited},
    {"IVF,SQ4", 0, 0, kUnlimited},
    {"IVF,SQ6", 0, 0, kUnlimited},
    {"IVF,SQ8", 0, 0, kUnlimited},
    {"IVF,PQ#x4,Refine(SQ4)", 4, 0, kUnlimited},
    {"IVF,PQ#x4,Refine(SQ8)", 4, 0, kUnlimited},
    {"IVF,PQ#x8,Refine(SQ8)", 8, 0, kUnlimited},
};

// The correction is a byte. Records are largest under L2 and cosine.
double BytesOf(const Kind& kind, const QuantizerSpec& spec, uint32_t dim, uint32_t units, bool refine_on_disk) {
  const auto record = [](const RecordSpec& of, uint32_t dims, quant::RecordUse use) -> double {
    return quant::RecordCode(of, Metric::kL2, dims, use).bytes();
  };
  const auto use = spec.kept_dim == 0 ? quant::RecordUse::kScanned : quant::RecordUse::kScannedPart;
  const double code = spec.code == CodeKind::kRecord ? record(spec.record, spec.coded_dim(dim), use)
                                                     : std::ceil(units * kind.unit_bits / 8) + 1;
  return refine_on_disk ? code : code + record(spec.refine, dim, quant::RecordUse::kRefine);
}

std::string TextOf(const Kind& kind, uint32_t units) {
  std::string text(kind.text);
  if (const size_t mark = text.find('#'); mark != std::string::npos) {
    text.replace(mark, 1, std::to_string(units));
  }
  return text;
}

// False where the kind has no spec of so many units on so many dimensions, or it takes more than
// `bytes`.
bool Make(const Kind& kind, uint32_t dim, uint32_t units, double bytes, bool refine_on_disk, Candidate& out) {
  const StatusOr<QuantizerSpec> spec = QuantizerSpec::Parse(TextOf(kind, units));
  if (!spec.ok() || !spec->Validate(dim).ok() || !quant::CheckTrainable(*spec).ok()) return false;
  out = {*spec, BytesOf(kind, *spec, dim, units, refine_on_disk)};
  return out.bytes <= bytes;
}

// The largest of the kind within `bytes`. What is valid and fits has no gaps in the number of units.
bool Fill(const Kind& kind, uint32_t dim, double bytes, bool refine_on_disk, Candidate& out) {
  if (bytes < kind.from || bytes > kind.to) return false;
  if (kind.text.find('#') == std::string_view::npos) return Make(kind, dim, 0, bytes, refine_on_disk, out);
  uint32_t fits = 0;
  auto above = static_cast<uint32_t>(std::clamp(bytes, 0.0, kUnlimited) * 8 / kind.unit_bits) + 1;
  while (above - fits > 1) {
    const uint32_t middle = fits + (above - fits) / 2;
    Candidate found;
    if (Make(kind, dim, middle, bytes, refine_on_disk, found)) {
      fits = middle;
      out = found;
    } else {
      above = middle;
    }
  }
  return fits > 0;
}

}  // namespace

std::vector<Candidate> Candidates(uint32_t dim, double bytes, bool refine_on_disk) {
  std::vector<Candidate> all;
  double largest = 0;
  for (const Kind& kind : kKinds) {
    Candidate candidate;
    if (!Fill(kind, dim, bytes, refine_on_disk, candidate)) continue;
    all.push_back(candidate);
    largest = std::max(largest, candidate.bytes);
  }
  std::erase_if(all, [&](const Candidate& c) { return c.bytes < largest / 2; });
  return all;
}

std::vector<std::string> CandidateKinds() {
  std::vector<std::string> texts;
  for (const Kind& kind : kKinds) texts.push_back(TextOf(kind, 1));
  return texts;
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
