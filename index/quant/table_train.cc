#include "index/quant/table_train.h"

#include <utility>

#include "index/quant/additive_train.h"
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

}  // namespace

StatusOr<TableCode> TrainTableCode(const QuantizerSpec& spec, MatrixView<const float> rows,
                                   uint32_t iterations, const TrainingContext& context) {
  TableLayout layout = LayoutOf(spec, static_cast<uint32_t>(rows.dim()));
  const bool staged = spec.code == CodeKind::kAdditive || spec.code == CodeKind::kResidual;
  TESSERA_ASSIGN_OR_RETURN(auto codebooks,
                           staged ? TrainGroups(layout, rows, iterations, context)
                                  : TrainCodebooks(rows, layout.parts, iterations, context));
  return TableCode(std::move(layout), std::move(codebooks));
}

}  // namespace tessera::quant
