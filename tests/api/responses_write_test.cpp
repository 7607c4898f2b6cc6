#include <gtest/gtest.h>

#include "tests/api/replay.hpp"
#include "tests/api/responses_cases.hpp"

namespace llm::api {
namespace {

using namespace responses_cases;
using replay::events_of;
using replay::follow;
using replay::Followed;
using replay::json_of;
using replay::member;
using replay::Sent;
using replay::sse_of;
using replay::value_of;

constexpr Endpoint kResponses = Endpoint::kResponses;

Answer body() {
    return read_json(kResponses, kBody).value();
}

// The events' types without "response.", one a line.
std::string types_of(const std::string& stream) {
    std::string types;
    for (const Sent& sent : events_of(stream)) {
        types += sent.type.substr(9) + '\n';
    }
    return types;
}

TEST(ResponsesWrite, StreamOfABodyReadsBackAsTheBody) {
    const std::string stream = sse_of(body());
    replay::expect_well_formed(stream);
    Followed f = follow(kResponses, stream);
    EXPECT_TRUE(f.answer().complete);
    EXPECT_EQ(value_of(json_of(f.answer())), value_of(kBody));
    EXPECT_EQ(f.answer().usage.input, 36);
    EXPECT_EQ(sse_of(f.answer()), stream);
    EXPECT_EQ(stream.find("[DONE]"), std::string::npos);
}

TEST(ResponsesWrite, SequenceOfEvents) {
    EXPECT_EQ(types_of(sse_of(body())),
              "created\nin_progress\n"
              // reasoning with a summary and its own text
              "output_item.added\n"
              "reasoning_summary_part.added\n"
              "reasoning_summary_text.delta\nreasoning_summary_text.done\n"
              "reasoning_summary_part.done\n"
              "reasoning_summary_part.added\n"
              "reasoning_summary_text.done\n"
              "reasoning_summary_part.done\n"
              "content_part.added\nreasoning_text.delta\n"
              "reasoning_text.done\ncontent_part.done\n"
              "output_item.done\n"
              // reasoning without
              "output_item.added\noutput_item.done\n"
              // the message
              "output_item.added\n"
              "content_part.added\noutput_text.delta\n"
              "output_text.annotation.added\noutput_text.annotation.added\n"
              "output_text.done\ncontent_part.done\n"
              "content_part.added\noutput_text.done\ncontent_part.done\n"
              "content_part.added\nrefusal.delta\nrefusal.done\n"
              "content_part.done\n"
              "content_part.added\ncontent_part.done\n"
              "output_item.done\n"
              // two functions, the second without arguments
              "output_item.added\nfunction_call_arguments.delta\n"
              "function_call_arguments.done\noutput_item.done\n"
              "output_item.added\nfunction_call_arguments.done\n"
              "output_item.done\n"
              "output_item.added\ncustom_tool_call_input.delta\n"
              "custom_tool_call_input.done\noutput_item.done\n"
              // an item without events of its own
              "output_item.added\noutput_item.done\n"
              "completed\n");
}

TEST(ResponsesWrite, SequenceNumbersRiseFromZero) {
    int64_t next = 0;
    for (const Sent& sent : events_of(sse_of(body()))) {
        EXPECT_EQ(member(sent.data, "sequence_number"),
                  std::to_string(next++));
    }
    EXPECT_GT(next, 40);
}

TEST(ResponsesWrite, TheStartHoldsEveryMemberAndNoResult) {
    const auto events = events_of(sse_of(body()));
    const std::string created = member(events[0].data, "response");
    EXPECT_EQ(created, member(events[1].data, "response"));
    EXPECT_EQ(member(created, "status"), "\"in_progress\"");
    EXPECT_EQ(member(created, "output"), "[]");
    EXPECT_EQ(member(created, "usage"), "null");
    EXPECT_EQ(member(created, "completed_at"), "null");
    EXPECT_EQ(member(created, "id"), "\"resp_1\"");
    EXPECT_EQ(member(created, "temperature"), "1.0");
    EXPECT_EQ(member(created, "future_member"),
              R"({"n":[1.50,12345678901234567890]})");
    EXPECT_EQ(member(created, "output_text"), "");
    EXPECT_EQ(member(events.back().data, "response"), value_of(kBody));
}

TEST(ResponsesWrite, ItemsStartEmptyAndEndWhole) {
    std::vector<std::string> added, done;
    for (const Sent& sent : events_of(sse_of(body()))) {
        if (sent.type == "response.output_item.added") {
            EXPECT_EQ(member(sent.data, "output_index"),
                      std::to_string(added.size()));
            added.push_back(member(sent.data, "item"));
        } else if (sent.type == "response.output_item.done") {
            EXPECT_EQ(member(sent.data, "output_index"),
                      std::to_string(done.size()));
            done.push_back(member(sent.data, "item"));
        }
    }
    ASSERT_EQ(added.size(), 7u);
    EXPECT_EQ(added[0], R"({"content":[],"encrypted_content":"b3BhcXVl",)"
                        R"("id":"rs_1","status":"in_progress","summary":[],)"
                        R"("type":"reasoning"})");
    EXPECT_EQ(added[1], R"({"content":null,"id":"rs_2","status":null,)"
                        R"("summary":[],"type":"reasoning"})");
    EXPECT_EQ(added[2], R"({"content":[],"id":"msg_1","role":"assistant",)"
                        R"("status":"in_progress","type":"message"})");
    EXPECT_EQ(added[3], R"({"arguments":"","call_id":"call_1","id":"fc_1",)"
                        R"("name":"sum","status":"in_progress",)"
                        R"("type":"function_call"})");
    EXPECT_EQ(added[5], R"({"call_id":"call_3","id":"ctc_1","input":"",)"
                        R"("name":"exec","type":"custom_tool_call"})");
    std::string output = "[";
    for (const std::string& item : done) {
        output += (output.size() > 1 ? "," : "") + item;
    }
    EXPECT_EQ(output + "]", member(kBody, "output"));
}

TEST(ResponsesWrite, DeltasSayWhereTheyBelong) {
    for (const Sent& sent : events_of(sse_of(body()))) {
        if (sent.type == "response.output_text.delta") {
            EXPECT_EQ(value_of(sent.data),
                      R"({"content_index":0,"delta":"Grüße ☂\t",)"
                      R"("item_id":"msg_1","logprobs":[{"logprob":-0.50,)"
                      R"("token":"G","top_logprobs":[]}],"output_index":2,)"
                      R"("sequence_number":19,)"
                      R"("type":"response.output_text.delta"})");
        } else if (sent.type == "response.refusal.delta") {
            EXPECT_EQ(member(sent.data, "content_index"), "2");
            EXPECT_EQ(member(sent.data, "delta"), "\"I will not.\"");
        } else if (sent.type == "response.refusal.done") {
            EXPECT_EQ(member(sent.data, "refusal"), "\"I will not.\"");
        } else if (sent.type == "response.reasoning_summary_text.delta") {
            EXPECT_EQ(member(sent.data, "summary_index"), "0");
            EXPECT_EQ(member(sent.data, "delta"), R"("First \"this\"")");
        } else if (sent.type == "response.function_call_arguments.delta") {
            EXPECT_EQ(member(sent.data, "item_id"), "\"fc_1\"");
            EXPECT_EQ(member(sent.data, "delta"), R"("{\"a\": 1}")");
        }
    }
}

TEST(ResponsesWrite, StatusNamesTheLastEvent) {
    const auto last = [](const std::string& status) {
        Answer answer =
            read_json(kResponses, document(kOutput, status)).value();
        return events_of(sse_of(answer)).back().type;
    };
    EXPECT_EQ(last("completed"), "response.completed");
    EXPECT_EQ(last("incomplete"), "response.incomplete");
    EXPECT_EQ(last("failed"), "response.failed");
    EXPECT_EQ(last("cancelled"), "response.incomplete");
}

TEST(ResponsesWrite, AnotherIdAndModelStandEverywhere) {
    Answer answer = body();
    answer.id = "resp_\"new\"";
    answer.model = "asked";
    EXPECT_EQ(member(json_of(answer), "id"), R"("resp_\"new\"")");
    EXPECT_EQ(member(json_of(answer), "model"), "\"asked\"");
    const auto events = events_of(sse_of(answer));
    for (const Sent* sent : {&events[0], &events[1], &events.back()}) {
        const std::string response = member(sent->data, "response");
        EXPECT_EQ(member(response, "id"), R"("resp_\"new\"")");
        EXPECT_EQ(member(response, "model"), "\"asked\"");
    }
}

TEST(ResponsesWrite, OddDocumentsMakeSoundStreams) {
    for (const char* text : {
             R"({"output":[]})", R"({"output":null,"object":"response"})",
             R"({"output":[{}, {"type":"message"}, {"type":"message",)"
             R"("content":"x"}, {"type":"message","content":[7,"a",{}]}]})",
             R"({"output":[{"type":"function_call","arguments":{}}],"id":7})",
             R"({"output":[{"type":"reasoning","summary":[1,{"text":2}]}]})",
             R"({"output":[{"type":"custom_tool_call"},{"type":"message",)"
             R"("content":[{"type":"output_text"},{"type":"refusal"}]}]})",
         }) {
        const Result<Answer> read = read_json(kResponses, text);
        ASSERT_TRUE(read) << text;
        const std::string stream = sse_of(*read);
        replay::expect_well_formed(stream);
        Followed f = follow(kResponses, stream);
        EXPECT_EQ(value_of(json_of(f.answer())), value_of(text)) << text;
    }
}

TEST(ResponsesFixtures, KeepTheirValuesInBothForms) {
    const std::string gateway =
        "agentgateway/crates/llm/src/tests/response/responses/";
    const std::string apisix = "apache-apisix/t/fixtures/openai/";
    const std::string bodies[] = {
        gateway + "basic.json",
        gateway + "reasoning.json",
        gateway + "tool.json",
        gateway + "custom-tool.json",
        gateway + "truncated_tool_call.json",
        apisix + "responses-basic.json",
        apisix + "responses-with-cache.json",
    };
    const std::string streams[] = {
        gateway + "stream.json",
        gateway + "stream-refusal.json",
        gateway + "stream-image.json",
        gateway + "stream-custom-tool.json",
        apisix + "responses-streaming-with-tool-call.sse",
        apisix + "responses-streaming-with-cache.sse",
    };
    if (replay::fixture(bodies[0]).empty()) {
        GTEST_SKIP() << "no recorded traffic in " << replay::fixtures();
    }
    for (const std::string& path : bodies) {
        SCOPED_TRACE(path);
        const std::string recorded = replay::fixture(path);
        const Result<Answer> first = read_json(kResponses, recorded);
        ASSERT_TRUE(first);
        EXPECT_EQ(value_of(json_of(*first)), value_of(recorded));
        replay::expect_well_formed(sse_of(*first));
        Followed second = follow(kResponses, sse_of(*first));
        EXPECT_TRUE(second.answer().complete);
        EXPECT_EQ(value_of(json_of(second.answer())), value_of(recorded));
    }
    for (const std::string& path : streams) {
        SCOPED_TRACE(path);
        const std::string recorded = replay::fixture(path);
        ASSERT_FALSE(recorded.empty());
        Followed first = follow(kResponses, recorded);
        EXPECT_TRUE(first.answer().complete);
        EXPECT_EQ(first.count(&EventInfo::malformed), 0);
        EXPECT_EQ(first.count(&EventInfo::terminal), 1);
        EXPECT_TRUE(first.answer().usage.known());
        const std::string body = json_of(first.answer());
        replay::expect_well_formed(sse_of(first.answer()));
        Followed second = follow(kResponses, sse_of(first.answer()));
        EXPECT_EQ(value_of(json_of(second.answer())), value_of(body));
        const size_t step = recorded.size() / 200 + 1;
        for (size_t split = 0; split < recorded.size(); split += step) {
            Followed part = follow(kResponses, recorded, split);
            ASSERT_EQ(json_of(part.answer()), body) << split;
        }
    }
}

}  // namespace
}  // namespace llm::api
