#include "index/quant/table_code.h"

#include <algorithm>
#include <utility>

#include "index/quant/extremes.h"
#include "index/simd/kernels.h"

namespace tessera::quant {
namespace {

// Rows encoded together: they stay in the L2 cache while one codebook after the other passes.
constexpr size_t kBlockRows = 256;

// table[i] += part[i >> shift & mask].
void AddShifted(const float* part, uint32_t part_entries, uint32_t shift, float* table,
                uint32_t entries) {
  for (uint32_t i = 0; i < entries; ++i) table[i] += part[i >> shift & (part_entries - 1)];
}

// Joins codes[2i] and codes[2i + 1] (n of them, each below 16) into byte i.
void PackNibbles(const uint8_t* codes, uint32_t n, uint8_t* out) {
  for (uint32_t s = 0; s + 1 < n; s += 2) {
    out[s / 2] = static_cast<uint8_t>(codes[s] | (codes[s + 1] << 4));
  }
  if (n % 2 != 0) out[n / 2] = codes[n - 1];
}

// The same for groups of four codes below 64: the fourth goes above the other three.
void PackSixBits(const uint8_t* codes, uint32_t n, uint8_t* out) {
  for (uint32_t s = 0; s < n; s += 4) {
    const uint32_t fourth = s + 3 < n ? codes[s + 3] : 0;
    for (uint32_t i = 0; i < 3 && s + i < n; ++i) {
      *out++ = static_cast<uint8_t>(codes[s + i] | (fourth >> (2 * i) & 3) << 6);
    }
  }
}

uint8_t ScanCodeAt(const uint8_t* code, uint32_t s, uint32_t bits) {
  if (bits == 8) return code[s];
  if (bits == 4) return (s % 2 == 0) ? code[s / 2] & 15u : code[s / 2] >> 4;
  const uint8_t* group = code + s / 4 * 3;
  if (s % 4 != 3) return group[s % 4] & 63u;
  return static_cast<uint8_t>(group[0] >> 6 | group[1] >> 6 << 2 | group[2] >> 6 << 4);
}

// Products of a query with the four codewords of a part of 2 bits; the kernels begin at 16.
Float4 SmallTable(const float* y, const float* codebook, size_t dims) {
  Float4 sum = {0, 0, 0, 0};
  for (size_t j = 0; j < dims; ++j) sum += y[j] * LoadFloat4(codebook + 4 * j);
  return sum;
}

}  // namespace

TableCode::TableCode(TableLayout layout, std::vector<float> codebooks)
    : layout_(std::move(layout)), codebooks_(std::move(codebooks)) {
  uint64_t floats = 0;
  uint32_t used = scan_bits();  // of the last scan code: none begun yet
  for (const TablePart& part : layout_.parts) {
    if (used + part.bits > scan_bits()) {
      ++scan_codes_;
      used = 0;
    }
    places_.push_back({scan_codes_ - 1, used});
    used += part.bits;
    offsets_.push_back(floats);
    norm_offsets_.push_back(norms_.size());
    const float* values = codebooks_.data() + floats;
    norms_.resize(norms_.size() + part.entries());
    float* norms = norms_.data() + norm_offsets_.back();
    for (uint32_t j = 0; j < part.dims(); ++j, values += part.entries()) {
      for (uint32_t k = 0; k < part.entries(); ++k) norms[k] += values[k] * values[k];
    }
    floats += part.floats();
  }
  for (size_t first = 0, last; first < parts(); first = last) {
    for (last = first + 1; last < parts() && part(last).SameRange(part(first)); ++last) {
    }
    AddGroup(first, last);
  }
}

void TableCode::AddGroup(size_t first, size_t last) {
  Group group{first, last, {}, {}, {}};
  const uint32_t dims = part(first).dims();
  uint32_t bits = 0;
  std::vector<const float*> codebooks;
  for (size_t p = first; p < last; ++p) {
    bits += part(p).bits;
    codebooks.push_back(codebook(p));
  }
  if (codebooks.size() > 1 && bits <= 8) {
    const uint32_t entries = 1u << bits;
    group.sums.resize(size_t{dims} * entries);
    group.sum_norms.resize(entries);
    for (uint32_t j = 0; j < dims; ++j) {
      float* sums = group.sums.data() + size_t{j} * entries;
      uint32_t shift = 0;
      for (size_t p = first; p < last; shift += part(p++).bits) {
        AddShifted(codebook(p) + size_t{j} * part(p).entries(), part(p).entries(), shift, sums, entries);
      }
      for (uint32_t k = 0; k < entries; ++k) group.sum_norms[k] += sums[k] * sums[k];
    }
  } else if (codebooks.size() > 1) {
    group.beam = BeamEncoder(codebooks, part(first).entries(), dims);
  }
  groups_.push_back(std::move(group));
}

size_t TableCode::bytes() const {
  size_t groups = 0;
  for (const Group& group : groups_) {
    groups += sizeof(Group) + group.beam.bytes() +
              (group.sums.size() + group.sum_norms.size()) * sizeof(float);
  }
  return (codebooks_.size() + norms_.size()) * sizeof(float) + groups +
         parts() * (sizeof(TablePart) + sizeof(Position) + 2 * sizeof(uint64_t));
}

void TableCode::FindCodewords(size_t p, MatrixView<const float> rows, const float* norms,
                              uint8_t* indices, size_t stride) const {
  const TablePart& range = part(p);
  if (range.bits != 2) {
    simd::ActiveKernels().nearest(rows.data(), rows.rows(), rows.stride(), range.dims(),
                                  codebook(p), norms, range.entries(), indices, stride);
    return;
  }
  for (size_t i = 0; i < rows.rows(); ++i) {
    const Float4 products = SmallTable(rows.row(i), codebook(p), range.dims());
    const Float4 scores = LoadFloat4(norms) - 2.0f * products;
    uint8_t best = 0;
    for (uint8_t k = 1; k < 4; ++k) best = scores[k] < scores[best] ? k : best;
    indices[i * stride] = best;
  }
}

void TableCode::EncodePart(size_t p, MatrixView<const float> rows, uint8_t* indices,
                           size_t stride) const {
  FindCodewords(p, {rows.data() + part(p).begin, rows.rows(), part(p).dims(), rows.stride()},
                norms(p), indices, stride);
}

void TableCode::Place(size_t p, const uint8_t* indices, size_t stride, uint32_t shift, size_t n,
                      uint8_t* wide) const {
  const Position at = places_[p];
  const uint32_t mask = part(p).entries() - 1;
  for (size_t i = 0; i < n; ++i) {
    uint8_t& to = wide[i * scan_codes_ + at.scan];
    const uint32_t index = indices[i * stride] >> shift & mask;
    to = static_cast<uint8_t>((at.shift == 0 ? 0u : to) | index << at.shift);
  }
}

void TableCode::EncodeGroup(const Group& group, MatrixView<const float> rows, uint8_t* wide) const {
  const TablePart& range = part(group.first);
  const size_t count = group.last - group.first;
  if (count == 1 && FillsScanCode(group.first)) {
    return EncodePart(group.first, rows, wide + places_[group.first].scan, scan_codes_);
  }
  thread_local std::vector<uint8_t> indices;
  indices.resize(rows.rows() * count);
  if (count == 1 || !group.sums.empty()) {
    if (count == 1) {
      EncodePart(group.first, rows, indices.data(), 1);
    } else {
      simd::ActiveKernels().nearest(rows.data() + range.begin, rows.rows(), rows.stride(),
                                    range.dims(), group.sums.data(), group.sum_norms.data(),
                                    group.sum_norms.size(), indices.data(), 1);
    }
    uint32_t shift = 0;
    for (size_t p = group.first; p < group.last; shift += part(p++).bits) {
      Place(p, indices.data(), 1, shift, rows.rows(), wide);
    }
    return;
  }
  const MatrixView<const float> columns(rows.data() + range.begin, rows.rows(), range.dims(),
                                        rows.stride());
  group.beam.Encode(columns, layout_.beam, indices.data());
  for (size_t t = 0; t < count; ++t) {
    Place(group.first + t, indices.data() + t, count, 0, rows.rows(), wide);
  }
}

void TableCode::WriteScanCodes(const uint8_t* scan_codes, uint8_t* code) const {
  if (scan_bits() == 8) {
    std::copy_n(scan_codes, scan_codes_, code);
    return;
  }
  (scan_bits() == 4 ? PackNibbles : PackSixBits)(scan_codes, scan_codes_, code);
}

void TableCode::Encode(MatrixView<const float> rows, uint8_t* codes) const {
  const bool packed = scan_bits() == 8;
  std::vector<uint8_t> scratch(packed ? 0 : kBlockRows * scan_codes_);
  for (size_t first = 0; first < rows.rows(); first += kBlockRows) {
    const auto block = rows.Slice(first, std::min(kBlockRows, rows.rows() - first));
    uint8_t* wide = packed ? codes + first * code_bytes() : scratch.data();
    for (const Group& group : groups_) EncodeGroup(group, block, wide);
    for (size_t i = 0; !packed && i < block.rows(); ++i) {
      WriteScanCodes(wide + i * scan_codes_, codes + (first + i) * code_bytes());
    }
  }
}

void TableCode::ReadScanCodes(const uint8_t* code, uint8_t* out) const {
  for (uint32_t s = 0; s < scan_codes_; ++s) out[s] = ScanCodeAt(code, s, scan_bits());
}

void TableCode::Decode(const uint8_t* codes, size_t n, float* out) const {
  std::vector<uint8_t> scan_codes(std::min(n, kBlockRows) * scan_codes_);
  std::fill_n(out, n * dim(), 0.0f);
  for (size_t first = 0; first < n; first += kBlockRows) {
    const size_t last = std::min(n, first + kBlockRows);
    for (size_t i = first; i < last; ++i) {
      ReadScanCodes(codes + i * code_bytes(), scan_codes.data() + (i - first) * scan_codes_);
    }
    for (size_t p = 0; p < parts(); ++p) {  // part by part: one codebook fits the L1 cache
      const TablePart& range = part(p);
      for (size_t i = first; i < last; ++i) {
        const uint8_t* from = scan_codes.data() + (i - first) * scan_codes_;
        const float* value = codebook(p) + PartIndex(from, p);
        float* to = out + i * dim() + range.begin;
        for (uint32_t j = 0; j < range.dims(); ++j) to[j] += value[size_t{j} * range.entries()];
      }
    }
  }
}

void TableCode::FillTables(const float* y, float* tables) const {
  const auto& kernels = simd::ActiveKernels();
  for (size_t p = 0; p < parts(); ++p) {
    const TablePart& range = part(p);
    float* table = tables + size_t{places_[p].scan} * scan_entries();
    if (FillsScanCode(p)) {
      kernels.table(y + range.begin, codebook(p), range.dims(), range.entries(), table);
      continue;
    }
    float products[256];
    if (range.bits == 2) {
      const Float4 sums = SmallTable(y + range.begin, codebook(p), range.dims());
      for (size_t k = 0; k < 4; ++k) products[k] = sums[k];
    } else {
      kernels.table(y + range.begin, codebook(p), range.dims(), range.entries(), products);
    }
    if (places_[p].shift == 0) std::fill_n(table, scan_entries(), 0.0f);
    AddShifted(products, range.entries(), places_[p].shift, table, scan_entries());
  }
}

}  // namespace tessera::quant
