// An answer in its protocol's form, before HTTP and before the faults that
// concern the transport. One function a protocol makes it out of an Ask.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/mock/ask.hpp"

namespace llm::mock {

struct Event {
    std::string name;  // of the `event:` line, empty for none
    std::string data;
    bool delta = false;         // part of the answer's text
    std::size_t fill_at = 0;    // where in data `fill` letters x are inserted
    std::uint64_t fill = 0;
};

struct Reply {
    int status = 200;
    std::string content_type = "application/json";
    std::string headers;  // whole lines
    bool stream = false;
    std::string body;           // when not a stream
    std::vector<Event> events;  // when a stream

    void event(std::string name, std::string data, bool delta = false) {
        events.push_back({std::move(name), std::move(data), delta, 0, 0});
    }
};

Reply chat_reply(const Ask& ask);
Reply completions_reply(const Ask& ask);
Reply embeddings_reply(const Ask& ask);
Reply responses_reply(const Ask& ask);
Reply messages_reply(const Ask& ask);
Reply count_tokens_reply(const Ask& ask);
Reply models_reply(const Ask& ask);

// The provider's error body and headers for a status.
Reply error_reply(const Ask& ask, int status, std::string_view message);
// The error as an event in a stream of that protocol.
Event error_event(const Ask& ask);
std::string error_body(const Ask& ask, int status, std::string_view message);

// The headers that the provider sends with every answer.
std::string provider_headers(const Ask& ask);

// The reply that a protocol's Writer(ask) gives: write_stream(reply) or
// write_json(body).
template <class Writer>
Reply reply_of(const Ask& ask) {
    Reply reply;
    reply.headers = provider_headers(ask);
    reply.stream = ask.stream;
    Writer writer(ask);
    if (ask.stream) {
        writer.write_stream(reply);
    } else {
        writer.write_json(reply.body);
    }
    return reply;
}

// Numbers of the usage object, in the spelling that the knob asks for.
struct Usage {
    std::uint64_t prompt = 0;
    std::uint64_t completion = 0;
    std::uint64_t cached = 0;
    std::uint64_t cache_write = 0;
    std::uint64_t reasoning = 0;
    std::string_view mode;
};

Usage usage_of(const Ask& ask, const Content& content);
std::string count_text(std::uint64_t count, std::string_view mode);
std::string openai_usage(const Usage& usage);

// finish=… in the words of OpenAI's chat and completions.
std::string chat_finish(const std::string& finish);

inline std::string text_of(std::uint64_t number) {
    return std::to_string(number);
}

}  // namespace llm::mock
