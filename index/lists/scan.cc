#include "index/lists/scan.h"

#include <algorithm>
#include <cmath>

#include "index/base/prefetch.h"

namespace tessera::lists {
namespace {

// Lists whose structures are fetched together: enough for their cache misses to overlap.
constexpr size_t kGroupLists = 16;
// Blocks between two looks at the stop token, about ten microseconds.
constexpr size_t kBlocksPerCheck = 64;
}  // namespace

void ListBlocks(const List& list, std::vector<BlockRef>& out) {
  for (size_t c = 0; c < list.chunks.size(); ++c) {
    const Chunk& chunk = *list.chunks[c];
    if (chunk.live_rows == 0) continue;
    for (size_t b = 0; b < chunk.blocks.size() && chunk.blocks[b]; ++b) {
      out.push_back({chunk.blocks[b].get(), chunk.live.data() + b * (kBlockRows / 64),
                     static_cast<uint32_t>(c * kChunkRows + b * kBlockRows)});
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
  factor_ = 256 * step_ / tables.scale;
  rounded_factor_ = std::nearbyint(factor_);
  scale_ = tables.scale;
  inverse_scale_ = 1.0f / tables.scale;
  largest_sum_ = 127 * (query.code_bytes * 8 / query.bits);
}

// No row of the list can be better than one with all sums 0 and the lowest correction. Every step
// from there to an estimate only adds, and rounding keeps the order.
bool Scanner::CanSkip(float list_base, int32_t lowest_correction) const {
  const auto least = static_cast<float>(double{list_base} + offset_ + lowest_correction * step_);
  return OrderedBits(least) > top_->worst_key();
}

Status Scanner::Scan(const ListSet& lists, std::span<const quant::ProbedList> probed, size_t first,
                     size_t last, const StopToken& stop, ScanCounts& counts) {
  for (; first < last; first += kGroupLists) {
    if (CanSkip(probed[first].base, lists.lowest_correction())) {
      for (size_t p = first; p < last; ++p) {
        const List* list = lists.list(probed[p].list);
        counts.live_rows += list ? list->live_rows : 0;
      }
      counts.lists_skipped += last - first;
      return stop.Check();
    }
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
  float bases[kGroupLists];
  uint32_t probes[kGroupLists];
  for (size_t p = first; p < last; ++p) {
    const List* list = lists.list(probed[p].list);
    if (!list) continue;
    Prefetch(list);
    group[count] = list;
    bases[count] = probed[p].base;
    probes[count++] = static_cast<uint32_t>(p);
  }
  size_t kept = 0;
  for (size_t i = 0; i < count; ++i) {
    counts.live_rows += group[i]->live_rows;
    if (CanSkip(bases[i], group[i]->lowest_correction)) {
      ++counts.lists_skipped;
      continue;
    }
    counts.rows_scanned += group[i]->rows;
    group[kept] = group[i];
    bases[kept] = bases[i];
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
    ListBlocks(*group[i], blocks_);
    for (const BlockRef& block : blocks_) items_.push_back({block, probes[i], bases[i]});
  }
}

Status Scanner::ScanItems(const StopToken& stop) {
  for (size_t i = 0; i < items_.size(); ++i) {
    if (i % kBlocksPerCheck == 0) TESSERA_RETURN_IF_ERROR(stop.Check());
    if (i + 2 < items_.size()) Prefetch(items_[i + 2].block.block);
    if (i + 1 < items_.size()) {
      const CodeBlock* next = items_[i + 1].block.block;
      PrefetchRange(next->data(), next->data_bytes(query_.code_bytes));
    }
    ScanBlock(items_[i].block, items_[i].probe, items_[i].list_base);
  }
  return OkStatus();
}

void Scanner::ScanBlocks(std::span<const BlockRef> blocks, uint32_t probe, float list_base) {
  for (const BlockRef& at : blocks) ScanBlock(at, probe, list_base);
}

void Scanner::ScanBlock(const BlockRef& at, uint32_t probe, float list_base) {
  const CodeBlock& block = *at.block;
  const double wide_base = double{list_base} + offset_ + block.correction_low * step_;
  const double factor =
      block.correction_shift == 0
          ? rounded_factor_
          : std::nearbyint(std::ldexp(factor_, static_cast<int>(block.correction_shift)));
  const auto base = static_cast<float>(wide_base);
  double limit = 65535;
  if (top_->bounded()) {
    const float threshold = top_->threshold();
    if (base > threshold) return;
    // Sums above this give estimates above the threshold, whatever the rounding of floats adds or
    // takes.
    const double margin = (std::fabs(threshold) + std::fabs(base)) * 0x1p-22;
    const double sum = (double{threshold} - base + margin) * inverse_scale_ * (1 + 0x1p-20) + 1;
    if (sum < 65535) limit = sum;  // not so for infinite estimates
  }
  // A sum that saturates says nothing, unless it is above the limit anyway.
  const bool exact = largest_sum_ + factor * 255 / 256 < 65535 || limit < 65535;
  if (factor > 65535 || !exact) return ScanWide(at, probe, wide_base, factor);
  const simd::ScanInput in{block.data(),
                           block.columns,
                           query_.code_bytes,
                           query_.tables->tables.data(),
                           static_cast<uint16_t>(factor),
                           static_cast<uint16_t>(limit),
                           at.live};
  const size_t count = scan_(in, out_);
  if (count == 0) return;
  top_->Reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const float estimate = base + scale_ * static_cast<float>(out_.sums[i]);
    top_->Push(OrderedBits(estimate), {probe, at.position + out_.positions[i]});
  }
  top_->CutIfFull();
}

void Scanner::ScanWide(const BlockRef& at, uint32_t probe, double base, double factor) {
  const CodeBlock& block = *at.block;
  const simd::ScanInput in{
      block.data(), block.columns, query_.code_bytes, query_.tables->tables.data(), 0,
      65535,        at.live};
  const size_t count = scan_(in, out_);
  const uint8_t* corrections = block.correction_plane(query_.code_bytes);
  top_->Reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const double part = corrections[out_.positions[i]] * factor / 256;
    const double sum = out_.sums[i] + (factor <= 65535 ? std::floor(part) : part);
    const float estimate = static_cast<float>(base) + static_cast<float>(scale_ * sum);
    top_->Push(OrderedBits(estimate), {probe, at.position + out_.positions[i]});
  }
  top_->CutIfFull();
}

}  // namespace tessera::lists
