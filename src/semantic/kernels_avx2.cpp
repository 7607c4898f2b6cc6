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

constexpr size_t kRows = 4;     // of a block, at the most
constexpr size_t kVectors = 2;  // of a block's outputs
constexpr size_t kStep = kVectors * 8;
constexpr int32_t kMiddle = 128;

template <size_t R>
using Sums = __m256i[R][kVectors];

LLM_INLINE inline __m256i load_bytes(const void* at) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(at));
}

// Four inputs of a row in each lane, as signed bytes: less kMiddle.
LLM_INLINE inline __m256i four_inputs(const uint8_t* at) {
    int32_t four;
    std::memcpy(&four, at, sizeof(four));
    return _mm256_xor_si256(_mm256_set1_epi32(four),
                            _mm256_set1_epi8(-kMiddle));
}

// sum += the four products of each lane. Magnitudes times weights with the
// input's sign: 2 * 128 * 127 is within 16 bits, where plain bytes up to 255
// would saturate. The addition is _mm256_add_epi32; with the intrinsic, or in
// another order, gcc 12 moves sums through more registers and the stack.
LLM_INLINE inline void add_products(__m256i& sum, __m256i inputs,
                                    __m256i magnitudes, __m256i weights) {
    __m256i pairs = _mm256_maddubs_epi16(
        magnitudes, _mm256_sign_epi8(weights, inputs));
    __m256i fours = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    asm volatile("vpaddd %1, %0, %0" : "+x"(sum) : "x"(fours));
}

template <size_t R>
LLM_INLINE inline void finish(const Sums<R>& sums, const ByteRows& rows,
                              size_t row, const Weights& w, size_t column,
                              float* out) {
    each<kVectors>([&](auto n) LLM_INLINE {
        size_t at = column + n * 8;
        __m256i sum = load_bytes(w.sum + at);
        __m256 scale = _mm256_loadu_ps(w.scale + at);
        __m256 bias = _mm256_loadu_ps(w.bias + at);
        each<R>([&](auto r) LLM_INLINE {
            __m256i zero = _mm256_set1_epi32(rows.zero[row + r] - kMiddle);
            __m256i exact =
                _mm256_sub_epi32(sums[r][n], _mm256_mullo_epi32(zero, sum));
            __m256 factor =
                _mm256_mul_ps(scale, _mm256_set1_ps(rows.scale[row + r]));
            _mm256_storeu_ps(
                out + (row + r) * w.outputs + at,
                _mm256_fmadd_ps(_mm256_cvtepi32_ps(exact), factor, bias));
        });
    });
}

// What a block fetches on its way, of the panel that comes next: `step`
// bytes with each four inputs, a line of memory at the most.
struct Ahead {
    const char* at;
    size_t step;
};

// R rows times kStep outputs.
template <size_t R>
void byte_block(const ByteRows& rows, size_t row, const Weights& w,
                size_t column, Ahead ahead, float* out) {
    const int8_t* at = w.bytes + column / kLane * kLane * w.inputs
                       + column % kLane * 4;
    size_t inputs = w.inputs;
    const uint8_t* from = rows.data + row * inputs;
    Sums<R> sums;
    each<R>([&](auto r) LLM_INLINE {
        each<kVectors>([&](auto n) LLM_INLINE {
            sums[r][n] = _mm256_setzero_si256();
        });
    });
    for (const uint8_t* end = from + inputs; from < end; from += 4) {
        _mm_prefetch(ahead.at, _MM_HINT_T0);
        __m256i b[kVectors];
        each<kVectors>([&](auto n) LLM_INLINE {
            b[n] = load_bytes(at + n * 32);
        });
        each<R>([&](auto r) LLM_INLINE {
            __m256i a = four_inputs(from + r * inputs);
            __m256i magnitudes = _mm256_abs_epi8(a);
            each<kVectors>([&](auto n) LLM_INLINE {
                add_products(sums[r][n], a, magnitudes, b[n]);
            });
        });
        at += 4 * kLane;
        ahead.at += ahead.step;
    }
    finish<R>(sums, rows, row, w, column, out);
}

using Block = void (*)(const ByteRows&, size_t, const Weights&, size_t,
                       Ahead, float*);
constexpr Block kBlocks[] = {nullptr, byte_block<1>, byte_block<2>,
                             byte_block<3>, byte_block<kRows>};

void product_bytes(const ByteRows& rows, const Weights& w, float* out) {
    if (rows.rows == 0) {
        return;
    }
    // Blocks of nearly one size: a single row would use each weight that it
    // loads once. All blocks of a panel together fetch the next one, in the
    // order in which it lies in memory.
    size_t blocks = (rows.rows + kRows - 1) / kRows;
    size_t step = kStep * 4 / blocks;
    for (size_t column = 0; column < w.outputs; column += kStep) {
        size_t panel = column / kLane * kLane;
        size_t next = panel + kLane < w.outputs ? panel + kLane : panel;
        auto ahead = reinterpret_cast<const char*>(w.bytes + next * w.inputs)
                     + (column - panel) * w.inputs;
        size_t row = 0;
        for (size_t i = 0; i < blocks; i++) {
            size_t size = (rows.rows - row) / (blocks - i);
            kBlocks[size](rows, row, w, column, {ahead, step}, out);
            row += size;
            ahead += step * (w.inputs / 4);
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
