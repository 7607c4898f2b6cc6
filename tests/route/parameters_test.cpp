#include "src/route/parameters.hpp"

#include <deque>
#include <random>

#include "src/cache/fingerprint.hpp"
#include "tests/route/body.hpp"

namespace llm::route {
namespace {

using api::Endpoint;

struct Line {
    Bytes name;
    Bytes value;
    Bytes mode;
};

struct Outcome {
    std::string body;
    std::string effective;
    std::string refused;  // param
    std::optional<int64_t> limit;
};

Outcome apply(Endpoint endpoint, Bytes body, std::vector<Line> lines,
              Bytes model = "gpt-4o") {
    Body b(endpoint, body);
    std::deque<ParameterPath> paths;
    Parameters parameters(b.doc, b.request, model);
    for (const Line& line : lines) {
        SetMode mode = *set_mode_of(line.mode);
        auto path = parameter_path(line.name);
        auto value = parameter_value(line.value, mode);
        EXPECT_TRUE(path.ok() && value.ok()) << line.name << line.value;
        paths.push_back(std::move(path).value());
        parameters.set(paths.back(), *value, mode);
    }
    Outcome out;
    api::ApiError why;
    if (!parameters.write(b.edits, &out.effective, &why).ok()) {
        EXPECT_EQ(why.status, 400);
        EXPECT_FALSE(why.message.empty());
        out.refused = why.param;
    }
    out.limit = parameters.output_limit();
    out.body = b.after();
    return out;
}

std::string chat(Bytes body, std::vector<Line> lines) {
    return apply(Endpoint::kChat, body, std::move(lines)).body;
}

TEST(Parameters, WhatTheOperatorMayWrite) {
    for (Bytes good : {"max_tokens", "a.b.c.d", "top-p", "x:y"}) {
        EXPECT_TRUE(parameter_path(good).ok()) << good;
    }
    for (Bytes bad : {"", ".", "a.", ".a", "a..b", "a.b.c.d.e", "a b", "ä",
                      "a\"", "model", "messages", "messages.x", "stream",
                      "stream_options.include_usage", "system", "input"}) {
        EXPECT_FALSE(parameter_path(bad).ok()) << bad;
    }
    EXPECT_FALSE(parameter_path(std::string(129, 'x')).ok());
    EXPECT_EQ(set_mode_of("caps"), std::nullopt);
}

TEST(Parameters, ValuesAreScalars) {
    struct Case {
        const char* text;
        const char* json;
    };
    for (Case c : {Case{"5", "5"}, {"-0.5e3", "-0.5e3"}, {"true", "true"},
                   {"null", "null"}, {"flex", "\"flex\""},
                   {"\"5\"", "\"5\""}, {"\"\"", "\"\""},
                   {"a b", "\"a b\""}, {"tru", "\"tru\""},
                   {"say \"x\"", "\"say \\\"x\\\"\""}}) {
        auto value = parameter_value(c.text, SetMode::kForce);
        ASSERT_TRUE(value.ok()) << c.text;
        EXPECT_EQ(*value, c.json);
    }
    for (Bytes bad : {"", "{}", "[1]", "{", "01", "+1", ".5", "1.", "\"a",
                      "1 2", "a\nb", "\xff"}) {
        EXPECT_FALSE(parameter_value(bad, SetMode::kForce).ok()) << bad;
    }
    EXPECT_FALSE(parameter_value("low", SetMode::kCap).ok());
    EXPECT_FALSE(parameter_value("null", SetMode::kCap).ok());
    EXPECT_TRUE(parameter_value("512", SetMode::kCap).ok());
}

TEST(Parameters, ALimitOfTokensIsANumber) {
    auto limit = parameter_path("max_completion_tokens");
    auto other = parameter_path("a.max_tokens");
    for (Bytes good : {"5", "-1", "0", "1.5", "1e3", "null"}) {
        for (SetMode mode : {SetMode::kForce, SetMode::kDefault}) {
            EXPECT_TRUE(check_value(*limit, good, mode).ok()) << good;
        }
    }
    for (Bytes bad : {"true", "\"5\"", "\"many\""}) {
        for (SetMode mode : {SetMode::kForce, SetMode::kDefault}) {
            EXPECT_FALSE(check_value(*limit, bad, mode).ok()) << bad;
            EXPECT_TRUE(check_value(*other, bad, mode).ok()) << bad;
        }
    }
    for (Bytes bad : {"0", "-5", "1.5", "1e999"}) {
        EXPECT_FALSE(check_value(*limit, bad, SetMode::kCap).ok()) << bad;
        EXPECT_TRUE(check_value(*other, bad, SetMode::kCap).ok()) << bad;
    }
    EXPECT_TRUE(check_value(*limit, "512", SetMode::kCap).ok());
}

TEST(Parameters, DefaultWhereTheClientSaysNothing) {
    Line line{"temperature", "0.2", "default"};
    EXPECT_EQ(chat(R"({"a":1})", {line}), R"({"temperature":0.2,"a":1})");
    EXPECT_EQ(chat(R"({"temperature":null})", {line}),
              R"({"temperature":0.2})");
    EXPECT_EQ(chat(R"({"temperature":0})", {line}), R"({"temperature":0})");
    EXPECT_EQ(chat("{}", {line, {"temperature", "0.3", "default"}}),
              R"({"temperature":0.2})");
}

TEST(Parameters, ForceWhateverTheClientSays) {
    Line line{"temperature", "0.2", "force"};
    EXPECT_EQ(chat("{}", {line}), R"({"temperature":0.2})");
    EXPECT_EQ(chat(R"({ "temperature" : "hot" })", {line}),
              R"({ "temperature" : 0.2 })");
    EXPECT_EQ(chat("{}", {line, {"temperature", "0.3", "force"}}),
              R"({"temperature":0.3})");
    Outcome same = apply(Endpoint::kChat, R"({"temperature":0.2})", {line});
    EXPECT_EQ(same.body, R"({"temperature":0.2})");
    EXPECT_EQ(same.effective, "set temperature 0.2\n");
}

TEST(Parameters, CapLowersAndInserts) {
    Line line{"max_tokens", "100", "cap"};
    EXPECT_EQ(chat(R"({"max_tokens":101})", {line}),
              R"({"max_tokens":100})");
    for (Bytes fine : {R"({"max_tokens":100})", R"({"max_tokens":1e2})",
                       R"({"max_tokens":0})", R"({"max_tokens":99.5})"}) {
        EXPECT_EQ(chat(fine, {line}), fine);
    }
    EXPECT_EQ(chat("{}", {line}), R"({"max_tokens":100})");
    EXPECT_EQ(chat(R"({"max_tokens":null})", {line}),
              R"({"max_tokens":100})");
    EXPECT_EQ(chat(R"({"max_tokens":1e999})", {line}),
              R"({"max_tokens":100})");
    EXPECT_EQ(chat(R"({"max_tokens":-1})", {line}), R"({"max_tokens":100})");
    EXPECT_EQ(chat(R"({"top_p":-1})", {{"top_p", "0.5", "cap"}}),
              R"({"top_p":-1})");
    EXPECT_EQ(chat("{}", {line, {"max_tokens", "90", "cap"},
                          {"max_tokens", "95", "cap"}}),
              R"({"max_tokens":90})");
}

TEST(Parameters, ACapCountsAfterTheOthersWhateverTheOrder) {
    Line cap{"max_tokens", "100", "cap"};
    Line usual{"max_tokens", "50", "default"};
    Line large{"max_tokens", "500", "force"};
    EXPECT_EQ(chat("{}", {cap, usual}), R"({"max_tokens":50})");
    EXPECT_EQ(chat("{}", {usual, cap}), R"({"max_tokens":50})");
    EXPECT_EQ(chat(R"({"max_tokens":7})", {cap, large}),
              R"({"max_tokens":100})");
    EXPECT_EQ(chat(R"({"max_tokens":7})", {usual, cap}),
              R"({"max_tokens":7})");
}

TEST(Parameters, ACapOfSomethingElseIsRefused) {
    for (Bytes body : {R"({"top_k":"5"})", R"({"top_k":{}})",
                       R"({"top_k":true})"}) {
        Outcome out =
            apply(Endpoint::kChat, body, {{"top_k", "5", "cap"}});
        EXPECT_EQ(out.refused, "top_k");
        EXPECT_EQ(out.body, body);
        out = apply(Endpoint::kChat, body,
                    {{"top_k", "5", "cap"}, {"top_k", "9", "force"}});
        EXPECT_EQ(out.body, R"({"top_k":5})");
        EXPECT_EQ(out.refused, "");
    }
}

TEST(Parameters, TheLimitHasTheNameOfTheProtocol) {
    for (Bytes word : {"max_tokens", "max_completion_tokens",
                       "max_output_tokens"}) {
        Line line{word, "9", "force"};
        EXPECT_EQ(apply(Endpoint::kMessages, R"({"max_tokens":10})",
                        {line}).body,
                  R"({"max_tokens":9})");
        EXPECT_EQ(apply(Endpoint::kCompletions, "{}", {line}).body,
                  R"({"max_tokens":9})");
        EXPECT_EQ(apply(Endpoint::kResponses, "{}", {line}).body,
                  R"({"max_output_tokens":9})");
        EXPECT_EQ(apply(Endpoint::kEmbeddings, "{}", {line}).body, "{}");
        EXPECT_EQ(chat(R"({"max_completion_tokens":10})", {line}),
                  R"({"max_completion_tokens":9})");
        EXPECT_EQ(chat(R"({"max_tokens":10,"max_completion_tokens":null})",
                       {line}),
                  R"({"max_tokens":9,"max_completion_tokens":null})");
        EXPECT_EQ(chat(R"({"max_tokens":10,"max_completion_tokens":20})",
                       {line}),
                  R"({"max_tokens":9,"max_completion_tokens":9})");
    }
    struct Case {
        const char* model;
        bool completion;
    };
    for (Case c : {Case{"gpt-4o", false}, {"gpt-4.1-mini", false},
                   {"gpt-5", true}, {"gpt-5.1-codex", true},
                   {"gpt-10", true}, {"gpt-oss-120b", false}, {"o1", true},
                   {"o3-mini", true}, {"openai/o4-mini", true},
                   {"olmo-2", false}, {"o", false}, {"gpt-", false},
                   {"ft:o4-mini-2025-04-16:org::id", true},
                   {"openai/ft:gpt-5:org::id", true},
                   {"ft:gpt-4o:org::id", false}, {"gpt-35-turbo", false},
                   {"gpt-35-turbo-16k", false},
                   {"", false}}) {
        EXPECT_EQ(apply(Endpoint::kChat, "{}", {{"max_tokens", "9", "cap"}},
                        c.model).body,
                  c.completion ? R"({"max_completion_tokens":9})"
                               : R"({"max_tokens":9})")
            << c.model;
    }
}

TEST(Parameters, TheLimitThatTheUpstreamIsTold) {
    auto limit = [](Bytes body, std::vector<Line> lines) {
        return apply(Endpoint::kChat, body, std::move(lines)).limit;
    };
    Bytes whole = R"({"model":"m","messages":[],"max_tokens":300})";
    EXPECT_EQ(limit(whole, {}), 300);
    EXPECT_EQ(limit(whole, {{"max_tokens", "500", "cap"}}), 300);
    EXPECT_EQ(limit(whole, {{"max_tokens", "200", "cap"}}), 200);
    EXPECT_EQ(limit("{}", {{"max_tokens", "200", "cap"}}), 200);
    EXPECT_EQ(limit("{}", {}), std::nullopt);
}

TEST(Parameters, EffortStandsWhereTheProtocolHasIt) {
    for (Bytes word : {"reasoning_effort", "reasoning.effort"}) {
        Line line{word, "low", "force"};
        EXPECT_EQ(chat(R"({"reasoning_effort":"high"})", {line}),
                  R"({"reasoning_effort":"low"})");
        EXPECT_EQ(apply(Endpoint::kResponses, "{}", {line}).body,
                  R"({"reasoning":{"effort":"low"}})");
        EXPECT_EQ(apply(Endpoint::kResponses,
                        R"({"reasoning":{"summary":"auto"}})", {line}).body,
                  R"({"reasoning":{"effort":"low","summary":"auto"}})");
        EXPECT_EQ(apply(Endpoint::kMessages, "{}", {line}).body, "{}");
    }
}

TEST(Parameters, NothingThatTheProtocolWouldRefuse) {
    std::vector<Line> lines = {{"temperature", "1", "force"},
                               {"service_tier", "flex", "force"},
                               {"seed", "1", "default"},
                               {"dimensions", "256", "force"}};
    EXPECT_EQ(apply(Endpoint::kEmbeddings, "{}", lines).body,
              R"({"dimensions":256})");
    EXPECT_EQ(apply(Endpoint::kMessages, "{}", lines).body,
              R"({"service_tier":"flex","temperature":1})");
    EXPECT_EQ(chat("{}", {{"repetition_penalty", "1.1", "default"}}),
              R"({"repetition_penalty":1.1})");
}

TEST(Parameters, PathsOfObjects) {
    Bytes body = R"({"thinking":{"type":"enabled","budget_tokens":9000}})";
    Line cap{"thinking.budget_tokens", "2000", "cap"};
    EXPECT_EQ(apply(Endpoint::kMessages, body, {cap}).body,
              R"({"thinking":{"type":"enabled","budget_tokens":2000}})");
    // Who does not think has no budget to lower.
    EXPECT_EQ(apply(Endpoint::kMessages, "{}", {cap}).body, "{}");
    EXPECT_EQ(apply(Endpoint::kMessages, R"({"thinking":null})", {cap}).body,
              R"({"thinking":null})");
    EXPECT_EQ(apply(Endpoint::kMessages, R"({"thinking":{}})", {cap}).body,
              R"({"thinking":{"budget_tokens":2000}})");
    std::vector<Line> lines = {{"thinking.type", "enabled", "default"},
                               {"thinking.budget_tokens", "1024", "default"},
                               {"a.b.c", "1", "force"},
                               {"a.b.d", "2", "force"},
                               {"a.e", "3", "force"},
                               {"f", "4", "force"}};
    EXPECT_EQ(apply(Endpoint::kMessages, "{}", lines).body,
              R"({"a":{"b":{"c":1,"d":2},"e":3},"f":4,)"
              R"("thinking":{"budget_tokens":1024,"type":"enabled"}})");
    EXPECT_EQ(apply(Endpoint::kMessages, R"({"a":{"b":null},"thinking":null})",
                    lines).body,
              R"({"f":4,"a":{"e":3,"b":{"c":1,"d":2}},)"
              R"("thinking":{"budget_tokens":1024,"type":"enabled"}})");
    Outcome out = apply(Endpoint::kMessages, R"({"a":{"b":[]}})", lines);
    EXPECT_EQ(out.refused, "a.b");
}

TEST(Parameters, NestedNamesAreAMistake) {
    auto nest = [](Bytes a, Bytes b) {
        return nested(*parameter_path(a), *parameter_path(b));
    };
    EXPECT_TRUE(nest("a", "a.b"));
    EXPECT_TRUE(nest("a.b.c", "a.b"));
    EXPECT_TRUE(nest("reasoning", "reasoning_effort"));
    EXPECT_FALSE(nest("a", "a"));
    EXPECT_FALSE(nest("a.b", "a.c"));
    EXPECT_FALSE(nest("reasoning_effort", "reasoning.effort"));
}

TEST(Parameters, WhatWasChangedIsTold) {
    auto told = [](Bytes body, std::vector<Line> lines) {
        return apply(Endpoint::kChat, body, std::move(lines)).effective;
    };
    EXPECT_EQ(told(R"({"top_p":1})", {{"top_p", "1", "cap"}}),
              "set top_p 1\n");
    EXPECT_EQ(told(R"({"top_p":0.9})", {{"top_p", "1", "cap"}}), "");
    EXPECT_EQ(told(R"({"top_p":0.9})", {{"top_p", "1", "default"}}), "");
    EXPECT_EQ(told(R"({"a":{"b":1}})", {{"a.b", "1", "force"}}), "");
    EXPECT_EQ(told(R"({"a":{"b":2}})", {{"a.b", "1", "force"}}),
              "set a.b 1\n");
    EXPECT_EQ(told("{}", {{"top_p", "0.5", "force"}}), "set top_p 0.5\n");
    EXPECT_EQ(told("{}", {{"x", "5", "force"}}), "set x 5\n");
    EXPECT_EQ(told("{}", {{"x", "\"5\"", "force"}}), "set x \"5\"\n");
    EXPECT_EQ(told("{}", {{"b", "2", "force"}, {"a", "a=\"1", "force"}}),
              "set a \"a=\\\"1\"\nset b 2\n");
}

// What the upstream is asked decides on the key, not what it was before.
TEST(Parameters, RequestsThatBecomeOneShareAKey) {
    auto key_of = [](Bytes body, std::vector<Line> lines) {
        Body b(Endpoint::kChat, body);
        std::deque<ParameterPath> paths;
        Parameters parameters(b.doc, b.request, "gpt-4o");
        for (const Line& line : lines) {
            paths.push_back(*parameter_path(line.name));
            parameters.set(paths.back(), line.value, *set_mode_of(line.mode));
        }
        std::string effective;
        EXPECT_TRUE(parameters.write(b.edits, &effective).ok());
        cache::KeyParts parts;
        parts.endpoint = Endpoint::kChat;
        parts.effective = effective;
        parts.replaced = parameters.replaced();
        return cache::fingerprint(b.doc, parts).hex();
    };
    std::vector<Line> force = {{"temperature", "0", "force"},
                               {"a.b", "1", "force"}};
    std::string wanted = key_of(R"({"x":1,"temperature":0.5})", force);
    for (Bytes same : {R"({"x":1})", R"({"x":1,"temperature":0})",
                       R"({"temperature":null,"x":1})",
                       R"({"x":1,"temperature":0.9})"}) {
        EXPECT_EQ(key_of(same, force), wanted) << same;
    }
    EXPECT_NE(key_of(R"({"x":2})", force), wanted);
    EXPECT_NE(key_of(R"({"x":1,"temperature":0})", {}), wanted);
    EXPECT_NE(key_of(R"({"x":1,"a":{"c":1}})", force), wanted);

    std::vector<Line> cap = {{"max_tokens", "100", "cap"}};
    wanted = key_of(R"({"max_tokens":100})", cap);
    EXPECT_EQ(key_of("{}", cap), wanted);
    EXPECT_EQ(key_of(R"({"max_tokens":5000})", cap), wanted);
    EXPECT_NE(key_of(R"({"max_tokens":99})", cap), wanted);
    EXPECT_NE(key_of(R"({"max_completion_tokens":100})", cap), wanted);

    std::vector<Line> usual = {{"top_p", "0.5", "default"}};
    EXPECT_EQ(key_of(R"({"top_p":0.5})", usual), key_of("{}", usual));
    EXPECT_NE(key_of(R"({"top_p":0.6})", usual), key_of("{}", usual));
}

// Upstreams differ in which one they go by, and whether -1 is a limit.
TEST(Parameters, OfTwoLimitsTheLargerIsHeldANegativeOneIsNone) {
    auto limit_of = [](const char* more) {
        Body b(Endpoint::kChat,
               R"({"model":"m","messages":[])" + std::string(more) + "}");
        Parameters parameters(b.doc, b.request, "m");
        EXPECT_TRUE(parameters.write(b.edits, nullptr).ok());
        return parameters.output_limit();
    };
    EXPECT_EQ(limit_of(R"(,"max_tokens":5,"max_completion_tokens":900)"),
              900);
    EXPECT_EQ(limit_of(R"(,"max_tokens":900,"max_completion_tokens":5)"),
              900);
    EXPECT_EQ(limit_of(R"(,"max_tokens":-1)"), std::nullopt);
    EXPECT_EQ(limit_of(R"(,"max_tokens":-1,"max_completion_tokens":7)"), 7);
}

// Writing twice, with a cap that came later, is as good as writing once.
// What limits cut is written as an llm_set would write it, by a shorter way
// where nobody has named a limit.
TEST(Parameters, ACapByLimitsIsThatOfLlmSet) {
    static const ParameterPath limit = {{"max_tokens"}};
    const Bytes limits[] = {
        "",
        R"("max_tokens":5,)",
        R"("max_tokens":50,)",
        R"("max_tokens":null,)",
        R"("max_tokens":-1,)",
        R"("max_completion_tokens":null,"max_tokens":-2,)",
        R"("max_completion_tokens":50,)",
        R"("max_tokens":50,"max_completion_tokens":4,)",
        R"("max_output_tokens":50,)",
        R"("max_output_tokens":null,)",
    };
    constexpr Bytes kContent =
        R"("messages":[{"role":"user","content":"hi"}],"input":"hi",)"
        R"("prompt":"hi","model":"m"})";
    for (Endpoint endpoint : {Endpoint::kChat, Endpoint::kCompletions,
                              Endpoint::kResponses, Endpoint::kMessages,
                              Endpoint::kEmbeddings}) {
        for (Bytes model : {"gpt-4o", "gpt-5", "o1"}) {
            for (Bytes named : limits) {
                std::string body = "{" + std::string(named);
                body += kContent;
                for (bool set : {false, true}) {
                    Body one(endpoint, body);
                    Body other(endpoint, body);
                    Parameters by_set(one.doc, one.request, model);
                    Parameters by_cap(other.doc, other.request, model);
                    if (set) {
                        by_set.set(limit, "20", SetMode::kDefault);
                        by_cap.set(limit, "20", SetMode::kDefault);
                    }
                    ASSERT_TRUE(by_set.write(one.edits, nullptr).ok());
                    ASSERT_TRUE(by_cap.write(other.edits, nullptr).ok());
                    by_set.set(limit, "9", SetMode::kCap);
                    ASSERT_TRUE(by_set.write(one.edits, nullptr).ok());
                    ASSERT_TRUE(by_cap.cap_output(9, other.edits).ok());
                    EXPECT_EQ(other.after(), one.after()) << model << body;
                    EXPECT_EQ(by_cap.output_limit(), by_set.output_limit());
                }
            }
        }
    }
}

TEST(Parameters, ALaterCapIsWrittenOverTheFirst) {
    Body b(Endpoint::kChat, R"({"model":"m","messages":[]})");
    Parameters parameters(b.doc, b.request, "m");
    ParameterPath path = {{"max_tokens"}};
    parameters.set(path, "500", SetMode::kDefault);
    ASSERT_TRUE(parameters.write(b.edits, nullptr).ok());
    EXPECT_EQ(parameters.output_limit(), 500);
    parameters.set(path, "20", SetMode::kCap);
    ASSERT_TRUE(parameters.write(b.edits, nullptr).ok());
    EXPECT_EQ(parameters.output_limit(), 20);
    EXPECT_EQ(b.after(), R"({"max_tokens":20,"model":"m","messages":[]})");
}

}  // namespace
}  // namespace llm::route
