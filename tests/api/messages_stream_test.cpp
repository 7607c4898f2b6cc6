#include <gtest/gtest.h>

#include "tests/api/messages_cases.hpp"
#include "tests/api/replay.hpp"

namespace llm::api {
namespace {

using namespace messages_cases;
using replay::follow;
using replay::Followed;
using replay::json_of;
using replay::member;
using replay::sse_of;
using replay::value_of;

constexpr Endpoint kMessages = Endpoint::kMessages;

TEST(MessagesStream, BecomesTheBody) {
    Followed f = follow(kMessages, kStream);
    EXPECT_TRUE(f.answer().complete);
    EXPECT_FALSE(f.reader->lossy());
    EXPECT_EQ(value_of(json_of(f.answer())), value_of(kStreamAsBody));
    EXPECT_EQ(f.answer().usage.input, 61);
    EXPECT_EQ(f.answer().usage.output, 124);
    EXPECT_EQ(f.answer().choices[0].blocks[2].text, "{\"city\": \"Paris\"}");
    EXPECT_EQ(f.count(&EventInfo::terminal), 1);
    EXPECT_TRUE(f.infos.back().terminal);
    EXPECT_EQ(f.count(&EventInfo::malformed), 0);
    EXPECT_EQ(f.count(&EventInfo::usage_only), 0);
}

TEST(MessagesStream, AnySplitGivesTheSameAnswer) {
    const std::string whole = value_of(kStreamAsBody);
    for (size_t split = 0; split <= kStream.size(); ++split) {
        Followed f = follow(kMessages, kStream, split);
        ASSERT_TRUE(f.answer().complete) << split;
        ASSERT_EQ(value_of(json_of(f.answer())), whole) << split;
    }
}

TEST(MessagesStream, ContentMarksTheFirstToken) {
    Followed f = follow(kMessages, kStream);
    size_t first = 0;
    while (!f.infos[first].content) {
        ++first;
    }
    EXPECT_EQ(first, 3u);  // start, block, ping, then a thinking_delta
    EXPECT_FALSE(f.infos[5].content);  // signature
    EXPECT_EQ(f.reader->content_bytes(),
              std::string("Hmm.It is raining ☔get{\"city\": \"Paris\"}")
                  .size());
}

TEST(MessagesStream, InputRules) {
    const auto input = [](const std::string& start_input,
                          std::vector<std::string> pieces) {
        std::string stream =
            start() + block(0, R"({"type":"tool_use","id":"t","name":"n")" +
                                   start_input + "}");
        for (const std::string& piece : pieces) {
            stream += delta(0, R"({"type":"input_json_delta",)"
                               R"("partial_json":")" + piece + "\"}");
        }
        Followed f = follow(kMessages, stream + end("{}", "tool_use"));
        EXPECT_TRUE(f.answer().complete);
        return f.answer().choices[0].blocks.at(0).text;
    };
    EXPECT_EQ(input("", {}), "{}");
    EXPECT_EQ(input(R"(,"input":{})", {}), "{}");
    EXPECT_EQ(input(R"(,"input":{})", {""}), "{}");
    EXPECT_EQ(input(R"(,"input":{})", {"", "{}"}), "{}");
    EXPECT_EQ(input(R"(,"input":{"a":1})", {}), R"({"a":1})");
    EXPECT_EQ(input(R"(,"input":{})", {"{", "\\\"a\\\": ", "2}"}),
              R"({"a": 2})");
}

TEST(MessagesStream, InputThatIsNoJsonIsNotComplete) {
    const std::string stream =
        start() +
        block(0, R"({"type":"tool_use","id":"t","name":"n","input":{}})") +
        delta(0, R"({"type":"input_json_delta","partial_json":"{\"a"})");
    Followed cut = follow(kMessages, stream + end("{}", "tool_use"));
    EXPECT_FALSE(cut.answer().complete);
    Followed limit = follow(kMessages, stream + end("{}", "max_tokens"));
    EXPECT_TRUE(limit.answer().complete);
    EXPECT_FALSE(limit.answer().finished_well());
    EXPECT_EQ(member(json_of(limit.answer()), "content"),
              R"([{"id":"t","input":"{\"a","name":"n","type":"tool_use"}])");
}

TEST(MessagesStream, UnknownBlocksAndDeltasAreKept) {
    Followed f = follow(
        kMessages,
        start() +
            block(0, R"({"type":"compaction","content":null,"e":"a"})") +
            delta(0, R"({"type":"compaction_delta","content":"Sum","e":"b"})") +
            block(1, R"({"type":"hologram","beams":[1],"text":"x"})") +
            delta(1, R"({"type":"beam_delta","beams":[2],"text":"y","n":1})") +
            block(2, R"({"type":"mcp_tool_use","id":"m","input":{}})") +
            delta(2, R"({"type":"input_json_delta","partial_json":"{\"q\":1"})") +
            delta(2, R"({"type":"input_json_delta","partial_json":"}"})") +
            block(3, kText) +
            delta(3, R"({"type":"mood_delta","mood":"gl"})") +
            delta(3, R"({"type":"mood_delta","mood":"ad"})") + end());
    EXPECT_TRUE(f.answer().complete);
    EXPECT_EQ(member(json_of(f.answer()), "content"),
              R"([{"content":"Sum","e":"b","type":"compaction"},)"
              R"({"beams":[1,2],"n":1,"text":"xy","type":"hologram"},)"
              R"({"id":"m","input":{"q":1},"type":"mcp_tool_use"},)"
              R"({"mood":"glad","text":"","type":"text"}])");
}

TEST(MessagesStream, CutOffIsNotComplete) {
    const size_t stop = kStream.find("event: message_stop");
    Followed f = follow(kMessages, kStream.substr(0, stop));
    EXPECT_FALSE(f.answer().complete);
    EXPECT_EQ(f.count(&EventInfo::terminal), 0);
    EXPECT_EQ(f.answer().usage.output, 124);
}

TEST(MessagesStream, ErrorEvent) {
    Followed f = follow(
        kMessages, start() + block(0, kText) + text_delta(0, "par") +
                       event("error", R"(,"error":{"type":"overloaded_error",)"
                                      R"("message":"Overloaded"})"));
    EXPECT_TRUE(f.infos.back().error);
    EXPECT_FALSE(f.answer().complete);
    ASSERT_TRUE(f.answer().error);
    EXPECT_EQ(f.answer().error->type, "overloaded_error");
    EXPECT_EQ(f.answer().error->message, "Overloaded");
    EXPECT_EQ(f.answer().error->status, 529);
}

TEST(MessagesStream, ErrorWithoutATypeAndErrorThatIsNoJson) {
    Followed plain = follow(kMessages, start() +
                                           "data: {\"error\":{\"message\":"
                                           "\"no\"}}\n\n" + end());
    EXPECT_EQ(plain.count(&EventInfo::error), 1);
    EXPECT_FALSE(plain.answer().complete);
    Followed words = follow(kMessages, start() + "event: error\ndata: no\n\n");
    EXPECT_EQ(words.count(&EventInfo::error), 1);
    EXPECT_EQ(words.count(&EventInfo::malformed), 1);
    EXPECT_TRUE(words.answer().error);
}

TEST(MessagesStream, HalfAPairIsReadButNotComplete) {
    Followed f = follow(kMessages, start() + block(0, kText) +
                                       text_delta(0, "\\ud83d") +
                                       text_delta(0, "b") + end());
    EXPECT_EQ(f.count(&EventInfo::malformed), 0);
    EXPECT_EQ(f.count(&EventInfo::content), 2);
    EXPECT_EQ(f.count(&EventInfo::terminal), 1);
    EXPECT_FALSE(f.answer().complete);
    EXPECT_TRUE(f.reader->lossy());
}

TEST(MessagesStream, MalformedDataPassesButIsNotComplete) {
    Followed f = follow(kMessages, start() + block(0, kText) +
                                       text_delta(0, "a") +
                                       "event: content_block_delta\n"
                                       "data: {\"type\":\n\n" +
                                       text_delta(0, "b") + end());
    EXPECT_EQ(f.count(&EventInfo::malformed), 1);
    EXPECT_EQ(f.count(&EventInfo::terminal), 1);
    EXPECT_FALSE(f.answer().complete);
    EXPECT_TRUE(f.reader->lossy());
    EXPECT_EQ(f.answer().choices[0].blocks[0].text, "ab");
    EXPECT_EQ(f.answer().usage.output, 4);
}

TEST(MessagesStream, OddShapesAreSurvivedAndNotComplete) {
    const std::string open = start() + block(0, kText);
    const std::string odd[] = {
        open + delta(7, R"({"type":"text_delta","text":"x"})"),
        open + delta(-1, R"({"type":"text_delta","text":"x"})"),
        open + delta(int64_t{1} << 60, R"({"type":"text_delta","text":"x"})"),
        open + delta(0, R"({"type":"text_delta","text":7})"),
        open + delta(0, R"({"type":"thinking_delta","thinking":"x"})"),
        open + delta(0, R"({"type":"input_json_delta","partial_json":"{"})"),
        open + delta(0, R"({"type":"citations_delta"})"),
        open + delta(0, "null"),
        open + event("content_block_delta", ""),
        open + block(5, kText),
        open + block(1, "null"),
        open + event("content_block_start", ",\"content_block\":[]"),
        open + start(),
        event("message_start", ""),
        event("message_start", ",\"message\":[]"),
        block(0, kText),
        "",
    };
    for (const std::string& stream : odd) {
        Followed f = follow(kMessages, stream + end());
        EXPECT_FALSE(f.answer().complete) << stream;
        EXPECT_EQ(f.count(&EventInfo::terminal), 1) << stream;
        EXPECT_EQ(f.answer().usage.output, 4) << stream;
        json_of(f.answer());
        sse_of(f.answer());
    }
}

TEST(MessagesStream, TerminatorsOfOtherProviders) {
    const std::string body = start() + block(0, kText) + text_delta(0, "x") +
                             event("message_delta",
                                   R"(,"delta":{"stop_reason":"end_turn"},)"
                                   R"("usage":{"output_tokens":1})");
    Followed bare = follow(kMessages, body + "event: message_stop\ndata: {}\n\n");
    EXPECT_TRUE(bare.answer().complete);
    Followed done = follow(kMessages, body + event("message_stop", "") +
                                          "data: [DONE]\n\n: end\n\n");
    EXPECT_TRUE(done.answer().complete);
    EXPECT_EQ(done.count(&EventInfo::malformed), 0);
    Followed text = follow(kMessages, start() + block(0, kText) +
                                          text_delta(0, "[DONE]") +
                                          text_delta(0, "message_stop"));
    EXPECT_EQ(text.count(&EventInfo::terminal), 0);
}

TEST(MessagesStream, OverflowStopsKeepingAndFollowsUsage) {
    std::string stream = start() + block(0, kText);
    for (int i = 0; i < 100; ++i) {
        stream += text_delta(0, std::string(100, 'a'));
    }
    Followed f = follow(kMessages, stream + block(1, kText) +
                                       text_delta(1, "more") + end(),
                        std::string::npos, 4000);
    EXPECT_TRUE(f.reader->overflow());
    EXPECT_FALSE(f.answer().complete);
    EXPECT_EQ(f.reader->content_bytes(), 10004u);
    EXPECT_EQ(f.answer().usage.output, 4);
    EXPECT_EQ(f.count(&EventInfo::terminal), 1);
    EXPECT_TRUE(f.answer().choices[0].blocks.empty());
    EXPECT_EQ(f.answer().finish_reason(), "end_turn");
}

TEST(MessagesStream, EmptyBlocksWithoutEndOverflowToo) {
    std::string stream = start();
    for (int i = 0; i < 1000; ++i) {
        stream += block(i, kText);
    }
    Followed f = follow(kMessages, stream + end(), std::string::npos, 100000);
    EXPECT_TRUE(f.reader->overflow());
}

TEST(MessagesStream, AMemberReportedTwiceStandsOnceInTheBody) {
    const std::string first = event(
        "message_start",
        R"(,"message":{"id":"m","type":"message","content":[],"usage":null,)"
        R"("stop_reason":null,"stop_sequence":null,"a":1,"container":null})");
    Followed f = follow(
        kMessages,
        first +
            event("message_delta",
                  R"(,"a":2,"b":1,"delta":{"a":3,"b":null,"c":"x",)"
                  R"("container":{"id":"c"},"stop_reason":"end_turn",)"
                  R"("stop_sequence":"S"},"usage":{"output_tokens":1})") +
            event("message_delta",
                  R"(,"c":"y","b":4,"delta":{"stop_reason":null,)"
                  R"("stop_sequence":null,"type":"t","role":null})") +
            event("message_stop", R"(,"metrics":{"n":1},"usage":)"
                                  R"({"output_tokens":2})"));
    EXPECT_TRUE(f.answer().complete);
    EXPECT_EQ(value_of(json_of(f.answer())),
              R"({"a":2,"b":4,"c":"y","container":{"id":"c"},"content":[],)"
              R"("id":"m","metrics":{"n":1},"stop_reason":"end_turn",)"
              R"("stop_sequence":"S","type":"message",)"
              R"("usage":{"output_tokens":2}})");
    Followed again = follow(kMessages, sse_of(f.answer()));
    EXPECT_EQ(value_of(json_of(again.answer())),
              value_of(json_of(f.answer())));
    Followed renamed =
        follow(kMessages, start() + event("message_delta",
                                          R"(,"delta":{"model":"other"})") +
                              end());
    EXPECT_TRUE(renamed.reader->lossy());
}

TEST(MessagesStream, KnownAndUnknownDeltasOfOneBlock) {
    Followed f = follow(
        kMessages,
        start() +
            block(0, R"({"type":"thinking","thinking":"","signature":""})") +
            delta(0, R"({"type":"mood_delta","mood":"a"})") +
            delta(0, R"({"type":"signature_delta","signature":"s"})") +
            delta(0, R"({"type":"mood_delta","mood":"b"})") + end());
    EXPECT_TRUE(f.answer().complete);
    EXPECT_EQ(member(json_of(f.answer()), "content"),
              R"([{"mood":"ab","signature":"s","thinking":"",)"
              R"("type":"thinking"}])");
    Followed clash = follow(
        kMessages, start() + block(0, kText) +
                       delta(0, R"({"type":"other_delta","text":"x"})") +
                       end());
    EXPECT_FALSE(clash.answer().complete);
}

TEST(MessagesStream, MembersWithoutEndAreLossyNotSlow) {
    std::string stream = start();
    for (int i = 0; i < 5000; ++i) {
        stream += event("message_delta", ",\"m" + std::to_string(i) +
                                             "\":1,\"delta\":{}");
    }
    Followed f = follow(kMessages, stream + end());
    EXPECT_TRUE(f.reader->lossy());
    EXPECT_FALSE(f.answer().complete);
    EXPECT_LE(f.answer().choices[0].message_extra.size(), 1024u);
}

}  // namespace
}  // namespace llm::api
