// Table codes, the one form of all codes whose distances are sums over tables: product codes, additive and
// residual ones, and those of mixed bits. Decoding adds codewords, scoring adds table entries.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "index/quant/beam.h"
#include "index/quant/table_layout.h"
#include "index/types.h"

namespace tessera::quant {

// Immutable after construction, so safe to share between threads.
//
// A code is a row of scan codes as the scans read them (simd/kernel_table.h): bytes, or nibbles, the even
// one low, or four times 6 bits in three bytes. A scan code holds the indices of some parts, the first in
// the low bits, and its table is the sum of their tables.
class TableCode {
 public:
  TableCode() = default;
  // codebooks: of each part, transposed [dims][entries], one after another: layout.floats() in all.
  TableCode(TableLayout layout, std::vector<float> codebooks);

  const TableLayout& layout() const { return layout_; }
  uint32_t dim() const { return layout_.dim; }
  size_t parts() const { return layout_.parts.size(); }
  const TablePart& part(size_t p) const { return layout_.parts[p]; }
  const float* codebook(size_t p) const { return codebooks_.data() + offsets_[p]; }
  const std::vector<float>& codebooks() const { return codebooks_; }

  uint32_t code_bytes() const { return (scan_codes_ * scan_bits() + 7) / 8; }
  uint32_t scan_bits() const { return layout_.scan_bits; }
  uint32_t scan_entries() const { return 1u << scan_bits(); }
  // Scan codes that hold parts, and tables that a scan reads: one of zeros more where the last byte leaves
  // room for another scan code.
  uint32_t scan_codes() const { return scan_codes_; }
  uint32_t scan_tables() const { return code_bytes() * 8 / scan_bits(); }
  size_t bytes() const;  // resident memory of the arrays

  // codes: rows.rows() x code_bytes. Groups of one part, or of 8 bits in all, become the nearest sum; others
  // what a beam of layout().beam finds.
  void Encode(MatrixView<const float> rows, uint8_t* codes) const;
  // out: n x dim.
  void Decode(const uint8_t* codes, size_t n, float* out) const;
  // The scan codes of one code; out: scan_codes().
  void ReadScanCodes(const uint8_t* code, uint8_t* out) const;
  // The inverse. scan_codes: scan_codes() of one row.
  void WriteScanCodes(const uint8_t* scan_codes, uint8_t* code) const;
  // Index of a part in its codebook, from the scan codes; and put into them.
  uint32_t PartIndex(const uint8_t* scan_codes, size_t p) const {
    return scan_codes[places_[p].scan] >> places_[p].shift & (part(p).entries() - 1);
  }
  void SetPartIndex(size_t p, uint32_t index, uint8_t* scan_codes) const {
    const uint32_t mask = (part(p).entries() - 1) << places_[p].shift;
    uint8_t& to = scan_codes[places_[p].scan];
    to = static_cast<uint8_t>((to & ~mask) | index << places_[p].shift);
  }
  // indices[i * stride] = the k of part p that minimises norms[k] - 2 <row i, codeword k>, the smaller of
  // equal ones. rows: of part(p).dims() floats; norms: part(p).entries().
  void FindCodewords(size_t p, MatrixView<const float> rows, const float* norms, uint8_t* indices,
                     size_t stride) const;
  // tables[scan code][entry] = product of y with what the entry decodes to; scan_codes() x scan_entries()
  // floats. Summed in one fixed order: the same bits on every processor.
  void FillTables(const float* y, float* tables) const;

 private:
  // Where the index of a part lies.
  struct Position {
    uint32_t scan;   // its scan code
    uint32_t shift;  // and its lowest bit there
  };

  // Parts [first, last) over one range, and what encoding them takes: all their sums where these are few
  // (first in the low bits of the index), else a beam.
  struct Group {
    size_t first;
    size_t last;
    std::vector<float> sums;  // transposed [dims][entries]
    std::vector<float> sum_norms;
    BeamEncoder beam;
  };

  const float* norms(size_t p) const { return norms_.data() + norm_offsets_[p]; }
  void AddGroup(size_t first, size_t last);
  // indices[i * stride] = index of row i's nearest codeword.
  void EncodePart(size_t p, MatrixView<const float> rows, uint8_t* indices, size_t stride) const;
  // wide: scan codes, a byte each.
  void EncodeGroup(const Group& group, MatrixView<const float> rows, uint8_t* wide) const;
  // Puts indices[i * stride], right shifted, to the place of part p in the scan codes of row i of n.
  void Place(size_t p, const uint8_t* indices, size_t stride, uint32_t shift, size_t n,
             uint8_t* wide) const;
  bool FillsScanCode(size_t p) const { return part(p).bits == scan_bits(); }

  TableLayout layout_;
  uint32_t scan_codes_ = 0;
  std::vector<Position> places_;   // of each part
  std::vector<uint64_t> offsets_;  // of each part in codebooks_
  std::vector<float> codebooks_;
  std::vector<uint64_t> norm_offsets_;
  std::vector<float> norms_;  // squared, of all codewords
  std::vector<Group> groups_;
};

}  // namespace tessera::quant
