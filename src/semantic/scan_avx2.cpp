#include "src/semantic/scan.hpp"
#include "src/semantic/target.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

LLM_TARGET_BEGIN("avx2,popcnt")

namespace llm::semantic {

namespace {

uint32_t differing(const Sketch& a, const Sketch& b) {
    long long bits = 0;
    LLM_UNROLL
    for (size_t i = 0; i < kSketchBits / 64; i++) {
        bits += _mm_popcnt_u64(a.words[i] ^ b.words[i]);
    }
    return static_cast<uint32_t>(bits);
}

// popcnt on words: bit counts by tables in vector registers are no faster
// for so few bits.
size_t near(const Sketch* sketches, size_t count, const Sketch& query,
            uint32_t radius, uint16_t* out) {
    const Sketch q = query;
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        out[found] = static_cast<uint16_t>(i);
        found += differing(sketches[i], q) <= radius ? 1 : 0;
    }
    return found;
}

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
    bool has =
        __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");
    return has ? &kAvx2 : nullptr;
}

}  // namespace llm::semantic

#else

namespace llm::semantic {

const ScanKernels* avx2_scan() {
    return nullptr;
}

}  // namespace llm::semantic

#endif
