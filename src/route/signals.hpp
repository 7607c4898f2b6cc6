// Signals: what makes a request hard, each a value from 0 to 1000
// (thousandths), and how the five that read the text's form are computed.
//
// Every signal is multiplied by its weight and added to the score, so a
// signal at its full value adds exactly its weight. Values:
//
//   length      words of the last user turn: 100 make it full. An ideograph
//               is a word; a text beyond 32 KB is long whatever its words.
//   reasoning   terms (steps, analysis, comparison, "why"), and by form: 150
//               for each item of a list from the second on, up to 600; 150
//               for each question mark after the first, up to 450; 80 for
//               each comma, semicolon, colon or end of a sentence inside the
//               text after the first, up to 400.
//   code        terms (languages, "function", "stack trace"), and by form:
//               600 for a fence (```), 60 for each mark of code (a line that
//               ends in ; { or }, the pairs == != => -> :: && || () </ , an
//               identifier with _ or a capital inside), from the third on, up
//               to 1000.
//   domain      terms of law, medicine, finance, science, engineering, …
//   ambiguity   terms of open or vague wishes ("what should I do", "improve")
//   depth       terms of work that takes an expert ("prove", "root cause",
//               "threat model", "trade-offs")
//   task        by the kind of work ($llm_task): translation and
//               classification 500, extraction and summarization full, code
//               500, all others as much as the signal reasoning has
//   turns       100 for each message after the first two, full at twelve
//   tools       500 for tools, full when their definitions pass 8 KB
//   structured  full when the answer must follow a schema or be JSON
//   images      full when an image, a sound or a file comes along
//   context     bytes of text beside the last user turn: nothing up to 2 KB,
//               full at 128 KB, in equal steps for each doubling
//
// A signal of terms is the sum of the strengths of the distinct terms found,
// at most 1000. Strengths stand in the word lists; a term given by the
// operator has 1000, which makes its signal full. A new signal has its
// operator's terms alone.
//
// Threads: no state.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "src/base/bytes.hpp"
#include "src/route/task.hpp"

namespace llm::route {

enum class Signal : uint8_t {
    kLength,
    kReasoning,
    kCode,
    kDomain,
    kAmbiguity,
    kDepth,
    kTask,
    kTurns,
    kTools,
    kStructured,
    kImages,
    kContext,
};

constexpr size_t kSignals = 12;    // built in; the operator's come after
constexpr size_t kMaxSignals = 32;
constexpr int kFull = 1000;

using SignalValues = std::array<int, kMaxSignals>;

Bytes name_of(Signal signal);
std::optional<Signal> signal_of(Bytes name);
int default_weight(Signal signal);  // thousandths

// What stands around the last user turn.
struct Circumstances {
    uint32_t messages = 1;
    bool tools = false;
    uint64_t tools_bytes = 0;
    bool structured = false;
    bool media = false;
    uint64_t context_bytes = 0;  // of text beside the last user turn
};

// The outward form of a text, in one pass over its bytes.
struct TextShape {
    uint32_t questions = 0;
    uint32_t list_items = 0;
    uint32_t fences = 0;
    uint32_t code_marks = 0;
    uint32_t clauses = 0;

    void add(Bytes text);

private:
    void add_line_start(Bytes text, size_t at);
    // Returns how many bytes behind it are spoken for.
    size_t add_sign(Bytes text, size_t at);
};

// Adds to `values` what form and circumstances say. `words` of the text.
void add_shape(const TextShape& shape, uint64_t words, SignalValues& values);
// After the terms are heard.
void add_task(Task task, SignalValues& values);
void add_circumstances(const Circumstances& around, SignalValues& values);

}  // namespace llm::route
