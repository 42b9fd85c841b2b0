#include "index/quant/codebooks.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "index/quant/kmeans.h"
#include "index/quant/nearest.h"
#include "index/quant/random.h"
#include "index/quant/rows.h"

namespace tessera::quant {
namespace {

// Rows of a codeword used in training: more change little and cost time in proportion.
constexpr uint32_t kRowsPerCodeword = 256;

// k-means of dense rows of `dims` floats on this thread; out: the transposed codebook.
Status TrainCodebook(const std::vector<float>& rows, size_t dims, const KMeansOptions& options,
                     uint64_t seed, const StopToken& stop, float* out) {
  TrainingContext context;
  context.seed = seed;
  context.stop = stop;
  auto trained = TrainKMeans({rows.data(), rows.size() / dims, dims}, options, context);
  if (!trained.ok()) return trained.status();
  const std::vector<float> codebook = Transpose(trained->centroids.data(), options.k, dims);
  std::copy(codebook.begin(), codebook.end(), out);
  return OkStatus();
}

}  // namespace

StatusOr<std::vector<float>> TrainCodebooks(MatrixView<const float> rows,
                                            std::span<const TablePart> parts, uint32_t iterations,
                                            const TrainingContext& context) {
  std::vector<uint64_t> offsets;
  uint64_t floats = 0;
  uint64_t largest = 0;
  for (const TablePart& part : parts) {
    offsets.push_back(floats);
    floats += part.floats();
    largest = std::max<uint64_t>(largest, part.entries());
  }
  std::vector<float> sample;
  if (const uint64_t limit = largest * kRowsPerCodeword; rows.rows() > limit) {
    Random random(context.seed);
    sample = GatherRows(rows, SampleIndices(rows.rows(), limit, random));
    rows = MatrixView<const float>(sample.data(), limit, rows.dim());
  }
  std::vector<float> codebooks(floats);
  std::vector<Status> statuses(parts.size());
  std::atomic<size_t> done = 0;
  // Progress belongs to the training thread, which takes part in the loop.
  const auto training_thread = std::this_thread::get_id();
  const auto report = [&](size_t finished) {
    if (!context.progress || std::this_thread::get_id() != training_thread) return;
    context.progress(static_cast<double>(finished) / static_cast<double>(parts.size()), "codebooks");
  };
  InlineExecutor inline_executor;
  Executor& executor = context.executor ? *context.executor : inline_executor;
  ParallelFor(executor, parts.size(), 1, [&](size_t p, size_t) {
    const TablePart& part = parts[p];
    const KMeansOptions options{.k = part.entries(), .iterations = iterations};
    statuses[p] = TrainCodebook(CopyColumns(rows, part.begin, part.end), part.dims(), options,
                                Random(context.seed, p + 1).Next(), context.stop,
                                codebooks.data() + offsets[p]);
    report(done.fetch_add(1) + 1);
  });
  report(parts.size());
  for (const Status& status : statuses) TESSERA_RETURN_IF_ERROR(status);
  return codebooks;
}

}  // namespace tessera::quant
