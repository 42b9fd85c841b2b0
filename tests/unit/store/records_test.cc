#include "index/store/records.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace tessera::store {
namespace {

std::string Hex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) {
    char digits[3];
    snprintf(digits, sizeof(digits), "%02x", static_cast<uint8_t>(c));
    hex += digits;
  }
  return hex;
}

std::string EncodedRow(const RowRecord& record) {
  std::string out;
  EXPECT_TRUE(EncodeRow(record, out).ok());
  return out;
}

// The bytes that files of released versions hold: a change here is a change of format.
TEST(RecordsTest, GoldenBytes) {
  std::string record;
  EncodeRecord("abc", record);
  EXPECT_EQ(Hex(record),
            "01616263"
            "b27d0dc3");

  std::string number;
  EncodeU32(0x01020304, number);
  EXPECT_EQ(Hex(number), "04030201");

  EXPECT_EQ(Hex(EncodedRow({PointId(258), 3, 1.5f})),
            "0300000000000000"
            "0000c03f"
            "000000000000000102");
  EXPECT_EQ(Hex(EncodedRow({PointId(std::string("ab")), 1, 0.0f})),
            "0100000000000000"
            "00000000"
            "016162");
  EXPECT_EQ(Hex(EncodedRow({PointId(258), 3, 1.5f, 0x0102})),
            "0300000000000000"
            "0000c03f"
            "020201000000000000"
            "000000000000000102");

  const float centroid[] = {1.0f, -2.0f};
  std::string encoded;
  EncodeCentroid(centroid, 2, encoded);
  EXPECT_EQ(Hex(encoded),
            "01"
            "0000803f"
            "000000c0"
            "a8fec569");

  std::string payload;
  EncodePayload("{}", payload);
  EXPECT_EQ(Hex(payload), "017b7d" "7c963f1d");

  std::string request;
  EncodeRequest({2, 3, 4, "r"}, request);
  EXPECT_EQ(Hex(request),
            "01"
            "0200000000000000"
            "0300000000000000"
            "04000000"
            "72"
            "aeb1e155");

  std::string place;
  EncodeRequestPlace(3, "ab", place);
  EXPECT_EQ(Hex(place),
            "01"
            "0300000000000000"
            "6162"
            "c3e57576");
}

TEST(RecordsTest, CutOrChangedPayloadsAndRequestsAreDataLoss) {
  std::string payload, request, place;
  EncodePayload("{\"a\":1}", payload);
  EncodeRequest({2, 3, 4, "reply"}, request);
  EncodeRequestPlace(3, "id", place);
  const auto decodes = [](int which, std::string_view value) {
    std::string_view text;
    RequestRecord record;
    int64_t time_ms = 0;
    return which == 0   ? DecodePayload(value, text)
           : which == 1 ? DecodeRequest(value, record)
                        : DecodeRequestPlace(value, time_ms, text);
  };
  const std::string values[] = {payload, request, place};
  for (int which = 0; which < 3; ++which) {
    const std::string& value = values[which];
    EXPECT_TRUE(decodes(which, value).ok());
    for (size_t i = 0; i < value.size(); ++i) {
      EXPECT_EQ(decodes(which, std::string_view(value).substr(0, i)).code(), absl::StatusCode::kDataLoss);
      std::string changed = value;
      changed[i] = static_cast<char>(changed[i] ^ 1);
      EXPECT_EQ(decodes(which, changed).code(), absl::StatusCode::kDataLoss);
    }
  }
  // Whole envelopes with too little in them.
  EXPECT_EQ(decodes(1, payload).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(decodes(2, payload).code(), absl::StatusCode::kDataLoss);
}

TEST(RecordsTest, AppendsToWhatIsThere) {
  std::string out = "x";
  EncodeRecord("abc", out);
  std::string_view payload;
  ASSERT_TRUE(DecodeRecord(std::string_view(out).substr(1), payload).ok());
  EXPECT_EQ(payload, "abc");
}

TEST(RecordsTest, RoundTripOfRows) {
  for (const RowRecord& row :
       {RowRecord{PointId(0), 0, 0.0f}, RowRecord{PointId(UINT64_MAX), UINT64_MAX, 3e38f},
        RowRecord{PointId(std::string(256, 'k')), 9, 1.0f}, RowRecord{PointId(7), 9, 1.0f, INT64_MAX},
        RowRecord{PointId(std::string("k")), 9, 1.0f, 1}}) {
    RowRecord decoded;
    ASSERT_TRUE(DecodeRow(EncodedRow(row), decoded).ok());
    EXPECT_EQ(decoded.id, row.id);
    EXPECT_EQ(decoded.version, row.version);
    EXPECT_EQ(decoded.norm, row.norm);
    EXPECT_EQ(decoded.expire_at_ms, row.expire_at_ms);
  }
  std::string out;
  EXPECT_EQ(EncodeRow({PointId(std::string()), 1, 1.0f}, out).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(out, "");
}

TEST(RecordsTest, RoundTripOfCentroids) {
  const std::vector<float> centroid = {0.0f, -1.5f, 3e38f};
  std::string value;
  EncodeCentroid(centroid.data(), 3, value);
  std::vector<float> decoded(3);
  ASSERT_TRUE(DecodeCentroid(value, 3, decoded.data()).ok());
  EXPECT_EQ(decoded, centroid);
  EXPECT_EQ(DecodeCentroid(value, 2, decoded.data()).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(DecodeCentroid(value, 4, decoded.data()).code(), absl::StatusCode::kDataLoss);
}

TEST(RecordsTest, PostingsAndVectors) {
  const float correction = 0.25f;
  std::string value = "code";
  value.append(reinterpret_cast<const char*>(&correction), 4);
  value += "refine";
  PostingView posting;
  ASSERT_TRUE(DecodePosting(value, 4, 6, posting).ok());
  EXPECT_EQ(posting.code, "code");
  EXPECT_EQ(posting.correction, 0.25f);
  EXPECT_EQ(posting.refine, "refine");
  EXPECT_FALSE(DecodePosting(value, 4, 5, posting).ok());
  EXPECT_FALSE(DecodePosting(value, 4, 7, posting).ok());
  EXPECT_FALSE(DecodePosting("", 0, 0, posting).ok());
  EXPECT_FALSE(DecodePosting("", UINT32_MAX, UINT32_MAX, posting).ok());
}

TEST(RecordsTest, VectorsSayWhatTheirComponentsAre) {
  const auto encoded = [](const VectorView& vector) {
    std::string value;
    EncodeVectorHead(vector, value);
    return Hex(value.append(vector.bytes));
  };
  EXPECT_EQ(encoded({ElementType::kF16, "abcd"}), "0161626364");
  EXPECT_EQ(encoded({ElementType::kBf16, "ab"}), "046162");
  EXPECT_EQ(encoded({ElementType::kI8, "ab"}), "026162");
  EXPECT_EQ(encoded({ElementType::kI8, "ab", {0.5f, -3}}), "100000003ffd6162");
  EXPECT_EQ(encoded({ElementType::kU8, "ab", {1, 200}}), "110000803fc86162");

  VectorView vector;
  const auto decode = [&vector](std::string_view value) { return DecodeVector(value, vector); };
  ASSERT_TRUE(decode({"\x01"
                      "abcd",
                      5})
                  .ok());
  EXPECT_EQ(vector.type, ElementType::kF16);
  EXPECT_EQ(vector.bytes, "abcd");
  ASSERT_TRUE(decode({"\x10\0\0\0\x3f\xfd"
                      "ab",
                      8})
                  .ok());
  EXPECT_EQ(vector.type, ElementType::kI8);
  EXPECT_EQ(vector.quantization, (ScalarParams{0.5f, -3}));
  EXPECT_EQ(vector.bytes, "ab");
  ASSERT_TRUE(decode({"\x11\0\0\x80\x3f\xc8"
                      "a",
                      7})
                  .ok());
  EXPECT_EQ(vector.type, ElementType::kU8);
  EXPECT_EQ(vector.quantization, (ScalarParams{1, 200}));
  ASSERT_TRUE(decode({"\x03"
                      "a",
                      2})
                  .ok());
  EXPECT_EQ(vector.quantization, ScalarParams());
}

TEST(RecordsTest, VectorsOfHostileBytesAreDataLoss) {
  VectorView vector;
  const auto refused = [&vector](std::string_view value) {
    return DecodeVector(value, vector).code() == absl::StatusCode::kDataLoss;
  };
  const std::string_view no_components("\x00", 1), quantized("\x10\0\0\0\x3f\xfd", 6);
  EXPECT_TRUE(refused(""));
  EXPECT_TRUE(refused(no_components));
  EXPECT_TRUE(refused("\x01"
                      "abc"));  // a component is cut
  for (const char* unknown : {"\x05"
                              "abcd",
                              "\x0f"
                              "abcd",
                              "\x12\x01\x01\x01\x3f\x01"
                              "abcd",
                              "\xff"
                              "abcd"}) {
    EXPECT_TRUE(refused(unknown)) << unknown;
  }
  for (size_t n = 0; n <= quantized.size(); ++n) EXPECT_TRUE(refused(quantized.substr(0, n))) << n;
  for (const uint32_t scale : {0u, 0xbf000000u, 0x7f800000u, 0x7fc00000u}) {  // 0, -0.5, infinity, NaN
    std::string value(quantized);
    std::memcpy(value.data() + 1, &scale, sizeof(scale));
    EXPECT_TRUE(refused(value + "ab"));
  }
}

// Each single bit turned and each truncation is found out.
TEST(RecordsTest, ChecksumFindsDamage) {
  std::string record;
  EncodeRecord("payload", record);
  const float centroid[] = {1.0f, 2.0f};
  std::string stored;
  EncodeCentroid(centroid, 2, stored);
  std::string_view payload;
  float decoded[2];
  for (size_t bit = 0; bit < record.size() * 8; ++bit) {
    std::string damaged = record;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(DecodeRecord(damaged, payload).code(), absl::StatusCode::kDataLoss) << bit;
  }
  for (size_t bit = 0; bit < stored.size() * 8; ++bit) {
    std::string damaged = stored;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(DecodeCentroid(damaged, 2, decoded).code(), absl::StatusCode::kDataLoss) << bit;
  }
  for (size_t size = 0; size < record.size(); ++size) {
    EXPECT_EQ(DecodeRecord(record.substr(0, size), payload).code(), absl::StatusCode::kDataLoss);
  }
}

TEST(RecordsTest, RowsOfWrongLength) {
  RowRecord record;
  for (const int64_t expiry : {0, 5}) {
    const std::string row = EncodedRow({PointId(1), 1, 1.0f, expiry});
    for (size_t size = 0; size < row.size(); ++size) {
      EXPECT_EQ(DecodeRow(row.substr(0, size), record).code(), absl::StatusCode::kDataLoss) << size;
    }
    EXPECT_EQ(DecodeRow(row + "x", record).code(), absl::StatusCode::kDataLoss);
  }
  std::string negative = EncodedRow({PointId(1), 1, 1.0f, 5});
  negative[20] = static_cast<char>(0x80);
  EXPECT_EQ(DecodeRow(negative, record).code(), absl::StatusCode::kDataLoss);
  uint32_t number = 0;
  for (const size_t size : {0, 3, 5}) {
    EXPECT_EQ(DecodeU32(std::string(size, 'x'), number).code(), absl::StatusCode::kDataLoss);
  }
}

// A version of a later release, with a checksum that is right, is refused too.
TEST(RecordsTest, OtherVersionIsRefused) {
  // crc32c of the one byte 02, little-endian
  const std::string record("\x02\xa6\x23\x46\xb3", 5);
  std::string_view payload;
  const Status status = DecodeRecord(record, payload);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(MessageOf(status), "the record was written by a newer tessera (format 2, this one reads 1): upgrade this one, or "
                               "restore a backup that an older one made");
}

}  // namespace
}  // namespace tessera::store
