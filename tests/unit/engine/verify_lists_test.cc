// Each kind of damage to what training made is found: assignments, postings, codes, centroids, records, memory.
#include "index/engine/verify_lists.h"

#include "index/engine/codebook_table.h"
#include "index/engine/metadata.h"
#include "index/quant/model.h"
#include "tests/unit/engine/verify_fixture.h"

namespace tessera {
namespace {

using store::Batch;
using store::Store;

constexpr uint32_t kCodeBytes = 8;
constexpr uint32_t kRefineBytes = kVerifyDim + 4;

class VerifyListsTest : public VerifyTest {
 protected:
  std::string Found(const std::function<void(Store&, Batch&)>& change, bool deep = false) {
    Fill();
    Close();
    Tamper(change);
    VerifyOptions options;
    options.deep = deep;
    return Text(VerifyClosed(options));
  }
  static ListId ListOf(Store& store, uint32_t row) {
    const auto lists = store.GetAssigns(kFirst, {RowId{row}}, nullptr);
    EXPECT_TRUE(lists.ok() && (*lists)[0]);
    return *(*lists)[0];
  }
  static std::string AllBytes(Store& store, uint32_t row, store::StoredPosting& posting) {
    // Lengths are the model's; any other is DataLoss.
    const auto record = store.GetRecord(engine::ModelRecord(kFirst));
    const auto model = quant::Model::Parse(**record);
    const auto postings = store.GetPostings(kFirst, {ListOf(store, row)}, {RowId{row}}, model->code_bytes(),
                                            model->refine_bytes(), nullptr);
    EXPECT_TRUE(postings.ok()) << postings.status();
    posting = *(*postings)[0];
    return posting.code;
  }
};

TEST_F(VerifyListsTest, RowOfNoList) {
  const std::string found = Found([](Store&, Batch& batch) { batch.DeleteAssign(kFirst, RowId{5}); });
  EXPECT_NE(found.find("assign-1: point 5, row 5: is assigned to no list"), std::string::npos) << found;
  EXPECT_NE(found.find("but it is assigned to no list that can be read"), std::string::npos) << found;
}

TEST_F(VerifyListsTest, RowOfAnotherList) {
  const std::string found = Found([](Store& store, Batch& batch) {
    batch.PutAssign(kFirst, RowId{5}, ListId{(ListOf(store, 5).value + 1) % 8});
    batch.PutAssign(kFirst, RowId{6}, ListId{77});
  });
  EXPECT_NE(found.find("postings-1: point 5, row 5: is missing in list"), std::string::npos) << found;
  EXPECT_NE(found.find("has it, but it is assigned to list"), std::string::npos) << found;
  EXPECT_NE(found.find("assign-1: point 6, row 6: is assigned to list 77, there are 8"), std::string::npos) << found;
}

TEST_F(VerifyListsTest, PostingThatIsMissingOrTwice) {
  const std::string found = Found([](Store& store, Batch& batch) {
    batch.DeletePosting(kFirst, ListOf(store, 5), RowId{5});
    store::StoredPosting posting;
    AllBytes(store, 6, posting);
    batch.PutPosting(kFirst, ListId{(ListOf(store, 6).value + 1) % 8}, RowId{6}, posting.code, posting.correction,
                     posting.refine);
    batch.PutPosting(kFirst, ListId{8}, RowId{7}, posting.code, posting.correction, posting.refine);
  });
  EXPECT_NE(found.find("postings-1: point 5, row 5: is missing in list"), std::string::npos) << found;
  EXPECT_NE(found.find("postings-1: point 6, row 6: list"), std::string::npos) << found;
  EXPECT_NE(found.find("postings-1: point 7, row 7: list 8 has it, which is none of the 8"), std::string::npos) << found;
}

TEST_F(VerifyListsTest, PostingOfAWrongLengthHidesNoOther) {
  const std::string found = Found([](Store& store, Batch& batch) {
    batch.PutPosting(kFirst, ListOf(store, 5), RowId{5}, "short", 0, "");
    batch.DeletePosting(kFirst, ListOf(store, 6), RowId{6});
  });
  EXPECT_NE(found.find("postings-1: point 5, row 5: postings-1[list"), std::string::npos) << found;
  EXPECT_NE(found.find("postings-1: point 6, row 6: is missing in list"), std::string::npos) << found;
  EXPECT_EQ(found.find("row 7"), std::string::npos) << found;
}

TEST_F(VerifyListsTest, DeepFindsOtherCodes) {
  const auto change = [](Store& store, Batch& batch) {
    store::StoredPosting posting;
    std::string code = AllBytes(store, 5, posting);
    code[3] = static_cast<char>(code[3] ^ 0x55);
    batch.PutPosting(kFirst, ListOf(store, 5), RowId{5}, code, posting.correction, posting.refine);
    AllBytes(store, 6, posting);
    batch.PutPosting(kFirst, ListOf(store, 6), RowId{6}, posting.code, posting.correction + 1000, posting.refine);
    AllBytes(store, 7, posting);
    posting.refine[2] = static_cast<char>(posting.refine[2] ^ 0x80);
    batch.PutPosting(kFirst, ListOf(store, 7), RowId{7}, posting.code, posting.correction, posting.refine);
  };
  const std::string found = Found(change, true);
  for (const char* point : {"point 5, ", "point 6, ", "point 7, "}) {
    EXPECT_NE(found.find(std::string("postings-1: ") + point), std::string::npos) << found;
  }
  EXPECT_EQ(std::count(found.begin(), found.end(), '\n'), 3) << found;
  EXPECT_TRUE(VerifyClosed().clean());  // without it these are as good as any
  Reopen();
  EXPECT_EQ(Verify(true).found, 3u);
}

TEST_F(VerifyListsTest, CentroidsAndModels) {
  std::string found = Found([](Store&, Batch& batch) { batch.DeleteCentroid(kFirst, ListId{3}); });
  EXPECT_NE(found.find("centroids-1: centroids-1[4]: expected list 3 before it"), std::string::npos) << found;
  Tamper([](Store&, Batch& batch) { batch.PutRecord(engine::ModelRecord(kFirst), "no model"); });
  found = Text(VerifyClosed());
  EXPECT_NE(found.find("default: model/00000001"), std::string::npos) << found;
}

TEST_F(VerifyListsTest, SmallRecords) {
  std::string found = Found([](Store&, Batch& batch) { batch.PutRecord(engine::CodebookRecord(1), "other bytes"); });
  EXPECT_NE(found.find("codebook/00000001"), std::string::npos) << found;
  EXPECT_NE(found.find("codebook 1: its bytes are not those"), std::string::npos) << found;
  Tamper([](Store&, Batch& batch) { batch.DeleteRecord(engine::kProgressRecord); });
  found = Text(VerifyClosed());
  EXPECT_EQ(found, "default: record \"progress\" is missing: nothing else can be read\n");
}

}  // namespace
}  // namespace tessera
