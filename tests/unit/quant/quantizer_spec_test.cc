#include "index/quantizer_spec.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

std::string ErrorOf(const std::string& text) {
  const auto spec = QuantizerSpec::Parse(text);
  EXPECT_EQ(spec.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return MessageOf(spec.status());
}

TEST(QuantizerSpec, CanonicalTextsComeBack) {
  for (const std::string text :
       {"IVF,PQ", "PQ", "PQ32x8", "PQ32x4", "PQx4", "RR,PQ8x8", "RR,IVF1024,PQ32x8,Refine(SQ8)",
        "IVF1,PQ1x4,Refine(SQ8S)", "IVF,PQx4,Refine(SQ8)", "OPQ,PQ8x8",
        "OPQ,IVF2048,PQ16x8,Refine(SQ8)", "VQ1", "VQ4096", "VQ64x32", kDefaultQuantizer,
        "PQ128x2", "IVF,PQx2", "PQ16x4+4", "IVF4,PQ16x4+4,Refine(SQ4)", "RQ8x8", "RQ16x4",
        "IVF1024,PRQ2x7x8", "OPQ,PRQ4x2x8,FT", "OPQ,IVF4,MPQ24,Aniso,FT,Refine(RaBitQ4)", "SQ8",
        "IVF,SQ6,Refine(SQ8)", "SQ4A", "SQ8S", "SQ8Ss", "SQ8Pst", "SQ6Et", "RaBitQ1", "RR,SQ4",
        "IVF,RaBitQ8,Refine(BF16)", "FP16", "BF16", "IVF,Binary,Refine(FP16)", "PCA64,IVF,PQ16x8",
        "MRL128,OPQ,PQ16x8", "PCA32,SQ8,Refine(SQ8A)"}) {
    const auto spec = QuantizerSpec::Parse(text);
    ASSERT_TRUE(spec.ok()) << spec.status();
    EXPECT_EQ(spec->ToString(), text);
    EXPECT_EQ(QuantizerSpec::Parse(spec->ToString()).value(), *spec);
  }
}

TEST(QuantizerSpec, FieldsOfAFullText) {
  const QuantizerSpec spec = QuantizerSpec::Parse("RR,IVF1024,PQ32x4,Refine(SQ8S)").value();
  EXPECT_EQ(spec.rotation, RotationKind::kRandom);
  EXPECT_EQ(QuantizerSpec::Parse("OPQ,PQ8")->rotation, RotationKind::kOptimized);
  EXPECT_EQ(spec.code, CodeKind::kProduct);
  EXPECT_TRUE(spec.inverted_lists);
  EXPECT_EQ(spec.nlist, 1024u);
  EXPECT_EQ(spec.pq_m, 32u);
  EXPECT_EQ(spec.pq_bits, 4u);
  EXPECT_EQ(spec.refine, kStatic8);
}

TEST(QuantizerSpec, DefaultsOfShortTexts) {
  const QuantizerSpec pq = QuantizerSpec::Parse("PQ32").value();
  EXPECT_EQ(pq.pq_bits, 8u);
  EXPECT_FALSE(pq.inverted_lists);
  EXPECT_EQ(pq.nlist, 1u);
  EXPECT_EQ(pq.refine, RecordSpec());
  EXPECT_EQ(pq.ToString(), "PQ32x8");
  EXPECT_EQ(QuantizerSpec::Parse("PQ")->pq_bits, 0u);
  EXPECT_EQ(QuantizerSpec::Parse("PQx8")->ToString(), "PQx8");
  EXPECT_EQ(QuantizerSpec::Parse(kDefaultQuantizer).value(), QuantizerSpec());
  EXPECT_EQ(QuantizerSpec::Parse("VQ16").value().vq_k, 16u);
}

TEST(QuantizerSpec, ErrorsPointAtThePiece) {
  EXPECT_EQ(ErrorOf("PQ32x7"), "quantizer \"PQ32x7\": PQ32x7: bits must be 2, 4, 6 or 8, or 4+4");
  EXPECT_EQ(ErrorOf("IVFx,PQ"),
            "quantizer \"IVFx,PQ\": IVFx: the number of lists must be a number of at most 32 bits");
  EXPECT_EQ(ErrorOf("IVF0,PQ"),
            "quantizer \"IVF0,PQ\": IVF0: the number of lists must be at least 1");
  EXPECT_EQ(ErrorOf("IVF16"), "quantizer \"IVF16\": ends where a code such as PQ is expected");
  EXPECT_EQ(ErrorOf("PQ8,Refine(SQ5)"),
            "quantizer \"PQ8,Refine(SQ5)\": Refine(SQ5): expected Refine(R) with R one of SQ8, SQ6, "
            "SQ4 (each also A, S, P, E), RaBitQ<bits>, FP16, BF16");
  EXPECT_EQ(ErrorOf("RQ8x6"),
            "quantizer \"RQ8x6\": RQ8x6: expected RQ<stages>x<bits> with 8 or 4 bits");
  EXPECT_EQ(ErrorOf("PRQ8"),
            "quantizer \"PRQ8\": PRQ8: expected PRQ<sub-spaces>x<stages>x<bits>");
  EXPECT_EQ(ErrorOf("PRQ2x0x8"),
            "quantizer \"PRQ2x0x8\": PRQ2x0x8: the number of stages must be at least 1");
  EXPECT_EQ(ErrorOf("OPQ,SQ8"),
            "quantizer \"OPQ,SQ8\": rotation: OPQ is fitted to product codes, take RR or PCA with "
            "SQ8");
  EXPECT_EQ(ErrorOf("RR,RaBitQ2"),
            "quantizer \"RR,RaBitQ2\": rotation: RaBitQ brings its own, leave RR out");
  EXPECT_EQ(ErrorOf("SQ8,FT"),
            "quantizer \"SQ8,FT\": Aniso and FT train codebooks, SQ8 has none");
  EXPECT_EQ(ErrorOf("PQ8,Refine(SQ8),PQ8"),
            "quantizer \"PQ8,Refine(SQ8),PQ8\": PQ8: nothing may follow here");
  EXPECT_EQ(ErrorOf("VQ"),
            "quantizer \"VQ\": VQ: the number of centroids is missing, as in VQ4096");
  EXPECT_EQ(ErrorOf("VQ16,PQ8"), "quantizer \"VQ16,PQ8\": PQ8: VQ stands alone");
  EXPECT_EQ(ErrorOf("PQ257"), "quantizer \"PQ257\": pq_m must be at most 256 at 8 bits, got 257");
  EXPECT_EQ(ErrorOf("PQ342x6"),
            "quantizer \"PQ342x6\": pq_m must be at most 341 at 6 bits, got 342");
}

TEST(QuantizerSpec, RefusesWhatIsNotExact) {
  for (const std::string text : {"",
                                 ",",
                                 "PQ,",
                                 ",PQ",
                                 " PQ",
                                 "PQ ",
                                 "pq8",
                                 "PQ-8",
                                 "PQ+8",
                                 "PQ0",
                                 "PQ8x",
                                 "PQ8x44",
                                 "PQ8x8x8",
                                 "PQ8y",
                                 "PQx8,",
                                 "IVF16,IVF16,PQ",
                                 "PQ8,IVF16",
                                 "RR",
                                 "RR,RR,PQ",
                                 "IVF99999999999,PQ",
                                 "IVF16777217,PQ",
                                 "PQ99999999999",
                                 "VQ0",
                                 "VQ-1",
                                 "VQ99999999",
                                 "Refine(SQ8)",
                                 "OPQ8",
                                 "OPQ",
                                 "PCA,PQ8",
                                 "PCA0,PQ8",
                                 "PCA8",
                                 "PQ8,PCA8",
                                 "PQ8x2+2",
                                 "PQ8,FT,Aniso",
                                 "RQ",
                                 "RQ8x",
                                 "RQ300x8",
                                 "PRQ2x200x8",
                                 "MPQ",
                                 "MPQ0",
                                 "MPQ257",
                                 "SQ",
                                 "SQ7",
                                 "SQ8s",
                                 "SQ8As",
                                 "SQ8Sts",
                                 "SQ8X",
                                 "RaBitQ0",
                                 "RaBitQ9",
                                 "PQ8,Refine(Binary)",
                                 "PQ8,Refine()",
                                 "VQ8x",
                                 "VQ8x0",
                                 "VQ8192x8192",
                                 "OPQ,RR,PQ8",
                                 "OPQ,VQ8",
                                 "PQ8\n",
                                 "PQ8,refine(sq8)"}) {
    ErrorOf(text);
  }
  ErrorOf(std::string("PQ8\0", 4));
}

TEST(QuantizerSpec, ValidateKnowsTheDimension) {
  QuantizerSpec spec;
  EXPECT_TRUE(spec.Validate(0).ok());
  EXPECT_TRUE(spec.Validate(1).ok());
  EXPECT_FALSE(spec.Validate(65536).ok());
  spec.truncation = TruncationKind::kLeading;
  spec.kept_dim = 9;
  EXPECT_EQ(MessageOf(spec.Validate(8)), "kept_dim must be less than the dimension 8, got 9");
  EXPECT_FALSE(spec.Validate(9).ok());
  EXPECT_TRUE(spec.Validate(10).ok());
  spec.rotation = RotationKind::kOptimized;
  EXPECT_TRUE(spec.Validate(4096).ok());  // fitted to nine dimensions
  spec.kept_dim = 2049;
  EXPECT_EQ(MessageOf(spec.Validate(4096)), "rotation: OPQ fits at most 2048 dimensions, got 2049");
  spec.rotation = RotationKind::kNone;
  EXPECT_TRUE(spec.Validate(20000).ok());
  spec.truncation = TruncationKind::kPrincipal;
  EXPECT_EQ(MessageOf(spec.Validate(20000)), "truncation: PCA takes at most 8192 dimensions, got 20000");
  spec = QuantizerSpec();
  spec.pq_m = 9;
  EXPECT_EQ(MessageOf(spec.Validate(8)), "pq_m must be at most the dimension 8, got 9");
  EXPECT_TRUE(spec.Validate(9).ok());
  spec.rotation = RotationKind::kRandom;
  EXPECT_TRUE(spec.Validate(8192).ok());
  EXPECT_FALSE(spec.Validate(8193).ok());
  spec.rotation = RotationKind::kOptimized;
  EXPECT_TRUE(spec.Validate(2048).ok());
  EXPECT_EQ(MessageOf(spec.Validate(2049)), "rotation: OPQ fits at most 2048 dimensions, got 2049");
}

TEST(QuantizerSpec, ValidateRefusesContradictions) {
  QuantizerSpec spec;
  spec.inverted_lists = false;
  spec.nlist = 2;
  EXPECT_EQ(MessageOf(spec.Validate(8)), "nlist must be 1 without inverted lists, got 2");
  QuantizerSpec bits;
  bits.pq_bits = 5;
  EXPECT_EQ(MessageOf(bits.Validate(8)), "pq_bits must be 2, 4, 6 or 8, got 5");
  QuantizerSpec vq;
  vq.code = CodeKind::kVector;
  vq.vq_k = 16;
  EXPECT_FALSE(vq.Validate(8).ok());  // the lists and refine codes of the default
  QuantizerSpec pq;
  pq.vq_k = 16;
  EXPECT_FALSE(pq.Validate(8).ok());
}

}  // namespace
}  // namespace tessera
