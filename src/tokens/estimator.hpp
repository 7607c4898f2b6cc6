// Estimator: bytes -> tokens, a model at a time, learned on line from the
// usage that providers report. For reservations before dispatch, and for
// answers whose usage never came. Beside it how long models take for a token
// of output, for answers of which nobody has seen anything.
//
//   tokens = a * ascii_bytes + b * other_bytes + c * messages
//
// with a, b, c for each model, apart for prompts and for completions (whose
// c is not used). They start at 1/4, 1/2 and 4, and stay within 1/16 to 2
// tokens a byte and 0 to 32 a message. Each report moves them along its own
// direction (normalised least mean squares) by a share of its error that
// falls from 1/4 to 1/64; an error counts for at most half of the estimate,
// so one odd report moves an estimate by an eighth at first and later by
// less than one percent.
//
// The pace of a model is the time of whole answers over their tokens, both
// summed up and halved beyond 2^16 tokens. It begins as 256 tokens of 10 ms;
// an answer counts for 0.1 to 100 ms a token.
//
// Shared memory: Header, then kSets sets of kWays entries, 40 bytes each:
//     key | prompt | completion | pace | used
// `key` is the model's hash, 0 is free; a model lives in the set that its
// hash chooses, the least recently learned of the set makes room. `prompt`
// and `completion` pack three weights (17 bits, 14 of them the fraction) and
// a count (13 bits) into one word, `pace` the sum of time (32 bits, of 2^16
// ns) and of tokens (32 bits); 0 is "nothing learned". Words are read and
// written atomically one by one: an update may be lost, and for an instant a
// new model may see its predecessor's weights, but none is ever torn or out
// of range. No locks; a killed worker leaves nothing behind.
//
// Everything is O(1) and in integers. Sizes above 2^40 count as 2^40.
// Ownership: the region belongs to the caller; copies are the same estimator.
// attach(fresh) is for one process, all else for any thread or process.
#pragma once

#include <atomic>
#include <cstddef>
#include <optional>

#include "src/base/result.hpp"
#include "src/base/text_size.hpp"

namespace llm::tokens {

// The key of a model's ratios; two models with one hash share them.
uint64_t model_hash(Bytes model);

class Estimator {
public:
    static constexpr uint32_t kVersion = 2;
    static constexpr size_t kSets = 64;
    static constexpr size_t kWays = 8;
    static constexpr size_t kSize = 64 + kSets * kWays * 40;

    static uint64_t layout_hash();

    // `memory` aligned to 8 bytes, kSize or more of it. kInvalid; kCorrupt
    // when it is not fresh and holds no estimator of this layout.
    static Result<Estimator> attach(void* memory, size_t size, bool fresh);

    // Learns nothing, answers with the defaults.
    Estimator() = default;

    // 0 for no text and no messages, else at least 1.
    uint64_t prompt(uint64_t model, TextSize text, uint64_t messages) const;
    uint64_t completion(uint64_t model, TextSize text) const;

    // Output that is made in that time, all choices together. 0 for none.
    uint64_t made_in(uint64_t model, int64_t elapsed_ns) const;

    // True usage. Leave out what the text does not account for: requests
    // with images or audio, reasoning tokens that were not shown. Returns how
    // far off the estimate had been, in thousandths of `tokens`; nothing when
    // there was nothing to learn from (no tokens, no text).
    std::optional<int64_t> learn_prompt(uint64_t model, TextSize text,
                                        uint64_t messages, uint64_t tokens);
    std::optional<int64_t> learn_completion(uint64_t model, TextSize text,
                                            uint64_t tokens);
    // What a whole answer took, from the question to its end.
    void learn_pace(uint64_t model, int64_t elapsed_ns, uint64_t tokens);

    // Models known by now.
    size_t models() const;

private:
    struct Header;
    struct Entry;
    struct Input;
    struct Weights;
    struct Pace;
    using Word = uint64_t Entry::*;

    Header& header() const;
    Entry* set_of(uint64_t model) const;
    Entry* find(uint64_t model) const;
    Entry& find_or_replace(uint64_t model);
    Entry& learned(uint64_t model);
    uint64_t load(uint64_t model, Word word) const;
    uint64_t estimate(uint64_t model, Word word, const Input& input) const;
    std::optional<int64_t> learn(uint64_t model, Word word,
                                 const Input& input, uint64_t tokens);

    char* memory_ = nullptr;
};

}  // namespace llm::tokens
