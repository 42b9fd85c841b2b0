#include "index/quant/quantizer_bytes.h"

#include <utility>
#include <vector>

#include "index/quant/rows.h"
#include "index/quant/spec_bytes.h"

namespace tessera::quant {

std::string SerializeTrained(const TrainedModel& trained) {
  std::string bytes;
  ByteWriter out(bytes);
  out.Put(kQuantizerMagic);
  out.Put(kQuantizerVersion);
  out.Put(static_cast<uint8_t>(CodeKind::kProduct));
  out.PutString(trained.model->Serialize());
  out.PutFloats(trained.lists->centroids().data(), trained.lists->centroids().size());
  out.Put(Crc32c(bytes));
  return bytes;
}

StatusOr<TrainedModel> ReadTrained(ByteReader& in) {
  const std::string_view model_bytes = in.GetString();
  if (!in.ok()) return DataLoss("quantizer: truncated in the model");
  TESSERA_ASSIGN_OR_RETURN(Model model, Model::Parse(std::string(model_bytes)));
  std::vector<float> centroids;
  if (!in.GetFloats(centroids, uint64_t{model.spec.nlist} * model.code_dim())) {
    return DataLoss("quantizer: centroids have the wrong length");
  }
  if (!in.Finished()) return DataLoss("quantizer: bytes follow the centroids");
  const MatrixView<const float> rows(centroids.data(), model.spec.nlist, model.code_dim());
  if (!CheckFinite(rows, "centroids").ok()) {
    return DataLoss("quantizer: centroids hold a value that is not finite");
  }
  const uint32_t dim = model.code_dim();
  return TrainedModel{std::make_shared<const Model>(std::move(model)),
                      std::make_shared<const ListTable>(dim, std::move(centroids))};
}

StatusOr<TrainedModel> ParseTrained(const std::string& bytes) {
  TESSERA_ASSIGN_OR_RETURN(const std::string_view body,
                           CheckEnvelope(bytes, kQuantizerMagic, kQuantizerVersion, "quantizer"));
  ByteReader in(body);
  const auto kind = in.Get<uint8_t>();
  if (kind != static_cast<uint8_t>(CodeKind::kProduct)) {
    return FailedPrecondition("quantizer: of kind " + std::to_string(kind) +
                              ", collections take product codes (kind 0)");
  }
  return ReadTrained(in);
}

}  // namespace tessera::quant
