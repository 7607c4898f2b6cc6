#include "src/tokens/text_size.hpp"

#include <algorithm>
#include <cstring>

namespace llm::tokens {

TextSize TextSize::of(Bytes text) {
    constexpr uint64_t kOnes = 0x0101010101010101;
    constexpr size_t kWords = 255;  // more would overflow a lane's 8 bits
    uint64_t non_ascii = 0;
    const char* p = text.data();
    size_t left = text.size();
    while (left >= 8) {
        size_t words = std::min(left / 8, kWords);
        uint64_t lanes = 0;
        for (size_t i = 0; i < words; ++i, p += 8) {
            uint64_t word;
            std::memcpy(&word, p, 8);
            lanes += (word >> 7) & kOnes;
        }
        left -= words * 8;
        // Widened to 16-bit lanes first: their sum may pass 8 bits.
        lanes = (lanes & 0x00ff00ff00ff00ff)
                + ((lanes >> 8) & 0x00ff00ff00ff00ff);
        non_ascii += (lanes * 0x0001000100010001) >> 48;
    }
    for (; left > 0; --left, ++p) {
        non_ascii += static_cast<unsigned char>(*p) >> 7;
    }
    return {text.size() - non_ascii, non_ascii};
}

}  // namespace llm::tokens
