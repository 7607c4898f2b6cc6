#include "src/route/provider_cache.hpp"

#include "src/route/system_text.hpp"
#include "tests/route/body.hpp"

namespace llm::route {
namespace {

using api::Endpoint;

const std::string kLong(kMinBytes, 'a');
const std::string kMark = R"("cache_control":{"type":"ephemeral"})";

struct Outcome {
    int marks;
    std::string body;
};

Outcome mark(const std::string& body,
             Endpoint endpoint = Endpoint::kMessages) {
    Body b(endpoint, body);
    int marks = mark_stable_prefix(b.doc, b.request, b.edits);
    return {marks, b.after()};
}

std::string text_block(const std::string& text, bool marked) {
    return R"([{"type":"text","text":")" + text + "\""
           + (marked ? "," + kMark : "") + "}]";
}

TEST(ProviderCache, MarksTheSystemText) {
    Outcome out = mark(R"({"system": ")" + kLong + R"(" ,"messages":[]})");
    EXPECT_EQ(out.marks, 1);
    EXPECT_EQ(out.body, R"({"system": )" + text_block(kLong, true)
                            + R"( ,"messages":[]})");
    out = mark(R"({"system":[{"type":"text","text":"a"},)"
               R"({"type":"text","text":")" + kLong + R"("}]})");
    EXPECT_EQ(out.marks, 1);
    EXPECT_EQ(out.body, R"({"system":[{"type":"text","text":"a"},{)" + kMark
                            + R"(,"type":"text","text":")" + kLong
                            + R"("}]})");
}

TEST(ProviderCache, LeavesShortOnes) {
    for (const char* body :
         {R"({"system":"a","messages":[{"role":"user","content":"x"}]})",
          R"({"system":"","tools":[],"messages":[]})",
          R"({"system":[],"messages":[{},{}]})", "{}"}) {
        Outcome out = mark(body);
        EXPECT_EQ(out.marks, 0);
        EXPECT_EQ(out.body, body);
    }
}

TEST(ProviderCache, MarksToolsAndTheLastMessageButOne) {
    std::string head = R"({"tools":[{"name":"a"},{"name":"b","description":")"
                       + kLong + R"("}],)";
    std::string turns = R"({"role":"user","content":"q"},)"
                        R"({"role":"assistant","content":[)"
                        R"({"type":"text","text":"a"},)"
                        R"({"type":"thinking","thinking":"t"}]},)";
    Outcome out = mark(head + R"("messages":[)" + turns
                       + R"({"role":"user","content":"x"}]})");
    EXPECT_EQ(out.marks, 2);
    EXPECT_EQ(out.body, R"({"tools":[{"name":"a"},{)" + kMark
                            + R"(,"name":"b","description":")" + kLong
                            + R"("}],"messages":[{"role":"user",)"
                              R"("content":"q"},{"role":"assistant",)"
                              R"("content":[{)" + kMark
                            + R"(,"type":"text","text":"a"},)"
                              R"({"type":"thinking","thinking":"t"}]},)"
                              R"({"role":"user","content":"x"}]})");
    out = mark(R"({"messages":[{"role":"user","content":")" + kLong
               + R"("},{"role":"user","content":"x"}]})");
    EXPECT_EQ(out.marks, 1);
    EXPECT_EQ(out.body, R"({"messages":[{"role":"user","content":)"
                            + text_block(kLong, true)
                            + R"(},{"role":"user","content":"x"}]})");
    // A newest turn alone comes never again in this form.
    EXPECT_EQ(mark(R"({"messages":[{"role":"user","content":")" + kLong
                   + R"("}]})").marks, 0);
    EXPECT_EQ(mark(R"({"tools":[{"name":"b","defer_loading":true,"d":")"
                   + kLong + R"("}],"messages":[]})").marks, 0);
}

TEST(ProviderCache, LeavesWhoMarksHimself) {
    for (const std::string& body :
         {R"({"cache_control":{"type":"ephemeral"},"system":")" + kLong
              + R"("})",
          R"({"system":")" + kLong + R"(","messages":[{"role":"user",)"
              R"("content":[{"type":"text","text":"a",)" + kMark + "}]}]}"}) {
        Outcome out = mark(body);
        EXPECT_EQ(out.marks, 0);
        EXPECT_EQ(out.body, body);
    }
    // Who only speaks of it does not.
    EXPECT_EQ(mark(R"({"system":"cache_control )" + kLong + R"("})").marks,
              1);
    EXPECT_EQ(mark(R"({"system":")" + kLong + R"("})", Endpoint::kChat).marks,
              0);
}

TEST(ProviderCache, MarksTheOperatorsWords) {
    auto run = [](SystemMode mode, Bytes body) {
        Body b(Endpoint::kMessages, body);
        auto text = system_text(mode, kLong);
        const SystemText* list[] = {&*text};
        auto whole =
            apply_system(b.doc, b.request, list, b.edits, nullptr);
        EXPECT_TRUE(whole.ok());
        EXPECT_EQ(mark_stable_prefix(b.doc, b.request, b.edits, *whole), 1)
            << body;
        return b.after();
    };
    std::string marked = R"({"system":)" + text_block(kLong, true);
    EXPECT_EQ(run(SystemMode::kPrepend, R"({"messages":[]})"),
              marked + R"(,"messages":[]})");
    EXPECT_EQ(run(SystemMode::kReplace, R"({"system":"s"})"), marked + "}");
    EXPECT_EQ(run(SystemMode::kReplace, R"({"system":[{"type":"text",)"
                                        R"("text":"s"}]})"),
              marked + "}");
    Body b(Endpoint::kMessages, R"({"system":")" + kLong + R"("})");
    auto text = system_text(SystemMode::kAppend, "K");
    const SystemText* list[] = {&*text};
    auto whole = apply_system(b.doc, b.request, list, b.edits, nullptr);
    EXPECT_EQ(mark_stable_prefix(b.doc, b.request, b.edits, *whole), 1);
    EXPECT_EQ(b.after(),
              R"({"system":)" + text_block(kLong + "\\n\\nK", true) + "}");
}

TEST(ProviderCache, NamesTheKeyForOpenai) {
    Hmac mac("secret");
    std::string key = prompt_cache_key(mac, "tenant", "0123");
    EXPECT_EQ(key.size(), 32u);
    EXPECT_EQ(key, prompt_cache_key(mac, "tenant", "0123"));
    EXPECT_NE(key, prompt_cache_key(mac, "tenant2", "0123"));
    EXPECT_NE(key, prompt_cache_key(mac, "tenant", "0124"));
    EXPECT_NE(key, prompt_cache_key(mac, "tenant\n01", "23"));
    EXPECT_NE(key, prompt_cache_key(Hmac("other"), "tenant", "0123"));

    auto set = [](Endpoint endpoint, Bytes body) {
        Body b(endpoint, body);
        bool done = set_prompt_cache_key(b.doc, b.request, "k", b.edits);
        EXPECT_EQ(done, !b.edits.empty());
        return b.after();
    };
    for (Endpoint endpoint : {Endpoint::kChat, Endpoint::kResponses}) {
        EXPECT_EQ(set(endpoint, R"({"n":1})"),
                  R"({"prompt_cache_key":"k","n":1})");
        EXPECT_EQ(set(endpoint, R"({"prompt_cache_key":null})"),
                  R"({"prompt_cache_key":"k"})");
        Bytes own = R"({"prompt_cache_key":"own"})";
        EXPECT_EQ(set(endpoint, own), own);
    }
    for (Endpoint endpoint : {Endpoint::kMessages, Endpoint::kEmbeddings,
                              Endpoint::kCompletions}) {
        EXPECT_EQ(set(endpoint, "{}"), "{}");
    }
}

}  // namespace
}  // namespace llm::route
