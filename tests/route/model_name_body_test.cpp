#include "src/route/model_name_body.hpp"

#include <gtest/gtest.h>

#include "src/route/model_name.hpp"

namespace llm::route {
namespace {

std::string fed(Bytes body, size_t step) {
    BodyModel model("as\"ked");
    std::string out;
    for (size_t at = 0; at < body.size(); at += step) {
        for (Bytes piece : model.feed(body.substr(at, step))) {
            EXPECT_FALSE(piece.empty());
            out += piece;
        }
    }
    return out;
}

TEST(BodyModel, RenamesInPiecesOfAnySize) {
    struct Case {
        const char* before;
        const char* after;
    };
    const Case cases[] = {
        {R"({"model":"x"})", R"({"model":"as\"ked"})"},
        {R"( { "id" : "a\"model" , "model" : "x\\" , "b":"model"} )",
         R"( { "id" : "a\"model" , "model" : "as\"ked" , "b":"model"} )"},
        {R"({"a":{"model":"x"},"b":[{"model":"y"},"model"],"model":"z"})",
         R"({"a":{"model":"x"},"b":[{"model":"y"},"model"],)"
         R"("model":"as\"ked"})"},
        {R"({"models":"x","mode":"y","odel":"z","model":"" })",
         R"({"models":"x","mode":"y","odel":"z","model":"as\"ked" })"},
        {R"({"a":"model","b":"model","model":"z"}{"model":"q"})",
         R"({"a":"model","b":"model","model":"as\"ked"}{"model":"q"})"},
    };
    for (const Case& c : cases) {
        for (size_t step = 1; step < 80; step++) {
            EXPECT_EQ(fed(c.before, step), c.after) << step;
        }
    }
}

TEST(BodyModel, LeavesTheRest) {
    for (Bytes same :
         {R"({"model":null,"x":"y"})", R"({"model":{"model":"x"}})",
          R"({"model":["x"]})", R"(["model","x",{"model":"y"}])",
          R"("model")", R"({"mod\u0065l":"x"})", "{}", "}}}", "<html>",
          R"({"error":{"message":"model","model":"x"}})", "", R"({"model")",
          R"({"a":"x)", R"({"a":{"b":"model"},"c":"model","d":"x"})"}) {
        for (size_t step : {1, 2, 5, 100}) {
            EXPECT_EQ(fed(same, step), same) << step;
        }
    }
}

TEST(BodyModel, AgreesWithWhoReadsTheWhole) {
    AnswerModel whole(api::Endpoint::kChat, "as\"ked");
    for (Bytes body :
         {R"({"id":"1","choices":[{"message":{"content":"\\\"model\\\":"}}],)"
          R"("model":"gpt","usage":{}})",
          R"({"data":[{"embedding":[0.1,-2e3]}],"object":"list",)"
          R"("model":"e"})",
          R"({"model":7})"}) {
        std::string wanted(body);
        if (auto splice = whole.in_body(body)) {
            wanted.replace(splice->offset, splice->remove, splice->insert);
        }
        EXPECT_EQ(fed(body, 3), wanted);
    }
}

}  // namespace
}  // namespace llm::route
