#include "src/cache/frame.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace llm::cache {
namespace {

// Documents as providers write them, closely and spread over lines. Order
// does not matter, neighbourhood does: the longer a run, the better.
constexpr Bytes kCommon =
    // Chat
    R"({"id":"chatcmpl-","object":"chat.completion","created":17)"
    R"(,"model":"gpt-4o-mini-2024-07-18","service_tier":"default",)"
    R"("system_fingerprint":"fp_","choices":[{"index":0,"message":)"
    R"({"role":"assistant","content":")"
    R"(","refusal":null,"annotations":[]},"logprobs":null,)"
    R"("finish_reason":"stop"}],"usage":{"prompt_tokens":)"
    R"(,"completion_tokens":)"
    R"(,"total_tokens":)"
    R"(,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},)"
    R"("completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,)"
    R"("accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},)"
    R"("service_tier":"default","system_fingerprint":"fp_)"
    R"("},"finish_reason":"stop"}],"usage":{"prompt_tokens":)"
    R"(","reasoning_content":null,"tool_calls":[]},"logprobs":null,)"
    R"("finish_reason":"length","stop_reason":null,"token_ids":null}],)"
    R"("prompt_tokens_details":null,"completion_tokens_details":null},)"
    R"("prompt_logprobs":null,"prompt_token_ids":null,)"
    R"("kv_transfer_params":null,"system_fingerprint":null)"
    R"("system_fingerprint":"fp_ollama","choices":[{"index":0,"message":)"
    R"(,"function_call":null,"audio":null,"name":null,"native_finish_reason":)"
    R"("tool_calls":[{"id":"call_","type":"function","function":{"name":")"
    R"(","arguments":"{\"},"content":null,"finish_reason":"tool_calls")"
    // Chat, over lines
    R"({
  "id": "chatcmpl-",
  "object": "chat.completion",
  "created": 17,
  "model": "gpt-4o-mini-2024-07-18",
  "choices": [
    {
      "index": 0,
      "message": {
        "role": "assistant",
        "content": "",
        "refusal": null,
        "annotations": []
      },
      "logprobs": null,
      "finish_reason": "stop"
    }
  ],
  "usage": {
    "prompt_tokens": ,
    "completion_tokens": ,
    "total_tokens": ,
    "prompt_tokens_details": {
      "cached_tokens": 0,
      "audio_tokens": 0
    },
    "completion_tokens_details": {
      "reasoning_tokens": 0,
      "audio_tokens": 0,
      "accepted_prediction_tokens": 0,
      "rejected_prediction_tokens": 0
    }
  },
  "service_tier": "default",
  "system_fingerprint": "fp_"
}
)"
    // Messages
    R"({"id":"msg_01","type":"message","role":"assistant",)"
    R"("model":"claude-sonnet-4-5-20250929","content":[{"type":"text",)"
    R"("text":")"
    R"("}],"stop_reason":"end_turn","stop_sequence":null,)"
    R"("usage":{"input_tokens":)"
    R"(,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,)"
    R"("cache_creation":{"ephemeral_5m_input_tokens":0,)"
    R"("ephemeral_1h_input_tokens":0},"output_tokens":)"
    R"(,"service_tier":"standard"}})"
    R"({"model":"claude-","id":"msg_01","type":"message",)"
    R"("role":"assistant","content":[{"type":"text","text":")"
    R"(,"server_tool_use":null,"context_management":null,"container":null)"
    // Responses
    R"({"id":"resp_0","object":"response","created_at":17)"
    R"(,"status":"completed","background":false,"error":null,)"
    R"("incomplete_details":null,"instructions":null,)"
    R"("max_output_tokens":null,"max_tool_calls":null,"model":"gpt-)"
    R"(","output":[{"id":"msg_0","type":"message","status":"completed",)"
    R"("content":[{"type":"output_text","annotations":[],"logprobs":[],)"
    R"("text":")"
    R"("}],"role":"assistant"}],"parallel_tool_calls":true,)"
    R"("previous_response_id":null,"prompt_cache_key":null,)"
    R"("reasoning":{"effort":null,"summary":null},)"
    R"("safety_identifier":null,"service_tier":"default","store":true,)"
    R"("temperature":1.0,"text":{"format":{"type":"text"},)"
    R"("verbosity":"medium"},"tool_choice":"auto","tools":[],)"
    R"("top_logprobs":0,"top_p":1.0,"truncation":"disabled",)"
    R"("usage":{"input_tokens":)"
    R"(,"input_tokens_details":{"cached_tokens":0},"output_tokens":)"
    R"(,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":)"
    R"(},"user":null,"metadata":{}})";

static_assert(kCommon.size() < 1u << 14, "two bytes a place");

constexpr size_t kGram = 8;     // what a common run begins with
constexpr size_t kWorth = 10;   // shorter ones are left as they are
constexpr size_t kFront = 1024;  // of a document where a run may begin
constexpr size_t kBack = 1536;
constexpr uint32_t kTableBits = 12;
constexpr uint16_t kNone = 0xffff;
constexpr int kTries = 16;  // places that a run is compared with

uint64_t gram(const char* at) {
    uint64_t out;
    std::memcpy(&out, at, kGram);
    return out;
}

uint32_t hash(uint64_t g) {
    return static_cast<uint32_t>(g * 0x9e3779b97f4a7c15 >> (64 - kTableBits));
}

// Where in the common text a gram stands.
struct Places {
    std::array<uint16_t, 1u << kTableBits> first;
    std::array<uint16_t, kCommon.size()> next;

    Places() {
        first.fill(kNone);
        for (size_t at = kCommon.size() - kGram + 1; at-- > 0;) {
            uint16_t& place = first[hash(gram(kCommon.data() + at))];
            next[at] = place;
            place = static_cast<uint16_t>(at);
        }
    }
};

struct Run {
    size_t place = 0;
    size_t size = 0;
};

Run longest(const Places& places, Bytes rest) {
    Run best;
    uint16_t place = places.first[hash(gram(rest.data()))];
    for (int n = 0; n < kTries && place != kNone; n++) {
        size_t most = std::min(rest.size(), kCommon.size() - place);
        size_t size = 0;
        while (size < most && rest[size] == kCommon[place + size]) {
            size++;
        }
        if (size > best.size) {
            best = {place, size};
        }
        place = places.next[place];
    }
    return best;
}

void append_number(size_t n, std::string& out) {
    for (; n >= 0x80; n >>= 7) {
        out += static_cast<char>(n | 0x80);
    }
    out += static_cast<char>(n);
}

class Reader {
public:
    explicit Reader(Bytes in) : in_(in) {}

    size_t number() {
        size_t out = 0;
        for (uint32_t shift = 0; shift < 35; shift += 7) {
            if (in_.empty()) {
                break;
            }
            auto byte = static_cast<unsigned char>(in_.front());
            in_.remove_prefix(1);
            out |= size_t{byte & 0x7fu} << shift;
            if (byte < 0x80) {
                return out;
            }
        }
        ok_ = false;
        return 0;
    }
    Bytes take(size_t n) {
        if (n > in_.size()) {
            ok_ = false;
            return {};
        }
        Bytes out = in_.substr(0, n);
        in_.remove_prefix(n);
        return out;
    }
    bool ok() const { return ok_; }
    bool at_end() const { return in_.empty(); }

private:
    Bytes in_;
    bool ok_ = true;
};

}  // namespace

void append_packed(Bytes document, std::string& out) {
    static const Places places;
    size_t begin = 0;  // of what is to stand as it is
    size_t at = 0;
    size_t size = document.size();
    size_t back = size > kBack ? size - kBack : 0;
    while (at + kGram <= size) {
        if (at == kFront && at < back) {
            at = back;
        }
        Run run = longest(places, document.substr(at));
        if (run.size < kWorth) {
            at++;
            continue;
        }
        append_number(at - begin, out);
        out += document.substr(begin, at - begin);
        append_number(run.size, out);
        append_number(run.place, out);
        at += run.size;
        begin = at;
        if (at > kFront && at < back) {
            at = back;
        }
    }
    append_number(size - begin, out);
    out += document.substr(begin);
    append_number(0, out);
}

bool expand(Bytes packed, char* to, size_t size) {
    Reader from(packed);
    auto put = [&](Bytes bytes) {
        if (bytes.size() > size) {
            return false;
        }
        std::memcpy(to, bytes.data(), bytes.size());
        to += bytes.size();
        size -= bytes.size();
        return true;
    };
    for (;;) {
        Bytes as_it_is = from.take(from.number());
        size_t run = from.number();
        if (!from.ok() || !put(as_it_is)) {
            return false;
        }
        if (run == 0) {
            return size == 0 && from.at_end();
        }
        size_t place = from.number();
        if (!from.ok() || place > kCommon.size()
            || run > kCommon.size() - place
            || !put(kCommon.substr(place, run))) {
            return false;
        }
    }
}

}  // namespace llm::cache
