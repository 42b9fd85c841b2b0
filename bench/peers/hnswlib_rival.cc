// hnswlib, https://github.com/nmslib/hnswlib, from Debian's libhnswlib-dev. Header only, so this
// file is compiled for the machine at hand: the library picks its distances by what the compiler
// says.
#include <hnswlib/hnswlib.h>

#include <charconv>
#include <exception>
#include <functional>
#include <string_view>
#include <utility>

#include "bench/peers/rival.h"
#include "bench/report/statistics.h"

namespace tessera::bench {
namespace {

constexpr size_t kDefaultBuildEf = 200;
constexpr size_t kMostLinks = 1000;

using Graph = hnswlib::HierarchicalNSW<float>;

Status Guarded(const std::string& what, const std::function<void()>& body) {
  try {
    body();
    return OkStatus();
  } catch (const std::exception& error) {
    return InvalidArgument(what + ": " + error.what());
  }
}

struct GraphSpec {
  size_t links = 0;  // M
  size_t build_ef = kDefaultBuildEf;
};

// Takes `prefix` and a number off the front of `text`; false if they are not there.
bool TakeNumber(std::string_view prefix, std::string_view& text, size_t& number) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(stop - text.data()));
  return true;
}

StatusOr<GraphSpec> ParseSpec(const std::string& spec) {
  GraphSpec out;
  std::string_view rest = spec;
  const bool good = TakeNumber("M", rest, out.links) &&
                    (rest.empty() || TakeNumber(",ef", rest, out.build_ef)) && rest.empty();
  if (!good || out.links < 2 || out.links > kMostLinks || out.build_ef == 0) {
    return InvalidArgument("--spec " + spec + ": expected M16 or M16,ef200 (M from 2 to 1000)");
  }
  return out;
}

class HnswlibRival final : public Rival {
 public:
  HnswlibRival(std::string text, GraphSpec spec, size_t dim, Metric metric)
      : text_(std::move(text)), spec_(spec), dim_(dim) {
    if (metric == Metric::kL2) {
      space_ = std::make_unique<hnswlib::L2Space>(dim);
    } else {
      space_ = std::make_unique<hnswlib::InnerProductSpace>(dim);
    }
  }

  std::string remark() const override { return "hnswlib, float vectors in the graph"; }

  Status Build(MatrixView<const float> base, Row& row) override {
    return Guarded(text_, [&] {
      const double start = WallSeconds();
      graph_ = std::make_unique<Graph>(space_.get(), base.rows(), spec_.links, spec_.build_ef);
      for (size_t i = 0; i < base.rows(); ++i) graph_->addPoint(base.row(i), i);
      row.train_seconds = 0;
      row.load_seconds = WallSeconds() - start;
    });
  }

  Status Save(const std::string& path) override {
    return Guarded(path, [&] { graph_->saveIndex(path); });
  }

  Status Load(const std::string& path, MatrixView<const float>) override {
    return Guarded(path, [&] { graph_ = std::make_unique<Graph>(space_.get(), path); });
  }

  Status Set(const Effort& effort, uint32_t) override {
    if (effort.rerank.tier != RerankTier::kNone) {
      return InvalidArgument("hnswlib compares raw vectors, it has no rerank");
    }
    graph_->setEf(effort.nprobe);
    return OkStatus();
  }

  Status Search(MatrixView<const float> queries, uint32_t k, int64_t* ids) override {
    return Guarded(text_, [&] {
      std::fill(ids, ids + queries.rows() * k, -1);
      for (size_t i = 0; i < queries.rows(); ++i) {
        auto found = graph_->searchKnn(queries.row(i), k);
        for (size_t at = found.size(); at-- > 0; found.pop()) {
          ids[i * k + at] = static_cast<int64_t>(found.top().second);
        }
      }
    });
  }

  void CountBytes(Row& row) const override {
    const size_t count = graph_->cur_element_count;
    // A pointer, a level and two locks a vector; links of level 0 at once, of others by their
    // level.
    size_t links =
        count * (sizeof(char*) + sizeof(int) + 2 * sizeof(std::mutex) + graph_->size_links_level0_);
    for (size_t i = 0; i < count; ++i) {
      links += static_cast<size_t>(graph_->element_levels_[i]) * graph_->size_links_per_element_;
    }
    row.bytes_headers = static_cast<double>(links) / static_cast<double>(count);
    row.bytes_refine = static_cast<double>(dim_ * sizeof(float));
    row.bytes_external_ids = sizeof(hnswlib::labeltype);
  }

 private:
  std::string text_;
  GraphSpec spec_;
  size_t dim_;
  std::unique_ptr<hnswlib::SpaceInterface<float>> space_;
  std::unique_ptr<Graph> graph_;
};

}  // namespace

StatusOr<std::unique_ptr<Rival>> MakeHnswlib(const std::string& spec, size_t dim, Metric metric) {
  TESSERA_ASSIGN_OR_RETURN(const GraphSpec parsed, ParseSpec(spec));
  return std::unique_ptr<Rival>(std::make_unique<HnswlibRival>(spec, parsed, dim, metric));
}

}  // namespace tessera::bench
