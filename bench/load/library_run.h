// The same queries through the library, in this process, on one thread.
#pragma once

#include <memory>
#include <string>

#include "bench/load/workload.h"
#include "index/catalog.h"
#include "index/status.h"

namespace tessera::bench {

class LibraryRun {
 public:
  // `data` is a data directory that no server holds, e.g. a copy of the one that is served.
  static StatusOr<LibraryRun> Open(const std::string& data, const std::string& collection);

  // Processor microseconds a query, one at a time (batch 0) or in batches, for about `seconds`
  // after as many queries as there are have warmed it up.
  StatusOr<double> CpuMicroseconds(const QuerySet& queries, const QueryParams& params, size_t batch,
                                   double seconds);

 private:
  LibraryRun(std::unique_ptr<Catalog> catalog, std::shared_ptr<Collection> collection)
      : catalog_(std::move(catalog)), collection_(std::move(collection)) {}
  Status Pass(const QuerySet& queries, const QueryParams& params, size_t batch);

  std::unique_ptr<Catalog> catalog_;
  std::shared_ptr<Collection> collection_;
};

}  // namespace tessera::bench
