#include "src/semantic/kernels.hpp"
#include "src/semantic/target.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>
#include <type_traits>
#include <utility>

#if !defined(__clang__)
// gcc 12's own intrinsics begin with an undefined register, which it warns of
// where they are inlined (its bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

LLM_TARGET_BEGIN("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")

namespace llm::semantic {

namespace {

struct Simd {
    using V = __m512;
    static constexpr size_t kWidth = 16;
    static constexpr size_t kRows = 8;
    static constexpr size_t kVectors = 3;

    static V load(const float* p) { return _mm512_loadu_ps(p); }
    static void store(float* p, V v) { _mm512_storeu_ps(p, v); }
    static V set(float x) { return _mm512_set1_ps(x); }
    static V add(V a, V b) { return _mm512_add_ps(a, b); }
    static V sub(V a, V b) { return _mm512_sub_ps(a, b); }
    static V mul(V a, V b) { return _mm512_mul_ps(a, b); }
    static V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
    static V min(V a, V b) { return _mm512_min_ps(a, b); }
    static V max(V a, V b) { return _mm512_max_ps(a, b); }
    static V round(V a) {
        return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT);
    }
    static V power(V n) { return _mm512_scalef_ps(set(1), n); }
    static float sum(V a) { return _mm512_reduce_add_ps(a); }
    static float least(V a) { return _mm512_reduce_min_ps(a); }
    static float greatest(V a) { return _mm512_reduce_max_ps(a); }
    static void store_bytes(uint8_t* p, V v) {
        __m512i words = _mm512_cvtps_epi32(max(v, set(0)));
        __m128i bytes = _mm512_cvtusepi32_epi8(words);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(p), bytes);
    }
};

#include "src/semantic/vector_math.hpp"

constexpr size_t kVectors = kLane / 16;

// sum += the four products of each lane, as _mm512_dpbusd_epi32. With the
// intrinsic gcc 12 moves every sum through two more registers and the stack
// in each round, which takes twice the time.
LLM_INLINE inline void add_products(__m512i& sum, __m512i bytes,
                                    __m512i weights) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(bytes), "v"(weights));
}

template <size_t R>
using Sums = __m512i[R][kVectors];

template <size_t R>
LLM_INLINE inline void finish(const Sums<R>& sums, const ByteRows& rows,
                              size_t row, const Weights& w, size_t column,
                              float* out) {
    each<kVectors>([&](auto n) LLM_INLINE {
        size_t at = column + n * 16;
        __m512i sum = _mm512_loadu_si512(w.sum + at);
        __m512 scale = _mm512_loadu_ps(w.scale + at);
        __m512 bias = _mm512_loadu_ps(w.bias + at);
        each<R>([&](auto r) LLM_INLINE {
            __m512i zero = _mm512_set1_epi32(rows.zero[row + r]);
            __m512i exact =
                _mm512_sub_epi32(sums[r][n], _mm512_mullo_epi32(zero, sum));
            __m512 factor =
                _mm512_mul_ps(scale, _mm512_set1_ps(rows.scale[row + r]));
            _mm512_storeu_ps(
                out + (row + r) * w.outputs + at,
                _mm512_fmadd_ps(_mm512_cvtepi32_ps(exact), factor, bias));
        });
    });
}

// R rows times one panel. `ahead` is fetched on the way.
template <size_t R>
void byte_block(const ByteRows& rows, size_t row, const Weights& w,
                size_t column, const char* ahead, float* out) {
    const int8_t* at = w.bytes + column * w.inputs;
    size_t inputs = w.inputs;
    const uint8_t* from = rows.data + row * inputs;
    Sums<R> sums;
    each<R>([&](auto r) LLM_INLINE {
        each<kVectors>([&](auto n) LLM_INLINE {
            sums[r][n] = _mm512_setzero_si512();
        });
    });
    for (const uint8_t* end = from + inputs; from < end; from += 4) {
        __m512i b[kVectors];
        each<kVectors>([&](auto n) LLM_INLINE {
            b[n] = _mm512_loadu_si512(at + n * 64);
            _mm_prefetch(ahead + n * 64, _MM_HINT_T0);
        });
        each<R>([&](auto r) LLM_INLINE {
            int32_t four;
            std::memcpy(&four, from + r * inputs, sizeof(four));
            __m512i a = _mm512_set1_epi32(four);
            each<kVectors>([&](auto n) LLM_INLINE {
                add_products(sums[r][n], a, b[n]);
            });
        });
        at += 4 * kLane;
        ahead += 4 * kLane;
    }
    finish<R>(sums, rows, row, w, column, out);
}

using Block = void (*)(const ByteRows&, size_t, const Weights&, size_t,
                       const char*, float*);
constexpr Block kBlocks[] = {
    nullptr,       byte_block<1>, byte_block<2>, byte_block<3>,
    byte_block<4>, byte_block<5>, byte_block<6>, byte_block<7>,
    byte_block<8>};

void product_bytes(const ByteRows& rows, const Weights& w, float* out) {
    if (rows.rows == 0) {
        return;
    }
    size_t blocks = (rows.rows + 7) / 8;
    for (size_t column = 0; column < w.outputs; column += kLane) {
        // Blocks of nearly one size: a block of a single row would leave the
        // multipliers waiting for each other. The first one, which waits for
        // the panel, fetches the next.
        size_t row = 0;
        for (size_t i = 0; i < blocks; i++) {
            size_t size = (rows.rows - row) / (blocks - i);
            size_t next = column + (i == 0 ? kLane : 0);
            const int8_t* ahead =
                w.bytes + (next < w.outputs ? next : column) * w.inputs;
            kBlocks[size](rows, row, w, column,
                          reinterpret_cast<const char*>(ahead), out);
            row += size;
        }
    }
}

constexpr Kernels kAvx512 = {
    "avx512_vnni", product_bytes, product_floats, quantize,
    gelu,          add_norm,      attention};

}  // namespace

}  // namespace llm::semantic

LLM_TARGET_END

namespace llm::semantic {

const Kernels* avx512_kernels() {
    bool has = __builtin_cpu_supports("avx512f")
               && __builtin_cpu_supports("avx512bw")
               && __builtin_cpu_supports("avx512vl")
               && __builtin_cpu_supports("avx512dq")
               && __builtin_cpu_supports("avx512vnni")
               && __builtin_cpu_supports("fma");
    return has ? &kAvx512 : nullptr;
}

}  // namespace llm::semantic

#else

namespace llm::semantic {

const Kernels* avx512_kernels() {
    return nullptr;
}

}  // namespace llm::semantic

#endif
