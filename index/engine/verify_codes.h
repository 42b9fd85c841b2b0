// Rows of a list encoded anew: whether they are what their codes were made of.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "index/executor.h"
#include "index/quant/encoder.h"
#include "index/quant/model.h"
#include "index/types.h"

namespace tessera::engine {

// Rows as postings of one list; arrays are parallel.
struct StoredCodes {
  std::vector<RowId> rows;          // ascending
  std::vector<uint8_t> codes;       // a row: model.code_bytes()
  std::vector<float> corrections;
  std::vector<uint8_t> refine;      // a row: model.refine_bytes()
};

// Encodes rows in the list that they are in, whatever list is nearest to them: rows that came before a list was split
// stay where they are, if they are about as near. Not thread-safe.
class ListEncoder {
 public:
  ListEncoder(const quant::Model& model, const quant::ListTable& table, Executor& executor)
      : model_(model), table_(table), executor_(executor), scratch_(model) {}

  // rows: of unit length under cosine. `encoded.lists` are all `list`.
  void Encode(ListId list, MatrixView<const float> rows, quant::EncodedRows& encoded);

 private:
  const quant::Model& model_;
  const quant::ListTable& table_;
  Executor& executor_;
  quant::Model scratch_;  // the model with one list
};

enum class CodeMatch : uint8_t { kSame, kTied, kOther };
// Whether what is stored of a vector (of unit length under cosine), as posting `i` of the list, is what `encoded` has at
// `e`; kTied: another code that is as near to it, or a correction or refine record that differs by rounding.
CodeMatch CompareCodes(const quant::Model& model, const quant::ListTable& table, ListId list, const float* vector,
                       const StoredCodes& stored, size_t i, const quant::EncodedRows& encoded, size_t e);

}  // namespace tessera::engine
