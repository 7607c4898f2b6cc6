#include "src/semantic/lexical_encoder.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "src/base/hash.hpp"

namespace llm::semantic {

namespace {

constexpr uint64_t kWordSeed = 1;
constexpr uint64_t kPairSeed = 2;
constexpr uint64_t kTrigramSeed = 3;

constexpr float kWordWeight = 1.0f;
constexpr float kPairWeight = 0.5f;
constexpr float kTrigramWeight = 0.7f;  // of all trigrams of a word
// Function words say little about the question, but not nothing.
constexpr float kLightWord = 0.25f;

constexpr Bytes kLightWords[] = {
    "a",   "an",   "and",  "are",  "as",   "at",   "be",   "by",  "can",
    "did", "do",   "does", "for",  "from", "i",    "in",   "is",  "it",
    "me",  "my",   "of",   "on",   "or",   "our",  "s",    "so",  "that",
    "the", "this", "to",   "was",  "we",   "were", "will", "with", "you",
    "your"};

bool light(Bytes word) {
    return std::binary_search(std::begin(kLightWords), std::end(kLightWords),
                              word);
}

void add(uint64_t hash, float weight, std::span<float> out) {
    out[hash % LexicalEncoder::kDims] += hash >> 63 != 0 ? weight : -weight;
}

// Trigrams of code points, the word's two ends marked by a space.
void add_trigrams(const Word& word, float weight, std::span<float> out) {
    size_t chars = std::min(word.chars(), Word::kMaxChars);
    char text[Word::kMaxChars * 4 + 2];
    uint16_t begins[Word::kMaxChars + 3];
    Bytes inside = word.text();
    text[0] = ' ';
    std::memcpy(text + 1, inside.data(), inside.size());
    text[inside.size() + 1] = ' ';
    begins[0] = 0;
    begins[1] = 1;
    for (size_t i = 0; i < chars; i++) {
        begins[i + 2] = static_cast<uint16_t>(word.ends()[i] + 1);
    }
    begins[chars + 2] = static_cast<uint16_t>(inside.size() + 2);
    float each = weight / std::sqrt(static_cast<float>(chars));
    for (size_t i = 0; i < chars; i++) {
        Bytes gram(text + begins[i],
                   static_cast<size_t>(begins[i + 3] - begins[i]));
        add(hash64(gram, kTrigramSeed), each, out);
    }
}

bool punctuation(const Word& word) {
    const char* p = word.text().data();
    return word.chars() == 1
           && is_punctuation(next_code_point(p, p + word.text().size()));
}

}  // namespace

LexicalEncoder::LexicalEncoder()
    : id_(sha256("lexical 1: words, pairs, trigrams; 256")) {}

Result<void> LexicalEncoder::encode(Bytes text, Workspace& space,
                                    std::span<float> out) const {
    std::fill(out.begin(), out.end(), 0.0f);
    uint64_t before = 0;
    size_t words = 0;
    space.tokens.splitter.split(text, SplitRules{}, [&](const Word& word) {
        if (punctuation(word)) {
            return true;
        }
        float weight = light(word.text()) ? kLightWord : 1;
        uint64_t hash = hash64(word.text(), kWordSeed);
        add(hash, kWordWeight * weight, out);
        add_trigrams(word, kTrigramWeight * weight, out);
        if (words > 0) {
            add(mix64(hash ^ kPairSeed, before), kPairWeight * weight, out);
        }
        before = hash;
        return ++words < kMaxWords;
    });
    if (words == 0) {
        return Error{Errc::kInvalid, "no tokens"};
    }
    for (float& x : out) {
        x = std::copysign(std::sqrt(std::fabs(x)), x);
    }
    if (!normalize(out)) {
        return Error{Errc::kInvalid, "zero vector"};
    }
    return {};
}

}  // namespace llm::semantic
