// Word lists and texts of any bytes: a list is read or refused, never
// anything else; a text has a score within its bounds, the same each time.
#include <cstdint>

#include "src/route/complexity_builder.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using namespace llm;
using namespace llm::route;
using fuzz::check;

void score(const Complexity& complexity, Bytes text) {
    static Complexity::Scratch scratch;
    Circumstances around;
    Assessment first = complexity.assess(text, around, scratch);
    check(first.score >= 0 && first.score <= kFull, "scores are bounded");
    for (int value : first.values) {
        check(value >= 0 && value <= kFull, "values are bounded");
    }
    Assessment again = complexity.assess(text, around, scratch);
    check(again.score == first.score && again.task == first.task,
          "the same text, the same score");
}

const Complexity& built_in() {
    static const std::shared_ptr<const Complexity> made = [] {
        ComplexityBuilder builder;
        builder.add_critical(Critical::kMoney);
        return builder.build().value();
    }();
    return *made;
}

bool any(Bytes) {
    return true;
}

// The bytes as a list of their own, matched against themselves.
void as_list(Bytes text) {
    auto entries = WordList::parse("f", text, any);
    if (!entries) {
        return;
    }
    std::vector<WordTrie::Term> terms;
    for (const WordListEntry& entry : entries.value()) {
        check(!entry.term.empty(), "terms are not empty");
        terms.push_back({entry.term, static_cast<uint32_t>(terms.size())});
    }
    size_t count = terms.size();
    WordTrie trie = WordTrie::build(std::move(terms));
    FoldedText folded;
    fold(text, folded);
    trie.match(folded.text, [&](uint32_t id, uint32_t word) {
        check(id < count && word < folded.words, "hits are in bounds");
    });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Bytes text(reinterpret_cast<const char*>(data), size);
    score(built_in(), text);
    as_list(text);
    auto term = WordList::fold_term(text);
    if (term) {
        FoldedText folded;
        fold(text, folded);
        check(folded.words > 0, "a term has words");
    }
    auto number = parse_thousandths(text);
    check(!number || (*number >= 0 && *number <= kFull), "thousandths");
    critical_near(text);
    return 0;
}
