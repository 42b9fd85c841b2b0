#include "index/engine/codebook_training.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "index/base/failpoint.h"
#include "index/engine/memory_advice.h"
#include "index/engine/sample.h"

namespace tessera::engine {
namespace {

constexpr uint64_t kHeldOutRows = 2000;  // measured, at most
constexpr uint64_t kSparedRowsPerList = 40;

QuantizerSpec AskedSpec(const Core& core, const TrainOptions& options) {
  if (options.quantizer) return *options.quantizer;
  std::lock_guard lock(core.spec_mutex);
  return core.spec.quantizer;
}

// Rows are left out of the training only where it does not lack them.
bool CanSpare(const QuantizerSpec& spec, uint64_t needed, const Snapshot& snapshot) {
  const uint64_t held_out = CountHeldOut(snapshot);
  const uint64_t left = snapshot.lists.live_rows() - held_out;
  return held_out >= kEnoughHeldOut && left >= std::max(needed, kSparedRowsPerList * spec.nlist);
}

StatusOr<std::vector<float>> TrainingSample(const Core& core, const Snapshot& snapshot,
                                            const QuantizerSpec& spec, const TrainOptions& options,
                                            bool spare, TrainedFor purpose, MemoryReservation& reserved) {
  const uint64_t live = snapshot.lists.live_rows();
  const uint64_t needed = quant::MinTrainingRows(spec, core.dim);
  const uint64_t memory = options.sample_memory_bytes;
  const uint64_t want = options.sample_rows > 0
                            ? std::min(options.sample_rows, memory / (core.dim * sizeof(float)))
                            : quant::TrainingSampleRows(spec, core.dim, live, memory);
  TESSERA_ASSIGN_OR_RETURN(const uint64_t rows, ReserveSample(core, snapshot, "training", needed,
                                                              std::max(want, needed), reserved));
  if (purpose == TrainedFor::kAllRows) {
    TESSERA_RETURN_IF_ERROR(ReserveGeneration(core, snapshot, spec, reserved.bytes(), reserved));
  }
  return ReadSample(core, snapshot, rows, options.context.seed,
                    [&] { return CheckStop(core, options.context); },
                    spare ? SampleFrom::kTraining : SampleFrom::kAll);
}

Status CheckSpec(const Core& core, const Snapshot& snapshot, const QuantizerSpec& spec) {
  TESSERA_RETURN_IF_ERROR(Annotate(quant::CheckTrainable(spec, core.metric), "quantizer: "));
  TESSERA_RETURN_IF_ERROR(Annotate(spec.Validate(core.dim), "quantizer: "));
  const uint64_t needed = quant::MinTrainingRows(spec, core.dim);
  const uint64_t live = snapshot.lists.live_rows();
  if (live >= needed) return OkStatus();
  return FailedPrecondition("training " + spec.ToString() + " needs at least " + std::to_string(needed) +
                            " rows, collection \"" + core.name + "\" has " + std::to_string(live));
}

}  // namespace

PacedExecutor TrainingExecutor(const Core& core, const TrainingContext& context) {
  Executor& executor = context.executor ? *context.executor : *core.options.upkeep;
  return PacedExecutor(executor, *core.options.pace, core.closing, context.stop);
}

Status CheckStop(const Core& core, const TrainingContext& context) {
  if (core.closing.load()) return Cancelled("the collection is being closed");
  return context.stop.Check();
}

StatusOr<FreshCodebook> TrainCodebook(const Core& core, const Snapshot& snapshot,
                                      const TrainOptions& options, TrainedFor purpose, MemoryReservation& memory,
                                      const std::function<void(double, const char*)>& report) {
  FreshCodebook fresh;
  fresh.asked = AskedSpec(core, options);
  TESSERA_RETURN_IF_ERROR(CheckSpec(core, snapshot, fresh.asked));
  const bool spare = CanSpare(fresh.asked, quant::MinTrainingRows(fresh.asked, core.dim), snapshot);
  report(0, "sample");
  TESSERA_ASSIGN_OR_RETURN(std::vector<float> sample,
                           TrainingSample(core, snapshot, fresh.asked, options, spare, purpose, memory));
  TESSERA_RETURN_IF_ERROR(Failpoint("rebuild.train"));
  // Who asked for it hears before it is held back whether it can be done.
  const MatrixView<const float> rows = {sample.data(), sample.size() / core.dim, core.dim};
  TESSERA_RETURN_IF_ERROR(quant::CheckSample(fresh.asked, core.metric, rows));
  report(0, "sample");
  TrainingContext context = options.context;
  PacedExecutor executor = TrainingExecutor(core, options.context);
  context.executor = &executor;
  context.progress = report;
  TESSERA_ASSIGN_OR_RETURN(
      fresh.trained, quant::TrainModel(fresh.asked, core.metric, rows, snapshot.lists.live_rows(), context));
  sample = {};
  if (spare) {
    TESSERA_ASSIGN_OR_RETURN(fresh.held_out, MeasureHeldOut(core, snapshot, fresh.trained, options.context));
  }
  TESSERA_RETURN_IF_ERROR(CheckStop(core, options.context));
  return fresh;
}

StatusOr<ErrorSums> MeasureHeldOut(const Core& core, const Snapshot& snapshot,
                                   const quant::TrainedModel& trained, const TrainingContext& context) {
  TESSERA_ASSIGN_OR_RETURN(const std::vector<float> rows,
                           ReadSample(core, snapshot, kHeldOutRows, context.seed,
                                      [&] { return CheckStop(core, context); }, SampleFrom::kHeldOut));
  PacedExecutor executor = TrainingExecutor(core, context);
  return MeasureRows(*trained.model, *trained.lists, {rows.data(), rows.size() / core.dim, core.dim}, executor);
}

}  // namespace tessera::engine
