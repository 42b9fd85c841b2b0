#include "index/engine/sample.h"

#include <algorithm>
#include <string>

#include "index/elements.h"
#include "index/engine/vector_data.h"

namespace tessera::engine {
namespace {

constexpr size_t kReadRows = 8192;  // at a time
constexpr uint64_t kHeldOutOf = 32;

uint64_t Mix(uint64_t x) {  // the last steps of splitmix64
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

template <typename Visit>
void ForLiveRows(const Snapshot& snapshot, const Visit& visit) {
  for (uint32_t l = 0; l < snapshot.lists.nlist(); ++l) {
    const lists::List* list = snapshot.lists.list(ListId{l});
    if (!list) continue;
    for (const lists::ChunkPtr& chunk : list->chunks) {
      for (size_t i = 0; i < chunk->rows; ++i) {
        if (chunk->is_live(i)) visit(chunk->row_id(i));
      }
    }
  }
}

std::vector<RowId> LiveRows(const Snapshot& snapshot, SampleFrom from) {
  if (from == SampleFrom::kHeldOut && CountHeldOut(snapshot) < kEnoughHeldOut) from = SampleFrom::kAll;
  std::vector<RowId> live;
  live.reserve(snapshot.lists.live_rows());
  ForLiveRows(snapshot, [&](RowId row) {
    if (from != SampleFrom::kAll && (from == SampleFrom::kHeldOut) != IsHeldOut(row)) return;
    live.push_back(row);
  });
  std::sort(live.begin(), live.end());
  return live;
}

// Selection sampling (Knuth, TAOCP 2, 3.4.2, algorithm S) keeps row order, so reads are sequential.
std::vector<RowId> Choose(const std::vector<RowId>& live, uint64_t want, uint64_t seed) {
  uint64_t state = seed;
  std::vector<RowId> chosen;
  chosen.reserve(want);
  for (size_t i = 0; i < live.size() && chosen.size() < want; ++i) {
    state += 0x9e3779b97f4a7c15ULL;
    if (Mix(state) % (live.size() - i) < want - chosen.size()) chosen.push_back(live[i]);
  }
  return chosen;
}

}  // namespace

bool IsHeldOut(RowId row) { return Mix(row.value + 0x9e3779b97f4a7c15ULL) % kHeldOutOf == 0; }

uint64_t CountHeldOut(const Snapshot& snapshot) {
  uint64_t count = 0;
  ForLiveRows(snapshot, [&](RowId row) { count += IsHeldOut(row); });
  return count;
}

Status StoredFloats(uint32_t dim, Metric metric, RowId row, const store::VectorView& vector, float* out,
                    double* norm) {
  const std::string name = "vector of row " + std::to_string(row.value);
  if (vector.bytes.size() != dim * ElementSize(vector.type)) return DataLoss(name + " has a wrong length");
  ToFloats(vector.type, vector.quantization, vector.bytes.data(), dim, out);
  StatusOr<double> found = CheckVector(out, dim, metric, name);
  if (!found.ok()) return DataLoss(MessageOf(found.status()));
  if (metric == Metric::kCosine) Normalize(out, dim, *found);
  if (norm != nullptr) *norm = *found;
  return OkStatus();
}

Status StoredFloats(const Core& core, RowId row, const store::VectorView& vector, float* out) {
  return StoredFloats(core.dim, core.metric, row, vector, out, nullptr);
}

StatusOr<std::vector<float>> ReadSample(const Core& core, const Snapshot& snapshot, uint64_t rows,
                                        uint64_t seed, const std::function<Status()>& check_stop,
                                        SampleFrom from) {
  const std::vector<RowId> live = LiveRows(snapshot, from);
  const std::vector<RowId> chosen = Choose(live, std::min<uint64_t>(rows, live.size()), seed);
  std::vector<float> sample(chosen.size() * core.dim);
  for (size_t begin = 0; begin < chosen.size(); begin += kReadRows) {
    TESSERA_RETURN_IF_ERROR(check_stop());
    const size_t end = std::min(chosen.size(), begin + kReadRows);
    const std::vector<RowId> part(chosen.begin() + static_cast<ptrdiff_t>(begin),
                                  chosen.begin() + static_cast<ptrdiff_t>(end));
    TESSERA_ASSIGN_OR_RETURN(auto vectors, core.store->GetVectors(part, snapshot.store.get()));
    for (size_t i = 0; i < part.size(); ++i) {
      if (!vectors[i]) {
        return DataLoss("vector of row " + std::to_string(part[i].value) + " is missing");
      }
      TESSERA_RETURN_IF_ERROR(StoredFloats(core, part[i], vectors[i]->view(),
                                           sample.data() + (begin + i) * core.dim));
    }
  }
  return sample;
}

}  // namespace tessera::engine
