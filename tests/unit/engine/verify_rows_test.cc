// Each kind of damage to rows, ids, vectors, payloads and requests is found, and named by its point.
#include "index/engine/verify_rows.h"

#include "tests/unit/engine/verify_fixture.h"

namespace tessera {
namespace {

using store::Batch;
using store::Store;

constexpr uint32_t kDim = kVerifyDim;

class VerifyRowsTest : public VerifyTest {
 protected:
  // What is found after the change, of a collection of 600 points whose row ids are their ids.
  std::string Found(const std::function<void(Store&, Batch&)>& change) {
    Fill();
    Close();
    Tamper(change);
    const VerifyReport report = VerifyClosed();
    EXPECT_EQ(report.found, report.findings.size());
    return Text(report);
  }
};

TEST_F(VerifyRowsTest, IdThatIsMissing) {
  EXPECT_EQ(Found([](Store&, Batch& batch) { batch.DeleteId(PointId(7)); }),
            "ids: point 7, is missing; row 7 has it\n");
}

TEST_F(VerifyRowsTest, IdOfAnotherRow) {
  const std::string found = Found([](Store&, Batch& batch) { batch.PutId(PointId(7), RowId{8}); });
  EXPECT_EQ(found,
            "ids: point 7, stands for row 8, which is another point's\n"
            "ids: point 7, stands for row 8, but row 7 has it too\n");
}

TEST_F(VerifyRowsTest, IdOfNoRow) {
  EXPECT_EQ(Found([](Store&, Batch& batch) { batch.PutId(PointId("x"), RowId{5000}); }),
            "ids: point \"x\", stands for row 5000, which has no record that can be read\n");
}

TEST_F(VerifyRowsTest, RowThatIsMissing) {
  const std::string found = Found([](Store&, Batch& batch) { batch.DeleteRow(RowId{9}); });
  EXPECT_NE(found.find("ids: point 9, stands for row 9, which has no record"), std::string::npos) << found;
  EXPECT_NE(found.find("vectors: row 9: belongs to no point"), std::string::npos) << found;
  EXPECT_NE(found.find("payload: row 9: belongs to no point"), std::string::npos) << found;
  EXPECT_NE(found.find("assign-1: row 9: belongs to no point"), std::string::npos) << found;
  EXPECT_NE(found.find("postings-1: row 9: list"), std::string::npos) << found;
}

TEST_F(VerifyRowsTest, VersionsAndRowsThatNeverWere) {
  const std::string found = Found([](Store&, Batch& batch) {
    batch.PutRow(RowId{3}, {PointId(3), 1000000, 1, 0});
    batch.PutRow(RowId{5000}, {PointId(5000), 1, 1, 0});
  });
  EXPECT_NE(found.find("rows: point 3, row 3: has version 1000000"), std::string::npos) << found;
  EXPECT_NE(found.find("rows: point 5000, row 5000: was never given out"), std::string::npos) << found;
  EXPECT_NE(found.find("vectors: point 3, row 3: has a norm of"), std::string::npos) << found;
}

TEST_F(VerifyRowsTest, Vectors) {
  const std::string found = Found([](Store&, Batch& batch) {
    batch.DeleteVector(RowId{1});
    batch.PutVector(RowId{2}, {ElementType::kF32, std::string_view("\0\0\0\0\0\0\0\0", 8)});
    const std::vector<float> nan(kDim, std::nanf(""));
    batch.PutVector(RowId{3}, {ElementType::kF32, Bytes(nan.data(), kDim)});
    const std::vector<float> other(kDim, 100.0f);
    batch.PutVector(RowId{4}, {ElementType::kF32, Bytes(other.data(), kDim)});
    batch.PutVector(RowId{599 + 0}, {ElementType::kF32, Bytes(other.data(), kDim)});
  });
  EXPECT_NE(found.find("vectors: point 1, row 1: has no vector"), std::string::npos) << found;
  EXPECT_NE(found.find("vectors: point 2, row 2: vector of row 2 has a wrong length"), std::string::npos) << found;
  EXPECT_NE(found.find("vectors: point 3, row 3: vector of row 3[0] is NaN"), std::string::npos) << found;
  EXPECT_NE(found.find("vectors: point 4, row 4: has a norm of"), std::string::npos) << found;
}

TEST_F(VerifyRowsTest, Payloads) {
  const std::string found = Found([](Store&, Batch& batch) {
    batch.PutPayload(RowId{1}, "{no json");
    batch.DeletePayload(RowId{3});  // nobody can know
  });
  EXPECT_EQ(found.find("payload: point 1, row 1: "), 0u) << found;
  EXPECT_EQ(std::count(found.begin(), found.end(), '\n'), 1) << found;
}

TEST_F(VerifyRowsTest, Requests) {
  const std::string found = Found([](Store&, Batch& batch) {
    batch.PutRequest("a", {0, 1, 2, "reply"});
    batch.PutRequest("b", {1, 1, 2, "reply"});
    batch.PutRequest("c", {2, 1, 2, "reply"});
    batch.DeleteRequest("a");
    batch.DeleteRequestPlace(1);
  });
  EXPECT_EQ(found,
            "requests: place 0 is that of a request without a reply\n"
            "requests: place 1 is missing\n");
}

TEST_F(VerifyRowsTest, WhatDoesNotDecodeHidesNothingElse) {
  Fill();
  Close();
  Tamper([](Store&, Batch& batch) {
    batch.PutRow(RowId{20}, {PointId(20), 1, std::nanf(""), 0});  // no norm that can be
    batch.DeleteId(PointId(500));
  });
  const VerifyReport report = VerifyClosed();
  const std::string found = Text(report);
  EXPECT_NE(found.find("20"), std::string::npos) << found;
  EXPECT_NE(found.find("ids: point 500, is missing"), std::string::npos) << found;
}

TEST_F(VerifyRowsTest, AllAreCountedAndSomeTold) {
  Fill();
  Close();
  Tamper([](Store&, Batch& batch) {
    for (uint64_t id = 0; id < 50; ++id) batch.DeleteId(PointId(id));
  });
  VerifyOptions options;
  options.max_findings = 3;
  const VerifyReport report = VerifyClosed(options);
  EXPECT_EQ(report.found, 50u);
  EXPECT_EQ(report.findings.size(), 3u);
  EXPECT_FALSE(report.clean());
}

}  // namespace
}  // namespace tessera
