// The tokens of a whole prompt, counted: what the client wrote and what the
// chat format puts round it.
//
//   chat, messages, responses  3 tokens a message, its role, its text, 1 for
//                 a name, and 3 that open the answer; `system` and
//                 `instructions` are messages, an input that is one string
//                 is one too
//   completions, embeddings    the text alone
//
// Left over, for an estimate: tools and calls of tools, parts of a kind that
// we do not know, and what the budget did not reach. Images, audio and files
// are in neither, nor are token numbers (Request::input_tokens).
//
// Source of the figures: OpenAI's cookbook, "How to count tokens with
// tiktoken". Recorded usage of gpt-5 has two tokens to open the answer, and
// two more for each message of an assistant.
//
// Ownership: nothing is kept but the memory of `scratch`. One thread.
#pragma once

#include <string>

#include "src/api/request.hpp"
#include "src/tokens/counter.hpp"

namespace llm::tokens {

struct CountScratch {
    Merger merger;
    std::string text;
};

struct TextCount {
    uint64_t tokens = 0;
    TextSize rest;
};

// A document that parse_request() took for a request to this endpoint.
TextCount count_prompt(const Counter& counter, api::Endpoint endpoint,
                         const json::Document& doc, CountScratch& scratch,
                         Budget& budget);

}  // namespace llm::tokens
