// AArch64 with its baseline vectors: 16 bytes a register, 32 of them. tbl looks up 16 to 64 entries
// and gives 0 beyond them, so four of them and three ors serve a full 8-bit code.
#include <arm_neon.h>

#include "index/simd/kernel_table.h"

#include "index/simd/emit_bits.inl"

namespace tessera::simd {
namespace {

struct F16 {
  float32x4_t v[4];
};
struct Index {
  uint32x4_t v[4];
};

template <typename Function>
inline F16 Each(Function function) {
  return {{function(0), function(1), function(2), function(3)}};
}
template <typename Function>
inline Index EachInt(Function function) {
  return {{function(0), function(1), function(2), function(3)}};
}

inline F16 Broadcast(float x) {
  return Each([&](int) { return vdupq_n_f32(x); });
}
inline F16 ZeroF() { return Broadcast(0.0f); }
inline F16 Load(const float* p) {
  return Each([&](int i) { return vld1q_f32(p + 4 * i); });
}
inline F16 Load(const int8_t* p) {
  const int8x16_t bytes = vld1q_s8(p);
  const int16x8_t halves[2] = {vmovl_s8(vget_low_s8(bytes)), vmovl_high_s8(bytes)};
  return Each([&](int i) {
    const int16x8_t half = halves[i / 2];
    const bool low = i % 2 == 0;
    return vcvtq_f32_s32(low ? vmovl_s16(vget_low_s16(half)) : vmovl_high_s16(half));
  });
}
template <typename T>
inline F16 LoadPart(const T* p, size_t n) {
  T padded[16] = {};
  __builtin_memcpy(padded, p, n * sizeof(T));
  return Load(padded);
}
inline void Store(float* p, const F16& a) {
  for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, a.v[i]);
}
inline F16 Add(const F16& a, const F16& b) {
  return Each([&](int i) { return vaddq_f32(a.v[i], b.v[i]); });
}
inline F16 Sub(const F16& a, const F16& b) {
  return Each([&](int i) { return vsubq_f32(a.v[i], b.v[i]); });
}
inline F16 Mul(const F16& a, const F16& b) {
  return Each([&](int i) { return vmulq_f32(a.v[i], b.v[i]); });
}
inline F16 Min(const F16& a, const F16& b) {
  return Each([&](int i) { return vminq_f32(a.v[i], b.v[i]); });
}
// Lane i + lane i+8 and +4, then pairs.
inline float ReduceAdd(const F16& a) {
  const float32x4_t quarter = vaddq_f32(vaddq_f32(a.v[0], a.v[2]), vaddq_f32(a.v[1], a.v[3]));
  const float32x2_t pair = vadd_f32(vget_low_f32(quarter), vget_high_f32(quarter));
  return vget_lane_f32(pair, 0) + vget_lane_f32(pair, 1);
}
inline void ReduceAdd4(const F16* a, float* out) {
  for (int i = 0; i < 4; ++i) out[i] = ReduceAdd(a[i]);
}
inline void StoreRounded(uint8_t* out, const F16& a) {
  // NaN passes through both and converts to 0.
  const auto rounded = [&](int i) {
    const float32x4_t positive = vmaxq_f32(a.v[i], vdupq_n_f32(0.0f));
    return vqmovn_u32(vcvtnq_u32_f32(vminq_f32(positive, vdupq_n_f32(127.0f))));
  };
  const uint16x8_t low = vcombine_u16(rounded(0), rounded(1));
  const uint16x8_t high = vcombine_u16(rounded(2), rounded(3));
  vst1q_u8(out, vcombine_u8(vqmovn_u16(low), vqmovn_u16(high)));
}

inline Index SetInts(uint32_t x) {
  return EachInt([&](int) { return vdupq_n_u32(x); });
}
inline Index ZeroInts() { return SetInts(0); }
inline Index AddInts(const Index& a, const Index& b) {
  return EachInt([&](int i) { return vaddq_u32(a.v[i], b.v[i]); });
}
inline Index FirstIndices() {
  constexpr uint32_t kFour[4] = {0, 1, 2, 3};
  return EachInt([&](int i) {
    return vaddq_u32(vld1q_u32(kFour), vdupq_n_u32(4 * static_cast<uint32_t>(i)));
  });
}
inline Index NextIndices(const Index& i) { return AddInts(i, SetInts(16)); }

struct Best {
  F16 score;
  Index index;
};
inline Best BestNone() { return {Broadcast(__builtin_inff()), FirstIndices()}; }
inline void Improve(Best& best, const F16& score, const Index& index) {
  for (int i = 0; i < 4; ++i) {
    const uint32x4_t less = vcltq_f32(score.v[i], best.score.v[i]);
    best.score.v[i] = vbslq_f32(less, score.v[i], best.score.v[i]);
    best.index.v[i] = vbslq_u32(less, index.v[i], best.index.v[i]);
  }
}
// The smallest index among the lanes that hold the least score.
inline uint32_t BestIndex(const Best& best) {
  const auto& s = best.score.v;
  const float32x4_t least =
      vdupq_n_f32(vminvq_f32(vminq_f32(vminq_f32(s[0], s[1]), vminq_f32(s[2], s[3]))));
  const auto index = [&](int i) { return vornq_u32(best.index.v[i], vceqq_f32(s[i], least)); };
  return vminvq_u32(vminq_u32(vminq_u32(index(0), index(1)), vminq_u32(index(2), index(3))));
}

inline Index LoadInts(const void* p) {
  const auto* from = static_cast<const uint8_t*>(p);
  return EachInt([&](int i) { return vreinterpretq_u32_u8(vld1q_u8(from + 16 * i)); });
}
inline void StoreInts(void* p, const Index& a) {
  auto* to = static_cast<uint8_t*>(p);
  for (int i = 0; i < 4; ++i) vst1q_u8(to + 16 * i, vreinterpretq_u8_u32(a.v[i]));
}
inline int32_t SumInts(const Index& a) {
  const uint32x4_t sum = vaddq_u32(vaddq_u32(a.v[0], a.v[1]), vaddq_u32(a.v[2], a.v[3]));
  return static_cast<int32_t>(vaddvq_u32(sum));
}
inline Index MinInts(const Index& a, const Index& b) {
  return EachInt([&](int i) { return vminq_u32(a.v[i], b.v[i]); });
}
inline Index MaxInts(const Index& a, const Index& b) {
  return EachInt([&](int i) { return vmaxq_u32(a.v[i], b.v[i]); });
}
inline Index CountAtMost(const Index& counts, const Index& keys, const Index& bound) {
  return EachInt([&](int i) { return vsubq_u32(counts.v[i], vcleq_u32(keys.v[i], bound.v[i])); });
}
// A bit of each lane, which is all ones or zero.
inline uint32_t MaskOf(const Index& lanes) {
  constexpr uint32_t kBits[4] = {1, 2, 4, 8};
  const uint32x4_t bits = vld1q_u32(kBits);
  uint32_t mask = 0;
  for (int i = 0; i < 4; ++i) mask |= vaddvq_u32(vandq_u32(lanes.v[i], bits)) << (4 * i);
  return mask;
}
inline uint32_t MaskAtMost(const Index& keys, const Index& bound) {
  return MaskOf(EachInt([&](int i) { return vcleq_u32(keys.v[i], bound.v[i]); }));
}
inline uint32_t MaskEqual(const F16& a, const F16& b) {
  return MaskOf(EachInt([&](int i) { return vceqq_f32(a.v[i], b.v[i]); }));
}
inline uint32_t MaskLess(const F16& a, const F16& b) {
  return MaskOf(EachInt([&](int i) { return vcltq_f32(a.v[i], b.v[i]); }));
}
inline size_t EmitIndices(uint32_t mask, uint32_t first, uint32_t* out) {
  return EmitIndexBits(mask, first, out);
}
inline F16 ToFloat(const Index& a) {
  return Each([&](int i) { return vcvtq_f32_s32(vreinterpretq_s32_u32(a.v[i])); });
}
inline Index OrderedKeys(const F16& a) {
  return EachInt([&](int i) {
    const uint32x4_t bits = vreinterpretq_u32_f32(vaddq_f32(a.v[i], vdupq_n_f32(0.0f)));
    const uint32x4_t sign = vreinterpretq_u32_s32(vshrq_n_s32(vreinterpretq_s32_u32(bits), 31));
    return veorq_u32(bits, vorrq_u32(sign, vdupq_n_u32(0x80000000)));
  });
}

using Raw = Index;
inline Raw LoadRaw(const void* p) { return LoadInts(p); }
inline Raw LoadRawPart(const void* p, size_t n) {
  uint8_t padded[64] = {};
  __builtin_memcpy(padded, p, n);
  return LoadRaw(padded);
}
inline Raw BroadcastQuad(const int8_t* p) {
  uint32_t quad;
  __builtin_memcpy(&quad, p, sizeof(quad));
  return SetInts(quad);
}
inline Raw FlipTops(const Raw& a) {
  return EachInt([&](int i) { return veorq_u32(a.v[i], vdupq_n_u32(0x80808080)); });
}
inline Raw LowHalves(const Raw& a) {
  return EachInt([&](int i) { return vandq_u32(a.v[i], vdupq_n_u32(0x0f0f0f0f)); });
}
inline Raw HighHalves(const Raw& a) {
  return LowHalves(EachInt([&](int i) { return vshrq_n_u32(a.v[i], 4); }));
}
inline Raw SpreadBits(uint64_t bits) {
  const uint8x8_t one_bit = vcreate_u8(0x8040201008040201);
  return EachInt([&](int i) {
    const uint8x16_t shown = vcombine_u8(vdup_n_u8(static_cast<uint8_t>(bits >> (16 * i))),
                                         vdup_n_u8(static_cast<uint8_t>(bits >> (16 * i + 8))));
    const uint8x16_t set = vtstq_u8(shown, vcombine_u8(one_bit, one_bit));
    return vreinterpretq_u32_u8(vandq_u8(set, vdupq_n_u8(1)));
  });
}
// Bytes widened to 16 bits, those of even and of odd places apart.
struct Operand {
  int16x8_t even[4];
  int16x8_t odd[4];
};
inline Operand AsUnsigned(const Raw& a) {
  Operand wide;
  for (int i = 0; i < 4; ++i) {
    const uint16x8_t words = vreinterpretq_u16_u32(a.v[i]);
    wide.even[i] = vreinterpretq_s16_u16(vandq_u16(words, vdupq_n_u16(0xff)));
    wide.odd[i] = vreinterpretq_s16_u16(vshrq_n_u16(words, 8));
  }
  return wide;
}
inline Operand AsSigned(const Raw& a) {
  Operand wide;
  for (int i = 0; i < 4; ++i) {
    const int16x8_t words = vreinterpretq_s16_u32(a.v[i]);
    wide.even[i] = vshrq_n_s16(vshlq_n_s16(words, 8), 8);
    wide.odd[i] = vshrq_n_s16(words, 8);
  }
  return wide;
}
inline Index MulAdd(const Index& sums, const Operand& a, const Operand& b) {
  return EachInt([&](int i) {
    const int32x4_t even = vmull_s16(vget_low_s16(a.even[i]), vget_low_s16(b.even[i]));
    const int32x4_t low = vmlal_s16(even, vget_low_s16(a.odd[i]), vget_low_s16(b.odd[i]));
    const int32x4_t high = vmlal_high_s16(vmull_high_s16(a.even[i], b.even[i]), a.odd[i], b.odd[i]);
    return vaddq_u32(sums.v[i], vreinterpretq_u32_s32(vpaddq_s32(low, high)));
  });
}

constexpr size_t kTableGroups = 4;
constexpr size_t kNearestRows = 1;
constexpr size_t kNearestGroups = 4;
constexpr size_t kProductVectors = 4;
constexpr size_t kProductGroups = 1;
constexpr size_t kProductDepth = 0;

using V = uint8x16_t;
constexpr size_t kPassVectors = 4;

inline uint16x8_t Words(V a) { return vreinterpretq_u16_u8(a); }
inline V FromWords(uint16x8_t a) { return vreinterpretq_u8_u16(a); }
inline V LoadV(const uint8_t* p) { return vld1q_u8(p); }
inline V ZeroV() { return vdupq_n_u8(0); }
inline V Set16(uint16_t x) { return FromWords(vdupq_n_u16(x)); }
inline V Add8(V a, V b) { return vaddq_u8(a, b); }
inline V Add16(V a, V b) { return FromWords(vaddq_u16(Words(a), Words(b))); }
inline V Sub16(V a, V b) { return FromWords(vsubq_u16(Words(a), Words(b))); }
inline V AddSaturated16(V a, V b) { return FromWords(vqaddq_u16(Words(a), Words(b))); }
inline V MulHigh16(V a, V b) {
  const uint32x4_t low = vmull_u16(vget_low_u16(Words(a)), vget_low_u16(Words(b)));
  const uint32x4_t high = vmull_high_u16(Words(a), Words(b));
  return FromWords(vuzp2q_u16(vreinterpretq_u16_u32(low), vreinterpretq_u16_u32(high)));
}
inline V High8(V a) { return FromWords(vshrq_n_u16(Words(a), 8)); }
inline V Low8Up(V a) { return FromWords(vshlq_n_u16(Words(a), 8)); }
inline V Only8Up(V a) { return vandq_u8(a, Set16(0xff00)); }

struct Nibbles {
  static constexpr size_t kTableBytes = 32;
  static constexpr size_t kPlanesPerSum = 1;
  struct Tables {
    V low;
    V high;
  };
  static Tables LoadTables(const uint8_t* p) { return {LoadV(p), LoadV(p + 16)}; }
  static V Look(const Tables& tables, const uint8_t* codes) {
    const V x = LoadV(codes);
    return Add8(vqtbl1q_u8(tables.low, vandq_u8(x, vdupq_n_u8(15))),
                vqtbl1q_u8(tables.high, vshrq_n_u8(x, 4)));
  }
};

inline uint8x16x4_t Load64(const uint8_t* p) {
  return {{LoadV(p), LoadV(p + 16), LoadV(p + 32), LoadV(p + 48)}};
}

// Each quarter of the table finds its own codes and gives 0 for the others.
struct Bytes {
  static constexpr size_t kTableBytes = 256;
  static constexpr size_t kPlanesPerSum = 2;
  struct Tables {
    uint8x16x4_t quarters[4];
  };
  static Tables LoadTables(const uint8_t* p) {
    return {{Load64(p), Load64(p + 64), Load64(p + 128), Load64(p + 192)}};
  }
  static V Look(const Tables& tables, const uint8_t* codes) {
    const V x = LoadV(codes);
    const V first = vorrq_u8(vqtbl4q_u8(tables.quarters[0], x),
                             vqtbl4q_u8(tables.quarters[1], vsubq_u8(x, vdupq_n_u8(64))));
    const V second = vorrq_u8(vqtbl4q_u8(tables.quarters[2], vsubq_u8(x, vdupq_n_u8(128))),
                              vqtbl4q_u8(tables.quarters[3], vsubq_u8(x, vdupq_n_u8(192))));
    return vorrq_u8(first, second);
  }
};

struct SixBits {
  static constexpr bool kSixBits = true;
  using Tables = uint8x16x4_t;
  static Tables LoadTables(const uint8_t* p) { return Load64(p); }
  static V Look(const Tables& table, V codes) {
    return vqtbl4q_u8(table, vandq_u8(codes, vdupq_n_u8(63)));
  }
  // Each shift inserts its bits above those that are there.
  static V Fourth(V x, V y, V z) {
    const V low = vsliq_n_u8(vshrq_n_u8(x, 6), vshrq_n_u8(y, 6), 2);
    return vsliq_n_u8(low, vshrq_n_u8(z, 6), 4);
  }
};

// All ones in each byte whose row has a sum of at most `threshold`.
inline V NotAbove(V even, V odd, V threshold) {
  const uint16x8_t low = vcleq_u16(Words(even), Words(threshold));
  const uint16x8_t high = vcleq_u16(Words(odd), Words(threshold));
  return vbslq_u8(Set16(0xff), FromWords(low), FromWords(high));
}

inline size_t EmitColumn(const V* even, const V* odd, uint16_t threshold, uint64_t live,
                         size_t first_row, ScanOutput& out, size_t count) {
  constexpr uint8_t kBits[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  const V bits = vld1q_u8(kBits);
  const V limit = Set16(threshold);
  const auto marked = [&](int i) { return vandq_u8(NotAbove(even[i], odd[i], limit), bits); };
  const V quarters = vpaddq_u8(vpaddq_u8(marked(0), marked(1)), vpaddq_u8(marked(2), marked(3)));
  const V eighths = vpaddq_u8(quarters, quarters);
  const uint64_t selected = vgetq_lane_u64(vreinterpretq_u64_u8(eighths), 0) & live;
  if (selected == 0) return count;
  uint16_t sums[64];
  for (int i = 0; i < 4; ++i) {
    vst1q_u16(sums + 8 * i, Words(even[i]));
    vst1q_u16(sums + 32 + 8 * i, Words(odd[i]));
  }
  return EmitBits(selected, sums, first_row, out, count);
}

}  // namespace
}  // namespace tessera::simd

#include "index/simd/float_kernels.inl"
#include "index/simd/integer_kernels.inl"
#include "index/simd/scan.inl"

namespace tessera::simd {
namespace {

size_t Scan8(const ScanInput& in, ScanOutput& out) { return ScanWith<Bytes>(in, out); }
size_t Scan4(const ScanInput& in, ScanOutput& out) { return ScanWith<Nibbles>(in, out); }
size_t Scan6(const ScanInput& in, ScanOutput& out) { return ScanWith<SixBits>(in, out); }

}  // namespace

const Kernels kNeonKernels = {"neon",        false,     Scan8,      Scan4,        Scan6,
                              Dot,           L2Sqr,     DotI8,      DotRows,      Table,
                              QuantizeTable, Nearest,   ExtendSums, ProductsU8S8, ScoreKeys,
                              LeastScore,    BoundKeys, SelectKeys, DotLimbs,     DotNibbles,
                              DotBits,       Hamming};

}  // namespace tessera::simd
