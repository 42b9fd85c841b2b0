// Faiss, https://github.com/facebookresearch/faiss, as Debian's libfaiss-dev builds it.
#include <faiss/AutoTune.h>
#include <faiss/IVFlib.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/IndexIVFPQFastScan.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/index_factory.h>
#include <faiss/index_io.h>
#include <faiss/invlists/BlockInvertedLists.h>
#include <faiss/utils/utils.h>
#include <omp.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <utility>

#include "bench/peers/rival.h"
#include "bench/report/statistics.h"

namespace tessera::bench {
namespace {

// Faiss reports errors by exceptions.
Status Guarded(const std::string& what, const std::function<void()>& body) {
  try {
    body();
    return OkStatus();
  } catch (const std::exception& error) {
    return InvalidArgument(what + ": " + error.what());
  }
}

class FaissRival final : public Rival {
 public:
  FaissRival(std::string spec, std::unique_ptr<faiss::Index> index)
      : spec_(std::move(spec)), index_(std::move(index)) {}

  std::string remark() const override {
    const std::string version = std::to_string(FAISS_VERSION_MAJOR) + "." +
                                std::to_string(FAISS_VERSION_MINOR) + "." +
                                std::to_string(FAISS_VERSION_PATCH);
    const std::string options = faiss::get_compile_options();
    std::string line = "faiss " + version + ", compiled as: " + options;
    if (options.find("AVX") == std::string::npos) {
      line += " (baseline without AVX2: its recall and bytes count, its speed does not)";
    }
    return line;
  }

  Status Build(MatrixView<const float> base, Row& row) override {
    return Guarded(spec_, [&] {
      const auto rows = static_cast<faiss::Index::idx_t>(base.rows());
      const double start = WallSeconds();
      index_->train(rows, base.data());
      const double trained = WallSeconds();
      index_->add(rows, base.data());
      row.train_seconds = trained - start;
      row.load_seconds = WallSeconds() - trained;
      AddRaw(base);
    });
  }

  Status Save(const std::string& path) override {
    return Guarded(path, [&] { faiss::write_index(index_.get(), path.c_str()); });
  }

  Status Load(const std::string& path, MatrixView<const float> base) override {
    return Guarded(path, [&] {
      index_.reset(faiss::read_index(path.c_str()));
      AddRaw(base);
    });
  }

  Status Set(const Effort& effort, uint32_t k) override {
    if (effort.rerank.tier == RerankTier::kRefine) {
      return InvalidArgument("faiss reranks from raw vectors, not \"refine\"");
    }
    reranks_ = effort.rerank.tier == RerankTier::kRaw;
    return Guarded(spec_, [&] {
      faiss::ivflib::extract_index_ivf(index_.get())->nprobe = effort.nprobe;
      if (reranks_) refined_->k_factor = static_cast<float>(effort.rerank.depth) / float(k);
    });
  }

  Status Search(MatrixView<const float> queries, uint32_t k, int64_t* ids) override {
    const faiss::Index& index = reranks_ ? *refined_ : *index_;
    scores_.resize(queries.rows() * k);
    return Guarded(spec_, [&] {
      index.search(static_cast<faiss::Index::idx_t>(queries.rows()), queries.data(), k,
                   scores_.data(), ids);
    });
  }

  void CountBytes(Row& row) const override {
    const double rows = static_cast<double>(index_->ntotal);
    const auto each = [&](size_t bytes) { return static_cast<double>(bytes) / rows; };
    size_t model = 0;
    if (const auto* chain = dynamic_cast<const faiss::IndexPreTransform*>(index_.get())) {
      for (const faiss::VectorTransform* step : chain->chain) {
        model += size_t(step->d_in) * size_t(step->d_out) * sizeof(float);
      }
    }
    const faiss::IndexIVF* ivf = faiss::ivflib::extract_index_ivf(index_.get());
    if (const auto* scan = dynamic_cast<const faiss::IndexIVFPQFastScan*>(ivf)) {
      model += (scan->pq.centroids.size() + scan->precomputed_table.size()) * sizeof(float);
    } else if (const auto* pq = dynamic_cast<const faiss::IndexIVFPQ*>(ivf)) {
      model += (pq->pq.centroids.size() + pq->precomputed_table.size()) * sizeof(float);
    }
    row.bytes_model = each(model);
    row.bytes_centroids = each(ivf->nlist * size_t(ivf->d) * sizeof(float));
    row.bytes_codes = static_cast<double>(ivf->code_size);
    row.bytes_external_ids = sizeof(faiss::Index::idx_t);
    if (const auto* blocks = dynamic_cast<const faiss::BlockInvertedLists*>(ivf->invlists)) {
      size_t held = 0;
      for (const auto& codes : blocks->codes) held += codes.size();
      row.bytes_padding = each(held) - row.bytes_codes;
    }
    if (reranks_) row.bytes_refine = static_cast<double>(size_t(index_->d) * sizeof(float));
  }

 private:
  // The rerank stands beside the index, not in its file: one build serves searches with and
  // without.
  void AddRaw(MatrixView<const float> base) {
    refined_ = std::make_unique<faiss::IndexRefineFlat>(index_.get(), base.data());
  }

  std::string spec_;
  std::unique_ptr<faiss::Index> index_;
  std::unique_ptr<faiss::IndexRefineFlat> refined_;  // refers to index_
  bool reranks_ = false;
  std::vector<float> scores_;
};

}  // namespace

StatusOr<std::unique_ptr<Rival>> MakeFaiss(const std::string& spec, size_t dim, Metric metric) {
  omp_set_num_threads(1);
  // Of unit vectors L2 gives the order of cosine, and Faiss' residual codes were made for it.
  const auto kind =
      metric == Metric::kInnerProduct ? faiss::METRIC_INNER_PRODUCT : faiss::METRIC_L2;
  std::unique_ptr<faiss::Index> index;
  TESSERA_RETURN_IF_ERROR(Guarded("--spec " + spec, [&] {
    index.reset(faiss::index_factory(static_cast<int>(dim), spec.c_str(), kind));
    if (faiss::ivflib::try_extract_index_ivf(index.get()) == nullptr) {
      throw std::invalid_argument("not an inverted file (IVF)");
    }
  }));
  return std::unique_ptr<Rival>(std::make_unique<FaissRival>(spec, std::move(index)));
}

}  // namespace tessera::bench
