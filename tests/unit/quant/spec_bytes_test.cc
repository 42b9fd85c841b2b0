#include "index/quant/spec_bytes.h"

#include <gtest/gtest.h>

namespace tessera::quant {
namespace {

constexpr uint32_t kMagic = 0x11223344;

std::string Envelope(const std::string& body) {
  std::string bytes;
  ByteWriter out(bytes);
  out.Put(kMagic);
  out.Put(uint32_t{3});
  out.PutBytes(body.data(), body.size());
  out.Put(Crc32c(bytes));
  return bytes;
}

TEST(SpecBytes, EnvelopeGivesItsBody) {
  EXPECT_EQ(CheckEnvelope(Envelope("body"), kMagic, 3, "thing").value(), "body");
  EXPECT_EQ(CheckEnvelope(Envelope(""), kMagic, 3, "thing").value(), "");
}

TEST(SpecBytes, EnvelopeSaysWhatIsWrong) {
  const auto message = [](const std::string& bytes, uint32_t magic, uint32_t version) {
    const auto body = CheckEnvelope(bytes, magic, version, "thing");
    EXPECT_EQ(body.status().code(), absl::StatusCode::kDataLoss);
    return MessageOf(body.status());
  };
  const std::string bytes = Envelope("body");
  EXPECT_EQ(message("short", kMagic, 3), "thing: truncated, 5 bytes");
  EXPECT_EQ(message(bytes, kMagic + 1, 3), "thing: wrong magic, not a file of this kind");
  EXPECT_EQ(message(bytes, kMagic, 4), "the thing has format 3, this one reads 4");
  EXPECT_EQ(CheckEnvelope(bytes, kMagic, 2, "thing").status(),
            FailedPrecondition("the thing was written by a newer tessera (format 3, this one reads 2): upgrade this one, or "
                               "restore a backup that an older one made"));
  std::string bad = bytes;
  bad[9] ^= 1;
  EXPECT_EQ(message(bad, kMagic, 3), "thing: checksum does not match");
}

TEST(SpecBytes, SpecsComeBack) {
  for (const char* text : {"RR,IVF7,PQ3x4,Refine(SQ8S)", "PQ2x8", "PQ3x6", "VQ9", "IVF,PQ"}) {
    const QuantizerSpec spec = QuantizerSpec::Parse(text).value();
    std::string bytes;
    ByteWriter out(bytes);
    WriteSpec(spec, out);
    EXPECT_EQ(bytes.size(), 4 + std::string(text).size());
    ByteReader in(bytes);
    EXPECT_EQ(ReadSpec(in, "thing").value(), spec);
  }
}

TEST(SpecBytes, WhatIsNoSpecIsRefused) {
  std::string bytes;
  ByteWriter out(bytes);
  WriteSpec(QuantizerSpec(), out);
  std::string bad = bytes;
  bad[4] = 'X';
  ByteReader garbled(bad);
  const Status status = ReadSpec(garbled, "thing").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(MessageOf(status).starts_with("thing: quantizer \"XVF,PQ")) << status;
  std::string other;
  ByteWriter(other).PutString("PQ08x8");  // means PQ8x8
  ByteReader odd(other);
  EXPECT_EQ(MessageOf(ReadSpec(odd, "thing").status()),
            "thing: the spec is written as PQ08x8, not as PQ8x8");
  ByteReader cut(std::string_view(bytes).substr(0, bytes.size() - 1));
  EXPECT_EQ(MessageOf(ReadSpec(cut, "thing").status()), "thing: truncated in the spec");
}

TEST(SpecBytes, OpenChoicesAreNotResolved) {
  QuantizerSpec spec = QuantizerSpec::Parse("IVF4,PQ2x8").value();
  EXPECT_TRUE(CheckResolved(spec, 8, "thing").ok());
  spec.nlist = 0;
  EXPECT_EQ(MessageOf(CheckResolved(spec, 8, "thing")), "thing: the spec has choices left open");
  spec.nlist = 4;
  spec.pq_bits = 0;
  EXPECT_EQ(MessageOf(CheckResolved(spec, 8, "thing")), "thing: the spec has choices left open");
  spec.pq_bits = 8;
  spec.pq_m = 9;
  EXPECT_EQ(CheckResolved(spec, 8, "thing").code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace tessera::quant
