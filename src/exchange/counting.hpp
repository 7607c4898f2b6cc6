// Counting: which models' tokens are counted instead of estimated, and with
// what; llm_tokens.
//
// Ownership: rules belong to the configuration and are constant, `scratch` to
// the worker. One thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "src/api/answer.hpp"
#include "src/tokens/prompt.hpp"

namespace llm::exchange {

struct CountRule {
    std::vector<std::string> models;  // globs
    tokens::Counter counter;
};

class Counting {
public:
    // They must outlive this; the first that has the model counts.
    void use(std::span<const CountRule> rules) { rules_ = rules; }

    // nullptr: this model's tokens are estimated.
    const tokens::Counter* find(Bytes model) const;

    tokens::TextCount prompt(const tokens::Counter& counter,
                               api::Endpoint endpoint,
                               const json::Document& doc);
    // What was generated, all choices together.
    tokens::TextCount answer(const tokens::Counter& counter,
                               const api::Answer& answer);

private:
    std::span<const CountRule> rules_;
    tokens::CountScratch scratch_;
};

}  // namespace llm::exchange
