// What a request may ask the mock upstream to do wrong (or differently):
// "k=v,k=v" in the header X-Mock or in the path, /mock/k=v,k=v/v1/...
// (percent-encoded where a value needs it). A bare k means k=1. The names are
// those of the fields below; tests/mock/README.md explains each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace llm::mock {

constexpr std::uint64_t kUnset = UINT64_MAX;

struct Knobs {
    // Clocks, in milliseconds.
    std::uint64_t delay = 0;  // before the first byte
    std::uint64_t ttft = 0;   // between the head and the first byte of body
    std::uint64_t gap = 0;    // between events
    std::uint64_t pause = 0;  // between the writes of `split`

    // The answer's size and content.
    std::uint64_t events = kUnset;
    std::uint64_t size = kUnset;
    std::uint64_t prompt = kUnset;
    std::uint64_t completion = kUnset;
    std::uint64_t cached = 0;
    std::uint64_t cache_write = 0;
    std::uint64_t hugeline = 0;
    bool refusal = false;
    bool reasoning = false;
    bool thinking = false;
    bool annotations = false;
    bool endless = false;
    bool obfuscation = false;
    bool revise = false;
    bool ping = false;
    std::string finish;
    std::string model;
    std::string usage;

    // How it ends.
    std::uint64_t cut = kUnset;
    std::uint64_t cut_bytes = kUnset;
    std::uint64_t reset = kUnset;
    std::uint64_t error_at = kUnset;
    bool midcut = false;
    bool error200 = false;
    bool noclose = false;
    std::string done;

    // Errors instead of an answer.
    std::uint64_t status = 200;
    std::uint64_t times = kUnset;  // only the first N requests with this text
    bool quota = false;
    bool errsse = false;
    std::string retry_after;
    std::string retry_after_ms;
    std::string should_retry;
    std::string code;

    // The form of the stream.
    std::uint64_t split = 0;
    bool crlf = false;
    bool cr = false;
    bool bom = false;
    bool nospace = false;
    bool comments = false;
    bool multiline = false;
    bool idlines = false;
    bool padding = false;
    bool malformed = false;
    bool pretty = false;

    // The form of the HTTP answer.
    std::uint64_t bigheader = 0;
    bool http10 = false;
    bool dupcl = false;
    bool early_hints = false;
    bool trailers = false;
    bool setcookie = false;
    bool leak = false;
    bool crheader = false;
    std::string gzip;
    std::string te;
    std::string ctype;
    std::string cc;
    std::string xaccel;

    // Adds the settings of `text` to these. Answers the first name or value
    // that is not understood, empty when all is well.
    std::string apply(std::string_view text);
};

}  // namespace llm::mock
