// Stands in for faiss_rival.cc where Faiss was not found.
#include "bench/peers/rival.h"

namespace tessera::bench {

StatusOr<std::unique_ptr<Rival>> MakeFaiss(const std::string&, size_t, Metric) { return nullptr; }

}  // namespace tessera::bench
