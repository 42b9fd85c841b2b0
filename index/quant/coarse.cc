#include "index/quant/coarse.h"

#include <algorithm>
#include <cmath>

#include "index/base/prefetch.h"
#include "index/simd/kernels.h"

namespace tessera::quant {
namespace {

bool NearerList(const ProbedList& a, const ProbedList& b) {
  return a.base != b.base ? a.base < b.base : a.list < b.list;
}

float BaseOf(const Model& model, const ListTable& lists, const TransformedQuery& query,
             uint32_t list, float product) {
  if (model.metric == Metric::kInnerProduct) return FiniteEstimate(query.bias - product);
  return std::max(FiniteEstimate(query.y_norm2 + query.tail + lists.norms()[list] - 2.0f * product), 0.0f);
}

void SearchFloats(const Model& model, const ListTable& lists, const TransformedQuery& query,
                  CoarseScratch& scratch, std::vector<ProbedList>& out) {
  const uint32_t nlist = lists.nlist();
  scratch.bases.resize(nlist);
  simd::ActiveKernels().dot_rows(query.y.data(), lists.centroids().data(), nlist, lists.dim(),
                                 lists.dim(), scratch.bases.data());
  out.resize(nlist);
  for (uint32_t l = 0; l < nlist; ++l) {
    out[l] = {ListId(l), BaseOf(model, lists, query, l, scratch.bases[l])};
  }
}

// Queries whose products are made at once: their sums stay in the L2 cache.
constexpr size_t kTile = 8;

// How many lists are scored exactly to find `nprobe`: the bytes' scores have an error of about a
// hundredth, and more of very many lists stand within it.
size_t WantedByBytes(size_t nprobe, size_t nlist) {
  constexpr size_t kVeryMany = 16384;
  return nlist < kVeryMany ? nprobe + nprobe / 4 + 8 : nprobe + nprobe / 2 + 16;
}

class ByteSearch {
 public:
  ByteSearch(const Model& model, const ListTable& lists, CoarseScratch& scratch)
      : kernels_(simd::ActiveKernels()),
        model_(model),
        lists_(lists),
        matrix_(lists.byte_centroids()),
        s_(scratch) {}

  // Products of up to kTile queries.
  void Multiply(std::span<const TransformedQuery* const> queries) {
    const size_t stride = matrix_.padded_dim();
    s_.vectors.resize(kTile * stride);
    s_.steps.resize(kTile);
    s_.products.resize(kTile * matrix_.padded_rows());
    for (size_t i = 0; i < queries.size(); ++i) {
      QuantizeVector(queries[i]->y.data(), lists_.dim(), s_.query);
      std::copy(s_.query.bytes.begin(), s_.query.bytes.end(),
                s_.vectors.begin() + static_cast<ptrdiff_t>(i * stride));
      s_.steps[i] = s_.query.step;
    }
    matrix_.Products(s_.vectors.data(), queries.size(), stride, s_.products.data(),
                     matrix_.padded_rows());
  }

  // At least `count` lists for query i of the tile. False if the scores overflow.
  bool Select(size_t i, const TransformedQuery& query, size_t count, std::vector<ProbedList>& out) {
    const size_t nlist = lists_.nlist();
    const bool inner_product = model_.metric == Metric::kInnerProduct;
    // The 128 of the codes adds the same to all lists of a query.
    const float weight = (inner_product ? -1.0f : -2.0f) * s_.steps[i] * matrix_.step();
    if (!std::isfinite(weight * 0x1p31f)) return false;
    if (inner_product) s_.zeros.resize(nlist);
    const float* add = inner_product ? s_.zeros.data() : lists_.norms().data();
    s_.keys.resize(nlist);
    s_.chosen.resize(nlist + 16);
    kernels_.score_keys(s_.products.data() + i * matrix_.padded_rows(), add, weight, nlist,
                        s_.keys.data());
    const uint32_t bound = kernels_.bound_keys(s_.keys.data(), nlist, count, count + count / 4 + 8);
    const size_t chosen = kernels_.select_keys(s_.keys.data(), nlist, bound, s_.chosen.data());
    ScoreChosen(query, {s_.chosen.data(), chosen}, out);
    return true;
  }

  // The same in two levels, looking into the `group_count` nearest groups of lists. False also if
  // these hold fewer lists. L2 and cosine.
  bool SelectInGroups(const TransformedQuery& query, size_t group_count, size_t count,
                      std::vector<ProbedList>& out) {
    const CentroidGroups& groups = lists_.groups();
    QuantizeVector(query.y.data(), lists_.dim(), s_.query);
    const float weight = -2.0f * s_.query.step;
    if (!std::isfinite(weight * groups.lists().step() * 0x1p31f)) return false;
    const int8_t* vector = s_.query.bytes.data();
    s_.products.resize(std::max(groups.centers().padded_rows(), groups.lists().padded_rows()));
    s_.keys.resize(s_.products.size());
    s_.chosen.resize(s_.keys.size() + 16);
    groups.centers().BlockProducts(0, groups.centers().padded_rows() / 16, vector,
                                   s_.products.data());
    kernels_.score_keys(s_.products.data(), groups.center_norms().data(),
                        weight * groups.centers().step(), groups.count(), s_.keys.data());
    const uint32_t group_bound = kernels_.bound_keys(s_.keys.data(), groups.count(), group_count,
                                                     group_count + group_count / 8);
    const size_t chosen_groups =
        kernels_.select_keys(s_.keys.data(), groups.count(), group_bound, s_.chosen.data());
    s_.blocks.clear();
    for (size_t c = 0; c < chosen_groups; ++c) {
      const size_t g = s_.chosen[c];
      if (c + 1 < chosen_groups)
        Prefetch(groups.lists().block(groups.first_block(s_.chosen[c + 1])));
      const size_t at = s_.blocks.size() * 16;
      groups.lists().BlockProducts(groups.first_block(g), groups.blocks(g), vector,
                                   s_.products.data());
      kernels_.score_keys(
          s_.products.data(), groups.list_norms().data() + groups.first_block(g) * 16,
          weight * groups.lists().step(), groups.blocks(g) * 16, s_.keys.data() + at);
      for (size_t b = 0; b < groups.blocks(g); ++b) {
        s_.blocks.push_back(static_cast<uint32_t>(groups.first_block(g) + b));
      }
    }
    const size_t n = s_.blocks.size() * 16;
    if (n < 2 * count) return false;
    const uint32_t bound = kernels_.bound_keys(s_.keys.data(), n, count, count + count / 4 + 8);
    const size_t chosen = kernels_.select_keys(s_.keys.data(), n, bound, s_.chosen.data());
    size_t kept = 0;
    for (size_t c = 0; c < chosen; ++c) {
      const uint32_t l =
          groups.list_at(s_.blocks[s_.chosen[c] / 16] * size_t{16} + s_.chosen[c] % 16);
      if (l != CentroidGroups::kPadding) s_.chosen[kept++] = l;
    }
    if (kept < count) return false;
    ScoreChosen(query, {s_.chosen.data(), kept}, out);
    return true;
  }

 private:
  // The bases of lists that the bytes have chosen.
  void ScoreChosen(const TransformedQuery& query, std::span<const uint32_t> chosen,
                   std::vector<ProbedList>& out) const {
    out.resize(chosen.size());
    for (const uint32_t l : chosen)
      PrefetchRange(lists_.centroid(ListId(l)), lists_.dim() * sizeof(float));
    for (size_t c = 0; c < chosen.size(); ++c) {
      const ListId list(chosen[c]);
      const float product = kernels_.dot(query.y.data(), lists_.centroid(list), lists_.dim());
      out[c] = {list, BaseOf(model_, lists_, query, list.value, product)};
    }
  }

  const simd::Kernels& kernels_;
  const Model& model_;
  const ListTable& lists_;
  const ByteMatrix& matrix_;
  CoarseScratch& s_;
};

void KeepNearest(size_t nprobe, std::vector<ProbedList>& lists) {
  const auto end = lists.begin() + static_cast<ptrdiff_t>(nprobe);
  if (nprobe < lists.size()) std::nth_element(lists.begin(), end, lists.end(), NearerList);
  lists.resize(nprobe);
  std::sort(lists.begin(), lists.end(), NearerList);
}

}  // namespace

void CoarseSearchBatch(const Model& model, const ListTable& lists,
                       std::span<const TransformedQuery* const> queries, size_t nprobe,
                       CoarseScratch& scratch, std::span<std::vector<ProbedList>* const> out) {
  nprobe = std::min<size_t>(nprobe, lists.nlist());
  const bool by_bytes = nprobe > 0 && lists.byte_centroids().rows() > 0 &&
                        2 * WantedByBytes(nprobe, lists.nlist()) < lists.nlist();
  const size_t wanted = WantedByBytes(nprobe, lists.nlist());
  const size_t groups =
      model.metric == Metric::kInnerProduct || !by_bytes || lists.groups().count() == 0
          ? 0
          : lists.groups().GroupsFor(wanted);
  const bool in_groups = groups > 0 && groups < lists.groups().count();
  ByteSearch search(model, lists, scratch);
  for (size_t begin = 0; begin < queries.size(); begin += kTile) {
    const size_t n = std::min(kTile, queries.size() - begin);
    if (by_bytes && !in_groups) search.Multiply(queries.subspan(begin, n));
    for (size_t i = 0; i < n; ++i) {
      const TransformedQuery& query = *queries[begin + i];
      std::vector<ProbedList>& found = *out[begin + i];
      found.clear();
      if (nprobe == 0) continue;
      const bool chosen =
          by_bytes && (in_groups ? search.SelectInGroups(query, groups, wanted, found)
                                 : search.Select(i, query, wanted, found));
      if (!chosen) SearchFloats(model, lists, query, scratch, found);
      KeepNearest(nprobe, found);
      for (ProbedList& list : found) {
        list.scale = model.list_scale(list.list);
        list.origin = model.correction_origin(list.scale);
      }
    }
  }
}

void CoarseSearch(const Model& model, const ListTable& lists, const TransformedQuery& query,
                  size_t nprobe, CoarseScratch& scratch, std::vector<ProbedList>& out) {
  const TransformedQuery* queries[] = {&query};
  std::vector<ProbedList>* outs[] = {&out};
  CoarseSearchBatch(model, lists, queries, nprobe, scratch, outs);
}

}  // namespace tessera::quant
