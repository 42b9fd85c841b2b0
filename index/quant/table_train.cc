#include "index/quant/table_train.h"

#include <utility>

#include "index/quant/codebooks.h"

namespace tessera::quant {

StatusOr<TableCode> TrainTableCode(const QuantizerSpec& spec, MatrixView<const float> rows,
                                   uint32_t iterations, const TrainingContext& context) {
  TableLayout layout = LayoutOf(spec, static_cast<uint32_t>(rows.dim()));
  TESSERA_ASSIGN_OR_RETURN(auto codebooks,
                           TrainCodebooks(rows, layout.parts, iterations, context));
  return TableCode(std::move(layout), std::move(codebooks));
}

}  // namespace tessera::quant
