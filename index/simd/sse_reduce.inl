// The last steps of a sum of 16 lanes: four lanes that are already lane i + lane i+8 and +4.
// SSE only, shared by all x86 files.

namespace tessera::simd {
namespace {

// (a0 + a2) + (a1 + a3).
inline float ReduceQuarter(__m128 a) {
  const __m128 pairs = _mm_add_ps(a, _mm_movehl_ps(a, a));
  return _mm_cvtss_f32(_mm_add_ss(pairs, _mm_shuffle_ps(pairs, pairs, 1)));
}

// The same of four, transposed so that each addition serves all.
inline void ReduceQuarters4(__m128 a, __m128 b, __m128 c, __m128 d, float* out) {
  _MM_TRANSPOSE4_PS(a, b, c, d);
  _mm_storeu_ps(out, _mm_add_ps(_mm_add_ps(a, c), _mm_add_ps(b, d)));
}

}  // namespace
}  // namespace tessera::simd
