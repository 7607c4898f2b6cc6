#include "src/semantic/scan.hpp"
#include "src/semantic/target.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

LLM_TARGET_BEGIN("avx2")

namespace llm::semantic {

namespace {

struct Simd {
    using V = __m256i;
    static constexpr size_t kLanes = 32;

    static V zero() { return _mm256_setzero_si256(); }
    static V load(const uint8_t* p) {
        return _mm256_loadu_si256(reinterpret_cast<const V*>(p));
    }
    static void store(uint8_t* p, V v) {
        _mm256_storeu_si256(reinterpret_cast<V*>(p), v);
    }
    static V table(const Probe::Table& table) {
        return _mm256_broadcastsi128_si256(
            _mm_load_si128(reinterpret_cast<const __m128i*>(table.data())));
    }
    static V add(V sums, V column, V lower, V upper) {
        V half = _mm256_set1_epi8(0x0f);
        V low = _mm256_and_si256(column, half);
        V high = _mm256_and_si256(_mm256_srli_epi16(column, 4), half);
        sums = _mm256_adds_epu8(sums, _mm256_shuffle_epi8(lower, low));
        return _mm256_adds_epu8(sums, _mm256_shuffle_epi8(upper, high));
    }
    static uint64_t within(V sums, uint8_t most) {
        V limit = _mm256_set1_epi8(static_cast<char>(most));
        V is = _mm256_cmpeq_epi8(_mm256_min_epu8(sums, limit), sums);
        return static_cast<uint32_t>(_mm256_movemask_epi8(is));
    }
};

#include "src/semantic/scan_planes.hpp"

// 16 bytes widened: vpmaddubsw would saturate.
__m256i widened(const int8_t* from) {
    return _mm256_cvtepi8_epi16(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}

int32_t dot(const int8_t* a, const int8_t* b, size_t size) {
    __m256i sums[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    for (size_t i = 0; i < size; i += 32) {
        LLM_UNROLL
        for (size_t n = 0; n < 2; n++) {
            __m256i product =
                _mm256_madd_epi16(widened(a + i + 16 * n),
                                  widened(b + i + 16 * n));
            sums[n] = _mm256_add_epi32(sums[n], product);
        }
    }
    __m256i sum = _mm256_add_epi32(sums[0], sums[1]);
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sum),
                                 _mm256_extracti128_si256(sum, 1));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
    return _mm_cvtsi128_si32(four);
}

constexpr ScanKernels kAvx2 = {"avx2", near, dot};

}  // namespace

}  // namespace llm::semantic

LLM_TARGET_END

namespace llm::semantic {

const ScanKernels* avx2_scan() {
    return __builtin_cpu_supports("avx2") ? &kAvx2 : nullptr;
}

}  // namespace llm::semantic

#else

namespace llm::semantic {

const ScanKernels* avx2_scan() {
    return nullptr;
}

}  // namespace llm::semantic

#endif
