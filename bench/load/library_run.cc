#include "bench/load/library_run.h"

#include <time.h>

#include <algorithm>

#include "index/simd/kernels.h"

namespace tessera::bench {
namespace {

double ThreadSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace

StatusOr<LibraryRun> LibraryRun::Open(const std::string& data, const std::string& collection) {
  TESSERA_RETURN_IF_ERROR(simd::InitKernels());
  CatalogOptions options;
  options.path = data;
  TESSERA_ASSIGN_OR_RETURN(auto catalog, Catalog::Open(options));
  TESSERA_ASSIGN_OR_RETURN(auto found, catalog->Get(collection));
  return LibraryRun(std::move(catalog), std::move(found));
}

StatusOr<double> LibraryRun::CpuMicroseconds(const QuerySet& queries, const QueryParams& params,
                                             size_t batch, double seconds) {
  TESSERA_RETURN_IF_ERROR(Pass(queries, params, batch));
  const size_t step = std::max<size_t>(batch, 1);
  const size_t a_pass = queries.count() / step * step;
  const double start = ThreadSeconds();
  double spent = 0;
  size_t count = 0;
  while (spent < seconds) {
    TESSERA_RETURN_IF_ERROR(Pass(queries, params, batch));
    count += a_pass;
    spent = ThreadSeconds() - start;
  }
  return spent * 1e6 / static_cast<double>(count);
}

Status LibraryRun::Pass(const QuerySet& queries, const QueryParams& params, size_t batch) {
  const size_t step = std::max<size_t>(batch, 1);
  for (size_t begin = 0; begin + step <= queries.count(); begin += step) {
    TESSERA_RETURN_IF_ERROR(collection_->QueryBatch(queries.Slice(begin, step), params).status());
  }
  return OkStatus();
}

}  // namespace tessera::bench
