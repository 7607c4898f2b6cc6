#include "src/semantic/scan.hpp"
#include "src/semantic/target.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include <bit>

#if !defined(__clang__)
// gcc 12's own intrinsics begin with an undefined register, which it warns of
// where they are inlined (its bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

LLM_TARGET_BEGIN(
    "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vpopcntdq,popcnt")

namespace llm::semantic {

namespace {

constexpr size_t kGroup = 8;  // sketches: four registers of two each
// The sketches of a group lie in their sums as 0 2 1 3 4 6 5 7.
constexpr uint8_t kSwap = 0x66;
constexpr size_t kAhead = 64;  // sketches, 2 KB

LLM_INLINE inline __m512i differing(const Sketch* pair, __m512i query) {
    return _mm512_popcnt_epi64(
        _mm512_xor_si512(_mm512_loadu_si512(pair), query));
}

// The differing signs of eight sketches, as eight 64-bit numbers.
LLM_INLINE inline __m512i distances(const Sketch* group, __m512i query) {
    __m512i a = differing(group, query);
    __m512i b = differing(group + 2, query);
    __m512i c = differing(group + 4, query);
    __m512i d = differing(group + 6, query);
    // In each 128 bits: half of one sketch of the first, of the second.
    __m512i ab = _mm512_add_epi64(_mm512_unpacklo_epi64(a, b),
                                  _mm512_unpackhi_epi64(a, b));
    __m512i cd = _mm512_add_epi64(_mm512_unpacklo_epi64(c, d),
                                  _mm512_unpackhi_epi64(c, d));
    return _mm512_add_epi64(_mm512_shuffle_i64x2(ab, cd, 0x88),
                            _mm512_shuffle_i64x2(ab, cd, 0xdd));
}

// Bits 1 and 2, 5 and 6 change places.
uint32_t in_order(uint32_t mask) {
    uint32_t moved = (mask & 0x22) << 1 | (mask & 0x44) >> 1;
    return (mask & ~uint32_t{kSwap}) | moved;
}

size_t near(const Sketch* sketches, size_t count, const Sketch& query,
            uint32_t radius, uint16_t* out) {
    __m512i q = _mm512_broadcast_i64x4(_mm256_loadu_si256(
        reinterpret_cast<const __m256i*>(query.words.data())));
    __m512i most = _mm512_set1_epi64(radius);
    size_t found = 0;
    size_t i = 0;
    for (; i + kGroup <= count; i += kGroup) {
        for (size_t line = 0; line < kGroup; line += 2) {
            _mm_prefetch(
                reinterpret_cast<const char*>(sketches + i + kAhead + line),
                _MM_HINT_T0);
        }
        uint32_t mask = _mm512_cmple_epu64_mask(distances(sketches + i, q),
                                                most);
        for (mask = in_order(mask); mask != 0; mask &= mask - 1) {
            auto bit = static_cast<size_t>(std::countr_zero(mask));
            out[found++] = static_cast<uint16_t>(i + bit);
        }
    }
    for (; i < count; i++) {
        out[found] = static_cast<uint16_t>(i);
        found += distance(sketches[i], query) <= radius ? 1 : 0;
    }
    return found;
}

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
               && __builtin_cpu_supports("avx512vl")
               && __builtin_cpu_supports("avx512dq")
               && __builtin_cpu_supports("avx512vnni")
               && __builtin_cpu_supports("avx512vpopcntdq");
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
