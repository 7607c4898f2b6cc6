#include "src/exchange/counting.hpp"

#include "src/limit/glob.hpp"

namespace llm::exchange {

const tokens::Counter* Counting::find(Bytes model) const {
    for (const CountRule& rule : rules_) {
        for (Bytes glob : rule.models) {
            if (limit::glob_match(glob, model)) {
                return &rule.counter;
            }
        }
    }
    return nullptr;
}

tokens::TextCount Counting::prompt(const tokens::Counter& counter,
                                     api::Endpoint endpoint,
                                     const json::Document& doc) {
    tokens::Budget budget;
    return tokens::count_prompt(counter, endpoint, doc, scratch_, budget);
}

tokens::TextCount Counting::answer(const tokens::Counter& counter,
                                     const api::Answer& answer) {
    tokens::Budget budget;
    tokens::TextCount count;
    auto add = [&](Bytes text) {
        tokens::Counted got = counter.count(text, scratch_.merger, budget);
        count.tokens += got.tokens;
        count.rest += TextSize::of(text.substr(got.bytes));
    };
    for (const api::Choice& choice : answer.choices) {
        for (const api::Block& block : choice.blocks) {
            add(block.text);
            add(block.name);
        }
    }
    return count;
}

}  // namespace llm::exchange
