#include "index/filter/payload_index.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "tests/unit/filter/random_filters.h"

namespace tessera::filter {
namespace {

using IndexPtr = std::shared_ptr<const PayloadIndex>;

IndexPtr With(const IndexPtr& index, std::vector<std::pair<uint32_t, std::string>> rows) {
  std::vector<PayloadRow> added;
  for (const auto& [row, payload] : rows) added.push_back({RowId(row), payload});
  auto next = index->With(added);
  EXPECT_TRUE(next.ok()) << next.status();
  return next.ok() ? *next : index;
}

std::vector<uint32_t> Rows(const IndexPtr& index, std::string_view text, uint32_t universe) {
  const auto set = index->Evaluate(ParseFilter(text).value(), RowId(universe));
  EXPECT_TRUE(set.ok()) << set.status();
  std::vector<uint32_t> rows;
  if (set.ok()) set->ForEach([&](RowId row) { return rows.push_back(row.value), true; });
  return rows;
}

// All rows ever added, and which of them live.
struct Model {
  std::vector<std::string> payloads;
  std::set<uint32_t> dead;

  LivePredicate live() const {
    return [this](RowId row) { return !dead.contains(row.value); };
  }
};

// Numbers and keys of RandomFilters::Id, of which only those below the number of rows exist.
IdResolver Resolver(const Model& model) {
  return [&model](std::span<const PointId> ids, std::vector<RowId>& rows) {
    for (const PointId& id : ids) {
      const uint64_t row = id.is_number() ? id.number() : std::stoull(id.key().substr(1));
      if (row < model.payloads.size()) rows.emplace_back(static_cast<uint32_t>(row));
    }
    return OkStatus();
  };
}

// Live rows must be as Matches says; dead ones may be either. Every 23rd row from `first` on is
// compared.
void ExpectAsMatches(const IndexPtr& index, const Model& model, const Filter& filter,
                     size_t first) {
  const auto universe = RowId(static_cast<uint32_t>(model.payloads.size()));
  const auto set = index->Evaluate(filter, universe, Resolver(model));
  ASSERT_TRUE(set.ok()) << set.status() << "\n" << ToString(filter);
  EXPECT_LE(set->cardinality(), index->Estimate(filter, universe).value()) << ToString(filter);
  for (auto row = static_cast<uint32_t>(first); row < model.payloads.size(); row += 23) {
    if (model.dead.contains(row)) continue;
    const auto matches =
        Matches(filter, model.payloads[row], RandomFilters::Id(row), RandomFilters::Schema());
    ASSERT_TRUE(matches.ok()) << matches.status();
    ASSERT_EQ(set->Contains(RowId(row)), *matches)
        << "row " << row << ": " << model.payloads[row] << "\n"
        << ToString(filter);
  }
  EXPECT_FALSE(set->Contains(universe));
}

// Rows are added in batches of all sizes, die, are merged at once and in the background; now and
// then random filters are compared with what each row's payload says.
TEST(PayloadIndex, IsWhatMatchesSays) {
  for (const uint64_t seed : {1, 2, 3}) {
    SCOPED_TRACE(seed);
    RandomFilters random(seed);
    Model model;
    IndexPtr index = PayloadIndex::Make(RandomFilters::Schema());
    std::shared_ptr<const PayloadIndex::Merged> merging;
    size_t merges = 0;
    for (int step = 0; step < 250; ++step) {
      std::vector<PayloadRow> rows;
      const size_t begin = model.payloads.size();
      const size_t count = random.OneIn(20) ? 300 : 1 + random.Below(8);
      for (size_t i = 0; i < count; ++i)
        model.payloads.push_back(random.OneIn(10) ? "" : random.Payload());
      for (size_t row = begin; row < model.payloads.size(); ++row) {
        if (model.payloads[row].empty() && random.OneIn(2)) continue;
        rows.push_back({RowId(static_cast<uint32_t>(row)), model.payloads[row]});
      }
      auto next = index->With(rows, model.live());
      ASSERT_TRUE(next.ok()) << next.status();
      index = *next;
      if (merging != nullptr) {  // begun some steps ago, of an index before
        index = index->Apply(merging);
        merging = nullptr;
        ++merges;
      }
      for (size_t i = random.Below(4); i > 0; --i)
        model.dead.insert(static_cast<uint32_t>(random.Below(model.payloads.size())));
      if (random.OneIn(60)) {  // a wave of deletions
        for (uint32_t row = 0; row < model.payloads.size(); ++row) {
          if (random.OneIn(3)) model.dead.insert(row);
        }
      }
      if (random.OneIn(4)) merging = index->Merge(model.live());
      if (step % 50 != 49) continue;
      for (int i = 0; i < 40; ++i) {
        const Filter filter = random.Random(3);
        ExpectAsMatches(index, model, filter, random.Below(23));
      }
    }
    EXPECT_GT(merges, 3u);
    EXPECT_LT(index->segments(), 40u);
    EXPECT_LE(index->rows(), model.payloads.size());
  }
}

TEST(PayloadIndex, SmallBatchesAreMergedAtOnce) {
  IndexPtr index = PayloadIndex::Make({});
  for (uint32_t row = 0; row < 5000; ++row)
    index = With(index, {{row, "{\"n\":" + std::to_string(row) + "}"}});
  EXPECT_LE(index->segments(), 40u);
  EXPECT_EQ(index->rows(), 5000u);
  EXPECT_EQ(index->end(), RowId(5000));
  EXPECT_EQ(Rows(index, "100 <= n < 4000", 5000).size(), 3900u);
  EXPECT_EQ(Rows(index, "n = 4321", 5000), std::vector<uint32_t>{4321});
}

TEST(PayloadIndex, MergesOffThePathOfWrites) {
  IndexPtr index = PayloadIndex::Make({});
  uint32_t row = 0;
  for (int batch = 0; batch < 9; ++batch) {
    std::vector<std::pair<uint32_t, std::string>> rows;
    for (int i = 0; i < 600; ++i, ++row)
      rows.emplace_back(row, "{\"n\":" + std::to_string(row % 10) + "}");
    index = With(index, rows);
  }
  EXPECT_TRUE(index->merge_due());
  const size_t segments = index->segments();
  const auto merged = index->Merge([](RowId r) { return r.value % 2 == 0; });
  ASSERT_NE(merged, nullptr);
  const IndexPtr before = index;
  index = With(index, {{row, "{\"n\":3}"}});  // a write meanwhile
  index = index->Apply(merged);
  EXPECT_LT(index->segments(), segments);
  EXPECT_EQ(before->segments(), segments);
  EXPECT_EQ(Rows(index, "n = 4", row + 1).size(), 540u);
  EXPECT_EQ(Rows(index, "n = 3", row + 1),
            std::vector<uint32_t>{row});  // the others are odd, and gone
  EXPECT_EQ(Rows(before, "n = 3", row).size(), 540u);
  EXPECT_EQ(index->Apply(merged)->rows(),
            index->rows());  // what it was made of is gone: nothing happens
  EXPECT_LT(index->bytes(), before->bytes());
}

TEST(PayloadIndex, DeadRowsGiveTheirBytesBack) {
  IndexPtr index = PayloadIndex::Make({});
  std::vector<std::pair<uint32_t, std::string>> rows;
  for (uint32_t row = 0; row < 2000; ++row)
    rows.emplace_back(row, "{\"k\":\"key" + std::to_string(row) + "\"}");
  index = With(index, rows);
  EXPECT_EQ(index->Merge([](RowId row) { return row.value % 5 != 0; }),
            nullptr);  // a fifth: not yet
  auto merged = index->Merge([](RowId row) { return row.value % 2 == 0; });
  ASSERT_NE(merged, nullptr);
  const size_t bytes = index->bytes();
  index = index->Apply(merged);
  EXPECT_EQ(index->rows(), 1000u);
  EXPECT_LT(index->bytes(), bytes * 7 / 10);
  merged = index->Merge([](RowId) { return false; });
  ASSERT_NE(merged, nullptr);
  index = index->Apply(merged);
  EXPECT_EQ(index->segments(), 0u);
  EXPECT_EQ(index->Merge([](RowId) { return false; }), nullptr);
  EXPECT_EQ(Rows(index, "missing(k)", 5), (std::vector<uint32_t>{0, 1, 2, 3, 4}));
}

TEST(PayloadIndex, RowsWithoutPayloadAndTheUniverse) {
  IndexPtr index = With(PayloadIndex::Make({}), {{3, "{\"a\":1}"}, {5, "{\"a\":2}"}});
  index = With(index, {{9, "{\"a\":1}"}});
  using V = std::vector<uint32_t>;
  EXPECT_EQ(Rows(index, "a = 1", 12), (V{3, 9}));
  EXPECT_EQ(Rows(index, "not a = 1", 12), (V{0, 1, 2, 4, 5, 6, 7, 8, 10, 11}));
  EXPECT_EQ(Rows(index, "a != 1", 12), (V{5}));
  EXPECT_EQ(Rows(index, "missing(a)", 7), (V{0, 1, 2, 4, 6}));
  EXPECT_EQ(Rows(index, "a = 1", 9), (V{3}));
  EXPECT_EQ(Rows(index, "a = 1", 3), (V{}));
  EXPECT_EQ(Rows(index, "true", 5).size(), 5u);
  EXPECT_EQ(Rows(index, "", 0), (V{}));
  EXPECT_EQ(Rows(PayloadIndex::Make({}), "missing(a)", 2), (V{0, 1}));
}

TEST(PayloadIndex, Ids) {
  const IndexPtr index = With(PayloadIndex::Make({}), {{1, "{\"a\":1}"}, {2, "{\"a\":1}"}});
  const IdResolver resolve = [](std::span<const PointId> ids, std::vector<RowId>& rows) {
    for (const PointId& id : ids) {
      if (id == PointId(77)) return Unavailable("the store is closed");
      rows.emplace_back(static_cast<uint32_t>(id.number()));
    }
    return OkStatus();
  };
  const auto rows = [&](std::string_view text) {
    return index->Evaluate(ParseFilter(text).value(), RowId(4), resolve)->Rows();
  };
  EXPECT_EQ(rows("id in (2, 3, 900)"), (std::vector<RowId>{RowId(2), RowId(3)}));
  EXPECT_EQ(rows("a = 1 and id != 2"), (std::vector<RowId>{RowId(1)}));
  EXPECT_EQ(rows("a = 1 or id = 0"), (std::vector<RowId>{RowId(0), RowId(1), RowId(2)}));
  EXPECT_EQ(index->Evaluate(ParseFilter("id = 77").value(), RowId(4), resolve).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(index->Evaluate(ParseFilter("id = 1").value(), RowId(4)).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(index->Estimate(ParseFilter("id in (1, 2)").value(), RowId(4)).value(), 2u);
}

TEST(PayloadIndex, BadRowsAreNamed) {
  const auto schema = PayloadSchema::Make({{"n", FieldType::kInteger}}).value();
  const IndexPtr index = With(PayloadIndex::Make(schema), {{5, "{\"n\":1}"}});
  const auto error = [&](std::vector<PayloadRow> rows) {
    return MessageOf(index->With(rows).status());
  };
  EXPECT_EQ(error({{RowId(6), "{\"n\":1}"}, {RowId(7), "{\"n\":1.5}"}}),
            "row 7: payload field \"n\": expected integer, found a float");
  EXPECT_EQ(error({{RowId(5), "{}"}}),
            "row 5: rows of a payload index ascend, expected at least 6");
  EXPECT_EQ(error({{RowId(8), "{}"}, {RowId(8), "{}"}}),
            "row 8: rows of a payload index ascend, expected at least 9");
  EXPECT_TRUE(error({{RowId(8), "{\"n\""}}).starts_with("row 8: payload: column"));
  EXPECT_NE(error({{RowId(UINT32_MAX), "{}"}}), "");
  EXPECT_EQ(index->Evaluate(ParseFilter("n = 'a'").value(), RowId(9)).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(index->Estimate(ParseFilter("n = 'a'").value(), RowId(9)).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(PayloadIndex, ResultsAreCachedBySegment) {
  IndexPtr index = PayloadIndex::Make({});
  std::vector<std::pair<uint32_t, std::string>> rows;
  for (uint32_t row = 0; row < 1000; ++row)
    rows.emplace_back(row, "{\"n\":" + std::to_string(row % 10) + "}");
  index = With(index, rows);
  EXPECT_EQ(Rows(index, "n = 1", 1000).size(), 100u);
  EXPECT_EQ(index->cache_stats().hits, 0u);
  EXPECT_EQ(index->cache_stats().entries, 2u);       // the segment's, and the whole
  EXPECT_EQ(Rows(index, "n=1", 1000).size(), 100u);  // the same written otherwise
  EXPECT_EQ(index->cache_stats().hits, 1u);
  index = With(index, {{1000, "{\"n\":1}"}});
  EXPECT_EQ(Rows(index, "n = 1", 1001).size(), 101u);
  EXPECT_EQ(index->cache_stats().hits, 2u);  // of the large segment; the small one is evaluated
  EXPECT_GT(index->cache_stats().bytes, 0u);
  const IndexPtr uncached = With(PayloadIndex::Make({}, {.cache_bytes = 0}), rows);
  EXPECT_EQ(Rows(uncached, "n = 1", 1000), Rows(index, "n = 1", 1000));
  EXPECT_EQ(uncached->cache_stats().entries, 0u);
}

TEST(PayloadIndex, BytesAreReportedAndModest) {
  IndexPtr index = PayloadIndex::Make({});
  EXPECT_LT(index->bytes(), 200u);
  std::vector<std::pair<uint32_t, std::string>> rows;
  for (uint32_t row = 0; row < 20000; ++row) {
    rows.emplace_back(row, "{\"unique\":\"key" + std::to_string(100000 + row) + "\",\"color\":\"c" +
                               std::to_string(row % 8) + "\"}");
  }
  index = With(index, rows);
  // 9 bytes of the key and 8 beside it, 1 to 2 for the color, bits for presence.
  EXPECT_LT(static_cast<double>(index->bytes()) / 20000, 21);
}

// Readers evaluate on indexes that were published while others are derived from them; for
// ThreadSanitizer.
TEST(PayloadIndex, ReadersAndWriterAtOnce) {
  RandomFilters random(77);
  IndexPtr current = PayloadIndex::Make(RandomFilters::Schema(), {.cache_bytes = 1 << 16});
  std::mutex mutex;
  std::atomic<bool> done{false};
  const auto pinned = [&] {
    const std::lock_guard lock(mutex);
    return current;
  };
  std::vector<Filter> filters;
  while (filters.size() < 30) {
    Filter filter = random.Random(2);
    if (ToString(filter).find("id in") == std::string::npos) filters.push_back(std::move(filter));
  }
  std::atomic<uint64_t> evaluations{0};
  std::vector<std::thread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&, r] {
      for (size_t i = static_cast<size_t>(r); !done || evaluations < 100; ++i) {
        const IndexPtr index = pinned();
        const auto first = index->Evaluate(filters[i % filters.size()], index->end());
        const auto second = index->Evaluate(filters[i % filters.size()], index->end());
        EXPECT_TRUE(first.ok() && second.ok() && *first == *second);
        ++evaluations;
      }
    });
  }
  uint32_t row = 0;
  for (int batch = 0; batch < 200; ++batch) {
    std::vector<std::string> payloads;
    std::vector<PayloadRow> rows;
    for (int i = 0; i < 20; ++i) payloads.push_back(random.Payload());
    for (const std::string& payload : payloads) rows.push_back({RowId(row++), payload});
    IndexPtr next = pinned()->With(rows).value();
    if (const auto merged = next->Merge([](RowId r) { return r.value % 3 != 0; }))
      next = next->Apply(merged);
    const std::lock_guard lock(mutex);
    current = next;
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace tessera::filter
