#include "src/json/document.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <limits>

namespace llm::json {
namespace {

std::string repeat(Bytes piece, size_t times) {
    std::string out;
    for (size_t i = 0; i < times; i++) {
        out += piece;
    }
    return out;
}

bool accepts(Bytes text) {
    Document doc;
    bool ok = doc.parse(text).ok();
    EXPECT_EQ(ok, !doc.empty());
    return ok;
}

Errc refusal(Bytes text) {
    Document doc;
    Result<void> result = doc.parse(text);
    EXPECT_FALSE(result.ok()) << text.substr(0, 80);
    return result.ok() ? Errc::kIo : result.error().code;
}

TEST(Document, GivesNodesOverTheBytes) {
    std::string text = " {\"a\" : [1, -2.50e+1,true ,false,null], \"b\":{},"
                       "\"c\":\"x y\" }\n";
    Document doc;
    ASSERT_TRUE(doc.parse(text).ok());
    EXPECT_EQ(doc.node_count(), 9u);
    EXPECT_EQ(doc.type(kRoot), Type::kObject);
    EXPECT_EQ(doc.size(kRoot), 3u);
    EXPECT_EQ(doc.offset(kRoot), 1u);
    EXPECT_EQ(doc.raw(kRoot), Bytes(text).substr(1, text.size() - 2));

    NodeId a = doc.find(kRoot, "a");
    ASSERT_TRUE(doc.is(a, Type::kArray));
    EXPECT_EQ(doc.raw(a), "[1, -2.50e+1,true ,false,null]");
    std::vector<std::string> raws;
    std::vector<Type> types;
    for (NodeId child : doc.children(a)) {
        raws.emplace_back(doc.raw(child));
        types.push_back(doc.type(child));
        EXPECT_EQ(doc.key(child), "");
        EXPECT_EQ(Bytes(text).substr(doc.offset(child),
                                     doc.raw(child).size()),
                  doc.raw(child));
    }
    EXPECT_EQ(raws, (std::vector<std::string>{"1", "-2.50e+1", "true",
                                              "false", "null"}));
    EXPECT_EQ(types, (std::vector<Type>{Type::kNumber, Type::kNumber,
                                        Type::kTrue, Type::kFalse,
                                        Type::kNull}));
    NodeId b = doc.find(kRoot, "b");
    EXPECT_EQ(doc.size(b), 0u);
    for (NodeId child : doc.children(b)) {
        FAIL() << child;
    }
    std::string scratch;
    EXPECT_EQ(doc.string(doc.find(kRoot, "c"), scratch), "x y");
    EXPECT_EQ(doc.raw(doc.find(kRoot, "c")), "\"x y\"");
}

TEST(Document, FindsMembersOfObjectsOnly) {
    std::string text = R"({"a":{"b":1},"k\u0065y":2})";
    Document doc;
    ASSERT_TRUE(doc.parse(text).ok());
    NodeId a = doc.find(kRoot, "a");
    EXPECT_EQ(doc.raw(doc.find(a, "b")), "1");
    EXPECT_EQ(doc.find(kRoot, "b"), kNoNode);
    EXPECT_EQ(doc.find(doc.find(a, "b"), "x"), kNoNode);
    EXPECT_EQ(doc.find(kNoNode, "x"), kNoNode);
    NodeId key = doc.find(kRoot, "key");
    ASSERT_NE(key, kNoNode);
    EXPECT_EQ(doc.key(key), "key");
    EXPECT_EQ(doc.as_int64(key), 2);
}

TEST(Document, UnescapesStrings) {
    std::string text = R"(["\"\\\/\b\f\n\r\t","\u0041\u00e9\u20aC",)"
                       R"("\ud83d\uDE00!","a\u0000b","plain é"])";
    Document doc;
    ASSERT_TRUE(doc.parse(text).ok());
    std::vector<std::string> texts;
    std::string scratch;
    for (NodeId child : doc.children(kRoot)) {
        texts.emplace_back(doc.string(child, scratch));
    }
    EXPECT_EQ(texts,
              (std::vector<std::string>{
                  "\"\\/\b\f\n\r\t", "Aé€", "😀!", std::string("a\0b", 3),
                  "plain é"}));
}

TEST(Document, ReadsNumbersWithinBounds) {
    struct Case {
        const char* text;
        int64_t whole;
        double real;
    };
    constexpr double kMaxDouble = std::numeric_limits<double>::max();
    Case cases[] = {
        {"0", 0, 0},
        {"-0", 0, -0.0},
        {"17", 17, 17},
        {"1.9", 1, 1.9},
        {"-1.9", -1, -1.9},
        {"1e3", 1000, 1000},
        {"9223372036854775807", INT64_MAX, 9223372036854775807.0},
        {"9223372036854775808", INT64_MAX, 9223372036854775808.0},
        {"-9223372036854775808", INT64_MIN, -9223372036854775808.0},
        {"-9223372036854775809", INT64_MIN, -9223372036854775809.0},
        {"9223372036854775808.0", INT64_MAX, 9223372036854775808.0},
        {"1e999", INT64_MAX, kMaxDouble},
        {"-1e999", INT64_MIN, -kMaxDouble},
        {"1e-999", 0, 0},
        {"-1e-999", 0, 0},
        {"0e99999999999999999999", 0, 0},
        {"1e99999999999999999999", INT64_MAX, kMaxDouble},
        {"1E-99999999999999999999", 0, 0},
        {"0.000000000000000001e30", 1000000000000, 1e12},
        {"1.000000000000000005", 1, 1.000000000000000005},
    };
    for (const Case& c : cases) {
        Document doc;
        ASSERT_TRUE(doc.parse(c.text).ok()) << c.text;
        EXPECT_EQ(doc.as_int64(kRoot), c.whole) << c.text;
        EXPECT_EQ(doc.as_double(kRoot), c.real) << c.text;
        EXPECT_EQ(doc.raw(kRoot), c.text);
    }
    std::string huge = "0." + std::string(1000, '0') + "1e1001";
    Document doc;
    ASSERT_TRUE(doc.parse(huge).ok());
    EXPECT_NEAR(doc.as_double(kRoot), 1, 1e-9);
    std::string digits(5000, '9');
    ASSERT_TRUE(doc.parse(digits).ok());
    EXPECT_EQ(doc.as_int64(kRoot), INT64_MAX);
    EXPECT_EQ(doc.as_double(kRoot), kMaxDouble);
}

// The short way and the library's come to the same double.
TEST(Document, DoublesAreRoundedOnce) {
    const std::string digits = "90071992547409937";
    for (size_t count = 1; count <= digits.size(); count++) {
        for (size_t whole = 1; whole <= count; whole++) {
            std::string text = "-" + digits.substr(0, whole);
            if (whole < count) {
                text += '.' + digits.substr(whole, count - whole);
            }
            Document doc;
            ASSERT_TRUE(doc.parse(text).ok()) << text;
            EXPECT_EQ(doc.as_double(kRoot), std::strtod(text.c_str(), nullptr))
                << text;
        }
    }
}

TEST(Document, Case1_RefusesWhatIsNotJson) {
    const char* texts[] = {
        "{", "[", "}", "]", "{]", "[}", "{\"a\"", "{\"a\":", "{\"a\":1",
        "{\"a\":1,", "{\"a\":1,}", "{\"a\" 1}", "{\"a\"::1}", "{a:1}",
        "{'a':1}", "{1:1}", "{null:1}", "{\"a\":1 \"b\":2}", "{,}",
        "{\"a\":1,,\"b\":2}", "{:1}", "[1", "[1,", "[1,]", "[,1]", "[,]",
        "[1 2]", "[1:2]", "[\"a\":1]", "[1,,2]", "tru", "True", "truee",
        "true1", "nul", "nulll", "falsE", "NaN", "Infinity", "-Infinity",
        "-", "+1", "01", "-01", "00", "1.", ".5", "1.e3", "1e", "1e+", "1E-",
        "0x10", "1_000", "1a", "1\"a\"", "\"a\"1", "1.2.3", "1e1.5", "--1",
        "- 1", "\"", "\"a", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"",
        "\"\\", "\"\\u\"", "\"\\U0041\"", "\"\\'\"", "'a'", "\\\"a\"",
        "\"a\"\\", "\"a\"\\\"b\"", "\"a\"x", "/*c*/1", "1//c", "#", "a",
        "[\"a\",\n4\n,1,", "[1]]", "[[1]", "{}}", "{\"a\":{}", "\v1", "\f1",
        "[1\v]", "\xc2\xa0[]", "1\xc2\xa0", "{\"a\":tru}", "[nul]",
        "[true false]", "undefined",
    };
    for (const char* text : texts) {
        EXPECT_EQ(refusal(text), Errc::kInvalid) << text;
    }
}

TEST(Document, AcceptsEveryFormOfAValue) {
    const char* texts[] = {
        "0", "-0", "-1", "1.5", "1e9", "1E+9", "1e-9", "-0.0e-0", "true",
        "false", "null", "\"\"", "\"a\"", "{}", "[]", " \t\r\n1\t\r\n ",
        "[[],{}]", "{\"\":0}", "{\"a\":{\"a\":{\"a\":1}}}", "[ ]", "{ }",
        "\"\x7f\"", "\"\\u0000\"", "\"\xf4\x8f\xbf\xbf\"", "[1,2]",
        "\"\\ud800\\udc00\"", "\"\\udbff\\udfff\"", "\"\\uffff\"",
        "[\"\\\\\"]", "[\"\\\\\\\"\"]", "{\"a\":1,\"A\":1,\"a \":1}",
    };
    for (const char* text : texts) {
        EXPECT_TRUE(accepts(text)) << text;
    }
}

TEST(Document, Case2_DepthIsLimitedWithoutRecursion) {
    size_t limit = Document::kMaxDepth;
    EXPECT_TRUE(accepts(repeat("[", limit) + repeat("]", limit)));
    EXPECT_EQ(refusal(repeat("[", limit + 1) + repeat("]", limit + 1)),
              Errc::kTooLarge);
    EXPECT_EQ(refusal(repeat("[", 100000) + repeat("]", 100000)),
              Errc::kTooLarge);
    EXPECT_EQ(refusal(repeat("[", 100000)), Errc::kTooLarge);
    EXPECT_EQ(refusal(repeat("{\"a\":", 100000)), Errc::kTooLarge);
    EXPECT_TRUE(accepts(repeat("{\"a\":", limit) + "1" + repeat("}", limit)));
}

TEST(Document, Case4_RefusesWhatIsNotUtf8) {
    const char* texts[] = {
        "\"\xff\"", "\"\x80\"", "\"\xc3\"", "\"\xc0\xaf\"",
        "\"\xe0\x80\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
        "\"\xf0\x80\x80\x80\"", "\"\xe2\x82\"", "\xe9", "{\"\xff\":1}",
    };
    for (const char* text : texts) {
        EXPECT_EQ(refusal(text), Errc::kInvalid) << text;
    }
    const char* lone[] = {
        R"("\ud800")", R"("\udc00")", R"("\ud800x")", R"("\ud800\n")",
        R"("\ud800\u0041")", R"("\ud800\ud800")", R"("\udfff\ud800")",
        R"("a\udbff")", R"({"\ud800":1})", R"("\ud800\udc0")",
        R"("\ud800\u")", R"("\ud800\udc0g")",
    };
    for (const char* text : lone) {
        EXPECT_EQ(refusal(text), Errc::kInvalid) << text;
    }
    EXPECT_EQ(refusal("\"a\nb\""), Errc::kInvalid);
    EXPECT_EQ(refusal("\"a\tb\""), Errc::kInvalid);
    EXPECT_EQ(refusal(Bytes("\"a\0b\"", 5)), Errc::kInvalid);
}

TEST(Document, Case5_RefusesDoubleKeysAnywhere) {
    const char* texts[] = {
        R"({"model":"cheap","x":1,"model":"gpt-5"})",
        R"({"a":1,"a":1})",
        R"({"a":1,"\u0061":2})",
        R"({"a\/":1,"a/":2})",
        R"({"":1,"":2})",
        R"([{"deep":[{"b":1,"c":2,"b":3}]}])",
        R"({"\ud83d\ude00":1,"😀":2})",
        R"({"long_common_prefix_1":1,"x":2,"long_common_prefix_1":3})",
    };
    for (const char* text : texts) {
        EXPECT_EQ(refusal(text), Errc::kInvalid) << text;
    }
    EXPECT_TRUE(accepts(R"({"a":{"a":1},"b":{"a":1}})"));
    EXPECT_TRUE(accepts(R"({"a":1,"a\u0000":2,"a\u0000\u0000":3})"));
    EXPECT_TRUE(accepts(R"({"abcdefgh":1,"abcdefgh\u0000":2,"abcdefg":3})"));
    // Case 8: NFC and NFD are two names.
    EXPECT_TRUE(accepts("{\"\xc3\xa9\":1,\"e\xcc\x81\":2}"));

    for (int count : {23, 24, 25, 26, 100}) {
        std::string text = "{";
        for (int i = 0; i < count; i++) {
            text += "\"key_number_" + std::to_string(i) + "\":1,";
        }
        EXPECT_TRUE(accepts(text + "\"last\":1}")) << count;
        EXPECT_EQ(refusal(text + "\"key_number_7\":1}"), Errc::kInvalid);
    }
}

TEST(Document, Case9_RefusesBomTrailingBytesAndEmptiness) {
    for (Bytes text : {Bytes(""), Bytes(" "), Bytes("\n\t \r"),
                       Bytes("\xef\xbb\xbf{}"), Bytes("{} {}"), Bytes("1 2"),
                       Bytes("{}x"), Bytes("{},"), Bytes("{}\0", 3),
                       Bytes("\0", 1), Bytes("\xff\xfe{\0}\0", 6)}) {
        EXPECT_EQ(refusal(text), Errc::kInvalid) << text;
    }
}

TEST(Document, MessagesNameThePlaceNotTheText) {
    Document doc;
    auto result = doc.parse(R"({"secret":1,"secret":2})");
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().message,
              "a member's name stands there twice at byte 21");
    result = doc.parse_file("{\"a\":1,\n\n\"secret\":1,\"secret\":2}");
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().message,
              "line 3: a member's name stands there twice");
    result = doc.parse_file("{\n\"a\":");
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().message.substr(0, 8), "line 2: ");
}

TEST(Document, NeedsNoPadding) {
    size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    void* map = mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(map, MAP_FAILED);
    char* end = static_cast<char*>(map) + page;
    ASSERT_EQ(mprotect(end, page, PROT_NONE), 0);
    for (Bytes text : {Bytes("1"), Bytes("-12.5e3"), Bytes("true"),
                       Bytes("\"a\""), Bytes("\"a\\nb\""), Bytes("{\"a\":1}"),
                       Bytes("{\"bb\":1,\"a\":{\"c\":0,\"b\":1}}"),
                       Bytes("\"0123456789abcdef0123456789\\u0041\"")}) {
        char* at = end - text.size();
        std::memcpy(at, text.data(), text.size());
        Document doc;
        ASSERT_TRUE(doc.parse({at, text.size()}).ok()) << text;
        EXPECT_EQ(doc.raw(kRoot), text);
        for (size_t cut = 1; cut < text.size(); cut++) {
            std::memcpy(end - cut, text.data(), cut);
            bool ok = doc.parse({end - cut, cut}).ok();
            EXPECT_TRUE(!ok || text[0] == '-') << text.substr(0, cut);
        }
    }
    munmap(map, 2 * page);
}

TEST(Document, IsReusedAfterErrorsAndLargeTexts) {
    Document doc;
    std::string large = "[" + repeat("{\"k\\n\":[1]},", 200000) + "1]";
    ASSERT_TRUE(doc.parse(large).ok());
    EXPECT_EQ(doc.size(kRoot), 200001u);
    ASSERT_FALSE(doc.parse("{").ok());
    EXPECT_TRUE(doc.empty());
    ASSERT_TRUE(doc.parse("{\"a\\u0062\":1}").ok());
    EXPECT_EQ(doc.key(1), "ab");
    Document other = std::move(doc);
    EXPECT_EQ(other.key(1), "ab");
    EXPECT_TRUE(doc.empty());
    ASSERT_TRUE(doc.parse("[1]").ok());
    EXPECT_EQ(doc.node_count(), 2u);
}

TEST(Document, RefusesTooManyValues) {
    std::string text = "[" + repeat("1,", Document::kMaxNodes) + "1]";
    EXPECT_EQ(refusal(text), Errc::kTooLarge);
}

double cpu_ms() {
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e3
           + static_cast<double>(t.tv_nsec) / 1e6;
}

double cost_ms(const std::string& text) {
    Document doc;
    double best = 1e9;
    for (int i = 0; i < 3; i++) {
        double start = cpu_ms();
        EXPECT_TRUE(doc.parse(text).ok());
        best = std::min(best, cpu_ms() - start);
    }
    return best;
}

TEST(Document, Case20_TimeIsNearlyLinear) {
    auto messages = [](size_t n) {
        return "[" + repeat(R"({"role":"user","content":"hi\n"},)", n) + "1]";
    };
    auto keys = [](size_t n) {
        std::string text = "{";
        for (size_t i = 0; i < n; i++) {
            text += "\"a_rather_long_common_prefix_"
                    + std::to_string(i * 7919 % n) + "\":1,";
        }
        return text + "\"z\":1}";
    };
    auto brackets = [](size_t n) { return "[" + repeat("[],", n) + "[]]"; };
    auto spaces = [](size_t n) {
        return "[" + repeat("\"\"" + std::string(9, ' ') + ",", n) + "1]";
    };
    // Ten times the size: linear costs ten times, quadratic a hundred.
    EXPECT_LT(cost_ms(messages(100000)), 40 * cost_ms(messages(10000)) + 1);
    EXPECT_LT(cost_ms(keys(100000)), 40 * cost_ms(keys(10000)) + 1);
    EXPECT_LT(cost_ms(brackets(100000)), 40 * cost_ms(brackets(10000)) + 1);
    EXPECT_LT(cost_ms(spaces(100000)), 40 * cost_ms(spaces(10000)) + 1);
}

}  // namespace
}  // namespace llm::json
