// Usage: the billable tokens of one answer, the same for every protocol.
//
// Convention (documented because the providers disagree):
//   input   all prompt tokens, cached ones included. For Anthropic it is
//           input_tokens + cache_read + cache_creation.
//   output  all generated tokens, reasoning included.
// A negative, fractional, non-numeric or absurd (> kMax) number counts as
// missing and sets `absurd`; it never lowers anything. The last value seen
// wins, nothing is added up over events; a field that a later report lacks
// keeps the earlier one. OpenAI-compatible answers whose total_tokens exceeds
// prompt + completion (Gemini with thinking) bill output = total - prompt; a
// total that leaves nothing for the completion does not say that it was empty.
// Where the prompt alone is not said it is what the total leaves.
#pragma once

#include <cstdint>

namespace llm::api {

// How the provider serves a request; what it is charged by. What has no price
// of its own (batch, scale) is kStandard.
enum class Service : uint8_t {
    kUnsaid,
    kStandard,
    kPriority,  // OpenAI's "fast" is the same
    kFlex,
    kUltrafast,
    kBalanced,
};
constexpr auto kLastService = Service::kBalanced;

struct Usage {
    static constexpr int64_t kUnknown = -1;
    static constexpr int64_t kMax = int64_t{1} << 40;

    int64_t input = kUnknown;
    int64_t output = kUnknown;
    int64_t cached_input = 0;     // read from the provider's prompt cache
    int64_t cache_write = 0;      // written to it (all lifetimes)
    int64_t cache_write_1h = 0;   // of cache_write: Anthropic's entries of
                                  // 1 h, OpenAI's of 12 h
    int64_t reasoning = 0;        // of output
    int64_t audio_input = 0;      // of input
    int64_t audio_output = 0;     // of output
    int64_t image_input = 0;      // of input
    int64_t image_output = 0;     // of output
    int64_t total = kUnknown;     // both, where neither was said
    Service service = Service::kUnsaid;
    bool fast = false;            // Anthropic's speed
    bool in_us = false;           // Anthropic's inference_geo
    bool absurd = false;          // a number was rejected
    bool estimated = false;       // filled in by us, not by the provider

    bool known() const { return input >= 0 && output >= 0; }
};

}  // namespace llm::api
