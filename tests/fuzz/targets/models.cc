#include <cstdint>
#include <vector>

#include "index/base/bytes.h"
#include "index/quant/encoder.h"
#include "index/quant/model.h"
#include "index/quant/quantizer_bytes.h"
#include "index/quantizer.h"
#include "tests/fuzz/targets/target.h"

namespace tessera::fuzz {
namespace {

constexpr uint8_t kFills[] = {0, 1, 255};

// A quantizer that was read decodes any code, or says that there is none such.
void RunQuantizer(const std::string& bytes) {
  const auto quantizer = Quantizer::Parse(bytes);
  if (!quantizer.ok()) return;
  const Quantizer& read = **quantizer;
  Require(read.dim() > 0 && read.code_bytes() > 0, "a quantizer has dimensions and codes");
  std::vector<float> out(read.dim());
  for (const uint8_t fill : kFills) {
    const std::vector<uint8_t> code(read.code_bytes(), fill);
    (void)read.Decode(code.data(), 1, out.data());
  }
}

void RunModel(const std::string& bytes) {
  const auto model = quant::Model::Parse(bytes);
  if (model.ok()) Require(quant::Model::Parse(model->Serialize()).ok(), "a model that is read can be read again");
}

// What a collection imports: codes and refine records of its rows are decoded, whatever they are.
void RunTrained(const std::string& bytes) {
  const auto trained = quant::ParseTrained(bytes);
  if (!trained.ok()) return;
  const quant::Model& model = *trained->model;
  const ListId last{trained->lists->nlist() - 1};
  std::vector<float> out(model.dim);
  for (const uint8_t fill : kFills) {
    const std::vector<uint8_t> code(model.code_bytes(), fill);
    quant::DecodeRow(model, *trained->lists, last, code.data(), out.data());
    const std::vector<uint8_t> record(model.refine_bytes(), fill);
    if (!record.empty()) model.refine.Decode(record.data(), out.data());
  }
}

}  // namespace

void RunModels(std::string_view bytes) {
  constexpr void (*kRuns[])(const std::string&) = {RunQuantizer, RunModel, RunTrained};
  const auto run = kRuns[Choose(bytes, std::size(kRuns))];
  std::string text(bytes);
  run(text);
  // With the crc right, so that what is behind it is reached.
  if (text.size() >= sizeof(uint32_t)) text.resize(text.size() - sizeof(uint32_t));
  ByteWriter(text).Put(Crc32c(std::string(text)));
  run(text);
}

}  // namespace tessera::fuzz
