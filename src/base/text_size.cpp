#include "src/base/text_size.hpp"

#include <algorithm>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace llm {
namespace {

#if defined(__SSE2__)
constexpr size_t kStep = 16;
using Lanes = __m128i;

// Adds 1 to each lane whose byte is 0x80 or above.
void count_step(const char* p, Lanes& lanes) {
    Lanes bytes = _mm_loadu_si128(reinterpret_cast<const Lanes*>(p));
    Lanes high = _mm_cmplt_epi8(bytes, _mm_setzero_si128());
    lanes = _mm_sub_epi8(lanes, high);
}

uint64_t sum(Lanes lanes) {
    Lanes halves = _mm_sad_epu8(lanes, _mm_setzero_si128());
    Lanes upper = _mm_unpackhi_epi64(halves, halves);
    return static_cast<uint64_t>(_mm_cvtsi128_si32(halves))
           + static_cast<uint64_t>(_mm_cvtsi128_si32(upper));
}

Lanes no_lanes() { return _mm_setzero_si128(); }
#else
constexpr size_t kStep = 8;
using Lanes = uint64_t;

void count_step(const char* p, Lanes& lanes) {
    uint64_t word;
    std::memcpy(&word, p, sizeof(word));
    lanes += word >> 7 & 0x0101010101010101;
}

// Widened to 16-bit lanes first: their sum may pass 8 bits.
uint64_t sum(Lanes lanes) {
    lanes = (lanes & 0x00ff00ff00ff00ff) + (lanes >> 8 & 0x00ff00ff00ff00ff);
    return lanes * 0x0001000100010001 >> 48;
}

Lanes no_lanes() { return 0; }
#endif

constexpr size_t kMaxSteps = 255;  // more would overflow a lane's 8 bits

}  // namespace

TextSize TextSize::of(Bytes text) {
    uint64_t other = 0;
    const char* p = text.data();
    size_t left = text.size();
    while (left >= kStep) {
        size_t steps = std::min(left / kStep, kMaxSteps);
        Lanes lanes = no_lanes();
        for (size_t i = 0; i < steps; i++, p += kStep) {
            count_step(p, lanes);
        }
        left -= steps * kStep;
        other += sum(lanes);
    }
    for (; left > 0; left--, p++) {
        other += static_cast<unsigned char>(*p) >> 7;
    }
    return {text.size() - other, other};
}

}  // namespace llm
