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
        cue.cue = lists.find_cue(cue.folded);
        words_.push_back(std::move(cue));
    }
}

// Of the phrase of words [from, from + count), in any language.
uint16_t Cues::flags_of(size_t from, size_t count) const {
    const Cue* cue = words_[from].cue;
    if (count > 1) {
        std::string joined = words_[from].folded;
        for (size_t k = 1; k < count; k++) {
            joined += ' ';
            joined += words_[from + k].folded;
        }
        cue = lists_.find_cue(joined);
    }
    return cue == nullptr ? uint16_t{0} : cue->flags;
}

size_t Cues::phrase_at(size_t i, uint16_t flag) const {
    const Cue* head = i < words_.size() ? words_[i].cue : nullptr;
    if (head == nullptr || (head->first_of & flag) == 0) {
        return 0;
    }
    size_t count = std::min<size_t>(head->longest_from, words_.size() - i);
    while (count > 0 && (flags_of(i, count) & flag) == 0) {
        count--;
    }
    return count;
}

size_t Cues::phrase_before(size_t end, uint16_t flag) const {
    const Cue* tail = end > 0 ? words_[end - 1].cue : nullptr;
    if (tail == nullptr || (tail->last_of & flag) == 0) {
        return 0;
    }
    size_t count = std::min<size_t>(tail->longest_to, end);
    while (count > 0 && (flags_of(end - count, count) & flag) == 0) {
        count--;
    }
    return count;
}

}  // namespace llm::semantic
