// Streams that are ended at any of their content events: what follows makes
// them whole again for whoever reads them.
#include "src/api/stream_cut.hpp"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "src/api/raw_json.hpp"
#include "tests/api/replay.hpp"
#include "tests/api/responses_cases.hpp"

namespace llm::api {
namespace {

using replay::follow;
using replay::Followed;

std::string event(const std::string& type, const std::string& data) {
    std::string out = type.empty() ? "" : "event: " + type + "\n";
    return out + "data: " + data + "\n\n";
}

std::string typed(const std::string& type, const std::string& members) {
    return event(type, "{\"type\":\"" + type + "\"" + members + "}");
}

// The stream up to its event number `at`, and that one replaced by the end;
// "" where that is no content.
std::string cut_at(Endpoint endpoint, Bytes stream, size_t at) {
    auto reader = make_stream_reader(endpoint, 1 << 20);
    sse::Parser parser(1 << 20);
    sse::Event event;
    std::string out;
    for (size_t count = 0; parser.next(stream, event); count++) {
        EventInfo info = reader->on_event(event);
        if (count < at) {
            out += event.raw;
            continue;
        }
        if (!info.content || info.terminal) {
            return "";
        }
        Usage usage;
        usage.input = 5;
        usage.output = 7;
        write_cut(*reader, event, usage, true, out);
        return out;
    }
    return "";
}

// Cuts at every event; `check` gets what a client reads.
template <typename F>
int cut_everywhere(Endpoint endpoint, const std::string& stream, F&& check) {
    int cuts = 0;
    for (size_t at = 0; at < 40; at++) {
        std::string text = cut_at(endpoint, stream, at);
        if (text.empty()) {
            continue;
        }
        cuts++;
        SCOPED_TRACE(text);
        Followed followed = follow(endpoint, text);
        EXPECT_TRUE(followed.infos.back().terminal);
        EXPECT_TRUE(followed.answer().complete);
        EXPECT_FALSE(followed.answer().finished_well());
        EXPECT_EQ(followed.answer().usage.output, 7);
        check(followed.answer(), text);
    }
    return cuts;
}

std::string chunk(const std::string& choices) {
    return event("", R"({"id":"c1","object":"chat.completion.chunk",)"
                     R"("created":5,"model":"m","choices":[)"
                         + choices + "]}");
}

TEST(StreamCut, Chat) {
    std::string stream =
        chunk(R"({"index":0,"delta":{"role":"assistant","content":"a"},)"
              R"("finish_reason":null})")
        + chunk(R"({"index":1,"delta":{"content":"b"},"finish_reason":null})")
        + chunk(R"({"index":0,"delta":{},"finish_reason":"stop"})")
        + chunk(R"({"index":1,"delta":{"content":"c"},"finish_reason":null})")
        + chunk(R"({"index":1,"delta":{},"finish_reason":"stop"})")
        + "data: [DONE]\n\n";
    int cuts = cut_everywhere(
        Endpoint::kChat, stream, [](const Answer& answer, Bytes text) {
            EXPECT_TRUE(text.ends_with("data: [DONE]\n\n"));
            EXPECT_EQ(answer.id, "c1");
            EXPECT_EQ(answer.choices.back().finish_reason, "length");
            for (const Choice& choice : answer.choices) {
                EXPECT_FALSE(choice.finish_reason.empty());
            }
        });
    EXPECT_EQ(cuts, 3);
}

TEST(StreamCut, AnEndedChoiceKeepsItsReason) {
    std::string stream =
        chunk(R"({"index":0,"delta":{"content":"a"},"finish_reason":"stop"})")
        + chunk(R"({"index":1,"delta":{"content":"b"},"finish_reason":null})");
    std::string text = cut_at(Endpoint::kChat, stream, 1);
    Followed followed = follow(Endpoint::kChat, text);
    ASSERT_EQ(followed.answer().choices.size(), 2u);
    EXPECT_EQ(followed.answer().choices[0].finish_reason, "stop");
    EXPECT_EQ(followed.answer().choices[1].finish_reason, "length");
}

TEST(StreamCut, UsageOnlyForWhoAskedForIt) {
    auto reader = make_stream_reader(Endpoint::kChat, 1 << 20);
    std::string stream =
        chunk(R"({"index":0,"delta":{"content":"a"},"finish_reason":null})");
    Bytes rest = stream;
    sse::Parser parser(1 << 20);
    sse::Event first;
    ASSERT_TRUE(parser.next(rest, first));
    (void) reader->on_event(first);
    std::string out;
    write_cut(*reader, first, {}, false, out);
    EXPECT_EQ(out.find("usage"), std::string::npos);
    EXPECT_TRUE(out.ends_with("data: [DONE]\n\n"));
}

TEST(StreamCut, Completions) {
    std::string stream;
    for (const char* text : {"a", "b", "c"}) {
        stream += event("", std::string(R"({"id":"t1","object":)"
                                        R"("text_completion","created":5,)"
                                        R"("model":"m","choices":[{"index":0,)"
                                        R"("text":")")
                                + text
                                + R"(","logprobs":null,)"
                                  R"("finish_reason":null}]})");
    }
    int cuts = cut_everywhere(
        Endpoint::kCompletions, stream, [](const Answer& answer, Bytes) {
            EXPECT_EQ(answer.choices.back().finish_reason, "length");
        });
    EXPECT_EQ(cuts, 3);
}

// An endpoint under /completions that answers with chat's messages.
TEST(StreamCut, CompletionsOfMessages) {
    std::string stream =
        chunk(R"({"index":0,"delta":{"role":"assistant","content":"a"},)"
              R"("finish_reason":null})")
        + chunk(R"({"index":0,"delta":{"content":"b"},"finish_reason":null})");
    int cuts = cut_everywhere(
        Endpoint::kCompletions, stream, [](const Answer& answer, Bytes text) {
            EXPECT_EQ(answer.choices.back().finish_reason, "length");
            EXPECT_EQ(answer.object, "chat.completion");
            EXPECT_EQ(text.find("\"text\""), Bytes::npos) << text;
        });
    EXPECT_EQ(cuts, 2);
}

std::string block_start(int index, const std::string& block) {
    return typed("content_block_start", ",\"index\":" + std::to_string(index)
                                            + ",\"content_block\":" + block);
}

std::string block_delta(int index, const std::string& delta) {
    return typed("content_block_delta", ",\"index\":" + std::to_string(index)
                                            + ",\"delta\":" + delta);
}

std::string block_stop(int index) {
    return typed("content_block_stop",
                 ",\"index\":" + std::to_string(index));
}

size_t count_of(Bytes text, Bytes what) {
    size_t count = 0;
    for (size_t at = text.find(what); at != Bytes::npos;
         at = text.find(what, at + 1)) {
        count++;
    }
    return count;
}

TEST(StreamCut, Messages) {
    std::string stream =
        typed("message_start",
              R"(,"message":{"id":"m1","type":"message","role":"assistant",)"
              R"("model":"m","content":[],"stop_reason":null,)"
              R"("stop_sequence":null,"usage":{"input_tokens":5,)"
              R"("output_tokens":1}})")
        + block_start(0, R"({"type":"text","text":""})")
        + block_delta(0, R"({"type":"text_delta","text":"a"})")
        + block_delta(0, R"({"type":"text_delta","text":"b"})")
        + block_stop(0)
        + block_start(1, R"({"type":"tool_use","id":"t","name":"weather",)"
                         R"("input":{}})")
        + block_delta(1, R"({"type":"input_json_delta","partial_json":"{"})")
        + block_stop(1)
        + block_start(2, R"({"type":"text","text":"at once"})");
    int cuts = cut_everywhere(
        Endpoint::kMessages, stream, [](const Answer& answer, Bytes text) {
            EXPECT_EQ(count_of(text, "event: content_block_start"),
                      count_of(text, "event: content_block_stop"));
            EXPECT_EQ(answer.id, "m1");
            EXPECT_NE(text.find(R"("stop_reason":"max_tokens")"),
                      Bytes::npos);
        });
    EXPECT_GE(cuts, 3);
}

// One event of a stream that was cut, as its reader sees it.
struct Told {
    std::string type;
    json::Document doc;

    std::string text(Bytes key) const {
        return raw::text_of(doc, json::kRoot, key);
    }
    int64_t number(Bytes key) const {
        json::NodeId node = doc.find(json::kRoot, key);
        return doc.is(node, json::Type::kNumber) ? doc.as_int64(node) : -1;
    }
    // Which item and part it is about.
    std::string place() const {
        return std::to_string(number("output_index")) + "/"
               + std::to_string(number("content_index")) + "/"
               + std::to_string(number("summary_index"));
    }
};

std::vector<Told> events_of(Bytes stream) {
    std::vector<Told> all;
    sse::Parser parser(1 << 20);
    sse::Event event;
    while (parser.next(stream, event)) {
        Told& told = all.emplace_back();
        EXPECT_TRUE(told.doc.parse(event.data)) << event.data;
        told.type = raw::text_of(told.doc, json::kRoot, "type");
        EXPECT_EQ(told.type, event.type);
    }
    return all;
}

std::string renumbered(const Told& told, int64_t number) {
    std::string data;
    raw::append_replaced(data, told.doc, json::kRoot,
                         {{"sequence_number", std::to_string(number)}});
    return event(told.type, data);
}

// Numbers without a gap; what is added is done, once; what is done has the
// text of its deltas; the final response has every item as it was done.
void expect_whole(const std::vector<Told>& all) {
    std::map<std::string, int> open;
    std::map<std::string, std::string> texts;
    std::map<int64_t, std::string> items;
    for (size_t i = 0; i < all.size(); i++) {
        const Told& event = all[i];
        EXPECT_EQ(event.number("sequence_number"), static_cast<int64_t>(i));
        std::string place = event.place();
        Bytes type = event.type;
        if (type.ends_with(".added")) {
            open[place]++;
        } else if (type.ends_with("_part.done")
                   || type.ends_with("output_item.done")) {
            open[place]--;
        } else if (type.ends_with(".delta")) {
            texts[place] += event.text("delta");
        } else if (type.ends_with(".done")) {
            std::string text;
            for (Bytes key : {"text", "refusal", "arguments", "input"}) {
                text += event.text(key);
            }
            EXPECT_EQ(text, texts[place]) << type;
        }
        if (type.ends_with("output_item.done")) {
            items[event.number("output_index")] = replay::value_of(
                event.doc.raw(event.doc.find(json::kRoot, "item")));
        }
    }
    for (const auto& [place, count] : open) {
        EXPECT_EQ(count, 0) << place;
    }
    const Told& last = all.back();
    EXPECT_EQ(last.type, "response.incomplete");
    json::NodeId response = last.doc.find(json::kRoot, "response");
    json::NodeId output = last.doc.find(response, "output");
    ASSERT_EQ(last.doc.size(output), items.size());
    auto item = items.begin();
    for (json::NodeId child : last.doc.children(output)) {
        EXPECT_EQ(replay::value_of(last.doc.raw(child)), item->second);
        ++item;
    }
}

TEST(StreamCut, ResponsesCloseWhatIsOpen) {
    Result<Answer> answer =
        read_json(Endpoint::kResponses, responses_cases::kBody);
    ASSERT_TRUE(answer.ok());
    std::string whole;
    write_sse(*answer, {}, whole);
    // Without annotations, whose events are "added" and never done.
    std::string stream;
    int64_t number = 0;
    for (const Told& event : events_of(whole)) {
        if (!Bytes(event.type).ends_with("annotation.added")) {
            stream += renumbered(event, number++);
        }
    }
    int cuts = 0;
    for (size_t at = 0; at < 60; at++) {
        std::string text = cut_at(Endpoint::kResponses, stream, at);
        if (text.empty()) {
            continue;
        }
        cuts++;
        SCOPED_TRACE(text);
        Followed followed = follow(Endpoint::kResponses, text);
        EXPECT_TRUE(followed.infos.back().terminal);
        EXPECT_FALSE(followed.answer().finished_well());
        EXPECT_EQ(followed.answer().usage.output, 7);
        expect_whole(events_of(text));
    }
    EXPECT_GE(cuts, 8);
}

TEST(StreamCut, AnOpenResponseSaysWhatItHas) {
    Bytes stream = responses_cases::kHead;
    std::string text = cut_at(Endpoint::kResponses, stream, 5);
    std::vector<Told> all = events_of(text);
    ASSERT_EQ(all.size(), 10u);
    expect_whole(all);
    EXPECT_EQ(all[6].type, "response.output_text.done");
    EXPECT_EQ(all[6].text("text"), "Hello ☔");
    EXPECT_EQ(all[7].type, "response.content_part.done");
    EXPECT_EQ(all[8].type, "response.output_item.done");
    json::NodeId item = all[8].doc.find(json::kRoot, "item");
    EXPECT_EQ(raw::text_of(all[8].doc, item, "status"), "incomplete");
    EXPECT_EQ(raw::text_of(all[8].doc, item, "id"), "msg_1");
}

TEST(StreamCut, AResponseThatIsTooLargeIsEndedAllTheSame) {
    auto reader = make_stream_reader(Endpoint::kResponses, 4);
    Bytes stream = responses_cases::kHead;
    sse::Parser parser(1 << 20);
    sse::Event event;
    std::string out;
    for (size_t i = 0; i < 6 && parser.next(stream, event); i++) {
        (void) reader->on_event(event);
        out += i < 5 ? std::string(event.raw) : "";
    }
    write_cut(*reader, event, {}, true, out);
    std::vector<Told> all = events_of(out);
    EXPECT_EQ(all.back().type, "response.incomplete");
    EXPECT_EQ(all.back().number("sequence_number"), 6);
}

TEST(StreamCut, WithoutAnEventOfItsOwn) {
    for (Endpoint endpoint : {Endpoint::kChat, Endpoint::kMessages,
                              Endpoint::kResponses}) {
        auto reader = make_stream_reader(endpoint, 1 << 20);
        std::string out;
        write_cut(*reader, {}, {}, true, out);
        EXPECT_TRUE(follow(endpoint, out).infos.back().terminal);
        out.clear();
        sse::Event broken;
        broken.data = "{";
        write_cut(*reader, broken, {}, true, out);
        EXPECT_TRUE(follow(endpoint, out).infos.back().terminal);
    }
}

}  // namespace
}  // namespace llm::api
