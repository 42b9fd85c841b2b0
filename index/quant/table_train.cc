#include "index/quant/table_train.h"

#include <algorithm>
#include <utility>

#include "index/quant/additive_train.h"
#include "index/quant/bit_allocation.h"
#include "index/quant/codebooks.h"
#include "index/quant/progress.h"
#include "index/quant/random.h"
#include "index/quant/rows.h"

namespace tessera::quant {

namespace {

// Sub-space by sub-space; the work in each is shared out among threads.
StatusOr<std::vector<float>> TrainGroups(const TableLayout& layout, MatrixView<const float> rows,
                                         uint32_t iterations, const TrainingContext& context) {
  std::vector<float> codebooks;
  const size_t count = layout.parts.size();
  for (size_t first = 0, last; first < count; first = last) {
    const TablePart& part = layout.parts[first];
    for (last = first + 1; last < count && layout.parts[last].SameRange(part); ++last) {
    }
    const ProgressRange progress(context, static_cast<double>(first) / static_cast<double>(count),
                                 static_cast<double>(last) / static_cast<double>(count));
    TrainingContext group = progress.Part("codebooks");
    group.seed = Random(context.seed, first + 1).Next();
    const std::vector<float> columns = CopyColumns(rows, part.begin, part.end);
    TESSERA_ASSIGN_OR_RETURN(
        const TableCode code,
        TrainAdditive({columns.data(), rows.rows(), part.dims()},
                      static_cast<uint32_t>(last - first), part.bits, iterations, group));
    codebooks.insert(codebooks.end(), code.codebooks().begin(), code.codebooks().end());
  }
  return codebooks;
}

// Of each dimension.
std::vector<double> Variances(MatrixView<const float> rows) {
  std::vector<double> sums(rows.dim());
  std::vector<double> squares(rows.dim());
  for (size_t i = 0; i < rows.rows(); ++i) {
    for (size_t j = 0; j < rows.dim(); ++j) {
      const double v = double{rows.row(i)[j]};
      sums[j] += v;
      squares[j] += v * v;
    }
  }
  const auto n = static_cast<double>(rows.rows());
  for (size_t j = 0; j < rows.dim(); ++j) {
    squares[j] = std::max(0.0, squares[j] / n - sums[j] / n * (sums[j] / n));
  }
  return squares;
}

}  // namespace

StatusOr<TableCode> TrainTableCode(const QuantizerSpec& spec, MatrixView<const float> rows,
                                   uint32_t iterations, const TrainingContext& context) {
  const auto dim = static_cast<uint32_t>(rows.dim());
  const bool mixed = spec.code == CodeKind::kMixed;
  TableLayout layout =
      mixed ? MixedLayout(dim, DealBits(Variances(rows), MixedSubSpaces(dim, spec.mixed_bytes),
                                        spec.mixed_bytes))
            : LayoutOf(spec, dim);
  const bool staged = spec.code == CodeKind::kAdditive || spec.code == CodeKind::kResidual;
  TESSERA_ASSIGN_OR_RETURN(auto codebooks,
                           staged ? TrainGroups(layout, rows, iterations, context)
                                  : TrainCodebooks(rows, layout.parts, iterations, context));
  return TableCode(std::move(layout), std::move(codebooks));
}

}  // namespace tessera::quant
