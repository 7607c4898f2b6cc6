// Cues: where a text greets, asks, orders or wants something fresh, by the
// cue lists of every language; words in a row, longest phrase first. The
// common ground of gate() and normalised_key_text().
//
// Bounded: only the first and last kMaxWords words are looked at.
// Threads: a plain value.
#pragma once

#include <string>
#include <vector>

#include "src/semantic/lists.hpp"

namespace llm::semantic {

struct CueWord {
    size_t begin = 0;    // in the text
    size_t end = 0;
    bool first = false;  // of a sentence
    bool digits = false;
    bool upper = false;  // begins with an upper-case letter
    std::string folded;
    const Cue* cue = nullptr;  // of the word alone
};

class Cues {
public:
    static constexpr size_t kMaxWords = 512;

    Cues(Bytes text, const Lists& lists);

    const std::vector<CueWord>& words() const { return words_; }

    // How many words from word i on are a phrase with this flag, in any
    // language; 0: none.
    size_t phrase_at(size_t i, uint16_t flag) const;
    // The same for words before word `end`.
    size_t phrase_before(size_t end, uint16_t flag) const;

private:
    uint16_t flags_of(size_t from, size_t count) const;

    const Lists& lists_;
    std::vector<CueWord> words_;
};

}  // namespace llm::semantic
