// What is sent: requests made beforehand as bytes, so that the client spends little beside gRPC.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "index/collection.h"
#include "index/status.h"

namespace tessera::bench {

struct QuerySet {
  uint32_t dim = 0;
  std::vector<float> rows;  // count() x dim
  size_t count() const { return rows.size() / dim; }
  // Rows [begin, begin + n).
  MatrixView<const float> Slice(size_t begin, size_t n) const {
    return {rows.data() + begin * dim, n, dim};
  }
};
// At most `max_rows` of any file that client/formats reads; all if there are fewer.
StatusOr<QuerySet> ReadQueries(const std::string& path, size_t max_rows);

struct Workload {
  std::string method;                      // "/tessera.v1.Points/Query"
  std::vector<grpc::ByteBuffer> requests;  // sent in turn
  size_t queries_per_request = 1;
};
// batch 0: Query, one request a row. Else QueryBatch of `batch` rows (InvalidArgument if there are
// fewer), the rows that do not fill a batch are left out.
StatusOr<Workload> QueryWorkload(const QuerySet& queries, const std::string& collection,
                                 const QueryParams& params, size_t batch);
// Requests of the size of those of `like`, which ask for replies of `reply_bytes`.
Workload EchoWorkload(const Workload& like, size_t reply_bytes);

}  // namespace tessera::bench
