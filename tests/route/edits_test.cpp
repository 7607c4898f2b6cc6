#include "src/route/edits.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "src/json/canonical.hpp"

namespace llm::route {
namespace {

using json::Document;
using json::kRoot;

struct Body {
    explicit Body(Bytes given) : text(given) {
        EXPECT_TRUE(doc.parse(text).ok()) << text;
    }
    Body(const Body&) = delete;

    void set(Bytes key, Bytes raw) {
        EXPECT_TRUE(edits.set_member(doc, kRoot, key, raw).ok()) << key;
    }
    std::string after() const {
        std::string out = edits.apply(text);
        EXPECT_EQ(edits.size_after(text.size()), out.size());
        std::string pieces;
        edits.each_piece(text, [&](Bytes piece, bool put_in) {
            bool of_body = piece.data() >= text.data()
                           && piece.data() <= text.data() + text.size();
            EXPECT_NE(of_body, put_in);
            pieces += piece;
        });
        EXPECT_EQ(pieces, out);
        return out;
    }

    std::string text;
    Document doc;
    Edits edits;
};

TEST(Edits, NothingToDoChangesNothing) {
    Body body("{ \"a\" : 1 }");
    EXPECT_TRUE(body.edits.empty());
    EXPECT_EQ(body.after(), body.text);
}

TEST(Edits, ReplacesAValueInPlace) {
    Body body("{ \"model\" : \"a\" , \"x\":[1, 2] }\n");
    body.set("model", "\"longer\"");
    EXPECT_EQ(body.after(), "{ \"model\" : \"longer\" , \"x\":[1, 2] }\n");
    body.set("x", "0");
    EXPECT_EQ(body.after(), "{ \"model\" : \"longer\" , \"x\":0 }\n");
    EXPECT_FALSE(body.edits.empty());
}

TEST(Edits, InsertsMembersAfterTheBrace) {
    Body body("{ \"a\":1}");
    body.set("b", "2");
    EXPECT_EQ(body.after(), "{\"b\":2, \"a\":1}");
    body.set("c\"", "[]");
    EXPECT_EQ(body.after(), "{\"b\":2,\"c\\\"\":[], \"a\":1}");
}

TEST(Edits, InsertsMembersIntoAnEmptyObject) {
    Body body(" {  } ");
    body.set("a", "1");
    EXPECT_EQ(body.after(), " {\"a\":1  } ");
    body.set("b", "2");
    body.set("c", "3");
    EXPECT_EQ(body.after(), " {\"a\":1,\"b\":2,\"c\":3  } ");
    body.set("a", "10");
    body.set("b", "20");
    EXPECT_EQ(body.after(), " {\"a\":10,\"b\":20,\"c\":3  } ");
}

TEST(Edits, TheLastValueOfAMemberWins) {
    Body body(R"({"a":1,"\u0062":2})");
    for (Bytes value : {Bytes("3"), Bytes("\"four\""), Bytes("5")}) {
        body.set("a", value);
        body.set("b", value);
        body.set("new", value);
    }
    EXPECT_EQ(body.after(), R"({"new":5,"a":5,"\u0062":5})");
}

TEST(Edits, MembersOfNestedObjects) {
    Body body(R"({"o":{"x":1},"e":{}})");
    auto o = body.doc.find(kRoot, "o");
    auto e = body.doc.find(kRoot, "e");
    ASSERT_TRUE(body.edits.set_member(body.doc, e, "k", "1").ok());
    ASSERT_TRUE(body.edits.set_member(body.doc, o, "k", "2").ok());
    ASSERT_TRUE(body.edits.set_member(body.doc, o, "x", "3").ok());
    EXPECT_EQ(body.after(), R"({"o":{"k":2,"x":3},"e":{"k":1}})");
    // Both are inside what is now replaced as a whole.
    auto result = body.edits.set_member(body.doc, kRoot, "o", "null");
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, Errc::kInvalid);
    EXPECT_EQ(body.after(), R"({"o":{"k":2,"x":3},"e":{"k":1}})");
}

TEST(Edits, SetMemberWantsAnObject) {
    Body body(R"([{"a":1}])");
    EXPECT_FALSE(body.edits.set_member(body.doc, kRoot, "a", "1").ok());
    EXPECT_FALSE(
        body.edits.set_member(body.doc, json::kNoNode, "a", "1").ok());
    EXPECT_TRUE(body.edits.empty());
}

TEST(Edits, IncludeUsageWhateverStandsThere) {
    struct Case {
        const char* before;
        const char* after;
    };
    Case cases[] = {
        {R"({"a":1})", R"({"stream_options":{"include_usage":true},"a":1})"},
        {R"({})", R"({"stream_options":{"include_usage":true}})"},
        {R"({"stream_options": null ,"a":1})",
         R"({"stream_options": {"include_usage":true} ,"a":1})"},
        {R"({"stream_options":{}})",
         R"({"stream_options":{"include_usage":true}})"},
        {R"({"stream_options":{ "include_obfuscation":false}})",
         R"({"stream_options":{"include_usage":true, )"
         R"("include_obfuscation":false}})"},
        {R"({"stream_options":{"include_usage":false}})",
         R"({"stream_options":{"include_usage":true}})"},
        {R"({"stream_options":{"include_usage":null}})",
         R"({"stream_options":{"include_usage":true}})"},
        {R"({"stream_options":{"include_usage":true}})",
         R"({"stream_options":{"include_usage":true}})"},
        {R"({"stream_options":{"include_us\u0061ge":0}})",
         R"({"stream_options":{"include_us\u0061ge":true}})"},
    };
    for (const Case& c : cases) {
        Body body(c.before);
        EXPECT_TRUE(body.edits.set_include_usage(body.doc).ok()) << c.before;
        EXPECT_TRUE(body.edits.set_include_usage(body.doc).ok()) << c.before;
        EXPECT_EQ(body.after(), c.after);
    }
    for (const char* wrong : {R"({"stream_options":true})",
                              R"({"stream_options":[]})", "[]", "1"}) {
        Body body(wrong);
        EXPECT_FALSE(body.edits.set_include_usage(body.doc).ok()) << wrong;
        EXPECT_EQ(body.after(), wrong);
    }
}

TEST(Edits, SplicesKeepTheirOrder) {
    Edits edits;
    ASSERT_TRUE(edits.splice(10, 4, 2, "R").ok());
    ASSERT_TRUE(edits.splice(10, 4, 0, "1").ok());
    ASSERT_TRUE(edits.splice(10, 4, 0, "2").ok());
    ASSERT_TRUE(edits.splice(10, 6, 0, "after").ok());
    ASSERT_TRUE(edits.splice(10, 10, 0, "end").ok());
    ASSERT_TRUE(edits.splice(10, 0, 1, "").ok());
    ASSERT_TRUE(edits.splice(10, 1, 3, "x").ok());
    EXPECT_EQ(edits.apply("0123456789"), "x12Rafter6789end");
}

TEST(Edits, RefusesOverlapsAndPlacesOutside) {
    Edits edits;
    ASSERT_TRUE(edits.splice(10, 4, 3, "R").ok());
    struct Case {
        size_t offset;
        size_t remove;
    };
    for (Case c : {Case{4, 3}, Case{4, 1}, Case{5, 0}, Case{6, 4}, Case{3, 2},
                   Case{0, 10}, Case{11, 0}, Case{10, 1}, Case{9, 2},
                   Case{2, SIZE_MAX}, Case{SIZE_MAX, 2}}) {
        auto result = edits.splice(10, c.offset, c.remove, "x");
        ASSERT_FALSE(result.ok()) << c.offset << ' ' << c.remove;
        EXPECT_EQ(result.error().code, Errc::kInvalid);
    }
    EXPECT_EQ(edits.apply("0123456789"), "0123R789");
    edits.clear();
    EXPECT_EQ(edits.apply("0123456789"), "0123456789");
}

// Random objects, random edits: what the edited body says is what a map of
// the members says, and what was not edited is there byte for byte.
TEST(Edits, PropertyTheChangeAndNothingElse) {
    std::mt19937 random(77);
    const char* values[] = {"1", "\"s\\n\"", "[ 1,2 ]", "{\"q\": {}}", "null",
                            "-0.5e1", "\"\"", "true"};
    const char* spaces[] = {"", " ", "\n\t", "  "};
    for (int round = 0; round < 3000; round++) {
        std::map<std::string, std::string> members;
        std::string text = spaces[random() % 4] + std::string("{");
        std::string first_space = spaces[random() % 4];
        text += first_space;
        uint32_t count = random() % 5;
        for (uint32_t i = 0; i < count; i++) {
            std::string key = "k" + std::to_string(i);
            std::string value = values[random() % 8];
            members[key] = value;
            text += (i > 0 ? "," : "") + ("\"" + key + "\"")
                    + spaces[random() % 4] + ":" + spaces[random() % 4]
                    + value + spaces[random() % 4];
        }
        text += "}";
        text += spaces[random() % 4];
        Body body(text);
        for (uint32_t i = random() % 7; i > 0; i--) {
            std::string key = "k" + std::to_string(random() % 8);
            std::string value = values[random() % 8];
            members[key] = value;
            body.set(key, value);
        }
        std::string expected = "{";
        for (const auto& [key, value] : members) {
            expected += (expected.size() > 1 ? ",\"" : "\"") + key + "\":"
                        + value;
        }
        expected += "}";
        Body wanted(expected);
        std::string edited = body.after();
        Body got(edited);
        std::string a;
        std::string b;
        json::append_canonical(wanted.doc, {}, a);
        json::append_canonical(got.doc, {}, b);
        ASSERT_EQ(a, b) << text << " -> " << edited;
        for (auto node : body.doc.children(kRoot)) {
            auto moved = got.doc.find(kRoot, body.doc.key(node));
            if (got.doc.raw(moved) != members[std::string(
                    body.doc.key(node))]) {
                FAIL() << edited;
            }
        }
        // The tail behind the last value that stood there is untouched.
        size_t tail = text.size();
        for (auto node : body.doc.children(kRoot)) {
            tail = text.size() - body.doc.offset(node)
                   - body.doc.raw(node).size();
        }
        if (count > 0) {
            ASSERT_EQ(edited.substr(edited.size() - tail),
                      text.substr(text.size() - tail));
        }
    }
}

}  // namespace
}  // namespace llm::route
