#include "src/semantic/cues.hpp"

#include <algorithm>

#include "src/semantic/fold.hpp"
#include "src/semantic/text_scan.hpp"

namespace llm::semantic {

Cues::Cues(Bytes text, const Lists& lists) : lists_(lists) {
    Scanner scanner(text);
    Scanned word;
    while (scanner.next(word)) {
        if (words_.size() == kMaxWords) {
            // the end of a long text counts too: keep the later half
            words_.erase(words_.begin() + kMaxWords / 4,
                         words_.begin() + kMaxWords / 2);
        }
        CueWord cue;
        cue.begin = static_cast<size_t>(word.raw.data() - text.data());
        cue.end = cue.begin + word.raw.size();
        cue.first = word.first;
        cue.digits = word.digits;
        cue.upper = word.upper;
        fold_to(word.raw, cue.folded);
        words_.push_back(std::move(cue));
    }
}

bool Cues::is_phrase(size_t from, size_t count, uint16_t flag) const {
    std::string joined = words_[from].folded;
    for (size_t k = 1; k < count; k++) {
        joined += ' ';
        joined += words_[from + k].folded;
    }
    for (size_t i = 0; i < kLanguages; i++) {
        if ((lists_.find_cue(static_cast<Language>(i), joined) & flag) != 0) {
            return true;
        }
    }
    return false;
}

size_t Cues::phrase_at(size_t i, uint16_t flag) const {
    for (size_t count = std::min(kMaxPhrase, words_.size() - i); count > 0;
         count--) {
        if (is_phrase(i, count, flag)) {
            return count;
        }
    }
    return 0;
}

size_t Cues::phrase_before(size_t end, uint16_t flag) const {
    for (size_t count = std::min(kMaxPhrase, end); count > 0; count--) {
        if (is_phrase(end - count, count, flag)) {
            return count;
        }
    }
    return 0;
}

}  // namespace llm::semantic
