// PayloadIndex::Facet: how often each value of a field occurs.
#include <algorithm>
#include <array>
#include <utility>

#include "index/filter/datetime.h"
#include "index/filter/flatten.h"
#include "index/filter/payload_index.h"
#include "index/filter/row_bits.h"
#include "index/filter/segment.h"

namespace tessera::filter {
namespace {

template <typename Column>
using Counts = std::vector<std::pair<typename Column::Key, uint64_t>>;

template <typename Column>
void AddCounts(const Column* column, const Roaring* rows, Counts<Column>& counts) {
  if (column == nullptr) return;
  for (size_t key = 0; key < column->size(); ++key) {
    const uint64_t count = rows != nullptr ? column->postings().CountIn(key, *rows)
                                           : column->postings().Count(key, key + 1);
    if (count > 0) counts.emplace_back(column->key(key), count);
  }
}

// Adds up equal keys, which several segments may have; ascending then.
template <typename Key>
void Combine(std::vector<std::pair<Key, uint64_t>>& counts) {
  const auto before = [](const auto& a, const auto& b) { return a.first < b.first; };
  if (!std::is_sorted(counts.begin(), counts.end(), before))
    std::sort(counts.begin(), counts.end(), before);
  size_t size = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (size > 0 && counts[size - 1].first == counts[i].first) {
      counts[size - 1].second += counts[i].second;
    } else {
      counts[size++] = counts[i];
    }
  }
  counts.resize(size);
}

PayloadValue ValueOf(const Number& number, size_t kind, const PayloadField* declared) {
  if (kind == static_cast<size_t>(ValueKind::kBool)) return PayloadValue::Bool(number.base != 0);
  const PayloadValue value = number.ToValue();
  if (kind == static_cast<size_t>(ValueKind::kDatetime))
    return PayloadValue::Keyword(FormatDatetime(value.integer));
  if (declared != nullptr && declared->type == FieldType::kFloat)
    return PayloadValue::Float(number.base);
  return value;
}

// One count among those of all kinds: where it stands, so that only those that are returned are
// made into values.
struct Candidate {
  uint64_t count;
  size_t kind, place;
};

}  // namespace

StatusOr<std::vector<FacetCount>> PayloadIndex::Facet(std::string_view path, const RowSet* rows,
                                                      size_t limit) const {
  const std::string name = "field \"" + std::string(path.substr(0, 100)) + "\": ";
  TESSERA_RETURN_IF_ERROR(Annotate(CheckPath(path), name));
  const PayloadField* declared = schema().Find(path);
  if (declared != nullptr && !declared->indexed)
    return InvalidArgument(name + "is declared without an index");

  const Roaring* within = rows != nullptr ? &rows->bits().rows : nullptr;
  Counts<KeywordColumn> keywords;
  std::array<Counts<NumberColumn>, 4> numbers;
  for (const SegmentPtr& segment : segments_) {
    const FieldColumns* field = segment->Find(path);
    if (field == nullptr) continue;
    AddCounts(field->keywords.get(), within, keywords);
    for (size_t kind = 0; kind < numbers.size(); ++kind)
      AddCounts(field->numbers[kind].get(), within, numbers[kind]);
  }

  std::vector<Candidate> candidates;
  const auto add = [&](const auto& counts, size_t kind) {
    for (size_t i = 0; i < counts.size(); ++i) candidates.push_back({counts[i].second, kind, i});
  };
  Combine(keywords);
  add(keywords, 0);
  for (size_t kind = 1; kind < numbers.size(); ++kind) {
    Combine(numbers[kind]);
    add(numbers[kind], kind);
  }
  limit = std::min(limit, candidates.size());
  std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(limit),
                    candidates.end(), [](const Candidate& a, const Candidate& b) {
                      if (a.count != b.count) return a.count > b.count;
                      return a.kind != b.kind ? a.kind < b.kind : a.place < b.place;
                    });
  std::vector<FacetCount> out;
  for (size_t i = 0; i < limit; ++i) {
    const Candidate& c = candidates[i];
    out.push_back({c.kind == 0 ? PayloadValue::Keyword(std::string(keywords[c.place].first))
                               : ValueOf(numbers[c.kind][c.place].first, c.kind, declared),
                   c.count});
  }
  return out;
}

}  // namespace tessera::filter
