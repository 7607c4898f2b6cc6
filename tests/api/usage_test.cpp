// Usage objects of OpenAI's shape, and how a request is served.
#include <gtest/gtest.h>

#include "src/api/reader.hpp"
#include "src/api/request.hpp"
#include "src/api/summary.hpp"
#include "src/api/usage_json.hpp"

namespace llm::api {
namespace {

Usage merged(std::initializer_list<const char*> objects) {
    Usage usage;
    for (const char* object : objects) {
        json::Document doc;
        EXPECT_TRUE(doc.parse(object).ok()) << object;
        merge_openai_usage(doc, json::kRoot, usage);
    }
    return usage;
}

TEST(OpenaiUsage, BothSpellings) {
    for (const char* object : {
             R"({"prompt_tokens":20,"completion_tokens":10,"total_tokens":30,
                 "prompt_tokens_details":{"cached_tokens":8,"audio_tokens":1,
                 "cache_write_tokens":3,"image_tokens":5},
                 "completion_tokens_details":{"reasoning_tokens":4,
                 "audio_tokens":2,"image_tokens":3}})",
             R"({"input_tokens":20,"output_tokens":10,"total_tokens":30,
                 "input_tokens_details":{"cached_tokens":8,"audio_tokens":1,
                 "cache_write_tokens":3,"image_tokens":5},
                 "output_tokens_details":{"reasoning_tokens":4,
                 "audio_tokens":2,"image_tokens":3}})",
         }) {
        const Usage usage = merged({object});
        EXPECT_EQ(usage.input, 20);
        EXPECT_EQ(usage.output, 10);
        EXPECT_EQ(usage.cached_input, 8);
        EXPECT_EQ(usage.cache_write, 3);
        EXPECT_EQ(usage.reasoning, 4);
        EXPECT_EQ(usage.audio_input, 1);
        EXPECT_EQ(usage.audio_output, 2);
        EXPECT_EQ(usage.image_input, 5);
        EXPECT_EQ(usage.image_output, 3);
        EXPECT_FALSE(usage.absurd);
        EXPECT_TRUE(usage.known());
    }
}

TEST(OpenaiUsage, LastWinsAndNothingIsAdded) {
    const Usage usage = merged({
        R"({"prompt_tokens":20,"completion_tokens":1,
            "prompt_tokens_details":{"cached_tokens":8}})",
        R"({"prompt_tokens":20,"completion_tokens":9})",
        R"({"completion_tokens":7})",
    });
    EXPECT_EQ(usage.input, 20);
    EXPECT_EQ(usage.output, 7);
    EXPECT_EQ(usage.cached_input, 8);
}

TEST(OpenaiUsage, ZeroIsKnownAndMissingIsNot) {
    EXPECT_TRUE(
        merged({R"({"prompt_tokens":0,"completion_tokens":0})"}).known());
    EXPECT_FALSE(merged({R"({"prompt_tokens":0})"}).known());
    EXPECT_FALSE(merged({"{}"}).known());
    EXPECT_FALSE(merged({"null"}).known());
    EXPECT_FALSE(merged({"[1]"}).known());
}

TEST(OpenaiUsage, AbsurdNumbersCountAsMissing) {
    for (const char* number :
         {"-1", "1.5", "12.0", "1e3", "\"7\"", "true", "{}", "[]", "1e999",
          "9223372036854775808", "1099511627777", "-0"}) {
        const std::string object = std::string(R"({"prompt_tokens":)") +
                                   number + R"(,"completion_tokens":)" +
                                   number + R"(,"total_tokens":)" + number +
                                   R"(,"prompt_tokens_details":)"
                                   R"({"cached_tokens":)" +
                                   number + "}}";
        const Usage alone = merged({object.c_str()});
        EXPECT_TRUE(alone.absurd) << number;
        EXPECT_FALSE(alone.known()) << number;
        const Usage after = merged(
            {R"({"prompt_tokens":5,"completion_tokens":6})", object.c_str()});
        EXPECT_TRUE(after.absurd) << number;
        EXPECT_EQ(after.input, 5) << number;
        EXPECT_EQ(after.output, 6) << number;
        EXPECT_EQ(after.cached_input, 0) << number;
    }
    EXPECT_EQ(merged({R"({"prompt_tokens":1099511627776})"}).input,
              Usage::kMax);
}

TEST(OpenaiUsage, NullIsMissing) {
    const Usage usage = merged(
        {R"({"prompt_tokens":5,"completion_tokens":6,"total_tokens":null,
             "prompt_tokens_details":null,"completion_tokens_details":
             {"reasoning_tokens":null}})",
         R"({"prompt_tokens":null,"completion_tokens":null})"});
    EXPECT_EQ(usage.input, 5);
    EXPECT_EQ(usage.output, 6);
    EXPECT_FALSE(usage.absurd);
}

TEST(OpenaiUsage, Case32TotalAboveTheSumIsOutput) {
    const Usage usage = merged({R"({"prompt_tokens":35,"completion_tokens":12,
                                    "total_tokens":109})"});
    EXPECT_EQ(usage.input, 35);
    EXPECT_EQ(usage.output, 74);
    EXPECT_FALSE(usage.absurd);
    // A total below the sum lowers nothing.
    EXPECT_EQ(merged({R"({"prompt_tokens":35,"completion_tokens":12,
                          "total_tokens":40})"}).output, 12);
    EXPECT_EQ(merged({R"({"prompt_tokens":35,"completion_tokens":12,
                          "total_tokens":3})"}).output, 12);
    EXPECT_EQ(merged({R"({"prompt_tokens":8,"total_tokens":10})"}).output, 2);
    EXPECT_EQ(merged({R"({"total_tokens":8})"}).output, Usage::kUnknown);
}

TEST(OpenaiUsage, TotalBesideTheCompletionOrAlone) {
    EXPECT_EQ(
        merged({R"({"completion_tokens":8,"total_tokens":10})"}).input, 2);
    EXPECT_EQ(merged({R"({"total_tokens":8})"}).total, 8);
    for (const char* object : {
             R"({"completion_tokens":8,"total_tokens":8})",
             R"({"prompt_tokens":-1,"completion_tokens":8,"total_tokens":9})",
             R"({"completion_tokens":1.5,"total_tokens":9})",
         }) {
        EXPECT_EQ(merged({object}).input, Usage::kUnknown) << object;
        EXPECT_EQ(merged({object}).total, Usage::kUnknown) << object;
    }
}

// It is estimated then; of embeddings, which have none, it is 0.
TEST(OpenaiUsage, Case30NoTotalMakesACompletionFree) {
    for (const char* object : {
             R"({"prompt_tokens":8,"total_tokens":8})",
             R"({"prompt_tokens":8,"completion_tokens":null,
                 "total_tokens":8})",
             R"({"prompt_tokens":8,"completion_tokens":-100,
                 "total_tokens":8})",
             R"({"prompt_tokens":8,"completion_tokens":1e18,
                 "total_tokens":9})",
             R"({"input_tokens":8,"output_tokens":"12","total_tokens":9})",
         }) {
        EXPECT_EQ(merged({object}).output, Usage::kUnknown) << object;
        EXPECT_EQ(merged({object}).input, 8) << object;
    }
    const Bytes body =
        R"({"object":"list","data":[{"index":0,"embedding":[0.5]}],)"
        R"("usage":{"prompt_tokens":8,"total_tokens":8}})";
    json::Document doc;
    ASSERT_TRUE(doc.parse(body).ok());
    EXPECT_EQ(summarize(Endpoint::kEmbeddings, doc)->usage.output, 0);
    EXPECT_EQ(read_json(Endpoint::kEmbeddings, body)->usage.output, 0);
}

TEST(OpenaiUsage, APartIsNeverMoreThanItsWhole) {
    const Usage usage = merged({R"({"prompt_tokens":5,"completion_tokens":6,
        "prompt_tokens_details":{"cached_tokens":50},
        "completion_tokens_details":{"reasoning_tokens":60}})"});
    EXPECT_EQ(usage.cached_input, 5);
    EXPECT_EQ(usage.reasoning, 6);
    EXPECT_TRUE(usage.absurd);
}

TEST(OpenaiUsage, DeepSeekCacheHits) {
    const Usage usage = merged({R"({"prompt_tokens":50,"completion_tokens":6,
        "prompt_cache_hit_tokens":40,"prompt_cache_miss_tokens":10})"});
    EXPECT_EQ(usage.cached_input, 40);
}

// What an answer says of how it was served, in each protocol.
TEST(Usage, Service) {
    struct Case {
        Endpoint endpoint;
        Service service;
        Bytes body;
    };
    const Case cases[] = {
        {Endpoint::kChat, Service::kFlex,
         R"({"choices":[{"index":0,"message":{"role":"assistant",)"
         R"("content":"a"},"finish_reason":"stop"}],"service_tier":"flex",)"
         R"("usage":{"prompt_tokens":1,"completion_tokens":1}})"},
        {Endpoint::kChat, Service::kStandard,
         R"({"choices":[],"service_tier":"default"})"},
        {Endpoint::kChat, Service::kUnsaid,
         R"({"choices":[],"service_tier":null})"},
        {Endpoint::kResponses, Service::kPriority,
         R"({"object":"response","status":"completed","output":[],)"
         R"("service_tier":"priority"})"},
        {Endpoint::kMessages, Service::kPriority,
         R"({"type":"message","content":[],"stop_reason":"end_turn",)"
         R"("usage":{"input_tokens":1,"output_tokens":1,)"
         R"("service_tier":"priority"}})"},
    };
    for (const Case& c : cases) {
        json::Document doc;
        ASSERT_TRUE(doc.parse(c.body).ok());
        auto summary = summarize(c.endpoint, doc);
        ASSERT_TRUE(summary.ok()) << c.body;
        EXPECT_EQ(summary->usage.service, c.service) << c.body;
        auto answer = read_json(c.endpoint, c.body);
        ASSERT_TRUE(answer.ok()) << c.body;
        EXPECT_EQ(answer->usage.service, c.service) << c.body;
    }
    auto reader = make_stream_reader(Endpoint::kChat, 1000);
    sse::Event event;
    event.has_data = true;
    event.data = R"({"choices":[],"service_tier":"priority"})";
    (void) reader->on_event(event);
    event.data = R"({"choices":[],"usage":{"prompt_tokens":1}})";
    (void) reader->on_event(event);
    EXPECT_EQ(reader->answer().usage.service, Service::kPriority);
}

TEST(Usage, TheServiceThatIsAskedFor) {
    auto service = [](Bytes value) {
        std::string body =
            R"({"model":"m","messages":[{"role":"user","content":"a"}],)"
            R"("service_tier":)" + std::string(value) + "}";
        json::Document doc;
        EXPECT_TRUE(doc.parse(body).ok());
        auto request = parse_request(Endpoint::kChat, doc);
        EXPECT_TRUE(request.ok()) << body;
        return request.ok() ? request->service : Service::kUnsaid;
    };
    EXPECT_EQ(service("\"priority\""), Service::kPriority);
    EXPECT_EQ(service("\"flex\""), Service::kFlex);
    EXPECT_EQ(service("\"fast\""), Service::kPriority);
    EXPECT_EQ(service("\"ultrafast\""), Service::kUltrafast);
    EXPECT_EQ(service("\"balanced\""), Service::kBalanced);
    EXPECT_EQ(service("\"default\""), Service::kStandard);
    EXPECT_EQ(service("\"auto\""), Service::kUnsaid);
    EXPECT_EQ(service("null"), Service::kUnsaid);
    EXPECT_EQ(service("3"), Service::kUnsaid);
}

TEST(Usage, AnthropicsSpeedAndPlace) {
    auto read = [](Bytes more) {
        std::string body =
            R"({"type":"message","content":[],"stop_reason":"end_turn",)"
            R"("usage":{"input_tokens":1,"output_tokens":1)"
            + std::string(more) + "}}";
        auto answer = read_json(Endpoint::kMessages, body);
        EXPECT_TRUE(answer.ok()) << body;
        return answer.ok() ? answer->usage : Usage();
    };
    Usage fast = read(R"(,"speed":"fast","inference_geo":"us")");
    EXPECT_TRUE(fast.fast);
    EXPECT_TRUE(fast.in_us);
    for (Bytes usual : {Bytes(""), Bytes(R"(,"speed":"standard")"
                                         R"(,"inference_geo":"global")"),
                        Bytes(R"(,"speed":null,"inference_geo":3)")}) {
        EXPECT_FALSE(read(usual).fast) << usual;
        EXPECT_FALSE(read(usual).in_us) << usual;
    }
    // A stream says it with its first report.
    auto reader = make_stream_reader(Endpoint::kMessages, 1000);
    sse::Event event;
    event.has_data = true;
    event.data = R"({"type":"message_start","message":{"type":"message",)"
                 R"("content":[],"usage":{"input_tokens":1,"output_tokens":1,)"
                 R"("speed":"fast","inference_geo":"us"}}})";
    (void) reader->on_event(event);
    event.data = R"({"type":"message_delta","delta":{},)"
                 R"("usage":{"output_tokens":5}})";
    (void) reader->on_event(event);
    EXPECT_TRUE(reader->answer().usage.fast);
    EXPECT_TRUE(reader->answer().usage.in_us);
}

// What others call the tokens of a cache in OpenAI's object.
TEST(Usage, OtherWordsForTheProvidersCache) {
    struct Case {
        Bytes more;
        int64_t read;
        int64_t written;
        int64_t for_long;
    };
    const Case cases[] = {
        {R"("cached_tokens":40)", 40, 0, 0},
        {R"("prompt_tokens_details":{"cached_tokens":40,)"
         R"("cache_creation_input_tokens":30,"cache_type":"ephemeral",)"
         R"("cache_creation":{"ephemeral_5m_input_tokens":30}})", 40, 30, 0},
        {R"("prompt_tokens_details":{"cached_tokens":40,)"
         R"("cache_creation_tokens":30,"text_tokens":30,)"
         R"("cache_creation_token_details":{"ephemeral_5m_input_tokens":10,)"
         R"("ephemeral_1h_input_tokens":20}},"cache_read_input_tokens":40,)"
         R"("cache_creation_input_tokens":30)", 40, 30, 20},
        {R"("cache_read_input_tokens":40,"cache_creation_input_tokens":30)",
         40, 30, 0},
        // Not of the prompt: who knows what else.
        {R"("cache_read_input_tokens":400,"cache_creation_input_tokens":30)",
         0, 0, 0},
        {R"("cached_tokens":null,"prompt_tokens_details":null)", 0, 0, 0},
    };
    for (const Case& c : cases) {
        auto answer = read_json(
            Endpoint::kChat,
            R"({"choices":[{"index":0,"message":{"role":"assistant",)"
            R"("content":"a"},"finish_reason":"stop"}],"usage":{)"
            R"("prompt_tokens":100,"completion_tokens":1,)"
                + std::string(c.more) + "}}");
        ASSERT_TRUE(answer.ok()) << c.more;
        EXPECT_EQ(answer->usage.input, 100) << c.more;
        EXPECT_EQ(answer->usage.cached_input, c.read) << c.more;
        EXPECT_EQ(answer->usage.cache_write, c.written) << c.more;
        EXPECT_EQ(answer->usage.cache_write_1h, c.for_long) << c.more;
        EXPECT_FALSE(answer->usage.absurd) << c.more;
    }
}

TEST(Usage, HowLongAWrittenCacheLives) {
    auto answer = read_json(
        Endpoint::kResponses,
        R"({"object":"response","status":"completed","output":[],"usage":{)"
        R"("input_tokens":100,"output_tokens":1,"input_tokens_details":{)"
        R"("cache_write_tokens":80,"cache_write_tokens_details":{)"
        R"("ttl_30m_tokens":20,"ttl_12h_tokens":60}}}})");
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer->usage.cache_write, 80);
    EXPECT_EQ(answer->usage.cache_write_1h, 60);
}

}  // namespace
}  // namespace llm::api
