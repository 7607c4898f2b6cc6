#include "src/sse/editor.hpp"

#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace llm::sse {
namespace {

using Handler = std::function<void(const Event&, Edit&)>;

const Handler kKeepAll = [](const Event&, Edit&) {};

std::string joined(const Editor& editor) {
    std::string out;
    for (Bytes piece : editor.pieces()) {
        EXPECT_FALSE(piece.empty());
        out += piece;
    }
    return out;
}

struct Outcome {
    std::string out;
    bool ok = true;
    bool operator==(const Outcome&) const = default;
};

Outcome run(Editor::Mode mode, const std::vector<Bytes>& chunks,
            const Handler& handler, size_t max_event = 1 << 20) {
    Editor editor(mode, max_event);
    Outcome outcome;
    for (Bytes chunk : chunks) {
        const std::vector<char> copy(chunk.begin(), chunk.end());
        outcome.ok &= editor.feed({copy.data(), copy.size()}, handler).ok();
        outcome.out += joined(editor);
    }
    outcome.ok &= editor.flush(handler).ok();
    outcome.out += joined(editor);
    return outcome;
}

// The same output whatever the split.
Outcome run_all_splits(Editor::Mode mode, Bytes text, const Handler& handler,
                       size_t max_event = 1 << 20) {
    const Outcome whole = run(mode, {text}, handler, max_event);
    std::vector<Bytes> bytes;
    for (size_t i = 0; i < text.size(); ++i) {
        bytes.push_back(text.substr(i, 1));
    }
    EXPECT_EQ(run(mode, bytes, handler, max_event), whole);
    for (size_t i = 0; i <= text.size(); ++i) {
        EXPECT_EQ(run(mode, {text.substr(0, i), text.substr(i)}, handler,
                      max_event),
                  whole)
            << "split at " << i;
    }
    return whole;
}

bool operator==(const Outcome& outcome, const std::string& out) {
    return outcome.ok && outcome.out == out;
}

constexpr Bytes kOdd =
    "\xEF\xBB\xBF: hello\n\n\n\ndata:a\r\n\r\nevent:x\rdata: b  \r\r"
    "id: 5\ndata: c\ndata: d\n\nretry: 1\n\ndata: tail\n";

TEST(SseEditor, KeptBytesAreUntouched) {
    for (auto mode : {Editor::Mode::kEdit, Editor::Mode::kWatch}) {
        EXPECT_EQ(run_all_splits(mode, kOdd, kKeepAll), std::string(kOdd));
    }
}

TEST(SseEditor, WhatIsNoEventPassesAtTheEnd) {
    for (Bytes text : {Bytes("data: a\n\ndata: b\nid"), Bytes("junk"),
                       Bytes(": c\n"), Bytes("data: a\r\n\r")}) {
        EXPECT_EQ(run_all_splits(Editor::Mode::kEdit, text, kKeepAll),
                  std::string(text));
    }
}

TEST(SseEditor, Drop) {
    const Handler handler = [](const Event& event, Edit& edit) {
        if (event.data == "b") {
            edit.drop();
        }
    };
    EXPECT_EQ(run_all_splits(Editor::Mode::kEdit,
                             "data: a\n\n:x\ndata: b\r\n\r\ndata: c\n\n",
                             handler),
              std::string("data: a\n\ndata: c\n\n"));
}

TEST(SseEditor, ReplaceAndInsert) {
    const Handler handler = [](const Event& event, Edit& edit) {
        const std::string local = "data: " + std::string(event.data);
        if (event.data == "b") {
            edit.replace(local + "!\n\n");
        } else if (event.data == "c") {
            edit.before(local + "-1\n\n");
            edit.after(local + "+1\n\n");
            edit.after(local + "+2\n\n");
        }
    };
    EXPECT_EQ(run_all_splits(Editor::Mode::kEdit,
                             "data: a\n\ndata: b\n\ndata:c\n\n", handler),
              std::string("data: a\n\ndata: b!\n\ndata: c-1\n\ndata:c\n\n"
                          "data: c+1\n\ndata: c+2\n\n"));
}

TEST(SseEditor, CutEndsTheStream) {
    int seen = 0;
    const Handler handler = [&](const Event& event, Edit& edit) {
        ++seen;
        if (event.data == "b") {
            edit.before("data: last words\n\n");
            edit.cut("data: [DONE]\n\n");
        }
    };
    EXPECT_EQ(run_all_splits(Editor::Mode::kEdit,
                             "data: a\n\ndata: b\n\ndata: c\n\ndata: d",
                             handler),
              std::string("data: a\n\ndata: last words\n\ndata: [DONE]\n\n"));

    Editor editor(Editor::Mode::kEdit, 100);
    seen = 0;
    ASSERT_TRUE(editor.feed("data: b\n\ndata: c\n\n", handler).ok());
    EXPECT_TRUE(editor.was_cut());
    EXPECT_EQ(seen, 1);
    ASSERT_TRUE(editor.feed("data: e\n\n", handler).ok());
    EXPECT_TRUE(editor.pieces().empty());
    ASSERT_TRUE(editor.flush(handler).ok());
    EXPECT_TRUE(editor.pieces().empty());
    EXPECT_EQ(seen, 1);
}

TEST(SseEditor, EventsAreHeldBackUntilComplete) {
    Editor editor(Editor::Mode::kEdit, 100);
    ASSERT_TRUE(editor.feed("data: a\n\ndata: b", kKeepAll).ok());
    EXPECT_EQ(joined(editor), "data: a\n\n");
    EXPECT_EQ(editor.held(), 7u);
    ASSERT_TRUE(editor.feed("\n\n", kKeepAll).ok());
    EXPECT_EQ(joined(editor), "data: b\n\n");
    EXPECT_EQ(editor.held(), 0u);
}

TEST(SseEditor, WatchHoldsNothingBackAndEditsNothing) {
    Editor editor(Editor::Mode::kWatch, 100);
    std::vector<std::string> data;
    const Handler handler = [&](const Event& event, Edit& edit) {
        data.emplace_back(event.data);
        edit.cut("no");
        edit.before("no");
    };
    const std::string chunk = "data: a\n\ndata: b";
    ASSERT_TRUE(editor.feed(chunk, handler).ok());
    ASSERT_EQ(editor.pieces().size(), 1u);
    EXPECT_EQ(editor.pieces()[0].data(), chunk.data());
    EXPECT_EQ(editor.pieces()[0].size(), chunk.size());
    EXPECT_EQ(editor.held(), 0u);
    ASSERT_TRUE(editor.feed("\n\n", handler).ok());
    EXPECT_EQ(joined(editor), "\n\n");
    EXPECT_EQ(data, (std::vector<std::string>{"a", "b"}));
}

TEST(SseEditor, KeptEventsOfOneChunkAreOnePieceOfIt) {
    Editor editor(Editor::Mode::kEdit, 100);
    const std::string chunk = "data: a\n\ndata: b\n\n: c\n\n";
    ASSERT_TRUE(editor.feed(chunk, kKeepAll).ok());
    ASSERT_EQ(editor.pieces().size(), 1u);
    EXPECT_EQ(editor.pieces()[0].data(), chunk.data());
    EXPECT_EQ(editor.pieces()[0].size(), chunk.size());
}

TEST(SseEditor, TooLargeKillsAnEditedStream) {
    Editor editor(Editor::Mode::kEdit, 16);
    const auto result =
        editor.feed("data: a\n\ndata: 12345678901234\n\n", kKeepAll);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, Errc::kTooLarge);
    EXPECT_EQ(joined(editor), "data: a\n\n");
    EXPECT_FALSE(editor.feed("data: b\n\n", kKeepAll).ok());
    EXPECT_TRUE(editor.pieces().empty());
    EXPECT_FALSE(editor.flush(kKeepAll).ok());
    EXPECT_TRUE(editor.pieces().empty());
}

TEST(SseEditor, TooLargeOnlyBlindsAWatchedStream) {
    const std::string text = "data: a\n\ndata: 12345678901234\n\ndata: b\n\n";
    int seen = 0;
    const Handler count = [&](const Event&, Edit&) { ++seen; };
    Editor editor(Editor::Mode::kWatch, 16);
    ASSERT_TRUE(editor.feed(text, count).ok());
    EXPECT_EQ(joined(editor), text);
    EXPECT_TRUE(editor.blind());
    EXPECT_EQ(seen, 1);
    EXPECT_EQ(run_all_splits(Editor::Mode::kWatch, text, kKeepAll, 16), text);
}

TEST(SseEditor, FlushJudgesAnEventWithoutItsBlankLine) {
    const Handler handler = [](const Event& event, Edit& edit) {
        if (event.data == "b") {
            edit.replace("data: B\n\n");
        }
    };
    EXPECT_EQ(run_all_splits(Editor::Mode::kEdit, "data: a\n\ndata: b",
                             handler),
              std::string("data: a\n\ndata: B\n\n"));
}

}  // namespace
}  // namespace llm::sse
