#include "src/api/accumulate.hpp"

#include <gtest/gtest.h>

namespace llm::api {
namespace {

// The member "k" after these values.
std::string merged(Merge mode, std::initializer_list<const char*> values,
                   Bytes key = "k") {
    Accumulator all;
    for (const char* value : values) {
        json::Document doc;
        EXPECT_TRUE(doc.parse(value).ok()) << value;
        EXPECT_TRUE(all.add(key, doc, json::kRoot, mode));
    }
    std::string out;
    EXPECT_TRUE(all.raw(key, out));
    return out;
}

TEST(Accumulate, LastWins) {
    EXPECT_EQ(merged(Merge::kLast, {"\"a\"", "\"b\""}), "\"b\"");
    EXPECT_EQ(merged(Merge::kLast, {"1.0", "2.50"}), "2.50");
    EXPECT_EQ(merged(Merge::kLast, {"[1,2]", "[3]"}), "[3]");
    EXPECT_EQ(merged(Merge::kLast, {"{\"a\":1,\"b\":[1]}",
                                    "{\"b\":[2],\"c\":{}}"}),
              "{\"a\":1,\"b\":[2],\"c\":{}}");
}

TEST(Accumulate, DeltasGrow) {
    EXPECT_EQ(merged(Merge::kDelta, {"\"a\\n\"", "\"\"", "\"\\u00e9\""}),
              "\"a\\n\\u00e9\"");
    EXPECT_EQ(merged(Merge::kDelta, {"1", "2"}), "2");
    EXPECT_EQ(merged(Merge::kDelta, {"[1]", "[]", "[2,[3]]"}), "[1,2,[3]]");
    EXPECT_EQ(merged(Merge::kDelta, {"{\"a\":\"x\"}", "{\"a\":\"y\"}"}),
              "{\"a\":\"xy\"}");
    EXPECT_EQ(merged(Merge::kDelta, {"\"x\"", "[1]"}), "[1]");
}

TEST(Accumulate, NullReplacesNothing) {
    for (Merge mode : {Merge::kLast, Merge::kDelta}) {
        EXPECT_EQ(merged(mode, {"null"}), "null");
        EXPECT_EQ(merged(mode, {"null", "1"}), "1");
        EXPECT_EQ(merged(mode, {"1", "null"}), "1");
        EXPECT_EQ(merged(mode, {"{\"a\":1}", "null", "{\"a\":null}"}),
                  "{\"a\":1}");
        EXPECT_EQ(merged(mode, {"{\"a\":null}", "{\"a\":[2]}"}),
                  "{\"a\":[2]}");
    }
}

TEST(Accumulate, LabelsAreRepeatedNotContinued) {
    EXPECT_EQ(merged(Merge::kDelta,
                     {"{\"id\":\"a\",\"type\":\"t\",\"data\":\"x\"}",
                      "{\"id\":\"a\",\"type\":\"t\",\"data\":\"y\"}"}),
              "{\"id\":\"a\",\"type\":\"t\",\"data\":\"xy\"}");
    EXPECT_EQ(merged(Merge::kDelta, {"\"a\"", "\"a\""}, "format"), "\"a\"");
}

TEST(Accumulate, ElementsWithAnIndexMerge) {
    EXPECT_EQ(merged(Merge::kDelta,
                     {R"([{"index":0,"type":"t","text":"a"}])",
                      R"([{"index":1,"type":"t","text":"b"}])",
                      R"([{"index":0,"type":"t","text":"c"},
                          {"index":1,"text":"d"}])",
                      R"([{"index":0,"type":"u","text":"e"}])",
                      R"([{"text":"f"},{"index":"0"},{"index":-1}])"}),
              R"([{"index":0,"type":"t","text":"ac"},)"
              R"({"index":1,"type":"t","text":"bd"},)"
              R"({"index":0,"type":"u","text":"e"},)"
              R"({"text":"f"},{"index":"0"},{"index":-1}])");
}

TEST(Accumulate, JoinedElementsNeverMerge) {
    EXPECT_EQ(merged(Merge::kJoin, {R"({"a":[{"index":0,"x":-1}],"b":"c"})",
                                    R"({"a":[{"index":0,"x":-2}],"b":"c"})",
                                    "null", R"({"a":null})"}),
              R"({"a":[{"index":0,"x":-1},{"index":0,"x":-2}],"b":"c"})");
    EXPECT_EQ(merged(Merge::kJoin, {"[1]", "[2,3]"}), "[1,2,3]");
}

TEST(Accumulate, OrderAndErase) {
    Accumulator all;
    json::Document doc;
    ASSERT_TRUE(doc.parse("[1,null]").ok());
    ASSERT_TRUE(all.add("b", doc, json::kRoot, Merge::kLast));
    ASSERT_TRUE(all.add("a", doc, json::kRoot + 2, Merge::kLast));
    EXPECT_TRUE(all.has("a"));
    EXPECT_TRUE(all.is_null("a"));
    EXPECT_FALSE(all.is_null("b"));
    Extras extras;
    all.write(extras);
    ASSERT_EQ(extras.size(), 2u);
    EXPECT_EQ(extras[0].key, "b");
    EXPECT_EQ(extras[0].raw, "[1,null]");
    all.erase("b");
    EXPECT_FALSE(all.has("b"));
    all.erase("a");
    EXPECT_EQ(all.bytes(), 0u);
}

TEST(Accumulate, BytesFollowWhatIsHeld) {
    Accumulator all;
    json::Document doc;
    ASSERT_TRUE(doc.parse(R"({"a":["x",{"index":0,"t":"yy"}]})").ok());
    ASSERT_TRUE(all.add("k", doc, json::kRoot, Merge::kLast));
    const size_t once = all.bytes();
    EXPECT_GT(once, 10u);
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(all.add("k", doc, json::kRoot, Merge::kLast));
    }
    EXPECT_EQ(all.bytes(), once);
    ASSERT_TRUE(all.add("k", doc, json::kRoot, Merge::kDelta));
    EXPECT_GT(all.bytes(), once);
    all.erase("k");
    EXPECT_EQ(all.bytes(), 0u);
}

TEST(Accumulate, PartsAreBounded) {
    Accumulator all;
    json::Document one;
    ASSERT_TRUE(one.parse("1").ok());
    for (size_t i = 0; i < Accumulator::kMaxParts; ++i) {
        ASSERT_TRUE(
            all.add(std::to_string(i), one, json::kRoot, Merge::kLast));
    }
    EXPECT_FALSE(all.add("more", one, json::kRoot, Merge::kLast));
    EXPECT_TRUE(all.add("7", one, json::kRoot, Merge::kLast));

    Accumulator list;
    bool ok = true;
    for (size_t i = 0; i < 2 * Accumulator::kMaxParts; ++i) {
        json::Document doc;
        const std::string text = "[{\"index\":" + std::to_string(i) + "}]";
        ASSERT_TRUE(doc.parse(text).ok());
        ok &= list.add("k", doc, json::kRoot, Merge::kDelta);
    }
    EXPECT_FALSE(ok);
}

TEST(Accumulate, DeepValuesAreReplaced) {
    std::string deep;
    for (int i = 0; i < 200; ++i) {
        deep += "{\"a\":";
    }
    const std::string tail(200, '}');
    const std::string one = deep + "\"x\"" + tail;
    const std::string two = deep + "\"y\"" + tail;
    EXPECT_EQ(merged(Merge::kDelta, {one.c_str(), two.c_str()}), two);
    EXPECT_EQ(merged(Merge::kLast, {one.c_str(), one.c_str()}), one);
}

}  // namespace
}  // namespace llm::api
