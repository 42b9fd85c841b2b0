// A collection whose records can be changed behind its back.
#pragma once

#include <functional>
#include <string>

#include "index/engine/verify.h"
#include "index/store/store.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {

inline constexpr uint32_t kVerifyDim = 16;
inline const Generation kFirst{1};  // what the first training makes

// "where: point, list: message" of each finding, a line.
inline std::string Text(const VerifyReport& report) {
  std::string text;
  for (const Finding& finding : report.findings) {
    text += finding.where + ": " + (finding.point ? "point " + finding.point->ToString() + ", " : "") +
            (finding.list ? "list " + std::to_string(*finding.list) + ", " : "") + finding.message + "\n";
  }
  return text;
}

class VerifyTest : public CollectionTest {
 protected:
  // Points 0 to rows - 1, of which every third has a payload.
  void Fill(size_t rows = 600, Metric metric = Metric::kL2, const std::string& quantizer = "IVF8,PQ8,Refine(SQ8)",
            bool train = true) {
    Create(kVerifyDim, metric, quantizer);
    const std::vector<float> vectors = ClusteredRows(rows, kVerifyDim, 1);
    std::vector<PointInput> points;
    for (size_t i = 0; i < rows; ++i) {
      points.push_back({PointId(i), ElementType::kF32, Bytes(vectors.data() + i * kVerifyDim, kVerifyDim)});
      if (i % 3 == 0) points.back().payload = R"({"price":7})";
    }
    const auto result = collection_->Upsert(points);
    ASSERT_TRUE(result.ok()) << result.status();
    if (train) {
      ASSERT_TRUE(collection_->Train({}).ok());
    }
  }

  VerifyReport Verify(bool deep = true) {
    VerifyOptions options;
    options.deep = deep;
    auto report = collection_->Verify(options);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *report : VerifyReport();
  }

  void Close() {
    collection_.reset();
    catalog_.reset();
  }
  std::string CollectionPath() const { return directory_.path() + "/collections/c"; }

  // Opens the closed collection's store and changes it.
  void Tamper(const std::function<void(store::Store&, store::Batch&)>& change) {
    store::Store::Options options;
    options.shared = &shared_;
    auto store = store::Store::Open(CollectionPath(), options);
    ASSERT_TRUE(store.ok()) << store.status();
    const auto batch = (*store)->NewBatch();
    change(**store, *batch);
    ASSERT_TRUE((*store)->Write(*batch, store::Durability::kSync).ok());
  }

  // Of the closed collection.
  VerifyReport VerifyClosed(VerifyOptions verifying = {}) {
    store::Store::Options options;
    options.shared = &shared_;
    options.read_only = true;
    auto store = store::Store::Open(CollectionPath(), options);
    EXPECT_TRUE(store.ok()) << store.status();
    if (!store.ok()) return {};
    auto report = engine::VerifyStore(**store, verifying);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *report : VerifyReport();
  }

  store::SharedResources shared_{store::SharedResources::Options{}};
};

}  // namespace tessera
