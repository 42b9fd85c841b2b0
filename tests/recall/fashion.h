// Fashion-MNIST (Debian package dataset-fashion-mnist), images halved to 14 x 14 by the mean of four pixels, in a
// collection: the first training images as base, the first 200 test images as held-out queries. Recall is
// k-recall@k, k = 10: |found and true 10 nearest| / 10.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "client/formats/vector_reader.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {

class FashionTest : public CollectionTest {
 protected:
  static constexpr uint32_t kDim = 196;
  static constexpr size_t kMaxRows = 10000;
  static constexpr size_t kQueries = 200;

  // `rows` images in one array; read once.
  static std::vector<float> Base(size_t begin, size_t end) {
    static const std::vector<float> all = ReadImages("train-images-idx3-ubyte.gz", kMaxRows);
    return {all.begin() + static_cast<ptrdiff_t>(begin * kDim), all.begin() + static_cast<ptrdiff_t>(end * kDim)};
  }
  static const std::vector<float>& Queries() {
    static const std::vector<float> all = ReadImages("t10k-images-idx3-ubyte.gz", kQueries);
    return all;
  }

  // The exact answers of the rows that are there now, which Measure compares with.
  void FindTruth() {
    QueryParams params;
    params.exact = true;
    truth_ = Ask(params);
  }

  // All lists probed unless said.
  double Measure(RerankTier tier, uint32_t nprobe = 1000) {
    QueryParams params;
    params.nprobe = nprobe;
    params.rerank = tier;
    const std::vector<QueryResult> found = Ask(params);
    if (found.size() != kQueries || truth_.size() != kQueries) return 0;
    size_t hits = 0;
    for (size_t i = 0; i < kQueries; ++i) {
      const auto want = Ids(truth_[i]);
      for (const uint64_t id : Ids(found[i])) hits += static_cast<size_t>(std::ranges::count(want, id));
    }
    return static_cast<double>(hits) / (10.0 * kQueries);
  }

  Status Train(const std::string& quantizer) {
    TrainOptions options;
    options.quantizer = QuantizerSpec::Parse(quantizer).value();
    return collection_->Train(options);
  }

 private:
  static std::vector<float> ReadImages(const char* file, size_t rows) {
    constexpr size_t kSide = 28;
    formats::OpenOptions options;
    options.path = std::string("/usr/share/datasets/fashion-mnist/") + file;
    auto reader = formats::OpenVectors(options);
    EXPECT_TRUE(reader.ok()) << reader.status();
    std::vector<float> out;
    formats::VectorBatch batch;
    while (reader.ok() && out.size() < rows * kDim) {
      const auto more = (*reader)->Next(rows, batch);
      if (!more.ok() || !*more) break;
      const auto pixel = [&batch](size_t image, size_t y, size_t x) {
        return static_cast<float>(static_cast<uint8_t>(batch.data[image * kSide * kSide + y * kSide + x]));
      };
      for (size_t i = 0; i < batch.data.size() / (kSide * kSide); ++i) {
        for (size_t y = 0; y < kSide; y += 2) {
          for (size_t x = 0; x < kSide; x += 2) {
            out.push_back(0.25f * (pixel(i, y, x) + pixel(i, y, x + 1) + pixel(i, y + 1, x) + pixel(i, y + 1, x + 1)));
          }
        }
      }
    }
    EXPECT_GE(out.size(), rows * kDim);
    out.resize(rows * kDim);
    return out;
  }

  std::vector<QueryResult> Ask(const QueryParams& params) {
    auto found = collection_->QueryBatch({Queries().data(), kQueries, kDim}, params);
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() ? *std::move(found) : std::vector<QueryResult>();
  }

  std::vector<QueryResult> truth_;
};

}  // namespace tessera
