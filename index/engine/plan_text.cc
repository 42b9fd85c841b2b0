#include "index/engine/plan_text.h"

#include <cstdarg>
#include <cstdio>

namespace tessera::engine {
namespace {

std::string Format(const char* format, ...) {
  char text[400];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return text;
}

unsigned long long Wide(uint64_t value) { return value; }

std::string Outcome(const QuantizerGoal& goal, uint64_t rows, const Tried& chosen) {
  const std::string spec = chosen.candidate.spec.ToString();
  if (goal.target_recall > 0 && chosen.Reaches(goal.target_recall)) {
    return Format("target_recall %g: %s, the fewest bytes that reach it", goal.target_recall, spec.c_str());
  }
  if (goal.target_recall > 0) {
    return Format("target_recall %g: nothing reaches it from memory; %s comes nearest. Raw vectors add what is "
                  "missing", goal.target_recall, spec.c_str());
  }
  if (goal.memory_budget > 0) {
    return Format("memory_budget %llu for %llu rows: %s, the best recall that fits, %llu bytes projected",
                  Wide(goal.memory_budget), Wide(rows), spec.c_str(), Wide(chosen.resident));
  }
  return Format("bytes_per_vector %g: %s, the best recall that fits", goal.bytes_per_vector, spec.c_str());
}

std::string Basis(uint64_t live, const PlanSample& sample) {
  const size_t of = sample.rows + sample.queries;
  std::string text = Format("recall@10 from memory, all lists probed: %zu queries held out of a sample of %zu of %llu "
                            "rows", sample.queries, of, Wide(live));
  if (sample.final_rows > 0) {
    text += Format("; the best again: %zu queries, %zu rows", sample.final_queries,
                   sample.final_rows + sample.final_queries);
  }
  return text + "\n";
}

std::string Line(const QuantizerGoal& goal, const Tried& tried, bool chosen) {
  std::string text = Format("%s %-32s %6g  ", chosen ? "*" : " ", tried.candidate.spec.ToString().c_str(),
                            tried.candidate.bytes);
  if (!tried.error.ok()) return text + MessageOf(tried.error) + "\n";
  text += Format("%.3f +- %.3f", tried.sample_recall, tried.sample_margin);
  if (tried.finalist) text += Format("  %.3f +- %.3f", tried.recall, tried.margin);
  if (goal.target_recall > 0) text += Format("  %.3f", tried.recall);
  if (goal.memory_budget > 0 && tried.resident > goal.memory_budget) text += "  too large";
  return text + "\n";
}

}  // namespace

std::string ExplainPlan(const QuantizerGoal& goal, uint64_t live, uint64_t rows, const PlanSample& sample,
                        const std::vector<Tried>& tried, size_t chosen) {
  std::string text = Outcome(goal, rows, tried[chosen]) + "\n" + Basis(live, sample);
  const char* last = goal.target_recall > 0 ? "at all rows" : sample.final_rows > 0 ? "on more rows" : "";
  text += Format("  %-32s %6s  %-14s%s%s\n", "quantizer", "bytes", "recall", *last ? "  " : "", last);
  for (size_t i = 0; i < tried.size(); ++i) text += Line(goal, tried[i], i == chosen);
  return text;
}

}  // namespace tessera::engine
