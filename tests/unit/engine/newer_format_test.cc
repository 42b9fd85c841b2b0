// Bytes of a later version, record by record: refused with advice, told from damage, and left as they are.
#include <filesystem>
#include <fstream>

#include "index/base/bytes.h"
#include "index/base/format_version.h"
#include "index/engine/codebook_table.h"
#include "index/engine/metadata.h"
#include "index/repair.h"
#include "index/verification.h"
#include "tests/unit/engine/verify_fixture.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;

// What is said of format `found` where this version reads `known`.
std::string Advice(uint32_t found, uint32_t known) {
  return " was written by a newer tessera (format " + std::to_string(found) + ", this one reads " + std::to_string(known) +
         "): upgrade this one, or restore a backup that an older one made";
}

// A record, and where its version stands in it.
struct Kind {
  const char* name;    // of the test
  std::string record;  // in the store
  std::string said;    // in messages
  size_t at;
  uint32_t known;
  friend std::ostream& operator<<(std::ostream& out, const Kind& kind) { return out << kind.name; }
};

class NewerFormatTest : public VerifyTest, public ::testing::WithParamInterface<Kind> {
 protected:
  void SetUp() override {
    VerifyTest::SetUp();
    Fill();
    Close();
    // Nothing in the background, lest it tunes first.
    CatalogOptions options = options_;
    options.background = nullptr;
    catalog_ = *Catalog::Open(options);
    collection_ = *catalog_->Get("c");
    const auto tuned = collection_->Tune({});
    ASSERT_TRUE(tuned.ok()) << tuned.status();
    CollectionSpec spec;
    spec.dim = 4;
    ASSERT_TRUE(catalog_->Create("other", spec).ok());
  }
  // With the checksum at the end right again.
  static std::string Sealed(std::string bytes) {
    bytes.resize(bytes.size() - sizeof(uint32_t));
    ByteWriter(bytes).Put(Crc32c(std::string(bytes)));
    return bytes;
  }
  // The record with another version; what it was before.
  std::string Change(const std::string& name, size_t at, char version) {
    std::string before;
    Tamper([&](store::Store& store, store::Batch& batch) {
      const auto bytes = store.GetRecord(name);
      ASSERT_TRUE(bytes.ok() && *bytes) << name;
      before = **bytes;
      std::string changed = before;
      changed[at] = version;
      if (name.starts_with("model/")) changed = Sealed(changed);
      batch.PutRecord(name, changed);
    });
    return before;
  }
  static void ExpectAdvice(const Status& status, const std::string& advice) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_TRUE(IsNewerFormat(status)) << status;
    EXPECT_NE(MessageOf(status).find(advice), std::string::npos) << status;
  }
};

TEST_P(NewerFormatTest, IsRefusedWithAdviceByAllWhoReadIt) {
  const Kind& kind = GetParam();
  const std::string advice = kind.said + Advice(kind.known + 1, kind.known);
  Close();
  const std::string before = Change(kind.record, kind.at, static_cast<char>(kind.known + 1));

  const auto verified = VerifyData(directory_.path(), "c", {});
  ExpectAdvice(verified.status(), advice);
  ExpectAdvice(RepairCollection(directory_.path(), "c", {}).status(), advice);
  EXPECT_TRUE(!fs::exists(directory_.path() + "/damaged") || fs::is_empty(directory_.path() + "/damaged"));

  Reopen();
  ASSERT_TRUE(catalog_->Unopened().contains("c"));
  ExpectAdvice(catalog_->Get("c").status(), advice);
  EXPECT_EQ(MessageOf(catalog_->Get("c").status()).find("repair"), std::string::npos) << "there is nothing to repair";
  EXPECT_TRUE(catalog_->Get("other").ok());

  Close();
  Tamper([&](store::Store&, store::Batch& batch) { batch.PutRecord(kind.record, before); });
  Reopen();
  ASSERT_TRUE(collection_) << "nothing of it was touched";
  EXPECT_EQ(collection_->Count(), 600u);
  EXPECT_TRUE(Verify().clean());
}

TEST_P(NewerFormatTest, AFormatThatNoReleaseWroteIsDamage) {
  const Kind& kind = GetParam();
  Close();
  Change(kind.record, kind.at, 0);
  const auto verified = VerifyData(directory_.path(), "c", {});
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_FALSE(verified->front().clean());
}

INSTANTIATE_TEST_SUITE_P(
    Records, NewerFormatTest,
    ::testing::Values(Kind{"spec", engine::kSpecRecord, "record \"spec\"", 0, 1},
                      Kind{"active", engine::kActiveRecord, "record \"active\"", 0, 1},
                      Kind{"progress", engine::kProgressRecord, "record \"progress\"", 0, 1},
                      Kind{"codebooks", engine::kCodebooksRecord, "record \"codebooks\"", 0, 1},
                      Kind{"curve", engine::CurveRecord(kFirst), "the recall curve", 0, 1},
                      Kind{"model", engine::ModelRecord(kFirst), "the model", 4, 5}),
    [](const auto& kind) { return std::string(kind.param.name); });

using NewerFormatsTest = NewerFormatTest;

TEST_F(NewerFormatsTest, ASchemaIsThatOfItsCollection) {
  Close();
  // The last 5 bytes of a spec: version and count of a schema without fields.
  CollectionSpec spec;
  spec.quantizer = *QuantizerSpec::Parse("IVF8,PQ8,Refine(SQ8)");
  const size_t at = engine::EncodeSpec(spec).size() - 5;
  Change(engine::kSpecRecord, at, 2);
  Reopen();
  ExpectAdvice(catalog_->Get("c").status(), "the payload schema" + Advice(2, 1));
}

TEST_F(NewerFormatsTest, ACodebookThatIsNotInForceHurtsNothingElse) {
  TrainOptions options;
  options.quantizer = *QuantizerSpec::Parse("IVF4,PQ4");
  ASSERT_TRUE(collection_->codebooks().Train(options, "candidate").ok());
  std::string file = *collection_->codebooks().Export(2);
  file[4] = 3;
  ExpectAdvice(collection_->codebooks().Import(Sealed(file), "").status(), "the quantizer" + Advice(3, 2));
  EXPECT_EQ(collection_->codebooks().List()->size(), 2u);
}

TEST_F(NewerFormatsTest, ADirectory) {
  Close();
  std::ofstream(directory_.path() + "/FORMAT") << "tessera 2\n";
  const std::string advice = "the data in " + directory_.path() + Advice(2, 1);
  CatalogOptions options;
  options.path = directory_.path();
  ExpectAdvice(Catalog::Open(options).status(), advice);
  ExpectAdvice(VerifyData(directory_.path(), "", {}).status(), advice);
  ExpectAdvice(RepairCollection(directory_.path(), "c", {}).status(), advice);
}

TEST_F(NewerFormatsTest, AnotherFormatLineIsNoTesseraData) {
  Close();
  CatalogOptions options;
  options.path = directory_.path();
  for (const char* line : {"tessera 0\n", "tessera 1", "tessera 1 \n", "tessera 02\n", "tessera\n", "tessera 2", "lance 1\n", ""}) {
    std::ofstream(directory_.path() + "/FORMAT") << line;
    const Status status = Catalog::Open(options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << line;
    EXPECT_NE(MessageOf(status).find("no tessera data in " + directory_.path()), std::string::npos) << status;
  }
}

}  // namespace
}  // namespace tessera
