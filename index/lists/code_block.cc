#include "index/lists/code_block.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace tessera::lists {
namespace {

bool IsOutlier(const CodeRow& row) { return row.correction < 0 || row.correction > 255; }

void CopyPlanes(const CodeBlock& from, CodeBlock& to, size_t code_bytes) {
  const size_t from_stride = kColumnRows * from.columns;
  const size_t to_stride = kColumnRows * to.columns;
  for (size_t m = 0; m <= code_bytes; ++m) {
    std::memcpy(to.data() + m * to_stride, from.data() + m * from_stride, from.rows);
  }
}

// An empty block with room for its planes, which are zero, and its outliers.
std::shared_ptr<CodeBlock> NewBlock(size_t rows, size_t outliers, size_t code_bytes) {
  const size_t columns = (rows + kColumnRows - 1) / kColumnRows;
  const size_t bytes = (code_bytes + 1) * kColumnRows * columns;
  constexpr std::align_val_t kAlignment{alignof(CodeBlock)};
  const size_t all = sizeof(CodeBlock) + bytes + outliers * sizeof(Outlier);
  auto* block = new (::operator new(all, kAlignment)) CodeBlock;
  block->rows = static_cast<uint32_t>(rows);
  block->columns = static_cast<uint32_t>(columns);
  block->outliers = static_cast<uint32_t>(outliers);
  std::memset(block->data(), 0, bytes);
  return {block, [](CodeBlock* old) { ::operator delete(old, kAlignment); }};
}

}  // namespace

CodeBlockPtr AppendToBlock(const CodeBlock* old, std::span<const CodeRow> added,
                           size_t code_bytes) {
  const size_t old_rows = old ? old->rows : 0;
  const size_t old_outliers = old ? old->outliers : 0;
  const auto new_outliers = static_cast<size_t>(std::count_if(added.begin(), added.end(), IsOutlier));
  const auto block = NewBlock(old_rows + added.size(), old_outliers + new_outliers, code_bytes);
  const size_t stride = kColumnRows * block->columns;
  auto* outlier = reinterpret_cast<Outlier*>(block->data() + block->data_bytes(code_bytes));
  if (old) {
    CopyPlanes(*old, *block, code_bytes);
    for (const Outlier& kept : old->Outliers(code_bytes)) new (outlier++) Outlier(kept);
  }
  for (size_t i = 0; i < added.size(); ++i) {
    uint8_t* to = block->data() + old_rows + i;
    for (size_t m = 0; m < code_bytes; ++m) to[m * stride] = added[i].code[m];
    to[code_bytes * stride] = static_cast<uint8_t>(std::clamp(added[i].correction, 0, 255));
    if (IsOutlier(added[i])) {
      new (outlier++) Outlier{static_cast<uint32_t>(old_rows + i), added[i].correction};
    }
  }
  return block;
}

}  // namespace tessera::lists
