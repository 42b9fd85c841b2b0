#include "client/formats/neighbors.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include "client/formats/detect.h"
#include "client/formats/hdf5_dataset.h"
#include "client/formats/matrix_header.h"
#include "index/types.h"

namespace tessera::formats {
namespace {

constexpr size_t kItemBytes = sizeof(int32_t);
constexpr size_t kBlockBytes = 1 << 20;

void AppendItems(const uint8_t* items, size_t count, NeighborTable& table) {
  const size_t begin = table.data.size();
  table.data.resize(begin + count);
  std::memcpy(table.data.data() + begin, items, count * kItemBytes);
}

Status Truncated(const ByteSource& source, size_t row) {
  TESSERA_RETURN_IF_ERROR(source.status());
  return DataLoss(RowName(source.name(), row) + "truncated at offset " +
                  std::to_string(source.offset()));
}

StatusOr<NeighborTable> ReadIvecs(ByteSource& source) {
  NeighborTable table;
  for (;; ++table.rows) {
    std::span<const uint8_t> window = source.Window(kItemBytes);
    if (window.empty() && source.status().ok()) return table;
    if (window.size() < kItemBytes) return Truncated(source, table.rows);
    uint32_t k;
    std::memcpy(&k, window.data(), sizeof k);
    if (table.rows == 0) table.k = k;
    if (k == 0 || k > kMaxDim || k != table.k) {
      return InvalidArgument(RowName(source.name(), table.rows) + "has " + std::to_string(k) +
                             " neighbours, expected " +
                             (table.rows == 0 ? "1 to " + std::to_string(kMaxDim)
                                              : std::to_string(table.k) + " as in row 0"));
    }
    window = source.Window((k + 1) * kItemBytes);
    if (window.size() < (k + 1) * kItemBytes) return Truncated(source, table.rows);
    AppendItems(window.data() + kItemBytes, k, table);
    source.Consume((k + 1) * kItemBytes);
  }
}

Status NotIntegers(const std::string& file) {
  return InvalidArgument(file + ": items are no 32-bit integers, as row numbers of neighbours are");
}

StatusOr<NeighborTable> ReadNpyNeighbors(ByteSource& source) {
  TESSERA_ASSIGN_OR_RETURN(const MatrixHeader header, ReadNpyHeader(source));
  if (header.item != ItemType::kI32) return NotIntegers(source.name());
  NeighborTable table;
  table.k = header.dim;
  const size_t row_bytes = table.k * kItemBytes;
  while (table.rows < header.rows) {
    const size_t whole = source.Window(row_bytes).size() / row_bytes;
    const auto count = static_cast<size_t>(std::min<uint64_t>(whole, header.rows - table.rows));
    if (count == 0) return Truncated(source, table.rows);
    AppendItems(source.Window(row_bytes).data(), count * table.k, table);
    source.Consume(count * row_bytes);
    table.rows += count;
  }
  return table;
}

StatusOr<NeighborTable> ReadHdf5Neighbors(const std::string& path, const std::string& dataset) {
  TESSERA_ASSIGN_OR_RETURN(auto data, Hdf5Dataset::Open(path, dataset));
  if (data->item() != ItemType::kI32) return NotIntegers(data->name());
  NeighborTable table;
  table.k = data->dim();
  std::vector<uint8_t> block;
  while (table.rows < data->rows()) {
    const auto count = static_cast<size_t>(std::min<uint64_t>(
        data->rows() - table.rows, std::max<size_t>(1, kBlockBytes / (table.k * kItemBytes))));
    block.resize(count * table.k * kItemBytes);
    TESSERA_RETURN_IF_ERROR(data->Read(table.rows, count, block.data()));
    AppendItems(block.data(), count * table.k, table);
    table.rows += count;
  }
  return table;
}

}  // namespace

StatusOr<NeighborTable> ReadNeighbors(const std::string& path, Format format,
                                      const std::string& dataset) {
  TESSERA_ASSIGN_OR_RETURN(DetectedSource detected, OpenDetected(path, format));
  switch (detected.format) {
    case Format::kIvecs:
      return ReadIvecs(*detected.source);
    case Format::kNpy:
      return ReadNpyNeighbors(*detected.source);
    case Format::kHdf5:
      return ReadHdf5Neighbors(path, dataset);
    default:
      return InvalidArgument(detected.source->name() + ": neighbours in format " +
                             FormatName(detected.format) + ", expected ivecs, npy or hdf5");
  }
}

}  // namespace tessera::formats
