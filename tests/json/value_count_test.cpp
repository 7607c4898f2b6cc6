#include "src/json/value_count.hpp"

#include <gtest/gtest.h>

#include "src/json/document.hpp"

namespace llm::json {
namespace {

TEST(ValueCount, IsNeverLessThanTheDocuments) {
    for (Bytes text :
         {Bytes("1"), Bytes("[]"), Bytes("[1]"), Bytes("[1,2]"),
          Bytes(R"({"a":1,"b":[1,{"c":null}]})"), Bytes(R"("[,{")"),
          Bytes(R"(["a\"[,,[",","])"), Bytes(R"(["\\",1,"\\\"",2])"),
          Bytes(R"({"a,":"b,","[{":{}})"), Bytes(" [ 1 , [ ] , { } ] ")}) {
        Document doc;
        ASSERT_TRUE(doc.parse(text).ok()) << text;
        EXPECT_TRUE(may_exceed(text, doc.node_count() - 1)) << text;
        EXPECT_FALSE(may_exceed(text, 2 * doc.node_count())) << text;
    }
}

TEST(ValueCount, StringsDoNotCount) {
    EXPECT_FALSE(may_exceed(R"(["a\"[,,[",","])", 3));
    EXPECT_FALSE(may_exceed(R"({"a":"\\","b":","})", 3));
    EXPECT_FALSE(may_exceed(R"("no end , , \")", 1));
    EXPECT_FALSE(may_exceed("", 1));
    EXPECT_TRUE(may_exceed("[1,1,1", 3));
}

}  // namespace
}  // namespace llm::json
