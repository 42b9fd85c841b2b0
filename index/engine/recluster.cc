#include "index/engine/recluster.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>

#include "index/quant/kmeans.h"
#include "index/quant/list_scale.h"
#include "index/quant/nearest.h"

namespace tessera::engine {
namespace {

constexpr size_t kRandomCodes = 1024;

double SquaredDistance(const float* a, const float* b, size_t dim) {
  double sum = 0;
  for (size_t j = 0; j < dim; ++j) sum += (double{a[j]} - b[j]) * (double{a[j]} - b[j]);
  return sum;
}

}  // namespace

StatusOr<NewLists> Recluster(MatrixView<const float> rows, uint32_t k, size_t least, double unit, double limit) {
  KMeansOptions options;
  options.k = k;
  options.seeding = Seeding::kPlusPlus;
  options.max_rows_per_centroid = 1024;
  TESSERA_ASSIGN_OR_RETURN(quant::KMeansResult found, quant::TrainKMeans(rows, options, {}));
  const size_t dim = rows.dim();
  const std::vector<float> norms = quant::SquaredNorms(found.centroids.data(), k, dim);
  std::vector<uint32_t> labels(rows.rows());
  quant::NearestCentroid(dim, k, found.centroids.data(), norms.data(), rows.rows()).Assign(rows, labels.data());
  std::vector<double> squares(k);
  std::vector<size_t> counts(k);
  for (size_t i = 0; i < labels.size(); ++i) {
    const double square = SquaredDistance(rows.row(i), found.centroids.data() + labels[i] * dim, dim);
    squares[labels[i]] += limit > 0 ? std::min(square, limit) : square;
    ++counts[labels[i]];
  }
  NewLists lists;
  for (uint32_t c = 0; c < k; ++c) {
    if (counts[c] < least) continue;
    const float* centroid = found.centroids.data() + c * dim;
    lists.centroids.insert(lists.centroids.end(), centroid, centroid + dim);
    if (unit > 0) lists.scales.push_back(quant::ListScale(squares[c] / unit, static_cast<double>(counts[c])));
  }
  return lists;
}

double ScaleUnit(const quant::Model& model) {
  if (model.list_scales.empty()) return 0;
  std::mt19937 random(1);
  std::vector<uint8_t> codes(kRandomCodes * model.code_bytes());
  for (uint8_t& byte : codes) byte = static_cast<uint8_t>(random());
  std::vector<float> decoded(kRandomCodes * model.code_dim());
  model.code.Decode(codes.data(), kRandomCodes, decoded.data());
  double sum = 0;
  for (const float x : decoded) sum += double{x} * x;
  return sum / kRandomCodes;
}

}  // namespace tessera::engine
