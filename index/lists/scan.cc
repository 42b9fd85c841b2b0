#include "index/lists/scan.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "index/base/prefetch.h"

namespace tessera::lists {
namespace {

// Lists whose structures are fetched together: enough for their cache misses to overlap.
constexpr size_t kGroupLists = 16;
// Blocks between two looks at the stop token, about ten microseconds.
constexpr size_t kBlocksPerCheck = 64;
// Rows of a block that are scored one by one: a row's code bytes are as many cache lines, a block's come in order.
constexpr int kSingleRows = 6;
constexpr size_t kBlockWords = kBlockRows / 64;
// Outliers of a block that are scored one by one.
constexpr uint32_t kSingleOutliers = 16;

int CountBits(const uint64_t* words, size_t count) {
  int bits = 0;
  for (size_t w = 0; w < count; ++w) bits += std::popcount(words[w]);
  return bits;
}

// Sum of the table entries of row `row`; layouts as in simd::ScanInput.
uint32_t SumOfRow(const simd::ScanInput& in, uint32_t bits, size_t row) {
  const size_t stride = simd::kColumnRows * in.columns;
  const uint8_t* byte = in.block + row;
  const uint8_t* table = in.tables;
  uint32_t sum = 0;
  if (bits == 8) {
    for (size_t m = 0; m < in.code_bytes; ++m, table += 256) sum += table[byte[m * stride]];
  } else if (bits == 4) {
    for (size_t m = 0; m < in.code_bytes; ++m, table += 32) {
      const uint32_t pair = byte[m * stride];
      sum += uint32_t{table[pair & 15]} + table[16 + (pair >> 4)];
    }
  } else {
    uint32_t fourth = 0;
    for (size_t m = 0; m < in.code_bytes; ++m, table += 64) {
      const uint32_t code = byte[m * stride];
      sum += table[code & 63];
      fourth |= code >> 6 << (2 * (m % 3));
      if (m % 3 != 2) continue;
      table += 64;
      sum += table[fourth];
      fourth = 0;
    }
  }
  return sum;
}

}  // namespace

void ListBlocks(const List& list, ListId id, const RowMask* mask, std::vector<BlockRef>& out) {
  const RowMask::Words* masks = mask ? mask->chunks(id) : nullptr;
  for (size_t c = 0; c < list.chunks.size(); ++c) {
    const Chunk& chunk = *list.chunks[c];
    if (chunk.live_rows == 0) continue;
    const uint64_t* words = masks ? masks[c].data() : chunk.live.data();
    for (size_t b = 0; b < chunk.blocks.size() && chunk.blocks[b]; ++b, words += kBlockWords) {
      const int rows = masks ? CountBits(words, kBlockWords) : kSingleRows + 1;
      if (rows == 0) continue;
      out.push_back({chunk.blocks[b].get(), words,
                     static_cast<uint32_t>(c * kChunkRows + b * kBlockRows), rows <= kSingleRows});
    }
  }
}

void Scanner::Start(const ScanQuery& query, TopK& top) {
  query_ = query;
  top_ = &top;
  scan_ = query.bits == 8   ? query.kernels->scan8
          : query.bits == 6 ? query.kernels->scan6
                            : query.kernels->scan4;
  const quant::QueryTables& tables = *query.tables;
  offset_ = tables.offset;
  step_ = static_cast<double>(tables.correction_weight) * query.correction_step;
  exact_factor_ = 256 * step_ / tables.scale;
  factor_ = static_cast<uint16_t>(std::nearbyint(std::clamp(exact_factor_, 0.0, 65535.0)));
  scale_ = tables.scale;
  largest_sum_ = 127 * (query.code_bytes * 8 / query.bits);
}

float Scanner::Base(const quant::ProbedList& list) const {
  const auto scale = double{list.scale};
  return static_cast<float>(double{list.base} + scale * offset_ + list.origin * (scale * step_));
}

double Scanner::OutlierPart(int32_t correction) const { return std::floor(correction * exact_factor_ / 256); }

// No row of the list can be better than one with all sums 0 and the lowest correction. Every step from there to
// an estimate only adds, and rounding keeps the order.
bool Scanner::CanSkip(const quant::ProbedList& list, int32_t lowest_correction) const {
  double part = OutlierPart(lowest_correction);
  if (lowest_correction >= 0 && lowest_correction <= 255) {
    // Outliers above are rounded in their own way.
    part = std::min<double>((uint32_t{factor_} * static_cast<uint32_t>(lowest_correction)) >> 8, OutlierPart(256));
  }
  const float least = Base(list) + list.scale * scale_ * static_cast<float>(part);
  return OrderedBits(least) > top_->worst_key();
}

Status Scanner::Scan(const ListSet& lists, std::span<const quant::ProbedList> probed, size_t first,
                     size_t last, const StopToken& stop, ScanCounts& counts) {
  for (; first < last; first += kGroupLists) {
    Collect(lists, probed, first, std::min(first + kGroupLists, last), counts);
    TESSERA_RETURN_IF_ERROR(ScanItems(stop));
  }
  return OkStatus();
}

// Each step follows one pointer of every list of the group and asks for what it points to, so that
// the misses of sixteen lists are under way together.
void Scanner::Collect(const ListSet& lists, std::span<const quant::ProbedList> probed, size_t first,
                      size_t last, ScanCounts& counts) {
  const List* group[kGroupLists];
  size_t count = 0;
  uint32_t probes[kGroupLists];
  for (size_t p = first; p < last; ++p) {
    const List* list = lists.list(probed[p].list);
    if (!list || (query_.mask && query_.mask->rows(probed[p].list) == 0)) continue;
    Prefetch(list);
    group[count] = list;
    probes[count++] = static_cast<uint32_t>(p);
  }
  size_t kept = 0;
  for (size_t i = 0; i < count; ++i) {
    const ListId id = probed[probes[i]].list;
    counts.live_rows += query_.mask ? query_.mask->rows(id) : group[i]->live_rows;
    if (CanSkip(probed[probes[i]], group[i]->lowest_correction)) {
      ++counts.lists_skipped;
      continue;
    }
    counts.rows_scanned += query_.mask ? query_.mask->rows(id) : group[i]->rows;
    group[kept] = group[i];
    probes[kept++] = probes[i];
    Prefetch(group[i]->chunks.data());
  }
  for (size_t i = 0; i < kept; ++i) {
    const size_t ahead = std::min<size_t>(group[i]->chunks.size(), 4);
    for (size_t c = 0; c < ahead; ++c)
      PrefetchRange(group[i]->chunks[c].get(), 2 * kCacheLineBytes);
  }
  items_.clear();
  for (size_t i = 0; i < kept; ++i) {
    blocks_.clear();
    ListBlocks(*group[i], probed[probes[i]].list, query_.mask, blocks_);
    const quant::ProbedList& list = probed[probes[i]];
    const float base = Base(list);
    for (const BlockRef& block : blocks_) items_.push_back({block, probes[i], base, list.scale * scale_});
  }
}

Status Scanner::ScanItems(const StopToken& stop) {
  for (size_t i = 0; i < items_.size(); ++i) {
    if (i % kBlocksPerCheck == 0) TESSERA_RETURN_IF_ERROR(stop.Check());
    if (i + 3 < items_.size()) Prefetch(items_[i + 3].block.block);
    if (i + 2 < items_.size() && items_[i + 2].block.few) FetchRows(items_[i + 2].block);
    if (i + 1 < items_.size() && !items_[i + 1].block.few) {
      const CodeBlock* next = items_[i + 1].block.block;
      PrefetchRange(next->data(), next->data_bytes(query_.code_bytes));
    }
    ScanBlock(items_[i]);
  }
  return OkStatus();
}

void Scanner::FetchRows(const BlockRef& at) const {
  const size_t stride = simd::kColumnRows * at.block->columns;
  for (size_t w = 0; w < at.block->columns; ++w) {
    for (uint64_t bits = at.live[w]; bits != 0; bits &= bits - 1) {
      const uint8_t* byte = at.block->data() + 64 * w + static_cast<size_t>(std::countr_zero(bits));
      for (uint32_t m = 0; m <= query_.code_bytes; ++m) Prefetch(byte + m * stride);  // the last is its correction
    }
  }
}

void Scanner::ScanBlocks(std::span<const BlockRef> blocks, uint32_t probe, const quant::ProbedList& list) {
  const float base = Base(list);
  for (const BlockRef& at : blocks) ScanBlock({at, probe, base, list.scale * scale_});
}

void Scanner::ScanBlock(const Item& item) {
  const BlockRef& at = item.block;
  const CodeBlock& block = *at.block;
  simd::ScanInput in{block.data(), block.columns, query_.code_bytes, query_.tables->tables.data(), factor_, 65535, at.live};
  uint64_t rest[kBlockWords];
  if (block.outliers > 0) {
    if (block.outliers > kSingleOutliers) return ScanWide(item, in);
    PushOutliers(item, in, rest);
    in.live = rest;
  }
  double limit = 65535;
  if (top_->bounded()) {
    const float threshold = top_->threshold();
    if (item.base > threshold) return;
    // Sums above this give estimates above the threshold, whatever the rounding of floats adds or
    // takes.
    const double margin = (std::fabs(threshold) + std::fabs(item.base)) * 0x1p-22;
    const double sum = (double{threshold} - item.base + margin) * (1.0f / item.scale) * (1 + 0x1p-20) + 1;
    if (sum < 65535) limit = sum;  // not so for infinite estimates
  }
  // A sum that saturates says nothing, unless it is above the limit anyway.
  const bool exact = largest_sum_ + factor_ * 255 / 256 < 65535 || limit < 65535;
  if (!exact) return ScanWide(item, in);
  in.threshold = static_cast<uint16_t>(limit);
  const size_t count = at.few ? ScanRows(in) : scan_(in, out_);
  if (count == 0) return;
  top_->Reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const float estimate = item.base + item.scale * static_cast<float>(out_.sums[i]);
    top_->Push(OrderedBits(estimate), {item.probe, at.position + out_.positions[i]});
  }
  top_->CutIfFull();
}

void Scanner::PushOutliers(const Item& item, const simd::ScanInput& in, uint64_t* rest) {
  const BlockRef& at = item.block;
  std::copy_n(at.live, in.columns, rest);
  top_->Reserve(kSingleOutliers);
  for (const Outlier& outlier : at.block->Outliers(query_.code_bytes)) {
    const uint64_t bit = uint64_t{1} << (outlier.position % 64);
    uint64_t& word = rest[outlier.position / 64];
    if ((word & bit) == 0) continue;
    word &= ~bit;
    const double sum = SumOfRow(in, query_.bits, outlier.position) + OutlierPart(outlier.correction);
    const float estimate = item.base + item.scale * static_cast<float>(sum);
    top_->Push(OrderedBits(estimate), {item.probe, at.position + outlier.position});
  }
  top_->CutIfFull();
}

size_t Scanner::ScanRows(const simd::ScanInput& in) {
  const uint8_t* corrections = in.block + simd::kColumnRows * in.columns * in.code_bytes;
  size_t count = 0;
  for (size_t w = 0; w < in.columns; ++w) {
    for (uint64_t bits = in.live[w]; bits != 0; bits &= bits - 1) {
      const size_t row = 64 * w + static_cast<size_t>(std::countr_zero(bits));
      const uint32_t exact =
          SumOfRow(in, query_.bits, row) + ((uint32_t{corrections[row]} * in.correction_factor) >> 8);
      const uint32_t sum = std::min(exact, 65535u);
      if (sum > in.threshold) continue;
      out_.positions[count] = static_cast<uint16_t>(row);
      out_.sums[count++] = static_cast<uint16_t>(sum);
    }
  }
  return count;
}

// Sums without corrections, which are added here.
void Scanner::ScanWide(const Item& item, const simd::ScanInput& in) {
  const BlockRef& at = item.block;
  simd::ScanInput sums = in;
  sums.correction_factor = 0;
  const size_t count = scan_(sums, out_);
  top_->Reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const int32_t correction = at.block->correction(query_.code_bytes, out_.positions[i]);
    const bool outlier = correction < 0 || correction > 255;
    const double part = outlier ? OutlierPart(correction) : (uint32_t{factor_} * static_cast<uint32_t>(correction)) >> 8;
    const float estimate = item.base + item.scale * static_cast<float>(out_.sums[i] + part);
    top_->Push(OrderedBits(estimate), {item.probe, at.position + out_.positions[i]});
  }
  top_->CutIfFull();
}

}  // namespace tessera::lists
