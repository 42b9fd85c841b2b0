// Collections verified by their files alone.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "index/engine/metadata.h"
#include "index/engine/offline.h"
#include "index/engine/verify.h"
#include "index/simd/kernels.h"
#include "index/verification.h"

namespace tessera {
namespace {

using engine::OfflineData;

void AddFirst(VerifyReport& report, const std::string& where, std::string message) {
  ++report.found;
  report.findings.insert(report.findings.begin(), {where, std::nullopt, std::nullopt, std::move(message)});
}

StatusOr<VerifyReport> VerifyOne(OfflineData& data, const std::string& name, const VerifyOptions& options) {
  VerifyReport report;
  report.collection = name;
  auto store = data.OpenStore(name, false);
  Status opened = store.status();
  if (opened.code() == absl::StatusCode::kDataLoss) {
    // What else there is to find is found all the same, if anything can be read.
    store = data.OpenStore(name, true);
    if (!store.ok()) {
      AddFirst(report, "files", MessageOf(opened));
      return report;
    }
  }
  TESSERA_RETURN_IF_ERROR(store.status());
  TESSERA_ASSIGN_OR_RETURN(report, engine::VerifyStore(**store, options));
  report.collection = name;
  if (!opened.ok()) AddFirst(report, "files", MessageOf(opened));
  const uint64_t durable = store::Store::DurableCommit(data.PathOf(name));
  if (report.commit < durable) {
    AddFirst(report, "log", "commits " + std::to_string(report.commit + 1) + " to " + std::to_string(durable) +
                                " were durable and are not there");
  }
  return report;
}

}  // namespace

StatusOr<std::vector<VerifyReport>> VerifyData(const std::string& data, const std::string& collection,
                                               const VerifyOptions& options) {
  TESSERA_RETURN_IF_ERROR(simd::InitKernels());
  OfflineData offline;
  TESSERA_RETURN_IF_ERROR(offline.Open(data));
  const std::vector<std::string> names =
      collection.empty() ? offline.Collections() : std::vector<std::string>{collection};
  std::vector<VerifyReport> reports;
  for (size_t i = 0; i < names.size(); ++i) {
    VerifyOptions one = options;
    if (options.progress) {
      one.progress = [&, i](double fraction, const char* stage) {
        options.progress((static_cast<double>(i) + fraction) / static_cast<double>(names.size()), stage);
      };
    }
    TESSERA_ASSIGN_OR_RETURN(VerifyReport report, VerifyOne(offline, names[i], one));
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace tessera
