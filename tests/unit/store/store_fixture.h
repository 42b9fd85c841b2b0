// A store in a directory of its own that is removed afterwards.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "index/base/failpoint.h"
#include "index/store/store.h"

namespace tessera::store {

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    std::string name = info->name();
    for (char& c : name) c = c == '/' ? '-' : c;  // of a test with parameters
    path_ = std::filesystem::temp_directory_path() /
            ("tessera-store-" + std::to_string(getpid()) + "-" + name);
    std::filesystem::remove_all(path_);
  }

  void TearDown() override {
    SetFailpoints("");
    store_.reset();
    std::filesystem::remove_all(path_);
  }

  StatusOr<std::unique_ptr<Store>> TryOpen(bool create) {
    Store::Options options;
    options.create = create;
    options.shared = &shared_;
    options.env = env_;
    return Store::Open(path_, options);
  }

  void Open(bool create = true) {
    auto opened = TryOpen(create);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = std::move(*opened);
  }

  void Reopen() {
    store_.reset();
    Open(false);
  }

  // Writes what `fill` puts into a batch.
  template <typename Fill>
  Status Write(const Fill& fill, Durability durability = Durability::kSync) {
    const std::unique_ptr<Batch> batch = store_->NewBatch();
    fill(*batch);
    return store_->Write(*batch, durability);
  }

  std::optional<RowId> Id(const PointId& id, const StoreSnapshot* at = nullptr) {
    auto rows = store_->GetIds({&id}, at);
    EXPECT_TRUE(rows.ok()) << rows.status();
    return rows.ok() ? (*rows)[0] : std::nullopt;
  }

  std::optional<RawVector> Vector(uint32_t row, const StoreSnapshot* at = nullptr) {
    auto vectors = store_->GetVectors({RowId(row)}, at);
    EXPECT_TRUE(vectors.ok()) << vectors.status();
    return vectors.ok() ? (*vectors)[0] : std::nullopt;
  }

  static bool Mentions(const Status& status, std::string_view text) {
    return MessageOf(status).find(text) != std::string::npos;
  }

  std::string path_;
  SharedResources shared_{SharedResources::Options{}};
  rocksdb::Env* env_ = nullptr;
  std::unique_ptr<Store> store_;
};

}  // namespace tessera::store
