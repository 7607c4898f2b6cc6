#include "src/sse/parser.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace llm::sse {
namespace {

// An Event that owns its bytes.
struct Seen {
    std::string type, data, id, raw;
    bool has_data = false;

    bool operator==(const Seen&) const = default;
};

void PrintTo(const Seen& seen, std::ostream* out) {
    *out << "type=" << testing::PrintToString(seen.type)
         << " data=" << testing::PrintToString(seen.data)
         << " id=" << testing::PrintToString(seen.id)
         << " raw=" << testing::PrintToString(seen.raw)
         << " has_data=" << seen.has_data;
}

Seen own(const Event& event) {
    return {std::string(event.type), std::string(event.data),
            std::string(event.id), std::string(event.raw), event.has_data};
}

struct Outcome {
    std::vector<Seen> events;
    bool failed = false;
    bool operator==(const Outcome&) const = default;
};

Outcome run(const std::vector<Bytes>& chunks, size_t max_event = 1 << 20) {
    Parser parser(max_event);
    Outcome result;
    auto keep = [&](const Event& event) {
        result.events.push_back(own(event));
    };
    for (Bytes chunk : chunks) {
        // A copy of exactly the chunk's size, so that a sanitizer sees a
        // view that outlives it or a read past its end.
        const std::vector<char> copy(chunk.begin(), chunk.end());
        if (!parser.feed({copy.data(), copy.size()}, keep)) {
            result.failed = true;
        }
    }
    if (!parser.finish(keep)) {
        result.failed = true;
    }
    EXPECT_EQ(parser.pending(), 0u);
    return result;
}

// Whole, in single bytes, and at every pair of split positions.
Outcome run_all_splits(Bytes text, size_t max_event = 1 << 20) {
    const Outcome whole = run({text}, max_event);
    std::vector<Bytes> bytes;
    for (size_t i = 0; i < text.size(); ++i) {
        bytes.push_back(text.substr(i, 1));
    }
    EXPECT_EQ(run(bytes, max_event), whole);
    for (size_t i = 0; i <= text.size(); ++i) {
        const size_t step = text.size() > 200 ? 37 : 1;
        for (size_t j = i; j <= text.size(); j += step) {
            const Outcome split = run({text.substr(0, i), text.substr(i, j - i),
                                   text.substr(j)},
                                  max_event);
            EXPECT_EQ(split, whole) << "split at " << i << " and " << j;
            if (split != whole) {
                return whole;
            }
        }
    }
    return whole;
}

std::vector<std::string> data_of(const Outcome& result) {
    std::vector<std::string> data;
    for (const Seen& seen : result.events) {
        if (seen.has_data) {
            data.push_back(seen.data);
        }
    }
    return data;
}

using Strings = std::vector<std::string>;

TEST(SseParser, OneEvent) {
    const Outcome got =
        run_all_splits("event: ping\nid: 7\ndata: {\"a\":1}\n\n");
    ASSERT_EQ(got.events.size(), 1u);
    EXPECT_EQ(got.events[0],
              (Seen{"ping", "{\"a\":1}", "7",
                    "event: ping\nid: 7\ndata: {\"a\":1}\n\n", true}));
}

TEST(SseParser, LineEnds) {
    const Strings expected{"one", "two", "three"};
    for (const char* end : {"\n", "\r\n", "\r"}) {
        std::string text;
        for (const auto& data : expected) {
            text += "event: x";
            text += end;
            text += "data: " + data;
            text += end;
            text += end;
        }
        const Outcome got = run_all_splits(text);
        EXPECT_EQ(data_of(got), expected);
        std::string raw;
        for (const Seen& seen : got.events) {
            EXPECT_EQ(seen.type, "x");
            raw += seen.raw;
        }
        EXPECT_EQ(raw, text);
    }
}

TEST(SseParser, MixedLineEnds) {
    const Outcome got =
        run_all_splits("data: a\r\n\ndata: b\n\r\ndata: c\r\r\ndata: d\n\r"
                       "data: e\r\n\r");
    EXPECT_EQ(data_of(got), (Strings{"a", "b", "c", "d", "e"}));
    std::string raw;
    for (const Seen& seen : got.events) {
        raw += seen.raw;
    }
    EXPECT_EQ(raw, "data: a\r\n\ndata: b\n\r\ndata: c\r\r\ndata: d\n\r"
                   "data: e\r\n\r");
}

TEST(SseParser, BareCrIsGivenOutAtOnce) {
    Parser parser(100);
    std::string data;
    auto keep = [&](const Event& event) { data = event.data; };
    ASSERT_TRUE(parser.feed("data: x\r\r", keep).ok());
    EXPECT_EQ(data, "x");
    EXPECT_EQ(parser.pending(), 0u);
}

TEST(SseParser, SpaceAfterColonIsOptionalAndOnlyOneIsTaken) {
    EXPECT_EQ(data_of(run_all_splits("data:a\n\ndata:  b \n\n")),
              (Strings{"a", " b "}));
}

TEST(SseParser, DataLinesJoin) {
    EXPECT_EQ(data_of(run_all_splits("data: a\ndata\ndata: b\ndata:\n\n")),
              (Strings{"a\n\nb\n"}));
}

TEST(SseParser, EmptyDataIsData) {
    const Outcome got = run_all_splits("data:\n\nevent: x\n\n");
    ASSERT_EQ(got.events.size(), 2u);
    EXPECT_TRUE(got.events[0].has_data);
    EXPECT_EQ(got.events[0].data, "");
    EXPECT_FALSE(got.events[1].has_data);
}

TEST(SseParser, CommentsAndBlankLinesAreBlocksOfTheirOwn) {
    const Outcome got =
        run_all_splits(": OPENROUTER PROCESSING\n\n\n:x\ndata: 1\n\n");
    ASSERT_EQ(got.events.size(), 3u);
    EXPECT_EQ(got.events[0].raw, ": OPENROUTER PROCESSING\n\n");
    EXPECT_FALSE(got.events[0].has_data);
    EXPECT_EQ(got.events[1].raw, "\n");
    EXPECT_EQ(got.events[2].raw, ":x\ndata: 1\n\n");
    EXPECT_EQ(got.events[2].data, "1");
}

TEST(SseParser, ByteOrderMark) {
    const Outcome got = run_all_splits("\xEF\xBB\xBF" "data: 1\n\n"
                                   "\xEF\xBB\xBF" "data: 2\n\n");
    EXPECT_EQ(data_of(got), (Strings{"1"}));
    ASSERT_EQ(got.events.size(), 2u);
    EXPECT_EQ(got.events[0].raw, "\xEF\xBB\xBF" "data: 1\n\n");
}

TEST(SseParser, HalfAByteOrderMarkIsPartOfTheLine) {
    EXPECT_EQ(data_of(run_all_splits("\xEF\xBB" "data: 1\n\ndata: 2\n\n")),
              (Strings{"2"}));
    EXPECT_EQ(data_of(run_all_splits("\xEF\ndata: 2\n\n")), (Strings{"2"}));
}

TEST(SseParser, UnknownFieldsAndPrefixesAreIgnored) {
    const Outcome got = run_all_splits(
        "retry: 3000\ndatax: no\nDATA: no\n data: no\nid: a\nid: b\n"
        "event: one\nevent: two\ndata: yes\n\n");
    ASSERT_EQ(got.events.size(), 1u);
    EXPECT_EQ(got.events[0].data, "yes");
    EXPECT_EQ(got.events[0].id, "b");
    EXPECT_EQ(got.events[0].type, "two");
}

TEST(SseParser, IdWithNulIsIgnored) {
    const Outcome got = run_all_splits(Bytes("id: a\0b\ndata: 1\n\n", 17));
    ASSERT_EQ(got.events.size(), 1u);
    EXPECT_EQ(got.events[0].id, "");
}

TEST(SseParser, FinishDeliversAnEventThatEndsInADataLine) {
    EXPECT_EQ(data_of(run_all_splits("event: x\ndata: 1")), (Strings{"1"}));
    EXPECT_EQ(data_of(run_all_splits("event: x\ndata: 1\n")), (Strings{"1"}));
    EXPECT_EQ(data_of(run_all_splits("event: x\r\ndata: 1\r")),
              (Strings{"1"}));
    EXPECT_EQ(data_of(run_all_splits("data: 1\n\r")), (Strings{"1"}));
}

TEST(SseParser, FinishDiscardsAnythingElse) {
    EXPECT_TRUE(run_all_splits("event: x\n").events.empty());
    EXPECT_TRUE(run_all_splits("data: 1\nid: 4").events.empty());
    EXPECT_TRUE(run_all_splits("dat").events.empty());
    EXPECT_TRUE(run_all_splits(": comment").events.empty());
    EXPECT_TRUE(run_all_splits("").events.empty());
}

TEST(SseParser, BoundHoldsHoweverTheBytesCome) {
    // 16 bytes fit, 17 do not, whatever the split.
    const std::string fits = "data: 12345678\n\n";
    const std::string over = "data: 123456789\n\n";
    EXPECT_FALSE(run_all_splits(fits + fits, 16).failed);
    EXPECT_EQ(run_all_splits(fits + fits, 16).events.size(), 2u);
    const Outcome got = run_all_splits(fits + over + fits, 16);
    EXPECT_TRUE(got.failed);
    EXPECT_EQ(got.events.size(), 1u);
}

TEST(SseParser, AfterAnErrorNothingIsTaken) {
    Parser parser(8);
    int events = 0;
    auto count = [&](const Event&) { ++events; };
    const auto result = parser.feed("data: 123456789", count);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, Errc::kTooLarge);
    EXPECT_EQ(parser.pending(), 0u);
    EXPECT_FALSE(parser.feed("a\n\n", count).ok());
    EXPECT_EQ(events, 0);
}

TEST(SseParser, PendingCountsTheUnfinishedEvent) {
    Parser parser(100);
    int events = 0;
    auto count = [&](const Event&) { ++events; };
    ASSERT_TRUE(parser.feed("data: 1\n\ndata: 2", count).ok());
    EXPECT_EQ(parser.pending(), 7u);
    EXPECT_EQ(parser.pending_bytes(), "data: 2");
    ASSERT_TRUE(parser.feed("\n\n", count).ok());
    EXPECT_EQ(parser.pending(), 0u);
    EXPECT_EQ(events, 2);
}

TEST(SseParser, WholeEventsAreNotCopied) {
    const std::string chunk = "data: 1\n\nevent: x\r\ndata: 2\r\n\r\n";
    Parser parser(100);
    int inside = 0;
    ASSERT_TRUE(parser.feed(chunk, [&](const Event& event) {
        inside += event.raw.data() >= chunk.data() &&
                  event.data.data() >= chunk.data() &&
                  event.raw.data() + event.raw.size() <=
                      chunk.data() + chunk.size();
    }).ok());
    EXPECT_EQ(inside, 2);
}

// Quadratic work over 1 MB would take minutes, not a second.
TEST(SseParser, LinearInSingleBytesAndInShortLines) {
    const auto begin = std::chrono::steady_clock::now();
    std::string big = "data: " + std::string(1 << 20, 'x') + "\n\n";
    Parser parser(2 << 20);
    size_t size = 0;
    auto keep = [&](const Event& event) { size = event.data.size(); };
    for (char& c : big) {
        ASSERT_TRUE(parser.feed({&c, 1}, keep).ok());
    }
    EXPECT_EQ(size, size_t{1} << 20);

    int blocks = 0;
    Parser short_lines(1 << 20);
    ASSERT_TRUE(short_lines.feed(std::string(1 << 20, '\r'),
                                 [&](const Event&) { ++blocks; }).ok());
    EXPECT_GT(blocks, 1 << 19);
    std::string many;
    for (int i = 0; i < 200000; ++i) {
        many += "data\r";
    }
    Parser data_lines(2 << 20);
    ASSERT_TRUE(data_lines.feed(many + "\r", keep).ok());
    EXPECT_EQ(size, 199999u);
    const std::chrono::duration<double> took =
        std::chrono::steady_clock::now() - begin;
    EXPECT_LT(took.count(), 4.0);
}

}  // namespace
}  // namespace llm::sse
