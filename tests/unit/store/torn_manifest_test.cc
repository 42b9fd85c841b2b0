// The end of a manifest that a power failure tore is no damage; anything else that does not fit is.
#include <fstream>

#include "index/store/log_files.h"
#include "tests/unit/store/store_fixture.h"

namespace tessera::store {
namespace {

namespace fs = std::filesystem;

class TornManifestTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    Open();
    for (const std::string name : {"a", "b"}) {
      ASSERT_TRUE(Write([&](Batch& batch) { batch.PutRecord(name, "there"); }, Durability::kIngest).ok());
    }
    store_.reset();
    whole_path_ = path_ + "-whole";
    fs::remove_all(whole_path_);
    fs::copy(path_, whole_path_, fs::copy_options::recursive);
    std::getline(std::ifstream(path_ + "/CURRENT"), manifest_);
    std::ifstream in(path_ + "/" + manifest_, std::ios::binary);
    bytes_ = std::string(std::istreambuf_iterator<char>(in), {});
    for (size_t at = 1; at < bytes_.size(); ++at) {
      if (IsWholeLog(bytes_.substr(0, at))) last_ = at;
    }
  }
  void TearDown() override {
    fs::remove_all(whole_path_);
    StoreTest::TearDown();
  }

  StatusOr<std::unique_ptr<Store>> OpenWith(const std::string& manifest) {
    store_.reset();
    fs::remove_all(path_);
    fs::copy(whole_path_, path_, fs::copy_options::recursive);
    std::ofstream(path_ + "/" + manifest_, std::ios::binary | std::ios::trunc) << manifest;
    return TryOpen(false);
  }

  std::string whole_path_;
  std::string manifest_;
  std::string bytes_;
  size_t last_ = 0;  // where the last record begins: the second ingest
};

TEST_F(TornManifestTest, EndsInZerosAtAnyPlace) {
  ASSERT_GT(bytes_.size() - last_, 40u);
  for (size_t kept = last_; kept < bytes_.size(); kept += 3) {
    for (const size_t zeros : {bytes_.size() - kept, size_t{1}, size_t{500}}) {
      auto opened = OpenWith(bytes_.substr(0, kept) + std::string(zeros, '\0'));
      ASSERT_TRUE(opened.ok()) << kept << " kept, " << zeros << " zeros: " << opened.status();
      store_ = std::move(*opened);
      EXPECT_EQ(store_->GetRecord("a").value(), "there");
      // And goes on.
      ASSERT_TRUE(Write([](Batch& batch) { batch.PutRecord("c", "there"); }, Durability::kIngest).ok());
    }
  }
  Reopen();
  EXPECT_EQ(store_->GetRecord("c").value(), "there");
}

TEST_F(TornManifestTest, DamageBeforeTheEndIsRefused) {
  for (size_t at = 7; at < last_; at += 1 + last_ / 60) {
    std::string flipped = bytes_;
    flipped[at] = static_cast<char>(flipped[at] ^ 4);
    EXPECT_FALSE(OpenWith(flipped).ok()) << at;
    EXPECT_FALSE(OpenWith(flipped + std::string(100, '\0')).ok()) << at;
  }
}

}  // namespace
}  // namespace tessera::store
