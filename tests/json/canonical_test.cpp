#include "src/json/canonical.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <random>

namespace llm::json {
namespace {

std::string canonical(Bytes text, std::span<const Bytes> omit = {},
                      Bytes placeholder = "") {
    Document doc;
    EXPECT_TRUE(doc.parse(text).ok()) << text;
    CanonicalRules rules{omit, kNoNode};
    if (!placeholder.empty()) {
        rules.placeholder = doc.find(kRoot, placeholder);
    }
    std::string out;
    append_canonical(doc, rules, out);

    Hasher hasher;
    HashSink sink(hasher);
    write_canonical(doc, rules, sink);
    sink.flush();
    EXPECT_EQ(hasher.finish(), sha256(out));
    return out;
}

TEST(Canonical, SortsMembersAndDropsWhiteSpace) {
    EXPECT_EQ(canonical(" { \"b\" : [ 1 , { \"d\":2, \"c\":3 } ] ,\n"
                        "\"a\":null, \"\" :\"x\"} "),
              R"({"":"x","a":null,"b":[1,{"c":3,"d":2}]})");
    EXPECT_EQ(canonical("[]"), "[]");
    EXPECT_EQ(canonical("{}"), "{}");
    EXPECT_EQ(canonical("[[],{},[[]]]"), "[[],{},[[]]]");
    EXPECT_EQ(canonical(" true "), "true");
}

// Pieces of every size before and behind the end of the sink's buffer, and at
// the end of a text behind which nothing may be read.
TEST(Canonical, PiecesOfEverySize) {
    for (size_t before = 1980; before < 2060; before++) {
        for (size_t size : {0, 1, 7, 8, 15, 16, 29, 30, 31, 32, 33, 70}) {
            std::string a(before, 'x');
            std::string b(size, 'y');
            std::string text = "{\"a\":\"" + a + "\",\"b" + b + "\":\"" + b
                               + "\"}";
            auto exact = std::make_unique<char[]>(text.size());
            text.copy(exact.get(), text.size());
            ASSERT_EQ(canonical({exact.get(), text.size()}), text);
        }
    }
}

TEST(Canonical, SortsByBytesOfTheUnescapedKey) {
    EXPECT_EQ(canonical(R"({"é":1,"z":2,"Z":3,"aa":4,"a":5,"😀":6,"ｚ":7})"),
              R"({"Z":3,"a":5,"aa":4,"z":2,"é":1,"ｚ":7,"😀":6})");
    EXPECT_EQ(canonical(R"({"b":1,"\u0061":2,"\n":3,"a\u0000":4})"),
              R"({"\n":3,"a":2,"a\u0000":4,"b":1})");
    EXPECT_EQ(canonical(R"({"prefix_same_b":1,"prefix_same_a":2})"),
              R"({"prefix_same_a":2,"prefix_same_b":1})");
}

TEST(Canonical, EscapesOfOneTextMeet) {
    std::string plain = canonical("[\"a/é€😀\x7f\"]");
    EXPECT_EQ(plain, "[\"a/é€😀\x7f\"]");
    EXPECT_EQ(canonical(R"(["\u0061\/\u00E9\u20ac\uD83D\ude00\u007F"])"),
              plain);
    EXPECT_EQ(canonical(R"("\u0008\u0009\u000a\u000b\u000c)"
                        R"(\u000D\u001F\u0000")"),
              R"("\b\t\n\u000b\f\r\u001f\u0000")");
    EXPECT_EQ(canonical(R"("\u0022\u005c\u002f")"), R"("\"\\/")");
    EXPECT_EQ(canonical(R"("\b\t\n\f\r\"\\")"), R"("\b\t\n\f\r\"\\")");
    EXPECT_EQ(canonical(R"({"\u0022k":1})"), R"({"\"k":1})");
}

TEST(Canonical, DifferentTextsStayApart) {
    const char* texts[] = {
        "1", "1.0", "1e0", "-0", "0", "\"1\"", "[1]", "[]", "{}", "null",
        "\"null\"", "\"\"", "false", "[[]]", "[[],[]]", "[[[]]]",
        "{\"a\":1}", "{\"a\":[1]}", "{\"a\":\"1\"}", "[\"a\",1]",
        "[\"a,1\"]", "[\"a\\\",\\\"1\"]", "\"\\u0000\"", "\"\\\\u0000\"",
        "\"\xc3\xa9\"", "\"e\xcc\x81\"", "{\"a\":{\"b\":1}}",
        "{\"a\":{},\"b\":1}", "[1,2]", "[12]", "[1,[2]]", "1.00", "1E0",
        "1e+0", "10e-1", "\"A\"", "\"a\"", "\" a\"", "\"\\n\"", "\"\\\\n\"",
    };
    std::vector<std::string> forms;
    for (const char* text : texts) {
        forms.push_back(canonical(text));
    }
    std::sort(forms.begin(), forms.end());
    EXPECT_EQ(std::adjacent_find(forms.begin(), forms.end()), forms.end());
}

TEST(Canonical, LeavesOutRootMembersOnly) {
    constexpr Bytes kOmit[] = {"user", "stream"};
    Bytes expected = R"({"a":{"stream":1,"user":2},"z":3})";
    EXPECT_EQ(canonical(R"({"user":"u","z":3,"a":{"user":2,"stream":1},)"
                        R"("stream":true})", kOmit), expected);
    EXPECT_EQ(canonical(R"({"z":3,"a":{"user":2,"stream":1}})", kOmit),
              expected);
    EXPECT_EQ(canonical(R"({"us\u0065r":1})", kOmit), "{}");
    EXPECT_EQ(canonical(R"({"User":1})", kOmit), R"({"User":1})");
    EXPECT_EQ(canonical(R"([{"user":1}])", kOmit), R"([{"user":1}])");
}

TEST(Canonical, PlaceholderCannotBeForged) {
    EXPECT_EQ(canonical(R"({"a":1,"q":"text"})", {}, "q"),
              "{\"a\":1,\"q\":\xff}");
    EXPECT_EQ(canonical(R"({"q":{"x":[1]},"a":1})", {}, "q"),
              "{\"a\":1,\"q\":\xff}");
    EXPECT_NE(canonical("{\"q\":\"\xc3\xbf\"}"),
              canonical(R"({"q":1})", {}, "q"));
}

TEST(Canonical, LongStringsAndManyPiecesReachTheHasherWhole) {
    for (size_t size : {1000u, 2040u, 2046u, 2047u, 2048u, 2049u, 5000u,
                        100000u}) {
        std::string text = "[" + std::string(size % 97, ' ') + "\""
                           + std::string(size, 'x') + "\",\"\\u0041"
                           + std::string(size, 'y') + "\\n\"";
        for (size_t i = 0; i < size / 4; i++) {
            text += ",1";
        }
        std::string form = canonical(text + "]");
        EXPECT_EQ(form.substr(1, 5), "\"xxxx");
        EXPECT_NE(form.find("\"Ayyy"), std::string::npos);
    }
}

TEST(Canonical, DeepestDocument) {
    std::string open;
    std::string shut;
    for (size_t i = 0; i < Document::kMaxDepth; i++) {
        open += i % 2 == 0 ? "[" : "{\"k\":";
        shut.insert(0, i % 2 == 0 ? "]" : "}");
    }
    EXPECT_EQ(canonical(open + "0" + shut), open + "0" + shut);
}

// A value written at random twice: order, white space and escapes differ.
struct Writer {
    std::mt19937& choose;
    std::mt19937 style;

    bool coin() { return style() % 2 == 0; }
    std::string space() {
        return std::string(style() % 3, " \n\t\r"[style() % 4]);
    }
    std::string text(uint32_t which) {
        if (which < 32 && coin()) {
            char out[8];
            snprintf(out, sizeof(out), coin() ? "\\u%04x" : "\\u%04X", which);
            return out;
        }
        switch (which) {
        case '\n': return "\\n";
        case '"': return coin() ? "\\\"" : "\\u0022";
        case '/': return coin() ? "/" : "\\/";
        case 0xe9: return coin() ? "é" : "\\u00e9";
        default: break;
        }
        if (which < 32) {
            char out[8];
            snprintf(out, sizeof(out), "\\u%04x", which);
            return out;
        }
        return std::string(1, static_cast<char>(which));
    }
};

std::string write(Writer& w, std::mt19937 choose, int depth) {
    uint32_t kind = choose() % (depth > 3 ? 4 : 6);
    if (kind == 0) {
        return w.space() + std::to_string(choose() % 1000) + w.space();
    }
    if (kind <= 3) {
        std::string out = w.space() + "\"";
        static constexpr uint32_t kLetters[] = {'a', '\n', '"', '/', 0xe9,
                                                'z', 1,    31};
        for (uint32_t i = choose() % 40; i > 0; i--) {
            out += w.text(kLetters[choose() % 8]);
        }
        return out + "\"" + w.space();
    }
    std::vector<std::string> parts;
    uint32_t count = choose() % 6;
    for (uint32_t i = 0; i < count; i++) {
        std::mt19937 child(choose());
        std::string value = write(w, child, depth + 1);
        if (kind == 5) {
            value = w.space() + "\"" + (w.coin() ? "k" : "\\u006b")
                    + std::to_string(i) + "\"" + w.space() + ":" + value;
        }
        parts.push_back(value);
    }
    if (kind == 5) {
        std::shuffle(parts.begin(), parts.end(), w.style);
    }
    std::string out = w.space() + (kind == 5 ? "{" : "[");
    for (size_t i = 0; i < parts.size(); i++) {
        out += (i > 0 ? "," : "") + parts[i];
    }
    return out + (kind == 5 ? "}" : "]") + w.space();
}

TEST(Canonical, PropertyStyleDoesNotMatter) {
    std::mt19937 seeds(20240229);
    for (int round = 0; round < 2000; round++) {
        std::mt19937 choose(seeds());
        Writer first{choose, std::mt19937(seeds())};
        Writer second{choose, std::mt19937(seeds())};
        std::string a = canonical(write(first, choose, 0));
        std::string b = canonical(write(second, choose, 0));
        ASSERT_EQ(a, b);
        ASSERT_EQ(canonical(a), a);
    }
}

}  // namespace
}  // namespace llm::json
