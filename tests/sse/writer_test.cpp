#include "src/sse/writer.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "src/sse/parser.hpp"

namespace llm::sse {
namespace {

TEST(SseWriter, DataAlone) {
    std::string out;
    append_event(out, "", "{}");
    EXPECT_EQ(out, "data: {}\n\n");
}

TEST(SseWriter, TypeAndData) {
    std::string out;
    append_event(out, "ping", "{}");
    EXPECT_EQ(out, "event: ping\ndata: {}\n\n");
}

TEST(SseWriter, NeverEmptyData) {
    std::string out;
    append_event(out, "ping", "");
    EXPECT_EQ(out, "");
}

TEST(SseWriter, LineBreaksMakeLines) {
    std::string out;
    append_event(out, "", "a\nb\r\nc\rd\n");
    EXPECT_EQ(out, "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n");
    std::vector<std::string> data;
    Parser parser(100);
    ASSERT_TRUE(parser.feed(out, [&](const Event& event) {
        data.emplace_back(event.data);
    }).ok());
    EXPECT_EQ(data, std::vector<std::string>{"a\nb\nc\nd\n"});
}

TEST(SseWriter, Done) {
    std::string out;
    append_event(out, "", "[DONE]");
    EXPECT_EQ(out, kDone);
}

}  // namespace
}  // namespace llm::sse
