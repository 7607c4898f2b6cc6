// Splitter: text into words as BERT's normalizer and pre-tokenizer do:
// cleaned, spaces around ideographs, accents stripped (NFD without category
// Mn), lower case, split at white space and around each punctuation mark.
//
// One pass, nothing kept but the word at hand, so the time is linear in the
// text and the memory fixed. A sink gets each word: bool word(const Word&);
// false ends the work.
//
// Threads: belongs to one. Bytes that are not UTF-8 count as U+FFFD.
// Source: huggingface/tokenizers, normalizers/bert.rs, pre_tokenizers/bert.rs.
#pragma once

#include <array>
#include <utility>

#include "src/semantic/word.hpp"

namespace llm::semantic {

struct SplitRules {
    bool clean = true;          // drop controls, all white space is a space
    bool cjk = true;            // ideographs stand alone
    bool strip_accents = true;  // NFD without marks
    bool lower = true;

    bool operator==(const SplitRules&) const = default;
};

class Splitter {
public:
    template <typename Sink>
    void split(Bytes text, const SplitRules& rules, Sink&& sink);

private:
    // A code point of category P, a space, or part of a word.
    enum class Class : uint8_t { kLetter, kSpace, kMark };

    struct Step {
        Class kind;
        uint32_t code;
    };

    static constexpr size_t kMaxSteps = 32;

    // What one code point becomes, in steps_[0, step_count_).
    void take(uint32_t code, const SplitRules& rules);
    void decompose(uint32_t code, const SplitRules& rules);
    void finish(uint32_t code, const SplitRules& rules);
    void flush_marks(const SplitRules& rules);
    void push(Class kind, uint32_t code);

    Word word_;
    std::array<Step, Word::kMaxChars + kMaxSteps> steps_;
    size_t step_count_ = 0;
    // Combining marks not yet in canonical order: class, place, code point.
    std::array<uint64_t, Word::kMaxChars> marks_;
    size_t mark_count_ = 0;
};

template <typename Sink>
void Splitter::split(Bytes text, const SplitRules& rules, Sink&& sink) {
    word_.clear();
    mark_count_ = 0;
    const char* p = text.data();
    const char* end = p + text.size();
    auto flush = [&]() {
        bool more = word_.empty() || sink(std::as_const(word_));
        word_.clear();
        return more;
    };
    for (;;) {
        step_count_ = 0;
        bool last = p == end;
        if (last) {
            flush_marks(rules);
        } else {
            take(next_code_point(p, end), rules);
        }
        for (size_t i = 0; i < step_count_; i++) {
            const Step& step = steps_[i];
            if (step.kind == Class::kLetter) {
                word_.add(step.code);
                continue;
            }
            if (!flush()) {
                return;
            }
            if (step.kind == Class::kMark) {
                word_.add(step.code);
                if (!flush()) {
                    return;
                }
            }
        }
        if (last) {
            flush();
            return;
        }
    }
}

}  // namespace llm::semantic
