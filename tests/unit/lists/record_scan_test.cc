#include "index/lists/record_scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "index/quant/coarse.h"
#include "index/quant/encoder.h"
#include "tests/unit/quant/sample_rows.h"

namespace tessera::lists {
namespace {

constexpr size_t kRows = 1500;
constexpr size_t kDim = 20;
constexpr uint32_t kLists = 4;

// Rows encoded by a trained model, in lists; every seventh is dead.
struct Fixture {
  quant::TrainedModel trained;
  quant::EncodedRows encoded;
  ListSet set;
  quant::TransformedQuery query;
  std::vector<quant::ProbedList> probed;
};

Fixture Make(const std::string& spec, Metric metric) {
  Fixture f;
  const quant::Rows rows = quant::ClusteredRows(kRows, kDim, 12, 1);
  f.trained = quant::TrainOn(spec, metric, rows);
  const quant::Model& model = *f.trained.model;
  InlineExecutor executor;
  quant::EncodeRows(model, *f.trained.lists, rows, executor, f.encoded);
  f.set = ListSet(kLists, {model.code_bytes(), model.refine_bytes(), true});
  ListSetEditor editor(f.set);
  for (size_t i = 0; i < kRows; ++i) {
    NewRow row;
    row.row = RowId{static_cast<uint32_t>(i)};
    row.code = f.encoded.codes.data() + i * model.code_bytes();
    row.record = f.encoded.refine.data() + i * model.refine_bytes();
    editor.Append(f.encoded.lists[i], row);
  }
  f.set = editor.Finish();
  ListSetEditor eraser(f.set);
  for (uint32_t i = 0; i < kRows; i += 7) eraser.Erase(f.encoded.lists[i], RowId{i});
  f.set = eraser.Finish();
  quant::TransformQuery(model, quant::ClusteredRows(1, kDim, 12, 5).row(0), f.query);
  quant::CoarseScratch coarse;
  quant::CoarseSearch(model, *f.trained.lists, f.query, kLists, coarse, f.probed);
  return f;
}

using Found = std::pair<uint32_t, uint32_t>;  // key, row

std::vector<Found> FoundIn(const Fixture& f, TopK& top) {
  top.Finish();
  std::vector<Found> found;
  for (size_t i = 0; i < top.size(); ++i) {
    const Place place = top.places()[i];
    const List& list = *f.set.list(f.probed[place.probe].list);
    const Chunk& chunk = *list.chunks[place.position / kChunkRows];
    found.emplace_back(top.keys()[i], chunk.row_id(place.position % kChunkRows).value);
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<Found> Scan(const Fixture& f, size_t k) {
  TopK top;
  top.Reset(k);
  RecordScanner scanner;
  scanner.Start(*f.trained.model, *f.trained.lists, f.query, top);
  ScanCounts counts;
  EXPECT_TRUE(scanner.Scan(f.set, f.probed, 0, f.probed.size(), {}, counts).ok());
  EXPECT_EQ(counts.live_rows, f.set.live_rows());
  EXPECT_EQ(counts.rows_scanned, f.set.rows());
  return FoundIn(f, top);
}

// Each live row scored alone.
std::vector<Found> Expected(const Fixture& f) {
  const quant::Model& model = *f.trained.model;
  quant::RecordQuery query;
  model.record.Prepare(f.query.y.data(), query);
  std::vector<Found> all;
  for (const quant::ProbedList& list : f.probed) {
    model.record.EnterList(f.trained.lists->centroid(list.list), query);
    for (uint32_t i = 0; i < kRows; ++i) {
      if (i % 7 == 0 || f.encoded.lists[i] != list.list) continue;
      const uint8_t* record = f.encoded.codes.data() + size_t{i} * model.code_bytes();
      all.emplace_back(OrderedBits(model.record.Score(query, list.base, record)), i);
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

TEST(RecordScan, OfAMaskFindsItsRowsAlone) {
  const Fixture f = Make("IVF4,SQ8", Metric::kL2);
  const RowMask mask(f.set, [](std::span<const RowId> rows, uint64_t* bits) {
    for (size_t i = 0; i < rows.size(); ++i) {
      if (rows[i].value % 5 == 2) bits[i / 64] |= uint64_t{1} << (i % 64);
    }
  });
  std::vector<Found> expected = Expected(f);
  std::erase_if(expected, [](const Found& found) { return found.second % 5 != 2; });
  TopK top;
  top.Reset(kRows);
  RecordScanner scanner;
  scanner.Start(*f.trained.model, *f.trained.lists, f.query, top, &mask);
  ScanCounts counts;
  ASSERT_TRUE(scanner.Scan(f.set, f.probed, 0, f.probed.size(), {}, counts).ok());
  EXPECT_EQ(counts.live_rows, expected.size());
  EXPECT_EQ(counts.rows_scanned, expected.size());
  EXPECT_EQ(FoundIn(f, top), expected);
}

TEST(RecordScan, FindsTheBestLiveRows) {
  for (const char* spec : {"IVF4,SQ8", "IVF4,SQ4A,Refine(BF16)", "IVF4,RaBitQ1,Refine(SQ8)",
                           "IVF4,RaBitQ3", "IVF4,FP16", "IVF4,Binary,Refine(SQ8)"}) {
    for (const Metric metric : {Metric::kL2, Metric::kInnerProduct}) {
      if (!quant::CheckTrainable(quant::Spec(spec), metric).ok()) continue;
      const Fixture f = Make(spec, metric);
      std::vector<Found> expected = Expected(f);
      EXPECT_EQ(Scan(f, kRows), expected) << spec;
      // Of equal keys the nearer list goes first, which ids do not tell: keys alone are compared.
      const std::vector<Found> best = Scan(f, 30);
      ASSERT_EQ(best.size(), 30u);
      for (size_t i = 0; i < 30; ++i) EXPECT_EQ(best[i].first, expected[i].first) << spec;
    }
  }
}

TEST(RecordScan, RecordsStandBehindTheirCodesAndAreCountedApart) {
  const Fixture f = Make("IVF4,SQ4,Refine(SQ8)", Metric::kL2);
  const quant::Model& model = *f.trained.model;
  for (uint32_t l = 0; l < kLists; ++l) {
    for (const ChunkPtr& chunk : f.set.list(ListId{l})->chunks) {
      EXPECT_EQ(chunk->blocks[0], nullptr);
      for (size_t i = 0; i < chunk->rows; ++i) {
        const size_t row = chunk->row_id(i).value;
        const uint8_t* code = f.encoded.codes.data() + row * model.code_bytes();
        const uint8_t* record = f.encoded.refine.data() + row * model.refine_bytes();
        ASSERT_TRUE(std::equal(code, code + model.code_bytes(), chunk->page_row(f.set.layout(), i)));
        ASSERT_TRUE(
            std::equal(record, record + model.refine_bytes(), chunk->record(f.set.layout(), i)));
      }
    }
  }
  const ListBytes bytes = f.set.Bytes();
  EXPECT_EQ(bytes.codes, f.set.rows() * model.code_bytes());
  EXPECT_EQ(bytes.records, f.set.rows() * model.refine_bytes());
  EXPECT_EQ(bytes.corrections, 0u);
}

TEST(RecordScan, CompactionKeepsCodesAndRecords) {
  Fixture f = Make("IVF4,SQ4,Refine(SQ8)", Metric::kL2);
  ListSetEditor eraser(f.set);
  for (uint32_t i = 0; i < kRows; ++i) {
    if (i % 2 == 0) eraser.Erase(f.encoded.lists[i], RowId{i});
  }
  const std::vector<Found> before = Scan(f, kRows);
  f.set = eraser.Finish();
  EXPECT_LT(f.set.rows(), kRows * 3 / 4) << "packed anew";
  std::vector<Found> odd;
  for (const Found& one : before) {
    if (one.second % 2 == 1) odd.push_back(one);
  }
  EXPECT_EQ(Scan(f, kRows), odd);
}

TEST(RecordScan, StopsAtTheDeadline) {
  const Fixture f = Make("IVF4,SQ8", Metric::kL2);
  TopK top;
  top.Reset(10);
  RecordScanner scanner;
  scanner.Start(*f.trained.model, *f.trained.lists, f.query, top);
  ScanCounts counts;
  const StopToken stop(StopToken::Clock::time_point::min());
  EXPECT_FALSE(scanner.Scan(f.set, f.probed, 0, f.probed.size(), stop, counts).ok());
}

}  // namespace
}  // namespace tessera::lists
