// Compares every kernel of the NEON table with the scalar one, byte by byte, on random and edge
// sizes; arrays end at unmapped pages. Built by a cross compiler and run by an emulator where the
// build is for another processor, so it stands on no test library. Leaves with 1 at a difference.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "index/simd/kernel_table.h"
#include "tests/unit/simd/guarded_buffer.h"

namespace tessera::simd {
namespace {

const Kernels& kReference = kScalarKernels;
const Kernels& kTested = kNeonKernels;
constexpr size_t kSizes[] = {1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 100, 129, 784, 1027};

std::mt19937 generator(1);
size_t comparisons = 0;

template <typename T>
std::vector<T> Numbers(size_t n, int64_t least, int64_t most) {
  std::uniform_int_distribution<int64_t> number(least, most);
  std::vector<T> values(n);
  for (T& value : values) value = static_cast<T>(number(generator));
  return values;
}

std::vector<float> Floats(size_t n) {
  std::normal_distribution<float> normal(0.1f, 3.0f);
  std::vector<float> values(n);
  for (float& value : values) value = normal(generator);
  return values;
}

void Expect(bool same, const char* kernel, size_t size) {
  ++comparisons;
  if (same) return;
  std::fprintf(stderr, "%s differs from the scalar kernel at size %zu\n", kernel, size);
  std::exit(1);
}

template <typename T>
bool SameBytes(GuardedBuffer<T>& a, GuardedBuffer<T>& b, size_t n) {
  return std::memcmp(a.data(), b.data(), n * sizeof(T)) == 0;
}

void CompareScans(const char* name, ScanFn reference, ScanFn tested, size_t tables_per_12_bytes) {
  for (const uint32_t columns : {1u, 2u, 3u, 4u}) {
    for (const uint32_t code_bytes : {1u, 2u, 3u, 7u, 32u, 256u}) {
      const size_t rows = kColumnRows * columns;
      const size_t table_bytes = (code_bytes * tables_per_12_bytes + 11) / 12 + 63;
      GuardedBuffer<uint8_t> block(Numbers<uint8_t>(rows * (code_bytes + 1), 0, 255));
      GuardedBuffer<uint8_t> tables(Numbers<uint8_t>(table_bytes / 64 * 64, 0, 127));
      GuardedBuffer<uint64_t> live(Numbers<uint64_t>(columns, 0, INT64_MAX));
      for (const uint16_t factor : {0, 700, 65535}) {
        const uint16_t middle = static_cast<uint16_t>(code_bytes * tables_per_12_bytes / 12);
        for (const uint16_t threshold : {uint16_t{0}, middle, uint16_t{65535}}) {
          const ScanInput in = {block.data(), columns,   code_bytes, tables.data(),
                                factor,       threshold, live.data()};
          ScanOutput a, b;
          const size_t count = reference(in, a);
          Expect(count == tested(in, b) && !std::memcmp(a.positions, b.positions, 2 * count) &&
                     !std::memcmp(a.sums, b.sums, 2 * count),
                 name, code_bytes);
        }
      }
    }
  }
}

void CompareFloats() {
  for (const size_t n : kSizes) {
    GuardedBuffer<float> a(Floats(n)), b(Floats(n));
    GuardedBuffer<int8_t> bytes(Numbers<int8_t>(n, -128, 127));
    const auto same = [](float x, float y) { return std::memcmp(&x, &y, sizeof x) == 0; };
    Expect(same(kReference.dot(a.data(), b.data(), n), kTested.dot(a.data(), b.data(), n)), "dot",
           n);
    Expect(same(kReference.l2sqr(a.data(), b.data(), n), kTested.l2sqr(a.data(), b.data(), n)),
           "l2sqr", n);
    Expect(same(kReference.dot_i8(a.data(), bytes.data(), n),
                kTested.dot_i8(a.data(), bytes.data(), n)),
           "dot_i8", n);
    constexpr size_t kRows = 7;
    GuardedBuffer<float> rows(Floats(kRows * n)), first(kRows), second(kRows);
    kReference.dot_rows(a.data(), rows.data(), kRows, n, n, first.data());
    kTested.dot_rows(a.data(), rows.data(), kRows, n, n, second.data());
    Expect(SameBytes(first, second, kRows), "dot_rows", n);
    std::vector<float> entries = Floats(n);
    entries[n / 2] = __builtin_nanf("");
    entries[n / 3] = 2.5f - 3.0f;
    GuardedBuffer<float> in(entries);
    GuardedBuffer<uint8_t> steps(n), same_steps(n);
    for (const float step : {20.0f, 1.0f, 1e30f}) {
      kReference.quantize_table(in.data(), n, -3.0f, step, steps.data());
      kTested.quantize_table(in.data(), n, -3.0f, step, same_steps.data());
      Expect(SameBytes(steps, same_steps, n), "quantize_table", n);
    }
  }
}

void CompareCodebooks() {
  for (const size_t ksub : {16, 64, 256}) {
    for (const size_t dsub : {1, 3, 8, 13}) {
      constexpr size_t kRows = 21;
      GuardedBuffer<float> codebook(Floats(dsub * ksub)), norms(Floats(ksub));
      GuardedBuffer<float> x(Floats(kRows * dsub)), first(ksub), second(ksub);
      kReference.table(x.data(), codebook.data(), dsub, ksub, first.data());
      kTested.table(x.data(), codebook.data(), dsub, ksub, second.data());
      Expect(SameBytes(first, second, ksub), "table", ksub);
      GuardedBuffer<uint8_t> codes(kRows), same_codes(kRows);
      kReference.nearest(x.data(), kRows, dsub, dsub, codebook.data(), norms.data(), ksub,
                         codes.data(), 1);
      kTested.nearest(x.data(), kRows, dsub, dsub, codebook.data(), norms.data(), ksub,
                      same_codes.data(), 1);
      Expect(SameBytes(codes, same_codes, kRows), "nearest", ksub);
    }
  }
}

void CompareProducts(const std::vector<uint8_t>& bytes, size_t groups, size_t quads, size_t n,
                     const std::vector<int8_t>& values, size_t stride) {
  GuardedBuffer<uint8_t> packed(bytes);
  GuardedBuffer<int8_t> vectors(values);
  const size_t out_stride = 16 * groups;
  GuardedBuffer<int32_t> first(n * out_stride), second(n * out_stride);
  kReference.products_u8s8(packed.data(), groups, quads, vectors.data(), n, stride, first.data(),
                           out_stride);
  kTested.products_u8s8(packed.data(), groups, quads, vectors.data(), n, stride, second.data(),
                        out_stride);
  Expect(SameBytes(first, second, n * out_stride), "products_u8s8", quads);
}

void CompareIntegers() {
  for (const size_t groups : {1, 3, 9}) {
    for (const size_t quads : {1, 25, 33}) {
      for (const size_t n : {1, 2, 3, 5, 9}) {
        const size_t stride = 4 * quads + n % 4;
        CompareProducts(Numbers<uint8_t>(groups * quads * 64, 0, 255), groups, quads, n,
                        Numbers<int8_t>((n - 1) * stride + 4 * quads, -128, 127), stride);
      }
    }
  }
  for (const int8_t extreme : {int8_t{-128}, int8_t{127}}) {
    CompareProducts(std::vector<uint8_t>(16383 * 64, 255), 1, 16383, 1,
                    std::vector<int8_t>(65532, extreme), 65532);
  }
  for (const size_t n : kSizes) {
    GuardedBuffer<uint8_t> codes(Numbers<uint8_t>(n, 0, 255));
    GuardedBuffer<int8_t> high(Numbers<int8_t>(n, -128, 127)), low(Numbers<int8_t>(n, -128, 127));
    GuardedBuffer<int32_t> first(2), second(2);
    kReference.dot_limbs(codes.data(), high.data(), low.data(), n, first.data());
    kTested.dot_limbs(codes.data(), high.data(), low.data(), n, second.data());
    Expect(SameBytes(first, second, 2), "dot_limbs", n);
  }
}

using DotFn = void (*)(const uint8_t*, const int8_t*, const int8_t*, size_t, int32_t*);

// Codes of a few bits: `bytes` of them hold dim components.
void ComparePacked(const char* name, DotFn reference, DotFn tested, size_t dim, size_t bytes) {
  GuardedBuffer<uint8_t> codes(Numbers<uint8_t>(bytes, 0, 255));
  GuardedBuffer<int8_t> high(Numbers<int8_t>(dim, -128, 127)), low(Numbers<int8_t>(dim, -128, 127));
  GuardedBuffer<int32_t> first(2), second(2);
  reference(codes.data(), high.data(), low.data(), dim, first.data());
  tested(codes.data(), high.data(), low.data(), dim, second.data());
  Expect(SameBytes(first, second, 2), name, dim);
}

void CompareRecords() {
  for (const size_t n : kSizes) {
    ComparePacked("dot_nibbles", kReference.dot_nibbles, kTested.dot_nibbles, n, (n + 1) / 2);
    ComparePacked("dot_bits", kReference.dot_bits, kTested.dot_bits, n, (n + 7) / 8);
    GuardedBuffer<uint8_t> a(Numbers<uint8_t>(n, 0, 255)), b(Numbers<uint8_t>(n, 0, 255));
    Expect(kReference.hamming(a.data(), b.data(), n) == kTested.hamming(a.data(), b.data(), n),
           "hamming", n);
  }
}

void CompareSelections() {
  for (const size_t n : kSizes) {
    for (const int64_t most : {int64_t{3}, int64_t{1000000}}) {  // a small range gives ties
      GuardedBuffer<int32_t> products(Numbers<int32_t>(n, -most, most));
      GuardedBuffer<float> add(most == 3 ? std::vector<float>(n, -0.0f) : Floats(n));
      GuardedBuffer<uint32_t> keys(n), same_keys(n);
      for (const float weight : {-0.37f, 0.0f, 1.0f}) {
        kReference.score_keys(products.data(), add.data(), weight, n, keys.data());
        kTested.score_keys(products.data(), add.data(), weight, n, same_keys.data());
        Expect(SameBytes(keys, same_keys, n), "score_keys", n);
        Expect(kReference.least_score(products.data(), add.data(), weight, n) ==
                   kTested.least_score(products.data(), add.data(), weight, n),
               "least_score", n);
      }
      for (const size_t at_least : {size_t{1}, (n + 3) / 4, n}) {
        const uint32_t bound = kReference.bound_keys(keys.data(), n, at_least, at_least + 2);
        Expect(bound == kTested.bound_keys(keys.data(), n, at_least, at_least + 2), "bound_keys",
               n);
        GuardedBuffer<uint32_t> indices(n + 16), same_indices(n + 16);
        const size_t count = kReference.select_keys(keys.data(), n, bound, indices.data());
        Expect(count == kTested.select_keys(keys.data(), n, bound, same_indices.data()) &&
                   SameBytes(indices, same_indices, count),
               "select_keys", n);
      }
    }
  }
}

}  // namespace
}  // namespace tessera::simd

int main() {
  using namespace tessera::simd;
  CompareScans("scan8", kReference.scan8, kTested.scan8, 12 * 256);
  CompareScans("scan6", kReference.scan6, kTested.scan6, 16 * 64);
  CompareScans("scan4", kReference.scan4, kTested.scan4, 24 * 16);
  CompareFloats();
  CompareCodebooks();
  CompareIntegers();
  CompareRecords();
  CompareSelections();
  std::printf("%zu comparisons, no difference\n", comparisons);
}
