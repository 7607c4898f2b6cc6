#include "src/cache/fingerprint.hpp"

#include <gtest/gtest.h>

#include <set>

#include "src/json/canonical.hpp"

namespace llm::cache {
namespace {

using api::Endpoint;
using json::Document;
using json::kRoot;

Digest key(Bytes body, const KeyParts& parts) {
    Document doc;
    EXPECT_TRUE(doc.parse(body).ok()) << body;
    Hasher hasher;
    hasher.update("left over from an earlier use");
    std::string head;
    append_key_head(parts, head);
    Digest digest = fingerprint(doc, parts, head, hasher);
    EXPECT_EQ(digest, fingerprint(doc, parts));
    return digest;
}

Digest key(Bytes body, Endpoint endpoint = Endpoint::kChat) {
    KeyParts parts;
    parts.endpoint = endpoint;
    return key(body, parts);
}

const std::string kBody =
    R"({"model":"m","messages":[{"role":"user","content":"hi"}]})";

// kBody with one more member at the end.
std::string with(Bytes member) {
    return kBody.substr(0, kBody.size() - 1) + "," + std::string(member)
           + "}";
}

TEST(Fingerprint, IsTheDocumentedConstruction) {
    constexpr Bytes kScope[] = {"acme corp", ""};
    KeyParts parts;
    parts.endpoint = Endpoint::kMessages;
    parts.model = "claude/x";
    parts.version = "2";
    parts.effective = "temperature=0";
    parts.upstream = "api:443";
    parts.target = "/v1/x?a=1";
    parts.scope = kScope;
    parts.anthropic_version = "2023-06-01";
    parts.anthropic_beta = "a,b";
    parts.openai_organization = "org";
    parts.openai_project = "proj";
    parts.openai_beta = "beta";
    EXPECT_EQ(key(R"({"stream":true,"z":1,"model":"c","a":"\u0041"})", parts),
              sha256("llm-key 2\n"
                     "endpoint=8:messages\n"
                     "family=9:anthropic\n"
                     "model=8:claude/x\n"
                     "version=1:2\n"
                     "effective=13:temperature=0\n"
                     "upstream=7:api:443\n"
                     "target=9:/v1/x?a=1\n"
                     "anthropic-version=10:2023-06-01\n"
                     "anthropic-beta=3:a,b\n"
                     "openai-organization=3:org\n"
                     "openai-project=4:proj\n"
                     "openai-beta=4:beta\n"
                     "scopes=2\n"
                     "scope=9:acme corp\n"
                     "scope=0:\n"
                     "body\n"
                     R"({"a":"A","z":1})"));
    EXPECT_EQ(key(R"({"model":"m"})"),
              sha256("llm-key 2\nendpoint=4:chat\nfamily=6:openai\nbody\n"
                     R"({"model":"m"})"));
}

TEST(Fingerprint, EqualRequestsMeet) {
    Digest base = key(kBody);
    std::string same[] = {
        " { \"model\" : \"m\" ,\n\t\"messages\" : [ { \"role\" : \"user\" , "
        "\"content\" : \"hi\" } ] } ",
        R"({"messages":[{"content":"hi","role":"user"}],"model":"m"})",
        R"({"mod\u0065l":"\u006d","messages":[{"role":"user",)"
        R"("content":"\u0068i"}]})",
        with(R"("stream":true)"),
        with(R"("stream":false)"),
        with(R"("stream":null)"),
        with(R"("stream":true,"stream_options":{"include_usage":true})"),
        with(R"("user":"u1")"),
        with(R"("user":"u2")"),
        with(R"("safety_identifier":"s")"),
        with(R"("metadata":{"a":"b"})"),
        with(R"("store":false)"),
        with(R"("prompt_cache_key":"k")"),
        with(R"("prompt_cache_options":{"mode":"x","ttl":"1h"})"),
        with(R"("prompt_cache_retention":"24h")"),
        with(R"("priority":1)"),
        with(R"("request_id":"r")"),
        with(R"("session_id":"s")"),
        with(R"("cache_salt":"c")"),
    };
    for (const std::string& body : same) {
        EXPECT_EQ(key(body), base) << body;
    }
}

TEST(Fingerprint, DifferentRequestsNeverMeet) {
    std::vector<std::string> bodies = {
        kBody,
        R"({"model":"m2","messages":[{"role":"user","content":"hi"}]})",
        R"({"model":"m","messages":[{"role":"user","content":"hi "}]})",
        R"({"model":"m","messages":[{"role":"user","content":"Hi"}]})",
        R"({"model":"m","messages":[{"role":"system","content":"hi"}]})",
        R"({"model":"m","messages":[{"role":"user","content":["hi"]}]})",
        R"({"model":"m","messages":[{"role":"user","content":"hi"},)"
        R"({"role":"user","content":""}]})",
        R"({"model":"m","messages":[{"role":"user","content":[)"
        R"({"type":"text","text":"hi"}]}]})",
        R"({"model":"m","messages":[{"role":"user","content":[)"
        R"({"type":"text","text":"hi"},{"type":"image_url",)"
        R"("image_url":{"url":"data:,a"}}]}]})",
        R"({"model":"m","messages":[{"role":"user","content":"hi",)"
        R"("name":"n"}]})",
        // What is left out at the top counts anywhere below.
        R"({"model":"m","messages":[{"role":"user","content":"hi",)"
        R"("user":"u"}]})",
        R"({"model":"m","messages":[{"role":"user","content":"hi",)"
        R"("metadata":{}}]})",
        // NFC and NFD.
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
        "\"\xc3\xa9\"}]}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
        "\"e\xcc\x81\"}]}",
    };
    // Spellings of a number, and null against absent.
    for (const char* value : {"0", "0.0", "-0", "0e0", "1", "1.0", "1e0",
                              "10e-1", "1.000000000000000005", "null",
                              "\"0\"", "1e999", "9223372036854775808"}) {
        bodies.push_back(with("\"temperature\":" + std::string(value)));
    }
    for (const char* name : {
             "frequency_penalty", "function_call", "functions", "logit_bias",
             "logprobs", "max_completion_tokens", "max_tokens", "modalities",
             "moderation", "n", "parallel_tool_calls", "prediction",
             "presence_penalty", "reasoning_effort", "response_format",
             "seed", "service_tier", "stop", "tool_choice", "tools",
             "top_logprobs", "top_p", "verbosity", "web_search_options",
             "audio", "top_k", "min_p", "repetition_penalty",
             "length_penalty", "use_beam_search", "stop_token_ids",
             "include_stop_str_in_output", "ignore_eos", "min_tokens",
             "skip_special_tokens", "truncate_prompt_tokens",
             "allowed_token_ids", "bad_words", "structured_outputs",
             "chat_template", "chat_template_kwargs", "documents",
             "add_generation_prompt", "continue_final_message",
             "mm_processor_kwargs", "thinking_token_budget",
             "include_reasoning", "watermarking", "echo", "guided_json",
             "unknown_to_us", "User", "streams", "stream ", "meta_data",
         }) {
        bodies.push_back(with("\"" + std::string(name) + "\":1"));
        bodies.push_back(with("\"" + std::string(name) + "\":2"));
        bodies.push_back(with("\"" + std::string(name) + "\":null"));
    }
    std::set<std::string> keys;
    for (const std::string& body : bodies) {
        EXPECT_TRUE(keys.insert(key(body).hex()).second) << body;
    }
    EXPECT_EQ(keys.size(), bodies.size());
}

TEST(Fingerprint, ListsDifferByEndpoint) {
    auto meets = [](Endpoint endpoint, Bytes member) {
        std::string body = "{\"model\":\"m\"";
        return key(body + "}", endpoint)
               == key(body + "," + std::string(member) + "}", endpoint);
    };
    EXPECT_TRUE(meets(Endpoint::kResponses, R"("store":false)"));
    EXPECT_TRUE(meets(Endpoint::kCompletions, R"("stream":true)"));
    EXPECT_TRUE(meets(Endpoint::kEmbeddings, R"("user":"u")"));
    EXPECT_TRUE(meets(Endpoint::kEmbeddings, R"("stream":false)"));
    EXPECT_FALSE(meets(Endpoint::kEmbeddings,
                       R"("encoding_format":"base64")"));
    EXPECT_FALSE(meets(Endpoint::kEmbeddings, R"("dimensions":8)"));
    EXPECT_FALSE(meets(Endpoint::kEmbeddings, R"("metadata":{})"));
    EXPECT_TRUE(meets(Endpoint::kMessages, R"("metadata":{"user_id":"u"})"));
    EXPECT_TRUE(meets(Endpoint::kMessages, R"("stream":true)"));
    EXPECT_FALSE(meets(Endpoint::kMessages, R"("user":"u")"));
    EXPECT_FALSE(meets(Endpoint::kMessages, R"("store":true)"));
    EXPECT_FALSE(meets(Endpoint::kMessages, R"("priority":1)"));
    EXPECT_FALSE(meets(Endpoint::kMessages, R"("service_tier":"auto")"));

    std::set<std::string> keys;
    for (Endpoint endpoint :
         {Endpoint::kChat, Endpoint::kCompletions, Endpoint::kEmbeddings,
          Endpoint::kResponses, Endpoint::kMessages}) {
        keys.insert(key(kBody, endpoint).hex());
    }
    EXPECT_EQ(keys.size(), 5u);
}

TEST(Fingerprint, ModelAfterRoutingStandsForTheBodys) {
    KeyParts routed;
    routed.endpoint = Endpoint::kChat;
    routed.model = "small";
    std::string other = kBody;
    other.replace(other.find("\"m\""), 3, "\"n\"");
    EXPECT_NE(key(kBody), key(other));
    EXPECT_EQ(key(kBody, routed), key(other, routed));
    EXPECT_NE(key(kBody, routed), key(kBody));
    KeyParts large = routed;
    large.model = "large";
    EXPECT_NE(key(kBody, routed), key(kBody, large));
}

TEST(Fingerprint, EveryPartCountsAndNoneForgesAnother) {
    std::set<std::string> keys;
    size_t tried = 0;
    auto add = [&](auto change) {
        KeyParts parts;
        parts.endpoint = Endpoint::kChat;
        change(parts);
        tried++;
        EXPECT_TRUE(keys.insert(key(kBody, parts).hex()).second) << tried;
    };
    add([](KeyParts&) {});
    for (Bytes value : {Bytes("1"), Bytes("2"), Bytes("1\nversion=1"),
                        Bytes("%31"), Bytes("\n"), Bytes("=")}) {
        add([=](KeyParts& p) { p.model = value; });
        add([=](KeyParts& p) { p.version = value; });
        add([=](KeyParts& p) { p.effective = value; });
        add([=](KeyParts& p) { p.anthropic_version = value; });
        add([=](KeyParts& p) { p.anthropic_beta = value; });
        add([=](KeyParts& p) { p.openai_organization = value; });
        add([=](KeyParts& p) { p.openai_project = value; });
        add([=](KeyParts& p) { p.openai_beta = value; });
    }
    std::vector<std::vector<Bytes>> scopes = {
        {""},          {"", ""},     {"a"},           {"a", ""},
        {"", "a"},     {"a", "b"},   {"b", "a"},      {"ab"},
        {"a,b"},       {"a\nscope=b"}, {"a%0ascope=b"}, {"a", "b", ""},
        {"a=b"},       {"a%b"},      {"a:b"},         {"a\nbody\n{}"},
        {"A"},         {"a "},       {"\xc3\xa9"},    {"%c3%a9"},
    };
    for (const auto& scope : scopes) {
        add([&](KeyParts& p) { p.scope = scope; });
    }
}

TEST(Fingerprint, PlaceholderLeavesOneTextOpen) {
    auto open_key = [](Bytes text, bool open) {
        std::string body = R"({"model":"m","messages":[{"role":"system",)"
                           R"("content":"s"},{"role":"user","content":)"
                           + std::string(text) + "}]}";
        Document doc;
        EXPECT_TRUE(doc.parse(body).ok());
        KeyParts parts;
        parts.endpoint = Endpoint::kChat;
        if (open) {
            json::NodeId last = json::kNoNode;
            for (auto message :
                 doc.children(doc.find(kRoot, "messages"))) {
                last = doc.find(message, "content");
            }
            parts.placeholder = last;
        }
        return fingerprint(doc, parts);
    };
    EXPECT_EQ(open_key("\"one\"", true), open_key("\"two\"", true));
    EXPECT_NE(open_key("\"one\"", false), open_key("\"two\"", false));
    EXPECT_NE(open_key("\"one\"", true), open_key("\"one\"", false));
    EXPECT_NE(open_key("\"one\"", true), open_key("\"\"", false));
}

}  // namespace
}  // namespace llm::cache
