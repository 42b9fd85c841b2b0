// Payloads, and replies to requests, beside the vectors.
#include <gtest/gtest.h>

#include <tuple>

#include "tests/unit/store/store_fixture.h"

namespace tessera::store {
namespace {

using Place = std::tuple<uint64_t, int64_t, std::string>;

class PayloadsTest : public StoreTest {
 protected:
  std::optional<std::string> Payload(uint32_t row, const StoreSnapshot* at = nullptr) {
    auto payloads = store_->GetPayloads({RowId(row)}, at);
    EXPECT_TRUE(payloads.ok()) << payloads.status();
    return payloads.ok() ? (*payloads)[0] : std::nullopt;
  }

  std::vector<Place> Places(uint64_t begin, uint64_t end) {
    std::vector<Place> places;
    const Status scanned =
        store_->ScanRequests(begin, end, nullptr, [&](uint64_t sequence, int64_t time_ms, std::string_view id) {
          places.emplace_back(sequence, time_ms, std::string(id));
          return OkStatus();
        });
    EXPECT_TRUE(scanned.ok()) << scanned;
    return places;
  }
};

TEST_F(PayloadsTest, ReadBackScannedAndDeleted) {
  Open();
  EXPECT_FALSE(store_->HasPayloads().value());
  const std::string large(100000, 'x');  // in a blob file
  ASSERT_TRUE(Write([&](Batch& batch) {
                batch.PutPayload(RowId(2), R"({"a":1})");
                batch.PutPayload(RowId(300), large);
              }).ok());
  for (int round = 0; round < 2; ++round) {  // from the memtable, then from disk
    EXPECT_TRUE(store_->HasPayloads().value());
    EXPECT_EQ(Payload(2), R"({"a":1})");
    EXPECT_EQ(Payload(300), large);
    EXPECT_EQ(Payload(3), std::nullopt);
    std::vector<uint32_t> rows;
    ASSERT_TRUE(store_
                    ->ScanPayloads(RowId(0), RowId(300), nullptr,
                                   [&](RowId row, std::string_view text) {
                                     rows.push_back(row.value);
                                     EXPECT_EQ(text, R"({"a":1})");
                                     return OkStatus();
                                   })
                    .ok());
    EXPECT_EQ(rows, std::vector<uint32_t>{2});
    ASSERT_TRUE(store_->FlushAll().ok());
    Reopen();
  }
  const StoreSnapshotPtr before = store_->GetSnapshot();
  const Status stopped = store_->ScanPayloads(RowId(0), RowId(UINT32_MAX), before.get(),
                                              [](RowId, std::string_view) { return Aborted("enough"); });
  EXPECT_EQ(stopped.code(), absl::StatusCode::kAborted);
  ASSERT_TRUE(Write([&](Batch& batch) {
                batch.DeletePayload(RowId(2));
                batch.DeletePayload(RowId(300));
              }).ok());
  EXPECT_EQ(Payload(2), std::nullopt);
  EXPECT_EQ(Payload(2, before.get()), R"({"a":1})");
  EXPECT_FALSE(store_->HasPayloads().value());
}

TEST_F(PayloadsTest, TravelThroughIngestedFiles) {
  Open();
  ASSERT_TRUE(Write([](Batch& batch) {
                batch.PutPayload(RowId(9), "{}");
                batch.PutRequest("r", {0, 5, 7, "reply"});
              }, Durability::kIngest).ok());
  Reopen();
  EXPECT_EQ(Payload(9), "{}");
  EXPECT_EQ(store_->GetRequests({"r"}, nullptr).value()[0]->reply, "reply");
}

TEST_F(PayloadsTest, PostingsAreFoundOneByOne) {
  Open();
  const Generation g(1);
  ASSERT_TRUE(store_->CreateGeneration(g).ok());
  ASSERT_TRUE(Write([&](Batch& batch) {
                batch.PutPosting(g, ListId(2), RowId(3), "CC", 1.5f, "RRR");
                batch.PutPosting(g, ListId(4), RowId(5), "DD", 2.5f, "SSS");
              }).ok());
  const auto found =
      store_->GetPostings(g, {ListId(4), ListId(2), ListId(2)}, {RowId(5), RowId(5), RowId(3)}, 2, 3, nullptr)
          .value();
  ASSERT_TRUE(found[0].has_value());
  EXPECT_EQ(found[0]->code, "DD");
  EXPECT_EQ(found[0]->correction, 2.5f);
  EXPECT_EQ(found[0]->refine, "SSS");
  EXPECT_EQ(found[1], std::nullopt);
  EXPECT_EQ(found[2]->code, "CC");
  const Status wrong = store_->GetPostings(g, {ListId(4)}, {RowId(5)}, 3, 3, nullptr).status();
  EXPECT_EQ(wrong.code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(Mentions(wrong, "postings-1[list 4, row 5]")) << wrong;
  EXPECT_EQ(store_->GetPostings(Generation(2), {ListId(4)}, {RowId(5)}, 2, 3, nullptr).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(PayloadsTest, RequestsKeepTheirPlaces) {
  Open();
  EXPECT_EQ(store_->RequestPlaces().value(), std::make_pair(uint64_t{0}, uint64_t{0}));
  const std::string binary("\1\0\xff", 3);
  ASSERT_TRUE(Write([&](Batch& batch) {
                batch.PutRequest("a", {5, 100, 1, "first"});
                batch.PutRequest(binary, {6, 101, 2, ""});
                batch.PutRequest("a", {256, 102, 3, "again"});
              }).ok());
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(store_->RequestPlaces().value(), std::make_pair(uint64_t{5}, uint64_t{257}));
    const auto found = store_->GetRequests({"b", "a", binary}, nullptr).value();
    EXPECT_FALSE(found[0].has_value());
    EXPECT_EQ(found[1]->sequence, 256u);
    EXPECT_EQ(found[1]->time_ms, 102);
    EXPECT_EQ(found[1]->fingerprint, 3u);
    EXPECT_EQ(found[1]->reply, "again");
    EXPECT_EQ(found[2]->sequence, 6u);
    EXPECT_EQ(found[2]->reply, "");
    EXPECT_EQ(Places(0, 256), (std::vector<Place>{{5, 100, "a"}, {6, 101, binary}}));
    EXPECT_EQ(Places(6, 1000), (std::vector<Place>{{6, 101, binary}, {256, 102, "a"}}));
    ASSERT_TRUE(store_->FlushAll().ok());
    Reopen();
  }
  ASSERT_TRUE(Write([&](Batch& batch) {
                batch.DeleteRequestPlace(5);
                batch.DeleteRequest(binary);
                batch.DeleteRequestPlace(6);
              }).ok());
  EXPECT_EQ(Places(0, 1000), (std::vector<Place>{{256, 102, "a"}}));
  EXPECT_EQ(store_->RequestPlaces().value(), std::make_pair(uint64_t{256}, uint64_t{257}));
  EXPECT_FALSE(store_->GetRequests({binary}, nullptr).value()[0].has_value());
}

}  // namespace
}  // namespace tessera::store
