// Evaluations between the wire and the engine. Pure functions.
#pragma once

#include <cstdint>
#include <vector>

#include "index/evaluation.h"
#include "index/status.h"
#include "tessera/v1/training.pb.h"

namespace tessera::server {

// A request's options; owns what they borrow, so it is neither copied nor moved.
class EvaluationOptions {
 public:
  EvaluationOptions() = default;
  EvaluationOptions(const EvaluationOptions&) = delete;
  EvaluationOptions& operator=(const EvaluationOptions&) = delete;

  // InvalidArgument names the field. dim: of the collection.
  Status Read(const v1::EvaluateRequest& request, uint32_t dim);

  EvaluateOptions& get() { return options_; }

 private:
  EvaluateOptions options_;
  std::vector<float> queries_;
};

void ToProto(const EvaluateResult& result, v1::EvaluateResult* out);

}  // namespace tessera::server
