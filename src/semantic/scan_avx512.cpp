#include "src/semantic/scan.hpp"
#include "src/semantic/target.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#if !defined(__clang__)
// gcc 12's own intrinsics begin with an undefined register, which it warns of
// where they are inlined (its bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

LLM_TARGET_BEGIN("avx512f,avx512bw,avx512vnni")

namespace llm::semantic {

namespace {

struct Simd {
    using V = __m512i;
    static constexpr size_t kLanes = 64;

    static V zero() { return _mm512_setzero_si512(); }
    static V load(const uint8_t* p) { return _mm512_loadu_si512(p); }
    static void store(uint8_t* p, V v) { _mm512_storeu_si512(p, v); }
    static V table(const Probe::Table& table) {
        return _mm512_broadcast_i32x4(
            _mm_load_si128(reinterpret_cast<const __m128i*>(table.data())));
    }
    static V add(V sums, V column, V lower, V upper) {
        V half = _mm512_set1_epi8(0x0f);
        V low = _mm512_and_si512(column, half);
        V high = _mm512_and_si512(_mm512_srli_epi16(column, 4), half);
        sums = _mm512_adds_epu8(sums, _mm512_shuffle_epi8(lower, low));
        return _mm512_adds_epu8(sums, _mm512_shuffle_epi8(upper, high));
    }
    static uint64_t within(V sums, uint8_t most) {
        return _mm512_cmple_epu8_mask(
            sums, _mm512_set1_epi8(static_cast<char>(most)));
    }
};

#include "src/semantic/scan_planes.hpp"

// vpdpbusd wants one side unsigned: a + 128, and 128 times the sum of b off
// again.
int32_t dot(const int8_t* a, const int8_t* b, size_t size) {
    __m512i shift = _mm512_set1_epi8(static_cast<char>(-128));
    __m512i ones = _mm512_set1_epi8(1);
    __m512i products = _mm512_setzero_si512();
    __m512i sums = _mm512_setzero_si512();
    for (size_t i = 0; i < size; i += 64) {
        __m512i x = _mm512_xor_si512(_mm512_loadu_si512(a + i), shift);
        __m512i y = _mm512_loadu_si512(b + i);
        products = _mm512_dpbusd_epi32(products, x, y);
        sums = _mm512_dpbusd_epi32(sums, ones, y);
    }
    return _mm512_reduce_add_epi32(
        _mm512_sub_epi32(products, _mm512_slli_epi32(sums, 7)));
}

constexpr ScanKernels kAvx512 = {"avx512", near, dot};

}  // namespace

}  // namespace llm::semantic

LLM_TARGET_END

namespace llm::semantic {

const ScanKernels* avx512_scan() {
    bool has = __builtin_cpu_supports("avx512bw")
               && __builtin_cpu_supports("avx512vnni");
    return has ? &kAvx512 : nullptr;
}

}  // namespace llm::semantic

#else

namespace llm::semantic {

const ScanKernels* avx512_scan() {
    return nullptr;
}

}  // namespace llm::semantic

#endif
