#include "index/filter/segment.h"

#include <algorithm>
#include <utility>

#include "index/filter/json.h"

namespace tessera::filter {
namespace {

using Kind = Condition::Kind;

// The keys that a condition on numbers of one kind picks, as ranges of key indexes.
template <typename Column, typename Visit>
void VisitEqual(const Column& column, const std::vector<typename Column::Key>& keys,
                const Visit& visit) {
  for (const auto& key : keys) {
    const size_t at = column.LowerBound(key);
    if (at < column.size() && column.key(at) == key) visit(at, at + 1);
  }
}

std::pair<size_t, size_t> RangeOf(const NumberColumn& column, const ResolvedCondition& test) {
  size_t begin = 0, end = column.size();
  if (test.lower.present) {
    begin = test.lower.inclusive ? column.LowerBound(test.lower.value)
                                 : column.UpperBound(test.lower.value);
  }
  if (test.upper.present) {
    end = test.upper.inclusive ? column.UpperBound(test.upper.value)
                               : column.LowerBound(test.upper.value);
  }
  return {begin, std::max(begin, end)};
}

std::pair<size_t, size_t> PrefixOf(const KeywordColumn& column, const std::string& prefix) {
  const size_t begin = column.LowerBound(prefix);
  // The first key above all that begin so: the prefix with its last byte below 0xff raised.
  std::string above = prefix;
  while (!above.empty() && static_cast<unsigned char>(above.back()) == 0xff) above.pop_back();
  if (above.empty()) return {begin, column.size()};
  above.back() = static_cast<char>(static_cast<unsigned char>(above.back()) + 1);
  return {begin, column.LowerBound(above)};
}

// Calls visit(column, begin, end) for each run of keys that an any-of, range or prefix picks.
template <typename Visit>
void VisitKeys(const FieldColumns& field, const ResolvedCondition& test, const Visit& visit) {
  const Condition& condition = *test.condition;
  if (condition.kind == Kind::kRange) {
    const auto& column = field.numbers[static_cast<size_t>(test.range_kind)];
    if (column == nullptr) return;
    const auto [begin, end] = RangeOf(*column, test);
    visit(*column, begin, end);
  } else if (condition.kind == Kind::kPrefix) {
    if (field.keywords == nullptr) return;
    const auto [begin, end] = PrefixOf(*field.keywords, condition.prefix);
    visit(*field.keywords, begin, end);
  } else {
    if (field.keywords != nullptr) {
      VisitEqual(*field.keywords, test.keywords,
                 [&](size_t begin, size_t end) { visit(*field.keywords, begin, end); });
    }
    for (size_t kind = 0; kind < test.numbers.size(); ++kind) {
      if (field.numbers[kind] == nullptr) continue;
      VisitEqual(*field.numbers[kind], test.numbers[kind],
                 [&](size_t begin, size_t end) { visit(*field.numbers[kind], begin, end); });
    }
  }
}

// The columns of a kind in all parts that have one.
template <typename Column, typename Get>
std::unique_ptr<const Column> MergeColumns(std::span<const FieldColumns* const> parts,
                                           const Roaring& dead, const Get& get) {
  std::vector<const Column*> columns;
  for (const FieldColumns* part : parts) {
    if (const Column* column = get(*part)) columns.push_back(column);
  }
  if (columns.empty()) return nullptr;
  auto merged = std::make_unique<const Column>(std::span<const Column* const>(columns), dead);
  return merged->size() > 0 ? std::move(merged) : nullptr;
}

FieldColumns MergeField(std::span<const FieldColumns* const> parts, const Roaring& dead) {
  FieldColumns out;
  out.path = parts[0]->path;
  for (const FieldColumns* part : parts) out.present |= part->present;
  out.present -= dead;
  out.present.runOptimize();
  out.present.shrinkToFit();
  out.keywords = MergeColumns<KeywordColumn>(
      parts, dead, [](const FieldColumns& f) { return f.keywords.get(); });
  for (size_t kind = 0; kind < out.numbers.size(); ++kind) {
    out.numbers[kind] = MergeColumns<NumberColumn>(
        parts, dead, [&](const FieldColumns& f) { return f.numbers[kind].get(); });
  }
  out.places =
      MergeColumns<GeoColumn>(parts, dead, [](const FieldColumns& f) { return f.places.get(); });
  return out;
}

}  // namespace

size_t FieldColumns::bytes() const {
  size_t bytes = sizeof(FieldColumns) - sizeof(Roaring) + path.capacity() + BytesOf(present);
  if (keywords != nullptr) bytes += sizeof(KeywordColumn) + keywords->bytes();
  for (const auto& column : numbers) {
    if (column != nullptr) bytes += sizeof(NumberColumn) + column->bytes();
  }
  if (places != nullptr) bytes += sizeof(GeoColumn) + places->bytes();
  return bytes;
}

Segment::Segment(uint64_t id, uint32_t begin, uint32_t end, Roaring rows,
                 std::vector<FieldColumns> fields)
    : id_(id),
      begin_(begin),
      end_(end),
      rows_(std::move(rows)),
      size_(rows_.cardinality()),
      fields_(std::move(fields)),
      bytes_(sizeof(Segment) - sizeof(Roaring) + BytesOf(rows_)) {
  fields_.shrink_to_fit();
  for (const FieldColumns& field : fields_) bytes_ += field.bytes();
}

std::shared_ptr<const Segment> Segment::Merge(uint64_t id,
                                              std::span<const std::shared_ptr<const Segment>> parts,
                                              const Roaring& dead) {
  Roaring rows;
  std::map<std::string_view, std::vector<const FieldColumns*>> by_path;
  for (const auto& part : parts) {
    rows |= part->rows_;
    for (const FieldColumns& field : part->fields_) by_path[field.path].push_back(&field);
  }
  rows -= dead;
  rows.runOptimize();
  rows.shrinkToFit();
  std::vector<FieldColumns> fields;
  for (const auto& [path, columns] : by_path) {
    FieldColumns merged = MergeField(columns, dead);
    if (!merged.present.isEmpty()) fields.push_back(std::move(merged));
  }
  return std::make_shared<Segment>(id, parts.front()->begin(), parts.back()->end(), std::move(rows),
                                   std::move(fields));
}

const FieldColumns* Segment::Find(std::string_view path) const {
  const auto found = std::lower_bound(
      fields_.begin(), fields_.end(), path,
      [](const FieldColumns& field, std::string_view p) { return field.path < p; });
  return found != fields_.end() && found->path == path ? &*found : nullptr;
}

std::vector<const FieldColumns*> Segment::AtOrBelow(std::string_view path) const {
  std::vector<const FieldColumns*> fields;
  auto at = std::lower_bound(
      fields_.begin(), fields_.end(), path,
      [](const FieldColumns& field, std::string_view p) { return field.path < p; });
  for (; at != fields_.end() && at->path.starts_with(path); ++at) {
    if (IsAtOrBelow(at->path, path)) fields.push_back(&*at);
  }
  return fields;
}

Roaring Segment::Complement(Roaring rows) const {
  rows.flip(begin_, end_);
  return rows;
}

Roaring Segment::Exists(std::string_view field) const {
  Roaring rows;
  for (const FieldColumns* columns : AtOrBelow(field)) rows |= columns->present;
  return rows;
}

Roaring Segment::Test(const ResolvedCondition& test) const {
  const Condition& condition = *test.condition;
  if (condition.kind == Kind::kExists) return Exists(condition.field);
  if (condition.kind == Kind::kMissing) return Complement(Exists(condition.field));
  const FieldColumns* field = Find(condition.field);
  if (field == nullptr) return {};
  RowCollector rows;
  if (condition.kind == Kind::kGeoRadius || condition.kind == Kind::kGeoBox) {
    if (field->places != nullptr) field->places->Collect(test, rows);
  } else {
    VisitKeys(*field, test, [&](const auto& column, size_t begin, size_t end) {
      column.Collect(begin, end, rows);
    });
  }
  if (condition.kind == Kind::kNoneOf) return field->present - rows.Finish();
  return rows.Finish();
}

// Negations are subtracted rather than complemented.
Roaring Segment::All(const std::vector<Plan>& parts) const {
  Roaring rows;
  bool any = false;
  for (const Plan& part : parts) {
    if (part.op == Plan::Op::kNot) continue;
    if (any) {
      rows &= Evaluate(part);
    } else {
      rows = Evaluate(part);
    }
    any = true;
    if (rows.isEmpty()) return rows;
  }
  if (!any) rows.addRange(begin_, end_);
  for (const Plan& part : parts) {
    if (part.op == Plan::Op::kNot) rows -= Evaluate(part.parts[0]);
  }
  return rows;
}

Roaring Segment::Evaluate(const Plan& plan) const {
  switch (plan.op) {
    case Plan::Op::kTest:
      return Test(plan.test);
    case Plan::Op::kAnd:
      return All(plan.parts);
    case Plan::Op::kNot:
      return Complement(Evaluate(plan.parts[0]));
    case Plan::Op::kOr: {
      Roaring rows;
      for (const Plan& part : plan.parts) rows |= Evaluate(part);
      return rows;
    }
    case Plan::Op::kIds:
      break;  // not here by the precondition
  }
  return {};
}

uint64_t Segment::BoundOfTest(const ResolvedCondition& test) const {
  const Condition& condition = *test.condition;
  const uint64_t range = end_ - begin_;
  const FieldColumns* field = Find(condition.field);
  if (condition.kind == Kind::kMissing)
    return field == nullptr ? range : range - field->present.cardinality();
  if (condition.kind == Kind::kExists) {
    uint64_t bound = 0;
    for (const FieldColumns* columns : AtOrBelow(condition.field))
      bound += columns->present.cardinality();
    return std::min(bound, size_);
  }
  if (field == nullptr) return 0;
  const uint64_t present = field->present.cardinality();
  uint64_t bound = 0;
  if (condition.kind == Kind::kNoneOf) {
    bound = present;
  } else if (condition.kind == Kind::kGeoRadius || condition.kind == Kind::kGeoBox) {
    bound = field->places != nullptr ? field->places->size() : 0;
  } else {
    VisitKeys(*field, test, [&](const auto& column, size_t begin, size_t end) {
      bound += column.postings().Count(begin, end);
    });
  }
  return std::min(bound, present);
}

uint64_t Segment::Bound(const Plan& plan) const {
  const uint64_t range = end_ - begin_;
  uint64_t bound = range;
  switch (plan.op) {
    case Plan::Op::kTest:
      return BoundOfTest(plan.test);
    case Plan::Op::kAnd:
      for (const Plan& part : plan.parts) bound = std::min(bound, Bound(part));
      return bound;
    case Plan::Op::kOr:
      bound = 0;
      for (const Plan& part : plan.parts) bound += Bound(part);
      return std::min(bound, range);
    default:
      return range;
  }
}

Status SegmentBuilder::Add(uint32_t row, std::string_view payload) {
  StatusOr<JsonValue> object = ParseJsonObject(payload);
  if (!object.ok()) return Annotate(object.status(), "payload: ");
  bool any = false;
  TESSERA_RETURN_IF_ERROR(FlattenPayload(
      *object, schema_, false, [&](const std::string& path, const FieldValue& value) {
        any = true;
        Values& values = fields_.try_emplace(path).first->second;
        if (values.present.empty() || values.present.back() != row) values.present.push_back(row);
        switch (value.kind) {
          case ValueKind::kText:
            break;
          case ValueKind::kGeo:
            values.places.push_back({value.geo, row});
            break;
          case ValueKind::kKeyword:
            values.keywords.push_back({chars_.size(), value.text.size(), row});
            chars_ += value.text;
            break;
          default:
            values.numbers[static_cast<size_t>(value.kind)].emplace_back(value.number, row);
        }
      }));
  if (any) rows_.push_back(row);
  return OkStatus();
}

FieldColumns SegmentBuilder::Columns(const std::string& path, Values& values) const {
  FieldColumns out;
  out.path = path;
  out.present = FromAscending(values.present);
  out.present.runOptimize();
  out.present.shrinkToFit();
  if (!values.keywords.empty()) {
    std::vector<KeywordColumn::Entry> entries;
    entries.reserve(values.keywords.size());
    for (const Keyword& keyword : values.keywords) {
      entries.emplace_back(std::string_view(chars_).substr(keyword.offset, keyword.size),
                           keyword.row);
    }
    out.keywords = std::make_unique<const KeywordColumn>(entries);
  }
  for (size_t kind = 0; kind < values.numbers.size(); ++kind) {
    if (!values.numbers[kind].empty())
      out.numbers[kind] = std::make_unique<const NumberColumn>(values.numbers[kind]);
  }
  if (!values.places.empty())
    out.places = std::make_unique<const GeoColumn>(std::move(values.places));
  return out;
}

std::shared_ptr<const Segment> SegmentBuilder::Finish(uint64_t id) {
  if (rows_.empty()) return nullptr;
  std::vector<FieldColumns> fields;
  for (auto& [path, values] : fields_) fields.push_back(Columns(path, values));
  Roaring rows = FromAscending(rows_);
  rows.runOptimize();
  rows.shrinkToFit();
  return std::make_shared<Segment>(id, rows_.front(), rows_.back() + 1, std::move(rows),
                                   std::move(fields));
}

}  // namespace tessera::filter
