#include "src/api/raw_json.hpp"

#include <gtest/gtest.h>

namespace llm::api {
namespace {

TEST(RawJson, CompactTakesWhiteSpaceOutBetweenTokensOnly) {
    EXPECT_EQ(raw::compact(" {\r\n\t\"a b\" : [ 1 , \" x \" ] } \n"),
              R"({"a b":[1," x "]})");
    EXPECT_EQ(raw::compact(R"(["\" ", "\\" , "\\\" \\", ""])"),
              R"(["\" ","\\","\\\" \\",""])");
    EXPECT_EQ(raw::compact(""), "");
    EXPECT_EQ(raw::compact(" \n "), "");
    EXPECT_EQ(raw::compact("\"a b"), "\"a b");
    EXPECT_EQ(raw::compact("\"a\\\\\\\" b "), "\"a\\\\\\\" b ");
}

TEST(RawJson, MemberOfFindsTheOutermostOnly) {
    const std::string object =
        R"({"a":{"id":"in","x":[{"id":1},"}"]},"s":"\"id\":{[,","e":{},)"
        R"("id":"out","n":-1.50,"l":[1,[2]],"z":null})";
    EXPECT_EQ(raw::member_of(object, "id"), "\"out\"");
    EXPECT_EQ(raw::member_of(object, "e"), "{}");
    EXPECT_EQ(raw::member_of(object, "n"), "-1.50");
    EXPECT_EQ(raw::member_of(object, "l"), "[1,[2]]");
    EXPECT_EQ(raw::member_of(object, "z"), "null");
    EXPECT_EQ(raw::member_of(object, "s"), R"("\"id\":{[,")");
    EXPECT_EQ(raw::member_of(object, "x"), "");
}

TEST(RawJson, MemberOfStaysInsideWhatIsNoObject) {
    for (const char* text : {"", "{", "{}", "{\"", "{\"a", "{\"a\"", "{\"a\":",
                             "{\"a\":\"", "[1]", "7", "{\"a\":]", "{\"b\":1,",
                             "{\"b\":1,\"a\"", "{\"b\":}}}"}) {
        EXPECT_EQ(raw::member_of(text, "id"), "") << text;
    }
}

TEST(RawJson, AppendElement) {
    std::string array;
    EXPECT_TRUE(raw::append_element(array, " {\"a\": 1} "));
    EXPECT_TRUE(raw::append_element(array, "2"));
    EXPECT_EQ(array, R"([{"a":1},2])");
    std::string null = "null";
    EXPECT_TRUE(raw::append_element(null, "1"));
    EXPECT_EQ(null, "[1]");
    std::string other = "{}";
    EXPECT_FALSE(raw::append_element(other, "1"));
    EXPECT_EQ(other, "{}");
}

TEST(RawJson, AppendWithReplacesOrAdds) {
    const auto with = [](const std::string& object) {
        json::Document doc;
        EXPECT_TRUE(doc.parse(object));
        std::string out;
        raw::append_with(out, doc, json::kRoot, "k", "[1]");
        return out;
    };
    EXPECT_EQ(with("{}"), R"({"k":[1]})");
    EXPECT_EQ(with(R"({"a": 1})"), R"({"a":1,"k":[1]})");
    EXPECT_EQ(with(R"({"k": null, "a": 1})"), R"({"k":[1],"a":1})");
}

}  // namespace
}  // namespace llm::api
