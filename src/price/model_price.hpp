// ModelPrice: what a token of one model costs, and the cost of an answer.
//
// Unit of a rate: pico-dollars (1e-12 USD) a token; a dollar for a million
// tokens is 1,000,000. Unit of a cost: nano-dollars (1e-9 USD). Products and
// sums are 128 bits wide; a cost is rounded up to the nano-dollar once, at
// the end, and saturates at INT64_MAX.
//
// Tiers: above a number of prompt tokens (cached ones included) the whole
// request is charged by that tier, as the providers do it ("prompts > 200k").
//
// Which rate a token takes when the table does not name one: cache reads and
// writes, audio and images that of input, 1 h writes that of other writes,
// reasoning, audio and images that of output; but where the base, or for a
// service the usual prices, have another rate for them than for plain tokens,
// that one.
//
// A plain value; const use from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "src/api/usage.hpp"

namespace llm::price {

enum Rate : uint8_t {
    kInput,
    kOutput,
    kCacheRead,
    kCacheWrite,
    kCacheWrite1h,  // OpenAI's of 12 h, too: no model has both
    kReasoning,
    kAudioInput,
    kAudioOutput,
    kImageInput,
    kImageOutput,
    kRates,
};

struct Tier {
    static constexpr int64_t kUnset = -1;

    Tier() { rates.fill(kUnset); }

    int64_t above = 0;  // prompt tokens; the base tier has 0
    std::array<int64_t, kRates> rates;
};

struct ModelPrice {
    static constexpr int64_t kUnknown = -1;
    static constexpr int64_t kOnce = 1000;
    static constexpr size_t kMaxTiers = 16;
    static constexpr size_t kServices =
        static_cast<size_t>(api::kLastService)
        - static_cast<size_t>(api::Service::kPriority) + 1;

    // The base first, then ascending by `above`; never empty once parsed.
    std::vector<Tier> tiers;
    // The same for what is served otherwise, by Service from kPriority on;
    // empty: no price of its own.
    std::array<std::vector<Tier>, kServices> services;
    // What all of it costs times as much as, in thousandths.
    int64_t fast = kOnce;   // Anthropic's speed
    int64_t in_us = kOnce;  // Anthropic's inference_geo
    // Prompts are written to the provider's cache without a mark in them,
    // as OpenAI does.
    bool writes_unasked = false;
    int64_t max_input = kUnknown;   // tokens: the context window
    int64_t max_output = kUnknown;  // tokens

    // Fills in what the table did not name; call once the tiers are read.
    void resolve();

    // Where a service's own ones are; it is kPriority or behind that.
    static size_t place(api::Service service) {
        return static_cast<size_t>(service)
               - static_cast<size_t>(api::Service::kPriority);
    }
    const std::vector<Tier>& tiers_of(api::Service service) const;
    // The tier for that many prompt tokens; nullptr when there is none.
    const Tier* tier(int64_t input,
                     api::Service service = api::Service::kStandard) const;
};

// Nothing when the usage is not known, or tokens were used whose kind has no
// price (an image model's text, an embedding model's output).
std::optional<int64_t> cost_nano(const ModelPrice& price,
                                 const api::Usage& usage);

// What makes tokens dearer than plain text.
struct Asked {
    Rate written = kInput;  // kCacheWrite or kCacheWrite1h: the prompt may be
    int64_t sound = 0;      // of the prompt's tokens
    int64_t images = 0;     // of them, too
    bool speaks = false;    // the output may be sound
    api::Service service = api::Service::kStandard;
    bool fast = false;
    bool in_us = false;
};

// The most that `input` prompt tokens and `output` tokens may cost: the
// prompt at its own rate or at that of writing, its images at theirs, the
// output at its own, at that of reasoning or of images, each at that of sound
// where it may be, whichever are dearer. Nothing as above.
std::optional<int64_t> most_nano(const ModelPrice& price, int64_t input,
                                 int64_t output, const Asked& asked = {});

// How many output tokens `nano` pays for beside `input` prompt tokens, at
// the same rates; 0 when the prompt alone costs more.
// INT64_MAX when output is free. Nothing as above.
std::optional<int64_t> affordable_output(const ModelPrice& price,
                                         int64_t input, int64_t nano,
                                         const Asked& asked = {});

}  // namespace llm::price
