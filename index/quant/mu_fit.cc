#include "index/quant/mu_fit.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "index/quant/coarse.h"
#include "index/quant/encoder.h"
#include "index/quant/estimator.h"
#include "index/quant/query.h"
#include "index/quant/random.h"
#include "index/quant/rows.h"
#include "index/simd/kernels.h"

namespace tessera::quant {
namespace {

constexpr uint64_t kStream = 105;  // of random numbers, beside the trainer's
constexpr size_t kQueries = 512;
constexpr size_t kMinRows = 1000;
constexpr double kNeighbours = 10;
constexpr size_t kMaxRows = 262144;
// Table entries that one query adds up, about.
constexpr size_t kEntriesPerQuery = size_t{1} << 19;
constexpr uint32_t kListsPerProbe = 8;
// Rows of the best estimates at a middling mu: those of any other mu are among them.
constexpr size_t kCandidates = 256;
constexpr float kMiddle = 0.35f;
// Tried are 0, 0.05, .. 0.8.
constexpr size_t kSteps = 17;
constexpr float kStep = 0.05f;
// Steps on either side of the best that the parabola is laid through.
constexpr size_t kReach = 4;

using Hits = std::vector<uint64_t>;  // of each step

class MuFit {
 public:
  explicit MuFit(const MuFitInput& input)
      : input_(input), model_(input.model), probes_(std::max(1u, Lists() / kListsPerProbe)) {}

  StatusOr<float> Run() {
    const size_t budget = kEntriesPerQuery / EntriesPerRow() * Lists() / probes_;
    const size_t n = std::min({input_.sample.rows(), budget, kMaxRows});
    if (n < kMinRows) return model_.mu;
    Random random(input_.seed, kStream);
    const std::vector<uint32_t> indices = SampleIndices(input_.sample.rows(), n, random);
    rows_ = GatherRows(input_.sample, indices);
    EncodeRows(model_, input_.lists, View(), input_.executor, encoded_, &terms_);
    TESSERA_RETURN_IF_ERROR(input_.stop.Check());
    if (model_.record.empty()) ReadScanCodes(n);
    members_.resize(Lists());
    for (size_t i = 0; i < n; ++i) {
      members_[encoded_.lists[i].value].push_back(static_cast<uint32_t>(i));
    }
    const double share = static_cast<double>(n) / static_cast<double>(input_.total_rows);
    neighbours_ = static_cast<size_t>(std::clamp(std::round(kNeighbours * share), 1.0, 10.0));
    return Best(CountHits(SampleIndices(n, std::min(kQueries, n / 2), random)));
  }

 private:
  struct Scored {
    float score;
    uint32_t row;
    friend bool operator<(const Scored& a, const Scored& b) {
      return a.score != b.score ? a.score < b.score : a.row < b.row;
    }
  };
  struct Scratch {
    CoarseScratch lists;
    std::vector<ProbedList> probed;
    std::vector<float> tables;
    RecordQuery record;
    std::vector<Scored> truth;
    std::vector<Scored> estimates;  // without the term of mu
    std::vector<Scored> ranked;
  };

  // A table entry takes about as long as eight components of a record.
  size_t EntriesPerRow() const {
    return model_.record.empty() ? model_.code.scan_codes() : (model_.code_dim() + 7) / 8;
  }
  void ReadScanCodes(size_t n) {
    const size_t width = model_.code.scan_codes();
    scan_codes_.resize(n * width);
    for (size_t i = 0; i < n; ++i) {
      model_.code.ReadScanCodes(encoded_.codes.data() + i * model_.code_bytes(),
                                scan_codes_.data() + i * width);
    }
  }
  uint32_t Lists() const { return input_.lists.nlist(); }
  MatrixView<const float> View() const {
    return {rows_.data(), rows_.size() / model_.dim, model_.dim};
  }

  StatusOr<Hits> CountHits(const std::vector<uint32_t>& queries) const {
    std::vector<Hits> hits(queries.size());
    ParallelFor(input_.executor, queries.size(), 8, [&](size_t begin, size_t end) {
      Scratch scratch;
      for (size_t i = begin; i < end && input_.stop.Check().ok(); ++i) {
        hits[i] = Query(queries[i], scratch);
      }
    });
    TESSERA_RETURN_IF_ERROR(input_.stop.Check());
    Hits sum(kSteps);
    for (const Hits& one : hits) {
      for (size_t s = 0; s < kSteps; ++s) sum[s] += one[s];
    }
    return sum;
  }

  // The `count` least, in front, in order.
  static void Rank(std::vector<Scored>& scored, size_t count) {
    const auto middle = scored.begin() + static_cast<ptrdiff_t>(std::min(count, scored.size()));
    std::partial_sort(scored.begin(), middle, scored.end());
    scored.erase(middle, scored.end());
  }

  Hits Query(uint32_t row, Scratch& scratch) const {
    const float* q = rows_.data() + size_t{row} * model_.dim;
    TransformedQuery query;
    TransformQuery(model_, q, query);
    CoarseSearch(model_, input_.lists, query, probes_, scratch.lists, scratch.probed);
    Estimate(query, row, scratch);
    KeepCandidates(scratch);
    // Whatever mu is, no nearer row than these is found.
    scratch.truth.clear();
    for (const Scored& one : scratch.estimates) {
      const float* x = rows_.data() + size_t{one.row} * model_.dim;
      scratch.truth.push_back({simd::ActiveKernels().l2sqr(q, x, model_.dim), one.row});
    }
    Rank(scratch.truth, neighbours_);
    Hits hits(kSteps);
    for (size_t s = 0; s < kSteps; ++s) hits[s] = Found(static_cast<float>(s) * kStep, scratch);
    return hits;
  }

  // All rows of the probed lists but `row` itself, in `estimates`.
  void Estimate(const TransformedQuery& query, uint32_t row, Scratch& scratch) const {
    const bool records = !model_.record.empty();
    if (records) {
      model_.record.Prepare(query.y.data(), scratch.record);
    } else {
      scratch.tables.resize(size_t{model_.code.scan_codes()} * model_.code.scan_entries());
      model_.code.FillTables(query.y.data(), scratch.tables.data());
    }
    scratch.estimates.clear();
    for (const ProbedList& list : scratch.probed) {
      if (records) model_.record.EnterList(input_.lists.centroid(list.list), scratch.record);
      for (const uint32_t other : members_[list.list.value]) {
        if (other == row) continue;
        const float estimate =
            records ? ScoreRecord(other, list.base, scratch.record)
                    : list.base + terms_[other].fixed - 2.0f * list.scale * SumTables(other, scratch);
        scratch.estimates.push_back({estimate, other});
      }
    }
  }

  // The record was written with the present mu.
  float ScoreRecord(uint32_t row, float base, const RecordQuery& query) const {
    const uint8_t* record = encoded_.codes.data() + size_t{row} * model_.code_bytes();
    return model_.record.Score(query, base, record) + 2.0f * model_.mu * terms_[row].error;
  }

  float SumTables(uint32_t row, const Scratch& scratch) const {
    const uint32_t width = model_.code.scan_codes();
    const uint8_t* scan_codes = scan_codes_.data() + size_t{row} * width;
    const float* table = scratch.tables.data();
    float sum = 0;
    for (uint32_t s = 0; s < width; ++s, table += model_.code.scan_entries()) {
      sum += table[scan_codes[s]];
    }
    return sum;
  }

  // The rows of `estimates` at one mu, in `ranked`.
  void ScoreAt(float mu, Scratch& scratch) const {
    scratch.ranked.clear();
    for (const Scored& one : scratch.estimates) {
      scratch.ranked.push_back({one.score - 2.0f * mu * terms_[one.row].error, one.row});
    }
  }

  void KeepCandidates(Scratch& scratch) const {
    ScoreAt(kMiddle, scratch);
    if (scratch.ranked.size() > kCandidates) {
      std::nth_element(scratch.ranked.begin(), scratch.ranked.begin() + kCandidates,
                       scratch.ranked.end());
      scratch.ranked.resize(kCandidates);
    }
    scratch.estimates.clear();
    for (const Scored& one : scratch.ranked) {
      scratch.estimates.push_back({one.score + 2.0f * kMiddle * terms_[one.row].error, one.row});
    }
  }

  uint64_t Found(float mu, Scratch& scratch) const {
    ScoreAt(mu, scratch);
    Rank(scratch.ranked, neighbours_);
    uint64_t found = 0;
    for (const Scored& one : scratch.ranked) {
      for (const Scored& neighbour : scratch.truth) found += one.row == neighbour.row ? 1u : 0u;
    }
    return found;
  }

  static StatusOr<float> Best(const StatusOr<Hits>& hits);

  const MuFitInput& input_;
  const Model& model_;
  const uint32_t probes_;
  std::vector<float> rows_;
  EncodedRows encoded_;
  std::vector<CorrectionTerms> terms_;
  std::vector<uint8_t> scan_codes_;  // [row][scan code]
  std::vector<std::vector<uint32_t>> members_;
  size_t neighbours_ = 1;
};

// Recall rises and falls smoothly with mu, the counts scatter: the vertex of the least-squares
// parabola around the greatest, or that where the parabola does not bend down.
StatusOr<float> MuFit::Best(const StatusOr<Hits>& hits) {
  if (!hits.ok()) return hits.status();
  const auto greatest =
      static_cast<size_t>(std::max_element(hits->begin(), hits->end()) - hits->begin());
  const size_t middle = std::clamp(greatest, kReach, kSteps - 1 - kReach);
  // For u = -reach .. reach, symmetric: sums of odd powers are 0.
  double n = 0, u2 = 0, u4 = 0, y = 0, uy = 0, u2y = 0;
  for (size_t s = middle - kReach; s <= middle + kReach; ++s) {
    const double u = static_cast<double>(s) - static_cast<double>(middle);
    const auto h = static_cast<double>((*hits)[s]);
    n += 1;
    u2 += u * u;
    u4 += u * u * u * u;
    y += h;
    uy += u * h;
    u2y += u * u * h;
  }
  const double bend = (n * u2y - u2 * y) / (n * u4 - u2 * u2);
  if (!(bend < 0)) return static_cast<float>(greatest) * kStep;
  const double vertex = static_cast<double>(middle) - uy / u2 / (2 * bend);
  return static_cast<float>(std::clamp(vertex, 0.0, double{kSteps - 1}) * double{kStep});
}

}  // namespace

StatusOr<float> FitMu(const MuFitInput& input) { return MuFit(input).Run(); }

}  // namespace tessera::quant
