#include "src/json/doubles.hpp"

#include <gtest/gtest.h>

#include <random>

namespace llm::json {
namespace {

// As parse() sees it, which refuses doubles and nothing else of these.
void check(Bytes text) {
    Document strict;
    Document written;
    ASSERT_TRUE(written.parse_as_written(text).ok()) << text;
    EXPECT_EQ(has_doubles(written), !strict.parse(text).ok()) << text;
}

TEST(Doubles, InAnyObject) {
    for (Bytes text :
         {Bytes("1"), Bytes("{}"), Bytes(R"({"a":1})"),
          Bytes(R"({"a":1,"b":2})"), Bytes(R"({"a":1,"a":2})"),
          Bytes(R"({"":1,"":2})"), Bytes(R"([{"a":1},{"a":1}])"),
          Bytes(R"({"a":{"a":1}})"), Bytes(R"([[{"x":[{"b":1,"b":1}]}]])"),
          Bytes(R"({"ab":1,"a\u0062":2})"), Bytes(R"({"a\n":1,"a\u000a":1})"),
          Bytes(R"({"acb":1,"adb":2})")}) {
        check(text);
    }
    Document written;
    ASSERT_TRUE(written.parse_as_written(R"([{"x":1,"y":2,"x":3}])").ok());
    EXPECT_TRUE(has_doubles(written));
}

TEST(Doubles, OfAnySize) {
    std::mt19937 random(7);
    for (size_t members : {3, 20, 63, 64, 65, 66, 500}) {
        for (int i = 0; i < 20; i++) {
            std::string text = "{";
            for (size_t m = 0; m < members; m++) {
                text += (m == 0 ? "\"k" : ",\"k")
                        + std::to_string(random() % (members * members))
                        + "\":0";
            }
            check(text + "}");
        }
    }
}

}  // namespace
}  // namespace llm::json
