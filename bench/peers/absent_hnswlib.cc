// Stands in for hnswlib_rival.cc where hnswlib was not found.
#include "bench/peers/rival.h"

namespace tessera::bench {

StatusOr<std::unique_ptr<Rival>> MakeHnswlib(const std::string&, size_t, Metric) { return nullptr; }

}  // namespace tessera::bench
