#include "src/semantic/splitter.hpp"

#include <utf8proc.h>

#include <algorithm>

namespace llm::semantic {

namespace {

constexpr uint32_t kCapitalDottedI = 0x130;
constexpr uint32_t kDotAbove = 0x307;

}  // namespace

void Splitter::push(Class kind, uint32_t code) {
    steps_[step_count_++] = {kind, code};
}

void Splitter::take(uint32_t code, const SplitRules& rules) {
    if (code < 0x80) {
        flush_marks(rules);
        bool space = is_space(code);
        if (rules.clean && (code < ' ' || code == 0x7f)
            && !(code == '\t' || code == '\n' || code == '\r')) {
            return;  // not even an end of the word
        }
        if (space) {
            push(Class::kSpace, ' ');
        } else if (is_punctuation(code)) {
            push(Class::kMark, code);
        } else {
            bool capital = rules.lower && code >= 'A' && code <= 'Z';
            push(Class::kLetter, capital ? code | 0x20 : code);
        }
        return;
    }
    if (rules.clean) {
        if (code == kReplacement || is_control(code)) {
            return;
        }
        code = is_space(code) ? ' ' : code;
    }
    bool alone = rules.cjk && is_cjk(code);
    if (alone) {
        flush_marks(rules);
        push(Class::kSpace, ' ');
    }
    decompose(code, rules);
    if (alone) {
        flush_marks(rules);
        push(Class::kSpace, ' ');
    }
}

// Marks wait until the next starter, since canonical order sorts them by
// their combining class. Those of category Mn go, whatever their order.
void Splitter::decompose(uint32_t code, const SplitRules& rules) {
    if (!rules.strip_accents) {
        finish(code, rules);
        return;
    }
    utf8proc_int32_t parts[kMaxSteps / 2];
    int boundary = 0;
    utf8proc_ssize_t count = utf8proc_decompose_char(
        static_cast<utf8proc_int32_t>(code), parts, kMaxSteps / 2,
        UTF8PROC_DECOMPOSE, &boundary);
    if (count < 0 || count > static_cast<utf8proc_ssize_t>(kMaxSteps / 2)) {
        parts[0] = static_cast<utf8proc_int32_t>(code);
        count = 1;
    }
    for (utf8proc_ssize_t i = 0; i < count; i++) {
        const utf8proc_property_t* property =
            utf8proc_get_property(parts[i]);
        auto part = static_cast<uint32_t>(parts[i]);
        bool drop = property->category == UTF8PROC_CATEGORY_MN;
        auto order = static_cast<uint64_t>(property->combining_class);
        if (order == 0) {
            flush_marks(rules);
            if (!drop) {
                finish(part, rules);
            }
        } else if (!drop) {
            if (mark_count_ == marks_.size()) {
                flush_marks(rules);  // too long a word in any order
            }
            marks_[mark_count_] = order << 53 | mark_count_ << 21 | part;
            mark_count_++;
        }
    }
}

void Splitter::flush_marks(const SplitRules& rules) {
    if (mark_count_ == 0) {
        return;
    }
    std::sort(marks_.begin(),
              marks_.begin() + static_cast<ptrdiff_t>(mark_count_));
    for (size_t i = 0; i < mark_count_; i++) {
        finish(static_cast<uint32_t>(marks_[i] & 0x1fffff), rules);
    }
    mark_count_ = 0;
}

void Splitter::finish(uint32_t code, const SplitRules& rules) {
    if (is_space(code)) {
        push(Class::kSpace, ' ');
        return;
    }
    if (is_punctuation(code)) {
        push(Class::kMark, code);
        return;
    }
    if (rules.lower && code == kCapitalDottedI) {
        push(Class::kLetter, 'i');
        push(Class::kLetter, kDotAbove);
        return;
    }
    if (rules.lower) {
        code = static_cast<uint32_t>(
            utf8proc_tolower(static_cast<utf8proc_int32_t>(code)));
    }
    push(Class::kLetter, code);
}

}  // namespace llm::semantic
