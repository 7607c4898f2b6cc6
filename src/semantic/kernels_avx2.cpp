#include "src/semantic/kernels.hpp"
#include "src/semantic/target.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>
#include <type_traits>
#include <utility>

LLM_TARGET_BEGIN("avx2,fma")

namespace llm::semantic {

namespace {

struct Simd {
    using V = __m256;
    static constexpr size_t kWidth = 8;
    static constexpr size_t kRows = 4;
    static constexpr size_t kVectors = 2;

    static V load(const float* p) { return _mm256_loadu_ps(p); }
    static void store(float* p, V v) { _mm256_storeu_ps(p, v); }
    static V set(float x) { return _mm256_set1_ps(x); }
    static V add(V a, V b) { return _mm256_add_ps(a, b); }
    static V sub(V a, V b) { return _mm256_sub_ps(a, b); }
    static V mul(V a, V b) { return _mm256_mul_ps(a, b); }
    static V fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
    static V min(V a, V b) { return _mm256_min_ps(a, b); }
    static V max(V a, V b) { return _mm256_max_ps(a, b); }
    static V round(V a) {
        return _mm256_round_ps(
            a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    }
    static V power(V n) {
        __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n),
                                            _mm256_set1_epi32(127));
        return _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
    }
    static float sum(V a) {
        __m128 x = _mm_add_ps(_mm256_castps256_ps128(a),
                              _mm256_extractf128_ps(a, 1));
        x = _mm_add_ps(x, _mm_movehl_ps(x, x));
        return _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps(x, x, 1)));
    }
    static float least(V a) {
        __m128 x = _mm_min_ps(_mm256_castps256_ps128(a),
                              _mm256_extractf128_ps(a, 1));
        x = _mm_min_ps(x, _mm_movehl_ps(x, x));
        return _mm_cvtss_f32(_mm_min_ss(x, _mm_shuffle_ps(x, x, 1)));
    }
    static float greatest(V a) { return -least(sub(set(0), a)); }
    static void store_bytes(uint8_t* p, V v) {
        __m256i words = _mm256_cvtps_epi32(v);
        __m128i shorts = _mm_packus_epi32(
            _mm256_castsi256_si128(words),
            _mm256_extracti128_si256(words, 1));
        _mm_storel_epi64(reinterpret_cast<__m128i*>(p),
                         _mm_packus_epi16(shorts, shorts));
    }
};

#include "src/semantic/vector_math.hpp"

// One vector holds 4 outputs as pairs of sums: bytes are widened to 16 bits
// and vpmaddwd adds two neighbours, which cannot overflow.
constexpr size_t kVectors = 2;
constexpr size_t kStep = kVectors * 4;  // outputs

template <size_t R>
LLM_INLINE inline void finish(const __m256i (&sums)[R][kVectors],
                              const ByteRows& rows, size_t row,
                              const Weights& w, size_t column, float* out) {
    __m256i sum = _mm256_loadu_si256(
        reinterpret_cast<const __m256i*>(w.sum + column));
    __m256 scale = _mm256_loadu_ps(w.scale + column);
    __m256 bias = _mm256_loadu_ps(w.bias + column);
    for (size_t r = 0; r < R; r++) {
        // [0 1 4 5 | 2 3 6 7] after adding the pairs
        __m256i all = _mm256_permute4x64_epi64(
            _mm256_hadd_epi32(sums[r][0], sums[r][1]), 0xd8);
        __m256i zero = _mm256_set1_epi32(rows.zero[row + r]);
        __m256i exact =
            _mm256_sub_epi32(all, _mm256_mullo_epi32(zero, sum));
        __m256 factor =
            _mm256_mul_ps(scale, _mm256_set1_ps(rows.scale[row + r]));
        _mm256_storeu_ps(
            out + (row + r) * w.outputs + column,
            _mm256_fmadd_ps(_mm256_cvtepi32_ps(exact), factor, bias));
    }
}

template <size_t R>
void byte_block(const ByteRows& rows, size_t row, const Weights& w,
                size_t column, float* out) {
    const int8_t* panel = w.bytes + column / kLane * kLane * w.inputs
                          + column % kLane * 4;
    const uint8_t* from = rows.data + row * w.inputs;
    __m256i sums[R][kVectors];
    LLM_UNROLL
    for (size_t r = 0; r < R; r++) {
        LLM_UNROLL
        for (size_t n = 0; n < kVectors; n++) {
            sums[r][n] = _mm256_setzero_si256();
        }
    }
    for (size_t k = 0; k < w.inputs; k += 4) {
        const int8_t* at = panel + k * kLane;
        __m256i b[kVectors];
        LLM_UNROLL
        for (size_t n = 0; n < kVectors; n++) {
            b[n] = _mm256_cvtepi8_epi16(_mm_loadu_si128(
                reinterpret_cast<const __m128i*>(at + n * 16)));
        }
        LLM_UNROLL
        for (size_t r = 0; r < R; r++) {
            int32_t four;
            std::memcpy(&four, from + r * w.inputs + k, sizeof(four));
            __m256i a = _mm256_cvtepu8_epi16(_mm_set1_epi32(four));
            LLM_UNROLL
            for (size_t n = 0; n < kVectors; n++) {
                sums[r][n] = _mm256_add_epi32(sums[r][n],
                                              _mm256_madd_epi16(a, b[n]));
            }
        }
    }
    finish<R>(sums, rows, row, w, column, out);
}

void product_bytes(const ByteRows& rows, const Weights& w, float* out) {
    for (size_t column = 0; column < w.outputs; column += kStep) {
        size_t row = 0;
        for (; row + 4 <= rows.rows; row += 4) {
            byte_block<4>(rows, row, w, column, out);
        }
        for (; row < rows.rows; row++) {
            byte_block<1>(rows, row, w, column, out);
        }
    }
}

constexpr Kernels kAvx2 = {"avx2", product_bytes, product_floats, quantize,
                           gelu,   add_norm,      attention};

}  // namespace

}  // namespace llm::semantic

LLM_TARGET_END

namespace llm::semantic {

const Kernels* avx2_kernels() {
    bool has =
        __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    return has ? &kAvx2 : nullptr;
}

}  // namespace llm::semantic

#else

namespace llm::semantic {

const Kernels* avx2_kernels() {
    return nullptr;
}

}  // namespace llm::semantic

#endif
