// Training's progress as one fraction that never goes back.
#pragma once

#include <algorithm>

#include "index/training.h"

namespace tessera::quant {

// Maps a part of a long work to [begin, end) of the whole. Copyable; used on the training thread
// only.
class ProgressRange {
 public:
  ProgressRange(const TrainingContext& context, double begin, double end)
      : context_(&context), begin_(begin), end_(end) {}

  void Report(double fraction, const char* stage) const {
    if (!context_->progress) return;
    context_->progress(begin_ + (end_ - begin_) * std::clamp(fraction, 0.0, 1.0), stage);
  }
  // A context for work that takes this part: same seed, executor and stop, its own stage name.
  TrainingContext Part(const char* stage) const {
    TrainingContext part = *context_;
    if (context_->progress) {
      part.progress = [range = *this, stage](double fraction, const char*) {
        range.Report(fraction, stage);
      };
    }
    return part;
  }

 private:
  const TrainingContext* context_;
  double begin_;
  double end_;
};

}  // namespace tessera::quant
