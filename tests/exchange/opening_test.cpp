#include "src/exchange/opening.hpp"

#include <gtest/gtest.h>

namespace llm::exchange {
namespace {

using api::Endpoint;
using route::Fault;

constexpr Bytes kEvents = "text/event-stream; charset=utf-8";
constexpr Bytes kJson = "application/json";

std::string chunk(Bytes data) {
    char size[20];
    int n = snprintf(size, sizeof(size), "%zx\r\n", data.size());
    return std::string(size, static_cast<size_t>(n)) + std::string(data)
           + "\r\n";
}

OpeningHead head(int status, Bytes type) {
    OpeningHead head;
    head.status = status;
    head.content_type = type;
    return head;
}

constexpr Bytes kDelta =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n";
constexpr Bytes kError =
    "data: {\"error\":{\"message\":\"no\",\"type\":\"server_error\"}}\n\n";

TEST(Opening, StreamWaitsForItsFirstEvent) {
    OpeningHead sse = head(200, kEvents);
    for (Bytes text : {Bytes(""), Bytes(": hi\n\n"), Bytes("data: {\"a\""),
                       Bytes("event: ping\ndata: {\"type\":\"ping\"}\n\n")}) {
        EXPECT_TRUE(read_opening(sse, Endpoint::kChat, text, false).wait);
        Opening last = read_opening(sse, Endpoint::kChat, text, true);
        EXPECT_FALSE(last.wait);
        EXPECT_EQ(last.fault, Fault::kNone);
    }
    Opening good = read_opening(sse, Endpoint::kChat, kDelta, false);
    EXPECT_FALSE(good.wait);
    EXPECT_EQ(good.fault, Fault::kNone);
    Opening bad = read_opening(sse, Endpoint::kChat, kError, false);
    EXPECT_FALSE(bad.wait);
    EXPECT_EQ(bad.fault, Fault::kErrorIn200);
}

TEST(Opening, StreamAtAnySplitInChunks) {
    OpeningHead sse = head(200, kEvents);
    sse.chunked = true;
    std::string raw;
    for (char c : std::string(": hello\n\n") + std::string(kError)) {
        raw += chunk(Bytes(&c, 1));
    }
    bool decided = false;
    for (size_t n = 0; n <= raw.size(); n++) {
        Opening opening = read_opening(sse, Endpoint::kChat,
                                       Bytes(raw).substr(0, n), false);
        if (!opening.wait) {
            decided = true;
            EXPECT_EQ(opening.fault, Fault::kErrorIn200);
        } else {
            EXPECT_FALSE(decided);
        }
    }
    EXPECT_TRUE(decided);
}

TEST(Opening, StreamThatEndsWithoutAnEventWasCut) {
    OpeningHead sse = head(200, kEvents);
    sse.chunked = true;
    Opening opening = read_opening(sse, Endpoint::kChat,
                                   chunk(": hi\n\n") + "0\r\n\r\n", false);
    EXPECT_EQ(opening.fault, Fault::kCut);
    sse.chunked = false;
    sse.content_length = 0;
    EXPECT_EQ(read_opening(sse, Endpoint::kChat, "", false).fault,
              Fault::kCut);
}

TEST(Opening, EachProtocolsErrorEvent) {
    OpeningHead sse = head(200, kEvents);
    Bytes anthropic = "event: error\ndata: {\"type\":\"error\",\"error\":"
                      "{\"type\":\"overloaded_error\",\"message\":\"x\"}}\n\n";
    EXPECT_EQ(read_opening(sse, Endpoint::kMessages, anthropic, false).fault,
              Fault::kOverloaded);
    Bytes responses = "event: error\ndata: {\"type\":\"error\",\"code\":"
                      "\"server_error\",\"message\":\"x\"}\n\n";
    EXPECT_NE(read_opening(sse, Endpoint::kResponses, responses, false).fault,
              Fault::kNone);
}

// A Response's failure has its error one level down.
// What only says that an answer is going to come is none.
// A role that comes with an error announces nothing; who gives an event's name
// only beside its data is understood.
TEST(Opening, WhatAnnouncesIsToldByAllOfIt) {
    OpeningHead sse = head(200, kEvents);
    Opening failed = read_opening(
        sse, Endpoint::kChat,
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":"
        "\"assistant\"}}],\"error\":{\"message\":\"x\",\"type\":"
        "\"server_error\"}}\n\n",
        false);
    EXPECT_FALSE(failed.wait);
    EXPECT_EQ(failed.fault, Fault::kErrorIn200);
    for (auto [endpoint, name] :
         {std::pair{Endpoint::kMessages, "message_start"},
          {Endpoint::kResponses, "response.created"}}) {
        std::string event = "event: " + std::string(name) + "\ndata: {}\n\n";
        EXPECT_TRUE(read_opening(sse, endpoint, event, false).announced);
    }
}

TEST(Opening, AnnouncementsAreWaitedThrough) {
    struct Case {
        Endpoint endpoint;
        std::string announced;
        std::string error;
    } cases[] = {
        {Endpoint::kChat,
         "data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n"
         "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":"
         "\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n",
         std::string(kError)},
        {Endpoint::kResponses,
         "event: response.created\ndata: {\"type\":\"response.created\","
         "\"response\":{\"id\":\"r\",\"error\":null}}\n\n"
         "data: {\"type\":\"response.queued\",\"response\":{}}\n\n"
         "data: {\"type\":\"response.in_progress\",\"response\":{}}\n\n",
         "data: {\"type\":\"response.failed\",\"response\":{\"status\":"
         "\"failed\",\"error\":{\"code\":\"server_error\",\"message\":"
         "\"x\"}}}\n\n"},
        {Endpoint::kMessages,
         "event: message_start\ndata: {\"type\":\"message_start\","
         "\"message\":{\"id\":\"m\",\"content\":[]}}\n\n"
         "event: ping\ndata: {\"type\":\"ping\"}\n\n",
         "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
         "\"overloaded_error\",\"message\":\"x\"}}\n\n"},
    };
    OpeningHead sse = head(200, kEvents);
    for (const Case& c : cases) {
        Opening so_far = read_opening(sse, c.endpoint, c.announced, false);
        EXPECT_TRUE(so_far.wait) << c.announced;
        EXPECT_TRUE(so_far.announced) << c.announced;
        EXPECT_FALSE(read_opening(sse, c.endpoint, c.announced, true).wait);
        Opening failed =
            read_opening(sse, c.endpoint, c.announced + c.error, false);
        EXPECT_FALSE(failed.wait);
        EXPECT_EQ(failed.fault, c.endpoint == Endpoint::kMessages
                                    ? Fault::kOverloaded
                                    : Fault::kErrorIn200)
            << c.error;
        sse.content_length = static_cast<int64_t>(c.announced.size());
        EXPECT_EQ(read_opening(sse, c.endpoint, c.announced, false).fault,
                  Fault::kCut);
        sse.content_length = -1;
    }
    for (Bytes begun :
         {Bytes("{\"choices\":[{\"delta\":{\"content\":\"x\"}}]}"),
          Bytes("{\"choices\":[{\"delta\":{\"role\":\"assistant\","
                "\"reasoning_content\":\"x\"}}]}"),
          Bytes("{\"choices\":[{\"delta\":{\"tool_calls\":[{}]}}]}"),
          Bytes("{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}"),
          Bytes("{\"choices\":[],\"usage\":{}}"), Bytes("[DONE]"),
          Bytes("{\"choices\":[1]}"), Bytes("{\"choices\":{}}")}) {
        EXPECT_FALSE(read_opening(sse, Endpoint::kChat,
                                  "data: " + std::string(begun) + "\n\n",
                                  false)
                         .wait)
            << begun;
    }
}

TEST(Opening, WhatTheClientCausedIsNotTheProviders) {
    OpeningHead sse = head(200, kEvents);
    auto failed = [&](Bytes code) {
        std::string event = "event: response.failed\ndata: {\"type\":"
                            "\"response.failed\",\"response\":{\"id\":\"r\","
                            "\"status\":\"failed\",\"error\":{\"code\":\"";
        event += code;
        event += "\",\"message\":\"x\"}}}\n\n";
        return read_opening(sse, Endpoint::kResponses, event, false).fault;
    };
    EXPECT_EQ(failed("invalid_prompt"), Fault::kRequest);
    EXPECT_EQ(failed("rate_limit_exceeded"), Fault::kRateLimit);
    EXPECT_EQ(failed("server_error"), Fault::kErrorIn200);
    Bytes vllm = "data: {\"error\":{\"object\":\"error\",\"message\":\"x\","
                 "\"type\":\"BadRequestError\",\"param\":null,"
                 "\"code\":400}}\n\n";
    EXPECT_EQ(read_opening(sse, Endpoint::kChat, vllm, false).fault,
              Fault::kRequest);
}

TEST(Opening, JsonWaitsUntilItIsWhole) {
    OpeningHead json = head(200, kJson);
    Bytes error = "{\"error\":{\"message\":\"x\",\"type\":\"server_error\"}}";
    json.content_length = static_cast<int64_t>(error.size());
    for (size_t n = 0; n < error.size(); n++) {
        EXPECT_TRUE(read_opening(json, Endpoint::kChat, error.substr(0, n),
                                 false)
                        .wait);
    }
    EXPECT_EQ(read_opening(json, Endpoint::kChat, error, false).fault,
              Fault::kErrorIn200);
    // More than can be held is an answer.
    EXPECT_EQ(read_opening(json, Endpoint::kChat, error.substr(0, 20), true)
                  .fault,
              Fault::kNone);
    Bytes good = "{\"choices\":[{\"message\":{\"content\":\"\\\"error\\\"\"}}]"
                 ",\"error\":null}";
    json.content_length = static_cast<int64_t>(good.size());
    EXPECT_EQ(read_opening(json, Endpoint::kChat, good, false).fault,
              Fault::kNone);
}

TEST(Opening, ErrorIsSeenWhereverItStands) {
    OpeningHead json = head(200, kJson);
    for (size_t before = 0; before < 300; before++) {
        std::string text = "{\"id\":\"" + std::string(before, 'x')
                           + "\",\"error\":{\"type\":\"server_error\"}}";
        json.content_length = static_cast<int64_t>(text.size());
        EXPECT_EQ(read_opening(json, Endpoint::kChat, text, false).fault,
                  Fault::kErrorIn200)
            << before;
    }
}

TEST(Opening, JsonOfNothingIsNoAnswer) {
    OpeningHead json = head(200, kJson);
    auto read = [&](Bytes raw, bool last) {
        return read_opening(json, Endpoint::kChat, raw, last);
    };
    json.content_length = 0;
    EXPECT_EQ(read("", false).fault, Fault::kCut);
    json.content_length = 3;
    EXPECT_TRUE(read(" \n", false).wait);
    EXPECT_EQ(read(" \n ", false).fault, Fault::kCut);
    json.content_length = -1;
    EXPECT_TRUE(read("", false).wait) << "it may still come";
    EXPECT_FALSE(read("", true).wait);
    EXPECT_EQ(read("", true).fault, Fault::kNone);
    EXPECT_FALSE(read("{", false).wait);
    json.chunked = true;
    EXPECT_EQ(read("0\r\n\r\n", false).fault, Fault::kCut);
    json = head(204, kJson);
    json.content_length = 0;
    EXPECT_EQ(read("", false).fault, Fault::kNone);
    json = head(202, kJson);
    json.content_length = 0;
    EXPECT_EQ(read("", false).fault, Fault::kNone);
}

TEST(Opening, WhatIsOnlyCalledJson) {
    auto read = [](Bytes text, int64_t length, bool last = false) {
        OpeningHead json = head(200, kJson);
        json.content_length = length;
        return read_opening(json, Endpoint::kChat, text, last).fault;
    };
    for (Bytes text : {"<html>", "upstream is busy", "null", "\"ok\"",
                       "{\"id\":\"x\"", "{\"id\":\"x\"]", "[{}", "{"}) {
        auto length = static_cast<int64_t>(text.size());
        EXPECT_EQ(read(text, length), Fault::kInvalid) << text;
    }
    EXPECT_EQ(read("<", -1), Fault::kInvalid);
    EXPECT_EQ(read("{\"id\"", -1), Fault::kNone) << "the rest may come";
    EXPECT_EQ(read("<html>", 6, true), Fault::kNone) << "it passes as it is";
    EXPECT_EQ(read("\xef\xbb\xbf {} \r\n", 9), Fault::kNone);
    EXPECT_EQ(read(" [{}]\n", 6), Fault::kNone);
}

TEST(Opening, PageInThePlaceOfAnAnswer) {
    constexpr Bytes kPage = "\xef\xbb\xbf \r\n<!doctype html>";
    OpeningHead html = head(200, "Text/HTML; charset=utf-8");
    html.content_length = static_cast<int64_t>(kPage.size());
    for (size_t n = 0; n < kPage.find('<'); n++) {
        EXPECT_TRUE(
            read_opening(html, Endpoint::kChat, kPage.substr(0, n), false)
                .wait)
            << n;
    }
    EXPECT_EQ(read_opening(html, Endpoint::kChat,
                           kPage.substr(0, kPage.find('<') + 1), false)
                  .fault,
              Fault::kInvalid);
    EXPECT_FALSE(read_opening(html, Endpoint::kChat, "", true).wait);
    html.content_length = 0;
    Opening nothing = read_opening(html, Endpoint::kChat, "", false);
    EXPECT_FALSE(nothing.wait);
    EXPECT_EQ(nothing.fault, Fault::kNone);
    // Nothing comes behind that status, and nobody says how much.
    EXPECT_FALSE(
        read_opening(head(204, "text/html"), Endpoint::kChat, "", false)
            .wait);
}

TEST(Opening, ErrorStatusIsReadToItsEnd) {
    Bytes body = "{\"error\":{\"message\":\"x\",\"type\":"
                 "\"invalid_request_error\",\"code\":"
                 "\"context_length_exceeded\"}}";
    OpeningHead bad = head(400, kJson);
    bad.chunked = true;
    std::string raw = chunk(body.substr(0, 30));
    EXPECT_TRUE(read_opening(bad, Endpoint::kChat, raw, false).wait);
    raw += chunk(body.substr(30)) + "0\r\n\r\n";
    EXPECT_EQ(read_opening(bad, Endpoint::kChat, raw, false).fault,
              Fault::kContextLength);
    // Without framing there is no end to wait for.
    bad.chunked = false;
    EXPECT_EQ(read_opening(bad, Endpoint::kChat, body, false).fault,
              Fault::kContextLength);
    EXPECT_EQ(read_opening(bad, Endpoint::kChat, "", false).fault,
              Fault::kRequest);
    EXPECT_EQ(read_opening(head(429, kJson), Endpoint::kChat, "", true).fault,
              Fault::kRateLimit);
    EXPECT_EQ(read_opening(head(400, kEvents), Endpoint::kChat,
                           "data: " + std::string(body) + "\n\n", true)
                  .fault,
              Fault::kContextLength);
}

TEST(Opening, RedirectIsAFaultAtOnce) {
    for (int status : {300, 301, 302, 303, 307, 308, 399}) {
        Opening away =
            read_opening(head(status, kJson), Endpoint::kChat, "", false);
        EXPECT_FALSE(away.wait);
        EXPECT_EQ(away.fault, Fault::kInvalid);
    }
}

TEST(Opening, TheRestIsGood) {
    EXPECT_EQ(read_opening(head(200, "text/html"), Endpoint::kChat,
                           "{\"error\":1}", false)
                  .fault,
              Fault::kNone);
    EXPECT_EQ(read_opening(head(304, ""), Endpoint::kChat, "", false).fault,
              Fault::kNone);
    EXPECT_EQ(read_opening(head(0, ""), Endpoint::kChat, "x", false).fault,
              Fault::kInvalid);
    OpeningHead odd = head(200, kJson);
    odd.content_encoding = "br";
    EXPECT_FALSE(read_opening(odd, Endpoint::kChat, "x", false).wait);
    EXPECT_FALSE(
        read_opening(head(200, kEvents), Endpoint::kEmbeddings, kDelta, false)
            .wait);
}

TEST(Chunks, OddFraming) {
    auto read = [](Bytes raw, std::string& out) {
        out.clear();
        return read_chunks(raw, out);
    };
    std::string out;
    EXPECT_FALSE(read("", out));
    EXPECT_FALSE(read("5", out));
    EXPECT_FALSE(read("5\r\nhel", out));
    EXPECT_EQ(out, "hel");
    EXPECT_FALSE(read("5;name=value\r\nhello\r\n", out));
    EXPECT_EQ(out, "hello");
    EXPECT_TRUE(read("2\r\nhi\r\n0\r\n\r\n", out));
    EXPECT_EQ(out, "hi");
    EXPECT_TRUE(read("A\nhellohello\n0\n\n", out));
    EXPECT_EQ(out, "hellohello");
    EXPECT_TRUE(read("zz\r\nhi", out));
    EXPECT_TRUE(read("ffffffffffffffffffffff\r\nhi", out));
    EXPECT_EQ(out, "");
}

}  // namespace
}  // namespace llm::exchange
