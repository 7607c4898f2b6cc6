#include "src/api/request.hpp"

#include <gtest/gtest.h>
#include <time.h>

namespace llm::api {
namespace {

using json::Document;
using json::kNoNode;

struct Parsed {
    Parsed(Endpoint endpoint, Bytes given) : text(given) {
        EXPECT_TRUE(doc.parse(text).ok()) << text.substr(0, 200);
        Result<Request> result = parse_request(endpoint, doc, &why);
        ok = result.ok();
        if (ok) {
            request = *result;
        } else {
            EXPECT_EQ(result.error().code, Errc::kInvalid);
            EXPECT_EQ(result.error().message, why.message);
            EXPECT_EQ(why.status, 400);
            EXPECT_FALSE(why.message.empty());
        }
    }
    Parsed(const Parsed&) = delete;

    Bytes at(Span span) const {
        return Bytes(text).substr(span.offset, span.size);
    }
    std::string last_text() const {
        std::string scratch;
        return request.last_user_text == kNoNode
                   ? "(none)"
                   : std::string(doc.string(request.last_user_text,
                                            scratch));
    }

    std::string text;
    Document doc;
    ApiError why;
    Request request;
    bool ok = false;
};

std::string chat(Bytes members) {
    return R"({"model":"m","messages":[{"role":"user","content":"hi"}])"
           + (members.empty() ? "" : "," + std::string(members)) + "}";
}

std::string param_of(Endpoint endpoint, Bytes body) {
    Parsed parsed(endpoint, body);
    EXPECT_FALSE(parsed.ok) << body;
    return parsed.why.param;
}

Bytes effect(Endpoint endpoint, Bytes body) {
    Parsed parsed(endpoint, body);
    EXPECT_TRUE(parsed.ok) << body << parsed.why.message;
    return parsed.request.effect();
}

TEST(Request, ReadsAChat) {
    Parsed p(Endpoint::kChat,
             R"( {"model": "gpt-4o", "stream" :true,"n":2,)"
             R"("stream_options":{"include_usage": true},)"
             R"("temperature":0.5,"max_tokens":100,)"
             R"("max_completion_tokens":50,"store":false,"unknown":[1],)"
             R"("modalities":["text","audio"],)"
             R"("tools":[{"type":"function","function":{"name":"f"}}],)"
             R"("messages":[{"role":"system","content":"be é"},)"
             R"({"role":"user","content":"a\n\u00e9"}]})");
    ASSERT_TRUE(p.ok);
    const Request& r = p.request;
    EXPECT_EQ(r.endpoint, Endpoint::kChat);
    EXPECT_EQ(r.family, Family::kOpenai);
    EXPECT_EQ(r.model, "gpt-4o");
    EXPECT_TRUE(r.stream);
    EXPECT_TRUE(r.include_usage);
    EXPECT_EQ(r.n, 2);
    EXPECT_EQ(r.temperature, 0.5);
    EXPECT_EQ(r.max_output_tokens, 100);  // the larger of two
    EXPECT_EQ(r.store, Tri::kFalse);
    EXPECT_TRUE(r.has_tools);
    EXPECT_TRUE(r.speaks);
    EXPECT_EQ(r.effect(), "");
    EXPECT_EQ(r.messages, 2u);
    EXPECT_EQ(r.ascii_bytes, 5u);
    EXPECT_EQ(r.other_bytes, 4u);
    EXPECT_EQ(r.media_bytes, 0u);
    EXPECT_EQ(r.tools_bytes, 45u);
    EXPECT_EQ(r.beside_bytes, 0u);
    EXPECT_EQ(p.last_text(), "a\né");
    EXPECT_TRUE(r.ends_with_user);
    EXPECT_EQ(p.at(r.model_span), "\"gpt-4o\"");
    EXPECT_EQ(p.at(r.stream_span), "true");
    EXPECT_EQ(p.at(r.stream_options_span), "{\"include_usage\": true}");
    EXPECT_EQ(p.at(r.include_usage_span), "true");
    EXPECT_EQ(r.insert_at, 2u);
    EXPECT_FALSE(r.empty_object);
}

TEST(Request, AbsentIsAbsent) {
    Parsed p(Endpoint::kChat, chat(""));
    ASSERT_TRUE(p.ok);
    EXPECT_FALSE(p.request.stream);
    EXPECT_FALSE(p.request.include_usage);
    EXPECT_EQ(p.request.n, 1);
    EXPECT_EQ(p.request.temperature, std::nullopt);
    EXPECT_EQ(p.request.max_output_tokens, std::nullopt);
    EXPECT_EQ(p.request.store, Tri::kAbsent);
    EXPECT_FALSE(p.request.has_tools);
    EXPECT_FALSE(p.request.speaks);
    EXPECT_FALSE(p.request.stream_span.present());
    EXPECT_FALSE(p.request.stream_options_span.present());
    EXPECT_FALSE(p.request.include_usage_span.present());
}

TEST(Request, NullsAreTolerated) {
    Parsed p(Endpoint::kChat,
             chat(R"("stream":null,"stream_options":null,"n":null,)"
                  R"("max_tokens":null,"temperature":null,"store":null,)"
                  R"("tools":null,"functions":null,)"
                  R"("web_search_options":null)"));
    ASSERT_TRUE(p.ok);
    EXPECT_FALSE(p.request.stream);
    EXPECT_EQ(p.request.n, 1);
    EXPECT_EQ(p.request.max_output_tokens, std::nullopt);
    EXPECT_EQ(p.request.store, Tri::kAbsent);
    EXPECT_FALSE(p.request.has_tools);
    EXPECT_EQ(p.request.effect(), "");
    EXPECT_EQ(p.at(p.request.stream_span), "null");
    EXPECT_EQ(p.at(p.request.stream_options_span), "null");
    Parsed q(Endpoint::kChat,
             chat(R"("stream_options":{"include_usage":null})"));
    ASSERT_TRUE(q.ok);
    EXPECT_FALSE(q.request.include_usage);
    EXPECT_EQ(q.at(q.request.include_usage_span), "null");
}

TEST(Request, WrongBodiesNameTheirParameter) {
    struct Case {
        Endpoint endpoint;
        const char* body;
        const char* param;
    };
    const Case cases[] = {
        {Endpoint::kChat, "[]", ""},
        {Endpoint::kChat, "1", ""},
        {Endpoint::kChat, "\"x\"", ""},
        {Endpoint::kChat, "null", ""},
        {Endpoint::kChat, "{}", "model"},
        {Endpoint::kChat, R"({"messages":[]})", "model"},
        {Endpoint::kChat, R"({"model":"m"})", "messages"},
        {Endpoint::kChat, R"({"model":"m","messages":"hi"})", "messages"},
        {Endpoint::kChat, R"({"model":"m","messages":null})", "messages"},
        {Endpoint::kChat, R"({"model":"m","messages":{}})", "messages"},
        {Endpoint::kMessages, R"({"model":"m"})", "messages"},
        {Endpoint::kMessages, R"({"messages":[]})", "model"},
        {Endpoint::kEmbeddings, R"({"model":"m"})", "input"},
        {Endpoint::kEmbeddings, R"({"model":"m","input":null})", "input"},
        {Endpoint::kEmbeddings, R"({"model":"m","input":7})", "input"},
        {Endpoint::kResponses, R"({"model":"m"})", "input"},
        {Endpoint::kResponses, R"({"model":"m","input":{}})", "input"},
        {Endpoint::kResponses, R"({"input":"x"})", "model"},
        {Endpoint::kCompletions, R"({"prompt":"x"})", "model"},
        {Endpoint::kCompletions, R"({"model":"m","prompt":1})", "prompt"},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(param_of(c.endpoint, c.body), c.param) << c.body;
    }
    for (const char* wrong : {"1", "\"true\"", "[]", "{}"}) {
        EXPECT_EQ(param_of(Endpoint::kChat,
                           chat("\"stream\":" + std::string(wrong))),
                  "stream");
        EXPECT_EQ(param_of(Endpoint::kChat,
                           chat("\"stream_options\":{\"include_usage\":"
                                + std::string(wrong) + "}")),
                  "stream_options.include_usage");
    }
    for (const char* wrong : {"true", "\"1\"", "[]", "{}"}) {
        for (const char* name : {"n", "max_tokens", "max_completion_tokens",
                                 "temperature"}) {
            EXPECT_EQ(param_of(Endpoint::kChat,
                               chat("\"" + std::string(name) + "\":"
                                    + wrong)),
                      name);
        }
    }
    EXPECT_EQ(param_of(Endpoint::kChat, chat("\"stream_options\":true")),
              "stream_options");
    EXPECT_EQ(param_of(Endpoint::kChat, chat("\"stream_options\":[]")),
              "stream_options");
}

TEST(Request, Case7_ModelIsAShortStringWithoutControls) {
    for (const char* wrong :
         {"1", "null", "true", "[\"m\"]", "{}", "\"\"", R"("a\nb")",
          R"("a\u0000b")", R"("a\u007fb")", "\"a\x7f\""}) {
        EXPECT_EQ(param_of(Endpoint::kChat,
                           R"({"messages":[],"model":)"
                               + std::string(wrong) + "}"),
                  "model");
    }
    auto named = [](size_t size) {
        return R"({"messages":[],"model":")" + std::string(size, 'x')
               + "\"}";
    };
    EXPECT_TRUE(Parsed(Endpoint::kChat, named(256)).ok);
    EXPECT_EQ(param_of(Endpoint::kChat, named(257)), "model");
    EXPECT_EQ(param_of(Endpoint::kChat, named(1 << 20)), "model");
    Parsed p(Endpoint::kChat,
             R"({"messages":[],"model":"gpt\u002d4 \"é\""})");
    ASSERT_TRUE(p.ok);
    EXPECT_EQ(p.request.model, "gpt-4 \"é\"");
    EXPECT_EQ(p.at(p.request.model_span), R"("gpt\u002d4 \"é\"")");
}

TEST(Request, Case6_NumbersAreClampedNotRefused) {
    struct Case {
        const char* number;
        std::optional<int64_t> tokens;
        int64_t n;
    };
    const Case cases[] = {
        {"0", 0, 1},
        {"-5", std::nullopt, 1},
        {"-0", 0, 1},
        {"3.9", 3, 3},
        {"1e999", Request::kMaxTokens, Request::kMaxCount},
        {"-1e999", std::nullopt, 1},
        {"9223372036854775808", Request::kMaxTokens, Request::kMaxCount},
        {"1e2", 100, 100},
        {"1.000000000000000005", 1, 1},
    };
    for (const Case& c : cases) {
        std::string number = c.number;
        Parsed p(Endpoint::kChat,
                 chat("\"n\":" + number + ",\"max_tokens\":" + number));
        ASSERT_TRUE(p.ok) << number;
        EXPECT_EQ(p.request.max_output_tokens, c.tokens) << number;
        EXPECT_EQ(p.request.n, c.n) << number;
    }
    Parsed p(Endpoint::kCompletions,
             R"({"model":"m","prompt":"x","n":2,"best_of":5})");
    EXPECT_EQ(p.request.n, 5);
    Parsed q(Endpoint::kChat, chat(R"("temperature":1e999)"));
    EXPECT_EQ(q.request.temperature, std::numeric_limits<double>::max());
}

TEST(Request, FieldsOfOtherEndpointsPass) {
    EXPECT_TRUE(Parsed(Endpoint::kMessages,
                       chat(R"("stream_options":7,"n":"x","store":true)"))
                    .ok);
    Parsed p(Endpoint::kEmbeddings,
             R"({"model":"m","input":"x","stream":"x","max_tokens":[]})");
    EXPECT_TRUE(p.ok);
    EXPECT_FALSE(p.request.stream);
    EXPECT_EQ(effect(Endpoint::kChat,
                     chat(R"("background":true,"container":"c")")), "");
}

TEST(Request, Case5_NamesThatDifferInCaseAlone) {
    for (const char* name : {"Model", "MODEL", "mod\\u0045l"}) {
        EXPECT_EQ(param_of(Endpoint::kChat,
                           chat("\"" + std::string(name) + "\":\"x\"")),
                  "model");
    }
    EXPECT_EQ(param_of(Endpoint::kChat, chat("\"\u017ftream\":true")),
              "stream");
    EXPECT_EQ(param_of(Endpoint::kChat, chat("\"max_to\u212aens\":1")),
              "max_tokens");
    EXPECT_EQ(param_of(Endpoint::kMessages, chat("\"Max_Tokens\":1")),
              "max_tokens");
    EXPECT_TRUE(Parsed(Endpoint::kChat,
                       chat("\"Input\":1,\"Models\":1,\"X-Y\":1,"
                            "\"\u00e9\":1,\"User\":1")).ok);
    EXPECT_TRUE(Parsed(Endpoint::kChat,
                       chat("\"" + std::string(100000, 'M')
                            + "\":1")).ok);
}

TEST(Request, SideEffectsOfResponses) {
    auto body = [](Bytes members) {
        return R"({"model":"m","input":"x",)" + std::string(members) + "}";
    };
    struct Case {
        const char* members;
        const char* effect;
    };
    const Case cases[] = {
        {R"("store":true)", "store"},
        {R"("store":"yes")", "store"},
        {R"("store":false)", ""},
        {R"("background":true)", "background"},
        {R"("background":false)", ""},
        {R"("background":null)", ""},
        {R"("conversation":"conv_1")", "conversation"},
        {R"("conversation":{"id":"conv_1"})", "conversation"},
        {R"("conversation":null)", ""},
        {R"("previous_response_id":"resp_1")", "previous_response_id"},
        {R"("previous_response_id":null)", ""},
        {R"("prompt":{"id":"pmpt_1"})", "prompt"},
        {R"("background":true,"store":true)", "background"},
        {R"("tools":[])", ""},
        {R"("tools":[{"type":"function","name":"f"}])", ""},
        {R"("tools":[{"type":"custom","name":"f"}])", ""},
        {R"("tools":[{"type":"computer_use_preview"}])", ""},
        {R"("tools":[{"type":"local_shell"},{"type":"apply_patch"}])", ""},
        {R"("tools":[{"type":"web_search"}])", "tools:web_search"},
        {R"("tools":[{"type":"web_search_preview"}])", "tools:web_search"},
        {R"("tools":[{"type":"web_search_preview_2025_03_11"}])",
         "tools:web_search"},
        {R"("tools":[{"type":"function","name":"f"},)"
         R"({"type":"file_search"}])", "tools:file_search"},
        {R"("tools":[{"type":"code_interpreter"}])",
         "tools:code_interpreter"},
        {R"("tools":[{"type":"mcp","server_url":"u"}])", "tools:mcp"},
        {R"("tools":[{"type":"m\u0063p"}])", "tools:mcp"},
        {R"("tools":[{"type":"image_generation"}])",
         "tools:image_generation"},
        {R"("tools":[{"type":"shell"}])", "tools:shell"},
        {R"("tools":[{"type":"new_thing"}])", "tools:server"},
        {R"("tools":{"type":"mcp"})", "tools:server"},
        {R"("tools":[{"type":"namespace","name":"n","tools":)"
         R"([{"type":"function"}]}])", ""},
        {R"("tools":[{"type":"namespace","name":"n","tools":)"
         R"([{"type":"function"},{"type":"mcp"}]}])", "tools:mcp"},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(effect(Endpoint::kResponses, body(c.members)), c.effect)
            << c.members;
    }
    // State at the provider stands for the input.
    EXPECT_TRUE(Parsed(Endpoint::kResponses,
                       R"({"model":"m","previous_response_id":"r"})").ok);
    EXPECT_TRUE(Parsed(Endpoint::kResponses,
                       R"({"prompt":{"id":"p"}})").ok);
    EXPECT_FALSE(Parsed(Endpoint::kResponses,
                        R"({"previous_response_id":"r"})").ok);
}

TEST(Request, SideEffectsOfChatAndMessages) {
    EXPECT_EQ(effect(Endpoint::kChat, chat(R"("store":true)")), "store");
    EXPECT_EQ(effect(Endpoint::kChat, chat(R"("web_search_options":{})")),
              "web_search_options");
    EXPECT_EQ(effect(Endpoint::kChat, chat(R"("plugins":[{"id":"web"}])")),
              "plugins");
    EXPECT_EQ(effect(Endpoint::kChat, chat(R"("plugins":[])")), "");
    EXPECT_EQ(effect(Endpoint::kChat, chat(R"("tools":[{"function":{}}])")),
              "");
    EXPECT_EQ(effect(Endpoint::kChat,
                     chat(R"("tools":[{"type":"web_search"}])")),
              "tools:web_search");
    EXPECT_EQ(effect(Endpoint::kChat, chat(R"("functions":[{"name":"f"}])")),
              "");
    struct Case {
        const char* members;
        const char* effect;
    };
    const Case cases[] = {
        {R"("tools":[{"name":"f","input_schema":{}}])", ""},
        {R"("tools":[{"type":"custom","name":"f"}])", ""},
        {R"("tools":[{"type":"bash_20250124"},)"
         R"({"type":"text_editor_20250728"},)"
         R"({"type":"computer_20251124"},{"type":"memory_20250818"},)"
         R"({"type":"tool_search_tool_regex_20251119"}])", ""},
        {R"("tools":[{"type":"web_search_20250305"}])", "tools:web_search"},
        {R"("tools":[{"type":"web_fetch_20250910"}])", "tools:web_fetch"},
        {R"("tools":[{"type":"code_execution_20250825"}])",
         "tools:code_execution"},
        {R"("tools":[{"type":"mcp_toolset"}])", "tools:mcp"},
        {R"("tools":[{"type":"advisor_20260301"}])", "tools:server"},
        {R"("mcp_servers":[{"url":"u"}])", "mcp_servers"},
        {R"("mcp_servers":[])", ""},
        {R"("container":"c1")", "container"},
        {R"("container":null)", ""},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(effect(Endpoint::kMessages, chat(c.members)), c.effect)
            << c.members;
    }
}

TEST(Request, ReadsMessages) {
    Parsed p(Endpoint::kMessages,
             R"({"model":"claude","max_tokens":10,)"
             R"("system":[{"type":"text","text":"sys",)"
             R"("cache_control":{"type":"ephemeral"}}],)"
             R"("messages":[{"role":"user","content":"first"},)"
             R"({"role":"assistant","content":[{"type":"text","text":"ok"},)"
             R"({"type":"tool_use","id":"t1","name":"f","input":{"a":1}}]},)"
             R"({"role":"user","content":[{"type":"tool_result",)"
             R"("tool_use_id":"t1","content":[{"type":"text","text":"res"},)"
             R"({"type":"image","source":{"data":"AAAA"}}]}]}]})");
    ASSERT_TRUE(p.ok);
    EXPECT_EQ(p.request.family, Family::kAnthropic);
    EXPECT_EQ(p.request.max_output_tokens, 10);
    EXPECT_EQ(p.request.messages, 3u);
    // sys, first, ok, f, {"a":1}, res
    EXPECT_EQ(p.request.ascii_bytes, 3u + 5 + 2 + 1 + 7 + 3);
    EXPECT_EQ(p.request.media_bytes, 41u);
    EXPECT_EQ(p.last_text(), "first");
    EXPECT_FALSE(p.request.ends_with_user);
}

TEST(Request, LastUserText) {
    auto last = [](Bytes messages) {
        Parsed p(Endpoint::kChat, R"({"model":"m","messages":)"
                                      + std::string(messages) + "}");
        EXPECT_TRUE(p.ok);
        return p.last_text() + (p.request.ends_with_user ? " !" : "");
    };
    EXPECT_EQ(last("[]"), "(none)");
    EXPECT_EQ(last(R"([{"role":"system","content":"s"}])"), "(none)");
    EXPECT_EQ(last(R"([{"role":"user","content":"a"},)"
                   R"({"role":"assistant","content":"b"}])"), "a");
    EXPECT_EQ(last(R"([{"role":"user","content":"a"},)"
                   R"({"role":"user","content":"b"}])"), "b !");
    EXPECT_EQ(last(R"([{"role":"user","content":)"
                   R"([{"type":"text","text":"a"}]}])"), "a !");
    EXPECT_EQ(last(R"([{"role":"user","content":)"
                   R"([{"type":"text","text":"a"},)"
                   R"({"type":"text","text":"b"}]}])"), "b");
    EXPECT_EQ(last(R"([{"role":"user","content":)"
                   R"([{"type":"text","text":"a"},)"
                   R"({"type":"image_url","image_url":{"url":"u"}}]}])"),
              "a");
    EXPECT_EQ(last(R"([7,"x",{"role":1},{"role":"user"},)"
                   R"({"role":"user","content":null},null,)"
                   R"({"content":"a"}])"), "(none)");
}

TEST(Request, ReadsResponsesInput) {
    Parsed p(Endpoint::kResponses,
             R"({"model":"m","instructions":"do","input":"hello"})");
    ASSERT_TRUE(p.ok);
    EXPECT_EQ(p.last_text(), "hello");
    EXPECT_TRUE(p.request.ends_with_user);
    EXPECT_EQ(p.request.ascii_bytes, 7u);
    Parsed q(Endpoint::kResponses,
             R"({"model":"m","max_output_tokens":5,"input":[)"
             R"({"role":"user","content":[{"type":"input_text",)"
             R"("text":"look"},{"type":"input_image","image_url":"u"}]},)"
             R"({"type":"function_call","call_id":"c","name":"f",)"
             R"("arguments":"{}"},)"
             R"({"type":"function_call_output","call_id":"c",)"
             R"("output":"42"}]})");
    ASSERT_TRUE(q.ok);
    EXPECT_EQ(q.request.max_output_tokens, 5);
    EXPECT_EQ(q.request.messages, 3u);
    EXPECT_EQ(q.last_text(), "look");
    EXPECT_FALSE(q.request.ends_with_user);
    EXPECT_EQ(q.request.ascii_bytes, 4u + 1 + 2 + 2);
    EXPECT_EQ(q.request.media_bytes, 38u);
}

TEST(Request, ReadsPromptsAndEmbeddings) {
    struct Case {
        const char* prompt;
        uint32_t messages;
        uint64_t tokens;
        uint64_t ascii;
        const char* last;
        bool ends_with_it;
    };
    const Case cases[] = {
        {R"("hello")", 1, 0, 5, "hello", true},
        {R"(["hello"])", 1, 0, 5, "hello", true},
        {R"(["a","bc"])", 2, 0, 3, "bc", false},
        {R"([1,2,3])", 1, 3, 0, "(none)", false},
        {R"([[1,2],[3]])", 2, 3, 0, "(none)", false},
        {R"([])", 0, 0, 0, "(none)", false},
    };
    for (const Case& c : cases) {
        std::string prompt = c.prompt;
        for (Endpoint endpoint :
             {Endpoint::kCompletions, Endpoint::kEmbeddings}) {
            Parsed p(endpoint, R"({"model":"m",)"
                                   + std::string(endpoint
                                                 == Endpoint::kEmbeddings
                                                     ? "\"input\":"
                                                     : "\"prompt\":")
                                   + prompt + "}");
            ASSERT_TRUE(p.ok) << prompt;
            EXPECT_EQ(p.request.messages, c.messages) << prompt;
            EXPECT_EQ(p.request.input_tokens, c.tokens) << prompt;
            EXPECT_EQ(p.request.ascii_bytes, c.ascii) << prompt;
            EXPECT_EQ(p.last_text(), c.last) << prompt;
            EXPECT_EQ(p.request.ends_with_user, c.ends_with_it) << prompt;
        }
    }
    EXPECT_TRUE(Parsed(Endpoint::kCompletions, R"({"model":"m"})").ok);
    for (const char* body :
         {R"({"model":"m","input":"ab","messages":[{"role":"user",)"
          R"("content":[{"type":"text","text":"c"}]}]})",
          R"({"messages":[{"role":"user","content":"c"}],"input":"ab",)"
          R"("model":"m"})"}) {
        Parsed both(Endpoint::kEmbeddings, body);
        ASSERT_TRUE(both.ok);
        EXPECT_EQ(both.request.messages, 2u);
        EXPECT_EQ(both.request.ascii_bytes, 3u);
        EXPECT_EQ(both.last_text(), "ab");
    }
    EXPECT_TRUE(Parsed(Endpoint::kEmbeddings,
                       R"({"model":"m","messages":[]})").ok);
}

TEST(Request, Case19_DataAndRemoteUrlsCountAsMedia) {
    std::string image = R"({"type":"image_url","image_url":{"url":)"
                        R"("data:image/png;base64,)"
                        + std::string(100000, 'A') + "\"}}";
    std::string remote = R"({"type":"image_url","image_url":)"
                         R"({"url":"http://169.254.169.254/"}})";
    Parsed p(Endpoint::kChat,
             R"({"model":"m","messages":[{"role":"user","content":)"
             R"([{"type":"text","text":"what?"},)" + image + "," + remote
             + "]}]}");
    ASSERT_TRUE(p.ok);
    EXPECT_EQ(p.request.media_bytes, image.size() + remote.size());
    EXPECT_EQ(p.request.ascii_bytes, 5u);
    EXPECT_EQ(p.request.effect(), "");
}

double cpu_ms() {
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e3
           + static_cast<double>(t.tv_nsec) / 1e6;
}

double cost_ms(const std::string& body, uint64_t& bytes) {
    double best = 1e9;
    for (int i = 0; i < 3; i++) {
        double start = cpu_ms();
        Parsed p(Endpoint::kChat, body);
        best = std::min(best, cpu_ms() - start);
        EXPECT_TRUE(p.ok);
        bytes = p.request.ascii_bytes + p.request.other_bytes
                + p.request.tools_bytes;
    }
    return best;
}

TEST(Request, Case20_And21_TimeIsNearlyLinear) {
    auto messages = [](size_t n) {
        std::string body = R"({"model":"m","messages":[)";
        for (size_t i = 0; i < n; i++) {
            body += R"({"role":"user","content":[{"type":"text",)"
                    R"("text":"hi\n"}]},)";
        }
        return body + R"({"role":"user","content":"x"}]})";
    };
    auto tools = [](size_t n) {
        std::string body = R"({"model":"m","messages":[],"tools":[)";
        for (size_t i = 0; i < n; i++) {
            body += R"({"type":"function","function":{"name":"f"}},)";
        }
        return body + R"({"type":"function"}]})";
    };
    auto one_char = [](size_t n) {
        std::string body = R"({"model":"m","messages":[{"role":"user",)"
                           R"("content":")";
        for (size_t i = 0; i < n; i++) {
            body += i % 3 == 0 ? "\\u4e2d" : "中";
        }
        return body + "\"}]}";
    };
    uint64_t bytes = 0;
    // Ten times the size: linear costs ten times, quadratic a hundred.
    EXPECT_LT(cost_ms(messages(100000), bytes),
              40 * cost_ms(messages(10000), bytes) + 1);
    EXPECT_LT(cost_ms(tools(10000), bytes),
              40 * cost_ms(tools(1000), bytes) + 1);
    EXPECT_LT(cost_ms(one_char(400000), bytes),
              40 * cost_ms(one_char(40000), bytes) + 1);
    cost_ms(one_char(100000), bytes);
    EXPECT_EQ(bytes, 300000u);
}

TEST(Request, BodyErrorsSpeakToTheClient) {
    Document doc;
    Result<void> result = doc.parse(R"({"secret":1,)");
    ASSERT_FALSE(result.ok());
    ApiError error = body_error(result.error());
    EXPECT_EQ(error.status, 400);
    EXPECT_EQ(error.message,
              "The request body is not JSON that can be read: "
              "the text ends early at byte 12.");
    result = doc.parse(std::string(1000, '['));
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(body_error(result.error()).status, 400);
    ApiError why;
    EXPECT_FALSE(parse_request(Endpoint::kChat, doc, &why).ok());
    EXPECT_FALSE(why.message.empty());
}

}  // namespace
}  // namespace llm::api
