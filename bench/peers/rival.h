// One library that Tessera is compared with, behind one interface, so that all are built, asked and
// counted by the same code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "bench/ann/options.h"
#include "bench/report/row.h"
#include "index/status.h"
#include "index/types.h"

namespace tessera::bench {

// How a search is made.
struct Effort {
  uint32_t nprobe = 8;  // lists probed; of a graph, the length of its candidate list (ef)
  RerankChoice rerank;  // none, or raw of `depth` candidates
};

// One thread at a time. Vectors are packed (stride == dim), and of unit length where the metric is
// cosine: see Normalize.
class Rival {
 public:
  virtual ~Rival() = default;

  // What a reader of the figures must know of this build, one line; empty if there is nothing.
  virtual std::string remark() const = 0;

  // Trains on `base` and adds it, row number = id; the seconds go to `row`, also the next.
  virtual Status Build(MatrixView<const float> base, Row& row) = 0;
  virtual Status Save(const std::string& path) = 0;
  // What Save wrote. `base` is what was built from.
  virtual Status Load(const std::string& path, MatrixView<const float> base) = 0;

  // Of every later Search. InvalidArgument if the engine has no such rerank.
  virtual Status Set(const Effort& effort, uint32_t k) = 0;
  // ids: queries.rows() x k, best first, -1 where there are no more.
  virtual Status Search(MatrixView<const float> queries, uint32_t k, int64_t* ids) = 0;

  // Fills the bytes_ fields: all that must be in memory to answer as Set says.
  virtual void CountBytes(Row& row) const = 0;
};

// spec: an index_factory string such as IVF1024,PQ50x4fsr. InvalidArgument with Faiss' own words if
// it is none. Null if the program was built without Faiss, as the next without hnswlib.
StatusOr<std::unique_ptr<Rival>> MakeFaiss(const std::string& spec, size_t dim, Metric metric);
// spec: M16 or M16,ef200, the links a vector and the candidates of the build (default 200).
StatusOr<std::unique_ptr<Rival>> MakeHnswlib(const std::string& spec, size_t dim, Metric metric);

// Divides each of rows x dim floats by the length of its row; zero rows stay.
void Normalize(float* vectors, size_t rows, size_t dim);

// The sum of the components that were counted.
double SumBytes(const Row& row);

}  // namespace tessera::bench
