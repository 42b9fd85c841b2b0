#include "index/engine/verify_run.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace tessera::engine {
namespace {

constexpr uint64_t kReportSteps = 4096;

}  // namespace

size_t VerifiedRows::Find(RowId row) const {
  const auto found = std::lower_bound(rows.begin(), rows.end(), row);
  return found != rows.end() && *found == row ? static_cast<size_t>(found - rows.begin()) : kAbsent;
}

uint64_t HashOfId(const PointId& id) {
  if (!id.is_number()) return std::hash<std::string>()(id.key());
  uint64_t x = id.number() + 0x9e3779b97f4a7c15ULL;  // splitmix64
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

void VerifyRun::Stage(const char* name, double begin, double end, uint64_t work) {
  stage_ = name;
  begin_ = begin;
  end_ = end;
  work_ = std::max<uint64_t>(1, work);
  done_ = 0;
  next_report_ = kReportSteps;
  if (options_.progress) options_.progress(begin_, stage_);
}

Status VerifyRun::Advance(uint64_t steps) {
  done_ += steps;
  if (done_ < next_report_) return OkStatus();
  next_report_ = done_ + kReportSteps;
  TESSERA_RETURN_IF_ERROR(CheckStop());
  const double part = std::min(1.0, static_cast<double>(done_) / static_cast<double>(work_));
  if (options_.progress) options_.progress(begin_ + (end_ - begin_) * part, stage_);
  return OkStatus();
}

Status VerifyRun::CheckStop() const {
  if (state_.closing && *state_.closing) return Cancelled("the collection is being closed");
  return options_.stop.Check();
}

void VerifyRun::Find(const std::string& where, std::string message) {
  if (Keeps()) report_.findings.push_back({where, std::nullopt, std::nullopt, std::move(message)});
}

void VerifyRun::FindRow(const std::string& where, RowId row, const std::string& message) {
  if (!Keeps()) return;
  Finding finding{where, std::nullopt, std::nullopt, "row " + std::to_string(row.value) + ": " + message};
  const auto record = state_.store->GetRows({row}, state_.at);
  if (record.ok() && (*record)[0]) finding.point = (*record)[0]->id;
  report_.findings.push_back(std::move(finding));
}

void VerifyRun::FindPoint(const std::string& where, const PointId& point, std::string message) {
  if (Keeps()) report_.findings.push_back({where, point, std::nullopt, std::move(message)});
}

void VerifyRun::FindList(const std::string& where, ListId list, std::string message) {
  if (Keeps()) report_.findings.push_back({where, std::nullopt, list.value, std::move(message)});
}

}  // namespace tessera::engine
