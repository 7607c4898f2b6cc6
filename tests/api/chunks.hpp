// For tests of chat and completions: streams put together from chunks,
// answers compared field by field.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "src/api/protocols.hpp"
#include "src/base/bytes.hpp"
#include "src/sse/writer.hpp"
#include "tests/api/replay.hpp"

namespace llm::api::chunks {

using replay::Followed;
using replay::follow;
using replay::value_of;

// The stream of these chunks with [DONE].
inline std::string stream_of(const std::vector<std::string>& chunks,
                             bool done = true) {
    std::string out;
    for (const std::string& chunk : chunks) {
        sse::append_event(out, "", chunk);  // a data line for each line
    }
    return done ? out + "data: [DONE]\n\n" : out;
}

// One chunk with one choice of index 0 and this delta.
inline std::string delta(const std::string& members,
                         const std::string& finish = "null") {
    return R"({"id":"c1","object":"chat.completion.chunk","created":5,)"
           R"("model":"m","choices":[{"index":0,"delta":{)" +
           members + R"(},"finish_reason":)" + finish + "}]}";
}

inline void dump(const Extras& extras, std::string& out) {
    std::vector<std::string> lines;
    for (const Extra& extra : extras) {
        lines.push_back("  ~" + extra.key + "=" + value_of(extra.raw) + "\n");
    }
    std::sort(lines.begin(), lines.end());
    for (const std::string& line : lines) {
        out += line;
    }
}

inline void dump(const Block& block, std::string& out) {
    const char* const kinds[] = {"text", "refusal", "reasoning", "tool",
                                 "other"};
    out += std::string(" [") + kinds[static_cast<int>(block.kind)] + "] type=" +
           block.type + " index=" + std::to_string(block.index) +
           " id=" + block.id + " name=" + block.name + " text=" + block.text +
           " signature=" + block.signature + " raw=" + block.raw + "\n";
    dump(block.extra, out);
}

// Everything an answer holds, one line a thing.
inline std::string dump(const Answer& answer) {
    std::string out = "id=" + answer.id + " model=" + answer.model +
                      " object=" + answer.object +
                      " created=" + std::to_string(answer.created) +
                      " fingerprint=" + answer.fingerprint +
                      " complete=" + std::to_string(answer.complete) +
                      " error=" + std::to_string(answer.error.has_value()) +
                      "\n";
    dump(answer.extra, out);
    out += "usage=" +
           (answer.usage_raw.empty() ? "" : value_of(answer.usage_raw)) + "\n";
    for (const Choice& choice : answer.choices) {
        out += "choice " + std::to_string(choice.index) +
               " role=" + choice.role + " finish=" + choice.finish_reason +
               " null=" + std::to_string(choice.content_null) + " logprobs=" +
               (choice.logprobs.empty() ? "" : value_of(choice.logprobs)) +
               "\n";
        dump(choice.extra, out);
        out += " message\n";
        dump(choice.message_extra, out);
        for (const Block& block : choice.blocks) {
            dump(block, out);
        }
    }
    for (const std::string& element : answer.embeddings) {
        out += "embedding " + value_of(element) + "\n";
    }
    return out;
}

inline std::string json_of(const Answer& answer) {
    return replay::json_of(answer);
}

inline std::string sse_of(const Answer& answer, bool usage = true) {
    std::string out;
    write_sse(answer, {usage}, out);
    return out;
}

// A body survives both forms: itself again, and through a stream.
inline void expect_body_survives(Endpoint endpoint, Bytes body) {
    auto answer = read_json(endpoint, body);
    ASSERT_TRUE(answer.ok()) << answer.error().message << "\n" << body;
    EXPECT_TRUE(answer->complete);
    EXPECT_EQ(value_of(json_of(*answer)), value_of(body));
    const std::string stream = sse_of(*answer);
    Followed back = follow(endpoint, stream);
    EXPECT_TRUE(back.answer().complete) << stream;
    EXPECT_EQ(dump(back.answer()), dump(*answer)) << stream;
    EXPECT_EQ(value_of(json_of(back.answer())), value_of(body)) << stream;
}

// A stream survives both forms, and its split does not matter.
inline void expect_stream_survives(Endpoint endpoint, Bytes stream) {
    const Followed first = follow(endpoint, stream);
    const Answer& answer = first.reader->answer();
    const std::string expected = dump(answer);
    EXPECT_TRUE(answer.complete) << stream;
    const size_t step = stream.size() / 400 + 1;
    for (size_t split = 0; split < stream.size(); split += step) {
        ASSERT_EQ(dump(follow(endpoint, stream, split).answer()), expected)
            << "split at " << split;
    }
    Answer spoken = answer;  // a replay names the role that was left out
    for (Choice& choice : spoken.choices) {
        if (choice.role.empty() && endpoint == Endpoint::kChat) {
            choice.role = "assistant";
        }
    }
    Followed again = follow(endpoint, sse_of(answer));
    EXPECT_EQ(dump(again.answer()), dump(spoken)) << sse_of(answer);
    EXPECT_EQ(sse_of(again.answer()), sse_of(answer));
    auto body = read_json(endpoint, json_of(answer));
    ASSERT_TRUE(body.ok()) << json_of(answer);
    EXPECT_EQ(dump(*body), expected) << json_of(answer);
}

}  // namespace llm::api::chunks
