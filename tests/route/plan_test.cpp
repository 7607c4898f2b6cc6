#include "src/route/plan.hpp"

#include <random>

#include "src/json/canonical.hpp"
#include "tests/route/body.hpp"

namespace llm::route {
namespace {

using api::Endpoint;

std::string canonical(Bytes text) {
    json::Document doc;
    EXPECT_TRUE(doc.parse(text).ok()) << text;
    std::string out;
    json::append_canonical(doc, {}, out);
    return out;
}

struct Made {
    SystemText prepend = *system_text(SystemMode::kPrepend, "Be \"kind\".");
    SystemText append = *system_text(SystemMode::kAppend, "Be brief.");
    ParameterPath limit = *parameter_path("max_tokens");
    ParameterPath top_p = *parameter_path("top_p");
    ParameterPath effort = *parameter_path("reasoning_effort");

    Plan whole() const {
        Plan plan;
        plan.texts = {&prepend, &append};
        plan.settings = {{&limit, "100", SetMode::kCap},
                         {&top_p, "0.5", SetMode::kForce},
                         {&effort, "\"low\"", SetMode::kDefault}};
        plan.provider_cache = true;
        plan.cache_key = "abc";
        return plan;
    }
};

TEST(Plan, AnEmptyOneChangesNothing) {
    Body b(Endpoint::kChat, R"({"model":"m","messages":[]})");
    std::string effective;
    auto done = apply(Plan(), b.doc, b.request, "", b.edits, &effective);
    ASSERT_TRUE(done.ok());
    EXPECT_TRUE(b.edits.empty());
    EXPECT_EQ(effective, "");
    EXPECT_EQ(Plan().system_version(), "");
}

TEST(Plan, AppliesAllOfItInEveryProtocol) {
    Made made;
    Plan plan = made.whole();
    EXPECT_EQ(plan.system_version(), std::string(made.prepend.version()) + ","
                                         + std::string(made.append.version()));
    auto run = [&](Endpoint endpoint, Bytes body, Bytes model) {
        Body b(endpoint, body);
        EXPECT_TRUE(apply(plan, b.doc, b.request, model, b.edits, nullptr)
                        .ok());
        return canonical(b.after());
    };
    EXPECT_EQ(run(Endpoint::kChat,
                  R"({"model":"m","messages":[{"role":"user",)"
                  R"("content":"x"}],"max_tokens":500})",
                  "big"),
              canonical(R"({"model":"big","messages":[{"role":"system",)"
                        R"("content":"Be \"kind\".\n\nBe brief."},)"
                        R"({"role":"user","content":"x"}],"top_p":0.5,)"
                        R"("max_tokens":100,"reasoning_effort":"low",)"
                        R"("prompt_cache_key":"abc"})"));
    EXPECT_EQ(run(Endpoint::kChat, R"({"model":"m","messages":[]})", "o3"),
              canonical(R"({"model":"o3","messages":[{"role":"system",)"
                        R"("content":"Be \"kind\".\n\nBe brief."}],)"
                        R"("top_p":0.5,"max_completion_tokens":100,)"
                        R"("reasoning_effort":"low",)"
                        R"("prompt_cache_key":"abc"})"));
    EXPECT_EQ(run(Endpoint::kResponses,
                  R"({"model":"m","input":"x","instructions":"own"})", ""),
              canonical(R"({"model":"m","input":"x","instructions":)"
                        R"("Be \"kind\".\n\nown\n\nBe brief.","top_p":0.5,)"
                        R"("max_output_tokens":100,"reasoning":)"
                        R"({"effort":"low"},"prompt_cache_key":"abc"})"));
    EXPECT_EQ(run(Endpoint::kMessages,
                  R"({"model":"m","messages":[],"max_tokens":7})", "c"),
              canonical(R"({"model":"c","messages":[],"max_tokens":7,)"
                        R"("system":"Be \"kind\".\n\nBe brief.",)"
                        R"("top_p":0.5})"));
    EXPECT_EQ(run(Endpoint::kEmbeddings, R"({"model":"m","input":"x"})",
                  "e"),
              canonical(R"({"model":"e","input":"x"})"));
}

TEST(Plan, ALaterCapIsWrittenOver) {
    Made made;
    Plan plan = made.whole();
    Body b(Endpoint::kMessages,
           R"({"model":"m","messages":[],"max_tokens":500})");
    auto parameters = apply(plan, b.doc, b.request, "", b.edits, nullptr);
    ASSERT_TRUE(parameters.ok());
    EXPECT_EQ(parameters->output_limit(), 100);
    parameters->set(made.limit, "20", SetMode::kCap);
    ASSERT_TRUE(parameters->write(b.edits, nullptr).ok());
    EXPECT_EQ(parameters->output_limit(), 20);
    EXPECT_NE(b.after().find("\"max_tokens\":20"), std::string::npos);
}

TEST(Plan, WhatTheClientGotWrongIsTold) {
    Made made;
    Plan plan = made.whole();
    api::ApiError why;
    Body b(Endpoint::kMessages, R"({"model":"m","messages":[]})");
    ASSERT_TRUE(b.doc.parse(R"({"model":"m","system":7})").ok());
    EXPECT_FALSE(
        apply(plan, b.doc, b.request, "", b.edits, nullptr, &why).ok());
    EXPECT_EQ(why.param, "system");
}

// A random body with every member that an edit may touch, in a random order,
// form and spacing: the edited one is JSON, holds what was not edited byte
// for byte, and applying the plan a second time after clear() is the same.
class RandomBody {
public:
    explicit RandomBody(uint32_t seed) : random_(seed) {}

    std::string make() {
        std::vector<std::string> members = {
            member("model", {R"("m")", R"("\u006d")"}),
            member("messages",
                   {"[]", R"([{"role":"user","content":"x"}])",
                    R"([ {"role":"system","content":"s"} , {"role":"user"}])",
                    R"([{"content":[{"type":"text","text":"a"}],)"
                    R"("role":"developer"},{"role":"system"}])"}),
            member("untouched", {R"([1, 2.50 ,"\u00e9"])", "1e400", "{}"})};
        maybe(members, "max_tokens", {"5", "500", "null", "-1"});
        maybe(members, "max_completion_tokens", {"5", "500", "null"});
        maybe(members, "top_p", {"1", "null", "0.50"});
        maybe(members, "reasoning_effort", {"\"high\"", "null"});
        maybe(members, "prompt_cache_key", {"\"own\"", "null"});
        std::shuffle(members.begin(), members.end(), random_);
        std::string out = space() + "{" + space();
        for (size_t i = 0; i < members.size(); i++) {
            out += (i > 0 ? "," + space() : "") + members[i];
        }
        return out + "}" + space();
    }

private:
    std::string space() {
        const char* spaces[] = {"", " ", "\n", "\t  "};
        return spaces[random_() % 4];
    }
    std::string member(Bytes key, std::vector<Bytes> values) {
        return "\"" + std::string(key) + "\"" + space() + ":" + space()
               + std::string(values[random_() % values.size()]) + space();
    }
    void maybe(std::vector<std::string>& members, Bytes key,
               std::vector<Bytes> values) {
        if (random_() % 2 == 0) {
            members.push_back(member(key, std::move(values)));
        }
    }

    std::mt19937 random_;
};

TEST(Plan, PropertyTheRestStaysAndTwiceIsOnce) {
    Made made;
    Plan plan = made.whole();
    SystemText replace = *system_text(SystemMode::kReplace, "R");
    for (uint32_t seed = 0; seed < 2000; seed++) {
        plan.texts = {&made.prepend, &made.append};
        if (seed % 3 == 0) {
            plan.texts.push_back(&replace);
        }
        Body b(Endpoint::kChat, RandomBody(seed).make());
        std::string first;
        for (int round = 0; round < 2; round++) {
            b.edits.clear();
            ASSERT_TRUE(apply(plan, b.doc, b.request, "new", b.edits,
                              nullptr).ok());
            std::string after = b.after();
            ASSERT_TRUE(first.empty() || first == after);
            first = after;
        }
        json::Document now;
        ASSERT_TRUE(now.parse(first).ok()) << b.text;
        auto raw = [](const json::Document& doc, Bytes key) {
            auto id = doc.find(json::kRoot, key);
            return id == json::kNoNode ? Bytes("absent") : doc.raw(id);
        };
        EXPECT_EQ(raw(now, "untouched"), raw(b.doc, "untouched"));
        EXPECT_EQ(raw(now, "model"), "\"new\"");
        EXPECT_EQ(raw(now, "top_p"), "0.5");
        for (Bytes limit : {"max_tokens", "max_completion_tokens"}) {
            Bytes given = raw(b.doc, limit);
            bool lowered = given == "500" || given == "-1";
            EXPECT_TRUE(raw(now, limit) == (lowered ? Bytes("100") : given)
                        || raw(now, limit) == "100")
                << b.text << first;
        }
        EXPECT_NE(raw(now, "messages").find("Be ") != Bytes::npos,
                  seed % 3 == 0)
            << first;
    }
}

}  // namespace
}  // namespace llm::route
