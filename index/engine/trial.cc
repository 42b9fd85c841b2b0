#include "index/engine/trial.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <utility>

#include "index/base/thread_cpu.h"
#include "index/quant/encoder.h"

namespace tessera::engine {
namespace {

constexpr size_t kBlockRows = 4096;  // encoded at a time
constexpr size_t kErrorRows = 1000;  // that are decoded for the error

// Codes of all rows, in one array each.
struct Codes {
  std::vector<uint8_t> codes;
  std::vector<float> corrections;
  std::vector<uint8_t> refine;
};

// Blocks in parallel, each on one thread, whose CPU time is summed up.
Codes EncodeAll(const quant::TrainedModel& trained, MatrixView<const float> rows,
                Executor& executor, Trial& trial) {
  const quant::Model& model = *trained.model;
  const size_t n = rows.rows();
  const size_t code_bytes = model.code_bytes();
  const size_t refine_bytes = model.refine_bytes();
  Codes all{std::vector<uint8_t>(n * code_bytes), std::vector<float>(n),
            std::vector<uint8_t>(n * refine_bytes)};
  trial.lists.resize(n);
  std::mutex mutex;
  ParallelFor(executor, n, kBlockRows, [&](size_t begin, size_t end) {
    const double start = ThreadCpuSeconds();
    InlineExecutor here;
    quant::EncodedRows block;
    quant::EncodeRows(model, *trained.lists, rows.Slice(begin, end - begin), here, block);
    std::copy(block.lists.begin(), block.lists.end(),
              trial.lists.begin() + static_cast<ptrdiff_t>(begin));
    std::copy(block.codes.begin(), block.codes.end(), all.codes.data() + begin * code_bytes);
    std::copy(block.corrections.begin(), block.corrections.end(), all.corrections.data() + begin);
    std::copy(block.refine.begin(), block.refine.end(), all.refine.data() + begin * refine_bytes);
    const double seconds = ThreadCpuSeconds() - start;
    std::lock_guard lock(mutex);
    trial.encode_cpu_seconds += seconds;
  });
  return all;
}

lists::ListSet FillLists(const quant::TrainedModel& trained, const Codes& codes,
                         const std::vector<ListId>& list_of) {
  const quant::Model& model = *trained.model;
  const lists::RowLayout layout = LayoutOf(&model, model.dim);
  std::vector<std::vector<lists::NewRow>> by_list(trained.lists->nlist());
  for (size_t i = 0; i < list_of.size(); ++i) {
    lists::NewRow row;
    row.row = RowId{static_cast<uint32_t>(i)};
    row.number = i;
    row.code = codes.codes.data() + i * model.code_bytes();
    row.correction = model.CorrectionUnits(list_of[i], codes.corrections[i]);
    row.record = codes.refine.data() + i * model.refine_bytes();
    by_list[list_of[i].value].push_back(row);
  }
  const lists::ListSet empty(trained.lists->nlist(), layout);
  lists::ListSetEditor editor(empty);
  for (uint32_t l = 0; l < by_list.size(); ++l) {
    if (by_list[l].empty()) continue;
    editor.SetList(ListId{l}, lists::ListSetEditor::BuildList(by_list[l], layout));
  }
  return editor.Finish();
}

double SquaredDistance(const float* a, const float* b, size_t dim) {
  double sum = 0;
  for (size_t j = 0; j < dim; ++j) {
    const double d = double{a[j]} - double{b[j]};
    sum += d * d;
  }
  return sum;
}

void MeasureError(const quant::TrainedModel& trained, MatrixView<const float> rows,
                  const Codes& codes, Trial& trial) {
  const quant::Model& model = *trained.model;
  const size_t step = std::max<size_t>(1, rows.rows() / kErrorRows);
  std::vector<float> decoded(model.dim);
  double error = 0;
  double variance = 0;
  size_t counted = 0;
  for (size_t i = 0; i < rows.rows(); i += step, ++counted) {
    quant::DecodeRow(model, *trained.lists, trial.lists[i],
                     codes.codes.data() + i * model.code_bytes(), decoded.data());
    error += SquaredDistance(rows.row(i), decoded.data(), model.dim);
    variance += SquaredDistance(rows.row(i), model.mean.data(), model.dim);
  }
  trial.squared_error = error / static_cast<double>(counted);
  trial.relative_error = variance > 0 ? error / variance : 0;
}

}  // namespace

StatusOr<Trial> MakeTrial(const QuantizerSpec& spec, Metric metric, MatrixView<const float> rows,
                          Executor& executor, const TrainingContext& context) {
  const auto begin = std::chrono::steady_clock::now();
  TESSERA_ASSIGN_OR_RETURN(const quant::TrainedModel trained,
                           quant::TrainModel(spec, metric, rows, rows.rows(), context));
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
  TESSERA_RETURN_IF_ERROR(context.stop.Check());
  TESSERA_ASSIGN_OR_RETURN(Trial trial, MakeTrial(trained, rows, executor, context));
  trial.train_seconds = elapsed.count();
  return trial;
}

StatusOr<Trial> MakeTrial(const quant::TrainedModel& trained, MatrixView<const float> rows,
                          Executor& executor, const TrainingContext& context) {
  Trial trial;
  const Codes codes = EncodeAll(trained, rows, executor, trial);
  MeasureError(trained, rows, codes, trial);
  trial.snapshot.generation = Generation{1};
  trial.snapshot.model = trained.model;
  trial.snapshot.table = trained.lists;
  trial.snapshot.lists = FillLists(trained, codes, trial.lists);
  trial.snapshot.next_row = static_cast<uint32_t>(rows.rows());
  TESSERA_RETURN_IF_ERROR(context.stop.Check());
  return trial;
}

void Describe(const Trial& trial, EvaluatedQuantizer& out) {
  const Snapshot& snapshot = trial.snapshot;
  const auto n = static_cast<double>(trial.lists.size());
  const lists::ListBytes bytes = snapshot.lists.Bytes();
  const uint64_t resident = bytes.codes + bytes.corrections + bytes.records + bytes.row_ids +
                            bytes.external_ids + bytes.padding + bytes.headers +
                            snapshot.table->bytes() + snapshot.model->bytes();
  out.spec = snapshot.model->spec;
  out.nlist = snapshot.table->nlist();
  out.code_bytes = static_cast<double>(bytes.codes + bytes.corrections) / n;
  out.refine_bytes = static_cast<double>(bytes.records) / n;
  out.resident_bytes = static_cast<double>(resident) / n;
  out.train_seconds = trial.train_seconds;
  if (trial.encode_cpu_seconds > 0) out.encode_rows_per_second = n / trial.encode_cpu_seconds;
  out.squared_error = trial.squared_error;
  out.relative_error = trial.relative_error;
}

}  // namespace tessera::engine
