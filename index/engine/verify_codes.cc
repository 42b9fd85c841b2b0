#include "index/engine/verify_codes.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace tessera::engine {
namespace {

// Two codes are as near where the squares of their errors differ by less. Where errors are weighed, or codes are
// searched for along several ways, a tie is one of these, not of plain squares.
constexpr double kTie = 1e-3;
constexpr double kWeighedTie = 2e-2;
constexpr float kCorrectionSlack = 1e-3f;  // of both together

double SquaredDistance(const float* a, const float* b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
  return sum;
}

bool SameRefine(const quant::Model& model, const uint8_t* a, const uint8_t* b) {
  if (std::memcmp(a, b, model.refine_bytes()) == 0) return true;
  std::vector<float> x(model.dim);
  std::vector<float> y(model.dim);
  model.refine.Decode(a, x.data());
  model.refine.Decode(b, y.data());
  const std::vector<float> zero(model.dim);
  return SquaredDistance(x.data(), y.data(), model.dim) <=
         kTie * (1e-12 + SquaredDistance(x.data(), zero.data(), model.dim));
}

bool AsNear(const quant::Model& model, const quant::ListTable& table, ListId list, const float* vector,
            const uint8_t* stored, const uint8_t* encoded) {
  std::vector<float> x(model.dim);
  std::vector<float> y(model.dim);
  quant::DecodeRow(model, table, list, stored, x.data());
  quant::DecodeRow(model, table, list, encoded, y.data());
  size_t covered = 0;
  for (size_t p = 0; p < model.code.parts(); ++p) covered += model.code.part(p).dims();
  const bool plain = model.error_weights.empty() && covered <= model.code.dim();
  const double error = SquaredDistance(vector, x.data(), model.dim);
  return error <= (1 + (plain ? kTie : kWeighedTie)) * SquaredDistance(vector, y.data(), model.dim) + 1e-12;
}

}  // namespace

void ListEncoder::Encode(ListId list, MatrixView<const float> rows, quant::EncodedRows& encoded) {
  if (!model_.list_scales.empty()) scratch_.list_scales = {model_.list_scale(list)};
  const float* centroid = table_.centroid(list);
  const quant::ListTable alone(table_.dim(), std::vector<float>(centroid, centroid + table_.dim()));
  quant::EncodeRows(scratch_, alone, rows, executor_, encoded);
  std::fill(encoded.lists.begin(), encoded.lists.end(), list);
}

CodeMatch CompareCodes(const quant::Model& model, const quant::ListTable& table, ListId list, const float* vector,
                       const StoredCodes& stored, size_t i, const quant::EncodedRows& encoded, size_t e) {
  const uint8_t* code = stored.codes.data() + i * model.code_bytes();
  const uint8_t* other = encoded.codes.data() + e * model.code_bytes();
  const uint8_t* refine = stored.refine.data() + i * model.refine_bytes();
  const uint8_t* other_refine = encoded.refine.data() + e * model.refine_bytes();
  const float a = stored.corrections[i];
  const float b = encoded.corrections[e];
  const bool same_code = std::memcmp(code, other, model.code_bytes()) == 0;
  if (same_code && a == b && std::memcmp(refine, other_refine, model.refine_bytes()) == 0) return CodeMatch::kSame;
  if (!SameRefine(model, refine, other_refine)) return CodeMatch::kOther;
  if (!same_code) return AsNear(model, table, list, vector, code, other) ? CodeMatch::kTied : CodeMatch::kOther;
  const float slack = kCorrectionSlack * (std::abs(a) + std::abs(b)) + model.correction_step;
  return std::abs(a - b) <= slack ? CodeMatch::kTied : CodeMatch::kOther;
}

}  // namespace tessera::engine
