// A range of rows with the values of their payloads by field: what a PayloadIndex is made of.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "index/filter/flatten.h"
#include "index/filter/geo_column.h"
#include "index/filter/plan.h"
#include "index/filter/row_bits.h"
#include "index/filter/value_column.h"

namespace tessera::filter {

// The columns of one path, one for each kind of value that occurs. Null where none does.
struct FieldColumns {
  std::string path;
  Roaring present;  // rows with any value
  std::unique_ptr<const KeywordColumn> keywords;
  std::array<std::unique_ptr<const NumberColumn>, 4>
      numbers;  // by ValueKind: kNumber, kBool, kDatetime
  std::unique_ptr<const GeoColumn> places;

  size_t bytes() const;
};

// Immutable. Covers the row ids [begin, end); those without an entry have no values.
class Segment {
 public:
  Segment(uint64_t id, uint32_t begin, uint32_t end, Roaring rows,
          std::vector<FieldColumns> fields);
  // Of neighbours, ascending, at least one: the same rows without those in `dead`.
  static std::shared_ptr<const Segment> Merge(uint64_t id,
                                              std::span<const std::shared_ptr<const Segment>> parts,
                                              const Roaring& dead);

  uint64_t id() const { return id_; }
  uint32_t begin() const { return begin_; }
  uint32_t end() const { return end_; }
  const Roaring& rows() const { return rows_; }
  uint64_t size() const { return size_; }  // rows
  size_t bytes() const { return bytes_; }  // all that is allocated
  const FieldColumns* Find(std::string_view path) const;

  // The rows of [begin, end) that the plan lets through. Precondition: !plan.has_ids.
  Roaring Evaluate(const Plan& plan) const;
  // At least as many as Evaluate would give.
  uint64_t Bound(const Plan& plan) const;

 private:
  Roaring Test(const ResolvedCondition& test) const;
  Roaring Exists(std::string_view field) const;
  Roaring All(const std::vector<Plan>& parts) const;
  Roaring Complement(Roaring rows) const;
  uint64_t BoundOfTest(const ResolvedCondition& test) const;
  // The fields at or below `path`.
  std::vector<const FieldColumns*> AtOrBelow(std::string_view path) const;

  uint64_t id_;
  uint32_t begin_, end_;
  Roaring rows_;
  uint64_t size_;
  std::vector<FieldColumns> fields_;  // ascending by path
  size_t bytes_;
};

// Gathers payloads of ascending rows into a segment.
class SegmentBuilder {
 public:
  explicit SegmentBuilder(const PayloadSchema& schema) : schema_(schema) {}

  // InvalidArgument as FlattenPayload. Precondition: `row` is above those added before.
  Status Add(uint32_t row, std::string_view payload);
  size_t rows() const { return rows_.size(); }
  // Null if no row was added that has any value.
  std::shared_ptr<const Segment> Finish(uint64_t id);

 private:
  struct Keyword {
    size_t offset, size;  // in chars_
    uint32_t row;
  };
  struct Values {
    std::vector<uint32_t> present;
    std::vector<Keyword> keywords;
    std::array<std::vector<NumberColumn::Entry>, 4> numbers;
    std::vector<GeoColumn::Point> places;
  };

  FieldColumns Columns(const std::string& path, Values& values) const;

  const PayloadSchema& schema_;
  std::vector<uint32_t> rows_;
  std::string chars_;
  std::map<std::string, Values, std::less<>> fields_;
};

}  // namespace tessera::filter
