#include "index/lists/scan.h"

#include <cmath>

namespace tessera::lists {
namespace {

// A block's share of the estimate.
struct BlockTerms {
  double base = 0;      // everything that all rows of the block share
  double factor = 0;    // 256 * correction unit / scale, before rounding
};

BlockTerms TermsOf(const CodeBlock& block, float list_base, const ScanQuery& query) {
  const quant::QueryTables& t = *query.tables;
  const double step = static_cast<double>(t.correction_weight) * query.correction_step;
  BlockTerms terms;
  terms.base = static_cast<double>(list_base) + t.offset + block.correction_low * step;
  terms.factor = std::ldexp(step, 8 + static_cast<int>(block.correction_shift)) / t.scale;
  return terms;
}

class BlockScanner {
 public:
  BlockScanner(const ScanQuery& query, uint32_t probe, TopK& top)
      : query_(query),
        scan_(query.bits == 8 ? query.kernels->scan8 : query.kernels->scan4),
        probe_(probe),
        top_(top) {}

  void Scan(const Chunk& chunk, size_t chunk_index, size_t b, float list_base) {
    const CodeBlock& block = *chunk.blocks[b];
    const uint64_t* live = chunk.live.data() + b * (kBlockRows / 64);
    const BlockTerms terms = TermsOf(block, list_base, query_);
    const double scale = query_.tables->scale;
    simd::ScanInput in{block.data.data(), block.columns, query_.code_bytes,
                       query_.tables->tables.data(), 0, 65535, live};
    const double rounded = std::nearbyint(terms.factor);
    // While anything may enter, or when corrections overflow their 16 bits (outliers), the sums without
    // corrections are taken for every live row and the correction is added here.
    bool in_kernel = top_.bounded() && rounded <= 65535;
    if (in_kernel) {
      const double limit = std::floor((static_cast<double>(top_.threshold()) - terms.base) / scale) + 1;
      if (limit < 0) return;
      in_kernel = limit < 65535;
      if (in_kernel) {
        in.correction_factor = static_cast<uint16_t>(rounded);
        in.threshold = static_cast<uint16_t>(limit);
      }
    }
    const size_t count = scan_(in, out_);
    const uint8_t* corrections = block.correction_plane(query_.code_bytes);
    for (size_t i = 0; i < count; ++i) {
      const size_t position = out_.positions[i];
      double sum = out_.sums[i];
      if (!in_kernel) {
        const double part = corrections[position] * rounded;
        sum += rounded <= 65535 ? std::floor(part / 256) : part / 256;
      }
      const auto estimate = static_cast<float>(terms.base + scale * sum);
      if (OrderedBits(estimate) > top_.worst_key() >> 32) continue;
      const size_t in_chunk = b * kBlockRows + position;
      top_.Push({Candidate::Key(estimate, chunk.row_id(in_chunk)), probe_,
                 static_cast<uint32_t>(chunk_index * kChunkRows + in_chunk)});
    }
  }

 private:
  const ScanQuery& query_;
  simd::ScanFn scan_;
  uint32_t probe_;
  TopK& top_;
  simd::ScanOutput out_;
};

}  // namespace

uint64_t ScanList(const List& list, uint32_t probe, float base, const ScanQuery& query, TopK& top) {
  BlockScanner scanner(query, probe, top);
  for (size_t c = 0; c < list.chunks.size(); ++c) {
    const Chunk& chunk = *list.chunks[c];
    if (chunk.live_rows == 0) continue;
    for (size_t b = 0; b < chunk.blocks.size() && chunk.blocks[b]; ++b) scanner.Scan(chunk, c, b, base);
  }
  return list.rows;
}

}  // namespace tessera::lists
