#include "index/lists/code_block.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <new>

namespace tessera::lists {
namespace {

// Range of all corrections -> base and shift that put every one into a byte.
void ChooseRange(std::span<const int32_t> units, CodeBlock& block) {
  const auto [low, high] = std::minmax_element(units.begin(), units.end());
  const auto span = static_cast<uint32_t>(*high - *low);
  block.correction_low = *low;
  block.correction_shift =
      static_cast<uint32_t>(std::max(0, static_cast<int>(std::bit_width(span)) - 8));
}

void CopyPlanes(const CodeBlock& from, CodeBlock& to, size_t code_bytes) {
  const size_t from_stride = kColumnRows * from.columns;
  const size_t to_stride = kColumnRows * to.columns;
  for (size_t m = 0; m < code_bytes; ++m) {
    std::memcpy(to.data() + m * to_stride, from.data() + m * from_stride, from.rows);
  }
}

// An empty block with room for its planes, which are zero.
std::shared_ptr<CodeBlock> NewBlock(size_t rows, size_t code_bytes) {
  const size_t columns = (rows + kColumnRows - 1) / kColumnRows;
  const size_t bytes = (code_bytes + 1) * kColumnRows * columns;
  constexpr std::align_val_t kAlignment{alignof(CodeBlock)};
  auto* block = new (::operator new(sizeof(CodeBlock) + bytes, kAlignment)) CodeBlock;
  block->rows = static_cast<uint32_t>(rows);
  block->columns = static_cast<uint32_t>(columns);
  std::memset(block->data(), 0, bytes);
  return {block, [](CodeBlock* old) { ::operator delete(old, kAlignment); }};
}

}  // namespace

int32_t CorrectionUnits(float correction, float step) {
  constexpr double kLimit = 1 << 30;
  const double units = static_cast<double>(correction) / static_cast<double>(step);
  if (std::isnan(units)) return static_cast<int32_t>(kLimit) - 1;  // from overflow: ranks last
  return static_cast<int32_t>(std::llround(std::clamp(units, -kLimit, kLimit - 1)));
}

CodeBlockPtr AppendToBlock(const CodeBlock* old, std::span<const CodeRow> added,
                           size_t code_bytes) {
  const size_t old_rows = old ? old->rows : 0;
  const auto block = NewBlock(old_rows + added.size(), code_bytes);
  const size_t stride = kColumnRows * block->columns;

  std::array<int32_t, kBlockRows> units;
  for (size_t i = 0; i < old_rows; ++i) units[i] = old->correction(code_bytes, i);
  for (size_t i = 0; i < added.size(); ++i) units[old_rows + i] = added[i].correction;
  ChooseRange({units.data(), block->rows}, *block);

  if (old) CopyPlanes(*old, *block, code_bytes);
  for (size_t i = 0; i < added.size(); ++i) {
    for (size_t m = 0; m < code_bytes; ++m) {
      block->data()[m * stride + old_rows + i] = added[i].code[m];
    }
  }
  uint8_t* plane = block->data() + code_bytes * stride;
  for (size_t i = 0; i < block->rows; ++i) {
    const auto offset = static_cast<uint32_t>(units[i] - block->correction_low);
    plane[i] = static_cast<uint8_t>(offset >> block->correction_shift);
  }
  return block;
}

}  // namespace tessera::lists
