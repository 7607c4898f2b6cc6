// Media types of answers: what Content-Type says before its parameters.
#include "src/exchange/media_type.hpp"

#include <gtest/gtest.h>

namespace llm::exchange {
namespace {

TEST(MediaTypeTest, ParametersAndCaseDoNotCount) {
    for (Bytes type : {"application/json", "Application/JSON",
                       "application/json; charset=utf-8",
                       "application/json;charset=utf-8",
                       "application/json charset=utf-8",
                       "application/json\t;", "application/json, text/html",
                       "text/json", "application/problem+json",
                       "application/vnd.api+JSON; version=2"}) {
        EXPECT_TRUE(is_json(type)) << type;
        EXPECT_FALSE(is_event_stream(type)) << type;
    }
    EXPECT_TRUE(is_event_stream("text/event-stream"));
    EXPECT_TRUE(is_event_stream("Text/Event-Stream ; charset=utf-8"));
    EXPECT_TRUE(is_html("TEXT/HTML;charset=x"));
}

TEST(MediaTypeTest, ANameThatOnlyBeginsOrEndsSoIsAnother) {
    for (Bytes type : {"", ";", "application/jsonl", "application/json5",
                       "application/jso", "xapplication/json",
                       " application/json", "text/json-seq", "+json",
                       "application/json+xml", "application/x; a=+json"}) {
        EXPECT_FALSE(is_json(type)) << type;
    }
    EXPECT_FALSE(is_event_stream("text/event-streams"));
    EXPECT_FALSE(is_event_stream("text/event-strea"));
    EXPECT_FALSE(is_html("text/htm"));
    EXPECT_FALSE(is_html("text/html5"));
    EXPECT_EQ(name_of_type("a/b;c"), "a/b");
    EXPECT_EQ(name_of_type(""), "");
}

}  // namespace
}  // namespace llm::exchange
