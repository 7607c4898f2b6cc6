// Location: where an address is, as far as a country base knows.
//
// Codes are two capital ASCII letters, never anything else, so that they are
// fit for a map, a label and a log line; empty where the base says nothing.
//
// Threads: a plain value.
#pragma once

#include "src/base/bytes.hpp"

namespace llm::geo {

class Code {
public:
    Code() = default;
    // Empty when `text` is not two capital letters.
    explicit Code(Bytes text) {
        if (text.size() == sizeof(letters_) && is_capital(text[0])
            && is_capital(text[1])) {
            letters_[0] = text[0];
            letters_[1] = text[1];
        }
    }

    bool empty() const { return letters_[0] == '\0'; }
    // Lives as long as this Code.
    Bytes view() const {
        return {letters_, empty() ? 0 : sizeof(letters_)};
    }

private:
    static bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }

    char letters_[2] = {};
};

struct Location {
    Code country;    // ISO 3166-1 alpha-2
    Code continent;  // AF AN AS EU NA OC SA
};

}  // namespace llm::geo
