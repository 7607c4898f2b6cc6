// An upstream whose events have more members than any provider sends: none of
// them costs more than reading it.
#include <algorithm>
#include <chrono>
#include <memory>

#include <gtest/gtest.h>

#include "src/api/protocols.hpp"
#include "src/json/document.hpp"

namespace llm::api {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMembers = 300000;

// "10001":1,"10002":1,...
std::string members() {
    std::string out;
    for (int i = 0; i < kMembers; i++) {
        out += out.empty() ? "\"" : ",\"";
        append_number(out, 1000000 + i);
        out += "\":1";
    }
    return out;
}

sse::Event event_of(const std::string& data) {
    sse::Event event;
    event.raw = data;
    event.data = data;
    event.has_data = true;
    return event;
}

// The least of three, in seconds.
template <typename Do>
double least(Do what) {
    double best = 1e9;
    for (int i = 0; i < 3; i++) {
        auto begin = Clock::now();
        what();
        std::chrono::duration<double> took = Clock::now() - begin;
        best = std::min(best, took.count());
    }
    return best;
}

void expect_cheap(Endpoint endpoint, const std::string& first,
                  const std::string& data) {
    json::Document doc;
    double parsing = least([&] { ASSERT_TRUE(doc.parse(data).ok()); });
    bool complete = true;
    double following = least([&] {
        auto reader = make_stream_reader(endpoint, size_t{64} << 20);
        (void) reader->on_event(event_of(first));
        (void) reader->on_event(event_of(data));
        (void) reader->on_event(event_of(
            endpoint == Endpoint::kMessages ? R"({"type":"message_stop"})"
                                            : "[DONE]"));
        complete = reader->answer().complete;
    });
    EXPECT_FALSE(complete) << "kept";
    EXPECT_LT(following, 6 * parsing + 0.01);
}

TEST(ManyMembers, OfChat) {
    std::string first = R"({"id":"c","choices":[{"index":0,"delta":{}}]})";
    std::string many = members();
    for (const std::string& data :
         {"{" + many + R"(,"choices":[]})",
          R"({"choices":[{"index":0,)" + many + "}]}",
          R"({"choices":[{"index":0,"delta":{)" + many + "}}]}",
          R"({"x":{)" + many + R"(},"choices":[]})"}) {
        expect_cheap(Endpoint::kChat, first, data);
    }
}

TEST(ManyMembers, OfMessages) {
    std::string first =
        R"({"type":"message_start","message":{"id":"m","type":"message",)"
        R"("role":"assistant","model":"m","content":[],"usage":{}}})";
    std::string begin = R"({"type":"message_delta","delta":{)";
    std::string many = members();
    for (const std::string& data :
         {begin + many + R"(},"usage":{}})",
          begin + R"(},"usage":{)" + many + "}}",
          begin + R"(},"usage":{},)" + many + "}"}) {
        expect_cheap(Endpoint::kMessages, first, data);
    }
}

}  // namespace
}  // namespace llm::api
